/* harness/check_markdown.c -- the matrix of a run of `check`, for readers. */
#include "harness/check_export.h"
#include "harness/check_select.h"
#include "harness/cmd.h"
#include "harness/json_text.h"
#include "harness/markup.h"

#include <string.h>

struct page {
    FILE *file;
    const json_t *run; /* the document's own part */
    json_t *notes;     /* texts; what is said twice has one number */
};

static const json_t *conformance(const struct page *page, const char *key)
{
    return json_object_get(json_object_get(page->run, "conformance"), key);
}

/* --- notes ---------------------------------------------------------------------------------- */

static size_t note_number(const struct page *page, const char *text)
{
    size_t index = 0;
    json_t *note = NULL;
    json_array_foreach(page->notes, index, note)
    {
        if (strcmp(json_string_value(note), text) == 0) {
            return index + 1;
        }
    }
    json_array_append_new(page->notes, json_string(text));
    return index + 1;
}

/* What stands behind a verdict; empty where it says all. An answer and a reason to skip are often
 * the same for several backends, a find is one backend's own. */
static void describe(const json_t *row, char *out, size_t size)
{
    const char *check = pab_json_text(row, "check");
    const char *answer = pab_json_text(row, "answer");
    const char *reason = pab_json_text(row, "reason");
    const char *compared = pab_json_text(row, "compared");
    const char *source = pab_json_text(row, "source");
    out[0] = '\0';
    if (pab_json_is(row, "verdict", "skip")) {
        snprintf(out, size, "%s", reason);
    } else if (pab_json_is(row, "verdict", "info")) { /* its answer stands in the table */
        snprintf(out, size, "%s: %s (%s)", check, reason[0] != '\0' ? reason : compared, source);
        out[answer[0] != '\0' ? 0 : strlen(out)] = '\0';
    } else if (pab_json_is(row, "verdict", "pass")) {
        snprintf(out, size, "%s: %s (%s)", check, answer, source);
        out[answer[0] == '\0' ? 0 : strlen(out)] = '\0';
    } else {
        const char *finding = pab_json_text(row, "finding");
        snprintf(out, size, "%s, %s: %s%s%s%s%s (%s)%s%s", pab_json_text(row, "backend"), check,
                 reason, answer[0] == '\0' ? "" : "; it answers: ", answer,
                 compared[0] == '\0' ? "" : "; looked at: ", compared, source,
                 finding[0] == '\0' ? "" : "; known: ", finding);
    }
}

static void print_notes(const struct page *page)
{
    size_t index = 0;
    json_t *note = NULL;
    if (json_array_size(page->notes) > 0) {
        fprintf(page->file, "## Notes\n\n");
    }
    json_array_foreach(page->notes, index, note)
    {
        fprintf(page->file, "[^%zu]: ", index + 1);
        pab_markdown_text(page->file, json_string_value(note));
        fprintf(page->file, "\n");
    }
}

/* --- tables --------------------------------------------------------------------------------- */

static const json_t *row_of(const json_t *rows, const char *backend, const char *check)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (pab_json_is(row, "backend", backend) && pab_json_is(row, "check", check)) {
            return row;
        }
    }
    return NULL;
}

static void print_cell(const struct page *page, const json_t *row)
{
    static const struct {
        const char *verdict, *shown;
    } cells[] = {
        {"pass", "✓ pass"},     {"deviation", "~ deviation"},
        {"fail", "✗ **FAIL**"}, {"skip", "- skip"},
        {"info", "i"},
    };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        if (row != NULL && pab_json_is(row, "verdict", cells[i].verdict)) {
            char text[2400];
            describe(row, text, sizeof(text));
            bool is_known = json_is_string(json_object_get(row, "finding"));
            fprintf(page->file, " %s%s", cells[i].shown, is_known ? " (known)" : "");
            if (pab_json_is(row, "verdict", "info")) {
                fprintf(page->file, " ");
                pab_markdown_text(page->file, pab_json_text(row, "answer"));
            }
            if (text[0] != '\0') {
                fprintf(page->file, "[^%zu]", note_number(page, text));
            }
        }
    }
    fprintf(page->file, " |");
}

static void print_table_head(const struct page *page)
{
    const json_t *verdicts = conformance(page, "verdicts");
    size_t index = 0;
    json_t *verdict = NULL;
    fprintf(page->file, "| check | what must hold | class |");
    json_array_foreach(verdicts, index, verdict)
    {
        fprintf(page->file, " ");
        pab_markdown_text(page->file, pab_json_text(verdict, "backend"));
        fprintf(page->file, " |");
    }
    fprintf(page->file, "\n|---|---|---|");
    for (index = 0; index < json_array_size(verdicts); index++) {
        fprintf(page->file, "---|");
    }
    fprintf(page->file, "\n");
}

static void print_table_row(const struct page *page, const json_t *first)
{
    const char *check = pab_json_text(first, "check");
    size_t index = 0;
    json_t *verdict = NULL;
    fprintf(page->file, "| %s | ", check);
    pab_markdown_text(page->file, pab_json_text(first, "summary"));
    fprintf(page->file, " | %s S%d |", pab_json_text(first, "class"),
            (int)pab_json_count(first, "severity"));
    json_array_foreach(conformance(page, "verdicts"), index, verdict)
    {
        print_cell(page,
                   row_of(conformance(page, "checks"), pab_json_text(verdict, "backend"), check));
    }
    fprintf(page->file, "\n");
}

/* Every check once, in the order of the catalogue. That is the order of each backend's rows; where
 * a run was interrupted, the first backend has the most. */
