/* harness/doctor_measure.c -- backends against themselves: what this machine lets a run find. */
#include "harness/doctor.h"
#include "harness/document.h"
#include "harness/experiment.h"
#include "harness/json_text.h"
#include "harness/scratch.h"
#include "harness/stats/stats.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* What a figure here stands for: a difference that a test at 1 % finds nine times in ten. */
#define ALPHA  0.01
#define POWER  0.9
#define WITHIN 120.0 /* seconds */
#define WANTED 0.01  /* the difference that people ask for */

#define LEVEL 0.95 /* of the intervals in noise.control */

/* The built-in allocator, and the floor: what is left of the noise without one. */
static const char *const subjects[] = {"pymalloc", "null"};

/* One look: how long, where its files go, and what ends it early. */
struct look {
    double seconds;
    const char *folder;
    const volatile int *interrupted;
};

/* A run as a user would make it, and its document. */
static enum pab_status run_subject(const struct look *look, const char *backend, json_t **out,
                                   struct pab_error *err)
{
    char path[PATH_MAX];
    static struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_experiment_result result;
    struct pab_request request = {
        .backends = backend,
        .workloads = pab_workload_at(0)->name,
        .preset = "sprint",
        .passes = "time",
        .budget_s = look->seconds,
    };
    snprintf(path, sizeof(path), "%s/doctor.json", look->folder);
    enum pab_status status = pab_plan_make(&plan, &request, err);
    if (status != PAB_OK) {
        return status;
    }
    status = pab_journal_create(path, pab_document_header(pab_plan_to_json(&plan), 0, NULL),
                                &journal, err);
    if (status == PAB_OK) {
        struct pab_experiment experiment = {
            .plan = &plan, .journal = journal, .interrupted = look->interrupted, .quiet = true};
        status = pab_experiment_run(&experiment, &result, err);
        *out = pab_document_make(pab_journal_record(journal), true);
        pab_journal_close(journal, false);
    }
    pab_plan_fini(&plan);
    return status;
}

