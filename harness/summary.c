#include "harness/summary.h"

#include "allocators/status.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <string.h>

#define LEVEL 0.95 /* of every interval */

enum metric {
    METRIC_CPU,
    METRIC_WALL,
    METRIC_COLD,
    METRIC_PEAK,
    METRIC_F_PEAK,
    METRIC_F_TIME,
    METRIC_F_RET,
    METRIC_INTERNAL,
    METRIC_COUNT,
};

static const char *const metric_names[METRIC_COUNT] = {
    "cpu_ns_per_op", "wall_ns_per_op", "cold_ns_per_op", "peak_rss_bytes",
    "f_peak",        "f_time",         "f_ret",          "internal",
};

static bool is_time(enum metric metric)
{
    return metric <= METRIC_COLD;
}

/* The samples of one (workload, backend) that count; NAN where a metric has no value. */
struct series {
    double *values[METRIC_COUNT]; /* by index into `rounds` */
    int *rounds;
    size_t count;
};

struct table {
    const struct pab_summary_input *input;
    size_t workload_count, backend_count;
    struct series *cells; /* [workload][backend] */
    size_t baseline;
};

static struct series *cell_of(const struct table *table, size_t workload, size_t backend)
{
    return &table->cells[workload * table->backend_count + backend];
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static const char *id_at(const json_t *array, size_t index)
{
    return text_of(json_array_get(array, index), "id");
}

static size_t find_id(const json_t *array, const char *id)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(id_at(array, i), id) == 0) {
            return i;
        }
    }
    return count;
}

/* --- which samples count, and their values -------------------------------------------------- */

/* A null in a row of failures stands for all. */
static bool names(const json_t *failure, const char *key, const json_t *value)
{
    const json_t *named = json_object_get(failure, key);
    return named == NULL || json_is_null(named) || json_equal(named, value);
}

const json_t *pab_variant_for(const json_t *workload, const json_t *backend)
{
    const json_t *gc = json_object_get(backend, "gc");
    const json_t *own = json_object_get(workload, "gc");
    if (gc == NULL || own == NULL || json_equal(gc, own)) {
        return workload;
    }
    size_t index = 0;
    json_t *variant = NULL;
    json_array_foreach(json_object_get(workload, "variants"), index, variant)
    {
        if (json_equal(json_object_get(variant, "gc"), gc)) {
            return variant;
        }
    }
    return NULL;
}

/* `known`: the row that says what must come out. */
static bool counts(const struct table *table, const json_t *sample, const json_t *known)
{
    const char *key = strcmp(text_of(sample, "pass"), "time") == 0 ? "checksum" : "memory_checksum";
    if (json_integer_value(json_object_get(sample, "exit")) != 0 ||
        json_integer_value(json_object_get(sample, "signal")) != 0 ||
        strcmp(text_of(sample, "checksum"), text_of(known, key)) != 0) {
        return false;
    }
    size_t index = 0;
    json_t *failure = NULL;
    json_array_foreach(table->input->failures, index, failure)
    {
        if (names(failure, "workload", json_object_get(sample, "workload")) &&
            names(failure, "backend", json_object_get(sample, "backend")) &&
            names(failure, "pass", json_object_get(sample, "pass")) &&
            names(failure, "round", json_object_get(sample, "round"))) {
            return false;
        }
    }
    return true;
}

static double number_or_nan(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double pab_median_of_json(const json_t *numbers)
{
    double values[64];
    size_t count = json_array_size(numbers);
    if (count == 0 || count > ARRAY_COUNT(values)) {
        return NAN;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = json_number_value(json_array_get(numbers, i));
    }
    return pab_median(values, count);
}

static double kept_at_once(const json_t *f_ret)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(f_ret, index, item)
    {
        if (json_integer_value(json_object_get(item, "after_ms")) == 0) {
            return number_or_nan(json_object_get(item, "value"));
        }
    }
    return NAN;
}

static void read_values(const json_t *sample, double out[METRIC_COUNT])
{
    double ops = json_number_value(json_object_get(sample, "ops"));
    const json_t *mem = json_object_get(sample, "mem");
    out[METRIC_CPU] = pab_median_of_json(json_object_get(sample, "reps_cpu_ns")) / ops;
    out[METRIC_WALL] = pab_median_of_json(json_object_get(sample, "reps_wall_ns")) / ops;
    out[METRIC_COLD] = number_or_nan(json_object_get(sample, "cold_ns")) / ops;
    out[METRIC_PEAK] = number_or_nan(json_object_get(mem, "peak_rss_bytes"));
    out[METRIC_F_PEAK] = number_or_nan(json_object_get(mem, "f_peak"));
    out[METRIC_F_TIME] = number_or_nan(json_object_get(mem, "f_time"));
    out[METRIC_F_RET] = kept_at_once(json_object_get(mem, "f_ret"));
    out[METRIC_INTERNAL] = number_or_nan(json_object_get(mem, "internal"));
}

