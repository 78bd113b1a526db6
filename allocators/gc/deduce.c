/* Which objects are unreachable: counts copied, references between members subtracted, one scan.
 * The three loops here are where a collection's time goes. Every list order is that of CPython 3.11
 * (Modules/gcmodule.c@v3.11.7). */
#include "allocators/gc/internal.h"

/* Makes the object a member of this collection: its reference count, copied, goes into prev. */
static inline void enter(struct pab_gc_head *head)
{
    intptr_t refcnt = head_object(head)->refcnt;
    assert(refcnt > 0);
    assert(head->next != 0 && (head->next & NEXT_UNREACHABLE) == 0);
    head->prev =
        ((uintptr_t)refcnt << REFS_SHIFT) | PREV_COLLECTING | (head->prev & PAB_GC_PREV_FINALIZED);
}

/* One reference is accounted for by a member of this collection. */
static inline void subtract_reference(struct pab_gc_head *head)
{
    assert(head->prev >= REFS_ONE); /* else traverse() shows more references than exist */
    head->prev -= REFS_ONE;
}

static int visit_subtract(struct pab_object *referent, void *arg)
{
    (void)arg;
    if ((referent->type->flags & PAB_TYPE_GC) == 0) {
        return 0;
    }
    struct pab_gc_head *head = pab_gc_head_of(referent);
    if (is_member(head)) {
        subtract_reference(head);
    }
    return 0;
}

/* Where every tracked object is to be a member, one that was not seen yet can enter here. */
static int visit_enter_and_subtract(struct pab_object *referent, void *arg)
{
    (void)arg;
    if ((referent->type->flags & PAB_TYPE_GC) == 0) {
        return 0;
    }
    struct pab_gc_head *head = pab_gc_head_of(referent);
    if (!is_member(head)) {
        if (head->next == 0) {
            return 0;
        }
        enter(head);
    }
    subtract_reference(head);
    return 0;
}

/* Leaves in prev of every object of `young` how many references to it come from outside of it.
 * How many objects that are.
 *
 * `young` may be all that is tracked; then one pass over memory does instead of two (a third less
 * time for a million scattered objects). Else all members must be marked before the first one is
 * traversed, or they could not be told from objects of other generations. */
static size_t count_outside_references(struct pab_gc_head *young, bool young_is_all)
{
    size_t examined = 0;
    struct pab_gc_head *head;
    for (head = head_next(young); !young_is_all && head != young; head = head_next(head)) {
        prefetch(head_next(head));
        enter(head);
    }
    pab_visit visit = young_is_all ? visit_enter_and_subtract : visit_subtract;
    for (head = head_next(young); head != young; head = head_next(head)) {
        prefetch(head_next(head));
        struct pab_object *object = head_object(head);
        assert(object->type->traverse != NULL);
        if (!is_member(head)) {
            enter(head);
        }
        object->type->traverse(object, visit, NULL);
        examined++;
    }
    return examined;
}

/* A reachable object refers to this one: it is reachable too. `arg` is the young list. */
static int visit_reachable(struct pab_object *referent, void *arg)
{
    if ((referent->type->flags & PAB_TYPE_GC) == 0) {
        return 0;
    }
    struct pab_gc_head *young = (struct pab_gc_head *)arg;
    struct pab_gc_head *head = pab_gc_head_of(referent);
    if (!is_member(head)) {
        return 0; /* of another generation, or to the left of the scan and done */
    }
    assert(head->next != 0);
    if ((head->next & NEXT_UNREACHABLE) != 0) {
        /* Condemned too early. Its prev is a link again, so it can be taken out of the middle;
         * at the tail of the young list the scan will come to it once more. */
        struct pab_gc_head *prev = head_prev(head);
        struct pab_gc_head *next = head_at(head->next & ~NEXT_UNREACHABLE);
        prev->next = head->next;
        head_set_prev(next, prev);
        list_append(young, head);
        head->prev = REFS_ONE | (head->prev & PREV_FLAGS);
    } else if (head->prev < REFS_ONE) {
        head->prev |= REFS_ONE; /* still to the right of the scan: it stays where it is */
    }
    return 0;
}

/* Scans the young list once, from the front, while visit_reachable() may append to it:
 *
 *      young:  done and relinked | scan | counts in prev, singly linked
 *      unreachable:  doubly linked, NEXT_UNREACHABLE in every next
 */
static void partition_young(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                            struct census *census)
{
    struct pab_gc_head *prev = young;
    struct pab_gc_head *head = head_next(young);
    while (head != young) {
        prefetch(head_next(head));
        if (head->prev >= REFS_ONE) {
            struct pab_object *object = head_object(head);
            object->type->traverse(object, visit_reachable, young);
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
        head = head_next(prev); /* only now: traverse() may have appended */
    }
    young->prev = (uintptr_t)prev;
    unreachable->next &= ~NEXT_UNREACHABLE;
}

struct census pab_gc_deduce(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                            bool young_is_all)
{
    struct census census = {.examined = count_outside_references(young, young_is_all)};
    list_init(unreachable);
    partition_young(young, unreachable, &census);
    assert(census.reachable <= census.examined);
    return census;
}
