#include "harness/check_report.h"

#include "allocators/status.h"
#include "harness/check_select.h"
#include "harness/json_text.h"
#include "harness/text.h"

enum {
    FEW = 12,       /* as many rows are shown whole */
    HEAD_TEXT = 29, /* column that statements begin in */
    LABEL = 6,      /* ... that what a row tells begins in */
    LABEL_TEXT = 17,
    GROUP_MAX = 32,
    MATRIX_HEAD = 12,
    CELL = 5, /* its narrowest column */
};

static const struct {
    const char *verdict, *shown, *one, *many;
} words[] = {
    {"pass", "PASS", "passed", "passed"},   {"deviation", "DEVIATION", "deviation", "deviations"},
    {"fail", "FAIL", "failed", "failed"},   {"info", "INFO", "told", "told"},
    {"skip", "SKIP", "skipped", "skipped"},
};

static size_t word_of(const json_t *row)
{
    size_t i = 0;
    while (i + 1 < ARRAY_COUNT(words) && !pab_json_is(row, "verdict", words[i].verdict)) {
        i++;
    }
    return i;
}

static bool is_bad(const json_t *row)
{
    return pab_json_is(row, "verdict", "fail") || pab_json_is(row, "verdict", "deviation");
}

void pab_check_report_backend(const json_t *backend)
{
    char head[400];
    const json_t *identity = json_object_get(backend, "identity");
    bool has_version = pab_json_text(identity, "version")[0] != '\0';
    snprintf(head, sizeof(head), "%s%s", pab_json_text(backend, "id"), has_version ? ": " : "");
    if (!pab_json_is(backend, "status", "ok")) {
        char text[700];
        snprintf(text, sizeof(text), "%s: %s", pab_json_text(backend, "status"),
                 pab_json_text(backend, "reason"));
        pab_text_item("", 0, head);
        pab_text_item("", 2, text);
        printf("\n");
    } else {
        char line[500];
        snprintf(line, sizeof(line), "%s%s", head, pab_json_text(identity, "version"));
        pab_text_item("", 0, line);
        pab_text_item("", 2, pab_json_text(backend, "manifest"));
    }
    fflush(stdout);
}

/* --- one check ------------------------------------------------------------------------------ */

static void tell(const char *label, const char *text)
{
    char head[32];
    if (text[0] != '\0') {
        snprintf(head, sizeof(head), "%*s%-*s", LABEL, "", LABEL_TEXT - LABEL, label);
        pab_text_item(head, LABEL_TEXT, text);
    }
}

static void report_head(const json_t *row, const char *text)
{
    char head[64];
    snprintf(head, sizeof(head), "  %-9s %-9s  %s S%d", pab_json_text(row, "check"),
             words[word_of(row)].shown, pab_json_text(row, "class"),
             (int)pab_json_count(row, "severity"));
    pab_text_item(head, HEAD_TEXT, text);
}

/* Lines to be pasted stay as they are, however long. */
static void report_detail(const char *detail)
{
    while (*detail != '\0') {
        int length = (int)strcspn(detail, "\n");
        printf("%*s%.*s\n", LABEL + 2, "", length, detail);
        detail += length + (detail[length] == '\n');
    }
}

static void report_whole(const json_t *row)
{
    if (pab_json_is(row, "verdict", "skip")) {
        report_head(row, pab_json_text(row, "reason"));
        return;
    }
    report_head(row, pab_json_text(row, "summary"));
    tell("found", pab_json_text(row, "reason"));
    tell("answers", pab_json_text(row, "answer"));
    tell("looked at", pab_json_text(row, "compared"));
    if (!pab_json_is(row, "verdict", "pass")) {
        tell("source", pab_json_text(row, "source"));
    }
    report_detail(pab_json_text(row, "detail"));
    tell("known", pab_json_text(row, "finding"));
    if (pab_json_is(row, "verdict", "fail")) {
        printf("%*ssee it again: %s\n", LABEL, "", pab_json_text(row, "again"));
    }
}

