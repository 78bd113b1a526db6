/* workloads/capi/collector.c -- Python's gc module, without the objects that its answers make. */
#include "workloads/capi/methods.h"
#include "workloads/capi/world.h"

#include <Python.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_object.h>
#include <internal/pycore_pystate.h>

struct pab_gc_options pab_py_gc_options = {.enabled = true, .threshold = {700, 10, 10}};

static struct pab_gc_stats totals[PAB_GC_GENERATIONS];

static struct _gc_runtime_state *collector(void)
{
    return &_PyInterpreterState_GET()->gc;
}

/* Finalizers may ask for a collection within one: only when the outermost ends, results are the
 * program's own again. */
pab_ssize pab_py_collect(int generation)
{
    static int nested;
    nested++;
    pab_world_collects(true);
    struct pab_object *result =
        pab_method_call(PAB_METHOD_GC_COLLECT, NULL, pab_index_argument(generation));
    pab_ssize collected = PyLong_AsSsize_t((PyObject *)result);
    pab_decref(result);
    pab_world_collects(--nested > 0);
    return collected;
}

void pab_py_gc_enable(bool enabled)
{
    collector()->enabled = enabled;
}

void pab_py_gc_set_threshold(int threshold0, int threshold1, int threshold2)
{
    const int thresholds[NUM_GENERATIONS] = {threshold0, threshold1, threshold2};
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        collector()->generations[i].threshold = thresholds[i];
    }
}

struct pab_gc_counts pab_py_gc_count(void)
{
    struct pab_gc_counts counts;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        counts.count[i] = collector()->generations[i].count;
    }
    return counts;
}

/* CPython does not count the objects that it visits. */
struct pab_gc_stats pab_py_gc_stats(int generation)
{
    const struct gc_generation_stats *stats = &collector()->generation_stats[generation];
    return (struct pab_gc_stats){
        .collections = (uint64_t)stats->collections,
        .collected = (uint64_t)stats->collected,
        .uncollectable = (uint64_t)stats->uncollectable,
    };
}

void pab_world_gc_end(void)
{
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        struct pab_gc_stats stats = pab_py_gc_stats(i);
        totals[i].collections += stats.collections;
        totals[i].collected += stats.collected;
        totals[i].uncollectable += stats.uncollectable;
    }
}

struct pab_gc_stats pab_py_gc_total(int generation)
{
    return totals[generation];
}

void pab_py_gc_freeze(void)
{
    pab_xdecref(pab_method_call(PAB_METHOD_GC_FREEZE, NULL, NULL));
}

void pab_py_gc_unfreeze(void)
{
    pab_xdecref(pab_method_call(PAB_METHOD_GC_UNFREEZE, NULL, NULL));
}

static void visit_list(const PyGC_Head *head, void (*visit)(void *arg, struct pab_object *object),
                       void *arg)
{
    for (PyGC_Head *at = _PyGCHead_NEXT(head); at != head; at = _PyGCHead_NEXT(at)) {
        visit(arg, (struct pab_object *)(at + 1));
    }
}

static void count_one(void *arg, struct pab_object *object)
{
    (void)object;
    (*(pab_ssize *)arg)++;
}

pab_ssize pab_py_gc_freeze_count(void)
{
    pab_ssize count = 0;
    visit_list(&collector()->permanent_generation.head, count_one, &count);
    return count;
}

bool pab_py_gc_is_tracked(struct pab_object *object)
{
    PyObject *python = (PyObject *)object;
    return _PyObject_IS_GC(python) && _PyObject_GC_IS_TRACKED(python);
}

bool pab_py_gc_is_finalized(struct pab_object *object)
{
    PyObject *python = (PyObject *)object;
    return _PyObject_IS_GC(python) && _PyGCHead_FINALIZED(_Py_AS_GC(python));
}

void pab_py_gc_visit(int generation, void (*visit)(void *arg, struct pab_object *object), void *arg)
{
    visit_list(&collector()->generations[generation].head, visit, arg);
}
