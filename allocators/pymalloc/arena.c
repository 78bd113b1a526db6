/* Arenas: where pools come from, which arena the next one is taken from, when one is given back.
 * CPython: allocate_from_new_pool(), insert_to_freepool(), new_arena() in Objects/obmalloc.c. */
#include "allocators/os_pages.h"
#include "allocators/pymalloc/internal.h"

#define RANGE_BYTES_WISH  ((size_t)1 << 40)
#define RANGE_ARENAS_MIN  2 /* one may be lost to alignment */
#define ARENA_FIRST_COUNT 16

/* --- the default source --------------------------------------------------------------------- */

/* Backs the stack's entry for arena number `index` with memory. It is paid for with the arena, so
 * that its release needs nothing: it may come when the system grants no page more. */
static bool vacant_entry_commit(struct arena_range *range, size_t index)
{
    uint32_t *entry = &range->vacant[index];
    return (uintptr_t)entry % pab_pages_size() != 0 || pab_pages_commit(entry, sizeof(*entry));
}

static void *range_alloc(void *ctx, size_t size)
{
    struct arena_range *range = ctx;
    if (range->vacant_count > 0) {
        unsigned char *vacant = range->base + range->vacant[--range->vacant_count] * size;
        assert(range->warm == NULL || range->warm == vacant); /* last in, first out */
        range->warm = NULL;
        return vacant;
    }
    size_t taken = (size_t)(range->bump - range->base) / size;
    if ((size_t)(range->end - range->bump) < size || !vacant_entry_commit(range, taken) ||
        !pab_pages_commit(range->bump, size)) {
        return NULL;
    }
    unsigned char *arena = range->bump;
    range->bump += size;
    return arena;
}

/* Lazily it gives back the memory of the arena released before, and not yet that of this one: a
 * program that swings about the edge of an arena would else fault its pages in again each time. */
static void range_free(void *ctx, void *arena, size_t size)
{
    struct arena_range *range = ctx;
    size_t offset = (size_t)((unsigned char *)arena - range->base);
    assert(offset < (size_t)(range->bump - range->base) && offset % size == 0);
    if (range->warm != NULL) {
        pab_pages_decommit(range->warm, size);
        range->warm = NULL;
    }
    if (range->release == PAB_RELEASE_EAGER) {
        pab_pages_decommit(arena, size);
    }
    range->vacant[range->vacant_count++] = (uint32_t)(offset / size);
    range->warm = range->release == PAB_RELEASE_LAZY ? arena : NULL;
}

enum pab_status pab_arena_range_open(struct pab_pymalloc *pm, struct pab_error *err)
{
    struct arena_range *range = &pm->range;
    size_t arena_bytes = pm->geometry.arena_bytes;
    /* Arenas smaller than a page could not be committed and given back one by one. */
    if (arena_bytes % pab_pages_size() != 0) {
        return pab_fail(err, PAB_USAGE, "an arena must be whole pages of %zu bytes, not %zu",
                        pab_pages_size(), arena_bytes);
    }
    range->reserved_bytes = RANGE_BYTES_WISH;
    range->reserved = pab_pages_reserve(&range->reserved_bytes, RANGE_ARENAS_MIN * arena_bytes);
    if (range->reserved == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "the system grants no address space for arenas");
    }
    range->base = range->reserved;
    range->end = range->base + range->reserved_bytes;
    range->base += -(uintptr_t)range->base & (arena_bytes - 1);
    range->bump = range->base;
    range->release = pm->geometry.release;
    range->vacant_bytes = range->reserved_bytes / arena_bytes * sizeof(*range->vacant);
    range->vacant = pab_pages_reserve(&range->vacant_bytes, range->vacant_bytes);
    if (range->vacant == NULL) {
        pab_pages_release(range->reserved, range->reserved_bytes);
        return pab_fail(err, PAB_NO_MEMORY, "the system grants no address space for arenas");
    }
    pm->source = (struct pab_arena_source){
        .ctx = range,
        .alloc = range_alloc,
        .free = range_free,
        .base = (uintptr_t)range->base,
        .span = (size_t)(range->end - range->base),
    };
    return PAB_OK;
}

void pab_arena_range_close(struct pab_pymalloc *pm)
{
    struct arena_range *range = &pm->range;
    if (range->reserved != NULL) {
        pab_pages_release(range->vacant, range->vacant_bytes);
        pab_pages_release(range->reserved, range->reserved_bytes);
        range->reserved = NULL;
    }
}