/* A description in a line: the answer, and what it is an answer to. */
static void report_info(const json_t *row)
{
    char text[1400];
    const char *answer = pab_json_text(row, "answer");
    const char *reason = pab_json_text(row, "reason");
    const char *compared = pab_json_text(row, "compared");
    const char *told = answer[0] != '\0' ? answer : reason[0] != '\0' ? reason : compared;
    snprintf(text, sizeof(text), "%s%s%s", told, told[0] == '\0' ? "" : ": ",
             pab_json_text(row, "summary"));
    report_head(row, text);
}

/* --- groups --------------------------------------------------------------------------------- */

static bool is_in_group(const json_t *row, const char *group)
{
    char own[GROUP_MAX];
    pab_check_group_of(pab_json_text(row, "check"), own, sizeof(own));
    return strcmp(own, group) == 0;
}

/* "15 passed, 1 deviation", of the rows of one group, or of all where it is NULL. */
static void count_rows(const json_t *rows, const char *group, char *out, size_t size, size_t *total)
{
    size_t counts[ARRAY_COUNT(words)] = {0};
    size_t index = 0;
    size_t used = 0;
    json_t *row = NULL;
    *total = 0;
    json_array_foreach(rows, index, row)
    {
        if (group == NULL || is_in_group(row, group)) {
            counts[word_of(row)]++;
            (*total)++;
        }
    }
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (counts[i] > 0) {
            used += (size_t)snprintf(out + used, size - used, "%s%zu %s", used == 0 ? "" : ", ",
                                     counts[i], counts[i] == 1 ? words[i].one : words[i].many);
        }
    }
}

/* Groups stand together in the catalogue. */
static void report_groups(const json_t *rows)
{
    char last[GROUP_MAX] = "";
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (is_in_group(row, last)) {
            continue;
        }
        char counts[160];
        size_t total = 0;
        pab_check_group_of(pab_json_text(row, "check"), last, sizeof(last));
        count_rows(rows, last, counts, sizeof(counts), &total);
        printf("  %-5s %4zu %-6s   %s\n", last, total, total == 1 ? "check" : "checks", counts);
    }
}

/* --- skips ---------------------------------------------------------------------------------- */

static bool is_info(const json_t *row, const char *reason)
{
    (void)reason;
    return pab_json_is(row, "verdict", "info");
}

static bool is_skip_for(const json_t *row, const char *reason)
{
    return pab_json_is(row, "verdict", "skip") && pab_json_is(row, "reason", reason);
}

/* The number behind the group: "..17" of "THR-01..17". */
static const char *number_of(const json_t *row)
{
    const char *dash = strchr(pab_json_text(row, "check"), '-');
    return dash == NULL ? "" : dash + 1;
}

/* Ids of all rows that `is_one` takes; three or more in a row as a range. How many they are. */
static size_t list_rows(const json_t *rows, bool (*is_one)(const json_t *row, const char *reason),
                        const char *reason, char *out, size_t size)
{
    size_t count = json_array_size(rows);
    size_t listed = 0;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        const json_t *row = json_array_get(rows, i);
        if (!is_one(row, reason)) {
            continue;
        }
        char group[GROUP_MAX];
        pab_check_group_of(pab_json_text(row, "check"), group, sizeof(group));
        size_t last = i;
        while (last + 1 < count && is_in_group(json_array_get(rows, last + 1), group) &&
               is_one(json_array_get(rows, last + 1), reason)) {
            last++;
        }
        listed += last + 1 - i;
        used += (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ",
                                 pab_json_text(row, "check"));
        if (last > i && used < size) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", last > i + 1 ? ".." : ", ",
                                 last > i + 1 ? number_of(json_array_get(rows, last))
                                              : pab_json_text(json_array_get(rows, last), "check"));
        }
        i = last;
    }
    return listed;
}

static bool was_seen_before(const json_t *rows, size_t index, const char *reason)
{
    for (size_t i = 0; i < index; i++) {
        if (is_skip_for(json_array_get(rows, i), reason)) {
            return true;
        }
    }
    return false;
}

