#include "tests/conformance/collector/toy.h"

#include <string.h>

struct pab_toy_world pab_toys;

static void note(struct pab_toy_log *log, int id)
{
    if (log->count < PAB_TOY_LOG) {
        log->ids[log->count] = id;
    }
    log->count++;
}

/* --- the heap ------------------------------------------------------------------------------- */

static void *libc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *libc_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size);
}

static void libc_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct pab_alloc libc_alloc = {
    .malloc = libc_malloc,
    .realloc = libc_realloc,
    .free = libc_free,
};

static bool is_refused(void)
{
    pab_toys.asked++;
    bool refused = pab_toys.refuse || pab_toys.asked == pab_toys.refuse_at;
    pab_toys.refused += refused;
    return refused;
}

/* An allocator under test that gives nothing to a few kilobytes of objects ends the check. */
static void *must_give(void *block, size_t size)
{
    if (block == NULL) {
        fprintf(stderr, "collector: the allocator under test gave NULL for %zu bytes\n", size);
        abort();
    }
    return block;
}

static void *toy_malloc(void *ctx, size_t size)
{
    (void)ctx;
    if (is_refused()) {
        return NULL;
    }
    void *block = must_give(pab_toys.under.malloc(pab_toys.under.ctx, size), size);
    memset(block, 0xA5, size);
    pab_toys.blocks++;
    return block;
}

static void *toy_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return is_refused() ? NULL
                        : must_give(pab_toys.under.realloc(pab_toys.under.ctx, ptr, size), size);
}

static void toy_free(void *ctx, void *ptr)
{
    (void)ctx;
    pab_toys.blocks--;
    pab_toys.under.free(pab_toys.under.ctx, ptr);
}

static const struct pab_alloc toy_alloc = {
    .malloc = toy_malloc,
    .realloc = toy_realloc,
    .free = toy_free,
};

/* --- references ----------------------------------------------------------------------------- */

void pab_toy_incref(struct pab_toy *toy)
{
    toy->base.refcnt++;
}

void pab_toy_decref(struct pab_toy *toy)
{
    if (--toy->base.refcnt == 0) {
        toy->base.type->dealloc(&toy->base);
    }
}

void pab_toy_drop(struct pab_toy *const *toys, int count)
{
    for (int i = 0; i < count; i++) {
        pab_toy_decref(toys[i]);
    }
}

void pab_toy_set(struct pab_toy *from, size_t slot, struct pab_toy *to)
{
    struct pab_toy *old = from->refs[slot];
    if (to != NULL) {
        pab_toy_incref(to);
    }
    from->refs[slot] = to;
    if (old != NULL) {
        pab_toy_decref(old);
    }
}

static int toy_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    const struct pab_toy *toy = (const struct pab_toy *)self;
    pab_toys.traversed++;
    for (size_t i = 0; i < PAB_TOY_REFS; i++) {
        int stop = toy->refs[i] == NULL ? 0 : visit(&toy->refs[i]->base, arg);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}

/* Two spans, though one would do. */
static size_t toy_spans(const struct pab_object *self, struct pab_gc_span *spans)
{
    const struct pab_toy *toy = (const struct pab_toy *)self;
    struct pab_object *const *refs = (struct pab_object *const *)(const void *)toy->refs;
    pab_toys.traversed++;
    spans[0] = (struct pab_gc_span){refs, 1, 1};
    spans[1] = (struct pab_gc_span){refs + 1, PAB_TOY_REFS - 1, 1};
    return 2;
}

static void drop_slot(struct pab_toy *toy, size_t slot)
{
    struct pab_toy *referent = toy->refs[slot];
    if (referent != NULL) {
        if (pab_toys.on_drop != NULL) {
            pab_toys.on_drop(toy, slot);
        }
        toy->refs[slot] = NULL;
        pab_toy_decref(referent);
    }
}

static void toy_clear(struct pab_object *self)
{
    for (size_t i = 0; i < PAB_TOY_REFS; i++) {
        drop_slot((struct pab_toy *)self, i);
    }
}

/* --- death ---------------------------------------------------------------------------------- */

static void note_death(struct pab_toy *toy)
{
    note(&pab_toys.freed, toy->id);
    if (pab_toys.on_death != NULL) {
        pab_toys.on_death(toy);
    }
}

static void release_block(struct pab_toy *toy)
{
    const struct pab_type *type = toy->base.type;
    if (pab_toys.on_release != NULL) {
        pab_toys.on_release(toy);
    }
    if ((type->flags & PAB_TYPE_GC) != 0) {
        pab_gc_free(&pab_toys.gc, toy, type->presize);
    } else {
        toy_free(NULL, toy);
    }
}

