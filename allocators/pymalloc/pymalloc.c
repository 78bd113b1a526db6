/* Blocks: malloc, calloc, realloc and free of the mem and obj domains.
 * CPython: pymalloc_alloc(), pymalloc_free(), pymalloc_realloc() in Objects/obmalloc.c.
 *
 * What malloc and free do nearly always is written in them, in few loads; whatever changes the
 * state of a pool is out of line. */
#include "allocators/os_pages.h"
#include "allocators/pymalloc/internal.h"

#include <string.h>

#define OUT_OF_LINE __attribute__((noinline))

/* --- pools change state ---------------------------------------------------------------------- */

static void used_push(struct pab_pymalloc *pm, struct pool *pool)
{
    struct pool *first = pm->used[pool->class];
    assert(first != pool);
    pool->prev = NULL;
    pool->next = first;
    if (first != NULL) {
        assert(first->prev == NULL && first->class == pool->class);
        first->prev = pool;
    }
    pm->used[pool->class] = pool;
}

static void used_unlink(struct pab_pymalloc *pm, struct pool *pool)
{
    if (pool->next != NULL) {
        assert(pool->next->prev == pool);
        pool->next->prev = pool->prev;
    }
    if (pool->prev != NULL) {
        assert(pool->prev->next == pool);
        pool->prev->next = pool->next;
    } else {
        assert(pm->used[pool->class] == pool);
        pm->used[pool->class] = pool->next;
    }
}

#define CARVE_PAGE  4096u /* no page is touched before a block of it is needed */
#define CARVE_COUNT 16

/* The chain of the first pool of a class ran out with `block`, and a virgin block is left. Threads
 * the next few of them into a chain. CPython carves them one by one; frees go in front of them
 * either way, so blocks are handed out in the same order. */
OUT_OF_LINE static void *pool_carve(struct pab_pymalloc *pm, struct pool *pool, void *block)
{
    uint32_t units = pool->class + 1u;
    size_t size = (size_t)units << pm->class_shift;
    uint32_t virgin = pool->virgin;
    uint32_t last_start = pm->pool_units - units;
    unsigned char *fresh = (unsigned char *)block - ((uintptr_t)block & pm->pool_offset_mask) +
                           ((size_t)virgin << pm->class_shift);
    unsigned char *page_end = fresh + (CARVE_PAGE - ((uintptr_t)fresh & (CARVE_PAGE - 1)));
    unsigned char *last = fresh;
    assert(virgin <= last_start);
    virgin += units;
    for (int more = CARVE_COUNT - 1; more > 0; more--) {
        if (virgin > last_start || last + size >= page_end) {
            break;
        }
        *(void **)last = last + size;
        last += size;
        virgin += units;
    }
    *(void **)last = NULL;
    pool->free = fresh;
    pool->virgin = (uint16_t)virgin;
    return block;
}

/* used -> used, or full: the chain of the first pool of a class ran out with `block`. It is
 * carved on at once, so that a pool in a list always has a block to give. */
OUT_OF_LINE static void *pool_carve_or_retire(struct pab_pymalloc *pm, struct pool *pool,
                                              void *block)
{
    assert(pool->free == NULL && pool->prev == NULL);
    assert(pm->used[pool->class] == pool);
    if (rarely(pool->virgin + pool->class + 1u <= pm->pool_units)) {
        return pool_carve(pm, pool, block);
    }
    struct pool *next = pool->next;
    pm->used[pool->class] = next;
    if (next != NULL) {
        assert(next->prev == pool && next->free != NULL);
        next->prev = NULL;
        __builtin_prefetch(next->free);
    }
    check_transition(pm);
    return block;
}

/* (never carved, or empty) -> used: the class has no pool with a block to give. */
static inline void *pool_start_class(struct pab_pymalloc *pm, unsigned class)
{
    assert(pm->used[class] == NULL);
    check_transition(pm);
    struct pool *pool = pab_arena_pool_take(pm);
    if (pool == NULL) {
        return NULL;
    }
    void **block;
    if (pool->class == class) { /* emptied with this class: its chain is as it was left */
        block = pool->free;
        pool->free = *block;
        assert(pool->free != NULL);
    } else {
        size_t size = class_block_bytes(pm, class);
        unsigned char *start = pool->free;
        start -= (uintptr_t)start & pm->pool_offset_mask;
        block = (void **)(start + PAB_POOL_HEADER_BYTES);
        pool->free = start + PAB_POOL_HEADER_BYTES + size;
        *(void **)pool->free = NULL;
        pool->virgin = (uint16_t)((PAB_POOL_HEADER_BYTES + 2 * size) >> pm->class_shift);
        pool->class = class & 0xFFu;
    }
    pool->count = 1;
    used_push(pm, pool);
    check_transition(pm);
    return block;
}

