/* tests/conformance/threads/edges.c -- how threads and their process begin and end: many first
 * calls at once, threads cancelled and the process left amid calls. */
#include "tests/conformance/fresh/fresh.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/threads/ladder.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define CROWD_THREADS   64
#define CROWD_PROCESSES 40
#define LEAVE_THREADS   8
#define LEAVE_PROCESSES 8
#define TIMEOUT_MS      30000

/* Runs one scenario in processes that differ by seed, in turn loaded by main and preloaded. */
static enum pab_verdict run_processes(struct pab_check_run *run, const char *scenario,
                                      uint64_t threads, uint64_t processes)
{
    char text[512] = "";
    for (uint64_t i = 0; i < processes; i++) {
        struct pab_fresh fresh = {
            .attach = i % 2 == 0 ? PAB_FRESH_DLOPEN : PAB_FRESH_PRELOAD,
            .scenario = scenario,
            .numbers = {threads, run->seed + i},
            .timeout_ms = TIMEOUT_MS,
        };
        enum pab_fresh_end end = pab_fresh_run(run->heap, &fresh, text, sizeof(text));
        if (end == PAB_FRESH_UNFIT) {
            return pab_skip(run, "%s", text);
        }
        if (end == PAB_FRESH_WRONG) {
            pab_wrong(run, "%s (process %" PRIu64 " of %" PRIu64 ", %s, seed %" PRIu64 ")", text,
                      i + 1, processes, i % 2 == 0 ? "loaded by main" : "preloaded", run->seed + i);
            return pab_judge(run, false);
        }
        run->ops_done++;
    }
    return PAB_PASS;
}

/* --- THR-08 --------------------------------------------------------------------------------- */

static enum pab_verdict crowd_run(struct pab_check_run *run)
{
    uint64_t processes = pab_budget(run, CROWD_PROCESSES, 1000);
    pab_compared(run, "%" PRIu64 " fresh processes, in each %d threads at a barrier", processes,
                 CROWD_THREADS);
    return run_processes(run, "crowd", CROWD_THREADS, processes);
}

/* --- THR-14 --------------------------------------------------------------------------------- */

#define CANCEL_ROUNDS  30u
#define CANCEL_THREADS 4
#define CANCEL_CALLS   400

struct target {
    pthread_t thread;
    uint64_t seed;
    bool is_early; /* cancelled before its first call, so that the request waits in all of them */
    atomic_bool ready, is_sent;
};

static struct {
    struct pab_subject subject;
    uint64_t seed;
    struct target targets[CANCEL_THREADS];
    atomic_uint_fast64_t ended_in_call;
} cancelling;

/* POSIX lists the functions that may end a thread when it was cancelled; malloc is none. */
static void at_end(void *in_call)
{
    if (*(volatile bool *)in_call) {
        atomic_fetch_add(&cancelling.ended_in_call, 1);
    }
}

static void call_once(struct pab_rng *rng, volatile bool *in_call)
{
    uint32_t kind = pab_rng_below(rng, 32);
    *in_call = true;
    void *block = pab_subject_malloc(&cancelling.subject, 1 + pab_rng_below(rng, kind == 0  ? 300000
                                                                                 : kind < 8 ? 20000
                                                                                            : 600));
    pab_subject_free(&cancelling.subject, block);
    *in_call = false;
}

static void *target_main(void *arg)
{
    struct target *target = arg;
    volatile bool in_call = false;
    struct pab_rng rng;
    int before;
    pab_rng_seed(&rng, target->seed);
    pthread_cleanup_push(at_end, (void *)&in_call);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    atomic_store(&target->ready, true);
    while (target->is_early && !atomic_load(&target->is_sent)) {
        sched_yield();
    }
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    for (int i = 0; i < CANCEL_CALLS || !atomic_load(&target->is_sent); i++) {
        call_once(&rng, &in_call);
    }
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return NULL;
}

