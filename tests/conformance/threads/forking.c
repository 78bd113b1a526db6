/* tests/conformance/threads/forking.c -- fork, from processes whose other threads are amid calls,
 * from destructors and from signal handlers: parent and child must both go on.
 *
 * POSIX promises a child of a multi-threaded process nothing but async-signal-safe calls; every C
 * library promises malloc, and programs count on it. Each process here carries an alarm that
 * kills it should it hang, so that whoever waits for it sees why it ended.
 */
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"
#include "tests/conformance/threads/ladder.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALARM_S    5u
#define TIMEOUT_MS 15000u
#define FORK_MS    50u /* added for each fork */

/* One case: how many forks of each kind, and what runs beside. */
struct forking {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t forks;
    struct pab_ladder inherited;
};

static struct forking forking;

/* Says what was found where pab_case_run() listens; for a case's body to return. */
static int found(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int found(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t length = strlen(text);
    return write(STDERR_FILENO, text, length) == (ssize_t)length ? 1 : 2;
}

/* The check of a case that says 0 when all was well. */
static enum pab_verdict judge_case(struct pab_check_run *run, int (*body)(void *arg))
{
    struct pab_case done;
    uint64_t more_ms = forking.forks * FORK_MS;
    pab_case_run(body, &forking, TIMEOUT_MS + (unsigned)(more_ms < 3600000 ? more_ms : 3600000),
                 &done);
    if (done.end == PAB_CASE_BROKE) {
        return pab_skip(run, "no process is to be had");
    }
    if (done.end == PAB_CASE_RETURNED && done.value == 0) {
        return PAB_PASS;
    }
    char how[64];
    pab_case_describe(&done, how, sizeof(how));
    bool is_hang = done.end == PAB_CASE_DIED && done.signal == SIGALRM;
    bool is_told = done.end == PAB_CASE_RETURNED && done.text[0] != '\0';
    pab_wrong(run, "%s%s%.300s",
              is_told   ? ""
              : is_hang ? "the process hung"
                        : how,
              is_told || done.text[0] == '\0' ? "" : ": ", done.text);
    return pab_judge(run, false);
}

static void begin(struct pab_check_run *run, uint64_t forks)
{
    memset(&forking, 0, sizeof(forking));
    forking.run = run;
    forking.forks = forks;
    pab_subject_init(&forking.subject, run->heap);
}

/* --- other threads amid calls -------------------------------------------------------------------- */

#define BUSY_MAX   8
#define BUSY_SLOTS 64
#define BUSY_CALLS 2000u /* granted to each thread for each fork: it is amid them then */

struct busy {
    pthread_t threads[BUSY_MAX];
    size_t count;
    atomic_bool is_over;
    atomic_uint_fast64_t granted; /* to each, in all: one that frees nothing has its limits */
};

static struct busy busy;

static void busy_grant(void)
{
    atomic_fetch_add(&busy.granted, BUSY_CALLS);
}

static size_t busy_size(struct pab_rng *rng)
{
    uint32_t kind = pab_rng_below(rng, 512);
    return 1 + pab_rng_below(rng, kind == 0 ? 300000 : kind < 64 ? 8000 : 700);
}

/* Calls for as long as it may, sizes of every kind. */
static void *busy_allocator(void *arg)
{
    void *blocks[BUSY_SLOTS] = {NULL};
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed * BUSY_MAX + (uintptr_t)arg);
    for (uint64_t calls = 0; !atomic_load(&busy.is_over);) {
        void **slot = &blocks[pab_rng_below(&rng, BUSY_SLOTS)];
        if (calls == atomic_load(&busy.granted)) {
            sched_yield();
            continue;
        }
        pab_subject_free(&forking.subject, *slot);
        *slot = pab_subject_malloc(&forking.subject, busy_size(&rng));
        calls++;
    }
    for (size_t i = 0; i < BUSY_SLOTS; i++) {
        pab_subject_free(&forking.subject, blocks[i]);
    }
    return NULL;
}

/* Holds the C library's locks of streams, over its malloc, as often as it can. */
static void *busy_flusher(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&busy.is_over, memory_order_relaxed)) {
        FILE *nothing = fopen("/dev/null", "w");
        if (nothing != NULL) {
            fputs("nothing", nothing);
            fflush(NULL);
            fclose(nothing);
        }
    }
    return NULL;
}

