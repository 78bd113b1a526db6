/* tests/conformance/exhaustion/refusals.c -- the kernel refuses one call for memory, or several, at
 * every place of a fixed script: nothing is lost, nothing crashes, and afterwards all is as before.
 *
 * Each plan of refusals has a process of its own, forked from the freshly opened heap, so that the
 * k-th call is the same one in all of them. A script of 2,000 steps makes some tens of calls to the
 * kernel; every one of them is refused once, then in bursts, periodically, and for good by kind.
 */
#include "allocators/oscalls.h"
#include "tests/conformance/exhaustion/script.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define CASE_MS            20000
#define PLANS_MOST         30 /* of bursts, by default: every so many k */
#define LEAK_FAILURES      10000
#define LEAK_FAILURES_MOST 1000000
#define STEPS_MOST         8000
#define NAPS               3
#define NAP_MS             30

enum { DONE, NO_FILTER };

/* What a case and the check that forks it share. */
struct sweep {
    struct pab_subject subject;
    struct pab_oscalls_plan plan;
    bool has_naps;
    uint64_t seed, steps;

    struct pab_oscalls_seen seen;
    uint64_t nulls; /* calls of the script that were refused */
    uint64_t total_plans, total_nulls, total_steps;
    char why[160]; /* there is no filter here */
    char wrong[320];
};

static struct sweep *sweep_open(struct pab_check_run *run)
{
    struct sweep *sweep = pab_case_shared(sizeof(*sweep));
    PAB_CHECK(sweep != NULL);
    pab_subject_init(&sweep->subject, run->heap);
    sweep->seed = run->seed;
    sweep->steps = pab_budget(run, PAB_SCRIPT_STEPS, STEPS_MOST);
    return sweep;
}

/* --- in a process of its own ------------------------------------------------------------------ */

static struct pab_script script; /* large, and only the case's */

static bool run_again_without(struct sweep *sweep)
{
    script.nulls = 0;
    if (!pab_script_run(&script, sweep->steps / 2) || !pab_script_drain(&script)) {
        return false;
    }
    if (script.nulls > 0) {
        snprintf(script.wrong, sizeof(script.wrong),
                 "%" PRIu64 " requests were refused afterwards, when the kernel refused nothing",
                 script.nulls);
    }
    return script.nulls == 0;
}

/* Without huge pages: a byte written in a block of 100 MiB would cost 2 MiB to clear. */
static bool prepare(char *why, size_t size)
{
    pab_process_avoid_huge_pages();
    return pab_oscalls_install(why, size);
}

/* What some allocators give back only when it has lain idle for a while, 25 ms in mimalloc, they must
 * ask for again: with naps that does not depend on how fast the machine is. */
static bool run_script(const struct sweep *sweep)
{
    const struct timespec nap = {0, NAP_MS * 1000000L};
    const uint64_t stretches = sweep->has_naps ? NAPS + 1 : 1;
    bool holds = pab_script_run(&script, sweep->steps / stretches);
    for (uint64_t i = 1; holds && i < stretches; i++) {
        nanosleep(&nap, NULL);
        holds = pab_script_run(&script, sweep->steps / stretches);
    }
    return holds;
}

static int sweep_case(void *arg)
{
    struct sweep *sweep = arg;
    if (!prepare(sweep->why, sizeof(sweep->why))) {
        return NO_FILTER;
    }
    pab_script_init(&script, &sweep->subject, sweep->seed);
    sweep->plan.requests = &script.requests;
    pab_oscalls_fail(&sweep->plan);
    bool holds = run_script(sweep);
    pab_oscalls_stop(&sweep->seen);
    sweep->nulls = script.nulls;
    holds =
        holds && pab_script_sweep(&script) && pab_script_drain(&script) && run_again_without(sweep);
    sweep->total_steps += script.steps;
    if (!holds) {
        snprintf(sweep->wrong, sizeof(sweep->wrong), "%s", script.wrong);
    }
    return DONE;
}

/* --- the plans -------------------------------------------------------------------------------- */

