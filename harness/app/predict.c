#include "harness/app/predict.h"

#include "allocators/status.h"
#include "harness/json_text.h"

#include <math.h>
#include <stdbool.h>

struct change {
    double value, lo, hi; /* NAN: not known */
};

static const json_t *find(const json_t *run, const char *workload, const char *backend,
                          const char *metric)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "summary"), index, row)
    {
        if (pab_json_is(row, "workload", workload) && pab_json_is(row, "backend", backend) &&
            pab_json_is(row, "metric", metric)) {
            return row;
        }
    }
    return NULL;
}

static double number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct change change_of(const json_t *row)
{
    return (struct change){number(row, "ratio") - 1, number(row, "lo") - 1, number(row, "hi") - 1};
}

/* A change of the part as one of the whole, and what comes to it. */
static struct change scaled(struct change part, double share, double more)
{
    return (struct change){part.value * share + more, part.lo * share + more,
                           part.hi * share + more};
}

/* Operations of one body of a workload; times are told by operation. */
static double ops_of(const json_t *run, const char *workload, const char *key)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, row)
    {
        if (pab_json_is(row, "id", workload)) {
            return number(row, key);
        }
    }
    return NAN;
}

/* CPU time of a program that does nothing; what is not known counts as no difference. */
static double start_of(const json_t *run, const char *backend)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(json_object_get(run, "app"), "start"), index, row)
    {
        if (pab_json_is(row, "backend", backend)) {
            return number(row, "cpu_ns");
        }
    }
    return NAN;
}

static double start_change(const json_t *run, const char *backend)
{
    double change = start_of(run, backend) - start_of(run, pab_json_text(run, "baseline"));
    return isfinite(change) ? change : 0;
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static const struct {
    const char *replay, *program; /* metrics */
    bool by_operation;
} pairs[] = {
    {"cold_ns_per_op", "cpu_ns_per_op", true},
    {"peak_rss_bytes", "peak_rss_bytes", false},
};

static json_t *row_of(const json_t *run, const char *program, const char *replay,
                      const char *backend, size_t pair)
{
    const char *baseline = pab_json_text(run, "baseline");
    const char *metric = pairs[pair].program;
    double operations = pairs[pair].by_operation ? ops_of(run, replay, "ops") : 1;
    double part = number(find(run, replay, baseline, pairs[pair].replay), "median") * operations;
    double whole = number(find(run, program, baseline, metric), "median");
    double start = pairs[pair].by_operation ? start_change(run, backend) / whole : 0;
    struct change predicted =
        scaled(change_of(find(run, replay, backend, pairs[pair].replay)), part / whole, start);
    struct change actual = change_of(find(run, program, backend, metric));
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "backend", backend, "metric", metric,
        "share", real_or_null(part / whole), "predicted", real_or_null(predicted.value),
        "predicted_lo", real_or_null(predicted.lo), "predicted_hi", real_or_null(predicted.hi),
        "actual", real_or_null(actual.value), "actual_lo", real_or_null(actual.lo), "actual_hi",
        real_or_null(actual.hi), "error", real_or_null(predicted.value - actual.value));
}

json_t *pab_predict(const json_t *run, const char *program, const char *replay)
{
    json_t *rows = json_array();
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        const char *id = pab_json_text(backend, "id");
        for (size_t i = 0; i < ARRAY_COUNT(pairs) && !pab_json_is(run, "baseline", id); i++) {
            json_array_append_new(rows, row_of(run, program, replay, id, i));
        }
    }
    return rows;
}
