/* tests/unit/made_document.h -- results documents made up sample by sample. Depends on reading.h,
 * cmocka. */
#ifndef PAB_TESTS_UNIT_MADE_DOCUMENT_H
#define PAB_TESTS_UNIT_MADE_DOCUMENT_H

#include "harness/compare/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MADE_CHECKSUM "00000000000000aa"

/* A document with these ids, separated by commas, and no samples; the first backend is the
 * baseline. */
static inline json_t *made(const char *workloads, const char *backends)
{
    json_t *run = json_pack(
        "{s:s, s:b, s:s, s:s, s:s, s:i, s:[], s:[], s:[], s:[], s:[], s:{s:[]}, s:{s:s, s:s, s:i, "
        "s:I, s:s}}",
        "schema", "pyallocbench-results/1", "complete", 1, "run_id", "one", "started",
        "2026-01-02T03:04:05Z", "preset", "made", "seed", 7, "backends", "workloads", "samples",
        "control", "failures", "noise", "warnings", "provenance", "cpu_model", "Made", "kernel",
        "Linux 6.1.0-18-amd64 x86_64", "cpu_count", 2, "memory_bytes", (json_int_t)25274793984,
        "cflags", "-O2");
    assert_non_null(run);
    char list[200];
    char *rest = NULL;
    snprintf(list, sizeof(list), "%s", workloads);
    for (char *id = strtok_r(list, ",", &rest); id != NULL; id = strtok_r(NULL, ",", &rest)) {
        json_array_append_new(json_object_get(run, "workloads"),
                              json_pack("{s:s, s:{s:i}, s:s, s:s}", "id", id, "params", "steps", 5,
                                        "checksum", MADE_CHECKSUM, "memory_checksum",
                                        MADE_CHECKSUM));
    }
    snprintf(list, sizeof(list), "%s", backends);
    for (char *id = strtok_r(list, ",", &rest); id != NULL; id = strtok_r(NULL, ",", &rest)) {
        if (json_object_get(run, "baseline") == NULL) {
            json_object_set_new(run, "baseline", json_string(id));
        }
        json_array_append_new(json_object_get(run, "backends"),
                              json_pack("{s:s, s:s, s:s, s:{s:s}}", "id", id, "kind", "library",
                                        "status", "ok", "identity", "version", id));
    }
    return json_pack("{s:o}", "pyallocbench", run);
}

static inline json_t *made_run(const json_t *document)
{
    return json_object_get(document, "pyallocbench");
}

static inline json_t *made_backend(const json_t *document, size_t index)
{
    return json_array_get(json_object_get(made_run(document), "backends"), index);
}

static inline json_t *made_row(const json_t *document, const char *array, const char *workload,
                               const char *backend, unsigned round)
{
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:i, s:i, s:n}", "workload", workload, "backend",
        backend, "pass", "time", "round", (json_int_t)round, "position",
        (json_int_t)json_array_size(json_object_get(made_run(document), array)), "started_ms", 0,
        "ops", 10, "checksum", MADE_CHECKSUM, "exit", 0, "signal", 0, "mem");
    assert_non_null(row);
    json_array_append_new(json_object_get(made_run(document), array), row);
    return row;
}

/* A sample of the time pass: `ns` for one operation of ten. */
static inline json_t *made_time(const json_t *document, const char *workload, const char *backend,
                                unsigned round, double ns)
{
    json_t *row = made_row(document, "samples", workload, backend, round);
    json_object_set_new(row, "reps_cpu_ns", json_pack("[f]", 10 * ns));
    return row;
}

static inline void made_control(const json_t *document, const char *workload, const char *backend,
                                unsigned round, double ns)
{
    json_t *row = made_row(document, "control", workload, backend, round);
    json_object_set_new(row, "reps_cpu_ns", json_pack("[f]", 10 * ns));
}

/* A sample of the memory pass. */
static inline json_t *made_memory(const json_t *document, const char *workload, const char *backend,
                                  unsigned round, double peak_rss_bytes)
{
    json_t *row = made_row(document, "samples", workload, backend, round);
    json_object_set_new(row, "pass", json_string("memory"));
    json_object_set_new(row, "mem", json_pack("{s:f}", "peak_rss_bytes", peak_rss_bytes));
    return row;
}

static inline void made_arenas(json_t *row, int arenas)
{
    json_object_set_new(json_object_get(row, "mem"), "structure",
                        json_pack("{s:i}", "arenas", arenas));
}