/* "call 12 (mprotect)", "calls 12 to 21 (mmap/brk)", "each 3rd call from call 1 on (mmap)" */
static void describe_plan(const struct sweep *sweep, char *out, size_t size)
{
    const struct pab_oscalls_plan *plan = &sweep->plan;
    unsigned kinds = sweep->seen.kinds != 0 ? sweep->seen.kinds : plan->calls;
    char name[48] = "of any kind";
    if (kinds != PAB_OSCALL_ALL) {
        pab_oscalls_name(kinds, name, sizeof(name));
    }
    if (plan->period != 0) {
        snprintf(out, size, "each %" PRIu64 "%s call from call %" PRIu64 " on (%s)", plan->period,
                 plan->period == 2   ? "nd"
                 : plan->period == 3 ? "rd"
                                     : "th",
                 plan->first, name);
    } else if (plan->count == 0) {
        snprintf(out, size, "all calls from %" PRIu64 " on (%s)", plan->first, name);
    } else if (plan->count == 1) {
        snprintf(out, size, "call %" PRIu64 " (%s)", plan->first, name);
    } else {
        snprintf(out, size, "calls %" PRIu64 " to %" PRIu64 " (%s)", plan->first,
                 plan->first + plan->count - 1, name);
    }
}

/* Whether everything held under the plan; what did not is in run->reason. */
static bool try_plan(struct pab_check_run *run, struct sweep *sweep,
                     const struct pab_oscalls_plan *plan)
{
    struct pab_case done;
    sweep->plan = *plan;
    memset(&sweep->seen, 0, sizeof(sweep->seen));
    sweep->wrong[0] = '\0';
    pab_case_run(sweep_case, sweep, CASE_MS, &done);
    if (done.end == PAB_CASE_RETURNED && done.value == NO_FILTER) {
        return true;
    }
    sweep->total_plans++;
    sweep->total_nulls += sweep->nulls;
    run->ops_done = sweep->total_steps;
    char refused[160];
    describe_plan(sweep, refused, sizeof(refused));
    if (done.end == PAB_CASE_EXITED && done.code == PAB_OSCALLS_ENDLESS) {
        return pab_wrong(run,
                         "one request made more than %d calls to the kernel, without an end, when "
                         "it refused %s; seed %" PRIu64,
                         PAB_OSCALLS_MOST, refused, run->seed);
    }
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        return pab_wrong(run, "it %s when the kernel refused %s; seed %" PRIu64 "%s%.160s", how,
                         refused, run->seed, done.text[0] == '\0' ? "" : "; it said: ", done.text);
    }
    if (sweep->wrong[0] != '\0') {
        return pab_wrong(run, "%s; the kernel had refused %s; seed %" PRIu64, sweep->wrong, refused,
                         run->seed);
    }
    return true;
}

static bool is_filtered(const struct sweep *sweep)
{
    return sweep->why[0] == '\0';
}

static const char quiet[] =
    "a script of 2,000 steps needs nothing of the kernel: all was set aside";

static bool try_each_once(struct pab_check_run *run, struct sweep *sweep)
{
    for (uint64_t k = 1;; k++) {
        struct pab_oscalls_plan plan = {.calls = PAB_OSCALL_ALL, .first = k, .count = 1};
        if (!try_plan(run, sweep, &plan)) {
            return false;
        }
        if (!is_filtered(sweep) || sweep->seen.failed == 0) {
            return true; /* the script ran clean: there is no k-th call */
        }
        run->progress(k, k + 1);
    }
}

static enum pab_verdict each_once_run(struct pab_check_run *run)
{
    struct sweep *sweep = sweep_open(run);
    bool holds = try_each_once(run, sweep);
    if (!is_filtered(sweep)) {
        return pab_skip(run, "%s", sweep->why);
    }
    if (holds && sweep->total_plans == 1) {
        return pab_skip(run, "%s", quiet);
    }
    pab_compared(run,
                 "%" PRIu64 " calls to the kernel in a script of %" PRIu64
                 " steps, each refused once; %" PRIu64 " requests were refused for it",
                 sweep->total_plans - 1, sweep->steps, sweep->total_nulls);
    return pab_judge(run, holds);
}

/* --- bursts, periods, kinds ------------------------------------------------------------------- */

/* Calls of the script when none is refused. */
static uint64_t count_calls(struct pab_check_run *run, struct sweep *sweep)
{
    struct pab_oscalls_plan none = {.calls = PAB_OSCALL_ALL};
    return try_plan(run, sweep, &none) ? sweep->seen.calls : 0;
}

