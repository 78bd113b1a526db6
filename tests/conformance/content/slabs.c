/* tests/conformance/content/slabs.c -- size classes filled to the last block of several slabs, and
 * emptied in patterns.
 *
 * A random mix keeps some dozens of blocks of a class alive and so never reaches the last one of
 * a slab, where a carving limit that is off by one writes into the next. Nobody says how large a
 * slab is; three times 64 KiB are more than one of every allocator known here.
 */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define SLAB_BYTES  ((size_t)65536)
#define CLASS_MOST  32768u
#define SMALL       512u
#define SMALL_MOST  96u     /* of these classes are tried, */
#define LARGE_CALLS 4000u   /* of larger ones one for so many calls, */
#define CALLS       250000u /* of which these are made unless --ops asks for more */
#define BLOCKS_MOST (3 * SLAB_BYTES / 16)
#define BLOCKS_FEW  8u

enum order { ORDER_LIFO, ORDER_FIFO, ORDER_RANDOM, ORDER_ALTERNATE, ORDER_COUNT };

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_rng rng;
    struct pab_sizes sizes;
    struct pab_block made[BLOCKS_MOST];
    uint32_t order[BLOCKS_MOST];
    size_t classes;
} slabs;

static void begin(struct pab_check_run *run)
{
    memset(&slabs, 0, sizeof(slabs));
    slabs.run = run;
    pab_rng_seed(&slabs.rng, run->seed);
    pab_subject_init(&slabs.subject, run->heap);
    pab_blocks_init(&slabs.blocks, run, &slabs.subject);
    slabs.blocks.table = slabs.made;
    slabs.blocks.count = BLOCKS_MOST;
    pab_sizes_classes(&slabs.sizes, &slabs.subject, CLASS_MOST);
}

static size_t block_count(size_t size)
{
    size_t count = 3 * SLAB_BYTES / size;
    return count > BLOCKS_MOST ? BLOCKS_MOST : count < BLOCKS_FEW ? BLOCKS_FEW : count;
}

/* Every so many-th of the classes [from, to), the last one always. */
static bool for_some(bool (*each)(size_t size), size_t from, size_t to, size_t taken)
{
    size_t count = to - from;
    taken = taken < count ? taken : count;
    for (size_t i = 0; i < taken; i++) {
        if (!each(slabs.sizes.at[from + (i + 1) * count / taken - 1])) {
            return false;
        }
        slabs.classes++;
    }
    return true;
}

/* All small classes, unless there are very many, and some of the larger ones. */
static bool for_classes(bool (*each)(size_t size))
{
    size_t count = slabs.sizes.count;
    size_t small = 0;
    while (small < count && slabs.sizes.at[small] <= SMALL) {
        small++;
    }
    size_t taken = (size_t)(pab_budget(slabs.run, CALLS, 0) / LARGE_CALLS) + 1;
    return for_some(each, 0, small, SMALL_MOST) && for_some(each, small, count, taken);
}

static bool take_all(size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slabs.made[i].at == NULL && !pab_block_take(&slabs.blocks, &slabs.made[i], size)) {
            return false;
        }
    }
    return pab_blocks_hold(&slabs.blocks, slabs.made, count, "when its slabs had just been filled");
}

static void make_order(enum order order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t half = (count + 1) / 2;
        size_t at = order == ORDER_LIFO        ? count - 1 - i
                    : order == ORDER_ALTERNATE ? (i < half ? 2 * i : 2 * (i - half) + 1)
                                               : i;
        slabs.order[i] = (uint32_t)at;
    }
    for (size_t i = count; order == ORDER_RANDOM && i > 1; i--) {
        size_t other = pab_rng_below(&slabs.rng, (uint32_t)i);
        uint32_t kept = slabs.order[i - 1];
        slabs.order[i - 1] = slabs.order[other];
        slabs.order[other] = kept;
    }
}

static bool fill_and_free(size_t size)
{
    static const char *const names[ORDER_COUNT] = {
        "when freed last first", "when freed first first", "when freed in random order",
        "when every other was freed first"};
    size_t count = block_count(size);
    for (int order = 0; order < ORDER_COUNT; order++) {
        if (!take_all(size, count)) {
            return false;
        }
        make_order((enum order)order, count);
        for (size_t i = 0; i < count; i++) {
            if (!pab_block_drop(&slabs.blocks, &slabs.made[slabs.order[i]], names[order])) {
                return false;
            }
        }
    }
    return true;
}

static enum pab_verdict fill_run(struct pab_check_run *run)
{
    begin(run);
    bool holds = for_classes(fill_and_free);
    run->ops_done = slabs.blocks.calls;
    pab_compared(run,
                 "%zu of %zu size classes up to %u bytes, %zu KiB of blocks each, freed in %d "
                 "orders",
                 slabs.classes, slabs.sizes.count, CLASS_MOST, 3 * SLAB_BYTES >> 10, ORDER_COUNT);
    return pab_judge(run, holds);
}

/* Frees all that the pattern names: each `every`-th, or all but these. */
static bool free_pattern(size_t count, size_t every, bool all_but)
{
    for (size_t i = 0; i < count; i++) {
        if ((i % every == 0) != all_but &&
            !pab_block_drop(&slabs.blocks, &slabs.made[i], "before free in a pattern")) {
            return false;
        }
    }
    return pab_blocks_hold(&slabs.blocks, slabs.made, count,
                           "after others were freed in a pattern");
}

/* The holes are filled again, by their own class and by blocks of half and twice the size. */
static bool refill(size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t wish = i % 4 != 3 ? size : i % 8 == 3 ? size / 2 + 1 : size * 2;
        if (slabs.made[i].at == NULL && !pab_block_take(&slabs.blocks, &slabs.made[i], wish)) {
            return false;
        }
    }
    return pab_blocks_hold(&slabs.blocks, slabs.made, count, "after the holes were filled again");
}

static bool try_patterns(size_t size)
{
    size_t count = block_count(size);
    const struct {
        size_t every;
        bool all_but;
    } patterns[] = {
        {2, false},
        {13, false},
        {13, true},
        {SLAB_BYTES / 4 / size < 2 ? 2 : SLAB_BYTES / 4 / size, true}, /* one of a pool stays */
    };
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        if (!take_all(size, count) ||
            !free_pattern(count, patterns[i].every, patterns[i].all_but) || !refill(size, count)) {
            return false;
        }
        if (!pab_blocks_drop(&slabs.blocks, slabs.made, count, "before free")) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict pattern_run(struct pab_check_run *run)
{
    begin(run);
    bool holds = for_classes(try_patterns);
    run->ops_done = slabs.blocks.calls;
    pab_compared(run,
                 "%zu of %zu size classes up to %u bytes; freed: every 2nd, every 13th, all but "
                 "every 13th, all but one of 16 KiB",
                 slabs.classes, slabs.sizes.count, CLASS_MOST);
    return pab_judge(run, holds);
}

#define SLAB_COMMON .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "PRE-004",
        .summary =
            "blocks keep their bytes when every block of several slabs of their class is live",
        .source = "C23 7.24.3",
        .run = fill_run,
        SLAB_COMMON,
    },
    {
        .id = "PRE-005",
        .summary =
            "blocks keep their bytes when others are freed in patterns and the holes refilled",
        .source = "C23 7.24.3; jemalloc test/unit/pack, glibc malloc/tst-trim1, rpmalloc",
        .run = pattern_run,
        SLAB_COMMON,
    },
};

const struct pab_check_group pab_checks_slabs = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
