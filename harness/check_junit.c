/* harness/check_junit.c -- a run of `check` as JUnit XML, as CI systems read it. */
#include "harness/check_export.h"
#include "harness/json_text.h"
#include "harness/markup.h"

#include <string.h>

static void print_line(FILE *file, const char *label, const char *text)
{
    if (text[0] != '\0') {
        fprintf(file, "%s: ", label);
        pab_xml_text(file, text);
        fprintf(file, "\n");
    }
}

/* All that is known of a case, for whoever opens it. */
static void print_story(FILE *file, const json_t *row)
{
    print_line(file, "statement", pab_json_text(row, "summary"));
    print_line(file, "found", pab_json_text(row, "reason"));
    print_line(file, "answers", pab_json_text(row, "answer"));
    print_line(file, "looked at", pab_json_text(row, "compared"));
    print_line(file, "source", pab_json_text(row, "source"));
    print_line(file, "known", pab_json_text(row, "finding"));
    print_line(file, "again", pab_json_text(row, "again"));
    print_line(file, "detail", pab_json_text(row, "detail"));
}

/* A failure that is a known finding does not make a build red. */
static bool is_news(const json_t *row)
{
    return pab_json_is(row, "verdict", "fail") && json_is_null(json_object_get(row, "finding"));
}

static void print_case(FILE *file, const json_t *row)
{
    const char *reason = pab_json_text(row, "reason");
    fprintf(file, "<testcase");
    pab_xml_attribute(file, "classname", pab_json_text(row, "backend"));
    pab_xml_attribute(file, "name", pab_json_text(row, "check"));
    fprintf(file, " time=\"%.3f\">", (double)pab_json_count(row, "wall_ms") / 1000);
    if (pab_json_is(row, "verdict", "skip")) {
        fprintf(file, "<skipped");
        pab_xml_attribute(file, "message", reason);
        fprintf(file, "/>");
    } else if (is_news(row)) {
        fprintf(file, "<failure type=\"FAIL\"");
        pab_xml_attribute(file, "message",
                          reason[0] != '\0' ? reason : pab_json_text(row, "summary"));
        fprintf(file, ">");
        print_story(file, row);
        fprintf(file, "</failure>");
    } else if (!pab_json_is(row, "verdict", "pass") || pab_json_text(row, "answer")[0] != '\0') {
        fprintf(file, "<system-out>%s\n", pab_json_text(row, "verdict"));
        print_story(file, row);
        fprintf(file, "</system-out>");
    }
    fprintf(file, "</testcase>\n");
}

/* --- suites --------------------------------------------------------------------------------- */

struct counts {
    size_t tests, failures, skipped;
    json_int_t wall_ms;
};

/* Of one backend, or of all where it is NULL. */
static struct counts count_rows(const json_t *rows, const char *backend)
{
    struct counts out = {0};
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (backend == NULL || pab_json_is(row, "backend", backend)) {
            out.tests++;
            out.failures += is_news(row);
            out.skipped += pab_json_is(row, "verdict", "skip");
            out.wall_ms += pab_json_count(row, "wall_ms");
        }
    }
    return out;
}

static void print_properties(FILE *file, const json_t *run, const json_t *backend)
{
    char number[32];
    const json_t *identity = json_object_get(backend, "identity");
    const json_t *provenance = json_object_get(run, "provenance");
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, pab_json_count(run, "seed"));
    fprintf(file, "<properties>\n");
    pab_xml_property(file, "seed", number);
    const json_t *ops = json_object_get(json_object_get(run, "conformance"), "ops");
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(ops));
    pab_xml_property(file, "ops", json_is_integer(ops) ? number : "default");
    pab_xml_property(file, "version", pab_json_text(identity, "version"));
    pab_xml_property(file, "path", pab_json_text(identity, "path"));
    pab_xml_property(file, "build_id", pab_json_text(identity, "build_id"));
    pab_xml_property(file, "manifest", pab_json_text(backend, "manifest"));
    pab_xml_property(file, "pyallocbench", pab_json_text(provenance, "version"));
    pab_xml_property(file, "git_commit", pab_json_text(provenance, "git_commit"));
    pab_xml_property(file, "complete",
                     json_is_true(json_object_get(run, "complete")) ? "true" : "false");
    fprintf(file, "</properties>\n");
}