/* One figure of a pass of its own: "instructions", "per_op". */
static inline void made_figure(const json_t *document, const char *workload, const char *backend,
                               const char *pass_and_name, double value)
{
    char pass[40];
    const char *name = strchr(pass_and_name, '.') + 1;
    snprintf(pass, sizeof(pass), "%.*s", (int)(name - 1 - pass_and_name), pass_and_name);
    json_t *row = made_row(document, "samples", workload, backend, 0);
    json_object_set_new(row, "pass", json_string(pass));
    json_object_set_new(row, "figures", json_pack("{s:f}", name, value));
}

static inline void made_failure(const json_t *document, const char *workload, const char *backend)
{
    json_array_append_new(json_object_get(made_run(document), "failures"),
                          json_pack("{s:s, s:s, s:n, s:n, s:s, s:s}", "workload", workload,
                                    "backend", backend, "pass", "round", "kind", "crashed",
                                    "message", "signal 11"));
}

/* Gives the document up for a reading of it. */
static inline struct pab_reading *made_reading(json_t *document)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    char *text = json_dumps(document, 0);
    assert_non_null(text);
    if (pab_reading_parse("made.json", (const unsigned char *)text, strlen(text), &reading, &err) !=
        PAB_OK) {
        fail_msg("%s", err.text);
    }
    free(text);
    json_decref(document);
    return reading;
}

/* Noise that is the same on every machine: normal, of a standard deviation of 1. */
static inline double made_noise(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        sum += (double)(*state >> 33) / (double)(1u << 31);
    }
    return sum - 6;
}

/* `rounds` pairs of the backends a and b around 100 ns: each with noise of its own, b `ratio` times
 * as long. */
static inline void made_pairs(const json_t *document, const char *workload, unsigned rounds,
                              double ratio, double noise)
{
    uint64_t state = (uint64_t)workload[0] * 1000003u + 98;
    for (unsigned r = 0; r < rounds; r++) {
        made_time(document, workload, "a", r, 100 * exp(noise * made_noise(&state)));
        made_time(document, workload, "b", r, 100 * ratio * exp(noise * made_noise(&state)));
    }
}

/* The row of a cell; `workload` NULL: of the suite. NULL when there is none. */
static inline const struct pab_row *find_row(const struct pab_comparison *comparison,
                                             const char *workload, const char *label,
                                             const char *metric)
{
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *row = &comparison->rows[i];
        bool same = workload == NULL
                        ? row->workload == NULL
                        : row->workload != NULL && strcmp(row->workload, workload) == 0;
        if (same && strcmp(row->label, label) == 0 && strcmp(row->metric->name, metric) == 0 &&
            row->host == NULL) {
            return row;
        }
    }
    return NULL;
}

static inline const struct pab_row *the_row(const struct pab_comparison *comparison,
                                            const char *workload, const char *label,
                                            const char *metric)
{
    const struct pab_row *row = find_row(comparison, workload, label, metric);
    if (row == NULL) {
        fail_msg("no row of %s, %s, %s", workload == NULL ? "all" : workload, label, metric);
    }
    return row;
}

static inline void expect_call(const struct pab_row *row, enum pab_call call)
{
    if (row->call != call) {
        fail_msg("%s %s is called %d (%s %s), not %d; ratio %g [%g, %g], p %g", row->label,
                 row->metric->name, row->call, pab_call_word(row->call, row->metric->family),
                 row->why, call, row->ratio, row->lo, row->hi, row->p_adjusted);
    }
}

static inline void expect_near(double got, double wanted, double error)
{
    if (!(fabs(got - wanted) <= error)) {
        fail_msg("%.17g is not within %g of %.17g", got, error, wanted);
    }
}

static inline bool has_note(const struct pab_comparison *comparison, const char *words)
{
    for (size_t i = 0; i < comparison->note_count; i++) {
        if (strstr(comparison->notes[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static inline struct pab_comparison *within(struct pab_reading *reading,
                                            const struct pab_rules *rules)
{
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    if (pab_compare_within(reading, NULL, rules, &comparison, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    return comparison;
}

static inline struct pab_comparison *between(struct pab_reading *base, struct pab_reading *head,
                                             const struct pab_rules *rules)
{
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    if (pab_compare_between(base, head, rules, &comparison, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    return comparison;
}

#endif
