/* Which objects are unreachable: counts copied, references between members subtracted, one scan.
 * The loops here are where a collection's time goes, and most of it is waiting for memory: every
 * reference leads to a header anywhere in the heap. So references wait while what they lead to is
 * fetched. Every list order is that of CPython 3.11 (Modules/gcmodule.c@v3.11.7). */
#include "allocators/gc/internal.h"

/* The header and the type of an object may lie in two cache lines. */
static inline void prefetch_object(const struct pab_object *object)
{
    __builtin_prefetch(&pab_gc_head_of(object)->prev, 1);
    __builtin_prefetch(&object->type);
}

static inline bool is_gc(const struct pab_object *object)
{
    return (object->type->flags & PAB_TYPE_GC) != 0;
}

/* Makes the object a member of this collection: its reference count, copied, goes into prev. */
static inline void enter(struct pab_gc_head *head)
{
    intptr_t refcnt = head_object(head)->refcnt;
    assert(refcnt > 0);
    assert(head->next != 0 && (head->next & NEXT_UNREACHABLE) == 0);
    head->prev =
        ((uintptr_t)refcnt << REFS_SHIFT) | PREV_COLLECTING | (head->prev & PAB_GC_PREV_FINALIZED);
}

/* Asks the type where an object's references are. 0: only traverse() knows. */
static inline size_t object_spans(const struct pab_object *object, struct pab_gc_span *spans)
{
    return object->type->spans == NULL ? 0 : object->type->spans(object, spans);
}

/* --- the pass that subtracts ---------------------------------------------------------------- */

#define WINDOW 32u /* references under way: a power of two */

/* Subtractions commute, so each reference waits here while its object is fetched. */
struct subtraction {
    bool young_is_all;
    unsigned next; /* place in the window, modulo its size */
    size_t zeros;  /* members of which all references are accounted for */
    struct pab_object *window[WINDOW];
};

/* One reference is accounted for by a member of this collection. */
static inline void subtract(struct subtraction *pass, struct pab_object *referent)
{
    if (referent == NULL || !is_gc(referent)) {
        return;
    }
    struct pab_gc_head *head = pab_gc_head_of(referent);
    if (!is_member(head)) {
        /* Where every tracked object is to be a member, one not seen yet can enter here. */
        if (!pass->young_is_all || head->next == 0) {
            return;
        }
        enter(head);
    }
    assert(head->prev >= REFS_ONE); /* else traverse() shows more references than exist */
    head->prev -= REFS_ONE;
    pass->zeros += head->prev < REFS_ONE;
}

static inline void subtract_later(struct subtraction *pass, struct pab_object *referent)
{
    struct pab_object **place = &pass->window[pass->next++ % WINDOW];
    struct pab_object *due = *place;
    *place = referent;
    prefetch_object(referent);
    subtract(pass, due);
}

static int visit_subtract(struct pab_object *referent, void *arg)
{
    subtract_later(arg, referent);
    return 0;
}

static void subtract_all(struct subtraction *pass)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        subtract(pass, pass->window[i]);
    }
}

static inline void subtract_references(struct subtraction *pass, struct pab_object *object)
{
    struct pab_gc_span spans[PAB_GC_SPANS_MAX];
    size_t count = object_spans(object, spans);
    if (count == 0) {
        object->type->traverse(object, visit_subtract, pass);
    }
    for (size_t i = 0; i < count; i++) {
        struct pab_object *const *at = spans[i].first;
        for (size_t left = spans[i].count; left > 0; left--, at += spans[i].step) {
            if (*at != NULL) {
                subtract_later(pass, *at);
            }
        }
    }
}

/* Leaves in prev of every object of `young` how many references to it come from outside of it.
 *
 * `young` may be all that is tracked; then one pass over memory does instead of two (a third less
 * time for a million scattered objects). Else all members must be marked before the first one is
 * traversed, or they could not be told from objects of other generations. */
