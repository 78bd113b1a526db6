#include "harness/derived.h"

#include "harness/blowup.h"
#include "harness/compare/control.h"
#include "harness/json_text.h"
#include "harness/summary.h"

#include <math.h>

/* --- Google Benchmark's rows ------------------------------------------------------------------ */

static size_t index_of(const json_t *array, const char *id)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(array, index, item)
    {
        if (pab_json_is(item, "id", id)) {
            return index;
        }
    }
    return index;
}

/* Machines are kept apart by name: its readers pool what is named alike. As in Google Benchmark's own
 * names, "/real_time" says that the wall is the time that counts, and "/threads:N" for how many. */
static void name_of(const json_t *run, const json_t *sample, const json_t *workload, char *out,
                    size_t size)
{
    char host[32] = "";
    char threads[48] = "";
    if (json_array_size(json_object_get(run, "hosts")) > 1) {
        snprintf(host, sizeof(host), "/host:%d", (int)pab_json_count(sample, "host"));
    }
    if (pab_json_is(workload, "clock", "wall")) {
        snprintf(threads, sizeof(threads), "/real_time/threads:%d",
                 (int)pab_json_count(workload, "threads"));
    }
    snprintf(out, size, "%s/backend:%s%s%s", pab_json_text(sample, "workload"),
             pab_json_text(sample, "backend"), host, threads);
}

/* NULL where it has no time: a row without one would crash compare.py. */
static json_t *benchmark_row(const json_t *run, const json_t *sample)
{
    double cpu_ns = pab_median_of_json(json_object_get(sample, "reps_cpu_ns"));
    double wall_ns = pab_median_of_json(json_object_get(sample, "reps_wall_ns"));
    double ops = json_number_value(json_object_get(sample, "ops"));
    if (!(cpu_ns > 0 && wall_ns > 0)) {
        return NULL;
    }
    char name[600];
    const json_t *backends = json_object_get(run, "backends");
    const json_t *workloads = json_object_get(run, "workloads");
    size_t family = index_of(workloads, pab_json_text(sample, "workload"));
    const json_t *workload = json_array_get(workloads, family);
    double counts_ns = pab_json_is(workload, "clock", "wall") ? wall_ns : cpu_ns;
    json_int_t threads = pab_json_count(workload, "threads");
    name_of(run, sample, workload, name, sizeof(name));
    size_t instance = index_of(backends, pab_json_text(sample, "backend")) +
                      (size_t)pab_json_count(sample, "host") * json_array_size(backends);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:O, s:O, s:I, s:O, s:f, s:f, s:s, s:f}", "name",
                     name, "run_name", name, "run_type", "iteration", "family_index",
                     (json_int_t)family, "per_family_instance_index", (json_int_t)instance,
                     "repetitions", json_object_get(run, "rounds"), "repetition_index",
                     json_object_get(sample, "round"), "threads", threads > 0 ? threads : 1,
                     "iterations", json_object_get(sample, "iterations"), "real_time", wall_ns,
                     "cpu_time", cpu_ns, "time_unit", "ns", "items_per_second",
                     ops / counts_ns * 1e9);
}

static bool is_good_time_sample(const json_t *run, const json_t *sample)
{
    const json_t *workloads = json_object_get(run, "workloads");
    const json_t *backends = json_object_get(run, "backends");
    size_t workload = index_of(workloads, pab_json_text(sample, "workload"));
    size_t backend = index_of(backends, pab_json_text(sample, "backend"));
    const json_t *known =
        pab_variant_for(json_array_get(workloads, workload), json_array_get(backends, backend));
    return pab_json_is(sample, "pass", "time") &&
           json_equal(json_object_get(sample, "checksum"), json_object_get(known, "checksum"));
}

json_t *pab_derive_benchmarks(const json_t *run)
{
    json_t *out = json_array();
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(json_object_get(run, "samples"), index, sample)
    {
        json_t *row = is_good_time_sample(run, sample) ? benchmark_row(run, sample) : NULL;
        if (row != NULL) {
            json_array_append_new(out, row);
        }
    }
    return out;
}

/* --- summary, suite, control ------------------------------------------------------------------ */

static bool is_timed(const struct pab_reading *reading)
{
    for (size_t i = 0; i < pab_reading_places(reading); i++) {
        struct pab_row_place place = pab_reading_place(reading, i);
        if (!isnan(place.ns_per_op)) {
            return true;
        }
    }
    return false;
}

/* The baseline against itself; null where nothing was timed. */
static json_t *control_of(struct pab_reading *reading)
{
    if (!is_timed(reading)) {
        return json_null();
    }
    struct pab_control *control = pab_control_make(reading);
    json_t *out = pab_control_json(control);
    pab_control_free(control);
    return out;
}

json_t *pab_derive_control(const json_t *run)
{
    struct pab_reading *reading = NULL;
    if (pab_reading_of_run(run, &reading, NULL) != PAB_OK) {
        return json_null();
    }
    json_t *control = control_of(reading);
    pab_reading_close(reading);
    return control;
}

void pab_derive(json_t *run)
{
    struct pab_reading *reading = NULL;
    json_t *control = json_null();
    json_t *summary = json_array();
    json_t *suite = json_array();
    /* What no reader would take, such as a journal that was edited, has no figures to derive. */
    if (pab_reading_of_run(run, &reading, NULL) == PAB_OK) {
        control = control_of(reading);
        pab_summary_add(reading, summary, suite);
        pab_reading_close(reading);
    }
    json_object_set_new(json_object_get(run, "noise"), "control", control);
    json_object_set_new(run, "summary", summary);
    json_object_set_new(run, "suite", suite);
    json_object_set_new(run, "blowup", pab_blowup_rows(run));
}

enum pab_status pab_derive_expect(const json_t *run, struct pab_error *err)
{
    size_t samples = json_array_size(json_object_get(run, "samples"));
    bool has_figure = samples == 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "summary"), index, row)
    {
        has_figure |= json_is_number(json_object_get(row, "median"));
    }
    struct pab_reading *reading = NULL;
    if (has_figure) {
        return PAB_OK;
    }
    if (pab_reading_of_run(run, &reading, err) != PAB_OK) {
        return PAB_BAD_DATA;
    }
    pab_reading_close(reading);
    return pab_fail(err, PAB_BAD_DATA, "none of its %zu samples is good", samples);
}