static void series_add(struct series *series, int round, const double values[METRIC_COUNT])
{
    size_t bytes = (series->count + 1) * sizeof(double);
    series->rounds = realloc(series->rounds, (series->count + 1) * sizeof(int));
    PAB_CHECK(series->rounds != NULL);
    series->rounds[series->count] = round;
    for (int m = 0; m < METRIC_COUNT; m++) {
        series->values[m] = realloc(series->values[m], bytes);
        PAB_CHECK(series->values[m] != NULL);
        series->values[m][series->count] = values[m];
    }
    series->count++;
}

static void table_fill(struct table *table)
{
    const struct pab_summary_input *input = table->input;
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(input->samples, index, sample)
    {
        size_t workload = find_id(input->workloads, text_of(sample, "workload"));
        size_t backend = find_id(input->backends, text_of(sample, "backend"));
        if (workload < table->workload_count && backend < table->backend_count &&
            counts(table, sample,
                   pab_variant_for(json_array_get(input->workloads, workload),
                                   json_array_get(input->backends, backend)))) {
            double values[METRIC_COUNT];
            read_values(sample, values);
            series_add(cell_of(table, workload, backend),
                       (int)json_integer_value(json_object_get(sample, "round")), values);
        }
    }
}

static void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->workload_count * table->backend_count; i++) {
        free(table->cells[i].rounds);
        for (int m = 0; m < METRIC_COUNT; m++) {
            free(table->cells[i].values[m]);
        }
    }
    free(table->cells);
}

/* --- rows ----------------------------------------------------------------------------------- */

/* A growing list of numbers. */
struct numbers {
    double *at;
    size_t count;
};

static void numbers_add(struct numbers *numbers, double value)
{
    numbers->at = realloc(numbers->at, (numbers->count + 1) * sizeof(double));
    PAB_CHECK(numbers->at != NULL);
    numbers->at[numbers->count++] = value;
}

static struct numbers present(const struct series *series, enum metric metric)
{
    struct numbers out = {0};
    for (size_t i = 0; i < series->count; i++) {
        if (!isnan(series->values[metric][i])) {
            numbers_add(&out, series->values[metric][i]);
        }
    }
    return out;
}

static double value_in_round(const struct series *series, enum metric metric, int round)
{
    for (size_t i = 0; i < series->count; i++) {
        if (series->rounds[i] == round && !isnan(series->values[metric][i])) {
            return series->values[metric][i];
        }
    }
    return NAN;
}

/* ln(backend / baseline) for every round that has both. */
static struct numbers paired_logs(const struct series *series, const struct series *baseline,
                                  enum metric metric)
{
    struct numbers out = {0};
    for (size_t i = 0; i < series->count; i++) {
        double base = value_in_round(baseline, metric, series->rounds[i]);
        double value = series->values[metric][i];
        if (base > 0 && value > 0) {
            numbers_add(&out, log(value / base));
        }
    }
    return out;
}

struct ratio {
    double value, lo, hi; /* NAN: undefined */
};

static const struct ratio no_ratio = {NAN, NAN, NAN};

static struct ratio ratio_of_interval(struct pab_interval interval)
{
    return (struct ratio){
        .value = exp(interval.estimate),
        .lo = interval.has_interval ? exp(interval.lo) : NAN,
        .hi = interval.has_interval ? exp(interval.hi) : NAN,
    };
}

static struct ratio ratio_of_medians(const struct series *series, const struct series *baseline,
                                     enum metric metric)
{
    struct numbers mine = present(series, metric);
    struct numbers base = present(baseline, metric);
    struct ratio out = no_ratio;
    if (mine.count > 0 && base.count > 0) {
        double top = pab_median(mine.at, mine.count);
        double bottom = pab_median(base.at, base.count);
        if (top > 0 && bottom > 0) {
            out.value = top / bottom;
        }
    }
    free(mine.at);
    free(base.at);
    return out;
}