static void report_skips(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const char *reason = pab_json_text(row, "reason");
        if (!is_skip_for(row, reason) || was_seen_before(rows, index, reason)) {
            continue;
        }
        char ids[2000];
        char text[2700];
        char head[32];
        size_t count = list_rows(rows, is_skip_for, reason, ids, sizeof(ids));
        snprintf(head, sizeof(head), "  %zu skipped: ", count);
        snprintf(text, sizeof(text), "%s: %s", reason, ids);
        pab_text_item(head, (unsigned)strlen(head), text);
    }
}

/* Descriptions are no findings: where they are to be read, and of what. */
static void report_infos(const json_t *rows)
{
    char ids[1000];
    char text[1200];
    char head[32];
    size_t count = list_rows(rows, is_info, NULL, ids, sizeof(ids));
    if (count > 0) {
        snprintf(head, sizeof(head), "  %zu told: ", count);
        snprintf(text, sizeof(text), "descriptions and figures, shown by --verbose: %s", ids);
        pab_text_item(head, (unsigned)strlen(head), text);
    }
}

/* --- a backend ------------------------------------------------------------------------------ */

void pab_check_report_rows(const json_t *rows, const json_t *verdict, bool is_verbose)
{
    size_t index = 0;
    json_t *row = NULL;
    char counts[160];
    size_t total = 0;
    bool is_whole = is_verbose || json_array_size(rows) <= FEW;
    if (!is_whole) {
        report_groups(rows);
    }
    json_array_foreach(rows, index, row)
    {
        bool is_quiet = !is_bad(row);
        if (is_whole || !is_quiet) {
            if (pab_json_is(row, "verdict", "info") && !is_verbose) { /* of a few, all are shown */
                report_info(row);
            } else {
                report_whole(row);
            }
        }
    }
    if (!is_whole) {
        report_skips(rows);
        report_infos(rows);
    }
    count_rows(rows, NULL, counts, sizeof(counts), &total);
    char line[700];
    snprintf(line, sizeof(line), "%s: %s: %s", pab_json_text(verdict, "backend"),
             json_is_false(json_object_get(verdict, "complete")) ? "INTERRUPTED"
                                                                 : words[word_of(verdict)].shown,
             total == 0 ? "no check came to its end" : counts);
    pab_text_item("", 0, line);
    printf("\n");
    fflush(stdout);
}

/* --- all backends --------------------------------------------------------------------------- */

static const json_t *row_of(const json_t *checks, const char *backend, const char *check)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(checks, index, row)
    {
        if (pab_json_is(row, "backend", backend) && pab_json_is(row, "check", check)) {
            return row;
        }
    }
    return NULL;
}

/* Every check once: the rows of the first backend. */
static const json_t *nth_check(const json_t *checks, size_t index)
{
    const json_t *row = json_array_get(checks, index);
    const char *first = pab_json_text(json_array_get(checks, 0), "backend");
    return pab_json_is(row, "backend", first) ? row : NULL;
}

static bool is_found_somewhere(const json_t *checks, const char *check)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(checks, index, row)
    {
        if (is_bad(row) && pab_json_is(row, "check", check)) {
            return true;
        }
    }
    return false;
}

static const char *cell_of(const json_t *row)
{
    static const char *const cells[] = {"ok", "dev", "FAIL", "info", "skip"};
    if (json_is_string(json_object_get(row, "finding"))) {
        return "fail*";
    }
    return row == NULL ? "" : cells[word_of(row)];
}

struct columns {
    const json_t *verdicts;
    size_t first, end; /* backends that stand side by side */
    bool are_named;    /* by their ids; else by numbers */
};

static int width_of(const struct columns *columns, size_t index)
{
    int length = (int)strlen(pab_json_text(json_array_get(columns->verdicts, index), "backend"));
    return !columns->are_named || length < CELL ? CELL : length;
}

/* A cell of the table, without blanks behind the last one of a line. */
static void report_cell(const struct columns *columns, size_t index, const char *text)
{
    printf("  %-*s", index + 1 == columns->end ? 0 : width_of(columns, index), text);
}

