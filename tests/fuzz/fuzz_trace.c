/* tests/fuzz/fuzz_trace.c -- libFuzzer: any bytes as the text of a trace. What is read must be
 * valid and come back from its own text; what is refused must be said in one line. */
#include "tests/conformance/model/trace.h"

#include <string.h>

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct model_head *head, const struct model_list *list)
{
    struct model_head head_again;
    struct model_list again;
    char *text = pab_model_trace_write(head, list);
    PAB_CHECK(text != NULL);
    PAB_CHECK(pab_model_trace_read(text, &head_again, &again, NULL) == PAB_OK);
    PAB_CHECK(again.count == list->count);
    for (size_t i = 0; i < list->count; i++) {
        PAB_CHECK(pab_model_op_is_valid(&list->ops[i]));
        PAB_CHECK(memcmp(&list->ops[i], &again.ops[i], sizeof(again.ops[i])) == 0);
    }
    free(again.ops);
    free(text);
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model_head head;
    struct model_list list;
    struct pab_error err = {0};
    char *text = malloc(size + 1);
    PAB_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (pab_model_trace_read(text, &head, &list, &err) == PAB_OK) {
        expect_same(&head, &list);
        free(list.ops);
    } else {
        PAB_CHECK(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    }
    free(text);
    return 0;
}