/* As CPython without a collection: all are cleared, then their callbacks run, the newest first.
 * Those that wait are kept alive, chained by their `next`. */
static void tell_weakrefs(struct pab_toy *toy)
{
    struct pab_weakref *due = NULL;
    struct pab_weakref **end = &due;
    while (toy->weakrefs != NULL) {
        struct pab_weakref *weakref = toy->weakrefs;
        pab_gc_weakref_detach(weakref);
        if (weakref->callback != NULL) {
            weakref->base.refcnt++;
            *end = weakref;
            end = &weakref->next;
        }
    }
    while (due != NULL) {
        struct pab_weakref *weakref = due;
        due = weakref->next;
        weakref->next = NULL;
        weakref->base.type->notify(&weakref->base);
        pab_toy_decref((struct pab_toy *)weakref);
    }
}

/* As CPython's subtype_dealloc: the finalizer runs on a tracked object. */
static void toy_dealloc(struct pab_object *self)
{
    struct pab_toy *toy = (struct pab_toy *)self;
    if ((self->type->flags & PAB_TYPE_GC) != 0) {
        pab_gc_untrack(self);
        if (self->type->finalize != NULL) {
            pab_gc_track(&pab_toys.gc, self);
            if (pab_gc_finalize_from_dealloc(self)) {
                return;
            }
            pab_gc_untrack(self);
        }
    }
    note_death(toy);
    tell_weakrefs(toy);
    toy_clear(self);
    release_block(toy);
}

static void toy_finalize(struct pab_object *self)
{
    struct pab_toy *toy = (struct pab_toy *)self;
    note(&pab_toys.finalized, toy->id);
    if (pab_toys.on_finalize != NULL) {
        pab_toys.on_finalize(toy);
    }
}

/* Untracks itself when nothing in it is tracked. */
static void toy_untrack(struct pab_object *self)
{
    const struct pab_toy *toy = (const struct pab_toy *)self;
    for (size_t i = 0; i < PAB_TOY_REFS; i++) {
        const struct pab_toy *referent = toy->refs[i];
        if (referent != NULL && (referent->base.type->flags & PAB_TYPE_GC) != 0 &&
            pab_gc_is_tracked(referent)) {
            return;
        }
    }
    pab_gc_untrack(self);
}

/* --- weak references ------------------------------------------------------------------------ */

static int weakref_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    const struct pab_weakref *weakref = (const struct pab_weakref *)self;
    pab_toys.traversed++;
    return weakref->callback == NULL ? 0 : visit(weakref->callback, arg);
}

static void weakref_clear(struct pab_object *self)
{
    struct pab_weakref *weakref = (struct pab_weakref *)self;
    pab_gc_weakref_detach(weakref);
    struct pab_object *callback = weakref->callback;
    if (callback != NULL) {
        if (pab_toys.on_drop != NULL) {
            pab_toys.on_drop((struct pab_toy *)self, 0);
        }
        weakref->callback = NULL;
        pab_toy_decref((struct pab_toy *)callback);
    }
}

static void weakref_dealloc(struct pab_object *self)
{
    pab_gc_untrack(self);
    note_death((struct pab_toy *)self);
    weakref_clear(self);
    release_block((struct pab_toy *)self);
}

static void weakref_notify(struct pab_object *self)
{
    struct pab_toy *weakref = (struct pab_toy *)self;
    note(&pab_toys.told, weakref->id);
    if (pab_toys.on_told != NULL) {
        pab_toys.on_told(weakref);
    }
}

/* --- types ---------------------------------------------------------------------------------- */

#define TOY_NODE .dealloc = toy_dealloc, .traverse = toy_traverse
#define WEAKLIST .weaklist_offset = offsetof(struct pab_toy, weakrefs)

const struct pab_type pab_toy_plain = {
    .name = "plain", .flags = PAB_TYPE_GC, TOY_NODE, .clear = toy_clear};
const struct pab_type pab_toy_finalizing = {.name = "finalizing",
                                            .flags = PAB_TYPE_GC,
                                            TOY_NODE,
                                            .clear = toy_clear,
                                            .finalize = toy_finalize};
const struct pab_type pab_toy_tuple = {.name = "tuple",
                                       .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_ALWAYS,
                                       TOY_NODE,
                                       .untrack = toy_untrack};
const struct pab_type pab_toy_dict = {.name = "dict",
                                      .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_FULL,
                                      TOY_NODE,
                                      .clear = toy_clear,
                                      .untrack = toy_untrack};
