/* tests/conformance/resizing/kept.c -- what realloc must keep, from every size to every other.
 *
 * One pair of sizes is one trial: a block, a guard of the same size on either side of it, realloc,
 * then all three are looked at. A block's bytes depend on its offset and on its owner, so neither
 * a shifted copy nor one of a neighbour passes for the right one.
 */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <inttypes.h>

#define SMALL_MOST  100u    /* up to here from each size to each */
#define LADDER_MOST 100000u /* up to here from each step of a ladder to each */
#define GUARD_MOST  4096u   /* larger blocks seldom lie side by side */
#define CLASS_MOST  65536u
#define CLASS_SMALL 1024u
#define CLASS_PAIRS 24000u
#define CHAIN_MOST  (8u << 20) /* four times what any of the known allocators calls small or large */
#define NEW_MOST    (1u << 20)

static struct {
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes sizes;
    struct pab_rng rng;
    uint64_t pairs;
} matrix;

static void begin(struct pab_check_run *run)
{
    matrix.pairs = 0;
    pab_rng_seed(&matrix.rng, run->seed);
    pab_subject_init(&matrix.subject, run->heap);
    pab_blocks_init(&matrix.blocks, run, &matrix.subject);
}

static enum pab_verdict end(struct pab_check_run *run, bool holds)
{
    run->ops_done = matrix.blocks.calls;
    if (run->compared[0] == '\0') {
        pab_compared(run, "%" PRIu64 " pairs of sizes, guards on both sides", matrix.pairs);
    }
    return pab_judge(run, holds);
}

/* The block in the middle is there already when `middle` has one, else of `from` bytes. */
static bool try_pair(struct pab_block *middle, size_t from, size_t to)
{
    struct pab_blocks *blocks = &matrix.blocks;
    struct pab_block before = {0};
    struct pab_block after = {0};
    size_t guard = from < GUARD_MOST ? from : GUARD_MOST;
    matrix.pairs++;
    return pab_block_take(blocks, &before, guard) &&
           (middle->at != NULL || pab_block_take(blocks, middle, from)) &&
           pab_block_take(blocks, &after, guard) && pab_block_resize(blocks, middle, to) &&
           pab_block_drop(blocks, &before, "in the guard before a block that was resized") &&
           pab_block_drop(blocks, &after, "in the guard behind a block that was resized") &&
           pab_block_drop(blocks, middle, "after its neighbours were freed");
}

static bool wanted(bool grows, size_t from, size_t to)
{
    return grows ? to >= from : to <= from;
}

static bool try_if_wanted(bool grows, size_t from, size_t to)
{
    struct pab_block block = {0};
    return !wanted(grows, from, to) || try_pair(&block, from, to);
}

/* C leaves 0 bytes open (REA-008), Python's domains do not. */
static bool try_small(bool grows)
{
    size_t least = matrix.subject.is_c ? 1 : 0;
    for (size_t from = least; from <= SMALL_MOST; from++) {
        for (size_t to = least; to <= SMALL_MOST; to++) {
            if (!try_if_wanted(grows, from, to)) {
                return false;
            }
        }
    }
    return true;
}

static bool try_ladder(bool grows)
{
    const struct pab_sizes *sizes = &matrix.sizes;
    pab_sizes_ladder(&matrix.sizes, LADDER_MOST);
    for (size_t i = 1; i < sizes->count; i++) {
        for (size_t j = 1; j < sizes->count; j++) {
            if (!try_if_wanted(grows, sizes->at[i], sizes->at[j])) {
                return false;
            }
        }
    }
    return true;
}

