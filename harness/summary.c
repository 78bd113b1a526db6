#include "harness/summary.h"

#include "allocators/status.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <string.h>

#define LEVEL 0.95 /* of every interval */

/* What is being summed up: one machine's part of a reading. */
struct part {
    struct pab_reading *reading;
    size_t workloads, backends, baseline;
    size_t host;
    uint64_t seed; /* of the resamples */
};

/* --- values of a cell on one machine ---------------------------------------------------------- */

/* Ascending by round; borrowed from the reading. */
struct values {
    const double *at;
    const uint32_t *rounds;
    size_t count;
};

static struct values values_of(const struct part *part, size_t workload, size_t backend,
                               size_t metric)
{
    const struct pab_series *series =
        pab_reading_series(part->reading, PAB_PART_SAMPLES, workload, backend, metric);
    size_t first = 0;
    while (first < series->count && series->hosts[first] < part->host) {
        first++;
    }
    size_t end = first;
    while (end < series->count && series->hosts[end] == part->host) {
        end++;
    }
    return end == first
               ? (struct values){0}
               : (struct values){series->values + first, series->rounds + first, end - first};
}

struct spread {
    double median, mad; /* NAN without values */
};

static struct spread spread_of(struct values values)
{
    struct spread out = {NAN, NAN};
    if (values.count > 0) {
        double *copy = malloc(values.count * sizeof(*copy));
        PAB_CHECK(copy != NULL);
        memcpy(copy, values.at, values.count * sizeof(*copy));
        out.median = pab_median(copy, values.count);
        out.mad = pab_mad(copy, values.count);
        free(copy);
    }
    return out;
}

/* --- ratios ----------------------------------------------------------------------------------- */

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

/* One number a round, ascending. */
struct logs {
    double *at;
    uint32_t *rounds;
    size_t count;
};

static void logs_fini(struct logs *logs)
{
    free(logs->at);
    free(logs->rounds);
}

/* ln(backend / baseline) for every round that has both. */
static struct logs paired_logs(struct values mine, struct values base)
{
    struct logs out = {
        .at = malloc((mine.count + 1) * sizeof(*out.at)),
        .rounds = malloc((mine.count + 1) * sizeof(*out.rounds)),
    };
    PAB_CHECK(out.at != NULL && out.rounds != NULL);
    size_t b = 0;
    for (size_t i = 0; i < mine.count; i++) {
        while (b < base.count && base.rounds[b] < mine.rounds[i]) {
            b++;
        }
        if (b < base.count && base.rounds[b] == mine.rounds[i] && base.at[b] > 0 &&
            mine.at[i] > 0) {
            out.at[out.count] = log(mine.at[i]) - log(base.at[b]); /* their quotient may overflow */
            out.rounds[out.count++] = mine.rounds[i];
        }
    }
    return out;
}

static struct logs logs_of(const struct part *part, size_t workload, size_t backend, size_t metric)
{
    return paired_logs(values_of(part, workload, backend, metric),
                       values_of(part, workload, part->baseline, metric));
}

static bool is_time(const struct part *part, size_t metric)
{
    return pab_reading_metric(part->reading, metric)->family == PAB_FAMILY_TIME;
}

static struct ratio ratio_of_medians(const struct part *part, size_t workload, size_t backend,
                                     size_t metric)
{
    double top = spread_of(values_of(part, workload, backend, metric)).median;
    double bottom = spread_of(values_of(part, workload, part->baseline, metric)).median;
    struct ratio out = no_ratio;
    if (top > 0 && bottom > 0) {
        out.value = top / bottom;
    }
    return out;
}

static struct ratio ratio_of(const struct part *part, size_t workload, size_t backend,
                             size_t metric)
{
    if (!is_time(part, metric)) {
        return ratio_of_medians(part, workload, backend, metric);
    }
    struct logs logs = logs_of(part, workload, backend, metric);
    struct ratio out = no_ratio;
    if (logs.count > 0) {
        out = ratio_of_interval(pab_hodges_lehmann(logs.at, logs.count, LEVEL));
    }
    logs_fini(&logs);
    return out;
}

/* --- rows ------------------------------------------------------------------------------------- */

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Machines are kept apart: where there are several, each row says which it is of. */
static void add_row(const struct part *part, json_t *rows, json_t *row)
{
    if (pab_reading_hosts(part->reading) > 1) {
        json_object_set_new(row, "host", json_integer((json_int_t)part->host));
    }
    json_array_append_new(rows, row);
}

static void add_cell(const struct part *part, json_t *rows, size_t workload, size_t backend)
{
    size_t metrics = pab_reading_metrics(part->reading);
    for (size_t m = 0; m < metrics; m++) {
        const struct pab_metric *metric = pab_reading_metric(part->reading, m);
        struct values values = values_of(part, workload, backend, m);
        if (values.count == 0 && strchr(metric->name, '.') != NULL) {
            continue; /* what a pass names, and this cell does not have */
        }
        struct spread spread = spread_of(values);
        struct ratio ratio = ratio_of(part, workload, backend, m);
        add_row(part, rows,
                json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "workload",
                          pab_reading_workload(part->reading, workload), "backend",
                          pab_reading_backend(part->reading, backend), "metric", metric->name, "n",
                          (json_int_t)values.count, "median", real_or_null(spread.median), "mad",
                          real_or_null(spread.mad), "ratio", real_or_null(ratio.value), "lo",
                          real_or_null(ratio.lo), "hi", real_or_null(ratio.hi)));
    }
}

