/* The collection itself, in the order in which it runs. Behaviour and every list order are those
 * of CPython 3.11 (Modules/gcmodule.c@v3.11.7, Objects/object.c@v3.11.7); where a pass of
 * CPython's cannot change anything that a program can see, it is left out, and a comment says
 * why. The collector asks for no memory while it works. */
#include "allocators/gc/gc.h"

#include "allocators/gc/internal.h"

#include <string.h>

#define OLDEST (PAB_GC_GENERATIONS - 1)

static const int default_thresholds[PAB_GC_GENERATIONS] = {700, 10, 10};

/* What a deduction saw on its way: saves walking the survivors again just to count them. */
struct census {
    size_t examined;
    size_t reachable;
    unsigned reachable_flags; /* enum pab_type_flag of all reachable objects, or-ed */
};

struct trash_census {
    size_t objects;
    size_t finalizers; /* objects whose type has a finalizer that has not run yet */
};

/* A list is a chain of dependent loads: start the next one while this object is worked on. */
static inline void prefetch(const struct pab_gc_head *head)
{
    __builtin_prefetch(head);
}

static void check_all(const struct pab_gc *gc)
{
    if (PAB_CHECK_LEVEL >= 3) {
        PAB_CHECK(pab_gc_check(gc, NULL) == PAB_OK);
    }
}

/* Drops a reference that the collector took to keep an object alive across a callback. */
static void release(struct pab_object *object)
{
    assert(object->refcnt > 0);
    if (--object->refcnt == 0) {
        object->type->dealloc(object);
    }
}

/* --- which objects are unreachable ------------------------------------------------------- */

static inline bool is_member(const struct pab_gc_head *head)
{
    return (head->prev & PREV_COLLECTING) != 0;
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

/* Splits `young`: what nothing outside of it keeps alive goes to `unreachable`, in an order that
 * depends on traversal. The members of `unreachable` keep PREV_COLLECTING and NEXT_UNREACHABLE. */
static struct census deduce_unreachable(struct pab_gc_head *young, struct pab_gc_head *unreachable,
                                        bool young_is_all)
{
    struct census census = {.examined = count_outside_references(young, young_is_all)};
    list_init(unreachable);
    partition_young(young, unreachable, &census);
    assert(census.reachable <= census.examined);
    return census;
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
        census.objects++;
        census.finalizers +=
            (head->prev & PAB_GC_PREV_FINALIZED) == 0 && head_object(head)->type->finalize != NULL;
    }
    return census;
}

/* --- survivors --------------------------------------------------------------------------- */

/* Offers every object whose type has `flag` to untrack(), in list order. How many took it. */
static size_t untrack_members(struct pab_gc_head *list, enum pab_type_flag flag)
{
    size_t untracked = 0;
    struct pab_gc_head *next;
    for (struct pab_gc_head *head = head_next(list); head != list; head = next) {
        next = head_next(head);
        prefetch(next);
        struct pab_object *object = head_object(head);
        if ((object->type->flags & (unsigned)flag) != 0) {
            assert(object->type->untrack != NULL);
            object->type->untrack(object);
            untracked += head->next == 0;
        }
    }
    return untracked;
}

/* Untracks what can be in no cycle, moves the rest on, and keeps the 25 % rule's two numbers. */
static void retire_survivors(struct pab_gc *gc, int generation, const struct census *census)
{
    struct pab_gc_head *young = &gc->generations[generation].head;
    size_t survivors = census->reachable;
    if ((census->reachable_flags & PAB_TYPE_UNTRACK_ALWAYS) != 0) {
        survivors -= untrack_members(young, PAB_TYPE_UNTRACK_ALWAYS);
    }
    if (generation == OLDEST) {
        /* A pass of its own: whether a dict can be untracked depends on all the tuples in it.
         * In full collections only, or building a large dict would be quadratic (bpo-14775). */
        if ((census->reachable_flags & PAB_TYPE_UNTRACK_FULL) != 0) {
            survivors -= untrack_members(young, PAB_TYPE_UNTRACK_FULL);
        }
        gc->long_lived_pending = 0;
        gc->long_lived_total = (intptr_t)survivors;
        return;
    }
    if (generation == OLDEST - 1) {
        gc->long_lived_pending += (intptr_t)survivors;
    }
    list_merge(&gc->generations[generation + 1].head, young);
}

