/* allocators/gc/internal.h -- header flags and list operations, and the two halves of a collection.
 * Private to this folder; depends on gc.h.
 *
 * A list is circular and intrusive: a pab_gc_head that belongs to no object stands for both ends.
 * While a generation is being examined its `prev` words hold copied reference counts, so only
 * `next` can be followed then; list_* below are for lists whose links are whole.
 */
#ifndef PAB_ALLOCATORS_GC_INTERNAL_H
#define PAB_ALLOCATORS_GC_INTERNAL_H

#include "allocators/gc/gc.h"

#define NEXT_UNREACHABLE ((uintptr_t)1)
#define PREV_COLLECTING  ((uintptr_t)2)
#define PREV_FLAGS       (PAB_GC_PREV_FINALIZED | PREV_COLLECTING)
#define REFS_SHIFT       2
#define REFS_ONE         ((uintptr_t)1 << REFS_SHIFT)

static_assert((PAB_GC_PREV_FINALIZED & PREV_COLLECTING) == 0, "flags of prev must not overlap");
static_assert(PREV_FLAGS < REFS_ONE, "the copied count lies above the flags");
static_assert(_Alignof(struct pab_gc_head) > PREV_FLAGS, "flags need the low bits of a pointer");

/* The one place where a word of a header becomes a pointer: the flags share its low bits. */
static inline struct pab_gc_head *head_at(uintptr_t word)
{
    return (struct pab_gc_head *)word; /* NOLINT(performance-no-int-to-ptr) */
}

static inline struct pab_gc_head *head_next(const struct pab_gc_head *head)
{
    return head_at(head->next);
}

static inline struct pab_gc_head *head_prev(const struct pab_gc_head *head)
{
    return head_at(head->prev & ~PREV_FLAGS);
}

static inline void head_set_next(struct pab_gc_head *head, struct pab_gc_head *next)
{
    head->next = (uintptr_t)next;
}

/* Belongs to the generation that is being collected, and is not known to stay. */
static inline bool is_member(const struct pab_gc_head *head)
{
    return (head->prev & PREV_COLLECTING) != 0;
}

/* A list is a chain of dependent loads: start the next one while this object is worked on. */
static inline void prefetch(const struct pab_gc_head *head)
{
    __builtin_prefetch(head);
}

/* Keeps the flags. */
static inline void head_set_prev(struct pab_gc_head *head, struct pab_gc_head *prev)
{
    head->prev = (head->prev & PREV_FLAGS) | (uintptr_t)prev;
}

static inline struct pab_object *head_object(struct pab_gc_head *head)
{
    return (struct pab_object *)(head + 1);
}

static inline void list_init(struct pab_gc_head *list)
{
    list->next = (uintptr_t)list;
    list->prev = (uintptr_t)list;
}

static inline bool list_is_empty(const struct pab_gc_head *list)
{
    return head_next(list) == list;
}

static inline void list_append(struct pab_gc_head *list, struct pab_gc_head *head)
{
    struct pab_gc_head *last = head_prev(list);
    head_set_prev(head, last);
    head_set_next(last, head);
    head_set_next(head, list);
    list->prev = (uintptr_t)head;
}

/* Takes `head` out of its list; its own words are left as they were. */
static inline void list_unlink(struct pab_gc_head *head)
{
    struct pab_gc_head *prev = head_prev(head);
    struct pab_gc_head *next = head_next(head);
    head_set_next(prev, next);
    head_set_prev(next, prev);
}

static inline void list_move(struct pab_gc_head *list, struct pab_gc_head *head)
{
    list_unlink(head);
    list_append(list, head);
}

/* Appends all of `from` to `to`, in order; `from` is empty afterwards. */
static inline void list_merge(struct pab_gc_head *to, struct pab_gc_head *from)
{
    assert(to != from);
    if (!list_is_empty(from)) {
        struct pab_gc_head *last = head_prev(to);
        struct pab_gc_head *from_first = head_next(from);
        struct pab_gc_head *from_last = head_prev(from);
        head_set_next(last, from_first);
        head_set_prev(from_first, last);
        head_set_next(from_last, to);
        to->prev = (uintptr_t)from_last;
    }
    list_init(from);
}

/* --- deduce.c ----------------------------------------------------------------------------- */

/* What a deduction saw on its way: saves walking the survivors again just to count them. */
struct census {
    size_t examined;
    size_t zeros; /* members without a reference from outside, before the scan */
    size_t reachable;
    unsigned reachable_flags; /* enum pab_type_flag of all reachable objects, or-ed */
};

/* Splits `young`: what nothing outside of it keeps alive goes to `unreachable`, in an order that
 * depends on traversal. The members of `unreachable` keep PREV_COLLECTING and NEXT_UNREACHABLE.
 * `young_is_all`: nothing else is tracked. */
struct census pab_gc_deduce(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                            bool young_is_all);

/* --- trash.c ------------------------------------------------------------------------------ */

struct pab_gc_result {
    size_t collected, uncollectable;
};

/* Handles what was found unreachable: weak references, finalizers, clear(). What stays alive goes
 * to `old`. */
struct pab_gc_result pab_gc_dispose(struct pab_gc *gc, struct pab_gc_head *unreachable,
                                    struct pab_gc_head *old);

#endif
