/* tests/conformance/exhaustion/together.c -- memory, or the right to start threads, runs out while
 * several threads ask: all of them are answered, and can go on. */
#include "allocators/sanitizer.h"
#include "tests/conformance/exhaustion/limit.h"
#include "tests/conformance/exhaustion/script.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CASE_MS     30000
#define THREADS     4
#define LIMIT_BYTES ((size_t)32 << 20)
#define SHARE       (PAB_LIMIT_BLOCKS / THREADS) /* blocks that one thread may take */
#define NOBODY      65534
#define STARTED     1

/* What a case and the check that forks it share. */
struct crowd {
    struct pab_subject subject;
    uint64_t seed;
    struct crowd_thread {
        struct crowd *crowd;
        size_t index, size;
        volatile size_t taken, taken_again;
        volatile bool has_null, is_whole;
    } threads[THREADS];
    uint64_t nulls;
    char wrong[256];
};

static unsigned char *blocks[PAB_LIMIT_BLOCKS];
static pthread_barrier_t gate;

/* --- exhaustion ------------------------------------------------------------------------------- */

static uint64_t key_of(const struct crowd_thread *thread, size_t i)
{
    return pab_pattern_key(thread->index * SHARE + i, 3);
}

/* Takes until there is nothing, for this thread at least; fills both ends of each block. */
static size_t take_until_null(struct crowd_thread *thread, size_t most)
{
    const struct pab_subject *subject = &thread->crowd->subject;
    size_t size = thread->size;
    size_t end = size < 256 ? size : 256;
    for (size_t i = 0; i < most; i++) {
        unsigned char *block = pab_subject_malloc(subject, size);
        if (block == NULL) {
            thread->has_null = true;
            return i;
        }
        pab_pattern_fill(block, 0, end, key_of(thread, i));
        pab_pattern_fill(block, size - end, size, key_of(thread, i));
        blocks[thread->index * SHARE + i] = block;
    }
    return most;
}

static void free_taken(struct crowd_thread *thread, size_t count)
{
    size_t end = thread->size < 256 ? thread->size : 256;
    for (size_t i = 0; i < count; i++) {
        unsigned char *block = blocks[thread->index * SHARE + i];
        uint64_t key = key_of(thread, i);
        thread->is_whole = thread->is_whole && pab_pattern_holds(block, 0, end, key, NULL) &&
                           pab_pattern_holds(block, thread->size - end, thread->size, key, NULL);
        pab_subject_free(&thread->crowd->subject, block);
    }
}

static void *crowd_thread(void *arg)
{
    struct crowd_thread *thread = arg;
    const struct pab_subject *subject = &thread->crowd->subject;
    pab_subject_free(subject, pab_subject_malloc(subject, thread->size));
    pthread_barrier_wait(&gate); /* each has called once: OOM-16 is about first calls */
    pthread_barrier_wait(&gate); /* the limit is set */
    thread->taken = take_until_null(thread, SHARE);
    pthread_barrier_wait(&gate); /* nobody has freed anything yet */
    free_taken(thread, thread->taken);
    pthread_barrier_wait(&gate); /* everything is free */
    thread->taken_again = take_until_null(thread, 10);
    free_taken(thread, thread->taken_again);
    return NULL;
}

static int crowd_case(void *arg)
{
    static const size_t sizes[THREADS] = {64, 1000, 20000, 200000};
    struct crowd *crowd = arg;
    pthread_t handles[THREADS];
    pthread_barrier_init(&gate, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        crowd->threads[i] =
            (struct crowd_thread){.crowd = crowd, .index = i, .size = sizes[i], .is_whole = true};
        PAB_CHECK(pthread_create(&handles[i], NULL, crowd_thread, &crowd->threads[i]) == 0);
    }
    pthread_barrier_wait(&gate);
    pab_limit_set(LIMIT_BYTES);
    pab_limit_drain_reserve(&crowd->subject, LIMIT_BYTES);
    for (int stage = 0; stage < 3; stage++) {
        pthread_barrier_wait(&gate);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(handles[i], NULL);
    }
    return 0;
}

static bool judge_crowd(struct pab_check_run *run, const struct crowd *crowd)
{
    for (size_t i = 0; i < THREADS; i++) {
        const struct crowd_thread *thread = &crowd->threads[i];
        run->ops_done += thread->taken;
        if (!thread->is_whole) {
            return pab_wrong(run, "a block of %zu bytes of thread %zu was changed by another one",
                             thread->size, i);
        }
    }
    return true;
}

static enum pab_verdict crowd_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct crowd *crowd = pab_case_shared(sizeof(*crowd));
    struct pab_case done;
    PAB_CHECK(crowd != NULL);
    pab_subject_init(&crowd->subject, run->heap);
    pab_case_run(crowd_case, crowd, CASE_MS, &done);
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        pab_wrong(run, "it %s when memory ran out under %d threads%s%.160s", how, THREADS,
                  done.text[0] == '\0' ? "" : "; it said: ", done.text);
        return pab_judge(run, false);
    }
    bool holds = judge_crowd(run, crowd);
    const struct crowd_thread *thread = crowd->threads;
    for (size_t i = 0; holds && i < THREADS; i++) {
        if (!thread[i].has_null) {
            return pab_skip(run,
                            "%zu blocks of %zu bytes, and no limit is felt: its memory was "
                            "set aside before",
                            thread[i].taken, thread[i].size);
        }
    }
    pab_compared(run,
                 "%d threads, %zu MiB: %zu blocks of 64 B, %zu of 1,000, %zu of 20,000, %zu of "
                 "200,000; had again, of at most 10: %zu, %zu, %zu, %zu",
                 THREADS, LIMIT_BYTES >> 20, thread[0].taken, thread[1].taken, thread[2].taken,
                 thread[3].taken, thread[0].taken_again, thread[1].taken_again,
                 thread[2].taken_again, thread[3].taken_again);
    return pab_judge(run, holds);
}

