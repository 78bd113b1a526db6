/* tests/conformance/white_box/ownership.c -- whose a pointer is: the built-in pymalloc's or the raw
 * domain's, asked where the two lie side by side. */
#include "allocators/os_pages.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/white_box/ledger.h"

#include <string.h>

#define FOREIGN_BYTES                                                                              \
    ((size_t)4096) /* of raw blocks, right below and right above pymalloc's addresses */
#define ARENAS 3
#define SKEW   1040 /* arenas need not be aligned: CPython bpo-37537 */
#define BLOCKS (1u << 17)

/* Stands where the raw domain stands; `next` is the block that it gives. */
struct raw {
    struct pab_alloc inner;
    unsigned char *next;
    size_t usable;
    size_t taken, freed, resized;
    void *last;
};

/*   below          base                                     above
 *   [ raw blocks ] [ skew, arena 0, arena 1, arena 2 ... ] [ raw blocks ]  */
static struct {
    struct raw raw;
    void *blocks[BLOCKS];
    unsigned char *base, *above;
    size_t skew;
    size_t given; /* bytes of arenas */
    size_t arenas_out;
} scene;

static void *raw_malloc(void *ctx, size_t size)
{
    struct raw *raw = ctx;
    raw->taken++;
    raw->usable = size;
    return raw->next;
}

static void *raw_calloc(void *ctx, size_t count, size_t size)
{
    struct raw *raw = ctx;
    raw->taken++;
    raw->usable = count * size;
    return memset(raw->next, 0, count * size);
}

/* pymalloc's own vector of arenas grows here, too: that is passed on. */
static void *raw_realloc(void *ctx, void *ptr, size_t size)
{
    struct raw *raw = ctx;
    if (ptr == NULL || ptr != raw->next) {
        return raw->inner.realloc(raw->inner.ctx, ptr, size);
    }
    raw->resized++;
    raw->last = ptr;
    return ptr;
}

static void raw_free(void *ctx, void *ptr)
{
    struct raw *raw = ctx; /* pymalloc's own are not freed before the process ends */
    raw->freed++;
    raw->last = ptr;
}

static size_t raw_usable_size(void *ctx, const void *ptr)
{
    struct raw *raw = ctx;
    raw->last = (void *)(uintptr_t)ptr;
    return raw->usable;
}

static void *arena_alloc(void *ctx, size_t size)
{
    (void)ctx;
    unsigned char *arena = scene.base + scene.skew + scene.given;
    if (size > (size_t)(scene.above - arena)) {
        return NULL;
    }
    scene.given += size;
    scene.arenas_out++;
    return arena;
}

/* All or none are out, so they are given again from the first. */
static void arena_free(void *ctx, void *arena, size_t size)
{
    (void)ctx;
    (void)arena;
    (void)size;
    scene.arenas_out--;
    scene.given = scene.arenas_out == 0 ? 0 : scene.given;
}

/* A block of the raw domain at `at` takes the raw way, whatever is done with it. */
static bool is_foreign(struct pab_check_run *run, const struct pab_alloc *table, unsigned char *at,
                       size_t bytes)
{
    struct raw *raw = &scene.raw;
    raw->next = at;
    *raw = (struct raw){.inner = raw->inner, .next = at};
    void *block = table->malloc(table->ctx, bytes);
    size_t usable = table->usable_size == NULL ? bytes : table->usable_size(table->ctx, block);
    void *moved = table->realloc(table->ctx, block, bytes - 8);
    table->free(table->ctx, block);
    run->ops_done += 4;
    return (block == at && raw->taken == 1 && usable == bytes && raw->resized == 1 && moved == at &&
            raw->freed == 1 && raw->last == at) ||
           pab_wrong(
               run,
               "a raw block of %zu bytes at %p, beside pymalloc's [%#zx, +%zu): malloc, "
               "realloc and free reached the raw domain %zu, %zu and %zu times, not once each",
               bytes, (void *)at, (size_t)scene.base, (size_t)(scene.above - scene.base),
               raw->taken, raw->resized, raw->freed);
}

/* Fills the arenas whole with blocks of one size and frees them all: none may reach the raw domain,
 * and each counts. */
