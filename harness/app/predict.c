#include "harness/app/predict.h"

#include "allocators/status.h"
#include "harness/json_text.h"

#include <math.h>
#include <stdbool.h>

static const json_t *find(const json_t *rows, const char *const keys[][2], size_t count)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        bool is_it = true;
        for (size_t i = 0; i < count; i++) {
            is_it = is_it && pab_json_is(row, keys[i][0], keys[i][1]);
        }
        if (is_it) {
            return row;
        }
    }
    return NULL;
}

static const json_t *find_summary(const json_t *run, const char *workload, const char *backend,
                                  const char *metric)
{
    const char *const keys[][2] = {
        {"workload", workload}, {"backend", backend}, {"metric", metric}};
    return find(json_object_get(run, "summary"), keys, ARRAY_COUNT(keys));
}

/* NAN: there is none. */
static double number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double or_zero(double value)
{
    return isfinite(value) ? value : 0;
}

/* --- figures of one replay -------------------------------------------------------------------- */

/* The mean over the samples of one cell; NAN: it has none. */
static double mean_of(const json_t *run, const char *workload, const char *backend,
                      const char *pass, double (*figure)(const json_t *sample))
{
    double sum = 0;
    unsigned count = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "samples"), index, row)
    {
        if (workload != NULL && pab_json_is(row, "workload", workload) &&
            pab_json_is(row, "backend", backend) && pab_json_is(row, "pass", pass)) {
            sum += figure(row);
            count++;
        }
    }
    return count > 0 ? sum / count : NAN;
}

static double cold_instructions(const json_t *sample)
{
    return number(json_object_get(sample, "figures"), "cold_body");
}

static double cold_ns(const json_t *sample)
{
    return number(sample, "cold_ns");
}

static double gained_bytes(const json_t *sample)
{
    const json_t *mem = json_object_get(sample, "mem");
    return number(mem, "peak_rss_bytes") - number(mem, "r0_bytes");
}

static double user_ns(const json_t *sample)
{
    return number(json_object_get(sample, "figures"), "user_ns");
}

static double system_ns(const json_t *sample)
{
    return number(json_object_get(sample, "figures"), "system_ns");
}

/* --- predictions ------------------------------------------------------------------------------ */

/* One measure of what replays do, and the program's own figure that its changes are shares of. */
struct measure {
    const char *metric;
    const char *by; /* "instructions", "time", "memory" */
    const char *pass;
    double (*figure)(const json_t *sample);
    const char *start;  /* the key in app.start[] of what a real beginning takes */
    double per_program; /* of one unit of the figure: what share of the program it is */
};

static double of_replay(const json_t *run, const struct measure *measure, const char *workload,
                        const char *backend)
{
    return mean_of(run, workload, backend, measure->pass, measure->figure);
}

static double changed(const json_t *run, const struct measure *measure, const char *workload,
                      const char *backend)
{
    return of_replay(run, measure, workload, backend) -
           of_replay(run, measure, workload, pab_json_text(run, "baseline"));
}

static double start_of(const json_t *run, const char *backend, const char *key)
{
    const char *const keys[][2] = {{"backend", backend}};
    const json_t *rows = json_object_get(json_object_get(run, "app"), "start");
    return number(find(rows, keys, 1), key);
}

/* What no replay sees, as a share of the program's figure `whole`. */
static double beginning(const json_t *run, const struct measure *measure,
                        const struct pab_predict_names *names, const char *backend, double whole)
{
    double truth = start_of(run, backend, measure->start) -
                   start_of(run, pab_json_text(run, "baseline"), measure->start);
    double seen = changed(run, measure, names->nothing, backend) * measure->per_program;
    return or_zero(truth / whole - or_zero(seen));
}

static json_t *row_of(const json_t *run, const struct measure *measure,
                      const struct pab_predict_names *names, const char *backend)
{
    const char *baseline = pab_json_text(run, "baseline");
    const json_t *truth = find_summary(run, names->program, backend, measure->metric);
    double whole = number(find_summary(run, names->program, baseline, measure->metric), "median");
    double share = of_replay(run, measure, names->replay, baseline) * measure->per_program;
    double predicted = changed(run, measure, names->replay, backend) * measure->per_program +
                       beginning(run, measure, names, backend, whole);
    double actual = number(truth, "ratio") - 1;
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "backend", backend, "metric",
                     measure->metric, "by", measure->by, "share", real_or_null(share), "predicted",
                     real_or_null(predicted), "actual", real_or_null(actual), "actual_lo",
                     real_or_null(number(truth, "lo") - 1), "actual_hi",
                     real_or_null(number(truth, "hi") - 1), "error",
                     real_or_null(predicted - actual));
}

static struct measure cpu_measure(const json_t *run, const struct pab_predict_names *names)
{
    const char *baseline = pab_json_text(run, "baseline");
    double instructions = number(json_object_get(run, "app"), "instructions");
    double user = mean_of(run, names->program, baseline, "app", user_ns);
    double system = mean_of(run, names->program, baseline, "app", system_ns);
    double cpu_ns = number(find_summary(run, names->program, baseline, "cpu_ns_per_op"), "median");
    bool is_counted = isfinite(instructions);
    return (struct measure){
        .metric = "cpu_ns_per_op",
        .by = is_counted ? "instructions" : "time",
        .pass = is_counted ? "instructions" : "time",
        .figure = is_counted ? cold_instructions : cold_ns,
        .start = "cpu_ns",
        .per_program = is_counted ? user / (user + system) / instructions : 1 / cpu_ns,
    };
}

static struct measure peak_measure(const json_t *run, const struct pab_predict_names *names)
{
    double peak =
        number(find_summary(run, names->program, pab_json_text(run, "baseline"), "peak_rss_bytes"),
               "median");
    return (struct measure){
        .metric = "peak_rss_bytes",
        .by = "memory",
        .pass = "memory",
        .figure = gained_bytes,
        .start = "peak_rss_bytes",
        .per_program = 1 / peak,
    };
}

json_t *pab_predict(const json_t *run, const struct pab_predict_names *names)
{
    const struct measure measures[] = {cpu_measure(run, names), peak_measure(run, names)};
    json_t *rows = json_array();
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        const char *id = pab_json_text(backend, "id");
        for (size_t i = 0; i < ARRAY_COUNT(measures) && !pab_json_is(run, "baseline", id); i++) {
            json_array_append_new(rows, row_of(run, &measures[i], names, id));
        }
    }
    return rows;
}
