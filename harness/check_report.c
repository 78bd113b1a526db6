#include "harness/check_report.h"

#include "harness/text.h"

#include <string.h>

enum { TEXT = 22 }; /* column that reasons begin in */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static int count_of(const json_t *row, const char *key)
{
    return (int)json_integer_value(json_object_get(row, key));
}

static void report_backend(const json_t *row)
{
    const json_t *identity = json_object_get(row, "identity");
    if (json_is_object(identity)) {
        printf("%s: %s\n", text_of(row, "id"), text_of(identity, "version"));
    } else {
        printf("%s: %s: %s\n", text_of(row, "id"), text_of(row, "status"), text_of(row, "reason"));
    }
}

/* The verdict, then why, or what was compared; a reproducer as it is, to be pasted. */
static void report_check(const json_t *row)
{
    char head[64];
    const char *verdict = text_of(row, "verdict");
    const char *reason = text_of(row, "reason");
    const char *compared = text_of(row, "compared");
    const char *detail = text_of(row, "detail");
    snprintf(head, sizeof(head), "  %-9s %-9s", text_of(row, "check"),
             strcmp(verdict, "pass") == 0        ? "PASS"
             : strcmp(verdict, "fail") == 0      ? "FAIL"
             : strcmp(verdict, "deviation") == 0 ? "DEVIATION"
                                                 : "SKIP");
    pab_text_item(head, TEXT, reason[0] != '\0' ? reason : text_of(row, "summary"));
    if (compared[0] != '\0') {
        pab_text_item("", TEXT, compared);
    }
    while (*detail != '\0') {
        int length = (int)strcspn(detail, "\n");
        printf("%*s%.*s\n", TEXT + 2, "", length, detail);
        detail += length + (detail[length] == '\n');
    }
}

static void report_verdict(const json_t *row)
{
    printf("%s: %d passed, %d deviations, %d failed, %d skipped\n\n", text_of(row, "backend"),
           count_of(row, "passed"), count_of(row, "deviations"), count_of(row, "failed"),
           count_of(row, "skipped"));
}

void pab_check_report_row(const char *array, const json_t *row)
{
    if (strcmp(array, "backends") == 0) {
        report_backend(row);
    } else if (strcmp(array, "checks") == 0) {
        report_check(row);
    } else if (strcmp(array, "verdicts") == 0) {
        report_verdict(row);
    } /* failures show in the row of their backend */
    fflush(stdout);
}
