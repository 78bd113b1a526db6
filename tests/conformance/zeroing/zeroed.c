/* tests/conformance/zeroing/zeroed.c -- calloc zeroes the whole block, and nothing beside it. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <string.h>

#define SMALL_MOST  ((size_t)4096)
#define DIRTY_MOST  ((size_t)1 << 20)
#define LADDER_MOST ((size_t)64 << 20)
#define DIRT        0xEB
#define NEIGHBOURS  64u
#define CLASS_MOST  ((size_t)4096)
#define FEW         8u /* neighbours where blocks are large */
#define LARGE_MOST  ((size_t)256 << 10)

/* --- CAL-001 -------------------------------------------------------------------------------- */

/* The `turn`th way to write `size` as a product: 1 * n, n * 1, or by a small factor. */
static void split(size_t size, uint64_t turn, size_t *count, size_t *each)
{
    *count = turn % 3 == 0 ? 1 : size;
    for (size_t factor = 2; turn % 3 == 2 && factor <= 64; factor++) {
        if (size % factor == 0) {
            *count = factor;
        }
    }
    *each = size / *count;
}

/* What lay there before is not zero: the whole of a block is made dirty, then freed. */
static void leave_dirt(const struct pab_subject *subject, void *block, size_t size)
{
    if (block != NULL) {
        if (size <= DIRTY_MOST) {
            memset(block, DIRT, pab_subject_usable(subject, block, size));
        }
        pab_subject_free(subject, block);
    }
}

static bool is_zeroed(struct pab_check_run *run, const struct pab_subject *subject, size_t size)
{
    leave_dirt(subject, pab_subject_malloc(subject, size), size);
    for (uint64_t turn = 0; turn < 3; turn++) {
        size_t count;
        size_t each;
        size_t bad = 0;
        split(size, turn, &count, &each);
        unsigned char *block = pab_subject_calloc(subject, count, each);
        run->ops_done++;
        if (block == NULL) {
            return pab_wrong(run, "calloc(%zu, %zu) gave NULL", count, each);
        }
        if (!pab_pattern_is_zero(block, 0, size, &bad)) {
            return pab_wrong(run, "byte %zu of calloc(%zu, %zu) is 0x%02x (call %" PRIu64 ")", bad,
                             count, each, block[bad], run->ops_done);
        }
        leave_dirt(subject, block, size);
        if (size > DIRTY_MOST) {
            break; /* reading them takes its time */
        }
    }
    return true;
}

static enum pab_verdict all_zero_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_sizes ladder;
    bool holds = true;
    pab_subject_init(&subject, run->heap);
    pab_sizes_ladder(&ladder, DIRTY_MOST);
    for (size_t size = 1; holds && size <= SMALL_MOST; size++) {
        holds = is_zeroed(run, &subject, size);
    }
    for (size_t i = 0; holds && i < ladder.count; i++) {
        holds = ladder.at[i] <= SMALL_MOST || is_zeroed(run, &subject, ladder.at[i]);
    }
    for (size_t size = DIRTY_MOST * 2; holds && size <= LADDER_MOST; size *= 2) {
        holds = is_zeroed(run, &subject, size + 1);
    }
    pab_compared(run,
                 "%" PRIu64 " blocks: sizes 1 to %zu, the powers of two and beside to 64 MiB; "
                 "up to 1 MiB where a block of the size was made dirty before",
                 run->ops_done, SMALL_MOST);
    return pab_judge(run, holds);
}

/* --- CAL-007 -------------------------------------------------------------------------------- */

/* Every other block goes and comes back from calloc; the ones between must not notice. */
static bool zero_between(struct pab_blocks *blocks, struct pab_block *table, size_t size)
{
    for (size_t i = 1; i < blocks->count; i += 2) {
        if (!pab_block_drop(blocks, &table[i], "before calloc")) {
            return false;
        }
    }
    for (size_t i = 1; i < blocks->count; i += 2) {
        size_t count;
        size_t each;
        split(size, i / 2, &count, &each);
        if (!pab_block_take_zeroed(blocks, &table[i], count, each)) {
            return false;
        }
    }
    return pab_blocks_hold(blocks, table, blocks->count, "after calloc beside it");
}

static bool neighbours_hold(struct pab_blocks *blocks, size_t bound, size_t size)
{
    static struct pab_block table[NEIGHBOURS];
    memset(table, 0, sizeof(table));
    blocks->table = table;
    blocks->count = bound <= CLASS_MOST ? NEIGHBOURS : FEW;
    for (size_t i = 0; i < blocks->count; i++) {
        if (!pab_block_take(blocks, &table[i], bound)) {
            return false;
        }
    }
    return zero_between(blocks, table, size) &&
           pab_blocks_drop(blocks, table, blocks->count, "at free, after calloc beside it");
}

static enum pab_verdict nothing_else_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes classes;
    bool holds = true;
    pab_subject_init(&subject, run->heap);
    pab_blocks_init(&blocks, run, &subject);
    pab_sizes_classes(&classes, &subject, CLASS_MOST);
    for (size_t i = 0; holds && i < classes.count; i++) {
        size_t bound = classes.at[i];
        size_t less = bound - (run->seed + i) % 8 % bound;
        holds = neighbours_hold(&blocks, bound, bound) && neighbours_hold(&blocks, bound, less);
    }
    for (size_t size = CLASS_MOST * 2; holds && size <= LARGE_MOST; size *= 2) {
        holds = neighbours_hold(&blocks, size, size - 8);
    }
    run->ops_done = blocks.calls;
    pab_compared(run,
                 "%zu size classes, %u blocks each, every other from calloc: %" PRIu64 " calls",
                 classes.count, NEIGHBOURS, blocks.calls);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "CAL-001",
        .summary = "every byte of a block from calloc is zero",
        .source = "C23 7.24.3.2",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC,
        .run = all_zero_run,
    },
    {
        .id = "CAL-007",
        .summary = "calloc zeroes its own block only: the neighbours keep every byte",
        .source = "C23 7.24.3: an object keeps its value throughout its lifetime",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC,
        .run = nothing_else_run,
    },
};

const struct pab_check_group pab_checks_zeroed = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