/* --- trash ------------------------------------------------------------------------------- */

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
    deduce_unreachable(&resurrected, unreachable, false);
    size_t trash = clean_links(unreachable).objects;
    list_merge(old, &resurrected);
    return trash;
}

/* Breaks the cycles by clear(); refcounting does the rest. What is alive after its clear() (a
 * tuple, or somebody else clears later) waits in `old`. */
static void delete_trash(struct pab_gc_head *trash, struct pab_gc_head *old)
{
    while (!list_is_empty(trash)) {
        struct pab_gc_head *head = head_next(trash);
        struct pab_object *object = head_object(head);
        assert(object->refcnt > 0);
        prefetch(head_next(head));
        if (object->type->clear != NULL) {
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

/* Handles what was found unreachable; how many objects of it were trash indeed. */
static size_t dispose(struct pab_gc_head *unreachable, struct pab_gc_head *old)
{
    struct trash_census census = clean_links(unreachable);
    /* Weak references to members belong here: they are cleared and their callbacks run before
     * any finalizer (3.11). */
    if (census.finalizers > 0) {
        run_finalizers(unreachable);
        census.objects = keep_resurrected(unreachable, old);
    } /* else no foreign code ran since the deduction: another would find the same, in order */
    delete_trash(unreachable, old);
    return census.objects;
}

/* --- one collection ---------------------------------------------------------------------- */

/* Resets the counters and appends the younger generations to the one that is collected. */
static void merge_younger(struct pab_gc *gc, int generation)
{
    if (generation < OLDEST) {
        gc->generations[generation + 1].count++;
    }
    for (int i = 0; i <= generation; i++) {
        gc->generations[i].count = 0;
    }
    for (int i = 0; i < generation; i++) {
        list_merge(&gc->generations[generation].head, &gc->generations[i].head);
    }
}

static intptr_t collect_generation(struct pab_gc *gc, int generation)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    assert(!gc->collecting);
    check_all(gc);
    gc->collecting = true;
    struct pab_gc_stats *stats = &gc->stats[generation];
    struct pab_gc_head *young = &gc->generations[generation].head;
    struct pab_gc_head *old = generation < OLDEST ? &gc->generations[generation + 1].head : young;

    merge_younger(gc, generation);
    struct pab_gc_head unreachable;
    bool young_is_all = generation == OLDEST && list_is_empty(&gc->permanent);
    struct census census = deduce_unreachable(young, &unreachable, young_is_all);
    retire_survivors(gc, generation, &census);
    size_t collected = dispose(&unreachable, old);
    if (generation == OLDEST && gc->clear_free_lists != NULL) {
        gc->clear_free_lists(gc->client);
    }
    stats->collections++;
    stats->collected += collected;
    stats->visited += census.examined;

    gc->collecting = false;
    check_all(gc);
    return (intptr_t)collected;
}

/* Collects the oldest generation that is due. The oldest of all is due only when what survived
 * the middle one since its last run is a quarter of what it holds: full collections then cost
 * amortised linear time. */
static void collect_due(struct pab_gc *gc)
{
    for (int i = OLDEST; i >= 0; i--) {
        if (gc->generations[i].count <= gc->generations[i].threshold) {
            continue;
        }
        if (i == OLDEST && gc->long_lived_pending < gc->long_lived_total / 4) {
            continue;
        }
        collect_generation(gc, i);
        return;
    }
}

intptr_t pab_gc_collect(struct pab_gc *gc, int generation)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    return gc->collecting ? 0 : collect_generation(gc, generation);
}

/* --- objects ----------------------------------------------------------------------------- */

void pab_gc_init(struct pab_gc *gc, const struct pab_alloc *alloc)
{
    memset(gc, 0, sizeof(*gc));
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        list_init(&gc->generations[i].head);
        gc->generations[i].threshold = default_thresholds[i];
    }
    list_init(&gc->permanent);
    gc->alloc = *alloc;
    gc->enabled = true;
}