/* full -> used, at the front: the next block of the class is the one just freed. */
OUT_OF_LINE static void pool_rejoin(struct pab_pymalloc *pm, struct pool *pool)
{
    assert(pool->count > 0 && pool->free != NULL);
    used_push(pm, pool);
    check_transition(pm);
}

/* used -> empty. */
OUT_OF_LINE static void pool_retire_empty(struct pab_pymalloc *pm, struct pool *pool)
{
    assert(pool->count == 0 && pool->free != NULL);
    used_unlink(pm, pool);
    pab_arena_pool_give(pm, pool);
    check_transition(pm);
}

/* --- the raw domain below -------------------------------------------------------------------- */

OUT_OF_LINE static void *raw_malloc(struct pab_pymalloc *pm, size_t size)
{
    void *block = pm->raw.malloc(pm->raw.ctx, size);
    assert(block == NULL || !owns_block(pm, block) || spans_everything(pm));
    pm->raw_blocks += block != NULL;
    return block;
}

OUT_OF_LINE static void *raw_calloc(struct pab_pymalloc *pm, size_t count, size_t size)
{
    void *block = pm->raw.calloc(pm->raw.ctx, count, size);
    assert(block == NULL || !owns_block(pm, block) || spans_everything(pm));
    pm->raw_blocks += block != NULL;
    return block;
}

/* A block that went raw stays raw, however small it gets; the count of raw blocks stays too. */
OUT_OF_LINE static void *raw_realloc(struct pab_pymalloc *pm, void *ptr, size_t size)
{
    assert(ptr != NULL);
    if (size == 0 && pm->geometry.raw_realloc_zero) {
        void *block = pm->raw.realloc(pm->raw.ctx, ptr, 1);
        return block != NULL ? block : ptr;
    }
    return pm->raw.realloc(pm->raw.ctx, ptr, size);
}

OUT_OF_LINE static void raw_free(struct pab_pymalloc *pm, void *ptr)
{
    if (ptr != NULL) {
        pm->raw_blocks--;
        pm->raw.free(pm->raw.ctx, ptr);
    }
}

/* --- the domain table ------------------------------------------------------------------------ */

static inline void *pool_pop(struct pab_pymalloc *pm, struct pool *pool)
{
    void **block = pool->free;
    assert(block != NULL && pool_of(pm, block) == pool);
    void *next = *block;
    pool->count++;
    pool->free = next;
    if (rarely(next == NULL)) {
        return pool_carve_or_retire(pm, pool, block);
    }
    __builtin_prefetch(next); /* the next block of this class: its link is needed to take it */
    return block;
}

OUT_OF_LINE static void *malloc_new_pool(struct pab_pymalloc *pm, size_t size)
{
    void *block = pool_start_class(pm, (unsigned)((size - 1) >> pm->class_shift));
    return block != NULL ? block : raw_malloc(pm, size);
}

static void *pymalloc_malloc(void *ctx, size_t size)
{
    struct pab_pymalloc *pm = ctx;
    if (rarely(size - 1 >= pm->threshold)) { /* 0 wraps: it goes raw too */
        return raw_malloc(pm, size);
    }
    struct pool *pool = pm->used[(size - 1) >> pm->class_shift];
    if (rarely(pool == NULL)) {
        return malloc_new_pool(pm, size);
    }
    return pool_pop(pm, pool);
}

static void *pymalloc_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_pymalloc *pm = ctx;
    assert(size == 0 || count <= PTRDIFF_MAX / size);
    size_t bytes = count * size;
    if (rarely(bytes - 1 >= pm->threshold)) {
        return raw_calloc(pm, count, size);
    }
    unsigned class = (unsigned)((bytes - 1) >> pm->class_shift);
    struct pool *pool = pm->used[class];
    void *block = pool != NULL ? pool_pop(pm, pool) : pool_start_class(pm, class);
    if (rarely(block == NULL)) {
        return raw_calloc(pm, count, size);
    }
    return memset(block, 0, bytes);
}

static void pymalloc_free(void *ctx, void *ptr)
{
    struct pab_pymalloc *pm = ctx;
    if (rarely(!owns_block(pm, ptr))) { /* NULL is below every range */
        raw_free(pm, ptr);
        return;
    }
    struct pool *pool = pool_of(pm, ptr);
    assert(pool->count > 0 && pool->class < class_count(pm));
    void *chain = pool->free;
    uint16_t count = --pool->count;
    *(void **)ptr = chain;
    pool->free = ptr;
    if (rarely(chain == NULL)) { /* it was full, so it holds another block still */
        pool_rejoin(pm, pool);
    } else if (rarely(count == 0)) {
        pool_retire_empty(pm, pool);
    }
}

static size_t owned_block_bytes(const struct pab_pymalloc *pm, const void *ptr)
{
    const struct pool *pool = pool_of(pm, ptr);
    assert(pool->count > 0 && pool->class < class_count(pm));
    return class_block_bytes(pm, pool->class);
}

