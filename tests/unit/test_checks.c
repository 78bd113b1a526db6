/* What `check` makes of words, ends and rows; and that every row of the catalogue is whole. */
#include "harness/check_rows.h"
#include "harness/check_select.h"
#include "harness/check_self.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* --- the catalogue -------------------------------------------------------------------------- */

static void rows_are_whole(void **state)
{
    (void)state;
    assert_true(pab_check_count() > 0);
    for (size_t i = 0; i < pab_check_count(); i++) {
        const struct pab_check *check = pab_check_at(i);
        assert_non_null(strchr(check->id, '-'));
        assert_true(strlen(check->id) <= 9); /* the column that it is shown in */
        assert_true(check->summary != NULL && check->summary[0] != '\0');
        assert_true(check->source != NULL && check->source[0] != '\0');
        assert_true((check->run == NULL) == (check->not_applicable != NULL));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(check->id, pab_check_at(j)->id);
        }
    }
}

static void ids_come_by_number(void **state)
{
    (void)state;
    char group[16];
    char last_group[16] = "";
    long last = 0;
    for (size_t i = 0; i < pab_check_count(); i++) {
        const char *id = pab_check_at(i)->id;
        pab_check_group_of(id, group, sizeof(group));
        long number = strtol(strchr(id, '-') + 1, NULL, 10);
        if (strcmp(group, last_group) == 0) {
            assert_true(number > last);
        }
        snprintf(last_group, sizeof(last_group), "%s", group);
        last = number;
    }
}

static bool has_same_group(size_t i, size_t j)
{
    char a[16];
    char b[16];
    pab_check_group_of(pab_check_at(i)->id, a, sizeof(a));
    pab_check_group_of(pab_check_at(j)->id, b, sizeof(b));
    return strcmp(a, b) == 0;
}

static void groups_stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < pab_check_count(); i++) {
        bool begins_one = !has_same_group(i, i - 1);
        for (size_t j = 0; begins_one && j < i; j++) {
            assert_false(has_same_group(i, j));
        }
    }
}

/* --- --only --------------------------------------------------------------------------------- */

static struct pab_check_selection selection;
static struct pab_error err;

static void expect_chosen(const char *only, const char *first, size_t count)
{
    assert_int_equal(pab_check_select(only, false, &selection, &err), PAB_OK);
    assert_int_equal(selection.count, count);
    assert_string_equal(selection.chosen[0]->id, first);
}

static void words_choose(void **state)
{
    (void)state;
    expect_chosen("PYM-01", "PYM-01", 1);
    expect_chosen("pym-01", "PYM-01", 1);
    expect_chosen("DIFF-00[1-3]", "DIFF-001", 3);
    expect_chosen("diff-002, PYM-01 ", "PYM-01", 2); /* the catalogue's order, not the words' */
}

static void expect_refused(const char *only, const char *says)
{
    assert_int_equal(pab_check_select(only, false, &selection, &err), PAB_USAGE);
    if (strstr(err.text, says) == NULL) {
        fail_msg("'%s' does not say %s", err.text, says);
    }
}

static void words_that_match_nothing(void **state)
{
    (void)state;
    expect_refused("DIF-001", "'DIFF-001'");
    expect_refused("diff-1", "did you mean 'DIFF-001'?");
    expect_refused("diff", "'DIFF-*'");
    expect_refused("DIFF-077", "'DIFF-*', 'DIFF-00");
    expect_refused("PYM-01,qqqqqqqq", "'qqqqqqqq'; `pyallocbench list checks`");
    expect_refused("", "empty");
    expect_refused(" , ", "empty");
}

static void what_takes_long_is_left_out(void **state)
{
    (void)state;
    const struct pab_check *slow = NULL;
    for (size_t i = 0; i < pab_check_count(); i++) {
        slow = (pab_check_at(i)->flags & PAB_CHECK_LONG) != 0 ? pab_check_at(i) : slow;
    }
    if (slow == NULL) {
        skip();
        return;
    }
    char glob[32];
    snprintf(glob, sizeof(glob), "%s*", slow->id);
    assert_int_equal(pab_check_select(slow->id, false, &selection, &err), PAB_OK);
    assert_false(selection.is_left_out[0]);
    assert_int_equal(pab_check_select(glob, false, &selection, &err), PAB_OK);
    assert_true(selection.is_left_out[0]);
    assert_int_equal(pab_check_select(glob, true, &selection, &err), PAB_OK);
    assert_false(selection.is_left_out[0]);
}

