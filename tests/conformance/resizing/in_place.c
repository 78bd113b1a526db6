/* tests/conformance/resizing/in_place.c -- where realloc leaves a block, and that what it moves away
 * from is free again. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS      64u
#define CYCLES     200000u
#define WARM       25000u
#define SMALL_MOST 512u
#define LARGE_MOST 65536u
#define SLACK      ((size_t)16 << 20) /* resident bytes that caches may come and go by */
#define HOPELESS   ((size_t)96 << 20) /* nothing is ever used again */
#define CLASS_MOST (1u << 20)
#define EDGES      10000u
#define EDGES_MOST 20000u
#define EDGE_STEPS 32u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes sizes;
} place;

static void begin(struct pab_check_run *run)
{
    place.run = run;
    pab_subject_init(&place.subject, run->heap);
    pab_blocks_init(&place.blocks, run, &place.subject);
}

/* A few vectors that grow and shrink. */
struct cycles {
    struct pab_rng rng;
    bool by_realloc; /* else by malloc, copy, free: the control */
    size_t start_bytes;
    unsigned char *slots[SLOTS];
    size_t sizes[SLOTS];
};

static void touch(unsigned char *block, size_t size)
{
    for (size_t at = 0; at < size; at += 4096) {
        block[at] = 1;
    }
    block[size - 1] = 1;
}

static bool cycle(struct cycles *cycles)
{
    uint32_t slot = pab_rng_below(&cycles->rng, SLOTS);
    bool large = pab_rng_below(&cycles->rng, 16) == 0;
    size_t size = 1 + pab_rng_below(&cycles->rng, large ? LARGE_MOST : SMALL_MOST);
    unsigned char *old = cycles->slots[slot];
    unsigned char *block = NULL;
    if (cycles->by_realloc) {
        block = pab_subject_realloc(&place.subject, old, size);
    } else if ((block = pab_subject_malloc(&place.subject, size)) != NULL && old != NULL) {
        memcpy(block, old, size < cycles->sizes[slot] ? size : cycles->sizes[slot]);
        pab_subject_free(&place.subject, old);
    }
    if (block == NULL) {
        return pab_wrong(place.run, "no memory for %zu bytes", size);
    }
    touch(block, size);
    cycles->slots[slot] = block;
    cycles->sizes[slot] = size;
    return true;
}

