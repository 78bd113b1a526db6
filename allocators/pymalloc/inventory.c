/* What the heap holds of the system's memory, by what it is for. */
#include "allocators/os_pages.h"
#include "allocators/pymalloc/internal.h"

/* Addresses once used stay readable and writable; whether they hold memory, only the system knows. */
static void add_range(const struct pab_pymalloc *pm, struct pab_inventory *out)
{
    const struct arena_range *range = &pm->range;
    size_t arenas = (size_t)(range->bump - range->base);
    size_t pools = (arenas >> pm->pool_shift) * sizeof(struct pool);
    size_t vacant = arenas / pm->geometry.arena_bytes * sizeof(*range->vacant);
    size_t resident = pab_pages_resident(range->base, arenas) +
                      pab_pages_resident(pm->pools, pools) +
                      pab_pages_resident(range->vacant, vacant);
    size_t page = pab_pages_size();
    size_t tables = (pools + page - 1) / page * page + (vacant + page - 1) / page * page;
    out->tables_bytes = tables;
    out->free_pools_bytes += range->vacant_count * pm->geometry.arena_bytes;
    out->absent_bytes = arenas + tables - resident;
}

void pab_pymalloc_inventory_read(const struct pab_pymalloc *pm, struct pab_inventory *out)
{
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(pm, &stats);
    *out = (struct pab_inventory){
        .blocks_bytes = stats.allocated_bytes,
        .free_blocks_bytes = stats.available_bytes,
        .free_pools_bytes = stats.unused_pools_bytes,
        .slack_bytes = stats.headers_bytes + stats.quantization_bytes + stats.alignment_bytes,
    };
    if (pm->range.reserved != NULL) {
        add_range(pm, out);
    }
}
