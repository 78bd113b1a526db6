/* What becomes of unreachable objects: weak references to them are cleared, finalizers run, what
 * those resurrected is kept, the rest is cleared. In the order of CPython 3.11
 * (Modules/gcmodule.c@v3.11.7); foreign code runs in between, so the lists are whole all the
 * time. */
#include "allocators/gc/internal.h"

struct trash_census {
    size_t objects;
    size_t finalizers; /* objects whose type has a finalizer that has not run yet */
    size_t weakrefs;   /* objects that are weak references, or are referred to by some */
    size_t legacy;     /* objects of types with PAB_TYPE_LEGACY */
};

/* Drops a reference that was taken to keep an object alive across a callback. */
static void release(struct pab_object *object)
{
    assert(object->refcnt > 0);
    if (--object->refcnt == 0) {
        object->type->dealloc(object);
    }
}

/* Makes `unreachable` a list that its members can be unlinked from: NEXT_UNREACHABLE goes. */
static struct trash_census clean_links(struct pab_gc_head *unreachable)
{
    struct trash_census census = {0};
    struct pab_gc_head *next;
    for (struct pab_gc_head *head = head_next(unreachable); head != unreachable; head = next) {
        assert((head->next & NEXT_UNREACHABLE) != 0 && is_member(head));
        head->next &= ~NEXT_UNREACHABLE;
        next = head_next(head);
        prefetch(next);
        struct pab_object *object = head_object(head);
        struct pab_weakref **weakrefs = pab_gc_weakrefs_of(object);
        unsigned flags = object->type->flags;
        census.objects++;
        census.finalizers +=
            (head->prev & PAB_GC_PREV_FINALIZED) == 0 && object->type->finalize != NULL;
        census.weakrefs += (flags & PAB_TYPE_WEAKREF) != 0;
        census.weakrefs += weakrefs != NULL && *weakrefs != NULL;
        census.legacy += (flags & PAB_TYPE_LEGACY) != 0;
    }
    return census;
}

static size_t list_size(const struct pab_gc_head *list)
{
    size_t size = 0;
    for (const struct pab_gc_head *head = head_next(list); head != list; head = head_next(head)) {
        size++;
    }
    return size;
}

/* --- legacy finalizers ---------------------------------------------------------------------- */

static void take_out(struct pab_gc_head *head, struct pab_gc_head *list)
{
    assert(is_member(head));
    head->prev &= ~PREV_COLLECTING;
    list_move(list, head);
}

static int visit_take_out(struct pab_object *referent, void *arg)
{
    if ((referent->type->flags & PAB_TYPE_GC) != 0 && is_member(pab_gc_head_of(referent))) {
        take_out(pab_gc_head_of(referent), arg);
    }
    return 0;
}

/* Objects with a legacy finalizer, and all that they reach, are not collected: the order in which
 * such finalizers may run is unknown. They are no members from here on. */
static void take_uncollectable(struct pab_gc_head *unreachable, struct pab_gc_head *uncollectable)
{
    struct pab_gc_head *next;
    struct pab_gc_head *head;
    for (head = head_next(unreachable); head != unreachable; head = next) {
        next = head_next(head);
        if ((head_object(head)->type->flags & PAB_TYPE_LEGACY) != 0) {
            take_out(head, uncollectable);
        }
    }
    for (head = head_next(uncollectable); head != uncollectable; head = head_next(head)) {
        head_object(head)->type->traverse(head_object(head), visit_take_out, uncollectable);
    }
}

/* Those with the finalizer become the client's garbage, what they reach just lives on. */
static size_t keep_uncollectable(struct pab_gc *gc, struct pab_gc_head *uncollectable,
                                 struct pab_gc_head *old)
{
    size_t count = 0;
    for (struct pab_gc_head *head = head_next(uncollectable); head != uncollectable;
         head = head_next(head)) {
        struct pab_object *object = head_object(head);
        bool legacy = (object->type->flags & PAB_TYPE_LEGACY) != 0;
        if ((legacy || gc->save_all) && gc->keep_garbage != NULL) {
            gc->keep_garbage(gc->client, object);
        }
        count++;
    }
    list_merge(old, uncollectable);
    return count;
}

/* --- weak references ------------------------------------------------------------------------ */

/* Clears the references to one object of the trash; those whose callback is due go to `due`, kept
 * alive. A weak reference that is trash itself has lost its right to be told. */
