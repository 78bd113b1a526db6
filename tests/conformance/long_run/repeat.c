/* tests/conformance/long_run/repeat.c -- whether a run can be had again: same seed, one thread,
 * fixed address space, two processes. */
#include "tests/conformance/fresh/fresh.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"
#include "workloads/support/rng.h"

#include <string.h>

#define STEPS      30000u
#define SLOTS      512u
#define STRETCHES  16u
#define TIMEOUT_MS 20000u

/* A run's checksum after each stretch of it. */
struct sums {
    uint64_t at[STRETCHES];
};

/* --- C libraries: fresh processes --------------------------------------------------------------- */

static enum pab_fresh_end trace_fresh(const struct pab_check_run *run, uint64_t steps,
                                      struct sums *out, char *text, size_t size)
{
    struct pab_fresh fresh = {
        .attach = PAB_FRESH_PRELOAD,
        .scenario = "trace",
        .numbers = {run->seed, steps},
        .has_fixed_addresses = true,
        .timeout_ms = TIMEOUT_MS + (unsigned)(steps / 1000),
    };
    enum pab_fresh_end end = pab_fresh_run(run->heap, &fresh, text, size);
    char *at = text;
    for (size_t i = 0; i < STRETCHES && end == PAB_FRESH_HELD; i++) {
        out->at[i] = strtoull(at, &at, 16);
    }
    return end;
}

/* --- other heaps: two children of one worker ------------------------------------------------------ */

struct trace {
    struct pab_subject subject;
    uint64_t seed, steps;
    struct sums *sums; /* shared with the child */
    void *blocks[SLOTS];
};

static struct trace trace;

static uint64_t trace_step(struct pab_rng *rng, uint64_t sum)
{
    void **slot = &trace.blocks[pab_rng_below(rng, SLOTS)];
    size_t size = 1 + pab_rng_below(rng, pab_rng_below(rng, 16) == 0 ? 5000 : 512);
    if (*slot != NULL) {
        pab_subject_free(&trace.subject, *slot);
        *slot = NULL;
        return sum;
    }
    *slot = pab_subject_malloc(&trace.subject, size);
    return pab_checksum_add(sum, (uintptr_t)*slot);
}

static int trace_body(void *arg)
{
    (void)arg;
    struct pab_rng rng;
    uint64_t sum = 0;
    pab_rng_seed(&rng, trace.seed);
    for (size_t stretch = 0; stretch < STRETCHES; stretch++) {
        for (uint64_t i = 0; i < trace.steps / STRETCHES; i++) {
            sum = trace_step(&rng, sum);
        }
        trace.sums->at[stretch] = sum;
    }
    return 0;
}

static enum pab_fresh_end trace_forked(const struct pab_check_run *run, uint64_t steps,
                                       struct sums *out, char *text, size_t size)
{
    struct pab_case done;
    pab_subject_init(&trace.subject, run->heap);
    trace.seed = run->seed;
    trace.steps = steps;
    trace.sums = trace.sums == NULL ? pab_case_shared(sizeof(*trace.sums)) : trace.sums;
    if (trace.sums == NULL) {
        snprintf(text, size, "no shared memory is to be had");
        return PAB_FRESH_UNFIT;
    }
    pab_case_run(trace_body, NULL, TIMEOUT_MS + (unsigned)(steps / 1000), &done);
    pab_case_describe(&done, text, size);
    *out = *trace.sums;
    return done.end == PAB_CASE_RETURNED ? PAB_FRESH_HELD : PAB_FRESH_WRONG;
}

/* --- LNG-08 --------------------------------------------------------------------------------- */

static enum pab_verdict repeat_run(struct pab_check_run *run)
{
    struct sums sums[2] = {0};
    char text[512] = "";
    struct pab_subject subject;
    uint64_t steps = pab_budget(run, STEPS, 0);
    pab_subject_init(&subject, run->heap);
    for (int i = 0; i < 2; i++) {
        enum pab_fresh_end end = subject.is_c
                                     ? trace_fresh(run, steps, &sums[i], text, sizeof(text))
                                     : trace_forked(run, steps, &sums[i], text, sizeof(text));
        if (end == PAB_FRESH_UNFIT) {
            return pab_skip(run, "%s", text);
        }
        if (end == PAB_FRESH_WRONG) {
            return pab_judge(run, pab_wrong(run, "%s", text));
        }
        run->ops_done += steps;
    }
    uint64_t same = 0;
    while (same < STRETCHES && sums[0].at[same] == sums[1].at[same]) {
        same++;
    }
    pab_compared(run, "%llu steps in two %s: addresses%s and NULL", (unsigned long long)steps,
                 subject.is_c ? "fresh processes without ASLR" : "processes forked from one",
                 subject.is_c ? ", usable sizes" : "");
    pab_answer(run, same == STRETCHES ? "repeatable" : "not repeatable");
    if (same < STRETCHES) {
        unsigned long long from = same * (steps / STRETCHES);
        unsigned long long to = from + steps / STRETCHES;
        pab_wrong(run,
                  "two runs with seed %llu differ between steps %llu and %llu: addresses cannot be "
                  "had again",
                  (unsigned long long)run->seed, from, to);
    }
    return pab_judge(run, same == STRETCHES);
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-08",
        .summary = "the same calls give the same addresses, where the address space is the same",
        .source = "the suite's own: what is random by design cannot be replayed",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_QUALITY,
        .run = repeat_run,
    },
};

const struct pab_check_group pab_checks_repeat = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