static void print_tables(const struct page *page)
{
    const json_t *rows = conformance(page, "checks");
    const char *first_backend = pab_json_text(json_array_get(rows, 0), "backend");
    char last[32] = "";
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        char group[32];
        if (!pab_json_is(row, "backend", first_backend)) {
            continue;
        }
        pab_check_group_of(pab_json_text(row, "check"), group, sizeof(group));
        if (strcmp(group, last) != 0) {
            snprintf(last, sizeof(last), "%s", group);
            fprintf(page->file, "## %s\n\n", group);
            print_table_head(page);
        }
        print_table_row(page, row);
        const json_t *next = json_array_get(rows, index + 1);
        pab_check_group_of(pab_json_text(next, "check"), group, sizeof(group));
        if (strcmp(group, last) != 0 || !pab_json_is(next, "backend", first_backend)) {
            fprintf(page->file, "\n");
        }
    }
}

/* --- above the tables ----------------------------------------------------------------------- */

static void print_command(const struct page *page)
{
    size_t index = 0;
    json_t *word = NULL;
    char line[8192] = "";
    size_t used = 0;
    json_array_foreach(json_object_get(page->run, "argv"), index, word)
    {
        char quoted[PAB_QUOTED_MAX];
        pab_shell_quote(json_string_value(word), quoted, sizeof(quoted));
        if (used < sizeof(line)) {
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", used == 0 ? "" : " ",
                                     quoted);
        }
    }
    pab_markdown_code(page->file, line);
}

static void print_intro(const struct page *page)
{
    const json_t *provenance = json_object_get(page->run, "provenance");
    const json_t *detector = conformance(page, "detector");
    fprintf(page->file,
            PAB_MARKDOWN_HEAD
            "\nMade on %.10s by pyallocbench %s (%.12s), seed %" JSON_INTEGER_FORMAT ", on ",
            pab_json_text(page->run, "started"), pab_json_text(provenance, "version"),
            pab_json_text(provenance, "git_commit"), pab_json_count(page->run, "seed"));
    pab_markdown_text(page->file, pab_json_text(provenance, "os"));
    fprintf(page->file, ", ");
    pab_markdown_text(page->file, pab_json_text(provenance, "cpu_model"));
    fprintf(page->file, ":\n");
    print_command(page);
    if (detector != NULL) {
        fprintf(page->file, ". Its detector read %d of %d known ends right",
                (int)pab_json_count(detector, "read_right"), (int)pab_json_count(detector, "of"));
    }
    fprintf(page->file, ".\n\n");
    if (!json_is_true(json_object_get(page->run, "complete"))) {
        fprintf(page->file, "**Not complete: the run was interrupted.**\n\n");
    }
    fprintf(
        page->file,
        "Classes: R a standard or a documented contract demands it; I implementation-defined, "
        "held to its\nown answer; Q quality, against a threshold that is printed; H hardening: "
        "what happens after misuse,\na description. Severity: S0 memory, S1 contract, S2 errno, "
        "S3 quality. A backend's verdict is the\nworst of its R and I checks; `list checks` has "
        "every source.\n\n");
}

static const json_t *verdict_of(const struct page *page, const char *backend)
{
    return row_of(conformance(page, "verdicts"), backend, "");
}

static void print_backends(const struct page *page)
{
    size_t index = 0;
    json_t *backend = NULL;
    fprintf(page->file, "| backend | version | verdict | passed | deviations | failed | told | "
                        "skipped |\n|---|---|---|---:|---:|---:|---:|---:|\n");
    json_array_foreach(json_object_get(page->run, "backends"), index, backend)
    {
        const json_t *identity = json_object_get(backend, "identity");
        const json_t *verdict = verdict_of(page, pab_json_text(backend, "id"));
        fprintf(page->file, "| ");
        pab_markdown_text(page->file, pab_json_text(backend, "id"));
        fprintf(page->file, " | ");
        pab_markdown_text(page->file, pab_json_is(backend, "status", "ok")
                                          ? pab_json_text(identity, "version")
                                          : pab_json_text(backend, "reason"));
        fprintf(page->file, " | %s | %d | %d | %d | %d | %d |\n",
                verdict == NULL ? pab_json_text(backend, "status")
                : json_is_false(json_object_get(verdict, "complete")) ? "interrupted"
                : pab_json_is(verdict, "verdict", "fail")             ? "**FAIL**"
                                                          : pab_json_text(verdict, "verdict"),
                (int)pab_json_count(verdict, "passed"), (int)pab_json_count(verdict, "deviations"),
                (int)pab_json_count(verdict, "failed"), (int)pab_json_count(verdict, "infos"),
                (int)pab_json_count(verdict, "skipped"));
    }
    fprintf(page->file, "\nWhat can be called:\n\n");
    json_array_foreach(json_object_get(page->run, "backends"), index, backend)
    {
        if (pab_json_text(backend, "manifest")[0] != '\0') {
            fprintf(page->file, "- ");
            pab_markdown_text(page->file, pab_json_text(backend, "id"));
            fprintf(page->file, ": ");
            pab_markdown_text(page->file, pab_json_text(backend, "manifest"));
            fprintf(page->file, "\n");
        }
    }
    fprintf(page->file, "\n");
}

bool pab_check_markdown_print(FILE *file, const void *document)
{
    struct page page = {
        .file = file,
        .run = json_object_get(document, "pyallocbench"),
        .notes = json_array(),
    };
    print_intro(&page);
    print_backends(&page);
    print_tables(&page);
    print_notes(&page);
    json_decref(page.notes);
    return ferror(file) == 0;
}
