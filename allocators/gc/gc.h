/* allocators/gc/gc.h -- the generational cycle collector of CPython 3.11. Depends on backend.h.
 *
 * It knows no type: only an intrusive header before each container, a reference count and the
 * slots of struct pab_type. README.md in this folder tells the algorithm on four objects.
 *
 *        presize bytes        16 bytes               the object
 *      +----------------+------------------+---------+--------+----------------
 *      | (dict, values) | next    | prev    | refcnt  | type   |  client's own
 *      +----------------+------------------+---------+--------+----------------
 *                         pab_gc_head        ^ struct pab_object *
 *
 *   next == 0          not tracked
 *   next bit 0         tentatively unreachable (only while collecting)
 *   prev bit 0         finalizer has run (PEP 442), kept for the object's life
 *   prev bit 1         belongs to the generation being collected (only while collecting)
 *   prev bits 2..      the previous object, or while collecting the copied reference count
 */
#ifndef PAB_ALLOCATORS_GC_GC_H
#define PAB_ALLOCATORS_GC_GC_H

#include "allocators/backend.h"

struct pab_type;

/* What every object starts with (CPython's PyObject: 16 bytes). */
struct pab_object {
    intptr_t refcnt;
    const struct pab_type *type;
};

/* Called by traverse() on each object that one owns a reference to; non-zero stops the walk. */
typedef int (*pab_visit)(struct pab_object *referent, void *arg);

/* A stretch of references within an object or a buffer of its own: `count` of them, each `step`
 * pointers after the one before. Some may be NULL. */
struct pab_gc_span {
    struct pab_object *const *first;
    size_t count;
    ptrdiff_t step;
};

#define PAB_GC_SPANS_MAX 2

enum pab_type_flag {
    PAB_TYPE_GC = 1u << 0,             /* has a pab_gc_head and traverse() */
    PAB_TYPE_UNTRACK_ALWAYS = 1u << 1, /* untrack() is tried by every collection (tuple) */
    PAB_TYPE_UNTRACK_FULL = 1u << 2,   /* untrack() is tried by full collections (dict) */
    PAB_TYPE_WEAKREF = 1u << 3,        /* starts with a struct pab_weakref; has notify() */
    PAB_TYPE_LEGACY = 1u << 4,         /* has a finalizer from before PEP 442: uncollectable */
};

/* The slots of a type that memory management needs; a client embeds this as its first member. */
struct pab_type {
    const char *name;
    unsigned flags;
    size_t presize;         /* bytes before the pab_gc_head: 16 for a managed dict, else 0 */
    size_t weaklist_offset; /* of the object's struct pab_weakref *; 0: cannot be referred to */
    void (*dealloc)(struct pab_object *self);                             /* refcnt reached 0 */
    int (*traverse)(struct pab_object *self, pab_visit visit, void *arg); /* PAB_TYPE_GC */
    /* Where the references are that traverse() visits, in its order, so that a collection can look
     * ahead; how many spans that is. Optional; 0: traverse() has to tell, object by object. */
    size_t (*spans)(const struct pab_object *self, struct pab_gc_span spans[PAB_GC_SPANS_MAX]);
    void (*clear)(struct pab_object *self);    /* drops references; NULL: cannot (tuple) */
    void (*finalize)(struct pab_object *self); /* __del__: once, may resurrect; or NULL */
    void (*untrack)(struct pab_object *self);  /* untracks itself if nothing in it can cycle */
    void (*notify)(struct pab_object *self);   /* PAB_TYPE_WEAKREF: calls the callback */
};

/* What a weak reference starts with. It is in the list of its referent, which does not own it. */
struct pab_weakref {
    struct pab_object base;
    struct pab_object *referent; /* not owned; NULL: it is gone */
    struct pab_object *callback; /* owned; NULL: none */
    struct pab_weakref *prev, *next;
};

struct pab_gc_head {
    uintptr_t next, prev;
};
static_assert(sizeof(struct pab_gc_head) == 16, "CPython 3.8+ pays 16 bytes for a GC header");

#define PAB_GC_GENERATIONS 3

struct pab_gc_generation {
    struct pab_gc_head head; /* circular list, oldest first */
    int threshold;           /* 0: automatic collection off (generation 0) */
    int count;               /* gen 0: allocations - deallocations; else: younger collections */
};