static bool cancel_round(uint64_t round)
{
    for (size_t i = 0; i < CANCEL_THREADS; i++) {
        struct target *target = &cancelling.targets[i];
        target->seed = (cancelling.seed * CANCEL_ROUNDS + round) * CANCEL_THREADS + i;
        target->is_early = i % 2 == 0;
        atomic_store(&target->ready, false);
        atomic_store(&target->is_sent, false);
        if (pthread_create(&target->thread, NULL, target_main, target) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < CANCEL_THREADS; i++) {
        struct target *target = &cancelling.targets[i];
        while (!atomic_load(&target->ready)) {
            sched_yield();
        }
        pthread_cancel(target->thread);
        atomic_store(&target->is_sent, true);
    }
    for (size_t i = 0; i < CANCEL_THREADS; i++) {
        pthread_join(cancelling.targets[i].thread, NULL);
    }
    return true;
}

static void *climb_thread(void *arg)
{
    *(bool *)arg = pab_ladder_climb(&cancelling.subject);
    return NULL;
}

enum cancel_end { CANCEL_FINE, CANCEL_NO_THREAD, CANCEL_IN_CALL, CANCEL_LOST };

static int cancel_body(void *arg)
{
    uint64_t rounds = *(const uint64_t *)arg;
    bool climbs = false;
    pthread_t thread;
    for (uint64_t round = 0; round < rounds; round++) {
        if (!cancel_round(round)) {
            return CANCEL_NO_THREAD;
        }
    }
    if (pthread_create(&thread, NULL, climb_thread, &climbs) != 0) {
        return CANCEL_NO_THREAD;
    }
    pthread_join(thread, NULL);
    if (!climbs || !pab_ladder_climb(&cancelling.subject)) {
        return CANCEL_LOST;
    }
    return atomic_load(&cancelling.ended_in_call) == 0 ? CANCEL_FINE : CANCEL_IN_CALL;
}

static enum pab_verdict judge_cancelled(struct pab_check_run *run, uint64_t rounds)
{
    struct pab_case done;
    char how[64];
    pab_case_run(cancel_body, &rounds, (unsigned)(TIMEOUT_MS + 20 * rounds), &done);
    pab_case_describe(&done, how, sizeof(how));
    if (done.end == PAB_CASE_BROKE ||
        (done.end == PAB_CASE_RETURNED && done.value == CANCEL_NO_THREAD)) {
        return pab_skip(run, "no process or thread is to be had");
    }
    if (done.end != PAB_CASE_RETURNED) {
        pab_wrong(run, "a process whose threads are cancelled %s", how);
    } else if (done.value == CANCEL_IN_CALL) {
        pab_wrong(run, "a cancelled thread ended within malloc or free: no cancellation points");
    } else if (done.value == CANCEL_LOST) {
        pab_wrong(run, "after threads were cancelled, malloc gives NULL or bytes are lost");
    }
    return pab_judge(run, run->reason[0] == '\0');
}

static enum pab_verdict leave_run(struct pab_check_run *run)
{
    uint64_t rounds = pab_budget(run, CANCEL_ROUNDS, 1000);
    pab_subject_init(&cancelling.subject, run->heap);
    cancelling.seed = run->seed;
    pab_compared(run,
                 "%" PRIu64
                 " threads cancelled, half of them before their first call; %d processes "
                 "left while %d threads call",
                 rounds * CANCEL_THREADS, LEAVE_PROCESSES, LEAVE_THREADS);
    enum pab_verdict verdict = judge_cancelled(run, rounds);
    if (verdict != PAB_PASS) {
        return verdict;
    }
    verdict = run_processes(run, "leave", LEAVE_THREADS, LEAVE_PROCESSES);
    run->ops_done += rounds * CANCEL_THREADS;
    return verdict;
}

static const struct pab_check checks[] = {
    {
        .id = "THR-08",
        .summary = "the first calls of 64 threads at once each get a block of their own",
        .source = "C23 7.24.3p2; snmalloc first_operation, jemalloc's fork test",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_C,
        .admit = pab_team_admit,
        .run = crowd_run,
    },
    {
        .id = "THR-14",
        .summary = "threads may be cancelled and the process left amid calls: no lock stays held",
        .source = "POSIX.1-2024 2.9.5.2: malloc is no cancellation point; glibc "
                  "tst-malloc-stats-cancellation",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_REALLOC | PAB_USES_C,
        .admit = pab_team_admit,
        .run = leave_run,
    },
};

const struct pab_check_group pab_checks_edges = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