const struct pab_type pab_toy_wide = {
    .name = "wide", .flags = PAB_TYPE_GC, .presize = 16, TOY_NODE, .clear = toy_clear};
const struct pab_type pab_toy_legacy = {
    .name = "legacy", .flags = PAB_TYPE_GC | PAB_TYPE_LEGACY, TOY_NODE, .clear = toy_clear};
const struct pab_type pab_toy_watched = {.name = "watched",
                                         .flags = PAB_TYPE_GC,
                                         WEAKLIST,
                                         TOY_NODE,
                                         .clear = toy_clear,
                                         .finalize = toy_finalize};
const struct pab_type pab_toy_spanned = {.name = "spanned",
                                         .flags = PAB_TYPE_GC,
                                         WEAKLIST,
                                         TOY_NODE,
                                         .spans = toy_spans,
                                         .clear = toy_clear};
const struct pab_type pab_toy_full = {.name = "full",
                                      .flags = PAB_TYPE_GC,
                                      .presize = 16,
                                      WEAKLIST,
                                      TOY_NODE,
                                      .spans = toy_spans,
                                      .clear = toy_clear,
                                      .finalize = toy_finalize};
const struct pab_type pab_toy_leaf = {
    .name = "leaf", .dealloc = toy_dealloc, .finalize = toy_finalize};
const struct pab_type pab_toy_weakref = {
    .name = "weakref",
    .flags = PAB_TYPE_GC | PAB_TYPE_WEAKREF,
    .dealloc = weakref_dealloc,
    .traverse = weakref_traverse,
    .clear = weakref_clear,
    .notify = weakref_notify,
};

/* --- birth ---------------------------------------------------------------------------------- */

void pab_toy_begin(const struct pab_alloc *under)
{
    memset(&pab_toys, 0, sizeof(pab_toys));
    pab_toys.under = under != NULL ? *under : libc_alloc;
    pab_gc_init(&pab_toys.gc, &toy_alloc);
}

struct pab_toy *pab_toy_new_sized(const struct pab_type *type, int id, size_t payload)
{
    struct pab_toy *toy;
    size_t size = sizeof(*toy) + payload;
    bool is_container = (type->flags & PAB_TYPE_GC) != 0;
    toy = is_container ? pab_gc_malloc(&pab_toys.gc, type->presize, size) : toy_malloc(NULL, size);
    if (toy == NULL) {
        return NULL;
    }
    *toy = (struct pab_toy){.base = {.refcnt = 1, .type = type}};
    toy->id = id;
    toy->payload_bytes = payload;
    if (is_container) {
        pab_gc_track(&pab_toys.gc, toy);
    }
    return toy;
}

struct pab_toy *pab_toy_new(const struct pab_type *type, int id)
{
    return pab_toy_new_sized(type, id, 0);
}

struct pab_toy *pab_toy_weakref_new(int id, struct pab_toy *referent, struct pab_toy *callback)
{
    struct pab_toy *weakref = pab_toy_new(&pab_toy_weakref, id);
    if (weakref == NULL) {
        return NULL;
    }
    if (callback != NULL) {
        pab_toy_incref(callback);
        weakref->weakref.callback = &callback->base;
    }
    if (referent != NULL) {
        pab_gc_weakref_attach(&weakref->weakref, &referent->base);
    }
    return weakref;
}

struct pab_toy *pab_toy_weakref_get(const struct pab_toy *weakref)
{
    return (struct pab_toy *)weakref->weakref.referent;
}

void pab_toy_ring(struct pab_toy **toys, const struct pab_type *type, int count)
{
    for (int i = 0; i < count; i++) {
        toys[i] = pab_toy_new(type, i);
    }
    for (int i = 0; i < count; i++) {
        pab_toy_set(toys[i], 0, toys[(i + 1) % count]);
    }
}

void pab_toy_free_chain(struct pab_toy *chain)
{
    while (chain != NULL) {
        struct pab_toy *rest = chain->refs[0];
        chain->refs[0] = NULL;
        pab_toy_decref(chain);
        chain = rest;
    }
}

void pab_toy_thresholds(int young, int middle, int old)
{
    pab_toys.gc.generations[0].threshold = young;
    pab_toys.gc.generations[1].threshold = middle;
    pab_toys.gc.generations[2].threshold = old;
}

struct pab_toy *pab_toy_after(const struct pab_gc_head *head)
{
    return (struct pab_toy *)(head->next + sizeof(*head)); /* NOLINT(performance-no-int-to-ptr) */
}
