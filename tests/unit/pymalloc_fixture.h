/* tests/unit/pymalloc_fixture.h -- a pymalloc over a raw domain and an arena source that count and
 * fail on demand. Depends on allocators/pymalloc and cmocka. */
#ifndef PAB_TESTS_UNIT_PYMALLOC_FIXTURE_H
#define PAB_TESTS_UNIT_PYMALLOC_FIXTURE_H

#include "allocators/os_pages.h"
#include "allocators/pymalloc/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KIB ((size_t)1 << 10)

struct fixture {
    struct pab_pymalloc *pm;
    struct pab_alloc table;
    size_t raw_taken, raw_freed, raw_resized, raw_last_size;
    bool raw_fails;
    size_t arenas_taken, arenas_freed;
    void *arena_last_freed;
    bool arenas_fail;
    void *mapping; /* of 2 * region_bytes; the region is its first aligned part */
    char *region;
    size_t region_bytes, region_used, skew;
    struct pab_pymalloc_geometry geometry;
};

static inline void *raw_malloc(void *ctx, size_t size)
{
    struct fixture *fix = ctx;
    if (fix->raw_fails) {
        return NULL;
    }
    fix->raw_taken++;
    fix->raw_last_size = size;
    return malloc(size + (size == 0));
}

static inline void *raw_calloc(void *ctx, size_t count, size_t size)
{
    void *block = raw_malloc(ctx, count * size);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

static inline void *raw_realloc(void *ctx, void *ptr, size_t size)
{
    struct fixture *fix = ctx;
    if (fix->raw_fails) {
        return NULL;
    }
    fix->raw_resized++;
    fix->raw_last_size = size;
    return realloc(ptr, size + (size == 0));
}

static inline void raw_free(void *ctx, void *ptr)
{
    struct fixture *fix = ctx;
    fix->raw_freed += ptr != NULL;
    free(ptr);
}

static inline size_t raw_usable_size(void *ctx, const void *ptr)
{
    (void)ctx;
    (void)ptr;
    return 12345;
}

static inline void *region_alloc(void *ctx, size_t size)
{
    struct fixture *fix = ctx;
    if (fix->arenas_fail) {
        return NULL;
    }
    char *arena = fix->region + fix->skew + fix->region_used;
    fix->region_used += size;
    fix->arenas_taken++;
    assert_true(fix->region_used + size <= fix->region_bytes);
    return arena;
}

static inline void region_free(void *ctx, void *arena, size_t size)
{
    struct fixture *fix = ctx;
    assert_int_equal(size, fix->geometry.arena_bytes);
    fix->arena_last_freed = arena;
    fix->arenas_freed++;
}

/* Arenas of `region`, aligned to their size and then moved by `skew`, never used twice. */
static inline void open_fixture(struct fixture *fix, const struct pab_pymalloc_geometry *geometry,
                                size_t skew)
{
    *fix = (struct fixture){.geometry = *geometry, .skew = skew, .region_bytes = 64 << 20};
    fix->mapping = pab_pages_map(2 * fix->region_bytes);
    assert_non_null(fix->mapping);
    fix->region = fix->mapping;
    fix->region += -(uintptr_t)fix->region & (fix->region_bytes - 1);
    struct pab_alloc raw = {fix, raw_malloc, raw_calloc, raw_realloc, raw_free, raw_usable_size};
    struct pab_arena_source source = {fix, region_alloc, region_free, (uintptr_t)fix->region,
                                      fix->region_bytes};
    struct pab_error err;
    assert_int_equal(pab_pymalloc_create(&fix->pm, geometry, &raw, &source, &err), PAB_OK);
    fix->table = pab_pymalloc_table(fix->pm);
}

static inline const struct pab_pymalloc_geometry *profile_geometry(const char *name)
{
    const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_find(name);
    assert_non_null(profile);
    return &profile->geometry;
}

static inline void open_profile(struct fixture *fix, const char *name)
{
    open_fixture(fix, profile_geometry(name), 0);
}

static inline void expect_sound(const struct fixture *fix)
{
    struct pab_error err = {0};
    if (pab_pymalloc_check(fix->pm, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
}

static inline void close_fixture(struct fixture *fix)
{
    expect_sound(fix);
    pab_pymalloc_destroy(fix->pm);
    assert_int_equal(fix->arenas_taken, fix->arenas_freed);
    pab_pages_release(fix->mapping, 2 * fix->region_bytes);
}

static inline char *take(struct fixture *fix, size_t size)
{
    char *block = fix->table.malloc(fix->table.ctx, size);
    assert_non_null(block);
    return block;
}

static inline char *resize(struct fixture *fix, void *block, size_t size)
{
    return fix->table.realloc(fix->table.ctx, block, size);
}

static inline void give(struct fixture *fix, void *block)
{
    fix->table.free(fix->table.ctx, block);
}

static inline struct pab_pymalloc_stats stats_of(const struct fixture *fix)
{
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(fix->pm, &stats);
    return stats;
}

static inline void expect_stats_sum(const struct fixture *fix)
{
    struct pab_pymalloc_stats stats = stats_of(fix);
    assert_int_equal(stats.allocated_bytes + stats.available_bytes + stats.unused_pools_bytes +
                         stats.headers_bytes + stats.quantization_bytes + stats.alignment_bytes,
                     stats.arenas_bytes);
    assert_int_equal(stats.arenas_bytes, stats.arenas_now * fix->geometry.arena_bytes);
    assert_int_equal(stats.arenas_ever - stats.arenas_reclaimed, stats.arenas_now);
}

/* --- three small arenas ------------------------------------------------------------------------ */

#define TINY_POOLS  ((size_t)4) /* in an arena of 16 KiB; a pool holds 7 blocks of 512 */
#define POOL_BLOCKS 7
#define TINY_ARENAS 3

struct tiny {
    struct fixture fix;
    char *block[TINY_ARENAS][TINY_POOLS][POOL_BLOCKS];
};

/* Three arenas, every pool full. */
static inline void open_tiny(struct tiny *tiny, bool keep_last_arena)
{
    const struct pab_pymalloc_geometry geometry = {
        .align = 16,
        .threshold = 512,
        .pool_bytes = 4 * KIB,
        .arena_bytes = TINY_POOLS * 4 * KIB,
        .keep_last_arena = keep_last_arena,
    };
    open_fixture(&tiny->fix, &geometry, 0);
    for (size_t i = 0; i < sizeof(tiny->block) / sizeof(char *); i++) {
        (&tiny->block[0][0][0])[i] = take(&tiny->fix, 512);
    }
    assert_int_equal(tiny->fix.arenas_taken, TINY_ARENAS);
}

static inline void give_pool(struct tiny *tiny, size_t arena, size_t pool)
{
    for (size_t i = 0; i < POOL_BLOCKS; i++) {
        give(&tiny->fix, tiny->block[arena][pool][i]);
    }
    expect_sound(&tiny->fix);
}

#endif