struct pab_gc_stats {
    uint64_t collections, collected, uncollectable;
    uint64_t visited; /* objects examined: what a collection costs */
};

/* What a collection tells its client before it starts (all 0) and when it is done. */
struct pab_gc_report {
    bool done;
    int generation;
    size_t collected, uncollectable;
    uint64_t visited; /* as in struct pab_gc_stats, of this one */
};

/* One collector; one for each runtime. Its lists point at `heads`, so it must not be moved. */
struct pab_gc {
    struct pab_gc_generation generations[PAB_GC_GENERATIONS];
    struct pab_gc_head permanent; /* gc.freeze() */
    struct pab_gc_stats stats[PAB_GC_GENERATIONS];
    struct pab_alloc alloc; /* the obj domain */
    intptr_t long_lived_total, long_lived_pending;
    bool enabled, collecting;
    bool save_all; /* gc.DEBUG_SAVEALL: trash is kept as garbage rather than cleared */
    /* What the client may want to do, given `client`. Each may be NULL. */
    void (*clear_free_lists)(void *client); /* at the end of a full collection */
    void (*keep_garbage)(void *client, struct pab_object *object);    /* gc.garbage.append() */
    void (*report)(void *client, const struct pab_gc_report *report); /* gc.callbacks */
    void *client;
};

/* Thresholds 700, 10, 10; enabled. `alloc` is copied. */
void pab_gc_init(struct pab_gc *gc, const struct pab_alloc *alloc);

/* Asks the obj domain for presize + 16 + size bytes, counts the object in generation 0 and
 * collects when that passes the threshold. The object is not tracked yet; its presize bytes are
 * zero, the rest is not. NULL when the heap is exhausted. */
void *pab_gc_malloc(struct pab_gc *gc, size_t presize, size_t size);
/* Resizes an untracked object (presize 0); NULL leaves it as it was. */
void *pab_gc_realloc(struct pab_gc *gc, void *object, size_t size);
/* Untracks if need be, uncounts, gives the block back. */
void pab_gc_free(struct pab_gc *gc, void *object, size_t presize);

void pab_gc_track(struct pab_gc *gc, void *object);
void pab_gc_untrack(void *object); /* no effect on an untracked one */

static inline struct pab_gc_head *pab_gc_head_of(const void *object)
{
    return (struct pab_gc_head *)object - 1;
}

static inline bool pab_gc_is_tracked(const void *object)
{
    return pab_gc_head_of(object)->next != 0;
}

#define PAB_GC_PREV_FINALIZED ((uintptr_t)1)

static inline bool pab_gc_is_finalized(const void *object)
{
    return (pab_gc_head_of(object)->prev & PAB_GC_PREV_FINALIZED) != 0;
}

/* Runs `type->finalize` at most once in the object's life, with the count at 1, as dealloc must
 * before it frees. True: the object was resurrected and dealloc has to stop.
 * CPython Objects/object.c PyObject_CallFinalizerFromDealloc. */
bool pab_gc_finalize_from_dealloc(struct pab_object *self);

/* Where `object` keeps its list of weak references; NULL: it cannot be referred to weakly. */
static inline struct pab_weakref **pab_gc_weakrefs_of(struct pab_object *object)
{
    size_t offset = object->type->weaklist_offset;
    return offset == 0 ? NULL : (struct pab_weakref **)(void *)((char *)object + offset);
}

/* Puts a tracked weak reference that is in no list into the list of `referent`. The one without
 * callback stays first, the newest other comes right after it. */
void pab_gc_weakref_attach(struct pab_weakref *weakref, struct pab_object *referent);
/* Clears it: takes it out of its referent's list, if it is in one. Its callback stays. */
void pab_gc_weakref_detach(struct pab_weakref *weakref);

/* gc.collect(generation): how many unreachable objects there were. 0 when re-entered. */
intptr_t pab_gc_collect(struct pab_gc *gc, int generation);

void pab_gc_freeze(struct pab_gc *gc);
void pab_gc_unfreeze(struct pab_gc *gc);

/* The objects of one list, in order; the visitor must not change any list. */
void pab_gc_visit_list(const struct pab_gc_head *list,
                       void (*visit)(void *arg, struct pab_object *object), void *arg);

/* Walks every list: links, flags, counts. PAB_OK or the first broken invariant. */
enum pab_status pab_gc_check(const struct pab_gc *gc, struct pab_error *err);

#endif
