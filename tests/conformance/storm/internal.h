/* tests/conformance/storm/internal.h -- what the files of the storm share. Private to this folder.
 *
 *   generate.c   seed -> calls
 *   listing.c    calls <-> text
 *   mirror.c     the two regions that arenas come from, and where one side's block is on the other
 *   raw.c        the raw domain below both sides
 *   trial.c      one process: calls -> both sides, compared
 *   storm.c      starts trials; shrink.c: many, with ever fewer calls
 */
#ifndef PAB_TESTS_CONFORMANCE_STORM_INTERNAL_H
#define PAB_TESTS_CONFORMANCE_STORM_INTERNAL_H

#include "tests/conformance/storm/storm.h"
#include "workloads/support/rng.h"

/* --- calls ---------------------------------------------------------------------------------- */

#define STORM_SLOT_BITS                                                                            \
    16 /* blocks that can live at once: so many that arenas stand side by side,
                            * so few that both sides stay in the caches */
#define STORM_SLOTS     (1u << STORM_SLOT_BITS) /* blocks that can live at once */
#define STORM_BATCH     4096u
#define STORM_SIZE_MOST 1400u /* less than any table that CPython itself keeps in the raw domain */

enum storm_call { STORM_MALLOC, STORM_CALLOC, STORM_REALLOC, STORM_FREE };

/* One call on a slot. Any sequence makes sense, so that any part of a storm is one, too: malloc
 * and calloc pass over a slot that holds a block, free over one that holds none. The domain is
 * mem for even slots, obj for odd ones. */
struct storm_op {
    uint32_t slot;
    uint16_t size;
    uint8_t call;
    uint8_t unused;
};
static_assert(sizeof(struct storm_op) == 8, "a batch stays in the first-level cache");

/* --- generate.c ----------------------------------------------------------------------------- */

#define STORM_EMPTY 0xFFFFu

struct storm_phase {
    unsigned kind;
    uint32_t first, mask; /* its slots: first .. first + mask */
    uint32_t done, total; /* steps */
    uint32_t stride;      /* drains: slot of step i is first + (i * stride & mask) */
    uint32_t every;       /* drains: only every so many slots */
    uint16_t size;        /* fills: all of this size; STORM_EMPTY: of any */
    uint8_t give_share;   /* churn: of 256 held slots that are drawn */
    uint8_t take_share;   /* churn: of 256 empty ones */
};

struct storm_generator {
    struct pab_rng rng;
    enum pab_storm_mix mix;
    struct storm_phase phase;
    uint8_t size_kinds[256];
    uint16_t held[STORM_SLOTS]; /* size in each slot, or STORM_EMPTY */
    struct storm_op ops[STORM_BATCH];
    size_t count;
};

void pab_storm_generator_init(struct storm_generator *generator, enum pab_storm_mix mix,
                              uint64_t seed);
/* Fills `ops` with the next STORM_BATCH calls. */
void pab_storm_generate(struct storm_generator *generator);

/* --- mirror.c ------------------------------------------------------------------------------- */

/* Where one side's arenas come from. */
struct storm_region {
    unsigned char *base;
    size_t span;        /* bytes that blocks can lie in */
    size_t arena_bytes; /* requests of another size are not pymalloc's */
    size_t skew;        /* how far an arena begins behind its place: not aligned */
    uint32_t fail_every;
    uint32_t arena_count; /* places */
    uint32_t used_count;  /* places that were ever taken */
    uint32_t vacant_count;
    uint32_t *vacant; /* places given back, taken again last in, first out */
    uint64_t taken, released, refused, requests;
    uint64_t history; /* hash of every request and release, in order */
};

bool pab_storm_region_open(struct storm_region *region, size_t arena_bytes,
                           enum pab_storm_arenas arenas, uint64_t seed);
/* pab_arena_source and pab_oracle_arenas of a region; ctx is the region. */
void *pab_storm_region_alloc(void *ctx, size_t size);
void pab_storm_region_free(void *ctx, void *arena, size_t size);

