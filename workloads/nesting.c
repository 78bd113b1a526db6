/* workloads/nesting.c -- deep nests that are dropped at once, and functions that call themselves.
 *
 * A chain of objects each of which holds the next dies from its head on: the first dealloc calls
 * the second within itself. After 50 levels CPython puts an object off and takes it up when the
 * others are done (the trashcan, 3.11, Objects/object.c), so the blocks of one chain come back in
 * stretches of 50, each stretch innermost first. To an allocator it is a long row of frees without
 * a single request between, in nearly the order of allocation or the reverse of it.
 *
 * A function that calls itself holds the values of all its levels until it returns. Its frames lie
 * on the interpreter's own stack (3.11: chunks of 16 KiB beside the three domains), so what is asked
 * of the heap are the objects alone: many short-lived blocks, freed last in, first out.
 *
 * The body keeps `live` nests of up to `depth` levels of lists, tuples, dicts or instances; it
 * replaces some, walks some, and runs recursive functions over others.
 *
 * An operation is one level built, walked, or called.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, DEPTH, RECURSIONS };

static const struct pab_param nesting_params[] = {
    {"live", "nests kept", "nests", 40, 1500, 16, 10000000},
    {"steps", "nests handled in the steady phase", "nests", 150, 1500, 16, 100000000},
    {"depth", "bound of the levels of a nest; half of it on average", "levels", 500, 0, 1,
     10000000},
    {"recursions", "share of steps that call a recursive function", "1/1000", 250, 0, 0, 1000},
    {0},
};

enum kind { LISTS, TUPLES, DICTS, INSTANCES, MIXED, KIND_COUNT };

#define CALLS_MAX 900u /* levels: Python's own limit is 1000 */

struct nesting {
    struct pab_program py;
    uint32_t *depths; /* of each nest: a program knows what its variables hold */
    uint8_t *kinds;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *nests, *node_class, *inner_name, *value_name;
};

