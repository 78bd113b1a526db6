/* workloads/pyobj/weakref.c -- weakref.ref (Objects/weakrefobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

static struct pab_weakref *as_weakref(struct pab_object *object)
{
    assert(object->type == &pab_weakref_type);
    return (struct pab_weakref *)object;
}

static int weakref_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_weakref *weakref = as_weakref(self);
    return weakref->callback == NULL ? 0 : visit(weakref->callback, arg);
}

/* The callback keeps its place until it is gone. */
static void weakref_clear(struct pab_object *self)
{
    struct pab_weakref *weakref = as_weakref(self);
    pab_gc_weakref_detach(weakref);
    pab_xdecref(weakref->callback);
    weakref->callback = NULL;
}

static void weakref_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    pab_gc_untrack(self);
    weakref_clear(self);
    pab_object_dead(py);
    pab_gc_free(&py->gc, self, 0);
}

/* What a callback says is of no use to anybody, not even that memory ran out in it. */
static void call_back(struct pab_object *callback, struct pab_object *weakref)
{
    pab_xdecref(pab_function_call(callback, weakref));
}

static void weakref_notify(struct pab_object *self)
{
    call_back(as_weakref(self)->callback, self);
}

const struct pab_type pab_weakref_type = {
    .name = "weakref",
    .flags = PAB_TYPE_GC | PAB_TYPE_WEAKREF,
    .dealloc = weakref_dealloc,
    .traverse = weakref_traverse,
    .clear = weakref_clear,
    .notify = weakref_notify,
};

/* The one without callback, which all share who ask for such a one; or NULL. */
static struct pab_weakref *plain_of(struct pab_weakref *const *list)
{
    return *list != NULL && (*list)->callback == NULL ? *list : NULL;
}

struct pab_object *pab_weakref_new(struct pab_object *object, struct pab_object *callback)
{
    struct pab_py *py = pab_py();
    struct pab_weakref **list = pab_gc_weakrefs_of(object);
    assert(list != NULL && (callback == NULL || callback->type == &pab_function_type));
    if (callback == NULL && plain_of(list) != NULL) {
        return pab_new_ref(&plain_of(list)->base);
    }
    struct pab_weakref_object *made = pab_gc_malloc(&py->gc, 0, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    *made = (struct pab_weakref_object){.head.callback = callback, .hash = -1};
    struct pab_object *self = &made->head.base;
    pab_object_born(py, self, &pab_weakref_type);
    if (callback != NULL) {
        pab_incref(callback);
    }
    pab_gc_track(&py->gc, self);
    struct pab_weakref *other = callback == NULL ? plain_of(list) : NULL;
    if (other != NULL) { /* that allocation collected, and a finalizer made one */
        pab_incref(&other->base);
        pab_decref(self);
        return &other->base;
    }
    pab_gc_weakref_attach(&made->head, object);
    return self;
}

/* One that nobody refers to waits in the trashcan for its dealloc: it must not be revived. */
struct pab_object *pab_weakref_get(struct pab_object *weakref)
{
    struct pab_object *referent = as_weakref(weakref)->referent;
    return referent == NULL || referent->refcnt == 0 ? pab_none() : referent;
}

/* --- when the referent dies ------------------------------------------------------------------ */

/* The callback as its caller's own reference; the weak reference is cleared and has none. */
static struct pab_object *take_callback(struct pab_weakref *weakref)
{
    struct pab_object *callback = weakref->callback;
    assert(weakref->base.refcnt > 0 && callback != NULL);
    weakref->callback = NULL;
    pab_gc_weakref_detach(weakref);
    return callback;
}

/* Nothing keeps the weak reference alive but its owners: its callback may drop the last one. */
static void clear_single(struct pab_weakref *weakref)
{
    struct pab_object *callback = take_callback(weakref);
    call_back(callback, &weakref->base);
    pab_decref(callback);
}

/* A tuple keeps the pairs (weak reference, callback) while the callbacks run. To make it may
 * collect, and that may clear some of them: then the tuple is not filled up. (CPython walks on
 * along its list as it was.) Without memory for the tuple no callback is called. */
static void clear_many(struct pab_weakref **list, pab_ssize count)
{
    struct pab_object *pairs = pab_tuple_new(2 * count);
    if (pairs == NULL) {
        while (*list != NULL) {
            pab_gc_weakref_detach(*list);
        }
        return;
    }
    pab_ssize filled = 0;
    while (*list != NULL) {
        assert(filled < 2 * count);
        struct pab_weakref *weakref = *list;
        pab_tuple_set_item(pairs, filled++, pab_new_ref(&weakref->base));
        pab_tuple_set_item(pairs, filled++, take_callback(weakref));
    }
    for (pab_ssize i = 0; i < filled; i += 2) {
        call_back(pab_tuple_get_item(pairs, i + 1), pab_tuple_get_item(pairs, i));
    }
    pab_decref(pairs);
}

void pab_weakrefs_clear(struct pab_object *object)
{
    assert(object->refcnt == 0 && !pab_gc_is_tracked(object));
    struct pab_weakref **list = pab_gc_weakrefs_of(object);
    if (plain_of(list) != NULL) {
        pab_gc_weakref_detach(*list);
    }
    pab_ssize count = 0;
    for (struct pab_weakref *weakref = *list; weakref != NULL; weakref = weakref->next) {
        count++;
    }
    if (count == 1) {
        clear_single(*list);
    } else if (count > 1) {
        clear_many(list, count);
        assert(*list == NULL);
    }
}
