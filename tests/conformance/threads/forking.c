/* tests/conformance/threads/forking.c -- fork, from processes whose other threads are amid calls,
 * from forked children and from destructors: parent and child must both go on.
 *
 * POSIX promises a child of a multi-threaded process nothing but async-signal-safe calls; every C
 * library promises malloc, and programs count on it.
 */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/threads/forks.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

static struct pab_forks forking;

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

static int fork_and_wait(const char *where)
{
    alarm(2 * PAB_FORKS_ALARM_S); /* for this process: it got so far */
    busy_grant();
    pid_t child = fork();
    if (child == 0) {
        pab_forks_child_begin();
        _exit(pab_forks_child_work(&forking));
    }
    return pab_forks_child_end(child, where);
}

/* --- THR-09 ------------------------------------------------------------------------------------------ */

#define FORKERS 2

static void *forker(void *arg)
{
    int *result = arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed + 77);
    for (uint64_t i = 0; *result == 0 && i < forking.count / FORKERS; i++) {
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
        return pab_forks_found("NULL before any fork");
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
    if (result == 0 && pab_forks_child_work(&forking) != 0) {
        return pab_forks_found("the parent's inherited blocks changed, or it got NULL");
    }
    return result;
}

static enum pab_verdict forking_run(struct pab_check_run *run)
{
    pab_forks_init(&forking, run, pab_budget(run, 40, 2000));
    run->ops_done = forking.count;
    pab_compared(run, "%" PRIu64 " forks by %d threads, %d others allocate, 1 writes to streams",
                 forking.count, FORKERS, BUSY_MAX - FORKERS - 1);
    return pab_forks_judge(&forking, forking_body);
}

/* --- THR-11 ------------------------------------------------------------------------------------------ */

#define LEVELS 3

/* A child forks a child forks a child; each allocates before and after. */
static int nest(int level)
{
    alarm(2 * PAB_FORKS_ALARM_S);
    busy_grant();
    pid_t child = fork();
    if (child == 0) {
        pab_forks_child_begin();
        if (!pab_ladder_climb(&forking.subject) || (level > 1 && nest(level - 1) != 0)) {
            _exit(EXIT_FAILURE);
        }
        _exit(pab_forks_child_work(&forking));
    }
    return pab_forks_child_end(child, level == LEVELS ? "three deep" : "within a forked child");
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
        return pab_forks_found("NULL before any fork");
    }
    busy_begin(3);
    for (uint64_t i = 0; result == 0 && i < forking.count; i++) {
        pthread_t thread;
        int thread_result = 1;
        if (i == forking.count / 2) {
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
    pab_forks_init(&forking, run, pab_budget(run, 16, 300));
    run->ops_done = forking.count * (LEVELS + 1);
    pab_compared(run,
                 "%" PRIu64 " times three deep, and in a thread's destructor; half of them with "
                 "fork handlers that allocate; 2 other threads allocate",
                 forking.count);
    return pab_forks_judge(&forking, nested_body);
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
};

const struct pab_check_group pab_checks_forking = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
