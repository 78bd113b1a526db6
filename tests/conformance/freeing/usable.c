/* tests/conformance/freeing/usable.c -- what a block may be used for: never less than was asked,
 * all of it the caller's, the same until it is freed. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <string.h>

#define SMALL_MOST  ((size_t)8192)
#define PAGE        ((size_t)4096)
#define PAGES_MOST  ((size_t)256) /* page multiples, and beside them */
#define LADDER_MOST ((size_t)64 << 20)
#define GROWN_MOST  ((size_t)2048)
#define GROWTHS     16u
#define SLOTS       20000u
#define STEPS       100000u
#define STEPS_MOST  1000000000u
#define MIXED_MOST  ((size_t)64 << 10)
#define SWEEPS      4u
#define WASTE_LEAST ((size_t)128)
#define WASTE_MOST  ((size_t)128 << 10)
#define WASTE_BOUND 1.255

/* --- USZ-01 --------------------------------------------------------------------------------- */

static enum pab_verdict null_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    pab_subject_init(&subject, run->heap);
    size_t usable = subject.usable_size(NULL);
    run->ops_done = 1;
    if (usable != 0) {
        pab_wrong(run, "of NULL %zu bytes are said to be usable", usable);
    }
    return pab_judge(run, usable == 0);
}

/* --- USZ-02 --------------------------------------------------------------------------------- */

struct grants {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t more; /* usable than good_size said */
};

/* The block is the caller's to free. */
static bool is_enough(struct grants *grants, const char *call, void *block, size_t size)
{
    const struct pab_subject *subject = &grants->subject;
    grants->run->ops_done++;
    if (block == NULL) {
        return size > LADDER_MOST ||
               pab_wrong(grants->run, "%s gave NULL for %zu bytes", call, size);
    }
    size_t usable = pab_subject_usable(subject, block, size);
    if (usable < size) {
        return pab_wrong(grants->run, "%s for %zu bytes gave a block of %zu usable bytes", call,
                         size, usable);
    }
    return true;
}

/* A program that asks good_size() first uses that many bytes. */
static bool agrees(struct grants *grants, void *block, size_t size)
{
    const struct pab_subject *subject = &grants->subject;
    if (block == NULL || size == 0 || subject->good_size == NULL) {
        return true;
    }
    size_t good = subject->good_size(size);
    size_t usable = pab_subject_usable(subject, block, size);
    grants->more += usable > good ? 1 : 0;
    if (good < size) {
        return pab_wrong(grants->run, "the good size for %zu bytes is said to be %zu", size, good);
    }
    return usable >= good ||
           pab_wrong(grants->run,
                     "malloc(%zu) gave a block of %zu usable bytes, %zu was the good size for it",
                     size, usable, good);
}

static bool grant(struct grants *grants, size_t size)
{
    const struct pab_subject *subject = &grants->subject;
    void *block = pab_subject_malloc(subject, size);
    bool holds = is_enough(grants, "malloc", block, size) && agrees(grants, block, size);
    pab_subject_free(subject, block);
    if (holds && size <= SMALL_MOST) {
        block = pab_subject_calloc(subject, 1, size);
        holds = is_enough(grants, "calloc", block, size);
        pab_subject_free(subject, block);
    }
    return holds;
}

/* A block that grows by a little has to move as soon as it does not fit. */
static bool grow(struct grants *grants, size_t size, size_t delta)
{
    const struct pab_subject *subject = &grants->subject;
    void *block = pab_subject_malloc(subject, size);
    bool holds = is_enough(grants, "malloc", block, size);
    for (unsigned i = 0; holds && i < GROWTHS; i++) {
        size += delta;
        void *moved = pab_subject_realloc(subject, block, size);
        block = moved == NULL ? block : moved;
        holds = is_enough(grants, "a growing realloc", moved, size);
    }
    size_t less = size / 2 + 1;
    void *shrunk = holds ? pab_subject_realloc(subject, block, less) : NULL;
    holds = holds && is_enough(grants, "a shrinking realloc", shrunk, less);
    pab_subject_free(subject, shrunk == NULL ? block : shrunk);
    return holds;
}

