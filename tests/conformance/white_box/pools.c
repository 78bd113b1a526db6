/* tests/conformance/white_box/pools.c -- the built-in pymalloc's pools: their lists, their counts,
 * and what is too large for them. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/white_box/ledger.h"
#include "workloads/support/rng.h"

#include <string.h>

#define BLOCKS     2000
#define OPS        100000
#define WALK_EVERY 500  /* operations between walks over everything; lists are walked after each */
#define PHASE      3000 /* operations that mostly take, then as many that mostly give */
#define NEIGHBOURS 4    /* classes at a time */
#define LOOK_EVERY 1000
#define AROUND     40 /* bytes below and above the threshold */

static struct {
    struct pab_ledger ledger;
    struct pab_rng rng;
    size_t count;
    void *blocks[BLOCKS];
} scene;

/* --- lists ----------------------------------------------------------------------------------- */

/* The list of a class holds each pool that is partly used, once, linked both ways, and no other. */
static bool list_is_right(unsigned class)
{
    struct pab_ledger *ledger = &scene.ledger;
    struct pab_pymalloc *pm = ledger->pm;
    size_t expected = ledger->pools_partly_used[class];
    size_t listed = 0;
    const struct pool *before = NULL;
    for (const struct pool *pool = pm->used[class]; pool != NULL; pool = pool->next) {
        size_t live = ledger->pool_live[pab_ledger_pool(ledger, (void *)pool_start(pm, pool))];
        const char *what = pool->class != class                          ? "another class"
                           : live == 0                                   ? "no block in use"
                           : live == pab_ledger_capacity(ledger, class)  ? "no block to give"
                           : pool->count != live                         ? "a wrong count"
                           : pool->prev != before || ++listed > expected ? "a wrong link"
                                                                         : NULL;
        if (what != NULL) {
            return pab_wrong(ledger->run,
                             "the list of blocks of %zu bytes holds pool %#zx with %s: %zu in use "
                             "(operation %zu, seed %zu)",
                             class_block_bytes(pm, class), (size_t)pool_start(pm, pool), what, live,
                             (size_t)ledger->run->ops_done, (size_t)ledger->run->seed);
        }
        before = pool;
    }
    return listed == expected ||
           pab_wrong(ledger->run,
                     "%zu pools of %zu bytes a block are partly used, %zu are listed (operation "
                     "%zu, seed %zu)",
                     expected, class_block_bytes(pm, class), listed, (size_t)ledger->run->ops_done,
                     (size_t)ledger->run->seed);
}

static bool all_is_right(void)
{
    struct pab_error err;
    for (unsigned class = 0; class < class_count(scene.ledger.pm); class ++) {
        if (!list_is_right(class)) {
            return false;
        }
    }
    return pab_pymalloc_check(scene.ledger.pm, &err) == PAB_OK ||
           pab_wrong(scene.ledger.run, "%s (operation %zu, seed %zu)", err.text,
                     (size_t)scene.ledger.run->ops_done, (size_t)scene.ledger.run->seed);
}

static bool take_one(size_t size)
{
    void *block = pab_ledger_take(&scene.ledger, size);
    if (block != NULL) {
        scene.blocks[scene.count++] = block;
    }
    return block != NULL && list_is_right((unsigned)((size - 1) >> scene.ledger.pm->class_shift));
}

/* After the free its pool is where CPython puts it: at the front of its class if it was full, at the
 * front of its arena's empty ones if it is empty. */
static bool give_one(size_t index)
{
    struct pab_ledger *ledger = &scene.ledger;
    struct pab_pymalloc *pm = ledger->pm;
    void *block = scene.blocks[index];
    const struct pool *pool = pool_of(pm, block);
    size_t number = pab_ledger_pool(ledger, block);
    unsigned class = ledger->pool_class[number];
    bool was_full = ledger->pool_live[number] == pab_ledger_capacity(ledger, class);
    scene.blocks[index] = scene.blocks[--scene.count];
    if (!pab_ledger_give(ledger, block) || !list_is_right(class)) {
        return false;
    }
    if (was_full && ledger->pool_live[number] > 0 && pm->used[class] != pool) {
        return pab_wrong(ledger->run, "a pool that was full is not at the front of its class");
    }
    if (ledger->pool_live[number] == 0 && ledger->arenas[pab_ledger_arena(ledger, block)].is_held &&
        pm->arenas[pool_arena_number(pool)].empty != pool) {
        return pab_wrong(ledger->run, "an empty pool is not at the front of its arena's");
    }
    return true;
}

/* Few classes at a time, so that pools fill; the next ones after each ebb, so that they change class
 * and every class has its turn. */