static struct ratio ratio_of(const struct table *table, size_t workload, size_t backend,
                             enum metric metric)
{
    const struct series *series = cell_of(table, workload, backend);
    const struct series *baseline = cell_of(table, workload, table->baseline);
    if (!is_time(metric)) {
        return ratio_of_medians(series, baseline, metric);
    }
    struct numbers logs = paired_logs(series, baseline, metric);
    struct ratio out = no_ratio;
    if (logs.count > 0) {
        out = ratio_of_interval(pab_hodges_lehmann(logs.at, logs.count, LEVEL));
    }
    free(logs.at);
    return out;
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *summary_row(const struct table *table, size_t workload, size_t backend,
                           enum metric metric)
{
    struct numbers values = present(cell_of(table, workload, backend), metric);
    struct ratio ratio = ratio_of(table, workload, backend, metric);
    double median = NAN;
    double mad = NAN;
    if (values.count > 0) {
        median = pab_median(values.at, values.count);
        mad = pab_mad(values.at, values.count);
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "workload",
                            id_at(table->input->workloads, workload), "backend",
                            id_at(table->input->backends, backend), "metric", metric_names[metric],
                            "n", (json_int_t)values.count, "median", real_or_null(median), "mad",
                            real_or_null(mad), "ratio", real_or_null(ratio.value), "lo",
                            real_or_null(ratio.lo), "hi", real_or_null(ratio.hi));
    free(values.at);
    return row;
}

/* The mean of a round's log ratios over `workloads`, for the rounds that have them all. */
static struct numbers suite_logs(const struct table *table, const bool *has, size_t backend,
                                 enum metric metric)
{
    struct numbers out = {0};
    size_t first = 0;
    while (first < table->workload_count && !has[first]) {
        first++;
    }
    if (first == table->workload_count) {
        return out;
    }
    const struct series *lead = cell_of(table, first, backend);
    for (size_t i = 0; i < lead->count; i++) {
        if (isnan(lead->values[metric][i])) {
            continue; /* of the memory pass, which counts rounds of its own */
        }
        double sum = 0;
        size_t count = 0;
        for (size_t w = 0; w < table->workload_count; w++) {
            if (has[w]) {
                int round = lead->rounds[i];
                sum += log(value_in_round(cell_of(table, w, backend), metric, round) /
                           value_in_round(cell_of(table, w, table->baseline), metric, round));
                count++;
            }
        }
        if (isfinite(sum)) {
            numbers_add(&out, sum / (double)count);
        }
    }
    return out;
}

/* Sets `*rounds` to how many went into it. */
static struct ratio suite_time(const struct table *table, const bool *has, size_t backend,
                               enum metric metric, size_t *rounds)
{
    struct numbers logs = suite_logs(table, has, backend, metric);
    struct ratio out = no_ratio;
    *rounds = logs.count;
    if (logs.count > 0) {
        out = ratio_of_interval(
            pab_suite_interval(logs.at, &logs.count, 1, table->input->seed, LEVEL));
    }
    free(logs.at);
    return out;
}

static const char *suite_method(enum metric metric, size_t rounds)
{
    if (!is_time(metric)) {
        return "quotients of medians";
    }
    return rounds <= PAB_SUITE_BOOTSTRAP_MAX ? "geometric mean, 10 % trimmed over rounds; BCa"
                                             : "geometric mean, 10 % trimmed over rounds; normal";
}

static json_t *suite_row(const struct table *table, size_t backend, enum metric metric)
{
    bool *has = calloc(table->workload_count + 1, sizeof(*has));
    PAB_CHECK(has != NULL);
    double log_sum = 0;
    size_t count = 0;
    for (size_t w = 0; w < table->workload_count; w++) {
        double ratio = ratio_of(table, w, backend, metric).value;
        has[w] = isfinite(ratio);
        if (has[w]) {
            log_sum += log(ratio);
            count++;
        }
    }
    struct ratio suite = no_ratio;
    size_t rounds = 0;
    if (is_time(metric)) {
        suite = suite_time(table, has, backend, metric, &rounds);
    } else if (count > 0) {
        suite.value = exp(log_sum / (double)count);
    }
    free(has);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:s}", "backend",
                     id_at(table->input->backends, backend), "metric", metric_names[metric],
                     "geomean_ratio", real_or_null(suite.value), "lo", real_or_null(suite.lo), "hi",
                     real_or_null(suite.hi), "n_workloads", (json_int_t)count, "method",
                     suite_method(metric, rounds));
}

void pab_summary_make(const struct pab_summary_input *input, json_t **summary, json_t **suite)
{
    static const enum metric suite_metrics[] = {METRIC_CPU, METRIC_WALL, METRIC_PEAK};
    struct table table = {
        .input = input,
        .workload_count = json_array_size(input->workloads),
        .backend_count = json_array_size(input->backends),
    };
    *summary = json_array();
    *suite = json_array();
    table.baseline = find_id(input->backends, input->baseline);
    if (table.workload_count == 0 || table.baseline == table.backend_count) {
        return; /* nothing was measured yet */
    }
    table.cells = calloc(table.workload_count * table.backend_count, sizeof(*table.cells));
    PAB_CHECK(table.cells != NULL);
    table_fill(&table);
    for (size_t w = 0; w < table.workload_count; w++) {
        for (size_t b = 0; b < table.backend_count; b++) {
            for (int m = 0; m < METRIC_COUNT; m++) {
                json_array_append_new(*summary, summary_row(&table, w, b, (enum metric)m));
            }
        }
    }
    for (size_t b = 0; b < table.backend_count; b++) {
        for (size_t i = 0; i < ARRAY_COUNT(suite_metrics); i++) {
            json_array_append_new(*suite, suite_row(&table, b, suite_metrics[i]));
        }
    }
    table_fini(&table);
}
