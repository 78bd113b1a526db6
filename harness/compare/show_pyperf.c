/* harness/compare/show_pyperf.c -- a reading as a suite of pyperf, JSON version 1.0. */
#include "harness/compare/show.h"
#include "harness/json_text.h"

#include <string.h>

/* pyperf refuses an empty text. */
static void set_text(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0') {
        json_object_set_new(object, key, json_string(text));
    }
}

/* "2026-11-23 04:33:35" of "2026-11-23T04:33:35Z": pyperf reads no zone. */
static void set_date(json_t *object, const json_t *run)
{
    char text[20];
    snprintf(text, sizeof(text), "%.19s", pab_json_text(run, "started"));
    if (strlen(text) == 19) {
        text[10] = ' ';
        set_text(object, "date", text);
    }
}

static json_t *metadata_of_all(const json_t *run)
{
    const json_t *provenance = json_object_get(run, "provenance");
    json_t *cpus = json_object_get(provenance, "cpu_count");
    json_t *out =
        json_pack("{s:s, s:s}", "pyallocbench_schema", "pyallocbench-results/1", "unit", "second");
    set_text(out, "pyallocbench_run_id", pab_json_text(run, "run_id"));
    set_text(out, "pyallocbench_version", pab_json_text(provenance, "version"));
    const json_t *control = json_object_get(json_object_get(run, "noise"), "control");
    set_text(out, "pyallocbench_control", pab_json_text(control, "verdict"));
    set_text(out, "cpu_model_name", pab_json_text(provenance, "cpu_model"));
    set_text(out, "platform", pab_json_text(provenance, "kernel"));
    if (json_is_integer(cpus)) {
        json_object_set(out, "cpu_count", cpus);
    }
    set_date(out, run);
    return out;
}

/* pyperf takes no time of 0: such a value says that the clock is too coarse. */
static json_t *runs_of(const struct pab_series *series)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < series->count; i++) {
        if (series->values[i] > 0) {
            json_array_append_new(
                runs, json_pack("{s:{s:I}, s:[f]}", "metadata", "pyallocbench_round",
                                (json_int_t)series->rounds[i], "values", series->values[i] * 1e-9));
        }
    }
    return runs;
}

static json_t *metadata_of(const char *name, bool is_wall)
{
    return json_pack("{s:s, s:s, s:s}", "name", name, "pyallocbench_clock",
                     is_wall ? "wall" : "cpu", "description",
                     is_wall ? "wall time of one operation of threads that run at once; a value is "
                               "the median of one process"
                             : "CPU time of one operation; a value is the median of one process");
}

static void add_benchmark(json_t *benchmarks, struct pab_reading *reading, size_t workload,
                          size_t backend)
{
    const char *clock = pab_reading_clock(reading, workload);
    size_t metric = pab_reading_find_metric(reading, clock);
    if (metric == pab_reading_metrics(reading)) {
        return;
    }
    char name[600];
    json_t *runs =
        runs_of(pab_reading_series(reading, PAB_PART_SAMPLES, workload, backend, metric));
    snprintf(name, sizeof(name), "%s/%s", pab_reading_workload(reading, workload),
             pab_reading_backend(reading, backend));
    if (json_array_size(runs) == 0) {
        json_decref(runs);
        return;
    }
    bool is_wall = strcmp(clock, "wall_ns_per_op") == 0;
    json_array_append_new(
        benchmarks, json_pack("{s:o, s:o}", "metadata", metadata_of(name, is_wall), "runs", runs));
}

bool pab_show_pyperf(FILE *file, const void *arg)
{
    /* Series are built on demand, which no printer's caller minds. */
    struct pab_reading *reading = *(struct pab_reading *const *)arg;
    json_t *benchmarks = json_array();
    for (size_t w = 0; w < pab_reading_workloads(reading); w++) {
        for (size_t b = 0; b < pab_reading_backends(reading); b++) {
            add_benchmark(benchmarks, reading, w, b);
        }
    }
    json_t *suite = json_pack("{s:s, s:o, s:o}", "version", "1.0", "metadata",
                              metadata_of_all(pab_reading_run(reading)), "benchmarks", benchmarks);
    bool good = suite != NULL && json_dumpf(suite, file, JSON_INDENT(1)) == 0;
    json_decref(suite);
    fprintf(file, "\n");
    return good && ferror(file) == 0;
}
