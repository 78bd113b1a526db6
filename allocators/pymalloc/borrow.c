#include "allocators/pymalloc/borrow.h"

#include "allocators/os_pages.h"
#include "allocators/pymalloc/internal.h"

#include <string.h>

/* Two levels over 48 bits of address: 1 GiB an entry of the root, a byte a pool-sized slice. */
#define ADDRESS_BITS 48
#define LEAF_BITS    30
#define LEAVES       (1u << (ADDRESS_BITS - LEAF_BITS))
#define LEAF_MASK    ((UINT64_C(1) << LEAF_BITS) - 1)

struct pab_pymalloc_borrowed {
    struct pab_pymalloc *pm;
    struct pab_alloc lender, inner; /* inner: pm's own table, whose range is everything */
    uint8_t **leaves;               /* [LEAVES]; NULL: no arena has ever been there */
    size_t leaf_bytes;
    unsigned pool_shift;
};

/* --- who owns an address ---------------------------------------------------------------------- */

static bool is_owned(const struct pab_pymalloc_borrowed *borrowed, const void *ptr)
{
    uintptr_t address = (uintptr_t)ptr;
    const uint8_t *leaf = borrowed->leaves[address >> LEAF_BITS];
    return leaf != NULL && leaf[(address & LEAF_MASK) >> borrowed->pool_shift] != 0;
}

/* Sets what is told of the pools that lie within an arena; false without memory. */
static bool mark(struct pab_pymalloc_borrowed *borrowed, uintptr_t arena, size_t size, uint8_t as)
{
    uintptr_t pool_bytes = (uintptr_t)1 << borrowed->pool_shift;
    uintptr_t first = (arena + pool_bytes - 1) & ~(pool_bytes - 1);
    for (uintptr_t at = first; at + pool_bytes <= arena + size; at += pool_bytes) {
        uint8_t **leaf = &borrowed->leaves[at >> LEAF_BITS];
        if (*leaf == NULL && (*leaf = pab_pages_map(borrowed->leaf_bytes)) == NULL) {
            return false;
        }
        (*leaf)[(at & LEAF_MASK) >> borrowed->pool_shift] = as;
    }
    return true;
}

/* --- the source ------------------------------------------------------------------------------- */

static void *borrow_arena(void *ctx, size_t size)
{
    struct pab_pymalloc_borrowed *borrowed = ctx;
    void *arena = borrowed->lender.malloc(borrowed->lender.ctx, size);
    if (arena != NULL && !mark(borrowed, (uintptr_t)arena, size, 1)) {
        (void)mark(borrowed, (uintptr_t)arena, size, 0);
        borrowed->lender.free(borrowed->lender.ctx, arena);
        arena = NULL;
    }
    return arena;
}

static void return_arena(void *ctx, void *arena, size_t size)
{
    struct pab_pymalloc_borrowed *borrowed = ctx;
    (void)mark(borrowed, (uintptr_t)arena, size, 0); /* its leaves are there */
    borrowed->lender.free(borrowed->lender.ctx, arena);
}

/* --- the table -------------------------------------------------------------------------------- */

static void *borrowed_malloc(void *ctx, size_t size)
{
    const struct pab_pymalloc_borrowed *borrowed = ctx;
    return borrowed->inner.malloc(borrowed->inner.ctx, size);
}

static void *borrowed_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_pymalloc_borrowed *borrowed = ctx;
    return borrowed->inner.calloc(borrowed->inner.ctx, count, size);
}

static void borrowed_free(void *ctx, void *ptr)
{
    const struct pab_pymalloc_borrowed *borrowed = ctx;
    struct pab_pymalloc *pm = borrowed->pm;
    if (is_owned(borrowed, ptr)) {
        borrowed->inner.free(borrowed->inner.ctx, ptr);
    } else if (ptr != NULL) {
        pm->raw_blocks--;
        pm->raw.free(pm->raw.ctx, ptr);
    }
}