static bool try_bursts(struct pab_check_run *run, struct sweep *sweep, uint64_t calls)
{
    static const uint64_t lengths[] = {2, 10, 1000};
    uint64_t most = run->ops > PAB_SCRIPT_STEPS ? UINT64_MAX : PLANS_MOST / ARRAY_COUNT(lengths);
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        for (uint64_t k = 1; k <= calls; k += 1 + calls / most) {
            struct pab_oscalls_plan plan = {
                .calls = PAB_OSCALL_ALL, .first = k, .count = lengths[i]};
            if (!try_plan(run, sweep, &plan)) {
                return false;
            }
        }
    }
    return true;
}

static bool try_periods_and_kinds(struct pab_check_run *run, struct sweep *sweep)
{
    for (uint64_t period = 2; period <= 7; period++) {
        sweep->has_naps = period == 2;
        struct pab_oscalls_plan plan = {.calls = PAB_OSCALL_ALL, .first = 1, .period = period};
        if (!try_plan(run, sweep, &plan)) {
            return false;
        }
    }
    for (unsigned kind = 1; kind <= PAB_OSCALL_ALL; kind <<= 1) {
        for (uint64_t period = 0; period <= 2; period += 2) {
            sweep->has_naps = period == 0;
            struct pab_oscalls_plan plan = {.calls = kind, .first = 1, .period = period};
            if (!try_plan(run, sweep, &plan)) {
                return false;
            }
        }
    }
    return true;
}

static enum pab_verdict bursts_run(struct pab_check_run *run)
{
    struct sweep *sweep = sweep_open(run);
    uint64_t calls = count_calls(run, sweep);
    if (!is_filtered(sweep)) {
        return pab_skip(run, "%s", sweep->why);
    }
    if (calls == 0 && run->reason[0] == '\0') {
        return pab_skip(run, "%s", quiet);
    }
    bool holds = run->reason[0] == '\0' && try_bursts(run, sweep, calls) &&
                 try_periods_and_kinds(run, sweep);
    pab_compared(run,
                 "%" PRIu64 " plans of refusals over %" PRIu64
                 " calls to the kernel: bursts of 2, 10 and 1,000, each 2nd to 7th, each kind for "
                 "good; %" PRIu64 " requests were refused for it",
                 sweep->total_plans, calls, sweep->total_nulls);
    return pab_judge(run, holds);
}

/* --- leaks ------------------------------------------------------------------------------------ */

#define LEAK_REQUEST_BYTES  ((size_t)1 << 30) /* no cache holds so much */
#define LEAK_RSS_MOST       ((size_t)2 << 20)
#define LEAK_MAPPINGS_MOST  64
#define LEAK_ROUND_REQUESTS 20
#define LEAK_SWEEP_ROUNDS   50

/* Shared with the case. */
struct leaks {
    struct pab_subject subject;
    uint64_t seed, failures, wanted;
    size_t rss_bytes[2], mappings[2]; /* after the first fifth, at the end */
    uint64_t served; /* requests that the allocator had memory for, without the kernel */
    char why[160];
    char wrong[320];
};

/* Requests that the kernel must be asked for, every one refused. */
static void request_in_vain(struct leaks *leaks)
{
    const struct pab_subject *subject = &leaks->subject;
    struct pab_oscalls_seen seen;
    void *kept = pab_subject_malloc(subject, 300000);
    pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = PAB_OSCALL_ALL, .first = 1});
    for (size_t i = 0; i < LEAK_ROUND_REQUESTS && leaks->served == 0; i++) {
        size_t size = LEAK_REQUEST_BYTES + (i << 16);
        void *block = i % 3 == 0   ? pab_subject_malloc(subject, size)
                      : i % 3 == 1 ? pab_subject_calloc(subject, 1, size)
                                   : NULL;
        void *grown = i % 3 == 2 && kept != NULL ? pab_subject_realloc(subject, kept, size) : NULL;
        kept = grown != NULL ? grown : kept;
        leaks->served += block != NULL || grown != NULL;
        pab_subject_free(subject, block);
    }
    pab_oscalls_stop(&seen);
    leaks->failures += seen.failed;
    pab_subject_free(subject, kept);
}

static void note_use(struct leaks *leaks, int when)
{
    leaks->rss_bytes[when] = pab_process_rss_bytes();
    leaks->mappings[when] = pab_process_mappings();
}

