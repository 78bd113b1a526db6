/* tests/conformance/collector/compare.c -- the two graphs held against each other. */
#include "tests/conformance/collector/graph.h"
#include "tests/conformance/support/pattern.h"

#include <string.h>

#define OBJECTS PAB_GRAPH_OBJECTS
#define NONE    PAB_GRAPH_NONE

static int id_of(const struct pab_toy *toy)
{
    return toy == NULL ? NONE : toy->id;
}

/* What the object holds and what it was told to keep. */
static void compare_object(int id)
{
    const struct pab_graph_object *object = &pab_graph.objects[id];
    const struct pab_toy *toy = pab_graph.toys[id];
    for (size_t i = 0; i < PAB_TOY_REFS; i++) {
        const struct pab_toy *referent = toy->refs[i];
        if (object->type == &pab_toy_weakref) {
            referent = i == 0 ? (const struct pab_toy *)toy->weakref.callback : NULL;
        }
        const struct pab_toy *expected =
            object->refs[i] == NONE ? NULL : pab_graph.toys[object->refs[i]];
        if (referent != expected) {
            pab_graph_differs(id, "its reference %zu leads to object %d instead of %d", i,
                              id_of(referent), object->refs[i]);
        }
    }
    size_t bad;
    if (!pab_pattern_holds(toy->payload, 0, toy->payload_bytes, object->key, &bad)) {
        pab_graph_differs(id, "byte %zu of its payload of %zu was changed", bad,
                          toy->payload_bytes);
    }
}

void pab_graph_compare_below(int id)
{
    bool within[OBJECTS];
    bool reached[OBJECTS];
    struct pab_graph_object *object = &pab_graph.objects[id];
    memset(within, true, sizeof(within));
    object->held++;
    pab_graph_search(within, reached);
    object->held--;
    for (int i = 0; i < OBJECTS; i++) {
        if (reached[i] && pab_graph.objects[i].state == PAB_GRAPH_ALIVE) {
            compare_object(i);
        }
    }
}

void pab_graph_compare_weakrefs(void)
{
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *weakref = &pab_graph.objects[id];
        if (weakref->state == PAB_GRAPH_ALIVE && weakref->type == &pab_toy_weakref) {
            int referent = id_of(pab_toy_weakref_get(pab_graph.toys[id]));
            if (referent != weakref->referent) {
                pab_graph_differs(id, "this weak reference leads to object %d instead of %d",
                                  referent, weakref->referent);
            }
        }
    }
}

void pab_graph_check_lists(void)
{
    struct pab_error err;
    if (pab_gc_check(&pab_toys.gc, &err) != PAB_OK) {
        pab_graph_differs(NONE, "%s", err.text);
    }
}

/* Each object is in the list of its generation, and in no other. */
static void compare_lists(void)
{
    bool seen[OBJECTS] = {false};
    for (int generation = 0; generation <= PAB_GC_GENERATIONS; generation++) {
        const struct pab_gc_head *list = generation < PAB_GC_GENERATIONS
                                             ? &pab_toys.gc.generations[generation].head
                                             : &pab_toys.gc.permanent;
        const struct pab_toy *toy = pab_toy_after(list);
        for (; pab_gc_head_of(toy) != list; toy = pab_toy_after(pab_gc_head_of(toy))) {
            int id = toy->id;
            if (id < 0 || id >= OBJECTS || pab_graph.toys[id] != toy || seen[id]) {
                pab_graph_differs(id, "it is in list %d, though it is gone", generation);
            }
            if (pab_graph.objects[id].generation != generation) {
                pab_graph_differs(id, "it is in generation %d instead of %d", generation,
                                  pab_graph.objects[id].generation);
            }
            seen[id] = true;
        }
    }
    for (int id = 0; id < OBJECTS; id++) {
        if (pab_graph.toys[id] != NULL && !seen[id]) {
            pab_graph_differs(id, "it is in no list");
        }
    }
}

static void compare_counts(void)
{
    const struct pab_gc *gc = &pab_toys.gc;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        if (gc->generations[i].count != pab_graph.counts[i]) {
            pab_graph_differs(NONE, "count %d is %d instead of %d", i, gc->generations[i].count,
                              pab_graph.counts[i]);
        }
        if (gc->stats[i].collections != pab_graph.collections[i]) {
            pab_graph_differs(NONE, "%ju collections of generation %d instead of %ju",
                              (uintmax_t)gc->stats[i].collections, i,
                              (uintmax_t)pab_graph.collections[i]);
        }
        if (gc->stats[i].collected != pab_graph.collected[i]) {
            pab_graph_differs(NONE, "%ju objects collected in generation %d instead of %ju",
                              (uintmax_t)gc->stats[i].collected, i,
                              (uintmax_t)pab_graph.collected[i]);
        }
    }
    if (gc->long_lived_total != pab_graph.total || gc->long_lived_pending != pab_graph.pending) {
        pab_graph_differs(NONE, "survivors %jd, pending %jd instead of %d, %d",
                          (intmax_t)gc->long_lived_total, (intmax_t)gc->long_lived_pending,
                          pab_graph.total, pab_graph.pending);
    }
}

void pab_graph_compare(void)
{
    int counts[OBJECTS];
    pab_graph_count(counts);
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = &pab_graph.objects[id];
        if (object->state == PAB_GRAPH_ABSENT) {
            continue;
        }
        if (object->owed != PAB_OWED_BY_NOBODY) {
            pab_graph_differs(id, "its callback was not called");
        }
        if (counts[id] == 0 || object->state != PAB_GRAPH_ALIVE) {
            pab_graph_differs(id, "it has no reference left, and is not destroyed");
        }
        compare_object(id);
        const struct pab_toy *toy = pab_graph.toys[id];
        if (toy->base.refcnt != counts[id]) {
            pab_graph_differs(id, "its reference count is %jd instead of %d",
                              (intmax_t)toy->base.refcnt, counts[id]);
        }
        if (pab_gc_is_finalized(toy) != object->finalized) {
            pab_graph_differs(id, "its mark of being finalized is wrong");
        }
    }
    pab_graph_compare_weakrefs();
    pab_graph_check_lists();
    compare_lists();
    compare_counts();
}