static enum pab_verdict lists_run(struct pab_check_run *run)
{
    memset(&scene, 0, sizeof(scene));
    pab_rng_seed(&scene.rng, run->seed);
    if (!pab_ledger_open(&scene.ledger, run)) {
        return PAB_SKIP;
    }
    uint64_t ops = pab_budget(run, OPS, 0);
    uint32_t classes = (uint32_t)class_count(scene.ledger.pm);
    uint32_t first = pab_rng_below(&scene.rng, classes);
    bool holds = true;
    for (uint64_t i = 0; holds && i < ops; i++) {
        bool is_flood = i / PHASE % 2 == 0;
        if (is_flood && i % PHASE == 0) {
            first = (first + NEIGHBOURS) % classes;
        }
        bool takes = pab_rng_below(&scene.rng, 10) < (is_flood ? 7u : 2u);
        if ((takes && scene.count < BLOCKS) || scene.count == 0) {
            uint32_t class = (first + pab_rng_below(&scene.rng, NEIGHBOURS)) % classes;
            holds = take_one(class_block_bytes(scene.ledger.pm, class));
        } else {
            holds = give_one(pab_rng_below(&scene.rng, (uint32_t)scene.count));
        }
        if (holds && i % WALK_EVERY == 0) {
            holds = all_is_right();
        }
    }
    pab_compared(run,
                 "%zu operations: the list of the class walked after each, every list, pool and "
                 "chain after each %d; %zu pools changed their class",
                 (size_t)run->ops_done, WALK_EVERY, scene.ledger.pools_reclassed);
    pab_ledger_close(&scene.ledger);
    return pab_judge(run, holds);
}

/* --- counts ------------------------------------------------------------------------------------ */

struct held {
    void *block;
    size_t size;
};

/* What sys.getallocatedblocks() and sys._debugmallocstats() must say, from the calls alone. */
static bool counts_are_right(struct pab_check_run *run, const struct held *held,
                             const struct pab_pymalloc *pm)
{
    uint64_t raw = 0;
    uint64_t pooled = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        bool is_raw = held[i].block != NULL && (uintptr_t)held[i].block - pm->base >= pm->span;
        raw += is_raw;
        if (held[i].block != NULL && !is_raw) {
            size_t rounded = (held[i].size + pm->geometry.align - 1) & ~(pm->geometry.align - 1);
            pooled++;
            bytes += rounded;
        }
    }
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(pm, &stats);
    uint64_t said = run->heap->backend->counter(run->heap);
    if (stats.raw_blocks != raw || stats.blocks != raw + pooled || said != stats.blocks ||
        stats.allocated_bytes < bytes) {
        return pab_wrong(run,
                         "after %zu operations %zu blocks in pools and %zu beyond are in use, of "
                         "%zu bytes at least; it counts %zu, %zu and %zu, and says %zu (seed %zu)",
                         (size_t)run->ops_done, (size_t)pooled, (size_t)raw, (size_t)bytes,
                         (size_t)(stats.blocks - stats.raw_blocks), (size_t)stats.raw_blocks,
                         (size_t)stats.allocated_bytes, (size_t)said, (size_t)run->seed);
    }
    return true;
}

/* Zero bytes, realloc to zero and over the threshold, free(NULL) among them. */
static bool change(const struct pab_alloc *table, struct held *slot, size_t size, uint32_t kind)
{
    void *ctx = table->ctx;
    if (slot->block == NULL) {
        slot->block = kind < 6 ? table->malloc(ctx, size) : table->calloc(ctx, 1, size);
        slot->size = size;
        return slot->block != NULL;
    }
    if (kind < 4) {
        void *block = table->realloc(ctx, slot->block, size);
        *slot = block == NULL ? *slot : (struct held){block, size};
        return block != NULL;
    }
    table->free(ctx, slot->block);
    table->free(ctx, kind < 6 ? NULL : table->malloc(ctx, size));
    slot->block = NULL;
    return true;
}