static void busy_begin(size_t allocators)
{
    atomic_store(&busy.is_over, false);
    atomic_store(&busy.granted, 0);
    for (busy.count = 0; busy.count < allocators && busy.count < BUSY_MAX; busy.count++) {
        void *(*body)(void *) = busy.count + 1 < allocators ? busy_allocator : busy_flusher;
        void *index = (void *)(uintptr_t)busy.count; /* NOLINT: a number, never followed */
        if (pthread_create(&busy.threads[busy.count], NULL, body, index) != 0) {
            break;
        }
    }
}

static void busy_end(void)
{
    atomic_store(&busy.is_over, true);
    for (size_t i = 0; i < busy.count; i++) {
        pthread_join(busy.threads[i], NULL);
    }
}

/* --- children ---------------------------------------------------------------------------------- */

/* In a child that has only the thread that forked: dies with its parent, or of its alarm. */
static void child_begin(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, SIG_DFL);
    alarm(ALARM_S);
}

enum child_code { CHILD_FINE, CHILD_LOST_BYTES, CHILD_NO_MEMORY };

/* What every child does: free what it inherited, then a ladder of its own. */
static int child_work(void)
{
    if (!pab_ladder_give(&forking.inherited, &forking.subject)) {
        return CHILD_LOST_BYTES;
    }
    return pab_ladder_climb(&forking.subject) ? CHILD_FINE : CHILD_NO_MEMORY;
}

/* 0 if the child ended well; else it was said how it did not. */
static int child_end(pid_t child, const char *where)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return found("no child is to be had %s", where);
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGALRM
                   ? found("the child hung for %u s in a call, forked %s", ALARM_S, where)
                   : found("the child died of SIG%s, forked %s", sigabbrev_np(WTERMSIG(status)),
                           where);
    }
    switch (WEXITSTATUS(status)) {
    case CHILD_FINE:
        return 0;
    case CHILD_LOST_BYTES:
        return found("an inherited block had changed in the child, forked %s", where);
    default:
        return found("the child got NULL or lost bytes, forked %s", where);
    }
}

static int fork_and_wait(const char *where)
{
    alarm(2 * ALARM_S); /* for this process: it got so far */
    busy_grant();
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        _exit(child_work());
    }
    return child_end(child, where);
}

/* --- THR-09 ------------------------------------------------------------------------------------------ */

#define FORKERS 2

static void *forker(void *arg)
{
    int *result = arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed + 77);
    for (uint64_t i = 0; *result == 0 && i < forking.forks / FORKERS; i++) {
        *result = fork_and_wait("while other threads allocate");
        if (pab_rng_below(&rng, 2) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static int forking_body(void *arg)
{
    (void)arg;
    pthread_t threads[FORKERS];
    int results[FORKERS] = {0};
    size_t count = 0;
    if (!pab_ladder_take(&forking.inherited, &forking.subject)) {
        return found("NULL before any fork");
    }
    busy_begin(BUSY_MAX - FORKERS);
    for (; count < FORKERS; count++) {
        if (pthread_create(&threads[count], NULL, forker, &results[count]) != 0) {
            break;
        }
    }
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        result = result == 0 ? results[i] : result;
    }
    busy_end();
    if (result == 0 && child_work() != CHILD_FINE) {
        return found("the parent's inherited blocks changed, or it got NULL");
    }
    return result;
}

static enum pab_verdict forking_run(struct pab_check_run *run)
{
    begin(run, pab_budget(run, 40, 0));
    run->ops_done = forking.forks;
    pab_compared(run, "%" PRIu64 " forks by %d threads, %d others allocate, 1 writes to streams",
                 forking.forks, FORKERS, BUSY_MAX - FORKERS - 1);
    return judge_case(run, forking_body);
}

/* --- THR-11 ------------------------------------------------------------------------------------------ */

#define LEVELS 3

/* A child forks a child forks a child; each allocates before and after. */
static int nest(int level)
{
    alarm(2 * ALARM_S);
    busy_grant();
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        if (!pab_ladder_climb(&forking.subject) || (level > 1 && nest(level - 1) != 0)) {
            _exit(CHILD_NO_MEMORY);
        }
        _exit(child_work());
    }
    return child_end(child, level == LEVELS ? "three deep" : "within a forked child");
}

static pthread_key_t last_words;

static void fork_at_thread_end(void *value)
{
    *(int *)value = fork_and_wait("in a thread's destructor");
}