/* Resident bytes that so many cycles leave behind; stops when it is past hope. */
static bool grow_and_shrink(bool by_realloc, uint64_t count, size_t *grown)
{
    static struct cycles cycles;
    memset(&cycles, 0, sizeof(cycles));
    cycles.by_realloc = by_realloc;
    pab_rng_seed(&cycles.rng, place.run->seed);
    size_t before = 0;
    uint64_t done = 0;
    *grown = 0;
    for (uint64_t i = 0; i < WARM + count && *grown < HOPELESS; i++) {
        if (!cycle(&cycles)) {
            return false;
        }
        done++;
        if (i == WARM) {
            before = pab_process_rss_bytes();
        }
        if (i > WARM && i % 1024 == 0) {
            size_t now = pab_process_rss_bytes();
            *grown = now > before ? now - before : 0;
            place.run->progress(i, WARM + count);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        pab_subject_free(&place.subject, cycles.slots[i]);
    }
    place.run->ops_done = done; /* the last ones are those by realloc */
    return true;
}

static enum pab_verdict release_run(struct pab_check_run *run)
{
    uint64_t count = pab_budget(run, CYCLES, 0);
    size_t usual = 0;
    size_t grown = 0;
    begin(run);
    pab_process_avoid_huge_pages();
    bool holds = grow_and_shrink(false, count, &usual);
    if (holds && usual >= HOPELESS) {
        return pab_skip(run, "what is freed is not used again here: nothing to compare with");
    }
    holds = holds && grow_and_shrink(true, count, &grown);
    pab_compared(run,
                 "resident memory grew by %zu KiB over %" PRIu64 " cycles on %u slots, by %zu KiB "
                 "with malloc, copy, free; allowed: %zu KiB more",
                 grown >> 10, count, SLOTS, usual >> 10, SLACK >> 10);
    if (holds && grown > usual + SLACK) {
        holds = pab_wrong(run,
                          "cycles of realloc left %zu MiB behind, those of malloc, copy and free "
                          "%zu MiB (seed %" PRIu64 ")",
                          grown >> 20, usual >> 20, run->seed);
    }
    return pab_judge(run, holds);
}

/* Resizes a block that was just made and frees it; whether it moved. */
static bool resize_new(struct pab_block *block, size_t to, bool *moved)
{
    uintptr_t old = (uintptr_t)block->at;
    bool holds = pab_block_resize(&place.blocks, block, to);
    *moved = (uintptr_t)block->at != old;
    return holds && pab_block_drop(&place.blocks, block, "before free");
}

static enum pab_verdict usable_run(struct pab_check_run *run)
{
    size_t moves = 0;
    size_t tried = 0;
    bool holds = true;
    begin(run);
    pab_sizes_classes(&place.sizes, &place.subject, CLASS_MOST);
    for (size_t i = 0; holds && i < place.sizes.count; i++) {
        size_t from = i == 0 ? 1 : place.sizes.at[i - 1] + 1;
        struct pab_block block = {0};
        bool moved = false;
        holds = pab_block_take(&place.blocks, &block, from);
        size_t to = block.usable;
        holds = holds && resize_new(&block, to, &moved);
        tried++;
        if (moved && moves++ == 0) {
            pab_wrong(run,
                      "a block of %zu bytes, of which %zu are usable, moved when resized to %zu",
                      from, to, to);
        }
    }
    run->ops_done = place.blocks.calls;
    pab_compared(run, "%zu of %zu blocks moved", moves, tried);
    return pab_judge(run, holds && moves == 0);
}

/* How often small changes of size move a block: those that fit in it, those that do not, and
 * those that shrink it by less than half. */
struct moves {
    size_t within, beyond, shrunk;
};

static bool count_moves(size_t start, struct moves *tried, struct moves *moved)
{
    for (size_t delta = 1; delta < start / 2; delta *= 2) {
        struct pab_block block = {0};
        bool is_moved = false;
        if (!pab_block_take(&place.blocks, &block, start)) {
            return false;
        }
        size_t usable = block.usable;
        bool within = start + delta <= usable;
        if (!resize_new(&block, start + delta, &is_moved)) {
            return false;
        }
        *(within ? &tried->within : &tried->beyond) += 1;
        *(within ? &moved->within : &moved->beyond) += is_moved;
        if (within && is_moved) {
            pab_wrong(place.run,
                      "a block of %zu bytes, of which %zu are usable, moved to grow by %zu", start,
                      usable, delta);
        }
        if (!pab_block_take(&place.blocks, &block, start) ||
            !resize_new(&block, start - delta, &is_moved)) {
            return false;
        }
        tried->shrunk++;
        moved->shrunk += is_moved;
    }
    return true;
}

static enum pab_verdict delta_run(struct pab_check_run *run)
{
    static const size_t starts[] = {100, 1000, 10000, 100000};
    struct moves tried = {0};
    struct moves moved = {0};
    bool holds = true;
    begin(run);
    for (size_t i = 0; holds && i < ARRAY_COUNT(starts); i++) {
        holds = count_moves(starts[i], &tried, &moved);
    }
    run->ops_done = place.blocks.calls;
    pab_compared(run,
                 "moved: %zu of %zu that grew within what is usable (allowed: 0), %zu of %zu that "
                 "grew beyond it, %zu of %zu that shrank by less than half (both only counted)",
                 moved.within, tried.within, moved.beyond, tried.beyond, moved.shrunk,
                 tried.shrunk);
    if (holds && tried.within == 0) {
        return pab_skip(run, "no block of %zu sizes has room for more than was asked for",
                        ARRAY_COUNT(starts));
    }
    return pab_judge(run, holds && moved.within == 0);
}

/* Blocks that stay live fill mappings to their ends, so growth by one byte meets every end. */
static enum pab_verdict edge_run(struct pab_check_run *run)
{
    static struct pab_block kept[EDGES_MOST];
    uint64_t rounds = pab_budget(run, EDGES, EDGES_MOST);
    bool holds = true;
    begin(run);
    for (size_t i = 0; holds && i < rounds; i++) {
        size_t size = 16 * (1 + i % (EDGE_STEPS - 1));
        holds = pab_block_take(&place.blocks, &kept[i], size - 1) &&
                pab_block_resize(&place.blocks, &kept[i], size);
    }
    for (size_t i = 0; holds && i < rounds; i++) {
        size_t size = kept[i].asked;
        holds = pab_block_resize(&place.blocks, &kept[i], size + 1) &&
                pab_block_resize(&place.blocks, &kept[i], kept[i].usable + 1) &&
                pab_block_resize(&place.blocks, &kept[i], size - 15);
    }
    holds =
        holds && pab_blocks_drop(&place.blocks, kept, rounds, "in one of many that grew by one");
    run->ops_done = place.blocks.calls;
    pab_compared(run,
                 "%" PRIu64
                 " live blocks of 15 to %u bytes, each grown by 1 byte and beyond what is usable",
                 rounds, 16 * (EDGE_STEPS - 1));
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "REA-009",
        .summary = "what realloc moves a block away from is free again",
        .source = "C23 7.24.3.7: the old object is deallocated",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_REALLOC,
        .run = release_run,
    },
    {
        .id = "REA-011",
        .summary = "realloc to what is usable already does not move the block",
        .source = "quality; glibc malloc/tst-realloc, gperftools realloc_unittest",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_REALLOC | PAB_USES_USABLE_SIZE,
        .run = usable_run,
    },
    {
        .id = "REA-012",
        .summary = "growing a little within what is usable does not move the block; other small "
                   "changes are counted",
        .source = "quality; gperftools tcmalloc_unittest ReallocTest",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_REALLOC | PAB_USES_USABLE_SIZE,
        .run = delta_run,
    },
    {
        .id = "REA-015",
        .summary = "growth in place never runs past the end of a mapped region",
        .source = "C23 7.24.3.7; scudo ReallocateInPlaceStress, bionic realloc tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_REALLOC,
        .run = edge_run,
    },
};

const struct pab_check_group pab_checks_in_place = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