/* What --ops leaves beyond the fixed pairs. */
static bool try_random(bool grows, uint64_t pairs)
{
    while (matrix.pairs < pairs) {
        size_t one = pab_sizes_draw(&matrix.rng, LADDER_MOST);
        size_t other = pab_sizes_draw(&matrix.rng, LADDER_MOST);
        if (matrix.pairs % 4096 == 0) {
            matrix.blocks.run->progress(matrix.pairs, pairs);
        }
        if (wanted(grows, one, other) && !try_if_wanted(grows, one, other)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict matrix_run(struct pab_check_run *run, bool grows)
{
    begin(run);
    bool holds =
        try_small(grows) && try_ladder(grows) && try_random(grows, pab_budget(run, 10000, 0));
    return end(run, holds);
}

static enum pab_verdict grow_run(struct pab_check_run *run)
{
    return matrix_run(run, true);
}

static enum pab_verdict shrink_run(struct pab_check_run *run)
{
    return matrix_run(run, false);
}

static bool make_new(struct pab_block *block, size_t size)
{
    struct pab_blocks *blocks = &matrix.blocks;
    void *at = pab_subject_realloc(&matrix.subject, NULL, size);
    if (at == NULL) {
        return pab_wrong(blocks->run, "realloc(NULL, %zu) gave NULL", size);
    }
    if ((uintptr_t)at % pab_aligned_natural(blocks->run, size) != 0) {
        return pab_wrong(blocks->run, "realloc(NULL, %zu) gave %p, not aligned to %zu", size, at,
                         pab_aligned_natural(blocks->run, size));
    }
    pab_block_adopt(blocks, block, at, size);
    return true;
}

/* All live at once: each has its bytes for itself. */
static enum pab_verdict null_run(struct pab_check_run *run)
{
    static struct pab_block made[PAB_SIZES_MAX];
    begin(run);
    pab_sizes_ladder(&matrix.sizes, NEW_MOST);
    size_t count = matrix.sizes.count;
    bool holds = true;
    for (size_t i = 1; holds && i < count; i++) {
        holds = make_new(&made[i], matrix.sizes.at[i]);
    }
    holds = holds && pab_blocks_drop(&matrix.blocks, made, count, "before free");
    pab_compared(run, "%zu sizes up to %u bytes", count - 1, NEW_MOST);
    return end(run, holds);
}

/* A block on the edge of one size class, or beside it, to another's; each fourth was aligned to
 * order. */
static bool try_classes(size_t from, size_t to, int64_t pair)
{
    struct pab_block block = {0};
    size_t asked = from + (size_t)(pair % 3) - 1;
    size_t wish = to + (size_t)(pair / 3 % 3) - 1;
    bool ordered = pair % 4 == 0 && matrix.subject.is_c && matrix.subject.posix_memalign != NULL;
    if (ordered && asked > 0) {
        void *at = pab_aligned_call(&matrix.subject, PAB_ALIGNED_POSIX_MEMALIGN, 64, asked);
        if (at == NULL) {
            return pab_wrong(matrix.blocks.run, "posix_memalign(64, %zu) failed", asked);
        }
        pab_block_adopt(&matrix.blocks, &block, at, asked);
    }
    return try_pair(&block, asked > 0 ? asked : 1, wish > 0 ? wish : 1);
}

/* Spreads `taken` choices over classes [from, to), other ones with another seed; how many. */
static size_t spread(size_t *chosen, size_t from, size_t to, size_t taken)
{
    size_t count = to - from;
    taken = taken < count ? taken : count;
    for (size_t i = 0; i < taken; i++) {
        size_t within = (size_t)(matrix.blocks.run->seed - 1) % (count / taken);
        chosen[i] = matrix.sizes.at[from + (i + 1) * count / taken - 1 - within];
    }
    return taken;
}

/* The small classes and some of the larger ones, so many that the pairs are within the budget. */
static size_t choose_classes(size_t chosen[PAB_SIZES_MAX])
{
    uint64_t budget = pab_budget(matrix.blocks.run, CLASS_PAIRS, 0);
    size_t count = matrix.sizes.count;
    size_t small = 0;
    while (small < count && matrix.sizes.at[small] <= CLASS_SMALL) {
        small++;
    }
    size_t most = 2;
    while (most < count && (most + 1) * (most + 1) * 3 <= budget) {
        most++;
    }
    size_t taken = spread(chosen, 0, small, most - 1);
    return taken + spread(chosen + taken, small, count, most - taken);
}

static enum pab_verdict classes_run(struct pab_check_run *run)
{
    static size_t chosen[PAB_SIZES_MAX];
    begin(run);
    pab_sizes_classes(&matrix.sizes, &matrix.subject, CLASS_MOST);
    size_t taken = choose_classes(chosen);
    bool holds = true;
    int64_t pair = 0;
    for (size_t i = 0; holds && i < taken; i++) {
        for (size_t j = 0; holds && j < 3 * taken; j++) {
            holds = try_classes(chosen[i], chosen[j / 3], pair++);
        }
    }
    pab_compared(run, "%zu of %zu size classes up to %u bytes, each to each, %" PRIu64 " pairs",
                 taken, matrix.sizes.count, CLASS_MOST, matrix.pairs);
    return end(run, holds);
}

/* One block doubled from 1 byte on, over every threshold, and halved down again. */
static bool try_chain(size_t offset)
{
    struct pab_blocks *blocks = &matrix.blocks;
    struct pab_block block = {0};
    struct pab_block guard = {0};
    bool holds = pab_block_take(blocks, &block, 1);
    for (size_t size = 2; holds && size <= CHAIN_MOST; size *= 2) {
        holds = pab_block_resize(blocks, &block, size + offset - 1);
        matrix.pairs++;
    }
    for (size_t size = CHAIN_MOST; holds && size >= 2; size /= 2) {
        holds = pab_block_resize(blocks, &block, size + offset - 1) &&
                pab_block_take(blocks, &guard, size / 2) &&
                pab_block_drop(blocks, &guard, "in what was made after a block had been halved");
        matrix.pairs++;
    }
    return holds && pab_block_drop(blocks, &block, "at the end of a chain");
}

/* Python's small limit, and glibc's and mimalloc's first ones. */
static bool try_crossings(uint64_t pairs)
{
    static const size_t limits[] = {512, 1024, 8192, 32768, 131072, 1048576};
    bool holds = true;
    while (holds && matrix.pairs < pairs) {
        struct pab_block block = {0};
        size_t limit = limits[pab_rng_below(&matrix.rng, matrix.pairs % 16 == 0 ? 6 : 3)];
        size_t below = limit - pab_rng_below(&matrix.rng, 33);
        size_t above = limit + 1 + pab_rng_below(&matrix.rng, 32);
        bool grows = pab_rng_below(&matrix.rng, 2) == 0;
        holds = try_pair(&block, grows ? below : above, grows ? above : below);
    }
    return holds;
}

static enum pab_verdict crossings_run(struct pab_check_run *run)
{
    begin(run);
    bool holds =
        try_chain(0) && try_chain(1) && try_chain(2) && try_crossings(pab_budget(run, 2000, 0));
    pab_compared(run,
                 "%" PRIu64 " steps: chains from 1 byte to %u and back, and random ones over "
                 "512, 1024, 8192, 32768, 131072, 1048576",
                 matrix.pairs, CHAIN_MOST);
    return end(run, holds);
}

#define KEPT_COMMON                                                                                \
    .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY, .uses = PAB_USES_REALLOC

static const struct pab_check checks[] = {
    {
        .id = "REA-001",
        .summary = "realloc(NULL, n) acts as malloc(n)",
        .source = "C23 7.24.3.7",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_REALLOC,
        .run = null_run,
    },
    {
        .id = "REA-002",
        .summary = "a block that grows keeps its bytes",
        .source = "C23 7.24.3.7; gperftools realloc_unittest",
        .run = grow_run,
        KEPT_COMMON,
    },
    {
        .id = "REA-003",
        .summary = "a block that shrinks keeps its leading bytes",
        .source = "C23 7.24.3.7; gperftools realloc_unittest",
        .run = shrink_run,
        KEPT_COMMON,
    },
    {
        .id = "REA-004",
        .summary = "a block keeps its bytes from every size class to every other, on the edges and "
                   "beside them",
        .source = "C23 7.24.3.7; snmalloc test/func/malloc, OpenBSD regress malloc_general",
        .run = classes_run,
        KEPT_COMMON,
    },
    {
        .id = "REA-005",
        .summary = "a block keeps its bytes when it crosses from small to large to huge and back",
        .source = "C23 7.24.3.7; scudo ReallocateLargeIncreasing, ReallocateLargeDecreasing",
        .run = crossings_run,
        KEPT_COMMON,
    },
};

const struct pab_check_group pab_checks_kept = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
