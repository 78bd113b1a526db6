#include "harness/document.h"

#include "harness/derived.h"
#include "harness/host.h"
#include "harness/noise.h"
#include "harness/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- making --------------------------------------------------------------------------------- */

static json_t *copy_array(const json_t *record, const char *kind)
{
    json_t *array = json_object_get(record, kind);
    return array == NULL ? json_array() : json_incref(array);
}

/* The passes that were to hold still, and could not. */
static json_t *restless_passes(const json_t *samples)
{
    json_t *seen = json_object();
    json_t *out = json_array();
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(samples, index, sample)
    {
        const char *pass = json_string_value(json_object_get(sample, "pass"));
        bool is_new = pass != NULL && json_is_false(json_object_get(sample, "still")) &&
                      json_object_get(seen, pass) == NULL;
        if (is_new) {
            json_object_set_new(seen, pass, json_true());
            json_array_append_new(out, json_string(pass));
        }
    }
    json_decref(seen);
    return out;
}

/* What a journal's header that somebody edited lacks is null, and so is what passed since. */
static json_t *noise(const json_t *record)
{
    const json_t *header = json_object_get(record, "header");
    json_t *before = json_object_get(header, "noise_before");
    json_t *after = pab_noise_look("");
    json_t *during = pab_noise_between(before, after);
    json_t *warnings = json_array();
    json_array_extend(warnings, json_object_get(header, "warnings"));
    pab_noise_warn(during, warnings);
    json_t *steal = json_object_get(during, "steal_ticks");
    json_t *out = json_pack("{s:O?, s:O, s:O?, s:o, s:O?, s:o, s:o}", "load_before",
                            json_object_get(before, "load"), "load_after",
                            json_object_get(after, "load"), "steal_ticks", steal, "warnings",
                            warnings, "before", before, "after", after, "during", during);
    json_object_set_new(out, "random_addresses",
                        restless_passes(json_object_get(record, "samples")));
    return out;
}

static json_t *argv_to_json(int argc, char **argv)
{
    json_t *out = json_array();
    json_array_append_new(out, json_string("pyallocbench"));
    for (int i = 0; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        json_array_append_new(out, word != NULL ? word : json_string("?"));
    }
    return out;
}

json_t *pab_document_header(json_t *plan, int argc, char **argv)
{
    char started[32];
    char run_id[64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pab_host_utc(started, sizeof(started));
    snprintf(run_id, sizeof(run_id), "%08llx%08lx%04x", (unsigned long long)now.tv_sec,
             (unsigned long)now.tv_nsec, (unsigned)getpid() & 0xffffu);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:o, s:o}", "schema", PAB_SCHEMA,
                     "run_id", run_id, "argv", argv_to_json(argc, argv), "plan", plan, "provenance",
                     pab_host_provenance(), "started", started, "started_s", (json_int_t)now.tv_sec,
                     "warnings", pab_host_warnings(), "noise_before", pab_noise_look(""));
}

/* Of a run of `check` also whether its detector saw, and how much of it nobody can run. */
static json_t *conformance(const json_t *record)
{
    json_t *out = json_pack("{s:o, s:o}", "checks", copy_array(record, "checks"), "verdicts",
                            copy_array(record, "verdicts"));
    static const char *const keys[] = {"detector", "ops", "not_applicable"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        json_t *value = json_object_get(record, keys[i]);
        if (value != NULL) {
            json_object_set(out, keys[i], value);
        }
    }
    return out;
}

/* Rounds of the time pass that were asked for; with a budget, those that it had room for. */
static int rounds_of(const json_t *record)
{
    const json_t *plan = json_object_get(json_object_get(record, "header"), "plan");
    int asked = (int)json_integer_value(json_object_get(plan, "rounds"));
    if (!(json_number_value(json_object_get(plan, "budget_s")) > 0)) {
        return asked;
    }
    json_int_t last = 0;
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(json_object_get(record, "samples"), index, sample)
    {
        const char *pass = json_string_value(json_object_get(sample, "pass"));
        json_int_t round = json_integer_value(json_object_get(sample, "round"));
        last = pass != NULL && strcmp(pass, "time") == 0 && round >= last ? round + 1 : last;
    }
    return last < asked ? (int)last : asked;
}

