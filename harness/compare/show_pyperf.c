/* harness/compare/show_pyperf.c -- a reading as a suite of pyperf, JSON version 1.0. */
#include "harness/compare/show.h"
#include "harness/json_text.h"

/* "2026-11-23 04:33:35" of "2026-11-23T04:33:35Z": pyperf reads no zone. */
static json_t *date_of(const json_t *run)
{
    char text[20];
    snprintf(text, sizeof(text), "%.19s", pab_json_text(run, "started"));
    if (strlen(text) > 10) {
        text[10] = ' ';
    }
    return json_string(text);
}

static json_t *metadata_of_all(const json_t *run)
{
    const json_t *provenance = json_object_get(run, "provenance");
    json_t *out = json_pack("{s:s, s:s, s:s, s:s}", "pyallocbench_run_id",
                            pab_json_text(run, "run_id"), "unit", "second", "description",
                            "CPU time of one operation; a value is the median of one process",
                            "pyallocbench_version", pab_json_text(provenance, "version"));
    static const struct {
        const char *ours, *theirs;
    } names[] = {{"cpu_model", "cpu_model_name"}, {"kernel", "platform"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const char *text = pab_json_text(provenance, names[i].ours);
        if (text[0] != '\0') {
            json_object_set_new(out, names[i].theirs, json_string(text));
        }
    }
    json_t *cpus = json_object_get(provenance, "cpu_count");
    if (json_is_integer(cpus)) {
        json_object_set(out, "cpu_count", cpus);
    }
    json_object_set_new(out, "date", date_of(run));
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

static void add_benchmark(json_t *benchmarks, struct pab_reading *reading, size_t workload,
                          size_t backend)
{
    size_t metric = pab_reading_find_metric(reading, "cpu_ns_per_op");
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
    json_array_append_new(benchmarks,
                          json_pack("{s:{s:s}, s:o}", "metadata", "name", name, "runs", runs));
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
