/* tests/conformance/allocation/first_call.c -- the first call of a process and of each thread,
 * and calls before and after main, in fresh processes. */
#include "tests/conformance/fresh/fresh.h"
#include "tests/conformance/support/judge.h"

#define CALLS       7 /* pab_fresh's "first" knows so many */
#define THREAD_MOST ((size_t)1 << 18)
#define TIMEOUT_MS  5000
#define ALL_STAGES  0x3fu
#define STAGE_COUNT 6

struct tally {
    struct pab_check_run *run;
    uint64_t held;
    char unfit[256]; /* why a process could look at nothing; the first one's reason */
};

/* False: something was found. */
static bool try_fresh(struct tally *tally, const struct pab_fresh *fresh, char *text, size_t size)
{
    enum pab_fresh_end end = pab_fresh_run(tally->run->heap, fresh, text, size);
    if (end == PAB_FRESH_WRONG) {
        return pab_wrong(tally->run, "%s", text);
    }
    if (end == PAB_FRESH_UNFIT && tally->unfit[0] == '\0') {
        snprintf(tally->unfit, sizeof(tally->unfit), "%.250s", text);
    }
    tally->held += end == PAB_FRESH_HELD;
    tally->run->ops_done++;
    return true;
}

/* One that could not look says nothing about the others, but it must not pass for them. */
static enum pab_verdict conclude(struct tally *tally, bool holds)
{
    if (holds && tally->unfit[0] != '\0') {
        return pab_skip(tally->run, "%s", tally->unfit);
    }
    return pab_judge(tally->run, holds);
}

/* Every call as the first of a process, by attaching in either way; then of threads. */
static enum pab_verdict first_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {1, 5000, 300000};
    struct tally tally = {.run = run};
    char text[512] = "";
    bool holds = true;
    for (uint64_t call = 0; holds && call < CALLS; call++) {
        for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
            struct pab_fresh fresh = {
                .attach = (call + i) % 2 == 0 ? PAB_FRESH_DLOPEN : PAB_FRESH_PRELOAD,
                .scenario = "first",
                .numbers = {0, call, sizes[i]},
                .timeout_ms = TIMEOUT_MS,
            };
            holds = try_fresh(&tally, &fresh, text, sizeof(text));
        }
    }
    struct pab_fresh threads = {
        .attach = PAB_FRESH_PRELOAD,
        .scenario = "first",
        .numbers = {1, 0, THREAD_MOST},
        .timeout_ms = 4 * TIMEOUT_MS,
    };
    holds = holds && try_fresh(&tally, &threads, text, sizeof(text));
    if (holds) {
        pab_compared(run, "%llu fresh processes, %s threads, each begun by another call or size",
                     (unsigned long long)tally.held, text);
    }
    return conclude(&tally, holds);
}

/* All stages in one process, so that blocks live through them; then each as the first to call. */
static enum pab_verdict around_run(struct pab_check_run *run)
{
    struct tally tally = {.run = run};
    char text[512] = "";
    bool holds = true;
    for (unsigned stage = 0; holds && stage <= STAGE_COUNT; stage++) {
        struct pab_fresh fresh = {
            .attach = PAB_FRESH_PRELOAD,
            .scenario = "around",
            .numbers = {stage == STAGE_COUNT ? ALL_STAGES : 1u << stage},
            .timeout_ms = TIMEOUT_MS,
        };
        holds = try_fresh(&tally, &fresh, text, sizeof(text));
    }
    if (holds) {
        pab_compared(run, "%llu fresh processes; %s blocks in the one that calls in every stage",
                     (unsigned long long)tally.held, text);
    }
    return conclude(&tally, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-013",
        .summary = "the first call of a process and of each thread works, whichever it is",
        .source = "C23 7.24.3: no call is asked for before another; snmalloc first_operation",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_C,
        .run = first_run,
    },
    {
        .id = "MAL-014",
        .summary = "calls before main and after it work: constructors, atexit, ends of threads",
        .source = "C23 7.24.3; snmalloc multi_atexit and multi_threadatexit, gperftools "
                  "thread_dealloc_unittest",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_C,
        .run = around_run,
    },
};

const struct pab_check_group pab_checks_first_call = {PAB_CHECK_CONTRACT, checks,
                                                      ARRAY_COUNT(checks)};