static struct pab_gc_head *head_of(void *object)
{
    assert(object != NULL);
    return pab_gc_head_of(object);
}

void *pab_gc_malloc(struct pab_gc *gc, size_t presize, size_t size)
{
    assert(presize % sizeof(struct pab_gc_head) == 0 && size >= sizeof(struct pab_object));
    if (size > (size_t)PTRDIFF_MAX - presize - sizeof(struct pab_gc_head)) {
        return NULL;
    }
    unsigned char *block =
        gc->alloc.malloc(gc->alloc.ctx, presize + sizeof(struct pab_gc_head) + size);
    if (block == NULL) {
        return NULL;
    }
    memset(block, 0, presize);
    struct pab_gc_head *head = (struct pab_gc_head *)(void *)(block + presize);
    *head = (struct pab_gc_head){0};
    struct pab_gc_generation *youngest = &gc->generations[0];
    youngest->count++;
    if (youngest->count > youngest->threshold && youngest->threshold != 0 && gc->enabled &&
        !gc->collecting) {
        collect_due(gc);
    }
    return head + 1;
}

void *pab_gc_realloc(struct pab_gc *gc, void *object, size_t size)
{
    struct pab_gc_head *head = head_of(object);
    assert(head->next == 0);
    assert(size >= sizeof(struct pab_object));
    if (size > (size_t)PTRDIFF_MAX - sizeof(*head)) {
        return NULL;
    }
    head = gc->alloc.realloc(gc->alloc.ctx, head, sizeof(*head) + size);
    return head == NULL ? NULL : head + 1;
}

void pab_gc_free(struct pab_gc *gc, void *object, size_t presize)
{
    struct pab_gc_head *head = head_of(object);
    assert(presize % sizeof(*head) == 0);
    if (head->next != 0) {
        list_unlink(head);
    }
    if (gc->generations[0].count > 0) {
        gc->generations[0].count--;
    }
    gc->alloc.free(gc->alloc.ctx, (unsigned char *)head - presize);
}

void pab_gc_track(struct pab_gc *gc, void *object)
{
    struct pab_gc_head *head = head_of(object);
    assert(head->next == 0);
    assert((head->prev & ~PAB_GC_PREV_FINALIZED) == 0);
    assert((((struct pab_object *)object)->type->flags & PAB_TYPE_GC) != 0);
    list_append(&gc->generations[0].head, head);
}

void pab_gc_untrack(void *object)
{
    struct pab_gc_head *head = head_of(object);
    if (head->next != 0) {
        assert((head->next & NEXT_UNREACHABLE) == 0); /* not from within traverse() */
        list_unlink(head);
        head->next = 0;
        head->prev &= PAB_GC_PREV_FINALIZED;
    }
}

bool pab_gc_finalize_from_dealloc(struct pab_object *self)
{
    assert(self->refcnt == 0);
    const struct pab_type *type = self->type;
    bool has_head = (type->flags & PAB_TYPE_GC) != 0;
    if (type->finalize == NULL || (has_head && pab_gc_is_finalized(self))) {
        return false;
    }
    self->refcnt = 1;
    type->finalize(self);
    assert(self->refcnt > 0); /* the reference above is ours to drop */
    if (has_head) {
        pab_gc_head_of(self)->prev |= PAB_GC_PREV_FINALIZED; /* after it, unlike a collection */
    }
    self->refcnt--; /* by hand: reaching 0 must not call dealloc again */
    return self->refcnt > 0;
}

/* --- gc.freeze ---------------------------------------------------------------------------- */

void pab_gc_freeze(struct pab_gc *gc)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        list_merge(&gc->permanent, &gc->generations[i].head);
        gc->generations[i].count = 0;
    }
    check_all(gc);
}

void pab_gc_unfreeze(struct pab_gc *gc)
{
    list_merge(&gc->generations[OLDEST].head, &gc->permanent);
    check_all(gc);
}