OUT_OF_LINE static void *move_block(struct pab_pymalloc *pm, void *ptr, size_t held, size_t size)
{
    void *moved = pymalloc_malloc(pm, size); /* before the old block is free to be taken */
    if (moved == NULL) {
        return NULL;
    }
    memcpy(moved, ptr, size < held ? size : held);
    pymalloc_free(pm, ptr);
    return moved;
}

/* Moves a block that grows out of its class, or would waste a quarter of it or more. */
static void *pymalloc_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_pymalloc *pm = ctx;
    if (rarely(!owns_block(pm, ptr))) {
        return ptr == NULL ? pymalloc_malloc(pm, size) : raw_realloc(pm, ptr, size);
    }
    size_t held = owned_block_bytes(pm, ptr);
    if (size <= held && 4 * size > 3 * held) {
        return ptr;
    }
    return move_block(pm, ptr, held, size);
}

static size_t pymalloc_usable_size(void *ctx, const void *ptr)
{
    const struct pab_pymalloc *pm = ctx;
    assert(ptr != NULL);
    return owns_block(pm, ptr) ? owned_block_bytes(pm, ptr) : pm->raw.usable_size(pm->raw.ctx, ptr);
}

struct pab_alloc pab_pymalloc_table(struct pab_pymalloc *pm)
{
    return (struct pab_alloc){
        .ctx = pm,
        .malloc = pymalloc_malloc,
        .calloc = pymalloc_calloc,
        .realloc = pymalloc_realloc,
        .free = pymalloc_free,
        .usable_size = pm->raw.usable_size != NULL ? pymalloc_usable_size : NULL,
    };
}

/* --- life ------------------------------------------------------------------------------------ */

/* Ranges owned blocks by the source's; the part below its first pool holds no block. */
static enum pab_status open_pool_table(struct pab_pymalloc *pm, struct pab_error *err)
{
    size_t pool_bytes = pm->geometry.pool_bytes;
    uintptr_t end = pm->source.base + pm->source.span;
    pm->base = (pm->source.base + pool_bytes - 1) & ~(uintptr_t)(pool_bytes - 1);
    if (pm->source.base == 0 || end < pm->source.base || end - pm->base < pool_bytes) {
        return pab_fail(err, PAB_USAGE, "the arena source's address range holds no pool");
    }
    pm->span = end - pm->base;
    pm->pools_bytes = ((pm->span >> pm->pool_shift) + 1) * sizeof(struct pool);
    pm->pools = pab_pages_reserve(&pm->pools_bytes, pm->pools_bytes);
    if (pm->pools == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "the system grants no address space for pool entries");
    }
    return PAB_OK;
}

enum pab_status pab_pymalloc_create(struct pab_pymalloc **out,
                                    const struct pab_pymalloc_geometry *geometry,
                                    const struct pab_alloc *raw,
                                    const struct pab_arena_source *source, struct pab_error *err)
{
    assert(out != NULL && raw != NULL && raw->malloc != NULL);
    enum pab_status status = pab_pymalloc_geometry_check(geometry, err);
    if (status != PAB_OK) {
        return status;
    }
    size_t fingers = geometry->arena_bytes / geometry->pool_bytes + 1;
    size_t self_bytes = sizeof(struct pab_pymalloc) + fingers * sizeof(struct arena *);
    struct pab_pymalloc *pm = pab_pages_map(self_bytes);
    if (pm == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for an allocator's state");
    }
    pm->self_bytes = self_bytes;
    pm->geometry = *geometry;
    pm->raw = *raw;
    pm->threshold = geometry->threshold;
    pm->class_shift = (uint8_t)__builtin_ctzl(geometry->align);
    pm->pool_shift = (uint8_t)__builtin_ctzl(geometry->pool_bytes);
    pm->pool_offset_mask = geometry->pool_bytes - 1;
    pm->pool_units = (uint32_t)(geometry->pool_bytes >> pm->class_shift);
    if (source == NULL) {
        status = pab_arena_range_open(pm, err);
    } else {
        pm->source = *source;
    }
    if (status == PAB_OK) {
        status = open_pool_table(pm, err);
    }
    if (status != PAB_OK) {
        pab_arena_range_close(pm);
        pab_pages_release(pm, self_bytes);
        return status;
    }
    *out = pm;
    return PAB_OK;
}

void pab_pymalloc_destroy(struct pab_pymalloc *pm)
{
    if (pm == NULL) {
        return;
    }
    pab_arena_close_all(pm);
    pm->raw.free(pm->raw.ctx, pm->arenas);
    pab_pages_release(pm->pools, pm->pools_bytes);
    pab_arena_range_close(pm);
    pab_pages_release(pm, pm->self_bytes);
}