/* Adds `more` to the rounds that both have, and drops the others. */
static void join_logs(struct logs *logs, const struct logs *more)
{
    size_t kept = 0;
    size_t m = 0;
    for (size_t i = 0; i < logs->count; i++) {
        while (m < more->count && more->rounds[m] < logs->rounds[i]) {
            m++;
        }
        if (m < more->count && more->rounds[m] == logs->rounds[i]) {
            logs->at[kept] = logs->at[i] + more->at[m];
            logs->rounds[kept++] = logs->rounds[i];
        }
    }
    logs->count = kept;
}

#define OWN_CLOCK SIZE_MAX /* in place of a metric: of each workload the time that speaks for it */

static size_t metric_on(const struct part *part, size_t workload, size_t metric)
{
    return metric != OWN_CLOCK
               ? metric
               : pab_reading_find_metric(part->reading, pab_reading_clock(part->reading, workload));
}

/* The mean of a round's log ratios over the workloads of means that have any, for the rounds that have them
 * all. Sets `*workloads` to how many these are. */
static struct logs suite_logs(const struct part *part, size_t backend, size_t metric,
                              size_t *workloads)
{
    struct logs out = {0};
    *workloads = 0;
    for (size_t w = 0; w < part->workloads; w++) {
        if (!pab_reading_is_in_means(part->reading, w)) {
            continue;
        }
        struct logs logs = logs_of(part, w, backend, metric_on(part, w, metric));
        if (logs.count == 0) {
            logs_fini(&logs);
        } else if ((*workloads)++ == 0) {
            out = logs;
        } else {
            join_logs(&out, &logs);
            logs_fini(&logs);
        }
    }
    for (size_t i = 0; i < out.count; i++) {
        out.at[i] /= (double)*workloads;
    }
    return out;
}

struct suite {
    struct ratio ratio;
    size_t workloads;
    const char *method;
};

static struct suite suite_of_times(const struct part *part, size_t backend, size_t metric)
{
    struct suite out = {.ratio = no_ratio};
    struct logs logs = suite_logs(part, backend, metric, &out.workloads);
    out.method = logs.count <= PAB_SUITE_BOOTSTRAP_MAX
                     ? "geometric mean, 10 % trimmed over rounds; BCa"
                     : "geometric mean, 10 % trimmed over rounds; normal";
    if (logs.count > 0) {
        out.ratio =
            ratio_of_interval(pab_suite_interval(logs.at, &logs.count, 1, part->seed, LEVEL));
    }
    logs_fini(&logs);
    return out;
}

static struct suite suite_of_medians(const struct part *part, size_t backend, size_t metric)
{
    struct suite out = {.ratio = no_ratio, .method = "quotients of medians"};
    double log_sum = 0;
    for (size_t w = 0; w < part->workloads; w++) {
        double ratio = ratio_of_medians(part, w, backend, metric).value;
        if (isfinite(ratio) && pab_reading_is_in_means(part->reading, w)) {
            log_sum += log(ratio);
            out.workloads++;
        }
    }
    if (out.workloads > 0) {
        out.ratio.value = exp(log_sum / (double)out.workloads);
    }
    return out;
}

static void add_suite(const struct part *part, json_t *rows, size_t backend)
{
    static const char *const metrics[] = {"cpu_ns_per_op", "wall_ns_per_op", PAB_METRIC_CLOCK,
                                          "peak_rss_bytes"};
    bool is_mixed = pab_reading_mixed_clock(part->reading) != NULL;
    for (size_t i = 0; i < ARRAY_COUNT(metrics); i++) {
        bool is_clock = strcmp(metrics[i], PAB_METRIC_CLOCK) == 0;
        if (is_clock && !is_mixed) {
            continue; /* it would say again what one of the other two says */
        }
        size_t metric = is_clock ? OWN_CLOCK : pab_reading_find_metric(part->reading, metrics[i]);
        struct suite suite = is_clock || is_time(part, metric)
                                 ? suite_of_times(part, backend, metric)
                                 : suite_of_medians(part, backend, metric);
        add_row(part, rows,
                json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:s}", "backend",
                          pab_reading_backend(part->reading, backend), "metric", metrics[i],
                          "geomean_ratio", real_or_null(suite.ratio.value), "lo",
                          real_or_null(suite.ratio.lo), "hi", real_or_null(suite.ratio.hi),
                          "n_workloads", (json_int_t)suite.workloads, "method", suite.method));
    }
}

void pab_summary_add(struct pab_reading *reading, json_t *summary, json_t *suite)
{
    const json_t *run = pab_reading_run(reading);
    const char *baseline = json_string_value(json_object_get(run, "baseline"));
    struct part part = {
        .reading = reading,
        .workloads = pab_reading_workloads(reading),
        .backends = pab_reading_backends(reading),
        .baseline = pab_reading_find_backend(reading, baseline == NULL ? "" : baseline),
        .seed = (uint64_t)json_integer_value(json_object_get(run, "seed")),
    };
    if (part.workloads == 0 || part.baseline == part.backends) {
        return; /* nothing was measured yet */
    }
    for (; part.host < pab_reading_hosts(reading); part.host++) {
        for (size_t w = 0; w < part.workloads; w++) {
            for (size_t b = 0; b < part.backends; b++) {
                add_cell(&part, summary, w, b);
            }
        }
        for (size_t b = 0; b < part.backends; b++) {
            add_suite(&part, suite, b);
        }
    }
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