/* "arena 3, pool 12, byte 112 of it" or "raw". */
void pab_storm_region_where(const struct storm_region *region, const void *block, size_t pool_bytes,
                            char *out, size_t size);

/* CPython 2.7 takes arenas by itself: where they lie is learnt from the first block of each. */
#define STORM_PAGES_SLOTS (1u << 16)

struct storm_pages {
    const void *pending; /* what CPython answered to the call that we answer now */
    size_t count;
    uintptr_t page[STORM_PAGES_SLOTS]; /* address >> 12; open addressing, 0: none */
    uint32_t place[STORM_PAGES_SLOTS]; /* of our arena that mirrors it, and which page of it */
};

void pab_storm_pages_add(struct storm_pages *pages, uintptr_t arena, uint32_t place,
                         size_t arena_bytes);
void pab_storm_pages_drop(struct storm_pages *pages, uintptr_t arena, size_t arena_bytes);
/* The offset in our region that mirrors `block`; SIZE_MAX: it lies in no arena. */
size_t pab_storm_pages_offset(const struct storm_pages *pages, const void *block);

/* --- raw.c ---------------------------------------------------------------------------------- */

/* What one side asked of the raw domain below it: a hash of every call, in order. */
struct storm_raw {
    uint64_t history;
};

/* Stands for every block of the raw domain; realloc copies at most a pool's block into it. */
extern unsigned char pab_storm_raw_block[4096];

/* A table of either side; ctx is its storm_raw. */
void *pab_storm_raw_malloc(void *ctx, size_t size);
void *pab_storm_raw_calloc(void *ctx, size_t count, size_t size);
void *pab_storm_raw_realloc(void *ctx, void *ptr, size_t size);
void pab_storm_raw_free(void *ctx, void *ptr);

/* CPython's: what is larger than any block of a storm is a table that its allocator keeps for
 * itself, and is real. */
void *pab_storm_raw_table_malloc(void *ctx, size_t size);
void *pab_storm_raw_table_calloc(void *ctx, size_t count, size_t size);

/* --- listing.c ------------------------------------------------------------------------------ */

struct storm_list {
    struct storm_op *ops;
    size_t count;
};

const char *pab_storm_call_name(enum storm_call call);

/* Text of the calls with the plan that they belong to; malloc'ed, NULL without memory. */
char *pab_storm_listing_write(const struct pab_storm_plan *plan, const struct pab_oracle *oracle,
                              const struct storm_list *list);
/* Reads it back: list->ops is malloc'ed. Sets the plan's arenas and seed. */
enum pab_status pab_storm_listing_read(const char *text, struct pab_storm_plan *plan,
                                       struct storm_list *list, struct pab_error *err);
/* Gives slots new numbers in the order in which they are first used. */
void pab_storm_list_renumber(struct storm_list *list);

/* --- trial.c, storm.c, shrink.c ------------------------------------------------------------- */

/* What a trial leaves behind, in memory that it shares with its parent. */
struct storm_outcome {
    bool done;    /* it came to its end, without a difference */
    bool differs; /* `result.text` says how */
    bool broke;
    struct pab_storm_result result;
};

struct storm_trial {
    const struct pab_storm_plan *plan;
    const struct pab_oracle *oracle;
    const struct storm_list *list; /* NULL: of the plan's seed */
    const struct pab_storm_progress *progress;
    struct storm_outcome *outcome;
};

/* Never returns: the process is the trial's. */
_Noreturn void pab_storm_trial(const struct storm_trial *trial);

/* Forks a trial, waits, and classifies how it ended into the outcome. */
void pab_storm_try(const struct storm_trial *trial);

/* Cuts `list`, whose last call shows a difference, down for at most `seconds`. */
void pab_storm_shrink(struct storm_trial *trial, struct storm_list *list, unsigned seconds);

#endif