/* A run that was interrupted must not look like one that went well. */
static bool is_cut_short(const json_t *run, const char *backend)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(json_object_get(run, "conformance"), "verdicts"), index, row)
    {
        if (pab_json_is(row, "backend", backend)) {
            return json_is_false(json_object_get(row, "complete"));
        }
    }
    return false;
}

static void print_cut_short(FILE *file, const char *backend)
{
    fprintf(file, "<testcase");
    pab_xml_attribute(file, "classname", backend);
    fprintf(file, " name=\"complete\" time=\"0\"><error type=\"interrupted\" message=\""
                  "interrupted before its last check\"/></testcase>\n");
}

/* A backend that could not be opened is one case: an error where the user named it. */
static void print_unopened(FILE *file, const json_t *backend, bool is_error)
{
    fprintf(file, "<testcase");
    pab_xml_attribute(file, "classname", pab_json_text(backend, "id"));
    fprintf(file, " name=\"open\" time=\"0\"><%s", is_error ? "error type=\"open\"" : "skipped");
    pab_xml_attribute(file, "message", pab_json_text(backend, "reason"));
    fprintf(file, "/></testcase>\n");
}

static bool is_failure(const json_t *run, const char *backend)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "failures"), index, row)
    {
        if (pab_json_is(row, "backend", backend)) {
            return true;
        }
    }
    return false;
}

static void print_suite(FILE *file, const json_t *run, const json_t *backend)
{
    const char *id = pab_json_text(backend, "id");
    const json_t *rows = json_object_get(json_object_get(run, "conformance"), "checks");
    bool is_open = pab_json_is(backend, "status", "ok");
    bool is_cut = is_cut_short(run, id);
    bool is_error = is_cut || (!is_open && is_failure(run, id));
    struct counts counts = count_rows(rows, id);
    fprintf(file, "<testsuite");
    pab_xml_attribute(file, "name", id);
    fprintf(file, " tests=\"%zu\" failures=\"%zu\" errors=\"%d\" skipped=\"%zu\" time=\"%.3f\"",
            counts.tests + !is_open + is_cut, counts.failures, is_error,
            counts.skipped + (!is_open && !is_error), (double)counts.wall_ms / 1000);
    pab_xml_timestamp(file, pab_json_text(run, "started"));
    fprintf(file, ">\n");
    print_properties(file, run, backend);
    if (!is_open) {
        print_unopened(file, backend, is_error);
    }
    if (is_cut) {
        print_cut_short(file, id);
    }
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (pab_json_is(row, "backend", id)) {
            print_case(file, row);
        }
    }
    fprintf(file, "</testsuite>\n");
}

bool pab_check_junit_print(FILE *file, const void *document)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    const json_t *backends = json_object_get(run, "backends");
    struct counts counts =
        count_rows(json_object_get(json_object_get(run, "conformance"), "checks"), NULL);
    size_t index = 0;
    size_t unopened = 0;
    size_t failed_to_open = 0;
    size_t cut_short = 0;
    json_t *backend = NULL;
    json_array_foreach(backends, index, backend)
    {
        bool is_open = pab_json_is(backend, "status", "ok");
        unopened += !is_open;
        failed_to_open += !is_open && is_failure(run, pab_json_text(backend, "id"));
        cut_short += is_cut_short(run, pab_json_text(backend, "id"));
    }
    fprintf(file,
            PAB_JUNIT_HEAD
            "<testsuites name=\"pyallocbench check\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
            "skipped=\"%zu\" time=\"%.3f\">\n",
            counts.tests + unopened + cut_short, counts.failures, failed_to_open + cut_short,
            counts.skipped + unopened - failed_to_open, (double)counts.wall_ms / 1000);
    json_array_foreach(backends, index, backend)
    {
        print_suite(file, run, backend);
    }
    fprintf(file, "</testsuites>\n");
    return ferror(file) == 0;
}