static bool grant_all(struct grants *grants)
{
    struct pab_sizes ladder;
    bool holds = true;
    pab_sizes_ladder(&ladder, LADDER_MOST);
    for (size_t size = 0; holds && size <= SMALL_MOST; size++) {
        holds = grant(grants, size);
    }
    for (size_t page = 1; holds && page <= PAGES_MOST; page++) {
        for (size_t beside = 0; holds && beside <= 64; beside += 8) {
            holds = grant(grants, page * PAGE - 32 + beside);
        }
    }
    for (size_t i = 0; holds && i < ladder.count; i++) {
        holds = grant(grants, ladder.at[i]);
    }
    for (size_t size = 1; holds && size <= GROWN_MOST; size++) {
        holds = grow(grants, size, 1 + size % 8) && grow(grants, size, 8);
    }
    return holds;
}

static enum pab_verdict enough_run(struct pab_check_run *run)
{
    struct grants grants = {.run = run};
    char good[96] = "it has no good_size to compare with";
    pab_subject_init(&grants.subject, run->heap);
    bool holds = grant_all(&grants);
    if (grants.subject.good_size != NULL) {
        snprintf(good, sizeof(good), "good_size agrees, and is exceeded for %" PRIu64 " blocks",
                 grants.more);
    }
    pab_compared(run, "%" PRIu64 " blocks of 0 bytes to 64 MiB from malloc, calloc and realloc; %s",
                 run->ops_done, good);
    return pab_judge(run, holds);
}

/* --- USZ-03, USZ-04 ------------------------------------------------------------------------- */

/* Blocks full to the last usable byte, random ones of which go, come and are resized. */
struct full_heap {
    struct pab_blocks blocks;
    struct pab_subject subject;
    struct pab_rng rng;
    bool asks_again; /* USZ-04 */
    struct pab_block slots[SLOTS];
};

/* Compared with what was said when the block was made or last resized. */
static bool is_unchanged(struct full_heap *heap, const struct pab_block *block)
{
    if (!heap->asks_again || block->at == NULL) {
        return true;
    }
    size_t usable = pab_subject_usable(&heap->subject, block->at, block->asked);
    return usable == block->usable ||
           pab_wrong(heap->blocks.run,
                     "a block for %zu bytes had %zu usable bytes and has %zu now (%" PRIu64
                     " calls later, seed %" PRIu64 ")",
                     block->asked, block->usable, usable, heap->blocks.calls - block->call,
                     heap->blocks.run->seed);
}

static bool step(struct full_heap *heap)
{
    struct pab_block *block = &heap->slots[pab_rng_below(&heap->rng, SLOTS)];
    size_t size = pab_sizes_draw(&heap->rng, MIXED_MOST);
    if (block->at == NULL) {
        return pab_block_take(&heap->blocks, block, size);
    }
    if (!is_unchanged(heap, block)) {
        return false;
    }
    if (pab_rng_below(&heap->rng, 4) == 0) {
        return pab_block_resize(&heap->blocks, block, size);
    }
    return pab_block_drop(&heap->blocks, block, "at free");
}

static bool sweep(struct full_heap *heap)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!is_unchanged(heap, &heap->slots[i])) {
            return false;
        }
    }
    return heap->asks_again || pab_blocks_hold(&heap->blocks, heap->slots, SLOTS, "in a sweep");
}

/* All blocks are there before the first is filled: what reaches into the next one is seen before
 * it has spoilt what the allocator itself keeps in free memory. */
