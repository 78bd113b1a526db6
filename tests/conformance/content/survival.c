/* tests/conformance/content/survival.c -- blocks outlast what happens to the process around them: a
 * purge, threads that come and go, libraries that are loaded and unloaded, a fork. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define BLOCKS        10000u
#define SIZE_MOST     65536u
#define CALLS         40000u /* one round makes half as many calls as there are blocks, or more */
#define THREAD_BLOCKS 500u
#define FORK_MS       20000u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_rng rng;
    struct pab_block made[BLOCKS];
    size_t threads, forks; /* that there were */
} held;

static void begin(struct pab_check_run *run)
{
    memset(&held, 0, sizeof(held));
    held.run = run;
    pab_rng_seed(&held.rng, run->seed);
    pab_subject_init(&held.subject, run->heap);
    pab_blocks_init(&held.blocks, run, &held.subject);
    held.blocks.table = held.made;
    held.blocks.count = BLOCKS;
}

static bool take_missing(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        if (held.made[i].at == NULL &&
            !pab_block_take(&held.blocks, &held.made[i], pab_sizes_draw(&held.rng, SIZE_MOST))) {
            return false;
        }
    }
    return true;
}

/* Random ones, or whole stretches, so that there are pages to give back. */
static bool drop_half(bool stretches)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        bool goes = stretches ? i / 512 % 2 == 0 : pab_rng_below(&held.rng, 2) == 0;
        if (goes && held.made[i].at != NULL &&
            !pab_block_drop(&held.blocks, &held.made[i], "before free")) {
            return false;
        }
    }
    return true;
}

static bool all_hold(const char *when)
{
    return pab_blocks_hold(&held.blocks, held.made, BLOCKS, when);
}

static enum pab_verdict purge_run(struct pab_check_run *run)
{
    uint64_t rounds = pab_budget(run, CALLS, 0) / BLOCKS + 1;
    bool holds = true;
    begin(run);
    for (uint64_t i = 0; holds && i < rounds; i++) {
        holds = take_missing() && drop_half(i % 2 == 0);
        run->heap->backend->purge(run->heap);
        holds = holds && all_hold("after a purge");
        run->progress(i, rounds);
    }
    holds = holds && take_missing() && all_hold("after the holes were filled again") &&
            pab_blocks_drop(&held.blocks, held.made, BLOCKS, "at the end");
    run->ops_done = held.blocks.calls;
    pab_compared(run, "%" PRIu64 " purges with some %u blocks live", rounds, BLOCKS / 2);
    return pab_judge(run, holds);
}

/* A thread that uses the allocator, where it may, and ends. */
static void *live_briefly(void *arg)
{
    void *made[THREAD_BLOCKS];
    const bool *may = arg;
    for (size_t i = 0; *may && i < THREAD_BLOCKS; i++) {
        made[i] = pab_subject_malloc(&held.subject, 16 + i * 7);
        if (made[i] != NULL) {
            memset(made[i], 0xa5, 16 + i * 7);
        }
    }
    for (size_t i = 0; *may && i < THREAD_BLOCKS; i++) {
        pab_subject_free(&held.subject, made[i]);
    }
    return NULL;
}

static bool outlast_threads(void)
{
    bool may = (held.run->heap->backend->caps & PAB_CAP_THREADS) != 0;
    pthread_t threads[4];
    size_t count = 0;
    while (count < ARRAY_COUNT(threads) &&
           pthread_create(&threads[count], NULL, live_briefly, &may) == 0) {
        count++;
    }
    held.threads += count;
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
    return all_hold("after threads came and went");
}

/* Libraries of the C library's own package, which nothing here is linked with. */
static size_t load_and_unload(void)
{
    static const char *const names[] = {"libanl.so.1", "libBrokenLocale.so.1", "libnss_compat.so.2",
                                        "libthread_db.so.1"};
    size_t loaded = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        loaded += handle != NULL;
        if (handle != NULL) {
            dlclose(handle);
        }
    }
    return loaded;
}

/* In the child: all blocks are there, and can be freed and made. */
static int child_body(void *arg)
{
    (void)arg;
    return all_hold("in a forked child") && drop_half(false) && take_missing() &&
                   all_hold("in a forked child, after it made its own")
               ? 0
               : 1;
}

static bool outlast_fork(void)
{
    struct pab_case done;
    char how[96];
    pab_case_run(child_body, NULL, FORK_MS, &done);
    pab_case_describe(&done, how, sizeof(how));
    if (done.end == PAB_CASE_BROKE) { /* that no fork is to be had is not the allocator's doing */
        return true;
    }
    held.forks++;
    if (done.end != PAB_CASE_RETURNED) {
        return pab_wrong(held.run, "a forked child that reads, frees and makes blocks %s", how);
    }
    return (done.value == 0 || pab_wrong(held.run,
                                         "a forked child found bytes of its blocks changed "
                                         "(seed %" PRIu64 ")",
                                         held.run->seed)) &&
           all_hold("after a forked child wrote to its own blocks");
}

static enum pab_verdict events_run(struct pab_check_run *run)
{
    uint64_t rounds = pab_budget(run, CALLS, 0) / BLOCKS + 1;
    size_t loaded = 0;
    bool holds = true;
    begin(run);
    for (uint64_t i = 0; holds && i < rounds; i++) {
        holds = take_missing() && outlast_threads();
        loaded += load_and_unload();
        holds = holds && all_hold("after libraries were loaded and unloaded") && outlast_fork() &&
                drop_half(i % 2 == 0);
        run->progress(i, rounds);
    }
    holds = holds && pab_blocks_drop(&held.blocks, held.made, BLOCKS, "at the end");
    run->ops_done = held.blocks.calls;
    pab_compared(run,
                 "%u live blocks, %" PRIu64 " rounds: %zu threads%s, %zu forks, %zu libraries "
                 "loaded and unloaded",
                 BLOCKS, rounds, held.threads,
                 (run->heap->backend->caps & PAB_CAP_THREADS) != 0 ? "" : " that make no call",
                 held.forks, loaded);
    return pab_judge(run, holds);
}

#define SURVIVAL_COMMON .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "PRE-007",
        .summary = "live blocks survive a purge",
        .source = "C23 7.24.3; glibc malloc/tst-trim1, scudo releaseToOS tests",
        .uses = PAB_USES_PURGE,
        .run = purge_run,
        SURVIVAL_COMMON,
    },
    {
        .id = "PRE-008",
        .summary = "live blocks survive threads, libraries that come and go, and a fork",
        .source = "C23 7.24.3, POSIX.1-2024 fork; jemalloc test/unit/fork, mimalloc test-stress",
        .run = events_run,
        SURVIVAL_COMMON,
    },
};

const struct pab_check_group pab_checks_survival = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