static void what_nobody_can_run(void **state)
{
    (void)state;
    size_t absent = 0;
    for (size_t i = 0; i < pab_check_count(); i++) {
        if (pab_check_at(i)->not_applicable != NULL) {
            absent++;
            expect_refused(pab_check_at(i)->id, "cannot be run here");
        }
    }
    assert_int_equal(pab_check_select(NULL, true, &selection, &err), PAB_OK);
    assert_int_equal(selection.not_applicable, absent);
    assert_int_equal(selection.count + absent, pab_check_count());
}

/* --- ends ----------------------------------------------------------------------------------- */

static void ends_are_told_apart(void **state)
{
    (void)state;
    static struct pab_outcome outcome;
    static const struct {
        bool ok, is_known;
        enum pab_verdict verdict;
        const char *kind;
        int signal;
        enum pab_self_end end;
    } ends[] = {
        {true, true, PAB_PASS, "", 0, PAB_SELF_PASS},
        {true, true, PAB_FAIL, "", 0, PAB_SELF_FAIL},
        {true, false, PAB_SKIP, "", 0, PAB_SELF_FAIL},
        {true, false, PAB_DEVIATION, "", 0, PAB_SELF_FAIL},
        {false, true, PAB_PASS, "crashed", 11, PAB_SELF_CRASH},
        {false, false, PAB_PASS, "crashed", 0, PAB_SELF_CRASH}, /* an exit status is no crash */
        {false, true, PAB_PASS, "timeout", 9, PAB_SELF_HANG},
        {false, true, PAB_PASS, "silent", 0, PAB_SELF_SILENT},
        {false, false, PAB_PASS, "internal", 0, PAB_SELF_CRASH},
    };
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        enum pab_self_end end = PAB_SELF_PASS;
        memset(&outcome, 0, sizeof(outcome));
        outcome.ok = ends[i].ok;
        outcome.verdict.verdict = ends[i].verdict;
        outcome.signal = ends[i].signal;
        snprintf(outcome.kind, sizeof(outcome.kind), "%s", ends[i].kind);
        assert_int_equal(pab_self_read(&outcome, &end), ends[i].is_known);
        if (ends[i].is_known) {
            assert_int_equal(end, ends[i].end);
        }
    }
}

/* --- rows ----------------------------------------------------------------------------------- */

static const struct pab_check hardening = {.id = "HRD-99",
                                           .summary = "s",
                                           .source = "t",
                                           .class = PAB_CLASS_HARDENING,
                                           .severity = PAB_SEVERITY_QUALITY};
static const struct pab_check required = {.id = "MAL-99",
                                          .summary = "s",
                                          .source = "t",
                                          .class = PAB_CLASS_REQUIRED,
                                          .severity = PAB_SEVERITY_ERRNO};

static json_t *row_of(const struct pab_check *check, const struct pab_outcome *outcome)
{
    static struct pab_check_task task;
    static struct pab_spec spec = {.id = "library:./it's.so"};
    struct pab_check_asked asked = {.seed = 7, .ops = 9};
    spec.backend = pab_backend_find("library");
    task.spec = &spec;
    task.timeout_ms = 2500;
    task.outcome = *outcome;
    return pab_check_row(check, &task, "", &asked);
}

static void expect_row(const struct pab_check *check, const struct pab_outcome *outcome,
                       const char *verdict, const char *reason)
{
    json_t *row = row_of(check, outcome);
    assert_non_null(row);
    assert_string_equal(pab_json_text(row, "verdict"), verdict);
    assert_string_equal(pab_json_text(row, "reason"), reason);
    json_decref(row);
}

