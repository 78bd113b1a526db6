/* Walks a whole heap and says which invariant is broken first. It trusts no pointer before it has
 * shown that a live pool or arena is there, so that it can judge a corrupted heap. */
#include "allocators/pymalloc/internal.h"

#include <string.h>

#define BROKEN(err, ...) pab_fail(err, PAB_BAD_DATA, __VA_ARGS__)

#define BITS_PER_WORD 64u

/* What the walk over arenas finds, for the walks over lists to be held against. */
struct census {
    size_t pools_used[PAB_PYMALLOC_CLASSES_MAX];
    size_t arenas_live, arenas_usable;
};

/* --- one pool -------------------------------------------------------------------------------- */

/* Follows the chain of free blocks; every link must be a carved block of this pool, once. */
static enum pab_status check_chain(const struct pab_pymalloc *pm, const struct pool *pool,
                                   struct pab_error *err)
{
    uint64_t seen[POOL_BYTES_MAX / 8 / BITS_PER_WORD]; /* by block number */
    uintptr_t start = pool_start(pm, pool);
    uintptr_t first = start + PAB_POOL_HEADER_BYTES;
    uintptr_t end = start + ((uintptr_t)pool->virgin << pm->class_shift);
    size_t size = class_block_bytes(pm, pool->class);
    size_t carved = (end - first) / size;
    assert(carved < sizeof(seen) * 8);
    memset(seen, 0, (carved / BITS_PER_WORD + 1) * sizeof(seen[0]));
    size_t free_count = 0;
    for (const void *block = pool->free; block != NULL; block = *(void *const *)block) {
        uintptr_t at = (uintptr_t)block;
        if (at < first || at >= end || (at - first) % size != 0) {
            return BROKEN(err, "pool %#zx: its free chain leads to %#zx, not a carved block of it",
                          start, at);
        }
        size_t number = (at - first) / size;
        uint64_t bit = (uint64_t)1 << number % BITS_PER_WORD;
        if ((seen[number / BITS_PER_WORD] & bit) != 0) {
            return BROKEN(err, "pool %#zx: block %#zx is in its free chain twice", start, at);
        }
        seen[number / BITS_PER_WORD] |= bit;
        free_count++;
    }
    if (pool->count + free_count != carved) {
        return BROKEN(err, "pool %#zx: %u blocks out and %zu free, but %zu carved", start,
                      pool->count, free_count, carved);
    }
    return PAB_OK;
}

static enum pab_status check_pool(const struct pab_pymalloc *pm, const struct pool *pool,
                                  size_t arena_number, struct pab_error *err)
{
    uintptr_t start = pool_start(pm, pool);
    if (pool_arena_number(pool) != arena_number) {
        return BROKEN(err, "pool %#zx: says arena %zu, lies in %zu", start, pool_arena_number(pool),
                      arena_number);
    }
    if (pool->class >= class_count(pm)) {
        return BROKEN(err, "pool %#zx: has class %u of %zu", start, pool->class, class_count(pm));
    }
    size_t units = pool->class + 1u;
    size_t header_units = (size_t)PAB_POOL_HEADER_BYTES >> pm->class_shift;
    if (pool->virgin < header_units + 2 * units || pool->virgin > pm->pool_units ||
        (pool->virgin - header_units) % units != 0) {
        return BROKEN(err, "pool %#zx: its carved part ends at unit %u, between blocks", start,
                      pool->virgin);
    }
    if (pool->free == NULL && pool->virgin + units <= pm->pool_units) {
        return BROKEN(err, "pool %#zx: counts as full with room to carve", start);
    }
    return check_chain(pm, pool, err);
}

/* --- arenas ---------------------------------------------------------------------------------- */

/* Whether `pool` points to the entry of a pool that `arena` has carved. */
static bool arena_has_pool(const struct pab_pymalloc *pm, const struct arena *arena,
                           const struct pool *pool)
{
    uintptr_t offset = (uintptr_t)pool - (uintptr_t)pm->pools;
    if (offset % sizeof(*pool) != 0 || offset / sizeof(*pool) >= pm->span >> pm->pool_shift) {
        return false;
    }
    uintptr_t start = pool_start(pm, pool);
    return start >= (uintptr_t)arena_first_pool(pm, arena) && start < (uintptr_t)arena->bump;
}