static int leak_case(void *arg)
{
    struct leaks *leaks = arg;
    if (!prepare(leaks->why, sizeof(leaks->why))) {
        return NO_FILTER;
    }
    pab_script_init(&script, &leaks->subject, leaks->seed);
    bool holds = pab_script_run(&script, PAB_SCRIPT_STEPS / 2); /* caches, tables, live blocks */
    uint64_t before = 1;
    for (uint64_t round = 1; holds && leaks->failures < leaks->wanted && leaks->served == 0 &&
                             leaks->failures != before;
         round++) {
        before = leaks->failures;
        request_in_vain(leaks);
        holds = round % LEAK_SWEEP_ROUNDS != 0 || pab_script_sweep(&script);
        if (leaks->rss_bytes[0] == 0 && leaks->failures * 5 >= leaks->wanted) {
            note_use(leaks, 0);
        }
    }
    note_use(leaks, 1);
    if (!holds || !pab_script_sweep(&script) || !pab_script_drain(&script)) {
        snprintf(leaks->wrong, sizeof(leaks->wrong), "%s", script.wrong);
    }
    return DONE;
}

static size_t leak_rss_most(void)
{
    size_t kernels = pab_process_rss_slack();
    return kernels > LEAK_RSS_MOST ? kernels : LEAK_RSS_MOST;
}

static bool judge_leaks(struct pab_check_run *run, const struct leaks *leaks)
{
    if (leaks->wrong[0] != '\0') {
        return pab_wrong(run, "%s; seed %" PRIu64, leaks->wrong, run->seed);
    }
    if (leaks->rss_bytes[1] > leaks->rss_bytes[0] + leak_rss_most() ||
        leaks->mappings[1] > leaks->mappings[0] + LEAK_MAPPINGS_MOST) {
        return pab_wrong(run,
                         "resident memory went from %zu to %zu KiB and mappings from %zu to %zu in "
                         "the last four fifths of %" PRIu64 " refusals",
                         leaks->rss_bytes[0] >> 10, leaks->rss_bytes[1] >> 10, leaks->mappings[0],
                         leaks->mappings[1], leaks->failures);
    }
    return true;
}

static enum pab_verdict leaks_run(struct pab_check_run *run)
{
    struct leaks *leaks = pab_case_shared(sizeof(*leaks));
    struct pab_case done;
    PAB_CHECK(leaks != NULL);
    pab_subject_init(&leaks->subject, run->heap);
    leaks->seed = run->seed;
    leaks->wanted = pab_budget(run, LEAK_FAILURES, LEAK_FAILURES_MOST);
    pab_case_run(leak_case, leaks, CASE_MS + (unsigned)(leaks->wanted / 10), &done);
    run->ops_done = leaks->failures;
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        pab_wrong(run, "it %s after %" PRIu64 " refusals; seed %" PRIu64, how, leaks->failures,
                  run->seed);
        return pab_judge(run, false);
    }
    if (leaks->why[0] != '\0') {
        return pab_skip(run, "%s", leaks->why);
    }
    if (leaks->wrong[0] == '\0' && leaks->failures < leaks->wanted) {
        return pab_skip(run, "it serves 1 GiB without asking the kernel: nothing can be refused");
    }
    bool holds = judge_leaks(run, leaks);
    pab_compared(run,
                 "%" PRIu64 " refusals; resident memory %zu, then %zu KiB (at most %zu more), "
                 "mappings %zu, then %zu (at most %d more)",
                 leaks->failures, leaks->rss_bytes[0] >> 10, leaks->rss_bytes[1] >> 10,
                 leak_rss_most() >> 10, leaks->mappings[0], leaks->mappings[1], LEAK_MAPPINGS_MOST);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-05",
        .summary = "any one call to the kernel may be refused: nothing lost, all as before after",
        .source =
            "C23 7.24.3: NULL where space cannot be had; jemalloc's extent hooks, gperftools' "
            "failing SysAllocator, SQLite's malloc_common.tcl do it from inside",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = each_once_run,
    },
    {
        .id = "OOM-06",
        .summary = "bursts of calls to the kernel, each n-th of them, and all of one kind may be "
                   "refused: nothing lost, all as before after",
        .source = "C23 7.24.3: NULL where space cannot be had; CPython's "
                  "_testcapi.set_nomemory(start, stop)",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = bursts_run,
    },
    {
        .id = "OOM-09",
        .summary = "10,000 refusals leave no memory and no mapping behind",
        .source = "POSIX.1-2024 malloc: a call that fails allocates nothing",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = leaks_run,
    },
};

const struct pab_check_group pab_checks_refusals = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