static void workers_ends_become_rows(void **state)
{
    (void)state;
    struct pab_outcome died = {.kind = "crashed", .signal = 11, .stage = "checking"};
    struct pab_outcome shot = {.kind = "crashed", .signal = 9, .stage = "checking"};
    struct pab_outcome loud = {
        .kind = "crashed", .signal = 6, .stage = "loading", .said = "free(): invalid"};
    struct pab_outcome hung = {.kind = "timeout", .signal = 9, .stage = "checking"};
    struct pab_outcome silent = {.kind = "silent", .stage = "checking"};
    struct pab_outcome exited = {.kind = "crashed", .exit_code = 3, .stage = "checking"};
    struct pab_outcome refused = {.kind = "identity", .message = "not the one it was"};
    struct pab_outcome mute = {.ok = true, .verdict = {.verdict = PAB_FAIL}};
    expect_row(&required, &died, "fail", "died of SIGSEGV");
    expect_row(&hardening, &died, "info", "died of SIGSEGV");
    expect_row(&required, &shot, "fail", "died of SIGKILL, as when memory runs out");
    expect_row(&required, &loud, "fail",
               "died of SIGABRT, while loading; it said: free(): invalid");
    expect_row(&required, &hung, "fail", "hung: no verdict within 2.5 s (--timeout)");
    expect_row(&required, &silent, "fail", "ended without a verdict");
    expect_row(&required, &exited, "fail", "ended without a verdict, with exit status 3");
    expect_row(&required, &refused, "fail", "not the one it was");
    expect_row(&required, &mute, "fail", "it did not say why");
}

static void failures_can_be_seen_again(void **state)
{
    (void)state;
    struct pab_outcome found = {.ok = true, .verdict = {.verdict = PAB_DEVIATION}};
    json_t *row = row_of(&required, &found);
    assert_string_equal(pab_json_text(row, "again"),
                        "pyallocbench check -b 'library:./it'\\''s.so' --only MAL-99 --seed 7 "
                        "--ops 9");
    json_decref(row);
    found.verdict.verdict = PAB_PASS;
    row = row_of(&required, &found);
    assert_true(json_is_null(json_object_get(row, "again")));
    json_decref(row);
}

static json_t *finding_of(const char *check, const char *version, const char *reason, bool strict)
{
    static struct pab_check_task task;
    static struct pab_spec spec = {.id = "mimalloc"};
    struct pab_check failing = required;
    struct pab_check_asked asked = {.is_strict = strict};
    failing.id = check;
    spec.backend = pab_backend_find("mimalloc");
    task.spec = &spec;
    task.outcome = (struct pab_outcome){.ok = true, .verdict = {.verdict = PAB_FAIL}};
    snprintf(task.outcome.verdict.reason, sizeof(task.outcome.verdict.reason), "%s", reason);
    json_t *row = pab_check_row(&failing, &task, version, &asked);
    json_t *finding = json_incref(json_object_get(row, "finding"));
    assert_string_equal(pab_json_text(row, "verdict"), "fail");
    json_decref(row);
    return finding;
}

/* It stands below another here, and is what fails. */
static void known_failure_below_another(void **state)
{
    (void)state;
    static struct pab_check_task task;
    struct pab_spec below = {.id = "mimalloc", .backend = pab_backend_find("mimalloc")};
    struct pab_spec spec = {.id = "pymalloc:level=mem+mimalloc",
                            .backend = pab_backend_find("pymalloc"),
                            .raw = &below};
    struct pab_check failing = required;
    struct pab_check_asked asked = {0};
    static const char *const versions[] = {"mimalloc 2.0.9", "mimalloc 2.1.0"};
    failing.id = "OOM-06";
    task.spec = &spec;
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        task.outcome = (struct pab_outcome){.ok = true, .verdict = {.verdict = PAB_FAIL}};
        snprintf(task.outcome.opened.raw.version, sizeof(task.outcome.opened.raw.version), "%s",
                 versions[i]);
        snprintf(task.outcome.verdict.reason, sizeof(task.outcome.verdict.reason),
                 "one request made more than 10000 calls");
        json_t *row = pab_check_row(&failing, &task, "built in", &asked);
        assert_string_equal(pab_json_text(row, "finding"),
                            i == 0 ? "results/reference/findings/OOM-06.c" : "");
        json_decref(row);
    }
}

/* The same failure of the same release, and only that. */
static void known_failures_are_told_from_news(void **state)
{
    (void)state;
    static const char seen[] = "aligned_alloc(align 256, size 256) gave 0x1080: not aligned to 256";
    json_t *known = finding_of("ALN-01", "mimalloc 2.0.9", seen, false);
    assert_string_equal(json_string_value(known), "results/reference/findings/ALN-01.c");
    json_decref(known);
    const json_t *news[] = {
        finding_of("ALN-01", "mimalloc 2.0.9", seen, true),
        finding_of("ALN-01", "mimalloc 2.0.9", "died of SIGSEGV", false),
        finding_of("ALN-01", "mimalloc 2.1.0", seen, false),
        finding_of("ALN-02", "mimalloc 2.0.9", seen, false),
    };
    for (size_t i = 0; i < ARRAY_COUNT(news); i++) {
        assert_true(json_is_null(news[i])); /* null is shared, not counted */
    }
}