static enum pab_verdict counts_run(struct pab_check_run *run)
{
    static struct held held[BLOCKS];
    struct pab_alloc table;
    struct pab_rng rng;
    struct pab_pymalloc *pm = pab_white_box(run, &table);
    if (pm == NULL) {
        return PAB_SKIP;
    }
    pab_rng_seed(&rng, run->seed);
    if (pm->raw_blocks != 0) {
        return pab_skip(run, "the heap has blocks in use already");
    }
    uint64_t ops = pab_budget(run, OPS, 0);
    bool holds = true;
    for (; holds && run->ops_done < ops; run->ops_done++) {
        struct held *slot = &held[pab_rng_below(&rng, BLOCKS)];
        uint32_t kind = pab_rng_below(&rng, 8);
        size_t most = kind == 0 ? 4 * pm->threshold : pm->threshold + AROUND;
        size_t size = pab_rng_below(&rng, (uint32_t)most);
        holds = change(&table, slot, size, kind) || pab_wrong(run, "%zu bytes gave NULL", size);
        if (holds && run->ops_done % LOOK_EVERY == 0) {
            holds = counts_are_right(run, held, pm);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        table.free(table.ctx, held[i].block);
        held[i].block = NULL;
    }
    holds = holds && counts_are_right(run, held, pm);
    pab_compared(run, "%zu operations, counted after each %d and at the end", (size_t)run->ops_done,
                 LOOK_EVERY);
    return pab_judge(run, holds);
}

/* --- the threshold ----------------------------------------------------------------------------- */

/* Where a size is served from, and whether it has the room of its class. */
static bool is_served_right(struct pab_check_run *run, const struct pab_alloc *table, size_t size)
{
    const struct pab_pymalloc *pm = table->ctx;
    uint64_t raw_before = pm->raw_blocks;
    void *block = table->malloc(table->ctx, size);
    bool is_pooled = (uintptr_t)block - pm->base < pm->span;
    bool must_be = size >= 1 && size <= pm->geometry.threshold;
    bool holds = block != NULL && is_pooled == must_be && pm->raw_blocks == raw_before + !must_be;
    if (holds && is_pooled && table->usable_size != NULL) {
        size_t rounded = (size + pm->geometry.align - 1) & ~(pm->geometry.align - 1);
        holds = table->usable_size(table->ctx, block) == rounded;
    }
    table->free(table->ctx, block);
    return holds || pab_wrong(run, "malloc(%zu): from %s, though the threshold is %zu", size,
                              is_pooled ? "a pool" : "the raw domain", pm->geometry.threshold);
}

/* A block that went raw stays raw, however small it becomes, as in CPython. */
static bool resize_over(struct pab_check_run *run, const struct pab_alloc *table, size_t from,
                        size_t to)
{
    const struct pab_pymalloc *pm = table->ctx;
    uint64_t key = pab_pattern_key(from, to);
    void *block = table->malloc(table->ctx, from);
    pab_pattern_fill(block, 0, from, key);
    bool was_pooled = (uintptr_t)block - pm->base < pm->span;
    void *moved = table->realloc(table->ctx, block, to);
    size_t bad = 0;
    size_t kept = from < to ? from : to;
    bool holds = moved != NULL && pab_pattern_holds(moved, 0, kept, key, &bad);
    if (!holds) {
        return pab_wrong(run, "realloc from %zu to %zu bytes: byte %zu was lost", from, to, bad);
    }
    bool is_pooled = (uintptr_t)moved - pm->base < pm->span;
    bool must_be = was_pooled && to >= 1 && to <= pm->geometry.threshold;
    table->free(table->ctx, moved);
    run->ops_done++;
    return is_pooled == must_be ||
           pab_wrong(run, "realloc from %zu to %zu bytes: the block is %s a pool", from, to,
                     is_pooled ? "in" : "not in");
}

static enum pab_verdict threshold_run(struct pab_check_run *run)
{
    struct pab_alloc table;
    struct pab_pymalloc *pm = pab_white_box(run, &table);
    if (pm == NULL) {
        return PAB_SKIP;
    }
    size_t threshold = pm->geometry.threshold;
    bool holds = true;
    for (size_t size = 0; holds && size <= 2 * threshold; size++) {
        holds = is_served_right(run, &table, size);
    }
    size_t low = threshold > AROUND ? threshold - AROUND : 1;
    for (size_t from = low; holds && from <= threshold + AROUND; from++) {
        for (size_t to = low; holds && to <= threshold + AROUND; to++) {
            holds = resize_over(run, &table, from, to);
        }
        holds = holds && resize_over(run, &table, from, 8 * threshold) &&
                resize_over(run, &table, from, 1);
    }
    pab_compared(run, "sizes 0 to %zu; realloc from each to each of %zu to %zu bytes",
                 2 * threshold, low, threshold + AROUND);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-07",
        .summary = "the threshold's size comes from a pool, one byte more does not, and realloc "
                   "over it keeps the content",
        .source = "CPython Objects/obmalloc.c, SMALL_REQUEST_THRESHOLD",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = threshold_run,
    },
    {
        .id = "PYM-20",
        .summary = "a full pool leaves its class's list, a free puts it back in front, an empty "
                   "one goes to its arena and may change class",
        .source = "CPython Objects/obmalloc.c, pymalloc_alloc() and pymalloc_free()",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = lists_run,
    },
    {
        .id = "PYM-22",
        .summary = "the counts of blocks in use are those of the calls",
        .source = "CPython sys.getallocatedblocks(), sys._debugmallocstats()",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = counts_run,
    },
};

const struct pab_check_group pab_checks_pools = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
