/* tests/conformance/domains/shared.c -- domains that several threads may use at once: raw always, in
 * CPython without the lock; the others where the backend is safe for threads.
 *
 * Threads exchange blocks through one table of slots, so that most are freed and resized by another
 * thread than the one that took them. Each says in its first bytes what it is filled with.
 */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/subject.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS_LEAST 4
#define THREADS_MOST  16
#define SLOTS         256
#define STEPS         40000 /* of all threads together, for a domain */

struct label {
    uint64_t key;
    size_t size; /* of the block, this label included */
};

static struct {
    struct pab_subject subject;
    uint64_t seed, steps; /* steps: of each thread */
    pthread_barrier_t gate;
    _Atomic(unsigned char *) slots[SLOTS];
    atomic_uint_fast64_t owners, nulls;
    atomic_flag is_found;
    char wrong[200];
} crowd;

static void write_block(unsigned char *block, size_t size)
{
    struct label label = {pab_pattern_key(atomic_fetch_add(&crowd.owners, 1), 7), size};
    memcpy(block, &label, sizeof(label));
    pab_pattern_fill(block, sizeof(label), size, label.key);
}

static bool read_block(const unsigned char *block, size_t kept, const char *when)
{
    struct label label;
    size_t bad = 0;
    memcpy(&label, block, sizeof(label));
    size_t to = label.size < kept ? label.size : kept;
    if (label.size >= sizeof(label) && label.size <= 4096 &&
        pab_pattern_holds(block, sizeof(label), to, label.key, &bad)) {
        return true;
    }
    if (!atomic_flag_test_and_set(&crowd.is_found)) {
        snprintf(crowd.wrong, sizeof(crowd.wrong), "byte %zu of a block of %zu bytes is wrong, %s",
                 bad, label.size, when);
    }
    return false;
}

/* Takes what lies in a slot and puts something else there. */
static bool exchange(struct pab_rng *rng)
{
    const struct pab_subject *subject = &crowd.subject;
    size_t size =
        sizeof(struct label) + pab_rng_below(rng, pab_rng_below(rng, 8) == 0 ? 3000 : 500);
    unsigned char *fresh = pab_rng_below(rng, 2) == 0 ? pab_subject_malloc(subject, size)
                                                      : pab_subject_calloc(subject, 1, size);
    if (fresh == NULL) {
        atomic_fetch_add(&crowd.nulls, 1);
        return true;
    }
    write_block(fresh, size);
    unsigned char *old = atomic_exchange(&crowd.slots[pab_rng_below(rng, SLOTS)], fresh);
    if (old == NULL) {
        return true;
    }
    bool holds = read_block(old, SIZE_MAX, "when another thread took it");
    if (holds && pab_rng_below(rng, 4) == 0) {
        size_t other = sizeof(struct label) + pab_rng_below(rng, 800);
        unsigned char *moved = pab_subject_realloc(subject, old, other);
        atomic_fetch_add(&crowd.nulls, moved == NULL);
        old = moved == NULL ? old : moved;
        holds = read_block(old, moved == NULL ? SIZE_MAX : other, "after realloc");
    }
    pab_subject_free(subject, old);
    return holds;
}

static void *crowd_thread(void *arg)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, crowd.seed + (uintptr_t)arg);
    pthread_barrier_wait(&crowd.gate);
    bool holds = true;
    for (uint64_t i = 0; holds && i < crowd.steps; i++) {
        holds = exchange(&rng);
    }
    return NULL;
}

static bool share_domain(struct pab_check_run *run, enum pab_domain domain, unsigned threads)
{
    static const char *const names[PAB_DOMAIN_COUNT] = {"raw", "mem", "obj"};
    pthread_t handles[THREADS_MOST];
    pab_subject_init_domain(&crowd.subject, run->heap, domain);
    crowd.seed = run->seed;
    crowd.steps = pab_budget(run, STEPS, 0) / threads + 1;
    atomic_store(&crowd.nulls, 0);
    atomic_flag_clear(&crowd.is_found);
    pthread_barrier_init(&crowd.gate, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        PAB_CHECK(pthread_create(&handles[i], NULL, crowd_thread, (void *)(uintptr_t)i) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
    }
    pthread_barrier_destroy(&crowd.gate);
    for (size_t i = 0; i < SLOTS; i++) {
        unsigned char *left = atomic_exchange(&crowd.slots[i], NULL);
        if (left != NULL) {
            (void)read_block(left, SIZE_MAX, "at the end");
            pab_subject_free(&crowd.subject, left);
        }
    }
    run->ops_done += crowd.steps * threads;
    if (crowd.wrong[0] != '\0') {
        return pab_wrong(run, "%s domain, %u threads: %s; seed %" PRIu64, names[domain], threads,
                         crowd.wrong, run->seed);
    }
    return atomic_load(&crowd.nulls) == 0 ||
           pab_wrong(run, "%s domain, %u threads: %" PRIu64 " requests gave NULL", names[domain],
                     threads, (uint64_t)atomic_load(&crowd.nulls));
}

/* Of a heap that stands on another, raw is the other's; of a libpython it is the C library's. */
static bool has_safe_raw(const struct pab_heap *heap)
{
    unsigned caps = heap->raw != NULL ? heap->raw->backend->caps : heap->backend->caps;
    bool is_libpython = heap->raw == NULL && heap->entry[PAB_DOMAIN_RAW].malloc != NULL &&
                        heap->entry[PAB_DOMAIN_RAW].malloc != heap->entry[PAB_DOMAIN_OBJ].malloc;
    return (caps & PAB_CAP_THREADS) != 0 || is_libpython;
}

static enum pab_verdict shared_run(struct pab_check_run *run)
{
    if (!has_safe_raw(run->heap)) {
        return pab_skip(run, "%s says that it serves one thread at a time, raw domain and all",
                        run->heap->backend->name);
    }
    bool is_safe = (run->heap->backend->caps & PAB_CAP_THREADS) != 0;
    unsigned cpus = pab_process_cpus();
    unsigned threads = 2 * cpus > THREADS_LEAST ? 2 * cpus : THREADS_LEAST;
    threads = threads < THREADS_MOST ? threads : THREADS_MOST;
    bool holds = true;
    for (int domain = 0; holds && domain < (is_safe ? PAB_DOMAIN_COUNT : 1); domain++) {
        holds = share_domain(run, (enum pab_domain)domain, threads);
    }
    pab_compared(run, "%u threads exchange blocks, %" PRIu64 " times: %s", threads, run->ops_done,
                 is_safe ? "all domains" : "the raw domain; the others stand under a lock");
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-10",
        .summary = "threads share the raw domain without a lock, and others where that is said",
        .source = "CPython Doc/c-api/memory.rst: the raw domain needs no GIL",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = shared_run,
    },
};

const struct pab_check_group pab_checks_shared = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
