/* tests/conformance/long_run/steady.c -- a live set that does not grow, replaced at random for
 * long: neither does what the process holds. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sort.h"
#include "tests/conformance/support/subject.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS       5000u
#define STEPS       (PAB_CHECK_LEVEL >= 3 ? 20000u : 1000000u) /* that level reads all, often */
#define SAMPLES     200
#define WATCHED     150 /* the last ones; the first quarter warms up */
#define PAIRS       (WATCHED * (WATCHED - 1) / 2)
#define DRIFT_LIMIT 0.01 /* of what is held, in DRIFT_STEPS */
#define DRIFT_STEPS 1e7
#define SLACK_BYTES (2048.0 * 1024) /* caches that fill slowly, and how exact the counts are */

/* With threads that may free each other's blocks, samples are made by two in turn. */
struct steady {
    struct pab_subject subject;
    struct pab_check_run *run;
    uint64_t sample_steps;
    struct pab_rng rng;
    size_t start_rss;
    double held[SAMPLES]; /* bytes resident beyond the start */
    void *blocks[SLOTS];
    double slopes[PAIRS];
};

static struct steady steady;

/* As objects are; one in 64 is larger. */
static size_t draw_size(void)
{
    uint32_t kind = pab_rng_below(&steady.rng, 64);
    return 1 + pab_rng_below(&steady.rng, kind == 0 ? 8192 : 512);
}

static bool make_sample(size_t index)
{
    for (uint64_t i = 0; i < steady.sample_steps; i++) {
        void **slot = &steady.blocks[pab_rng_below(&steady.rng, SLOTS)];
        size_t size = draw_size();
        pab_subject_free(&steady.subject, *slot);
        *slot = pab_subject_malloc(&steady.subject, size);
        if (*slot == NULL) {
            return pab_wrong(steady.run, "NULL for %zu bytes, %u blocks live", size, SLOTS);
        }
        memset(*slot, 1, size);
    }
    size_t now = pab_process_rss_bytes();
    steady.held[index] = now > steady.start_rss ? (double)(now - steady.start_rss) : 0;
    steady.run->ops_done += steady.sample_steps;
    if (steady.run->progress != NULL) {
        steady.run->progress(steady.run->ops_done, steady.sample_steps * SAMPLES);
    }
    return true;
}

static void steady_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        if (sample % team->count == index && !team->is_over && !make_sample(sample)) {
            team->is_over = true;
        }
        pthread_barrier_wait(&team->start);
    }
}

static bool make_samples(size_t threads)
{
    static struct pab_team team;
    if (threads > 1) {
        team.run = steady.run;
        return pab_team_run(&team, threads, steady_member, NULL);
    }
    bool holds = true;
    for (size_t sample = 0; holds && sample < SAMPLES; sample++) {
        holds = make_sample(sample);
    }
    return holds;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Theil and Sen: the median of the slopes between all pairs of points, which a few steps up or
 * down do not move. Bytes from one sample to the next. */
static double median_slope(void)
{
    const double *held = steady.held + SAMPLES - WATCHED;
    size_t pairs = 0;
    for (size_t i = 0; i < WATCHED; i++) {
        for (size_t j = i + 1; j < WATCHED; j++) {
            steady.slopes[pairs++] = (held[j] - held[i]) / (double)(j - i);
        }
    }
    pab_sort(steady.slopes, pairs, sizeof(*steady.slopes), by_value);
    return steady.slopes[pairs / 2];
}

static enum pab_verdict steady_run(struct pab_check_run *run)
{
    size_t threads = (run->heap->backend->caps & PAB_CAP_THREADS) != 0 ? 2 : 1;
    steady.run = run;
    pab_process_avoid_huge_pages();
    steady.sample_steps = pab_budget(run, STEPS, 0) / SAMPLES + 1;
    pab_subject_init(&steady.subject, run->heap);
    pab_rng_seed(&steady.rng, run->seed);
    memset(steady.held, 0, sizeof(steady.held));
    memset(steady.blocks, 0xff, sizeof(steady.blocks));
    memset(steady.blocks, 0, sizeof(steady.blocks));
    steady.start_rss = pab_process_rss_bytes();
    if (!make_samples(threads)) {
        return pab_judge(run, false);
    }
    double held = steady.held[SAMPLES - WATCHED];
    double steps = (double)steady.sample_steps * WATCHED;
    double drift = median_slope() * WATCHED;
    double kernels = (double)pab_process_rss_slack();
    double limit =
        DRIFT_LIMIT * held * steps / DRIFT_STEPS + (kernels > SLACK_BYTES ? kernels : SLACK_BYTES);
    pab_compared(run,
                 "%.0f KiB held, drift %+.0f KiB in %.0f steps by %zu thread%s (Theil-Sen over %d "
                 "samples), allowed %.0f KiB",
                 held / 1024, drift / 1024, steps, threads, threads == 1 ? "" : "s in turn",
                 WATCHED, limit / 1024);
    if (drift > limit) {
        pab_wrong(run, "%u live blocks, but what is held drifts by %+.0f KiB in %.0f steps", SLOTS,
                  drift / 1024, steps);
    }
    return pab_judge(run, drift <= limit);
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-04",
        .summary = "a constant live set, replaced at random for long, does not make it grow",
        .source = "the suite's own: at most 1 % in 10,000,000 steps",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .admit = pab_team_admit,
        .run = steady_run,
    },
};

const struct pab_check_group pab_checks_steady = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
