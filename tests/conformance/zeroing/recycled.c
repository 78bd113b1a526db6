/* tests/conformance/zeroing/recycled.c -- calloc on memory that was used before: where an allocator
 * that believes it to be zero goes wrong. Whatever is freed here is dirty to its last byte. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define DIRT         0xEB
#define EACH_SIZE    ((size_t)1024) /* all sizes up to it are hunted */
#define LADDER_MOST  ((size_t)256 << 10)
#define FREED        16u
#define TRIES        1024u
#define TRIES_BYTES  ((size_t)64 << 10)
#define CROWD        8000u
#define CROWD_MOST   ((size_t)64 << 10)
#define VOLUME       ((size_t)256 << 10) /* of a class, before its memory changes class */
#define BLOCKS_MOST  ((size_t)8192)      /* ... or so many */
#define DENSE_MOST   512u
#define CLASS_MOST   4096u
#define CLASSES      48u
#define CHANGES      400u
#define CHANGE_CALLS (2 * VOLUME / DENSE_MOST) /* about, for --ops */

/* Which bytes of a block from calloc must be zero. */
enum part { PART_ASKED, PART_BEHIND };

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    enum part part;
    uint64_t sizes, met; /* sizes hunted; of those, the very address came back */
    void *held[BLOCKS_MOST];
    size_t held_sizes[CROWD];
} recycling;

static void recycling_init(struct pab_check_run *run, enum part part)
{
    memset(&recycling, 0, sizeof(recycling));
    recycling.run = run;
    recycling.part = part;
    pab_subject_init(&recycling.subject, run->heap);
}

static void free_dirty(void *block, size_t size)
{
    memset(block, DIRT, pab_subject_usable(&recycling.subject, block, size));
    pab_subject_free(&recycling.subject, block);
}

/* A block from calloc, looked at; NULL with the reason set. */
static void *take_zeroed(size_t size, const char *when)
{
    const struct pab_subject *subject = &recycling.subject;
    unsigned char *block = pab_subject_calloc(subject, 1, size);
    size_t bad = 0;
    recycling.run->ops_done++;
    if (block == NULL) {
        pab_wrong(recycling.run, "calloc(1, %zu) gave NULL", size);
        return NULL;
    }
    bool is_behind = recycling.part == PART_BEHIND;
    size_t usable = pab_subject_usable(subject, block, size);
    if (!pab_pattern_is_zero(block, is_behind ? size : 0, is_behind ? usable : size, &bad)) {
        pab_wrong(recycling.run,
                  "byte %zu of calloc(1, %zu), %zu usable, is 0x%02x: %s (call %" PRIu64
                  ", seed %" PRIu64 ")",
                  bad, size, usable, block[bad], when, recycling.run->ops_done,
                  recycling.run->seed);
        return NULL;
    }
    return block;
}

/* --- CAL-002, CAL-006 ----------------------------------------------------------------------- */

/* Frees more blocks than a cache of single ones keeps for malloc alone, so that some must be
 * calloc's; the first one stays, so that what they lie in stays in use. */
static uintptr_t free_dirty_ones(size_t size, void **stays)
{
    void *blocks[FREED];
    for (size_t i = 0; i < FREED; i++) {
        blocks[i] = pab_subject_malloc(&recycling.subject, size);
    }
    *stays = blocks[0];
    for (size_t i = 1; i < FREED; i++) {
        if (blocks[i] != NULL) {
            free_dirty(blocks[i], size);
        }
    }
    return (uintptr_t)blocks[FREED - 1];
}

