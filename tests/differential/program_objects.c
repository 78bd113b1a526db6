/* tests/differential/program_objects.c -- instances, functions, weak references, the collector.
 * See program.h. */
#include "tests/differential/program.h"

#include "workloads/support/locals.h"

/* --- functions, weak references ------------------------------------------------------------- */

/* The callback of every weak reference: notes that it ran, and for whom. */
static struct pab_object *called(struct pab_object *self, struct pab_object *weakref)
{
    trace_note(side_trace(), "callback", self == NULL ? 0 : 1);
    trace_note(side_trace(), "gone", pab_weakref_get(weakref) == pab_none());
    return pab_new_ref(pab_none());
}

static void function_make(struct program *p)
{
    struct pab_object *self = below(p, 3) == 0 ? NULL : pick(p, SET);
    keep(p, FUNCTION, pab_function_new(called, self));
}

static struct pab_object *pick_referent(struct program *p)
{
    static const enum kind kinds[] = {INSTANCE, INSTANCE, SET, FROZENSET, FUNCTION};
    return pick(p, kinds[below(p, ARRAY_COUNT(kinds))]);
}

static void weakref_make(struct program *p)
{
    struct pab_object *callback = below(p, 3) == 0 ? NULL : pick(p, FUNCTION);
    keep(p, WEAKREF, pab_weakref_new(pick_referent(p), callback));
}

static void weakref_get(struct program *p)
{
    note(p, "gone", pab_weakref_get(pick(p, WEAKREF)) == pab_none());
}

/* --- instances ------------------------------------------------------------------------------ */

static void instance_make(struct program *p)
{
    bool finalized = below(p, 4) == 0;
    keep(p, INSTANCE, pab_instance_new(p->classes[finalized ? 2 : 0]));
}

static void slotted_make(struct program *p)
{
    bool finalized = below(p, 4) == 0;
    struct pab_object *self = pab_must(pab_instance_new(p->classes[finalized ? 3 : 1]));
    for (int i = 0; i < 4; i++) {
        if (below(p, 2) == 0) {
            pab_must_do(pab_object_set_attr(self, p->names[i], pick_any(p)));
        }
    }
    keep(p, SLOTTED, self);
}

/* As a loop over records makes them: each has fewer places for values to come. */
static void instance_many(struct program *p)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    uint32_t names = 1 + below(p, 6);
    for (uint32_t left = below(p, 50); left > 0; left--) {
        struct pab_object *self = pab_must(pab_instance_new(p->classes[0]));
        for (uint32_t i = 0; i < names; i++) {
            pab_must_do(pab_object_set_attr(self, p->names[i], pick_any(p)));
        }
        pab_list_push(list, self);
    }
    keep(p, LIST, list);
}

/* Mostly the same few names; now and then any, until the shared table is full. */
static void attribute_set(struct program *p)
{
    struct pab_object *self = pick(p, INSTANCE);
    uint32_t names = below(p, 6) == 0 ? NAMES : 6;
    for (uint32_t left = 1 + below(p, 8); left > 0; left--) {
        struct pab_object *name = p->names[below(p, names)];
        pab_must_do(pab_object_set_attr(self, name, pick_any(p)));
    }
}

static void attribute_set_slot(struct program *p)
{
    struct pab_object *name = p->names[below(p, 4)];
    pab_must_do(pab_object_set_attr(pick(p, SLOTTED), name, pick_any(p)));
}

static void attribute_delete(struct program *p)
{
    bool slotted = below(p, 3) == 0;
    struct pab_object *self = pick(p, slotted ? SLOTTED : INSTANCE);
    struct pab_object *name = p->names[below(p, slotted ? 4 : below(p, 4) == 0 ? NAMES : 6)];
    note(p, "deleted", pab_object_set_attr(self, name, NULL));
}

static void attribute_get(struct program *p)
{
    bool slotted = below(p, 3) == 0;
    struct pab_object *self = pick(p, slotted ? SLOTTED : INSTANCE);
    struct pab_object *value = pab_object_get_attr(self, p->names[below(p, slotted ? 4 : 8)]);
    note(p, "found", value != NULL);
    pab_xdecref(value);
}

static void attribute_dict(struct program *p)
{
    keep(p, DICT, pab_object_dict(pick(p, INSTANCE)));
}

/* --- graphs --------------------------------------------------------------------------------- */

