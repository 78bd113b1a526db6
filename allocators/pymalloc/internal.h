/* allocators/pymalloc/internal.h -- what the files of pymalloc share. Private to this folder.
 *
 * The one departure from CPython's layout: what CPython writes into the first 48 bytes of a pool
 * is kept in a table beside the arenas, one 32-byte entry for each pool-sized slice of the address
 * range. The 48 bytes stay unused, so every block keeps its address. README.md says why.
 */
#ifndef PAB_ALLOCATORS_PYMALLOC_INTERNAL_H
#define PAB_ALLOCATORS_PYMALLOC_INTERNAL_H

#include "allocators/pymalloc/pymalloc.h"

#define POOL_CLASS_NONE 0xFFu        /* carved, but never initialised for a class */
#define POOL_BYTES_MAX  (256u << 10) /* offsets in units of `align` fit 16 bits */
#define ARENA_BYTES_MAX (1u << 30)
#define ARENA_COUNT_MAX (1u << 24) /* a pool keeps its arena's number in 24 bits */

/* A carved pool is in exactly one state:
 *   used    count > 0, free != NULL   in the list of its class
 *   full    count > 0, free == NULL   in no list
 *   empty   count == 0                in the list of its arena; keeps its class and its chain
 */
struct pool {
    void *free;        /* chain through the first words of the free blocks, last freed first;
                        * of a pool without class: the start of the pool */
    struct pool *next; /* used: towards the back of its class's list; empty: of its arena's */
    struct pool *prev; /* used: towards the front, NULL for the first */
    uint16_t count;    /* blocks handed out */
    uint16_t virgin;   /* where the never-carved rest begins, from the pool's start, in `align`s */
    /* The arena's number in 16 + 8 bits beside the class: as one word, reading it just after the
     * class was written would wait for the store. */
    uint16_t arena_low;
    uint8_t arena_high;
    uint8_t class;
};
static_assert(sizeof(struct pool) == 32, "two pools share a cache line");

struct arena {
    unsigned char *base; /* as the source gave it; NULL: this descriptor is unused */
    unsigned char *bump; /* the first pool never carved */
    uint32_t free_pools; /* empty or never carved */
    uint32_t total_pools;
    struct pool *empty; /* LIFO */
    struct arena *next; /* usable arenas: ascending by free_pools; unused descriptors: LIFO */
    struct arena *prev; /* usable arenas only */
};
static_assert(sizeof(struct arena) == 48, "CPython grows its vector by this much");

/* The default source: one reserved range, arenas committed from the bottom, freed ones reused
 * last in, first out. */
struct arena_range {
    void *reserved; /* as mapped; `base` is its first arena-aligned address */
    size_t reserved_bytes;
    unsigned char *base, *end;
    unsigned char *bump;
    uint32_t *vacant; /* stack of arena numbers; committed page by page as it grows */
    size_t vacant_bytes;
    size_t vacant_count;
    unsigned char *warm; /* on top of the stack, and its memory not given back yet; or NULL */
    enum pab_arena_release release;
};

struct pab_pymalloc {
    /* Hot: all that malloc and free read before they touch a pool. */
    uintptr_t base; /* first pool-aligned address of the source's range */
    size_t span;
    struct pool *pools; /* entry i describes the pool at base + i * pool_bytes */
    size_t threshold;
    uintptr_t pool_offset_mask; /* address & this: how far it lies into its pool */
    uint8_t class_shift, pool_shift;
    uint32_t pool_units; /* pool_bytes in `align`s */
    uint64_t raw_blocks; /* wraps if callers free what they did not take here, as CPython's does */
    struct pool *used[PAB_PYMALLOC_CLASSES_MAX]; /* first pool of each class's list */

    /* Cold. */
    struct pab_alloc raw;
    struct arena *usable; /* first of the usable arenas: fewest free pools */
    struct arena *unused; /* descriptors */
    struct arena *arenas; /* vector, from raw.realloc */
    size_t arena_capacity;
    struct pab_arena_source source;
    struct pab_pymalloc_geometry geometry;
    struct arena_range range; /* of the default source */
    uint64_t arenas_ever, arenas_now, arenas_high;
    size_t pools_bytes; /* reserved for `pools` */
    size_t self_bytes;
    struct arena *last_with_free[]; /* [n]: last usable arena with exactly n free pools */
};

/* Condition that the fast path hopes to be false. */
static inline bool rarely(bool condition)
{
    return __builtin_expect(condition, false);
}

static inline size_t class_block_bytes(const struct pab_pymalloc *pm, unsigned class)
{
    return ((size_t) class + 1) << pm->class_shift;
}

static inline size_t class_count(const struct pab_pymalloc *pm)
{
    return pm->threshold >> pm->class_shift;
}

/* CPython asks an arena index or a radix tree; containment is all that either answers. */
static inline bool owns_block(const struct pab_pymalloc *pm, const void *ptr)
{
    return (uintptr_t)ptr - pm->base < pm->span;
}

/* Arenas may lie anywhere (borrow.h): then whoever calls knows what is owned. */
static inline bool spans_everything(const struct pab_pymalloc *pm)
{
    return pm->span >> 46 != 0;
}

static inline struct pool *pool_of(const struct pab_pymalloc *pm, const void *address)
{
    assert(owns_block(pm, address));
    return &pm->pools[((uintptr_t)address - pm->base) >> pm->pool_shift];
}

static inline uintptr_t pool_start(const struct pab_pymalloc *pm, const struct pool *pool)
{
    assert(pool >= pm->pools);
    return pm->base + ((uintptr_t)(pool - pm->pools) << pm->pool_shift);
}

static inline size_t pool_arena_number(const struct pool *pool)
{
    return pool->arena_low | (size_t)pool->arena_high << 16;
}

/* First pool of an arena: its base, or the first pool-aligned address above. */
static inline unsigned char *arena_first_pool(const struct pab_pymalloc *pm,
                                              const struct arena *arena)
{
    return arena->base + (-(uintptr_t)arena->base & pm->pool_offset_mask);
}

/* arena.c */

/* Fills pm->source and pm->range from a reserved range of its own. */
enum pab_status pab_arena_range_open(struct pab_pymalloc *pm, struct pab_error *err);
void pab_arena_range_close(struct pab_pymalloc *pm);

/* Takes a pool from the fullest arena, a new one if there is none; NULL when that fails. The pool
 * is in no list; its class is what it was before it went empty, or POOL_CLASS_NONE. */
struct pool *pab_arena_pool_take(struct pab_pymalloc *pm);
/* Puts back a pool that has just gone empty and is in no list. */
void pab_arena_pool_give(struct pab_pymalloc *pm, struct pool *pool);
void pab_arena_close_all(struct pab_pymalloc *pm);

/* check.c: the whole-heap check of PAB_CHECK_LEVEL 3, at a moment when no call is half done. */
static inline void check_transition(const struct pab_pymalloc *pm)
{
    if (PAB_CHECK_LEVEL >= 3) {
        struct pab_error err;
        if (pab_pymalloc_check(pm, &err) != PAB_OK) {
            pab_check_failed(err.text, __FILE__, __LINE__);
        }
    }
}

#endif
