/* tests/conformance/white_box/ledger.h -- a second set of books on the built-in pymalloc. Depends on
 * allocators/pymalloc and harness/check.h.
 *
 * It counts what is in use by pool and by arena from the calls alone, and stands between pymalloc
 * and its arena source; pymalloc's own counts and lists are never asked. Whatever pymalloc does
 * against these books (a block off its pool's grid, a block handed out twice, an arena given back
 * too early, or kept with nothing in it) is said in run->reason.
 */
#ifndef PAB_TESTS_CONFORMANCE_WHITE_BOX_LEDGER_H
#define PAB_TESTS_CONFORMANCE_WHITE_BOX_LEDGER_H

#include "allocators/pymalloc/internal.h"
#include "harness/check.h"

struct pab_ledger_arena {
    uint32_t pools_in_use;
    bool is_held; /* taken from the source, not given back */
};

struct pab_ledger {
    struct pab_check_run *run;
    struct pab_pymalloc *pm;
    struct pab_alloc table; /* pymalloc's own, below any hooks */
    struct pab_arena_source source;
    size_t arenas_max; /* as many as there are books for */
    size_t pools_per_arena;
    struct pab_ledger_arena *arenas; /* [address - base in arenas] */
    uint16_t *pool_live;             /* [address - base in pools] */
    uint8_t *pool_class;
    bool *in_use; /* [address - base in units of `align`] */
    size_t pools_partly_used[PAB_PYMALLOC_CLASSES_MAX];
    size_t arenas_held, arenas_empty, arenas_taken, arenas_given;
    size_t pools_reclassed; /* pools that began to serve another class than before */
    bool took_pool;         /* the last take began a pool; and its arena was new: */
    bool took_arena;
    bool is_wrong; /* something is in run->reason */
};

/* The allocator of a heap; NULL where the heap is no pymalloc, with the reason. */
struct pab_pymalloc *pab_white_box(struct pab_check_run *run, struct pab_alloc *table);

/* Begins the books on a heap without a block in use. False: it cannot be, with the reason. */
bool pab_ledger_open(struct pab_ledger *ledger, struct pab_check_run *run);
/* Takes the books from between pymalloc and its source. */
void pab_ledger_close(struct pab_ledger *ledger);

/* A block of 1 to threshold bytes; NULL where something is wrong. */
void *pab_ledger_take(struct pab_ledger *ledger, size_t size);
/* Gives it back; false where something is wrong. */
bool pab_ledger_give(struct pab_ledger *ledger, void *block);

size_t pab_ledger_pool(const struct pab_ledger *ledger, const void *address);
size_t pab_ledger_arena(const struct pab_ledger *ledger, const void *address);
size_t pab_ledger_capacity(const struct pab_ledger *ledger, unsigned class);

#endif
