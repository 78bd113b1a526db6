/* tests/conformance/threads/interrupted.c -- fork at whatever point a call has reached: in a signal
 * handler, and in another thread while this one stands between two instructions. */
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/threads/forks.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS   64
#define WATCH_S 6 /* without one call of malloc: those take microseconds */

static struct pab_forks forking;

/* --- THR-12 ------------------------------------------------------------------------------------------ */

static struct {
    volatile sig_atomic_t forks, failed;
    struct pab_rng rng;
} handler;

static void next_signal(void)
{
    struct itimerval once = {{0, 0}, {0, 20 + (long)pab_rng_below(&handler.rng, 300)}};
    setitimer(ITIMER_REAL, &once, NULL);
}

/* fork() in a handler was async-signal-safe until POSIX.1-2024; the child only ends. */
static void fork_in_handler(int number)
{
    (void)number;
    int kept = errno;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    if (child < 0 || waitpid(child, NULL, 0) != child) {
        handler.failed = 1;
    }
    handler.forks++;
    next_signal();
    errno = kept;
}

/* What runs beside is one process that kills this one should it no longer get on: SIGALRM is
 * taken, and a handler that hangs would not let it through. */
static pid_t start_watch(const volatile uint64_t *steps)
{
    pid_t watched = getpid();
    pid_t watch = fork();
    if (watch == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        uint64_t seen = 0;
        for (unsigned idle_s = 0; idle_s < WATCH_S; idle_s++) {
            sleep(1);
            idle_s = *steps == seen ? idle_s : 0;
            seen = *steps;
        }
        kill(watched, SIGXCPU);
        _exit(0);
    }
    return watch;
}

static int handler_body(void *arg)
{
    (void)arg;
    void *blocks[SLOTS] = {NULL};
    volatile uint64_t *steps = pab_case_shared(sizeof(*steps));
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
    if (steps == NULL || sigaction(SIGALRM, &action, NULL) != 0) {
        return pab_forks_found("no handler is to be had");
    }
    pid_t watch = start_watch(steps);
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed);
    pab_rng_seed(&handler.rng, forking.run->seed + 1);
    next_signal();
    while ((uint64_t)handler.forks < forking.count && handler.failed == 0) {
        void **slot = &blocks[pab_rng_below(&rng, SLOTS)];
        pab_subject_free(&forking.subject, *slot);
        *slot = pab_subject_malloc(&forking.subject, 1 + pab_rng_below(&rng, 30000));
        ++*steps;
    }
    kill(watch, SIGKILL);
    waitpid(watch, NULL, 0);
    return handler.failed != 0 ? pab_forks_found("fork failed in a handler") : 0;
}

static enum pab_verdict handler_run(struct pab_check_run *run)
{
    pab_forks_init(&forking, run, pab_budget(run, 200, 2000));
    run->ops_done = forking.count;
    pab_compared(run, "%" PRIu64 " forks in a signal handler, amid malloc and free of one thread",
                 forking.count);
    enum pab_verdict verdict = pab_forks_judge(&forking, handler_body);
    if (strstr(run->reason, "SIGXCPU") != NULL) {
        snprintf(run->reason, sizeof(run->reason),
                 "the process hung for %d s: fork() in a signal handler waits for what the "
                 "interrupted call holds",
                 WATCH_S);
    }
    return verdict;
}

static const struct pab_check checks[] = {
    {
        .id = "THR-12",
        .summary = "a signal handler may fork while malloc runs",
        .source = "POSIX.1-2008 2.4.3 (fork was async-signal-safe); glibc tst-mallocfork2",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = handler_run,
    },
};

const struct pab_check_group pab_checks_interrupted = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
