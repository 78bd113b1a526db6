/* The list of weak references to one object. Its order is that in which their callbacks run:
 *
 *      object.weaklist -> without callback (at most one) -> newest -> ... -> oldest
 *
 * CPython Objects/weakrefobject.c@v3.11.7. */
#include "allocators/gc/gc.h"

static void insert_after(struct pab_weakref *weakref, struct pab_weakref *prev,
                         struct pab_weakref **list)
{
    weakref->prev = prev;
    weakref->next = prev == NULL ? *list : prev->next;
    if (weakref->next != NULL) {
        weakref->next->prev = weakref;
    }
    if (prev == NULL) {
        *list = weakref;
    } else {
        prev->next = weakref;
    }
}

void pab_gc_weakref_attach(struct pab_weakref *weakref, struct pab_object *referent)
{
    struct pab_weakref **list = pab_gc_weakrefs_of(referent);
    assert(list != NULL && weakref->referent == NULL);
    assert((weakref->base.type->flags & PAB_TYPE_WEAKREF) != 0);
    struct pab_weakref *first = *list;
    bool first_is_plain = first != NULL && first->callback == NULL;
    assert(!(first_is_plain && weakref->callback == NULL)); /* it is to be shared */
    weakref->referent = referent;
    insert_after(weakref, first_is_plain ? first : NULL, list);
}

void pab_gc_weakref_detach(struct pab_weakref *weakref)
{
    if (weakref->referent == NULL) {
        return;
    }
    struct pab_weakref **list = pab_gc_weakrefs_of(weakref->referent);
    assert((weakref->prev == NULL) == (*list == weakref));
    if (weakref->prev == NULL) {
        *list = weakref->next;
    } else {
        weakref->prev->next = weakref->next;
    }
    if (weakref->next != NULL) {
        weakref->next->prev = weakref->prev;
    }
    weakref->referent = NULL;
    weakref->prev = weakref->next = NULL;
}