static void count_outside_references(struct pab_gc_head *young, bool young_is_all,
                                     struct census *census)
{
    struct pab_gc_head *head;
    for (head = head_next(young); !young_is_all && head != young; head = head_next(head)) {
        prefetch(head_next(head));
        enter(head);
    }
    struct subtraction pass = {.young_is_all = young_is_all};
    for (head = head_next(young); head != young; head = head_next(head)) {
        prefetch(head_next(head));
        if (!is_member(head)) {
            enter(head);
        }
        assert(head_object(head)->type->traverse != NULL);
        subtract_references(&pass, head_object(head));
        census->examined++;
    }
    subtract_all(&pass);
    census->zeros = pass.zeros;
}

/* --- the scan ------------------------------------------------------------------------------- */

struct scan {
    struct pab_gc_head *young;
    size_t zeros; /* members with a count of 0: condemned, or not yet come to */
};

/* A reachable object refers to this one: it is reachable too. */
static inline void reach(struct scan *scan, struct pab_object *referent)
{
    if (!is_gc(referent)) {
        return;
    }
    struct pab_gc_head *head = pab_gc_head_of(referent);
    if (!is_member(head)) {
        return; /* of another generation, or to the left of the scan and done */
    }
    assert(head->next != 0);
    if ((head->next & NEXT_UNREACHABLE) != 0) {
        /* Condemned too early. Its prev is a link again, so it can be taken out of the middle;
         * at the tail of the young list the scan will come to it once more. */
        struct pab_gc_head *prev = head_prev(head);
        struct pab_gc_head *next = head_at(head->next & ~NEXT_UNREACHABLE);
        prev->next = head->next;
        head_set_prev(next, prev);
        list_append(scan->young, head);
        head->prev = REFS_ONE | (head->prev & PREV_FLAGS);
        scan->zeros--;
    } else if (head->prev < REFS_ONE) {
        head->prev |= REFS_ONE; /* still to the right of the scan: it stays where it is */
        scan->zeros--;
    }
}

static int visit_reachable(struct pab_object *referent, void *arg)
{
    reach(arg, referent);
    return 0;
}

/* Here the order counts: nothing can wait. */
static inline void reach_references(struct scan *scan, struct pab_object *object)
{
    struct pab_gc_span spans[PAB_GC_SPANS_MAX];
    size_t count = object_spans(object, spans);
    if (count == 0) {
        object->type->traverse(object, visit_reachable, scan);
    }
    for (size_t i = 0; i < count; i++) {
        struct pab_object *const *at = spans[i].first;
        for (size_t left = spans[i].count; left > 0; left--, at += spans[i].step) {
            if (*at != NULL) {
                reach(scan, *at);
            }
        }
    }
}

/* Scans the young list once, from the front, while reach() may append to it:
 *
 *      young:  done and relinked | scan | counts in prev, singly linked
 *      unreachable:  doubly linked, NEXT_UNREACHABLE in every next
 *
 * Once no member has a count of 0, no reference can change anything: what is left of the list is
 * relinked without looking at any.
 */
static void partition_young(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                            struct census *census)
{
    struct scan scan = {.young = young, .zeros = census->zeros};
    struct pab_gc_head *prev = young;
    struct pab_gc_head *head = head_next(young);
    while (head != young) {
        prefetch(head_next(head));
        if (head->prev >= REFS_ONE) {
            struct pab_object *object = head_object(head);
            if (scan.zeros > 0) {
                reach_references(&scan, object);
            }
            census->reachable++;
            census->reachable_flags |= object->type->flags;
            head->prev = (uintptr_t)prev | (head->prev & PAB_GC_PREV_FINALIZED);
            prev = head;
        } else {
            struct pab_gc_head *last = head_prev(unreachable);
            prev->next = head->next;
            last->next = (uintptr_t)head | NEXT_UNREACHABLE;
            head->prev |= (uintptr_t)last; /* the count there is 0, the flags stay */
            head->next = (uintptr_t)unreachable | NEXT_UNREACHABLE;
            unreachable->prev = (uintptr_t)head;
        }
        head = head_next(prev); /* only now: the scan may have appended */
    }
    young->prev = (uintptr_t)prev;
    unreachable->next &= ~NEXT_UNREACHABLE;
}

struct census pab_gc_deduce(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                            bool young_is_all)
{
    struct census census = {0};
    count_outside_references(young, young_is_all, &census);
    list_init(unreachable);
    partition_young(young, unreachable, &census);
    assert(census.reachable <= census.examined);
    return census;
}