/* Calls calloc until the block that was freed last is back, or as often as is sensible. */
static bool hunt(size_t size)
{
    void *stays = NULL;
    uintptr_t address = free_dirty_ones(size, &stays);
    size_t most = TRIES_BYTES / size;
    most = most < FREED ? FREED : most > TRIES ? TRIES : most;
    size_t count = 0;
    bool is_met = false;
    bool holds = true;
    while (holds && !is_met && count < most) {
        recycling.held[count] = take_zeroed(size, "blocks of that size were freed just before");
        holds = recycling.held[count] != NULL;
        is_met = holds && (uintptr_t)recycling.held[count] == address;
        count += holds ? 1 : 0;
    }
    for (size_t i = 0; i < count; i++) {
        free_dirty(recycling.held[i], size);
    }
    pab_subject_free(&recycling.subject, stays);
    recycling.sizes++;
    recycling.met += is_met ? 1 : 0;
    return holds;
}

static bool hunt_sizes(void)
{
    struct pab_sizes ladder;
    pab_sizes_ladder(&ladder, LADDER_MOST);
    for (size_t size = 1; size <= EACH_SIZE; size++) {
        if (!hunt(size)) {
            return false;
        }
    }
    for (size_t i = 0; i < ladder.count; i++) {
        if (ladder.at[i] > EACH_SIZE && !hunt(ladder.at[i])) {
            return false;
        }
    }
    return true;
}

/* Fills the heap, makes all of it dirty, empties it. */
static void *soil(void *arg)
{
    struct pab_rng rng;
    (void)arg;
    pab_rng_seed(&rng, recycling.run->seed);
    for (size_t i = 0; i < CROWD; i++) {
        recycling.held_sizes[i] = pab_sizes_draw(&rng, CROWD_MOST);
        recycling.held[i] = pab_subject_malloc(&recycling.subject, recycling.held_sizes[i]);
    }
    for (size_t i = 0; i < CROWD; i++) {
        if (recycling.held[i] != NULL) {
            free_dirty(recycling.held[i], recycling.held_sizes[i]);
        }
    }
    return NULL;
}

static bool take_crowd(uint64_t seed, const char *when)
{
    struct pab_rng rng;
    bool holds = true;
    size_t count = 0;
    pab_rng_seed(&rng, seed);
    for (; holds && count < CROWD; count++) {
        recycling.held_sizes[count] = pab_sizes_draw(&rng, CROWD_MOST);
        recycling.held[count] = take_zeroed(recycling.held_sizes[count], when);
        holds = recycling.held[count] != NULL;
    }
    for (size_t i = 0; holds && i < count; i++) {
        free_dirty(recycling.held[i], recycling.held_sizes[i]);
    }
    return holds;
}

/* With the sizes that were freed, in the same order, and with others. */
static bool crowd_is_zeroed(const char *when)
{
    return take_crowd(recycling.run->seed, when) && take_crowd(recycling.run->seed + 1, when);
}

static bool after_each_end(void)
{
    struct pab_heap *heap = recycling.run->heap;
    soil(NULL);
    if (!crowd_is_zeroed("all blocks had been freed")) {
        return false;
    }
    if (heap->backend->purge != NULL) {
        soil(NULL);
        heap->backend->purge(heap);
        if (!crowd_is_zeroed("all blocks had been freed and the heap purged")) {
            return false;
        }
    }
    pthread_t thread;
    if ((heap->backend->caps & PAB_CAP_THREADS) != 0 &&
        pthread_create(&thread, NULL, soil, NULL) == 0) {
        pthread_join(thread, NULL);
        return crowd_is_zeroed("all blocks had been freed by a thread that has ended");
    }
    return true;
}

static enum pab_verdict recycled(struct pab_check_run *run, enum part part)
{
    recycling_init(run, part);
    bool holds = hunt_sizes() && after_each_end();
    pab_compared(run,
                 "%" PRIu64 " blocks; for %" PRIu64 " of %" PRIu64
                 " sizes the very block that was freed came back",
                 run->ops_done, recycling.met, recycling.sizes);
    return pab_judge(run, holds);
}

static enum pab_verdict recycled_run(struct pab_check_run *run)
{
    return recycled(run, PART_ASKED);
}

