#include "allocators/pymalloc/internal.h"

#include <string.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Objects/obmalloc.c at v2.7.18, v3.6, v3.7.16, v3.8.18, v3.9.18, v3.10.13, v3.11.7 and
 * Include/internal/pycore_obmalloc.h at v3.12.1, v3.13.0, v3.14.7, v3.15.0rc1; 64 bits, with GIL.
 * Two releases changed their alignment from 8 to 16 on the way, in 2.7.17 and 3.7.4: the profiles
 * are of the later ones, and `align=8` makes the earlier. */
static const struct pab_pymalloc_profile profiles[] = {
    {"2.7", {16, 512, 4 * KIB, 256 * KIB, .raw_realloc_zero = true}},
    {"3.6", {8, 512, 4 * KIB, 256 * KIB, .mem_is_pymalloc = true, .raw_realloc_zero = true}},
    {"3.7", {16, 512, 4 * KIB, 256 * KIB, .mem_is_pymalloc = true}},
    {"3.8", {16, 512, 4 * KIB, 256 * KIB, .mem_is_pymalloc = true}},
    {"3.9", {16, 512, 4 * KIB, 256 * KIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.10", {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.11", {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.12", {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.13", {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.14", {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true}},
    {"3.15",
     {16, 512, 16 * KIB, MIB, .mem_is_pymalloc = true, .keep_last_arena = true,
      .advise_hugepages = true}},
};

size_t pab_pymalloc_profile_count(void)
{
    return ARRAY_COUNT(profiles);
}

const struct pab_pymalloc_profile *pab_pymalloc_profile_at(size_t index)
{
    assert(index < ARRAY_COUNT(profiles));
    return &profiles[index];
}

const struct pab_pymalloc_profile *pab_pymalloc_profile_find(const char *name)
{
    assert(name != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

static bool is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

enum pab_status pab_pymalloc_geometry_check(const struct pab_pymalloc_geometry *geometry,
                                            struct pab_error *err)
{
    assert(geometry != NULL);
    const struct pab_pymalloc_geometry *g = geometry;
    if (g->align != 8 && g->align != 16) {
        return pab_fail(err, PAB_USAGE, "alignment must be 8 or 16, not %zu", g->align);
    }
    if (g->threshold % g->align != 0 || g->threshold == 0 ||
        g->threshold / g->align > PAB_PYMALLOC_CLASSES_MAX) {
        return pab_fail(err, PAB_USAGE,
                        "threshold must be a multiple of the alignment (%zu) up to %zu, not %zu",
                        g->align, PAB_PYMALLOC_CLASSES_MAX * g->align, g->threshold);
    }
    if (!is_power_of_two(g->pool_bytes) || g->pool_bytes > POOL_BYTES_MAX) {
        return pab_fail(err, PAB_USAGE, "pool must be a power of two up to %u bytes, not %zu",
                        POOL_BYTES_MAX, g->pool_bytes);
    }
    /* A pool is born with two blocks: one handed out, one at the head of its chain. */
    if (g->pool_bytes < PAB_POOL_HEADER_BYTES + 2 * g->threshold) {
        return pab_fail(err, PAB_USAGE,
                        "a pool of %zu bytes does not hold its %d-byte header and two blocks of "
                        "%zu; choose a larger pool or a lower threshold",
                        g->pool_bytes, PAB_POOL_HEADER_BYTES, g->threshold);
    }
    if (!is_power_of_two(g->arena_bytes) || g->arena_bytes > ARENA_BYTES_MAX) {
        return pab_fail(err, PAB_USAGE, "arena must be a power of two up to %u bytes, not %zu",
                        ARENA_BYTES_MAX, g->arena_bytes);
    }
    if (g->arena_bytes < g->pool_bytes) {
        return pab_fail(err, PAB_USAGE, "an arena of %zu bytes does not hold a pool of %zu",
                        g->arena_bytes, g->pool_bytes);
    }
    return PAB_OK;
}
