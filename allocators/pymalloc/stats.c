/* The counts of sys._debugmallocstats(), taken by walking all arenas. */
#include "allocators/pymalloc/internal.h"

#include <string.h>

static void add_pool(const struct pab_pymalloc *pm, const struct pool *pool,
                     struct pab_pymalloc_stats *out)
{
    if (pool->count == 0) {
        return; /* an empty pool is unused space, whatever its class was */
    }
    assert(pool->class < out->class_count);
    size_t block_bytes = out->classes[pool->class].block_bytes;
    size_t payload = pm->geometry.pool_bytes - PAB_POOL_HEADER_BYTES;
    size_t available = payload / block_bytes - pool->count;
    assert(pool->count <= payload / block_bytes);
    out->classes[pool->class].pools++;
    out->classes[pool->class].blocks_used += pool->count;
    out->classes[pool->class].blocks_available += available;
    out->blocks += pool->count;
    out->allocated_bytes += pool->count * block_bytes;
    out->available_bytes += available * block_bytes;
    out->headers_bytes += PAB_POOL_HEADER_BYTES;
    out->quantization_bytes += payload % block_bytes;
}

static void add_arena(const struct pab_pymalloc *pm, const struct arena *arena,
                      struct pab_pymalloc_stats *out)
{
    size_t pool_bytes = pm->geometry.pool_bytes;
    out->unused_pools += arena->free_pools;
    out->alignment_bytes += pm->geometry.arena_bytes - arena->total_pools * pool_bytes;
    unsigned char *first = arena_first_pool(pm, arena);
    assert(arena->bump >= first &&
           (size_t)(arena->bump - first) <= arena->total_pools * pool_bytes);
    for (unsigned char *at = first; at < arena->bump; at += pool_bytes) {
        add_pool(pm, pool_of(pm, at), out);
    }
}

void pab_pymalloc_stats_read(const struct pab_pymalloc *pm, struct pab_pymalloc_stats *out)
{
    assert(pm != NULL && out != NULL);
    memset(out, 0, sizeof(*out));
    out->class_count = class_count(pm);
    for (unsigned class = 0; class < out->class_count; class ++) {
        out->classes[class].block_bytes = class_block_bytes(pm, class);
    }
    for (size_t i = 0; i < pm->arena_capacity; i++) {
        if (pm->arenas[i].base != 0) {
            add_arena(pm, &pm->arenas[i], out);
        }
    }
    out->arenas_ever = pm->arenas_ever;
    out->arenas_now = pm->arenas_now;
    out->arenas_reclaimed = pm->arenas_ever - pm->arenas_now;
    out->arenas_high = pm->arenas_high;
    out->arenas_bytes = pm->arenas_now * pm->geometry.arena_bytes;
    out->unused_pools_bytes = out->unused_pools * pm->geometry.pool_bytes;
    out->raw_blocks = pm->raw_blocks;
    out->blocks += pm->raw_blocks;
}
