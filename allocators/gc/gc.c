/* When a collection runs, what becomes of its survivors, and the objects' side of the collector.
 * Behaviour and every list order are those of CPython 3.11 (Modules/gcmodule.c@v3.11.7,
 * Objects/object.c@v3.11.7); where a pass of CPython's cannot change anything that a program can
 * see, it is left out, and a comment says why. The collector asks for no memory while it works. */
#include "allocators/gc/gc.h"

#include "allocators/gc/internal.h"

#include <string.h>

#define OLDEST (PAB_GC_GENERATIONS - 1)

static const int default_thresholds[PAB_GC_GENERATIONS] = {700, 10, 10};

static void check_all(const struct pab_gc *gc)
{
    if (PAB_CHECK_LEVEL >= 3) {
        PAB_CHECK(pab_gc_check(gc, NULL) == PAB_OK);
    }
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

static struct pab_gc_result collect_lists(struct pab_gc *gc, int generation)
{
    struct pab_gc_stats *stats = &gc->stats[generation];
    struct pab_gc_head *young = &gc->generations[generation].head;
    struct pab_gc_head *old = generation < OLDEST ? &gc->generations[generation + 1].head : young;

    merge_younger(gc, generation);
    struct pab_gc_head unreachable;
    bool young_is_all = generation == OLDEST && list_is_empty(&gc->permanent);
    struct census census = pab_gc_deduce(young, &unreachable, young_is_all);
    retire_survivors(gc, generation, &census);
    struct pab_gc_result result = pab_gc_dispose(gc, &unreachable, old);
    if (generation == OLDEST && gc->clear_free_lists != NULL) {
        gc->clear_free_lists(gc->client);
    }
    stats->collections++;
    stats->collected += result.collected;
    stats->uncollectable += result.uncollectable;
    stats->visited += census.examined;
    return result;
}

static intptr_t collect_generation(struct pab_gc *gc, int generation)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    assert(!gc->collecting);
    check_all(gc);
    gc->collecting = true;
    if (gc->report != NULL) {
        gc->report(gc->client, &(struct pab_gc_report){.generation = generation});
    }
    uint64_t visited_before = gc->stats[generation].visited;
    struct pab_gc_result result = collect_lists(gc, generation);
    if (gc->report != NULL) {
        uint64_t visited = gc->stats[generation].visited - visited_before;
        gc->report(gc->client, &(struct pab_gc_report){true, generation, result.collected,
                                                       result.uncollectable, visited});
    }
    gc->collecting = false;
    check_all(gc);
    return (intptr_t)(result.collected + result.uncollectable);
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