/* --- descriptors ---------------------------------------------------------------------------- */

static void descriptor_push(struct pab_pymalloc *pm, struct arena *arena)
{
    arena->base = NULL;
    arena->next = pm->unused;
    pm->unused = arena;
}

/* Doubles the vector. It may move: nothing points into it now, since a new arena is asked for
 * only when no arena is usable and no descriptor unused, and full arenas are in no list. */
static bool descriptors_grow(struct pab_pymalloc *pm)
{
    assert(pm->unused == NULL && pm->usable == NULL);
    size_t count = pm->arena_capacity == 0 ? ARENA_FIRST_COUNT : 2 * pm->arena_capacity;
    if (count > ARENA_COUNT_MAX) {
        return false;
    }
    struct arena *grown = pm->raw.realloc(pm->raw.ctx, pm->arenas, count * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    pm->arenas = grown;
    for (size_t i = count; i-- > pm->arena_capacity;) { /* to pop in ascending order */
        descriptor_push(pm, &grown[i]);
    }
    pm->arena_capacity = count;
    return true;
}

static struct arena *descriptor_pop(struct pab_pymalloc *pm)
{
    if (pm->unused == NULL && !descriptors_grow(pm)) {
        return NULL;
    }
    struct arena *arena = pm->unused;
    if (arena != NULL) {
        assert(arena->base == NULL);
        pm->unused = arena->next;
    }
    return arena;
}

/* --- one arena ------------------------------------------------------------------------------ */

/* Backs the pool table's entries of an arena with memory: the table is reserved for the whole
 * range, and paid for where there are arenas. */
static bool pool_entries_commit(struct pab_pymalloc *pm, const struct arena *arena)
{
    assert(arena->total_pools > 0);
    unsigned char *first = (unsigned char *)pool_of(pm, arena->bump);
    size_t into_page = (uintptr_t)first & (pab_pages_size() - 1);
    return pab_pages_commit(first - into_page,
                            into_page + arena->total_pools * sizeof(struct pool));
}

static void arena_count_pools(const struct pab_pymalloc *pm, struct arena *arena)
{
    arena->bump = arena_first_pool(pm, arena);
    size_t lost = (size_t)(arena->bump - arena->base);
    size_t usable = lost < pm->geometry.arena_bytes ? pm->geometry.arena_bytes - lost : 0;
    arena->total_pools = (uint32_t)(usable >> pm->pool_shift);
    arena->free_pools = arena->total_pools;
    arena->empty = NULL;
    arena->next = NULL;
    arena->prev = NULL;
}

static struct arena *arena_open(struct pab_pymalloc *pm)
{
    struct arena *arena = descriptor_pop(pm);
    if (arena == NULL) {
        return NULL;
    }
    size_t bytes = pm->geometry.arena_bytes;
    void *start = pm->source.alloc(pm->source.ctx, bytes);
    if (start == NULL) {
        descriptor_push(pm, arena);
        return NULL;
    }
    PAB_CHECK((uintptr_t)start - pm->source.base <= pm->source.span - bytes);
    arena->base = start;
    arena_count_pools(pm, arena);
    if (arena->total_pools == 0 || !pool_entries_commit(pm, arena)) {
        pm->source.free(pm->source.ctx, start, bytes);
        descriptor_push(pm, arena);
        return NULL;
    }
    if (pm->geometry.advise_hugepages) {
        pab_pages_advise_huge(start, bytes);
    }
    pm->arenas_ever++;
    pm->arenas_now++;
    pm->arenas_high = pm->arenas_now > pm->arenas_high ? pm->arenas_now : pm->arenas_high;
    return arena;
}

static void arena_close(struct pab_pymalloc *pm, struct arena *arena)
{
    assert(arena->base != NULL);
    assert(pm->arenas_now > 0);
    unsigned char *start = arena->base;
    descriptor_push(pm, arena);
    pm->arenas_now--;
    pm->source.free(pm->source.ctx, start, pm->geometry.arena_bytes);
}

void pab_arena_close_all(struct pab_pymalloc *pm)
{
    for (size_t i = 0; i < pm->arena_capacity; i++) {
        if (pm->arenas[i].base != NULL) {
            arena_close(pm, &pm->arenas[i]);
        }
    }
    assert(pm->arenas_now == 0);
    pm->usable = NULL;
}

/* --- the usable list ------------------------------------------------------------------------ */

static void usable_push(struct pab_pymalloc *pm, struct arena *arena)
{
    assert(pm->usable != arena);
    arena->prev = NULL;
    arena->next = pm->usable;
    if (arena->next != NULL) {
        assert(arena->next->prev == NULL);
        arena->next->prev = arena;
    }
    pm->usable = arena;
}

static void usable_unlink(struct pab_pymalloc *pm, struct arena *arena)
{
    if (arena->prev == NULL) {
        assert(pm->usable == arena);
        pm->usable = arena->next;
    } else {
        assert(arena->prev->next == arena);
        arena->prev->next = arena->next;
    }
    if (arena->next != NULL) {
        assert(arena->next->prev == arena);
        arena->next->prev = arena->prev;
    }
}

static void usable_insert_after(struct arena *arena, struct arena *place)
{
    assert(arena != place);
    arena->prev = place;
    arena->next = place->next;
    if (arena->next != NULL) {
        arena->next->prev = arena;
    }
    place->next = arena;
}

/* The first usable arena has the fewest free pools, so it stays first with one less. */
static void usable_first_shrinks(struct pab_pymalloc *pm, struct arena *arena)
{
    assert(arena == pm->usable && arena->free_pools > 0);
    uint32_t had = arena->free_pools;
    if (pm->last_with_free[had] == arena) { /* and so the only one */
        pm->last_with_free[had] = NULL;
    }
    arena->free_pools = had - 1;
    if (had > 1) {
        assert(pm->last_with_free[had - 1] == NULL);
        pm->last_with_free[had - 1] = arena;
    } else {
        usable_unlink(pm, arena);
        arena->next = NULL;
    }
}

/* --- pools ---------------------------------------------------------------------------------- */

/* Out of line, so that taking a pool saves no registers for it. */
__attribute__((noinline)) static struct pool *pool_take_new_arena(struct pab_pymalloc *pm)
{
    struct arena *arena = arena_open(pm);
    if (arena == NULL) {
        return NULL;
    }
    usable_push(pm, arena);
    pm->last_with_free[arena->free_pools] = arena;
    return pab_arena_pool_take(pm);
}

struct pool *pab_arena_pool_take(struct pab_pymalloc *pm)
{
    struct arena *arena = pm->usable;
    if (rarely(arena == NULL)) {
        return pool_take_new_arena(pm);
    }
    struct pool *pool = arena->empty;
    if (pool != NULL) {
        assert(pool->count == 0 && pool->class < class_count(pm));
        arena->empty = pool->next;
    } else {
        assert((size_t)(arena->bump - arena->base) + pm->geometry.pool_bytes <=
               pm->geometry.arena_bytes);
        pool = pool_of(pm, arena->bump);
        size_t number = (size_t)(arena - pm->arenas);
        *pool = (struct pool){
            .free = arena->bump,
            .arena_low = (uint16_t)number,
            .arena_high = (uint8_t)(number >> 16),
            .class = POOL_CLASS_NONE,
        };
        arena->bump += pm->geometry.pool_bytes;
    }
    usable_first_shrinks(pm, arena);
    return pool;
}

/* The arena has one free pool more. Its place: before every other arena with as many, which is
 * behind the last of those it had as many as so far. */
void pab_arena_pool_give(struct pab_pymalloc *pm, struct pool *pool)
{
    assert(pool->count == 0 && pool->free != NULL);
    assert(pool_arena_number(pool) < pm->arena_capacity);
    struct arena *arena = &pm->arenas[pool_arena_number(pool)];
    assert(arena->base != NULL && arena->free_pools < arena->total_pools);
    pool->next = arena->empty;
    arena->empty = pool;

    uint32_t had = arena->free_pools++;
    struct arena *last_peer = had > 0 ? pm->last_with_free[had] : NULL;
    if (had == 0) {
        usable_push(pm, arena);
    } else if (last_peer == arena) {
        struct arena *prev = arena->prev;
        pm->last_with_free[had] = prev != NULL && prev->free_pools == had ? prev : NULL;
    }
    bool keep = pm->geometry.keep_last_arena && arena->next == NULL;
    if (arena->free_pools == arena->total_pools && !keep) {
        usable_unlink(pm, arena);
        arena_close(pm, arena);
        return;
    }
    if (pm->last_with_free[had + 1] == NULL) {
        pm->last_with_free[had + 1] = arena;
    }
    if (last_peer != NULL && last_peer != arena) {
        usable_unlink(pm, arena);
        usable_insert_after(arena, last_peer);
    }
}