static enum pab_status check_empty_list(const struct pab_pymalloc *pm, const struct arena *arena,
                                        size_t empty_count, struct pab_error *err)
{
    size_t listed = 0;
    for (const struct pool *pool = arena->empty; pool != NULL; pool = pool->next) {
        if (!arena_has_pool(pm, arena, pool) || pool->count != 0) {
            return BROKEN(err, "arena %p: its list of empty pools holds one that is not",
                          (void *)arena->base);
        }
        if (++listed > empty_count) {
            break;
        }
    }
    if (listed != empty_count) {
        return BROKEN(err, "arena %p: %zu pools are empty, but its list is %s", (void *)arena->base,
                      empty_count, listed > empty_count ? "longer" : "shorter");
    }
    return PAB_OK;
}

static enum pab_status check_arena(const struct pab_pymalloc *pm, const struct arena *arena,
                                   struct census *census, struct pab_error *err)
{
    size_t pool_bytes = pm->geometry.pool_bytes;
    unsigned char *first = arena_first_pool(pm, arena);
    unsigned char *end = first + arena->total_pools * pool_bytes;
    if ((uintptr_t)arena->base - pm->source.base > pm->source.span - pm->geometry.arena_bytes ||
        arena->total_pools !=
            (pm->geometry.arena_bytes - (size_t)(first - arena->base)) / pool_bytes ||
        arena->bump < first || arena->bump > end || (uintptr_t)arena->bump % pool_bytes != 0) {
        return BROKEN(err, "arena %p: its bounds are wrong", (void *)arena->base);
    }
    size_t empty_count = 0;
    for (unsigned char *at = first; at < arena->bump; at += pool_bytes) {
        const struct pool *pool = pool_of(pm, at);
        enum pab_status status = check_pool(pm, pool, (size_t)(arena - pm->arenas), err);
        if (status != PAB_OK) {
            return status;
        }
        empty_count += pool->count == 0;
        census->pools_used[pool->class] += pool->count > 0 && pool->free != NULL;
    }
    size_t virgin_count = (size_t)(end - arena->bump) / pool_bytes;
    if (arena->free_pools != empty_count + virgin_count) {
        return BROKEN(err, "arena %p: counts %u free pools, has %zu empty and %zu never carved",
                      (void *)arena->base, arena->free_pools, empty_count, virgin_count);
    }
    census->arenas_live++;
    census->arenas_usable += arena->free_pools > 0;
    return check_empty_list(pm, arena, empty_count, err);
}

static bool is_descriptor(const struct pab_pymalloc *pm, const struct arena *arena)
{
    uintptr_t offset = (uintptr_t)arena - (uintptr_t)pm->arenas;
    return offset % sizeof(*arena) == 0 && offset / sizeof(*arena) < pm->arena_capacity;
}

/* Usable arenas: linked both ways, ascending by free pools, each group's last one on record. */
static enum pab_status check_usable(const struct pab_pymalloc *pm, const struct census *census,
                                    struct pab_error *err)
{
    const struct arena *prev = NULL;
    size_t listed = 0;
    size_t groups = 0;
    for (const struct arena *arena = pm->usable; arena != NULL; arena = arena->next) {
        if (!is_descriptor(pm, arena) || arena->base == NULL || arena->free_pools == 0) {
            return BROKEN(err, "the list of usable arenas holds one that is not");
        }
        if (arena->prev != prev || ++listed > census->arenas_usable) {
            return BROKEN(err, "arena %p: the list of usable arenas is wrongly linked",
                          (void *)arena->base);
        }
        if (prev != NULL && prev->free_pools > arena->free_pools) {
            return BROKEN(err, "arena %p: %u free pools behind one with %u", (void *)arena->base,
                          arena->free_pools, prev->free_pools);
        }
        if (arena->next == NULL ||
            (is_descriptor(pm, arena->next) && arena->next->free_pools != arena->free_pools)) {
            groups++;
            if (pm->last_with_free[arena->free_pools] != arena) {
                return BROKEN(err, "arena %p: not on record as the last with %u free pools",
                              (void *)arena->base, arena->free_pools);
            }
        }
        prev = arena;
    }
    for (size_t i = 0; i <= pm->geometry.arena_bytes >> pm->pool_shift; i++) {
        groups -= pm->last_with_free[i] != NULL;
    }
    if (listed != census->arenas_usable || groups != 0) {
        return BROKEN(err, "%zu arenas are usable, but %zu listed", census->arenas_usable, listed);
    }
    return PAB_OK;
}

