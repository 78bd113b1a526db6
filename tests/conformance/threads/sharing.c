/* tests/conformance/threads/sharing.c -- threads at random on shared blocks, under what a scheduler
 * may do to them: more threads than CPUs, signals, naps, migrations. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/threads/team.h"
#include "tests/conformance/threads/traffic.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#define STEPS 200000u
#define SLOTS 1000

static bool run_traffic(struct pab_check_run *run, const struct pab_traffic *traffic)
{
    struct pab_subject subject;
    pab_subject_init(&subject, run->heap);
    return pab_traffic_run(run, &subject, traffic);
}

static size_t at_most(size_t count, size_t most)
{
    return count < most ? count : most;
}

/* From one thread to four for each CPU: contention of every degree. */
static enum pab_verdict race_run(struct pab_check_run *run)
{
    size_t cpus = pab_process_cpus();
    const size_t counts[] = {1, 2, 4, 2 * cpus, 4 * cpus};
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(counts); i++) {
        holds = run_traffic(run, &(struct pab_traffic){
                                     .threads = at_most(counts[i], PAB_TEAM_MAX),
                                     .steps = pab_budget(run, STEPS, 0) / ARRAY_COUNT(counts),
                                     .slots = SLOTS,
                                     .seed = run->seed + i,
                                     .keeps_blocks = true,
                                 });
    }
    pab_compared(run, "1, 2, 4, %zu and %zu threads on %d shared blocks, read whole %llu times",
                 2 * cpus, at_most(4 * cpus, PAB_TEAM_MAX), SLOTS,
                 (unsigned long long)run->ops_done);
    return pab_judge(run, holds);
}

/* --- signals -------------------------------------------------------------------------------- */

static atomic_uint_fast64_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    unsigned char deep[2048]; /* another stack depth than the one that was interrupted */
    memset(deep, 0x5a, sizeof(deep));
    atomic_fetch_add(&signals_seen, deep[sizeof(deep) / 2] == 0x5a);
}

static enum pab_verdict signals_run(struct pab_check_run *run)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval period = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &period, NULL) != 0) {
        return pab_skip(run, "no interval timer is to be had");
    }
    bool holds = true;
    for (size_t threads = 1; holds && threads <= 2; threads++) {
        holds = run_traffic(run, &(struct pab_traffic){
                                     .threads = threads,
                                     .steps = pab_budget(run, STEPS, 0) / 2,
                                     .slots = SLOTS,
                                     .seed = run->seed,
                                 });
    }
    setitimer(ITIMER_REAL, &never, NULL);
    uint64_t seen = atomic_load(&signals_seen);
    pab_compared(run, "%llu steps by one thread and by two, %llu signals",
                 (unsigned long long)run->ops_done, (unsigned long long)seen);
    if (holds && seen == 0) {
        return pab_skip(run, "no signal came while it ran: more --ops are needed");
    }
    return pab_judge(run, holds);
}

/* --- the scheduler ---------------------------------------------------------------------------- */

/* Lost bytes are none of the quality that the class asks about. */
static enum pab_verdict crowded_run(struct pab_check_run *run)
{
    size_t threads = at_most(8 * (size_t)pab_process_cpus(), PAB_TEAM_MAX);
    bool holds = run_traffic(run, &(struct pab_traffic){
                                      .threads = threads,
                                      .steps = pab_budget(run, STEPS / 2, 0),
                                      .slots = SLOTS,
                                      .seed = run->seed,
                                      .nap_every = 50,
                                  });
    pab_compared(run, "%zu threads on %u CPUs, a nap or a yield every 50 steps; %llu steps",
                 threads, pab_process_cpus(), (unsigned long long)run->ops_done);
    return holds ? PAB_PASS : PAB_FAIL;
}

static enum pab_verdict migration_run(struct pab_check_run *run)
{
    if (pab_process_cpus() < 2) {
        return pab_skip(run, "this process may use one CPU only");
    }
    size_t threads = 4;
    bool holds = run_traffic(run, &(struct pab_traffic){
                                      .threads = threads,
                                      .steps = pab_budget(run, STEPS, 0),
                                      .slots = SLOTS,
                                      .seed = run->seed,
                                      .move_every = 100,
                                  });
    pab_compared(run, "%zu threads, each pinned to the next of %u CPUs every 100 steps; %llu steps",
                 threads, pab_process_cpus(), (unsigned long long)run->ops_done);
    return pab_judge(run, holds);
}

#define SHARED_TRAFFIC                                                                             \
    .needs = PAB_CAP_THREADS, .uses = PAB_USES_CALLOC | PAB_USES_REALLOC, .admit = pab_team_admit

static const struct pab_check checks[] = {
    {
        .id = "THR-01",
        .summary = "calls of many threads at once do not disturb each other's blocks",
        .source = "C23 7.24.3p2: no data race; what was freed happens before it is given again",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = race_run,
        SHARED_TRAFFIC,
    },
    {
        .id = "THR-13",
        .summary = "signals whose handlers allocate nothing disturb no call",
        .source = "C23 7.24.3: an object keeps its value; POSIX.1-2024 2.4 Signal Concepts",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = signals_run,
        SHARED_TRAFFIC,
    },
    {
        .id = "THR-15",
        .summary = "eight threads for each CPU, stopped at any point, lose nothing",
        .source = "google/tcmalloc's latency injection; the Linux Test Project's mallocstress",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = crowded_run,
        SHARED_TRAFFIC,
    },
    {
        .id = "THR-17",
        .summary = "threads that move from CPU to CPU lose nothing",
        .source = "C23 7.24.3p2; google/tcmalloc's tests of caches for each CPU",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = migration_run,
        SHARED_TRAFFIC,
    },
};

const struct pab_check_group pab_checks_sharing = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
