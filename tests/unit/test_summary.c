/* Summary and suite of the golden documents, whose figures were worked out by hand. */
#include "harness/document.h"
#include "harness/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_same_value(const char *key, const json_t *got, const json_t *wanted)
{
    if (json_is_number(got) && json_is_number(wanted)) {
        double x = json_number_value(got);
        double y = json_number_value(wanted);
        if (!(fabs(x - y) <= 1e-9 * (1 + fabs(y)))) {
            fail_msg("%s: got %.17g, wanted %.17g", key, x, y);
        }
    } else if (!json_equal(got, wanted)) {
        fail_msg("%s: one of them is null or another text", key);
    }
}

static const json_t *find_row(const json_t *rows, const json_t *wanted)
{
    static const char *const keys[] = {"workload", "backend", "metric"};
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        bool same = true;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            const json_t *value = json_object_get(wanted, keys[i]);
            same = same && (value == NULL || json_equal(json_object_get(row, keys[i]), value));
        }
        if (same) {
            return row;
        }
    }
    return NULL;
}

static void expect_same_rows(const json_t *got, const json_t *wanted)
{
    assert_true(json_array_size(wanted) > 0);
    assert_true(json_array_size(got) >= json_array_size(wanted)); /* some list time alone */
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(wanted, index, row)
    {
        const json_t *mine = find_row(got, row);
        assert_non_null(mine);
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach(row, key, value)
        {
            expect_same_value(key, json_object_get(mine, key), value);
        }
    }
}

static void check_document(const char *name)
{
    char path[512];
    json_t *document = NULL;
    struct pab_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", PAB_GOLDEN_DIR, name);
    if (pab_document_read(path, &document, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    const json_t *run = json_object_get(document, "pyallocbench");
    struct pab_reading *reading = NULL;
    if (pab_reading_of_run(run, &reading, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    json_t *summary = json_array();
    json_t *suite = json_array();
    pab_summary_add(reading, summary, suite);
    pab_reading_close(reading);
    expect_same_rows(summary, json_object_get(run, "summary"));
    expect_same_rows(suite, json_object_get(run, "suite"));
    json_decref(summary);
    json_decref(suite);
    json_decref(document);
}

static void mixed(void **state)
{
    (void)state;
    check_document("mixed.json");
}

static void one_round(void **state)
{
    (void)state;
    check_document("one_round.json");
}

static void rounds(void **state)
{
    (void)state;
    check_document("rounds.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixed),
        cmocka_unit_test(one_round),
        cmocka_unit_test(rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