static bool fill_slots(struct full_heap *heap)
{
    static void *taken[SLOTS];
    static size_t sizes[SLOTS];
    for (size_t i = 0; i < SLOTS; i++) {
        sizes[i] = pab_sizes_draw(&heap->rng, MIXED_MOST);
        taken[i] = pab_subject_malloc(&heap->subject, sizes[i]);
        if (taken[i] == NULL) {
            return pab_wrong(heap->blocks.run, "malloc(%zu) gave NULL", sizes[i]);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        pab_block_adopt(&heap->blocks, &heap->slots[i], taken[i], sizes[i]);
    }
    return true;
}

static bool live(struct full_heap *heap)
{
    uint64_t steps = pab_budget(heap->blocks.run, STEPS, STEPS_MOST);
    if (!fill_slots(heap)) {
        return false;
    }
    for (uint64_t done = 0; done < steps; done++) {
        if ((done % (steps / SWEEPS + 1) == 0 && !sweep(heap)) || !step(heap)) {
            return false;
        }
    }
    return sweep(heap) && pab_blocks_drop(&heap->blocks, heap->slots, SLOTS, "at the end");
}

static enum pab_verdict full_heap(struct pab_check_run *run, bool asks_again)
{
    static struct full_heap heap;
    memset(&heap, 0, sizeof(heap));
    pab_rng_seed(&heap.rng, run->seed);
    pab_subject_init(&heap.subject, run->heap);
    pab_blocks_init(&heap.blocks, run, &heap.subject);
    heap.blocks.table = heap.slots;
    heap.blocks.count = SLOTS;
    heap.asks_again = asks_again;
    bool holds = live(&heap);
    run->ops_done = heap.blocks.calls;
    pab_compared(run, "%" PRIu64 " calls on up to %u blocks, full to the last usable byte",
                 heap.blocks.calls, SLOTS);
    return pab_judge(run, holds);
}

static enum pab_verdict writable_run(struct pab_check_run *run)
{
    return full_heap(run, false);
}

static enum pab_verdict constant_run(struct pab_check_run *run)
{
    return full_heap(run, true);
}

/* --- USZ-05 --------------------------------------------------------------------------------- */

static enum pab_verdict waste_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    size_t worst_size = 0;
    size_t worst_usable = 0;
    double worst = 0;
    double sum = 0;
    pab_subject_init(&subject, run->heap);
    for (size_t size = WASTE_LEAST; size <= WASTE_MOST; size++) {
        void *block = pab_subject_malloc(&subject, size);
        if (block == NULL) {
            pab_wrong(run, "malloc(%zu) gave NULL", size);
            return pab_judge(run, false);
        }
        size_t usable = pab_subject_usable(&subject, block, size);
        pab_subject_free(&subject, block);
        double ratio = (double)usable / (double)size;
        sum += ratio;
        run->ops_done++;
        if (ratio > worst) {
            worst = ratio;
            worst_size = size;
            worst_usable = usable;
        }
    }
    pab_compared(run,
                 "usable / asked over every size from %zu to %zu: at most %.3f (%zu for %zu), "
                 "%.3f in the mean; bound %.3f",
                 WASTE_LEAST, WASTE_MOST, worst, worst_usable, worst_size,
                 sum / (double)run->ops_done, WASTE_BOUND);
    if (worst > WASTE_BOUND) {
        pab_wrong(run, "malloc(%zu) takes %zu bytes, %.3f times as many; the bound is %.3f",
                  worst_size, worst_usable, worst, WASTE_BOUND);
    }
    return pab_judge(run, worst <= WASTE_BOUND);
}

static const struct pab_check checks[] = {
    {
        .id = "USZ-01",
        .summary = "the usable size of NULL is 0",
        .source = "Linux manual malloc_usable_size(3); snmalloc and TCMalloc tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_USABLE_SIZE | PAB_USES_C,
        .run = null_run,
    },
    {
        .id = "USZ-02",
        .summary = "the usable size is never less than what was asked for, nor than what nallocx "
                   "or good_size said",
        .source = "Linux manual malloc_usable_size(3); jemalloc manual nallocx; scudo and rpmalloc "
                  "tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_USABLE_SIZE | PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = enough_run,
    },
    {
        .id = "USZ-03",
        .summary = "all of the usable size can be written, and is no other block's",
        .source = "Linux manual malloc_usable_size(3); hangover; bionic malloc_test",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_USABLE_SIZE | PAB_USES_REALLOC,
        .run = writable_run,
    },
    {
        .id = "USZ-04",
        .summary = "the usable size does not change while the block lives",
        .source = "our rule: a program goes by what it was told once",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_USABLE_SIZE | PAB_USES_REALLOC,
        .run = constant_run,
    },
    {
        .id = "USZ-05",
        .summary = "from 128 bytes to 128 KiB a block takes at most 1.255 times what was asked for",
        .source = "rpmalloc tests (1.255 up to 128 KiB); the bound is our choice",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_USABLE_SIZE,
        .run = waste_run,
    },
};

const struct pab_check_group pab_checks_usable = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