static void clear_weakrefs_to(struct pab_object *object, struct pab_gc_head *due)
{
    struct pab_weakref **weakrefs = pab_gc_weakrefs_of(object);
    while (weakrefs != NULL && *weakrefs != NULL) {
        struct pab_weakref *weakref = *weakrefs;
        assert(pab_gc_is_tracked(weakref));
        pab_gc_weakref_detach(weakref);
        if (weakref->callback != NULL && !is_member(pab_gc_head_of(weakref))) {
            weakref->base.refcnt++;
            list_move(due, pab_gc_head_of(weakref));
        }
    }
}

/* How many of them were freed by that: they count as collected. */
static size_t call_weakref_callbacks(struct pab_gc_head *due, struct pab_gc_head *old)
{
    size_t freed = 0;
    while (!list_is_empty(due)) {
        struct pab_gc_head *head = head_next(due);
        struct pab_object *weakref = head_object(head);
        assert(weakref->type->notify != NULL);
        weakref->type->notify(weakref);
        release(weakref);
        if (head_next(due) == head) {
            list_move(old, head);
        } else {
            freed++;
        }
    }
    return freed;
}

/* All references are cleared before the first callback runs: none of them can reach trash. */
static size_t handle_weakrefs(struct pab_gc_head *unreachable, struct pab_gc_head *old)
{
    struct pab_gc_head due;
    list_init(&due);
    for (struct pab_gc_head *head = head_next(unreachable); head != unreachable;
         head = head_next(head)) {
        struct pab_object *object = head_object(head);
        if ((object->type->flags & PAB_TYPE_WEAKREF) != 0) {
            pab_gc_weakref_detach((struct pab_weakref *)object);
        }
        clear_weakrefs_to(object, &due);
    }
    return call_weakref_callbacks(&due, old);
}

/* --- finalizers ----------------------------------------------------------------------------- */

/* PEP 442: each object once in its life. A finalizer may do anything, also free other members. */
static void run_finalizers(struct pab_gc_head *unreachable)
{
    struct pab_gc_head seen;
    list_init(&seen);
    while (!list_is_empty(unreachable)) {
        struct pab_gc_head *head = head_next(unreachable);
        struct pab_object *object = head_object(head);
        list_move(&seen, head);
        if (object->type->finalize != NULL && (head->prev & PAB_GC_PREV_FINALIZED) == 0) {
            head->prev |= PAB_GC_PREV_FINALIZED;
            object->refcnt++;
            object->type->finalize(object);
            release(object);
        }
    }
    list_merge(unreachable, &seen);
}

/* After finalizers: what they made reachable goes to `old`, the rest stays in `unreachable`. */
static size_t keep_resurrected(struct pab_gc_head *unreachable, struct pab_gc_head *old)
{
    struct pab_gc_head resurrected;
    list_init(&resurrected);
    list_merge(&resurrected, unreachable);
    pab_gc_deduce(&resurrected, unreachable, false);
    size_t trash = clean_links(unreachable).objects;
    list_merge(old, &resurrected);
    return trash;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Breaks the cycles by clear(); refcounting does the rest. What is alive after its clear() (a
 * tuple, or somebody else clears later) waits in `old`. */
static void delete_trash(struct pab_gc *gc, struct pab_gc_head *trash, struct pab_gc_head *old)
{
    while (!list_is_empty(trash)) {
        struct pab_gc_head *head = head_next(trash);
        struct pab_object *object = head_object(head);
        assert(object->refcnt > 0);
        prefetch(head_next(head));
        if (gc->save_all) {
            if (gc->keep_garbage != NULL) {
                gc->keep_garbage(gc->client, object);
            }
        } else if (object->type->clear != NULL) {
            object->refcnt++;
            object->type->clear(object);
            release(object);
        }
        if (head_next(trash) == head) {
            head->prev &= ~PREV_COLLECTING;
            list_move(old, head);
        }
    }
}

struct pab_gc_result pab_gc_dispose(struct pab_gc *gc, struct pab_gc_head *unreachable,
                                    struct pab_gc_head *old)
{
    struct trash_census census = clean_links(unreachable);
    struct pab_gc_head uncollectable;
    list_init(&uncollectable);
    if (census.legacy > 0) {
        take_uncollectable(unreachable, &uncollectable);
        census.objects = list_size(unreachable);
    }
    size_t freed = census.weakrefs > 0 ? handle_weakrefs(unreachable, old) : 0;
    if (census.finalizers > 0) {
        run_finalizers(unreachable);
        census.objects = keep_resurrected(unreachable, old);
    } /* else no foreign code that can reach the trash ran since the deduction: another would find
       * the same, in order */
    delete_trash(gc, unreachable, old);
    return (struct pab_gc_result){
        .collected = census.objects + freed,
        .uncollectable = keep_uncollectable(gc, &uncollectable, old),
    };
}
