#include "allocators/os_pages.h"
#include "tests/conformance/storm/internal.h"

#include <string.h>

#define REGION_BYTES ((size_t)512 << 20)
#define PAGE_SHIFT   12

/* --- regions -------------------------------------------------------------------------------- */

bool pab_storm_region_open(struct storm_region *region, size_t arena_bytes,
                           enum pab_storm_arenas arenas, uint64_t seed)
{
    memset(region, 0, sizeof(*region));
    size_t alignment = (size_t)1 << 30; /* of any geometry: both sides begin alike */
    size_t bytes = REGION_BYTES + alignment + 2 * arena_bytes;
    unsigned char *start = pab_pages_reserve(&bytes, bytes);
    if (start == NULL) {
        return false;
    }
    region->base = start + (-(uintptr_t)start & (alignment - 1));
    region->arena_bytes = arena_bytes;
    region->arena_count = (uint32_t)(REGION_BYTES / arena_bytes);
    region->span = REGION_BYTES + arena_bytes; /* the last one may reach behind its place */
    if (arenas == PAB_STORM_UNALIGNED) {       /* less than the smallest pool, a multiple of 16 */
        region->skew = 16 * (1 + seed % 63);
    }
    if (arenas == PAB_STORM_FAILING) {
        region->fail_every = 2 + (uint32_t)(seed % 8);
    }
    region->vacant = pab_pages_map(region->arena_count * sizeof(*region->vacant));
    bool good = region->vacant != NULL && pab_pages_commit(region->base, region->span);
    if (good) { /* for speed alone: the storm touches its blocks at random */
        pab_pages_advise_huge(region->base, region->span);
    }
    return good;
}

static void remember(struct storm_region *region, uint64_t what)
{
    region->history = (region->history ^ what) * 0x9E3779B97F4A7C15u;
    region->history ^= region->history >> 29;
}

void *pab_storm_region_alloc(void *ctx, size_t size)
{
    struct storm_region *region = ctx;
    if (size != region->arena_bytes) { /* 3.11+: chunks of the interpreter's own stack */
        return pab_pages_map(size);
    }
    bool refuse = region->fail_every != 0 && ++region->requests % region->fail_every == 0;
    uint32_t place = 0;
    if (!refuse && region->vacant_count > 0) {
        place = region->vacant[--region->vacant_count];
    } else if (!refuse && region->used_count < region->arena_count) {
        place = region->used_count++;
    } else {
        region->refused++;
        remember(region, 1);
        return NULL;
    }
    region->taken++;
    remember(region, 2 + 2 * (uint64_t)place);
    return region->base + place * region->arena_bytes + region->skew;
}

void pab_storm_region_free(void *ctx, void *arena, size_t size)
{
    struct storm_region *region = ctx;
    if (size != region->arena_bytes) {
        pab_pages_release(arena, size);
        return;
    }
    size_t offset = (size_t)((unsigned char *)arena - region->base) - region->skew;
    PAB_CHECK(offset % region->arena_bytes == 0 && offset < REGION_BYTES);
    uint32_t place = (uint32_t)(offset / region->arena_bytes);
    region->vacant[region->vacant_count++] = place;
    region->released++;
    remember(region, 3 + 2 * (uint64_t)place);
}

void pab_storm_region_where(const struct storm_region *region, const void *block, size_t pool_bytes,
                            char *out, size_t size)
{
    size_t offset = (uintptr_t)block - (uintptr_t)region->base;
    if (block == NULL || offset >= region->span) {
        snprintf(out, size, "%s", block == NULL ? "NULL" : "raw");
        return;
    }
    size_t arena = (offset - region->skew) / region->arena_bytes;
    size_t first_pool = (arena * region->arena_bytes + region->skew + pool_bytes - 1) / pool_bytes;
    snprintf(out, size, "arena %zu, pool %zu, offset %zu", arena, offset / pool_bytes - first_pool,
             offset % pool_bytes);
}

/* --- arenas that CPython took by itself ------------------------------------------------------ */

static size_t page_home(uintptr_t page)
{
    return (size_t)((page * 0x9E3779B97F4A7C15u) >> 48) % STORM_PAGES_SLOTS;
}

static size_t find_page(const struct storm_pages *pages, uintptr_t page)
{
    size_t slot = page_home(page);
    while (pages->page[slot] != page && pages->page[slot] != 0) {
        slot = (slot + 1) % STORM_PAGES_SLOTS;
    }
    return slot;
}

void pab_storm_pages_add(struct storm_pages *pages, uintptr_t arena, uint32_t place,
                         size_t arena_bytes)
{
    uint32_t per_arena = (uint32_t)(arena_bytes >> PAGE_SHIFT);
    for (uint32_t i = 0; i < per_arena; i++) {
        size_t slot = find_page(pages, (arena >> PAGE_SHIFT) + i);
        PAB_CHECK(++pages->count < STORM_PAGES_SLOTS);
        pages->page[slot] = (arena >> PAGE_SHIFT) + i;
        pages->place[slot] = place * per_arena + i;
    }
}

/* Takes one page out and moves up those behind it that would not be found any more. */
static void drop_page(struct storm_pages *pages, uintptr_t page)
{
    size_t hole = find_page(pages, page);
    PAB_CHECK(pages->page[hole] == page);
    pages->count--;
    size_t at = hole;
    for (;;) {
        at = (at + 1) % STORM_PAGES_SLOTS;
        if (pages->page[at] == 0) {
            break;
        }
        size_t home = page_home(pages->page[at]);
        if ((at - home) % STORM_PAGES_SLOTS >= (at - hole) % STORM_PAGES_SLOTS) {
            pages->page[hole] = pages->page[at];
            pages->place[hole] = pages->place[at];
            hole = at;
        }
    }
    pages->page[hole] = 0;
}

void pab_storm_pages_drop(struct storm_pages *pages, uintptr_t arena, size_t arena_bytes)
{
    for (size_t i = 0; i < arena_bytes >> PAGE_SHIFT; i++) {
        drop_page(pages, (arena >> PAGE_SHIFT) + i);
    }
}

size_t pab_storm_pages_offset(const struct storm_pages *pages, const void *block)
{
    size_t slot = find_page(pages, (uintptr_t)block >> PAGE_SHIFT);
    if (pages->page[slot] == 0) {
        return SIZE_MAX;
    }
    return ((size_t)pages->place[slot] << PAGE_SHIFT) +
           ((uintptr_t)block & (((uintptr_t)1 << PAGE_SHIFT) - 1));
}