static void report_matrix_head(const struct columns *columns)
{
    printf("%-*s", MATRIX_HEAD, "");
    for (size_t i = columns->first; i < columns->end; i++) {
        char number[24];
        const char *backend = pab_json_text(json_array_get(columns->verdicts, i), "backend");
        snprintf(number, sizeof(number), "%zu", i + 1);
        report_cell(columns, i, columns->are_named ? backend : number);
    }
    printf("\n");
}

static void report_matrix(const json_t *checks, const struct columns *columns)
{
    report_matrix_head(columns);
    for (size_t row = 0; nth_check(checks, row) != NULL; row++) {
        const char *check = pab_json_text(nth_check(checks, row), "check");
        if (!is_found_somewhere(checks, check)) {
            continue;
        }
        printf("  %-*s", MATRIX_HEAD - 2, check);
        for (size_t i = columns->first; i < columns->end; i++) {
            const char *backend = pab_json_text(json_array_get(columns->verdicts, i), "backend");
            report_cell(columns, i, cell_of(row_of(checks, backend, check)));
        }
        printf("\n");
    }
    printf("\n");
}

/* Names over the columns where they fit, else numbers, in as many tables as it takes. */
static void report_differences(const json_t *checks, const json_t *verdicts)
{
    size_t count = json_array_size(verdicts);
    struct columns columns = {.verdicts = verdicts, .end = count, .are_named = true};
    size_t finds = 0;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        finds += is_bad(json_array_get(checks, i));
    }
    if (count < 2 || finds == 0) {
        return;
    }
    printf("what did not pass everywhere:\n");
    int width = MATRIX_HEAD;
    for (size_t i = 0; i < count; i++) {
        width += 2 + width_of(&columns, i);
    }
    columns.are_named = width <= (int)pab_text_width();
    size_t side_by_side = (pab_text_width() - MATRIX_HEAD) / (CELL + 2);
    for (size_t i = 0; !columns.are_named && i < count; i++) {
        char head[32];
        snprintf(head, sizeof(head), "  %2zu ", i + 1);
        pab_text_item(head, 5, pab_json_text(json_array_get(verdicts, i), "backend"));
    }
    for (size_t i = 0; i < count; i = columns.end) {
        columns.first = i;
        columns.end = columns.are_named || count - i < side_by_side ? count : i + side_by_side;
        report_matrix(checks, &columns);
    }
}

static void report_known(const json_t *checks)
{
    size_t known = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(checks, index, row)
    {
        known += json_is_string(json_object_get(row, "finding"));
    }
    if (known > 0) {
        char text[200];
        snprintf(text, sizeof(text),
                 "%zu known: a program in results/reference/findings shows the same without us; "
                 "the exit status counts such a failure only with --strict",
                 known);
        pab_text_item("* ", 2, text);
    }
}

void pab_check_report_end(const json_t *record, double seconds)
{
    const json_t *checks = json_object_get(record, "checks");
    const json_t *verdicts = json_object_get(record, "verdicts");
    const json_t *detector = json_object_get(record, "detector");
    size_t backends = json_array_size(verdicts);
    json_int_t passed_over = pab_json_count(record, "not_applicable");
    char counts[160];
    char line[400];
    size_t total = 0;
    if (backends == 0) {
        return;
    }
    report_differences(checks, verdicts);
    report_known(checks);
    count_rows(checks, NULL, counts, sizeof(counts), &total);
    snprintf(line, sizeof(line), "%zu %s, %zu %s: %s; detector: %d of %d read right; %.1f s",
             backends, backends == 1 ? "backend" : "backends", total,
             total == 1 ? "check" : "checks", counts, (int)pab_json_count(detector, "read_right"),
             (int)pab_json_count(detector, "of"), seconds);
    pab_text_item("", 0, line);
    if (passed_over > 0) {
        snprintf(line, sizeof(line), "%d more %s not applicable: pyallocbench list checks",
                 (int)passed_over, passed_over == 1 ? "is" : "are");
        pab_text_item("", 0, line);
    }
    fflush(stdout);
}