static uint32_t below(struct nesting *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct nesting *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* --- nests ----------------------------------------------------------------------------------- */

/* Level k of a mixed nest is of kind k % 4. */
static enum kind kind_of_level(enum kind kind, uint32_t level)
{
    return kind == MIXED ? (enum kind)(level % MIXED) : kind;
}

/* [value, inner], (value, inner), {'value': ..., 'inner': ...}, Node(value, inner): takes both */
static struct pab_object *wrap(struct nesting *w, enum kind kind, struct pab_object *value,
                               struct pab_object *inner)
{
    struct pab_object *outer = NULL;
    switch (kind) {
    case LISTS:
        outer = pab_must(pab_list_new(2));
        pab_list_set_item(outer, 0, value);
        pab_list_set_item(outer, 1, inner);
        return outer;
    case TUPLES:
        outer = pab_must(pab_tuple_new(2));
        pab_tuple_set_item(outer, 0, value);
        pab_tuple_set_item(outer, 1, inner);
        return outer;
    case DICTS:
        outer = pab_must(pab_dict_new());
        pab_dict_store(outer, pab_new_ref(w->value_name), value);
        pab_dict_store(outer, pab_new_ref(w->inner_name), inner);
        return outer;
    default:
        outer = pab_must(pab_instance_new(w->node_class));
        pab_must_do(pab_object_set_attr(outer, w->value_name, value));
        pab_must_do(pab_object_set_attr(outer, w->inner_name, inner));
        pab_decref(value);
        pab_decref(inner);
        return outer;
    }
}

/* The value and the inner object of a level: new references. */
static struct pab_object *unwrap(struct nesting *w, enum kind kind, struct pab_object *outer,
                                 struct pab_object **inner)
{
    struct pab_object *value = NULL;
    switch (kind) {
    case LISTS:
        *inner = pab_new_ref(pab_list_get_item(outer, 1));
        return pab_new_ref(pab_list_get_item(outer, 0));
    case TUPLES:
        *inner = pab_new_ref(pab_tuple_get_item(outer, 1));
        return pab_new_ref(pab_tuple_get_item(outer, 0));
    case DICTS:
        *inner = pab_new_ref(pab_dict_get_item(outer, w->inner_name));
        return pab_new_ref(pab_dict_get_item(outer, w->value_name));
    default:
        *inner = pab_must(pab_object_get_attr(outer, w->inner_name));
        value = pab_must(pab_object_get_attr(outer, w->value_name));
        return value;
    }
}

/* nest = None; for _ in range(depth): nest = [value, nest] */
static struct pab_object *new_nest(struct nesting *w, uint32_t index)
{
    enum kind kind = (enum kind)below(w, KIND_COUNT);
    uint32_t depth = 1 + below(w, (uint32_t)w->py.params[DEPTH]);
    struct pab_object *nest = pab_new_ref(pab_none());
    for (uint32_t level = depth; level > 0; level--) {
        struct pab_object *value = pab_int(w->next_value++);
        nest = wrap(w, kind_of_level(kind, level - 1), value, nest);
    }
    w->kinds[index] = (uint8_t)kind;
    w->depths[index] = depth;
    w->py.ops += depth;
    return nest;
}

/* while nest is not None: total += nest.value; nest = nest.inner */
static void walk(struct nesting *w, uint32_t index)
{
    struct pab_object *nest = pab_new_ref(pab_list_get_item(w->nests, index));
    struct pab_object *total = pab_int(0);
    for (uint32_t level = 0; level < w->depths[index]; level++) {
        struct pab_object *inner;
        struct pab_object *value =
            unwrap(w, kind_of_level((enum kind)w->kinds[index], level), nest, &inner);
        pab_store(&total, pab_must(pab_long_add(total, value)));
        pab_decref(value);
        pab_store(&nest, inner);
    }
    note(w, (uint64_t)pab_long_as_int64(total));
    pab_decref(total);
    pab_decref(nest);
    w->py.ops += w->depths[index];
}

/* --- recursive functions --------------------------------------------------------------------- */

/* One call: its arguments. */
struct call {
    enum kind kind; /* of the nest */
    uint32_t level, limit;
};

/* def flatten(nest): value, inner = nest; return [value] + flatten(inner) */
static struct pab_object *flatten(struct nesting *w, struct pab_object *nest, struct call call)
{
    w->py.ops++;
    if (call.level == call.limit) {
        return pab_must(pab_list_new(0));
    }
    struct pab_object *inner;
    struct pab_object *value = unwrap(w, kind_of_level(call.kind, call.level), nest, &inner);
    struct pab_object *first = pab_must(pab_list_new(1));
    pab_list_set_item(first, 0, value);
    call.level++;
    struct pab_object *rest = flatten(w, inner, call);
    pab_decref(inner);
    struct pab_object *all = pab_must(pab_list_concat(first, rest));
    pab_decref(rest);
    pab_decref(first);
    return all;
}

/* def total(nest): value, inner = nest; return (value, 1 + total(inner)[1] ...): an int a level */
static struct pab_object *add_up(struct nesting *w, struct pab_object *nest, struct call call)
{
    w->py.ops++;
    if (call.level == call.limit) {
        return pab_int(0);
    }
    struct pab_object *inner;
    struct pab_object *value = unwrap(w, kind_of_level(call.kind, call.level), nest, &inner);
    struct pab_object *doubled = pab_must(pab_long_add(value, value));
    call.level++;
    struct pab_object *rest = add_up(w, inner, call);
    struct pab_object *sum = pab_must(pab_long_add(doubled, rest));
    pab_decref(rest);
    pab_decref(doubled);
    pab_decref(inner);
    pab_decref(value);
    return sum;
}

/* def sort(items): pivot = items[0]; ...; return sort(less) + [pivot] + sort(more) */
static struct pab_object *quick_sort(struct nesting *w, struct pab_object *items)
{
    w->py.ops++;
    pab_ssize size = pab_list_size(items);
    if (size < 2) {
        return pab_must(pab_list_get_slice(items, 0, size));
    }
    struct pab_object *less = pab_must(pab_list_new(0));
    struct pab_object *more = pab_must(pab_list_new(0));
    struct pab_object *pivot = pab_list_get_item(items, 0);
    for (pab_ssize i = 1; i < size; i++) {
        struct pab_object *item = pab_list_get_item(items, i);
        bool smaller = pab_object_compare(item, pivot) < 0;
        pab_must_do(pab_list_append(smaller ? less : more, item));
    }
    pab_store(&less, quick_sort(w, less));
    pab_must_do(pab_list_append(less, pivot));
    pab_store(&more, quick_sort(w, more));
    struct pab_object *sorted = pab_must(pab_list_concat(less, more));
    pab_decref(more);
    pab_decref(less);
    return sorted;
}

static void sort_some(struct nesting *w)
{
    struct pab_object *items = pab_must(pab_list_new(0));
    for (uint32_t left = 8 + below(w, 120); left > 0; left--) {
        pab_list_push(items, pab_int((int64_t)(pab_rng_next(&w->py.rng) >> 40)));
    }
    pab_store(&items, quick_sort(w, items));
    note(w, (uint64_t)pab_long_as_int64(pab_list_get_item(items, 0)));
    pab_decref(items);
}

/* flatten() copies what is below it at each level: only for the upper part of a nest. */
static void recurse(struct nesting *w, uint32_t index)
{
    struct pab_object *nest = pab_list_get_item(w->nests, index);
    uint32_t depth = w->depths[index];
    struct call call = {.kind = (enum kind)w->kinds[index]};
    uint32_t function = below(w, 3);
    if (function == 0) {
        call.limit = depth < 60 ? depth : 60;
        struct pab_object *flat = flatten(w, nest, call);
        note(w, (uint64_t)pab_list_size(flat));
        pab_decref(flat);
    } else if (function == 1) {
        call.limit = depth < CALLS_MAX ? depth : CALLS_MAX;
        struct pab_object *sum = add_up(w, nest, call);
        note(w, (uint64_t)pab_long_as_int64(sum));
        pab_decref(sum);
    } else {
        sort_some(w);
    }
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct nesting *w)
{
    w->inner_name = pab_name("inner");
    w->value_name = pab_name("value");
    w->node_class = pab_must(pab_class_new("Node", NULL, NULL));
    w->nests = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->nests, new_nest(w, i));
    }
}