/* Seconds from one round to the next; NAN with fewer than two. */
static double seconds_a_round(const json_t *run)
{
    const json_t *samples = json_object_get(run, "samples");
    size_t count = json_array_size(samples);
    if (count < 2) {
        return NAN;
    }
    const json_t *first = json_array_get(samples, 0);
    const json_t *last = json_array_get(samples, count - 1);
    double ms = (double)(pab_json_count(last, "started_ms") - pab_json_count(first, "started_ms"));
    return ms / 1000 / (double)(count - 1);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* SD of one pair's log ratio, as the interval shows it: outliers weigh as little as they do there.
 * NAN where there is no interval. */
static double spread_of_pairs(const json_t *row)
{
    struct pab_interval interval = {
        .estimate = log(number(row, "ratio")),
        .lo = log(number(row, "lo")),
        .hi = log(number(row, "hi")),
    };
    interval.has_interval = isfinite(interval.lo) && isfinite(interval.hi);
    return pab_standard_error(&interval, LEVEL) * sqrt(number(row, "n"));
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* What a run of these pairs can find: the numbers behind the words. */
struct power {
    double spread;         /* SD of a pair's log ratio */
    double round_s, found; /* found: the smallest difference within WITHIN seconds */
    double rounds;         /* for WANTED */
};

static struct power power_of(const json_t *run, const json_t *pairs)
{
    struct power power = {.spread = spread_of_pairs(pairs), .round_s = seconds_a_round(run)};
    double z = pab_normal_quantile(1 - ALPHA) + pab_normal_quantile(POWER);
    double error = power.spread / sqrt(WITHIN / power.round_s);
    power.rounds = ceil(pow(z * power.spread / log1p(WANTED), 2));
    power.found = isfinite(error) ? expm1(pab_detectable_effect(error, 0, ALPHA, POWER)) : NAN;
    return power;
}

static void say_power(json_t *rows, const char *name, const json_t *control, const json_t *pairs,
                      const struct power *power)
{
    bool has_failed = pab_json_is(control, "verdict", "failed");
    pab_doctor_add(rows, has_failed ? PAB_DOCTOR_BAD : PAB_DOCTOR_GOOD, name,
                   has_failed ? "something else moves the times: stop other work and look again"
                              : NULL,
                   "against itself %.3f [%.3f, %.3f] in %.0f pairs; processes differ by %.0f %%",
                   number(pairs, "ratio"), number(pairs, "lo"), number(pairs, "hi"),
                   number(pairs, "n"), 100 * power->spread / M_SQRT2);
    pab_doctor_add(rows, PAB_DOCTOR_GOOD, "  could find", NULL,
                   "%.1f %% in 2 minutes; 1 %% in %.0f rounds, %.1f minutes (9 times in 10, at "
                   "alpha 1 %%)",
                   100 * power->found, power->rounds, power->rounds * power->round_s / 60);
}

/* Adds what a subject's pairs say, in words and as figures. */
static void add_subject(json_t *rows, const char *name, const json_t *document)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    json_t *control = json_object_get(json_object_get(run, "noise"), "control");
    const json_t *pairs = json_array_get(json_object_get(control, "rows"), 0);
    struct power power = power_of(run, pairs);
    size_t place = json_array_size(rows);
    if (isfinite(power.found)) {
        say_power(rows, name, control, pairs, &power);
    } else {
        pab_doctor_add(rows, PAB_DOCTOR_NOTE, name, "give it more time: --measure=30s",
                       "pairs of samples: %.0f, too few", pairs == NULL ? 0.0 : number(pairs, "n"));
    }
    json_object_set_new(json_array_get(rows, place), "figures",
                        json_pack("{s:O?, s:o, s:o, s:o, s:o}", "control", control, "pair_spread",
                                  real_or_null(power.spread), "seconds_a_pair",
                                  real_or_null(power.round_s), "found_in_2_minutes",
                                  real_or_null(power.found), "rounds_for_1_percent",
                                  real_or_null(power.rounds)));
}

/* Whether the place within a pair matters. */
static void add_order(json_t *rows, const json_t *document)
{
    const json_t *noise = json_object_get(json_object_get(document, "pyallocbench"), "noise");
    const json_t *order = json_object_get(json_object_get(noise, "control"), "order");
    double p = number(order, "p");
    if (!(p >= 0)) {
        return;
    }
    bool matters = p < ALPHA;
    double change = number(order, "change");
    pab_doctor_add(rows, matters ? PAB_DOCTOR_NOTE : PAB_DOCTOR_GOOD, "order",
                   matters ? "the order within a round is random, so it favours nobody" : NULL,
                   "the second of a pair takes %.1f %% %s than the first (%s)", 100 * fabs(change),
                   change < 0 ? "less" : "more", matters ? "no chance" : "may be chance");
}

enum pab_status pab_doctor_measure(double seconds, const volatile int *interrupted, json_t **rows,
                                   struct pab_error *err)
{
    char folder[PATH_MAX - sizeof("/doctor.json")];
    enum pab_status status = pab_scratch_make("doctor", folder, sizeof(folder), err);
    if (status != PAB_OK) {
        return status;
    }
    const size_t count = ARRAY_COUNT(subjects);
    struct look look = {
        .seconds = seconds / (double)count, .folder = folder, .interrupted = interrupted};
    *rows = json_array();
    for (size_t i = 0; i < count && status == PAB_OK && *interrupted == 0; i++) {
        json_t *document = NULL;
        status = run_subject(&look, subjects[i], &document, err);
        if (document != NULL) {
            add_subject(*rows, subjects[i], document);
        }
        if (document != NULL && i == 0) {
            add_order(*rows, document);
        }
        json_decref(document);
    }
    rmdir(folder);
    if (status != PAB_OK) {
        json_decref(*rows);
        *rows = NULL;
    }
    return status;
}