static void foreign_bytes_become_text(void **state)
{
    (void)state;
    struct pab_outcome found = {
        .ok = true,
        .verdict = {.verdict = PAB_FAIL, .reason = "a\xff\x01\nb\xc3\xa9", .detail = "x\ny\x7f"}};
    json_t *row = row_of(&required, &found);
    assert_string_equal(pab_json_text(row, "reason"), "a?? b\xc3\xa9");
    assert_string_equal(pab_json_text(row, "detail"), "x\ny?");
    json_decref(row);
}

static void texts_are_cleaned(void **state)
{
    (void)state;
    static const struct {
        const char *text, *clean;
    } texts[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xe2\x82\xac\xf0\x9f\x90\x8d", "\xe2\x82\xac\xf0\x9f\x90\x8d"},
        {"\xc0\xaf", "??"},                 /* longer than it need be */
        {"\xed\xa0\x80", "???"},            /* half a surrogate pair */
        {"\xef\xbf\xbf", "???"},            /* no character */
        {"\xf4\x90\x80\x80", "????"},       /* beyond the last one */
        {"\xe2\x82", "??"},                 /* cut off */
        {"\x80", "?"},                      /* a tail alone */
        {"\t\x1b[31m\xc2\x9b", " ?[31m??"}, /* what a terminal would obey */
    };
    char out[64];
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        pab_text_clean(texts[i].text, false, out, sizeof(out));
        assert_string_equal(out, texts[i].clean);
    }
    pab_text_clean("ab\xe2\x82\xac", false, out, 5); /* no room for the third character */
    assert_string_equal(out, "ab");
}

/* --- the backend's verdict ------------------------------------------------------------------ */

static void expect_verdict(const char *expected, const char *const (*rows)[2], size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array,
                              json_pack("{s:s, s:s}", "class", rows[i][0], "verdict", rows[i][1]));
    }
    json_t *row = pab_check_verdict_row("system", array);
    assert_string_equal(pab_json_text(row, "verdict"), expected);
    json_int_t total = pab_json_count(row, "passed") + pab_json_count(row, "deviations") +
                       pab_json_count(row, "failed") + pab_json_count(row, "skipped") +
                       pab_json_count(row, "infos");
    assert_int_equal(total, count);
    json_decref(row);
    json_decref(array);
}

#define EXPECT(expected, ...)                                                                      \
    expect_verdict(expected, (const char *const[][2]){__VA_ARGS__},                                \
                   sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(char *[2]))

static void the_worst_of_what_is_firm(void **state)
{
    (void)state;
    EXPECT("pass", {"R", "pass"}, {"Q", "deviation"}, {"H", "info"});
    EXPECT("deviation", {"R", "pass"}, {"I", "deviation"}, {"R", "skip"});
    EXPECT("fail", {"R", "deviation"}, {"I", "fail"}, {"R", "pass"});
    EXPECT("fail", {"R", "pass"}, {"Q", "fail"}); /* it crashed */
    EXPECT("pass", {"Q", "deviation"});
    EXPECT("info", {"H", "info"}, {"R", "skip"});
    EXPECT("skip", {"R", "skip"});
    expect_verdict("skip", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(ids_come_by_number),
        cmocka_unit_test(groups_stand_together),
        cmocka_unit_test(words_choose),
        cmocka_unit_test(words_that_match_nothing),
        cmocka_unit_test(what_takes_long_is_left_out),
        cmocka_unit_test(what_nobody_can_run),
        cmocka_unit_test(ends_are_told_apart),
        cmocka_unit_test(workers_ends_become_rows),
        cmocka_unit_test(failures_can_be_seen_again),
        cmocka_unit_test(known_failures_are_told_from_news),
        cmocka_unit_test(known_failure_below_another),
        cmocka_unit_test(foreign_bytes_become_text),
        cmocka_unit_test(texts_are_cleaned),
        cmocka_unit_test(the_worst_of_what_is_firm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