static void steady(struct nesting *w)
{
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        if (below(w, 1000) < w->py.params[RECURSIONS]) {
            recurse(w, index);
        } else if (below(w, 3) == 0) {
            walk(w, index);
        } else {
            pab_list_set_item(w->nests, index, new_nest(w, index));
        }
    }
}

/* nests[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct nesting *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->nests, w->py.params[LIVE], seed);
    pab_unbind(&w->nests);
    pab_unbind(&w->node_class);
    pab_unbind(&w->value_name);
    pab_unbind(&w->inner_name);
}

static void nesting_body(struct pab_run *run)
{
    struct nesting *w = run->state;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status nesting_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct nesting *w = pab_program_new(run, sizeof(*w));
    w->depths = pab_inputs_take(run->inputs, run->params[LIVE] * sizeof(*w->depths));
    w->kinds = pab_inputs_take(run->inputs, run->params[LIVE]);
    return PAB_OK;
}

const struct pab_workload pab_workload_nesting = {
    .name = "nesting",
    .summary = "deep nests dropped at once, functions that call themselves",
    .models = "Linked lists, deep documents and recursion. A nest dies level within level, put off "
              "after each 50 by the trashcan (CPython 3.11, Objects/object.c); a recursive "
              "function holds the objects of all its levels, while its frames lie beside the heap "
              "(Python/pystate.c). Depths and the proportion of operations are our choice, not "
              "measured.",
    .unit = "one level built, walked or called",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = nesting_params,
    .setup = nesting_setup,
    .body = nesting_body,
};