static void *thread_that_forks_at_its_end(void *arg)
{
    void *block = pab_subject_malloc(&forking.subject, 100);
    pthread_setspecific(last_words, arg);
    pab_subject_free(&forking.subject, block);
    return NULL;
}

/* Around every fork from here on; the blocks go from prepare to both sides. */
static struct pab_ladder at_fork_blocks;

static void at_fork_take(void)
{
    (void)pab_ladder_take(&at_fork_blocks, &forking.subject);
}

static void at_fork_give(void)
{
    (void)pab_ladder_give(&at_fork_blocks, &forking.subject);
}

static int nested_body(void *arg)
{
    (void)arg;
    int result = 0;
    if (!pab_ladder_take(&forking.inherited, &forking.subject) ||
        pthread_key_create(&last_words, fork_at_thread_end) != 0) {
        return found("NULL before any fork");
    }
    busy_begin(3);
    for (uint64_t i = 0; result == 0 && i < forking.forks; i++) {
        pthread_t thread;
        int thread_result = 1;
        if (i == forking.forks / 2) {
            pthread_atfork(at_fork_take, at_fork_give, at_fork_give);
        }
        result = nest(LEVELS);
        if (result == 0 &&
            pthread_create(&thread, NULL, thread_that_forks_at_its_end, &thread_result) == 0) {
            pthread_join(thread, NULL);
            result = thread_result;
        }
    }
    busy_end();
    return result;
}

static enum pab_verdict nested_run(struct pab_check_run *run)
{
    begin(run, pab_budget(run, 16, 0));
    run->ops_done = forking.forks * (LEVELS + 1);
    pab_compared(run,
                 "%" PRIu64 " times three deep, and in a thread's destructor; half of them with "
                 "fork handlers that allocate; 2 other threads allocate",
                 forking.forks);
    return judge_case(run, nested_body);
}

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
        for (uint64_t seen = 0;; seen = *steps) {
            sleep(2);
            if (*steps == seen) {
                kill(watched, SIGXCPU);
            }
        }
    }
    return watch;
}

static int handler_body(void *arg)
{
    (void)arg;
    void *blocks[BUSY_SLOTS] = {NULL};
    volatile uint64_t *steps = pab_case_shared(sizeof(*steps));
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
    if (steps == NULL || sigaction(SIGALRM, &action, NULL) != 0) {
        return found("no handler is to be had");
    }
    pid_t watch = start_watch(steps);
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed);
    pab_rng_seed(&handler.rng, forking.run->seed + 1);
    next_signal();
    while ((uint64_t)handler.forks < forking.forks && handler.failed == 0) {
        void **slot = &blocks[pab_rng_below(&rng, BUSY_SLOTS)];
        pab_subject_free(&forking.subject, *slot);
        *slot = pab_subject_malloc(&forking.subject, 1 + pab_rng_below(&rng, 30000));
        ++*steps;
    }
    kill(watch, SIGKILL);
    waitpid(watch, NULL, 0);
    return handler.failed != 0 ? found("fork failed in a handler") : 0;
}

static enum pab_verdict handler_run(struct pab_check_run *run)
{
    begin(run, pab_budget(run, 200, 10000));
    run->ops_done = forking.forks;
    pab_compared(run, "%" PRIu64 " forks in a signal handler, amid malloc and free of one thread",
                 forking.forks);
    enum pab_verdict verdict = judge_case(run, handler_body);
    if (strstr(run->reason, "SIGXCPU") != NULL) {
        snprintf(run->reason, sizeof(run->reason),
                 "the process hung for 2 s: fork() in a signal handler waits for what the "
                 "interrupted call holds");
    }
    return verdict;
}

static const struct pab_check checks[] = {
    {
        .id = "THR-09",
        .summary = "after a fork amid other threads' calls, parent and child both allocate on",
        .source = "practice (POSIX.1-2024 fork promises less); glibc tst-malloc-fork-deadlock, "
                  "jemalloc fork",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_REALLOC,
        .admit = pab_team_admit,
        .run = forking_run,
    },
    {
        .id = "THR-11",
        .summary = "forks within forks, in threads' destructors and beside handlers that allocate",
        .source = "practice; snmalloc protect_fork, jemalloc fork",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_REALLOC,
        .admit = pab_team_admit,
        .run = nested_run,
    },
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

const struct pab_check_group pab_checks_forking = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