/* A block of the raw domain stays there, whatever its size becomes: so in CPython. */
static void *borrowed_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_pymalloc_borrowed *borrowed = ctx;
    struct pab_pymalloc *pm = borrowed->pm;
    if (ptr == NULL || is_owned(borrowed, ptr)) {
        return borrowed->inner.realloc(borrowed->inner.ctx, ptr, size);
    }
    if (size == 0 && pm->geometry.raw_realloc_zero) {
        void *shrunk = pm->raw.realloc(pm->raw.ctx, ptr, 1);
        return shrunk != NULL ? shrunk : ptr;
    }
    return pm->raw.realloc(pm->raw.ctx, ptr, size);
}

static size_t borrowed_usable_size(void *ctx, const void *ptr)
{
    const struct pab_pymalloc_borrowed *borrowed = ctx;
    const struct pab_alloc *raw = &borrowed->pm->raw;
    return is_owned(borrowed, ptr) ? borrowed->inner.usable_size(borrowed->inner.ctx, ptr)
                                   : raw->usable_size(raw->ctx, ptr);
}

struct pab_alloc pab_pymalloc_borrow_table(struct pab_pymalloc_borrowed *borrowed)
{
    return (struct pab_alloc){
        .ctx = borrowed,
        .malloc = borrowed_malloc,
        .calloc = borrowed_calloc,
        .realloc = borrowed_realloc,
        .free = borrowed_free,
        .usable_size = borrowed->inner.usable_size != NULL ? borrowed_usable_size : NULL,
    };
}

bool pab_pymalloc_is_borrowed(const struct pab_alloc *table)
{
    return table->malloc == borrowed_malloc;
}

struct pab_pymalloc *pab_pymalloc_borrow_inner(struct pab_pymalloc_borrowed *borrowed)
{
    return borrowed->pm;
}

/* --- life ------------------------------------------------------------------------------------- */

enum pab_status pab_pymalloc_borrow(struct pab_pymalloc_borrowed **out,
                                    const struct pab_pymalloc_geometry *geometry,
                                    const struct pab_alloc *raw, const struct pab_alloc *lender,
                                    struct pab_error *err)
{
    struct pab_pymalloc_borrowed *borrowed = calloc(1, sizeof(*borrowed));
    uint8_t **leaves = pab_pages_map(LEAVES * sizeof(*leaves));
    if (borrowed == NULL || leaves == NULL) {
        if (leaves != NULL) {
            pab_pages_release(leaves, LEAVES * sizeof(*leaves));
        }
        free(borrowed);
        return pab_fail(err, PAB_NO_MEMORY, "no memory for the tree of arenas");
    }
    borrowed->lender = *lender;
    borrowed->leaves = leaves;
    borrowed->pool_shift = (unsigned)__builtin_ctzl(geometry->pool_bytes);
    borrowed->leaf_bytes = (size_t)1 << (LEAF_BITS - borrowed->pool_shift);
    struct pab_arena_source source = {
        .ctx = borrowed,
        .alloc = borrow_arena,
        .free = return_arena,
        .base = geometry->pool_bytes,
        .span = (UINT64_C(1) << ADDRESS_BITS) - geometry->pool_bytes,
    };
    enum pab_status status = pab_pymalloc_create(&borrowed->pm, geometry, raw, &source, err);
    if (status != PAB_OK) {
        pab_pages_release(leaves, LEAVES * sizeof(*leaves));
        free(borrowed);
        return status;
    }
    borrowed->inner = pab_pymalloc_table(borrowed->pm);
    *out = borrowed;
    return PAB_OK;
}

void pab_pymalloc_borrow_end(struct pab_pymalloc_borrowed *borrowed)
{
    pab_pymalloc_destroy(borrowed->pm);
    for (size_t i = 0; i < LEAVES; i++) {
        if (borrowed->leaves[i] != NULL) {
            pab_pages_release(borrowed->leaves[i], borrowed->leaf_bytes);
        }
    }
    pab_pages_release(borrowed->leaves, LEAVES * sizeof(*borrowed->leaves));
    free(borrowed);
}