static bool all_is_own(struct pab_check_run *run, const struct pab_alloc *table, size_t size)
{
    const struct pab_pymalloc *pm = table->ctx;
    struct raw *raw = &scene.raw;
    *raw = (struct raw){.inner = raw->inner};
    size_t count = 0;
    for (void *block; count < BLOCKS && (block = table->malloc(table->ctx, size)) != NULL;) {
        scene.blocks[count++] = block;
    }
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(pm, &stats);
    if (count == 0 || stats.blocks != count || (count < BLOCKS && raw->taken != 1)) {
        return pab_wrong(
            run, "%zu blocks of %zu bytes taken, %zu counted, %zu requests passed on, not 1", count,
            size, (size_t)stats.blocks, raw->taken);
    }
    for (size_t i = 0; i < count; i++) {
        size_t usable = table->usable_size(table->ctx, scene.blocks[i]);
        table->free(table->ctx, scene.blocks[i]);
        run->ops_done += 2;
        if (usable != size || raw->freed > 0) {
            return pab_wrong(run,
                             "a block of %zu bytes, %zu into arenas of %zu: %zu usable, free "
                             "reached the raw domain %zu times",
                             size,
                             (size_t)((unsigned char *)scene.blocks[i] - scene.base) - scene.skew,
                             pm->geometry.arena_bytes, usable, raw->freed);
        }
    }
    return true;
}

/* A pymalloc of its own between two foreign pages, its arenas `skew` bytes off their alignment. */
static enum pab_status open_between(const struct pab_pymalloc_geometry *geometry, size_t skew,
                                    struct pab_pymalloc **out, struct pab_error *err)
{
    size_t span = skew + ARENAS * geometry->arena_bytes;
    unsigned char *region = pab_pages_map(span + 2 * FOREIGN_BYTES + geometry->arena_bytes);
    if (region == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no room for %d arenas of %zu bytes", ARENAS,
                        geometry->arena_bytes);
    }
    scene.skew = skew;
    scene.given = 0;
    scene.base = region + FOREIGN_BYTES;
    scene.base += -(uintptr_t)scene.base & (geometry->arena_bytes - 1);
    scene.above = scene.base + span;
    struct pab_alloc raw = {
        .ctx = &scene.raw,
        .malloc = raw_malloc,
        .calloc = raw_calloc,
        .realloc = raw_realloc,
        .free = raw_free,
        .usable_size = raw_usable_size,
    };
    struct pab_arena_source source = {NULL, arena_alloc, arena_free, (uintptr_t)scene.base, span};
    return pab_pymalloc_create(out, geometry, &raw, &source, err);
}

static enum pab_verdict ownership_run(struct pab_check_run *run)
{
    struct pab_alloc table;
    struct pab_pymalloc *own = pab_white_box(run, &table);
    if (own == NULL) {
        return PAB_SKIP;
    }
    memset(&scene, 0, sizeof(scene));
    scene.raw.inner = own->raw;
    size_t threshold = own->geometry.threshold;
    size_t bytes = threshold + 8;
    bool can_lose_a_pool = own->geometry.arena_bytes > own->geometry.pool_bytes;
    bool holds = true;
    for (size_t skew = 0; holds && skew <= (can_lose_a_pool ? SKEW : 0); skew += SKEW) {
        struct pab_pymalloc *pm = NULL;
        struct pab_error err;
        if (open_between(&own->geometry, skew, &pm, &err) != PAB_OK) {
            return pab_skip(run, "%s", err.text);
        }
        table = pab_pymalloc_table(pm);
        holds = is_foreign(run, &table, scene.base - bytes, bytes) &&
                is_foreign(run, &table, scene.above, bytes);
        for (size_t size = threshold; holds && size >= 16; size /= 4) {
            holds = all_is_own(run, &table, size);
        }
    }
    pab_compared(run,
                 "raw blocks right below and right above %d arenas, which are aligned, then not; "
                 "every block in them, filled with each of some sizes from %zu bytes down: %zu "
                 "calls",
                 ARENAS, threshold, (size_t)run->ops_done);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-21",
        .summary = "whose a pointer is, is told exactly: at both ends of every pool and arena, and "
                   "of foreign blocks beside them",
        .source = "CPython Objects/obmalloc.c, address_in_range()",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = ownership_run,
    },
};

const struct pab_check_group pab_checks_ownership = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
