/* allocators/pymalloc/pymalloc.h -- CPython's small-object allocator, written from its documented
 * behaviour. Depends on backend.h. README.md in this folder draws the layout.
 *
 * One algorithm with a few parameters reproduces every CPython from 2.7 to 3.15; the parameters
 * are data (struct pab_pymalloc_geometry), never #if. Fed the same calls and the same arenas it
 * returns the same addresses as CPython of that profile. Not thread-safe: CPython holds the GIL.
 */
#ifndef PAB_ALLOCATORS_PYMALLOC_PYMALLOC_H
#define PAB_ALLOCATORS_PYMALLOC_PYMALLOC_H

#include "allocators/backend.h"

#define PAB_PYMALLOC_CLASSES_MAX 64 /* 512 / 8: the finest classing of any profile */
#define PAB_POOL_HEADER_BYTES    48 /* CPython's pool_header on 64 bits */

/* When the default source gives a released arena's memory back. CPython's munmap does at once. */
enum pab_arena_release {
    PAB_RELEASE_LAZY,  /* when the next arena is released */
    PAB_RELEASE_EAGER, /* at once */
    PAB_RELEASE_NEVER, /* a fault of known size: a lost purge */
};

/* What differs between CPython releases (Objects/obmalloc.c; pycore_obmalloc.h from 3.12). */
struct pab_pymalloc_geometry {
    size_t align;          /* 8 or 16: block sizes are multiples of it */
    size_t threshold;      /* largest request served from pools: 256 or 512 */
    size_t pool_bytes;     /* power of two */
    size_t arena_bytes;    /* power of two, at least one pool */
    bool keep_last_arena;  /* 3.9+: the last usable arena is kept though wholly free */
    bool mem_is_pymalloc;  /* 3.6+: the mem domain is served too, not only obj */
    bool raw_realloc_zero; /* <= 3.6: raw realloc to 0 becomes realloc(p, 1), failure gives p */
    bool advise_hugepages; /* 3.15: madvise(MADV_HUGEPAGE) on each arena */
    enum pab_arena_release release; /* no CPython's */
};

struct pab_pymalloc_profile {
    const char *name; /* "3.11" */
    struct pab_pymalloc_geometry geometry;
};

size_t pab_pymalloc_profile_count(void);
const struct pab_pymalloc_profile *pab_pymalloc_profile_at(size_t index);
const struct pab_pymalloc_profile *pab_pymalloc_profile_find(const char *name);

/* Says which rule a geometry breaks (powers of two, pool within arena, ...). */
enum pab_status pab_pymalloc_geometry_check(const struct pab_pymalloc_geometry *geometry,
                                            struct pab_error *err);

/* Where arenas come from: CPython's PyObjectArenaAllocator with one promise more. Every arena
 * lies within [base, base + span), and no block of the raw domain ever does: ownership of a
 * pointer is then one subtraction and one comparison. Arenas need not be aligned. */
struct pab_arena_source {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *arena, size_t size);
    uintptr_t base;
    size_t span;
};

struct pab_pymalloc;
struct pab_spec;

/* The geometry that a spec of the backend `pymalloc` asks for: its profile's, with what its other
 * keys override. */
struct pab_pymalloc_geometry pab_pymalloc_spec_geometry(const struct pab_spec *spec);

/* Creates an allocator whose requests over the threshold, and whose own tables, go to `raw`;
 * both structs are copied. `source` NULL: arenas out of a reserved address range of its own. */
enum pab_status pab_pymalloc_create(struct pab_pymalloc **out,
                                    const struct pab_pymalloc_geometry *geometry,
                                    const struct pab_alloc *raw,
                                    const struct pab_arena_source *source, struct pab_error *err);
/* Gives back every arena, live blocks or not. */
void pab_pymalloc_destroy(struct pab_pymalloc *pm);

/* The domain table (ctx = pm) for mem and obj. Fixed for the life of `pm`. */
struct pab_alloc pab_pymalloc_table(struct pab_pymalloc *pm);

/* A snapshot whose byte counts add up: allocated + available + unused_pools + headers +
 * quantization + alignment == arenas_bytes (the lines of sys._debugmallocstats()). */
struct pab_pymalloc_stats {
    size_t class_count;
    struct {
        size_t block_bytes, pools, blocks_used, blocks_available;
    } classes[PAB_PYMALLOC_CLASSES_MAX];
    uint64_t arenas_ever, arenas_reclaimed, arenas_now, arenas_high;
    uint64_t arenas_bytes;
    uint64_t allocated_bytes; /* used blocks, at block size */
    uint64_t available_bytes; /* free blocks of pools that hold a used one */
    uint64_t unused_pools;    /* empty or never carved */
    uint64_t unused_pools_bytes;
    uint64_t headers_bytes;      /* of pools that hold a used block */
    uint64_t quantization_bytes; /* tails of those pools, too short for a block */
    uint64_t alignment_bytes;    /* one pool for each arena that is not pool-aligned */
    uint64_t raw_blocks;         /* blocks passed to the raw domain and not yet freed */
    uint64_t blocks;             /* sys.getallocatedblocks(): used blocks + raw_blocks */
};

void pab_pymalloc_stats_read(const struct pab_pymalloc *pm, struct pab_pymalloc_stats *out);

/* What it holds of the system's memory, but for what it has from `raw`. With a source of its own,
 * released arenas count as free pools while their addresses stay, and what has no memory behind it is
 * asked of the system. O(heap). */
void pab_pymalloc_inventory_read(const struct pab_pymalloc *pm, struct pab_inventory *out);

/* Walks every arena, pool and free list. PAB_OK, or the first invariant found broken in `err`.
 * O(heap). PAB_CHECK_LEVEL=3 builds run it around every arena and pool transition. */
enum pab_status pab_pymalloc_check(const struct pab_pymalloc *pm, struct pab_error *err);

#endif