static enum pab_verdict behind_run(struct pab_check_run *run)
{
    return recycled(run, PART_BEHIND);
}

/* --- CAL-003 -------------------------------------------------------------------------------- */

/* CLASSES of the small ones, evenly, and a few of the larger ones. */
static void choose_classes(struct pab_sizes *out)
{
    struct pab_sizes all;
    size_t dense = 0;
    pab_sizes_classes(&all, &recycling.subject, CLASS_MOST);
    while (dense < all.count && all.at[dense] <= DENSE_MOST) {
        dense++;
    }
    out->count = 0;
    for (size_t i = 0; i < all.count; i += i < dense ? dense / CLASSES + 1 : 32) {
        out->at[out->count++] = all.at[i];
    }
}

static size_t volume_of(size_t class)
{
    return VOLUME / class < BLOCKS_MOST ? VOLUME / class : BLOCKS_MOST;
}

/* A VOLUME of dirty blocks of one class is freed; then as much of another comes from calloc. */
static bool change_class(size_t from, size_t to)
{
    char when[64];
    size_t count = volume_of(from);
    snprintf(when, sizeof(when), "blocks of %zu bytes were freed before", from);
    for (size_t i = 0; i < count; i++) {
        recycling.held[i] = pab_subject_malloc(&recycling.subject, from);
        if (recycling.held[i] == NULL) {
            return pab_wrong(recycling.run, "malloc(%zu) gave NULL", from);
        }
        memset(recycling.held[i], DIRT,
               pab_subject_usable(&recycling.subject, recycling.held[i], from));
    }
    for (size_t i = 0; i < count; i++) {
        pab_subject_free(&recycling.subject, recycling.held[i]);
    }
    count = volume_of(to);
    for (size_t i = 0; i < count; i++) {
        recycling.held[i] = take_zeroed(to, when);
        if (recycling.held[i] == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        free_dirty(recycling.held[i], to);
    }
    return true;
}

static enum pab_verdict changed_class_run(struct pab_check_run *run)
{
    struct pab_sizes classes;
    struct pab_rng rng;
    recycling_init(run, PART_ASKED);
    choose_classes(&classes);
    pab_rng_seed(&rng, run->seed);
    /* One block stays, so that what an allocator gives back only as a whole is not given back. */
    void *pin = pab_subject_malloc(&recycling.subject, 1);
    uint64_t changes = pab_budget(run, CHANGES * CHANGE_CALLS, 0) / CHANGE_CALLS + 1;
    bool holds = classes.count > 0;
    uint64_t done = 0;
    for (; holds && done < changes; done++) {
        size_t from = classes.at[pab_rng_below(&rng, (uint32_t)classes.count)];
        size_t to = classes.at[pab_rng_below(&rng, (uint32_t)classes.count)];
        holds = change_class(from, to);
    }
    pab_subject_free(&recycling.subject, pin);
    pab_compared(run,
                 "%" PRIu64 " times up to %zu KiB of one of %zu classes became another's: %" PRIu64
                 " blocks from calloc",
                 done, VOLUME >> 10, classes.count, run->ops_done);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "CAL-002",
        .summary = "calloc zeroes memory that was used before: after free, after all was freed, "
                   "after a purge, after the end of a thread",
        .source = "C23 7.24.3.2; bionic malloc_test calloc_usable_size; mimalloc test-api-fill",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC,
        .run = recycled_run,
    },
    {
        .id = "CAL-003",
        .summary = "calloc zeroes memory that was another size's before",
        .source = "C23 7.24.3.2",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC,
        .run = changed_class_run,
    },
    {
        .id = "CAL-006",
        .summary = "what is usable of a block from calloc beyond the request is zero, too",
        .source = "bionic malloc_test calloc_usable_size; C is silent",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_CALLOC | PAB_USES_USABLE_SIZE,
        .run = behind_run,
    },
};

const struct pab_check_group pab_checks_recycled = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