/* One more level around `inner`, which it takes. */
static struct pab_object *wrap(struct program *p, struct pab_object *inner)
{
    struct pab_object *outer = NULL;
    switch (below(p, 4)) {
    case 0:
        outer = pab_must(pab_list_new(1));
        pab_list_set_item(outer, 0, inner);
        return outer;
    case 1:
        outer = pab_must(pab_tuple_new(1));
        pab_tuple_set_item(outer, 0, inner);
        return outer;
    case 2:
        outer = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(outer, pick_name(p), inner));
        break;
    default:
        outer = pab_must(pab_instance_new(p->classes[below(p, CLASSES)]));
        pab_must_do(pab_object_set_attr(outer, p->names[below(p, 4)], inner));
        break;
    }
    pab_decref(inner);
    return outer;
}

/* Deeper than deallocs may nest. */
static void nest(struct program *p)
{
    struct pab_object *inner = pab_new_ref(pick_any(p));
    for (uint32_t left = below(p, below(p, 4) == 0 ? 400 : 60); left > 0; left--) {
        inner = wrap(p, inner);
    }
    struct pab_object *outer = pab_must(pab_list_new(1));
    pab_list_set_item(outer, 0, inner);
    keep(p, LIST, outer);
}

static void link_cycle(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    struct pab_object *dict = pick(p, DICT);
    struct pab_object *self = pick(p, INSTANCE);
    if (pab_list_size(list) < LENGTH_MAX && pab_dict_size(dict) < LENGTH_MAX) {
        pab_must_do(pab_list_append(list, dict));
        pab_must_do(pab_dict_set_item(dict, pick_name(p), self));
        pab_must_do(pab_object_set_attr(self, p->names[below(p, 6)], list));
    }
}

/* Small cycles, dropped as they are made. */
static void drop_cycles(struct program *p)
{
    for (uint32_t left = below(p, 60); left > 0; left--) {
        struct pab_object *list = pab_must(pab_list_new(0));
        struct pab_object *last = wrap(p, pab_new_ref(list));
        pab_must_do(pab_list_append(list, last));
        pab_decref(last);
        pab_decref(list);
    }
}

/* A variable gets a fresh empty object in place of what it has. */
static void renew(struct program *p)
{
    static const enum kind kinds[] = {LIST, DICT, SET, INSTANCE, TUPLE};
    enum kind kind = kinds[below(p, ARRAY_COUNT(kinds))];
    struct pab_object *fresh = kind == LIST       ? pab_list_new(0)
                               : kind == DICT     ? pab_dict_new()
                               : kind == SET      ? pab_set_new(NULL)
                               : kind == INSTANCE ? pab_instance_new(p->classes[0])
                                                  : pab_tuple_pack(1, pab_none());
    uint32_t place = below(p, (uint32_t)p->variables[kind].count);
    pab_store(&p->variables[kind].items[place], pab_must(fresh));
}

static void forget_kept(struct program *p)
{
    pab_must_do(pab_list_clear(p->kept));
}

/* --- the collector -------------------------------------------------------------------------- */

static void count_object(void *arg, struct pab_object *object)
{
    (void)object;
    (*(int64_t *)arg)++;
}

static void collect(struct program *p)
{
    int generation = (int)below(p, PAB_GC_GENERATIONS);
    note(p, "collected", pab_py_collect(generation));
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        int64_t objects = 0;
        pab_py_gc_visit(i, count_object, &objects);
        note(p, "objects", objects);
    }
}

static void set_threshold(struct program *p)
{
    int threshold = (int)(1 + below(p, below(p, 2) == 0 ? 20 : 700));
    pab_py_gc_set_threshold(threshold, 1 + (int)below(p, 10), 1 + (int)below(p, 10));
}

static void enable(struct program *p)
{
    pab_py_gc_enable(below(p, 4) != 0);
}

static void freeze(struct program *p)
{
    if (below(p, 2) == 0) {
        pab_py_gc_freeze();
    } else {
        pab_py_gc_unfreeze();
    }
    note(p, "frozen", pab_py_gc_freeze_count());
}

/* The first makes a function: a program starts with one. */
const struct operation object_operations[] = {
    {"function_make", function_make, 3},
    {"weakref_make", weakref_make, 4},
    {"weakref_get", weakref_get, 2},
    {"instance_make", instance_make, 5},
    {"slotted_make", slotted_make, 3},
    {"instance_many", instance_many, 2},
    {"attribute_set", attribute_set, 8},
    {"attribute_set_slot", attribute_set_slot, 4},
    {"attribute_delete", attribute_delete, 4},
    {"attribute_get", attribute_get, 3},
    {"attribute_dict", attribute_dict, 2},
    {"nest", nest, 3},
    {"link_cycle", link_cycle, 5},
    {"drop_cycles", drop_cycles, 4},
    {"renew", renew, 6},
    {"forget_kept", forget_kept, 2},
    {"collect", collect, 3},
    {"set_threshold", set_threshold, 2},
    {"enable", enable, 1},
    {"freeze", freeze, 1},
    {0},
};
