/* tests/conformance/collector/toy.h -- a client of the collector for its checks and its tests:
 * nodes with a few references, and weak references to them. Depends on allocators/gc/gc.h.
 *
 * Not the object model of workloads/: what is held to a statement about the collector must not
 * lean on a higher layer. Every event of an object's life is logged, and told to whoever hooked it
 * at the moment when it happens. One world per process.
 */
#ifndef PAB_TESTS_CONFORMANCE_COLLECTOR_TOY_H
#define PAB_TESTS_CONFORMANCE_COLLECTOR_TOY_H

#include "allocators/gc/gc.h"

#define PAB_TOY_REFS 4
#define PAB_TOY_LOG  512

struct pab_toy {
    union {
        struct pab_object base;
        struct pab_weakref weakref; /* of type pab_toy_weakref: its callback is any toy */
    };
    int id;
    struct pab_toy *refs[PAB_TOY_REFS]; /* owned; visited and cleared in this order */
    struct pab_weakref *weakrefs;       /* of types with a weaklist_offset */
    size_t payload_bytes;
    unsigned char payload[]; /* the client's: the collector must not touch it */
};

struct pab_toy_log {
    int ids[PAB_TOY_LOG]; /* the first of them */
    size_t count;         /* of all */
};

struct pab_toy_world {
    struct pab_gc gc;
    struct pab_alloc under;  /* the heap under test: the obj domain */
    int64_t blocks;          /* live blocks */
    uint64_t asked, refused; /* calls of malloc and realloc; those that were made to fail */
    bool refuse;             /* the heap gives nothing */
    uint64_t refuse_at;      /* the call with this number, from 1, gets nothing; 0: none */
    uint64_t traversed;      /* objects that were asked for their references */
    struct pab_toy_log finalized, freed, told;
    struct pab_toy *saved; /* an owned reference, for finalizers that resurrect */

    /* Each may be NULL. */
    void (*on_finalize)(struct pab_toy *self);
    void (*on_death)(struct pab_toy *self);             /* it has no reference left */
    void (*on_drop)(struct pab_toy *self, size_t slot); /* a reference of its own is to go */
    void (*on_release)(struct pab_toy *self);           /* its block is to go */
    void (*on_told)(struct pab_toy *weakref);           /* in place of a callback */
};

extern struct pab_toy_world pab_toys;

/* Nodes. Traversed by a call unless said otherwise. */
extern const struct pab_type pab_toy_plain;
extern const struct pab_type pab_toy_finalizing;
extern const struct pab_type pab_toy_tuple;   /* untracked by any collection, cannot be cleared */
extern const struct pab_type pab_toy_dict;    /* untracked by full collections */
extern const struct pab_type pab_toy_wide;    /* room before its header, as for a managed dict */
extern const struct pab_type pab_toy_legacy;  /* has a finalizer from before PEP 442 */
extern const struct pab_type pab_toy_watched; /* finalizer, may be referred to weakly */
extern const struct pab_type pab_toy_spanned; /* says where its references are; weakly, too */
extern const struct pab_type pab_toy_full;    /* spans, finalizer, room before it, weakly */
extern const struct pab_type pab_toy_leaf;    /* no header: may only be referred to */
extern const struct pab_type pab_toy_weakref; /* made by pab_toy_weakref_new() alone */

/* A world without objects over `under`, which is copied; NULL: libc's malloc. */
void pab_toy_begin(const struct pab_alloc *under);

/* A new, tracked node that its caller owns; `payload` bytes are uninitialised. NULL only if the
 * world refused: a heap that gives none by itself ends the process. */
struct pab_toy *pab_toy_new_sized(const struct pab_type *type, int id, size_t payload);
struct pab_toy *pab_toy_new(const struct pab_type *type, int id);
/* A new, tracked weak reference; `callback` NULL: none. NULL as above. `referent` NULL: it is
 * attached later. */
struct pab_toy *pab_toy_weakref_new(int id, struct pab_toy *referent, struct pab_toy *callback);
/* What it leads to, or NULL. */
struct pab_toy *pab_toy_weakref_get(const struct pab_toy *weakref);

/* from.refs[slot] = to; the old value is dropped afterwards, as Python does it. */
void pab_toy_set(struct pab_toy *from, size_t slot, struct pab_toy *to);
void pab_toy_incref(struct pab_toy *toy);
void pab_toy_decref(struct pab_toy *toy);
void pab_toy_drop(struct pab_toy *const *toys, int count);

/* Makes toys 0..count-1 of `type`, each referring to the next one, the last to the first. */
void pab_toy_ring(struct pab_toy **toys, const struct pab_type *type, int count);
/* Frees nodes that hold each other by their first reference, without recursion. */
void pab_toy_free_chain(struct pab_toy *chain);

void pab_toy_thresholds(int young, int middle, int old);
/* The first object in a list after `head`; that of the list's own head for the last one. */
struct pab_toy *pab_toy_after(const struct pab_gc_head *head);

#endif
