/* tests/unit/gc_toy.h -- a client of the collector for its tests: nodes with a few references.
 * Depends on allocators/gc/gc.h. Not the object model of workloads/: a test of one layer must not
 * lean on a higher one.
 */
#ifndef PAB_TESTS_UNIT_GC_TOY_H
#define PAB_TESTS_UNIT_GC_TOY_H

#include "allocators/gc/gc.h"

#include <string.h>

#define TOY_REFS 4
#define TOY_LOG  512

struct toy_node {
    struct pab_object base;
    int id;
    struct toy_node *refs[TOY_REFS]; /* owned; visited and cleared in this order */
    struct pab_weakref *weakrefs;    /* of types with a weaklist_offset */
};

struct toy_log {
    int ids[TOY_LOG];
    size_t count;
};

static struct toy_world {
    struct pab_gc gc;
    int64_t blocks; /* live blocks of the heap */
    bool refuse;    /* the heap gives nothing */
    struct toy_log finalized, freed;
    void (*on_finalize)(struct toy_node *self);
    struct toy_node *saved; /* an owned reference, for finalizers that resurrect */
} toy;

static inline void toy_note(struct toy_log *log, int id)
{
    PAB_CHECK(log->count < TOY_LOG);
    log->ids[log->count++] = id;
}

static void *toy_malloc(void *ctx, size_t size)
{
    (void)ctx;
    void *block = toy.refuse ? NULL : malloc(size);
    if (block != NULL) {
        memset(block, 0xA5, size);
        toy.blocks++;
    }
    return block;
}

static void *toy_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return toy.refuse ? NULL : realloc(ptr, size);
}

static void toy_free(void *ctx, void *ptr)
{
    (void)ctx;
    toy.blocks--;
    free(ptr);
}

static const struct pab_alloc toy_alloc = {
    .malloc = toy_malloc,
    .realloc = toy_realloc,
    .free = toy_free,
};

static inline void toy_decref(struct toy_node *node)
{
    if (--node->base.refcnt == 0) {
        node->base.type->dealloc(&node->base);
    }
}

static int toy_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct toy_node *node = (struct toy_node *)self;
    for (size_t i = 0; i < TOY_REFS; i++) {
        if (node->refs[i] != NULL) {
            int stop = visit(&node->refs[i]->base, arg);
            if (stop != 0) {
                return stop;
            }
        }
    }
    return 0;
}

static void toy_clear(struct pab_object *self)
{
    struct toy_node *node = (struct toy_node *)self;
    for (size_t i = 0; i < TOY_REFS; i++) {
        struct toy_node *referent = node->refs[i];
        node->refs[i] = NULL;
        if (referent != NULL) {
            toy_decref(referent);
        }
    }
}

/* As CPython's subtype_dealloc: the finalizer runs on a tracked object. */
static void toy_dealloc(struct pab_object *self)
{
    struct toy_node *node = (struct toy_node *)self;
    if ((self->type->flags & PAB_TYPE_GC) == 0) {
        toy_note(&toy.freed, node->id);
        toy_clear(self);
        toy_free(NULL, node);
        return;
    }
    pab_gc_untrack(self);
    if (self->type->finalize != NULL) {
        pab_gc_track(&toy.gc, self);
        if (pab_gc_finalize_from_dealloc(self)) {
            return;
        }
        pab_gc_untrack(self);
    }
    toy_note(&toy.freed, node->id);
    toy_clear(self);
    pab_gc_free(&toy.gc, self, self->type->presize);
}

static void toy_finalize(struct pab_object *self)
{
    struct toy_node *node = (struct toy_node *)self;
    toy_note(&toy.finalized, node->id);
    if (toy.on_finalize != NULL) {
        toy.on_finalize(node);
    }
}

/* Untracks itself when nothing in it is tracked. */
static void toy_untrack(struct pab_object *self)
{
    struct toy_node *node = (struct toy_node *)self;
    for (size_t i = 0; i < TOY_REFS; i++) {
        struct toy_node *referent = node->refs[i];
        if (referent != NULL && (referent->base.type->flags & PAB_TYPE_GC) != 0 &&
            pab_gc_is_tracked(referent)) {
            return;
        }
    }
    pab_gc_untrack(self);
}

static const struct pab_type toy_plain = {
    .name = "plain",
    .flags = PAB_TYPE_GC,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
};
static const struct pab_type toy_finalizing = {
    .name = "finalizing",
    .flags = PAB_TYPE_GC,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
    .finalize = toy_finalize,
};
static const struct pab_type toy_tuple = {
    .name = "tuple",
    .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_ALWAYS,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .untrack = toy_untrack,
};
static const struct pab_type toy_dict = {
    .name = "dict",
    .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_FULL,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
    .untrack = toy_untrack,
};
static const struct pab_type toy_wide = {
    .name = "wide", /* with room before its header, as for a managed dict */
    .flags = PAB_TYPE_GC,
    .presize = 16,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
};
static const struct pab_type toy_legacy = {
    .name = "legacy", /* stands for C types with a finalizer from before PEP 442 */
    .flags = PAB_TYPE_GC | PAB_TYPE_LEGACY,
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
};
static const struct pab_type toy_watched = {
    .name = "watched", /* may be referred to weakly */
    .flags = PAB_TYPE_GC,
    .weaklist_offset = offsetof(struct toy_node, weakrefs),
    .dealloc = toy_dealloc,
    .traverse = toy_traverse,
    .clear = toy_clear,
    .finalize = toy_finalize,
};
static const struct pab_type toy_leaf = {
    .name = "leaf", /* has no header: may only be referred to */
    .dealloc = toy_dealloc,
    .finalize = toy_finalize,
};

static inline void toy_begin(void)
{
    toy = (struct toy_world){0};
    pab_gc_init(&toy.gc, &toy_alloc);
}

/* A new, tracked node with one reference, or NULL. */
static inline struct toy_node *toy_new(const struct pab_type *type, int id)
{
    struct toy_node *node = (type->flags & PAB_TYPE_GC) != 0
                                ? pab_gc_malloc(&toy.gc, type->presize, sizeof(*node))
                                : toy_malloc(NULL, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    *node = (struct toy_node){.base = {.refcnt = 1, .type = type}, .id = id};
    if ((type->flags & PAB_TYPE_GC) != 0) {
        pab_gc_track(&toy.gc, node);
    }
    return node;
}

/* from.refs[slot] = to; the old value is dropped afterwards, as Python does it. */
static inline void toy_set(struct toy_node *from, size_t slot, struct toy_node *to)
{
    struct toy_node *old = from->refs[slot];
    if (to != NULL) {
        to->base.refcnt++;
    }
    from->refs[slot] = to;
    if (old != NULL) {
        toy_decref(old);
    }
}

#endif