json_t *pab_document_make(const json_t *record, bool complete)
{
    const json_t *header = json_object_get(record, "header");
    const json_t *plan = json_object_get(header, "plan");
    const char *started = json_string_value(json_object_get(header, "started"));
    json_t *run = json_object();
    json_object_set_new(run, "schema", json_string(PAB_SCHEMA));
    json_object_set_new(run, "complete", json_boolean(complete));
    static const char *const header_keys[] = {"run_id", "argv", "started", "provenance"};
    for (size_t i = 0; i < ARRAY_COUNT(header_keys); i++) {
        json_object_set(run, header_keys[i], json_object_get(header, header_keys[i]));
    }
    static const char *const plan_keys[] = {"preset",        "seed",     "rounds",
                                            "memory_rounds", "baseline", "passes",
                                            "shard",         "budget_s", "control_every"};
    for (size_t i = 0; i < ARRAY_COUNT(plan_keys); i++) {
        json_object_set(run, plan_keys[i], json_object_get(plan, plan_keys[i]));
    }
    json_t *baseline =
        json_object_get(json_array_get(json_object_get(record, "baseline"), 0), "id");
    if (json_is_string(baseline)) { /* that of the plan was not to be had */
        json_object_set(run, "baseline", baseline);
    }
    json_object_set_new(run, "rounds", json_integer(rounds_of(record)));
    double started_s = json_number_value(json_object_get(header, "started_s"));
    json_object_set_new(run, "duration_s", json_real((double)time(NULL) - started_s));
    json_object_set_new(run, "noise", noise(record));
    static const char *const arrays[] = {"backends", "workloads", "samples",
                                         "control",  "timelines", "failures"};
    for (size_t i = 0; i < ARRAY_COUNT(arrays); i++) {
        json_object_set_new(run, arrays[i], copy_array(record, arrays[i]));
    }
    pab_derive(run);
    json_object_set_new(run, "conformance", conformance(record));
    if (json_object_get(record, "gate") != NULL) {
        json_object_set(run, "gate", json_object_get(record, "gate"));
    }
    return json_pack("{s:o, s:o, s:o}", "context", pab_host_context(started), "benchmarks",
                     pab_derive_benchmarks(run), "pyallocbench", run);
}

/* --- writing and reading -------------------------------------------------------------------- */

#define COMPACT (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

static bool write_rows(FILE *file, const json_t *rows)
{
    bool good = fputs("[", file) != EOF;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        good = good && fputs(index == 0 ? "\n" : ",\n", file) != EOF &&
               json_dumpf(row, file, COMPACT) == 0;
    }
    return good && fputs("]", file) != EOF;
}

/* An object with a key to a line, and a line to a row in its arrays of objects: a document that
 * is small, and that line tools can read and compare. */
static bool write_lines(FILE *file, const json_t *object)
{
    bool good = fputs("{", file) != EOF;
    const char *separator = "\n";
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        good = good && fprintf(file, "%s\"%s\":", separator, key) > 0;
        separator = ",\n";
        if (json_is_object(json_array_get(value, 0))) {
            good = good && write_rows(file, value);
        } else if (strcmp(key, "pyallocbench") == 0) {
            good = good && write_lines(file, value);
        } else {
            good = good && json_dumpf(value, file, COMPACT) == 0;
        }
    }
    return good && fputs("}", file) != EOF;
}

static bool print_document(FILE *file, const void *document)
{
    return write_lines(file, document) && fputs("\n", file) != EOF;
}

enum pab_status pab_document_write(const json_t *document, const char *path, struct pab_error *err)
{
    return pab_output_write(path, print_document, document, err);
}

enum pab_status pab_document_read(const char *path, json_t **out, struct pab_error *err)
{
    FILE *file = fopen(path, "re"); /* json_loadfd() would read byte by byte */
    if (file == NULL) {
        return pab_fail(err, PAB_IO, "cannot read %s: %s", path, strerror(errno));
    }
    json_error_t why;
    json_t *document = json_loadf(file, JSON_REJECT_DUPLICATES, &why);
    fclose(file);
    if (document == NULL && json_error_code(&why) == json_error_premature_end_of_input) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s is no whole JSON document (line %d: %s); was it cut off? (the "
                        ".partial of an unfinished run becomes one by run --resume)",
                        path, why.line, why.text);
    }
    if (document == NULL) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s is not JSON (line %d: %s): take the file as pyallocbench wrote it",
                        path, why.line, why.text);
    }
    const char *schema =
        json_string_value(json_object_get(json_object_get(document, "pyallocbench"), "schema"));
    enum pab_status status = PAB_OK;
    if (schema == NULL || strncmp(schema, PAB_SCHEMA, strlen(PAB_SCHEMA) - 1) != 0) {
        status = pab_fail(err, PAB_BAD_DATA, "%s is no results document of pyallocbench", path);
    } else if (strcmp(schema, PAB_SCHEMA) != 0) {
        status = pab_fail(err, PAB_NOT_COMPARABLE,
                          "%s is of schema %s; this pyallocbench reads %s: use a newer one", path,
                          schema, PAB_SCHEMA);
    }
    if (status != PAB_OK) {
        json_decref(document);
        return status;
    }
    *out = document;
    return PAB_OK;
}

enum pab_status pab_document_may_replace(const char *path, struct pab_error *err)
{
    struct stat file;
    enum pab_status status = pab_output_expect_plain(path, err);
    if (status != PAB_OK || stat(path, &file) != 0) {
        return status;
    }
    json_t *document = NULL;
    status = pab_document_read(path, &document, NULL);
    json_decref(document);
    if (status == PAB_OK) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_USAGE,
                    "-o %s: there is a file of that name that is no results document; name another",
                    path);
}