/* --- first calls ------------------------------------------------------------------------------ */

static void *first_call_thread(void *arg)
{
    struct crowd_thread *thread = arg;
    pthread_barrier_wait(&gate);
    void *block = pab_subject_malloc(&thread->crowd->subject, thread->size);
    thread->taken = block != NULL;
    thread->has_null = block == NULL;
    pab_subject_free(&thread->crowd->subject, block);
    return NULL;
}

static int first_calls_case(void *arg)
{
    static const size_t sizes[THREADS] = {16, 1000, 20000, 200000};
    struct crowd *crowd = arg;
    pthread_t handles[THREADS];
    pthread_barrier_init(&gate, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        crowd->threads[i] = (struct crowd_thread){.crowd = crowd, .index = i, .size = sizes[i]};
        PAB_CHECK(pthread_create(&handles[i], NULL, first_call_thread, &crowd->threads[i]) == 0);
    }
    pab_limit_set(LIMIT_BYTES);
    for (size_t size = LIMIT_BYTES; size >= 16; size /= 2) {
        size_t count = 0; /* no more than would fit twice: some have set memory aside */
        while (count * size < 64 * LIMIT_BYTES &&
               pab_subject_malloc(&crowd->subject, size) != NULL) {
            count++;
        }
    }
    pthread_barrier_wait(&gate);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(handles[i], NULL);
    }
    return 0;
}

static enum pab_verdict first_calls_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct crowd *crowd = pab_case_shared(sizeof(*crowd));
    struct pab_case done;
    PAB_CHECK(crowd != NULL);
    pab_subject_init(&crowd->subject, run->heap);
    pab_case_run(first_calls_case, crowd, CASE_MS, &done);
    run->ops_done = THREADS;
    bool holds = true;
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        holds = pab_wrong(run,
                          "it %s: the main thread took all that RLIMIT_AS left, then %d threads "
                          "called malloc for the first time",
                          how, THREADS);
    }
    size_t served = 0;
    for (size_t i = 0; i < THREADS; i++) {
        served += crowd->threads[i].taken;
    }
    pab_compared(run, "%d threads, 16 to 200,000 bytes; %zu were served all the same", THREADS,
                 served);
    return pab_judge(run, holds);
}

/* --- no more threads -------------------------------------------------------------------------- */

static struct pab_script script;

static void *no_work(void *arg)
{
    return arg;
}

/* Whoever may break the limit gives up that right first; the process is the case's own. */
static bool forbid_threads(void)
{
    pthread_t thread;
    struct rlimit none = {0, 0};
    bool is_set = (geteuid() != 0 || setuid(NOBODY) == 0) && setrlimit(RLIMIT_NPROC, &none) == 0;
    if (!is_set || pthread_create(&thread, NULL, no_work, NULL) != 0) {
        return is_set;
    }
    pthread_join(thread, NULL);
    return false;
}

static int no_threads_case(void *arg)
{
    struct crowd *crowd = arg;
    if (!forbid_threads()) {
        return STARTED;
    }
    pab_script_init(&script, &crowd->subject, crowd->seed);
    if (!pab_script_run(&script, PAB_SCRIPT_STEPS) || !pab_script_drain(&script)) {
        snprintf(crowd->wrong, sizeof(crowd->wrong), "%s", script.wrong);
    }
    crowd->nulls = script.nulls;
    return 0;
}

static enum pab_verdict no_threads_run(struct pab_check_run *run)
{
    struct crowd *crowd = pab_case_shared(sizeof(*crowd));
    struct pab_case done;
    char how[80];
    PAB_CHECK(crowd != NULL);
    pab_subject_init(&crowd->subject, run->heap);
    crowd->seed = run->seed;
    pab_case_run(no_threads_case, crowd, CASE_MS, &done);
    pab_case_describe(&done, how, sizeof(how));
    run->ops_done = PAB_SCRIPT_STEPS;
    if (done.end == PAB_CASE_RETURNED && done.value == STARTED) {
        return pab_skip(run, "this process may start threads whatever RLIMIT_NPROC says");
    }
    bool holds = true;
    if (done.end != PAB_CASE_RETURNED) {
        holds =
            pab_wrong(run, "it %s where no thread could be started; seed %" PRIu64, how, run->seed);
    } else if (crowd->wrong[0] != '\0' || crowd->nulls > 0) {
        holds = pab_wrong(run, "%s%s%" PRIu64 " requests were refused; seed %" PRIu64, crowd->wrong,
                          crowd->wrong[0] == '\0' ? "" : "; ", crowd->nulls, run->seed);
    }
    pab_compared(run, "%d steps, with whatever threads the allocator starts by itself refused",
                 PAB_SCRIPT_STEPS);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-10",
        .summary = "memory runs out under several threads: all see NULL, none hangs, all is whole",
        .source = "C23 7.24.3p2; glibc tst-malloc-thread-fail, google/tcmalloc outofmemory_test",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .needs = PAB_CAP_THREADS,
        .run = crowd_run,
    },
    {
        .id = "OOM-13",
        .summary = "no thread can be started: the allocator does without",
        .source = "jemalloc's background threads",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = no_threads_run,
    },
    {
        .id = "OOM-16",
        .summary = "memory has run out: a thread's first call gives NULL, as any other",
        .source = "C23 7.24.3.6: malloc gives a pointer or NULL; jemalloc 5.3.0 does otherwise",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .needs = PAB_CAP_THREADS,
        .run = first_calls_run,
    },
};

const struct pab_check_group pab_checks_together = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