static enum pab_status check_unused(const struct pab_pymalloc *pm, const struct census *census,
                                    struct pab_error *err)
{
    size_t expected = pm->arena_capacity - census->arenas_live;
    size_t listed = 0;
    for (const struct arena *arena = pm->unused; arena != NULL; arena = arena->next) {
        if (!is_descriptor(pm, arena) || arena->base != NULL || ++listed > expected) {
            return BROKEN(err, "the list of unused arena descriptors is wrongly linked");
        }
    }
    if (listed != expected || pm->arenas_now != census->arenas_live ||
        pm->arenas_high < pm->arenas_now || pm->arenas_ever < pm->arenas_high) {
        return BROKEN(err, "%zu arenas live and %zu descriptors unused do not fit the counts",
                      census->arenas_live, listed);
    }
    return PAB_OK;
}

/* --- lists of used pools --------------------------------------------------------------------- */

static bool is_carved_pool(const struct pab_pymalloc *pm, const struct pool *pool)
{
    for (size_t i = 0; i < pm->arena_capacity; i++) {
        if (pm->arenas[i].base != NULL && arena_has_pool(pm, &pm->arenas[i], pool)) {
            return true;
        }
    }
    return false;
}

static enum pab_status check_class_list(const struct pab_pymalloc *pm, unsigned class,
                                        size_t expected, struct pab_error *err)
{
    const struct pool *prev = NULL;
    size_t listed = 0;
    for (const struct pool *pool = pm->used[class]; pool != NULL; pool = pool->next) {
        if (!is_carved_pool(pm, pool)) {
            return BROKEN(err, "class %u: its list leads to what is no pool", class);
        }
        if (pool->class != class || pool->count == 0 || pool->free == NULL) {
            return BROKEN(err, "class %u: its list holds pool %#zx of class %u, %s", class,
                          pool_start(pm, pool), pool->class,
                          pool->count == 0     ? "empty"
                          : pool->free == NULL ? "full"
                                               : "used");
        }
        if (pool->prev != prev || ++listed > expected) {
            return BROKEN(err, "class %u: its list is wrongly linked at pool %#zx", class,
                          pool_start(pm, pool));
        }
        prev = pool;
    }
    if (listed != expected) {
        return BROKEN(err, "class %u: %zu pools are used, but %zu listed", class, expected, listed);
    }
    return PAB_OK;
}

/* A heap that passed the walks above has parts that sum up: else stats.c is wrong, not the heap. */
static void check_totals(const struct pab_pymalloc *pm)
{
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(pm, &stats);
    uint64_t sum = stats.allocated_bytes + stats.available_bytes + stats.unused_pools_bytes +
                   stats.headers_bytes + stats.quantization_bytes + stats.alignment_bytes;
    PAB_CHECK(sum == stats.arenas_bytes);
}

enum pab_status pab_pymalloc_check(const struct pab_pymalloc *pm, struct pab_error *err)
{
    assert(pm != NULL);
    struct census census = {0};
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < pm->arena_capacity; i++) {
        if (pm->arenas[i].base != NULL) {
            status = check_arena(pm, &pm->arenas[i], &census, err);
        }
    }
    if (status == PAB_OK) {
        status = check_usable(pm, &census, err);
    }
    if (status == PAB_OK) {
        status = check_unused(pm, &census, err);
    }
    for (unsigned class = 0; status == PAB_OK && class < PAB_PYMALLOC_CLASSES_MAX; class ++) {
        status = check_class_list(pm, class, census.pools_used[class], err);
    }
    if (status == PAB_OK) {
        check_totals(pm);
    }
    return status;
}
