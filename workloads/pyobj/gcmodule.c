/* workloads/pyobj/gcmodule.c -- Python's gc module on the current runtime's collector. */
#include "workloads/pyobj/runtime.h"

#include <stdatomic.h>

struct pab_gc_options pab_py_gc_options = {true, {700, 10, 10}};

void (*pab_py_on_collection)(const struct pab_gc_report *report);

/* Of all threads: interpreters side by side end at the same time. */
static struct {
    atomic_uint_fast64_t collections, collected, uncollectable, visited;
} totals[PAB_GC_GENERATIONS];

static void tell_of_collection(void *client, const struct pab_gc_report *report)
{
    (void)client;
    pab_py_on_collection(report);
}

void pab_py_gc_begin(struct pab_py *py)
{
    pab_gc_init(&py->gc, &py->obj);
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        py->gc.generations[i].threshold = pab_py_gc_options.threshold[i];
    }
    py->gc.enabled = pab_py_gc_options.enabled;
    py->gc.report = pab_py_on_collection == NULL ? NULL : tell_of_collection;
    py->gc.client = py;
}

void pab_py_gc_end(struct pab_py *py)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        const struct pab_gc_stats *stats = &py->gc.stats[i];
        totals[i].collections += stats->collections;
        totals[i].collected += stats->collected;
        totals[i].uncollectable += stats->uncollectable;
        totals[i].visited += stats->visited;
    }
}

struct pab_gc_stats pab_py_gc_total(int generation)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    return (struct pab_gc_stats){
        .collections = totals[generation].collections,
        .collected = totals[generation].collected,
        .uncollectable = totals[generation].uncollectable,
        .visited = totals[generation].visited,
    };
}

struct pab_gc *pab_py_gc(void)
{
    return &pab_py()->gc;
}

pab_ssize pab_py_collect(int generation)
{
    return pab_gc_collect(pab_py_gc(), generation);
}

void pab_py_gc_enable(bool enabled)
{
    pab_py_gc()->enabled = enabled;
}

void pab_py_gc_set_threshold(int threshold0, int threshold1, int threshold2)
{
    struct pab_gc *gc = pab_py_gc();
    gc->generations[0].threshold = threshold0;
    gc->generations[1].threshold = threshold1;
    gc->generations[2].threshold = threshold2;
}

struct pab_gc_counts pab_py_gc_count(void)
{
    struct pab_gc_counts counts;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        counts.count[i] = pab_py_gc()->generations[i].count;
    }
    return counts;
}

struct pab_gc_stats pab_py_gc_stats(int generation)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    return pab_py_gc()->stats[generation];
}

void pab_py_gc_freeze(void)
{
    pab_gc_freeze(pab_py_gc());
}

void pab_py_gc_unfreeze(void)
{
    pab_gc_unfreeze(pab_py_gc());
}

bool pab_py_gc_is_tracked(struct pab_object *object)
{
    return (object->type->flags & PAB_TYPE_GC) != 0 && pab_gc_is_tracked(object);
}

bool pab_py_gc_is_finalized(struct pab_object *object)
{
    return (object->type->flags & PAB_TYPE_GC) != 0 && pab_gc_is_finalized(object);
}

void pab_py_gc_visit(int generation, void (*visit)(void *arg, struct pab_object *object), void *arg)
{
    assert(generation >= 0 && generation < PAB_GC_GENERATIONS);
    pab_gc_visit_list(&pab_py_gc()->generations[generation].head, visit, arg);
}

static void count_one(void *arg, struct pab_object *object)
{
    (void)object;
    ++*(pab_ssize *)arg;
}

pab_ssize pab_py_gc_freeze_count(void)
{
    pab_ssize count = 0;
    pab_gc_visit_list(&pab_py_gc()->permanent, count_one, &count);
    return count;
}
