/* workloads/full_collection.c -- what gc.collect() costs on a graph of which nothing can go.
 *
 * A program that keeps a large heap pays for each full collection by its size, whether it finds
 * trash or not. The body is all about that: it makes `nodes` objects with the collector off, runs
 * `collections` full collections, and lets go of everything. About a third each are lists, dicts
 * and instances with a __dict__; each holds an int of its own and refers to three others:
 *
 *      next     the successor on one ring through all nodes, in random order
 *      left     any node               right    any node
 *
 * so a node's neighbours lie anywhere in memory. The list `nodes` refers to the first `held`
 * thousandths of them. It is older than they are, so a collection finds those at once; the others
 * are first taken for trash, and found again along the links.
 *
 * An operation is one object examined by one collection. Building and dropping the graph is timed
 * too: as much as some ten collections. More collections a body make that share smaller.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { NODES, COLLECTIONS, HELD };

static const struct pab_param full_collection_params[] = {
    {"nodes", "objects in the graph", "objects", 10000, 150000, 16, 100000000},
    {"collections", "full collections of it", "collections", 40, 2, 1, 1000000},
    {"held", "share of the nodes that one list holds, too", "1/1000", 1000, 0, 0, 1000},
    {0},
};

enum kind { LIST, DICT, INSTANCE, KIND_COUNT };

enum name { VALUE, NEXT, LEFT, RIGHT, NAME_COUNT };

static const char *const name_texts[NAME_COUNT] = {"value", "next", "left", "right"};

struct full_collection {
    struct pab_program py;
    uint8_t *kinds;       /* of each node */
    uint32_t *successors; /* on the ring */
    /* Reset at the start of each body: */
    struct pab_object *nodes;
    struct pab_object *names[NAME_COUNT];
    struct pab_object *node_class;
};

static struct pab_object *node_at(struct full_collection *w, uint32_t index)
{
    return pab_list_get_item(w->nodes, (pab_ssize)index);
}

/* Each node is made with its value and then given its references, in the order of `enum name`:
 * a list has them as its items. */
static void give(struct full_collection *w, uint32_t index, enum name name,
                 struct pab_object *value)
{
    struct pab_object *node = node_at(w, index);
    switch ((enum kind)w->kinds[index]) {
    case LIST:
        pab_must_do(pab_list_append(node, value));
        break;
    case DICT:
        pab_must_do(pab_dict_set_item(node, w->names[name], value));
        break;
    default:
        pab_must_do(pab_object_set_attr(node, w->names[name], value));
        break;
    }
}

/* What give() gave to a node of this kind; borrowed. */
static struct pab_object *look_up(struct full_collection *w, struct pab_object *node,
                                  enum kind kind, enum name name)
{
    if (kind == LIST) {
        return pab_list_get_item(node, (pab_ssize)name);
    }
    struct pab_object *value = kind == DICT ? pab_dict_get_item(node, w->names[name])
                                            : pab_must(pab_object_get_attr(node, w->names[name]));
    PAB_CHECK(value != NULL);
    if (kind == INSTANCE) {
        pab_decref(value); /* the node still has it */
    }
    return value;
}

static struct pab_object *new_node(struct full_collection *w, uint32_t index)
{
    switch ((enum kind)w->kinds[index]) {
    case LIST:
        return pab_must(pab_list_new(0));
    case DICT:
        return pab_must(pab_dict_new());
    default:
        return pab_must(pab_instance_new(w->node_class));
    }
}

static void make_names(struct full_collection *w)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        w->names[i] = pab_name(name_texts[i]);
    }
    w->node_class = pab_must(pab_class_new("Node", NULL, NULL));
}

static void drop_names(struct full_collection *w)
{
    pab_unbind(&w->node_class);
    for (int i = 0; i < NAME_COUNT; i++) {
        pab_unbind(&w->names[i]);
    }
}

/* gc.disable(); gc.freeze(), for what a runtime holds itself is no part of the graph. */
static void build(struct full_collection *w)
{
    uint32_t count = (uint32_t)w->py.params[NODES];
    pab_py_gc_enable(false);
    pab_py_gc_freeze();
    make_names(w);
    w->nodes = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < count; i++) {
        pab_list_push(w->nodes, new_node(w, i));
        struct pab_object *value = pab_int((int64_t)i + 1000);
        give(w, i, VALUE, value);
        pab_decref(value);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t left = pab_rng_below(&w->py.rng, count);
        uint32_t right = pab_rng_below(&w->py.rng, count);
        give(w, i, NEXT, node_at(w, w->successors[i]));
        give(w, i, LEFT, node_at(w, left));
        give(w, i, RIGHT, node_at(w, right));
    }
}

/* del nodes[held:], but for the first: the ring hangs on it. */
static void let_go(struct full_collection *w)
{
    uint64_t held = w->py.params[NODES] * w->py.params[HELD] / 1000;
    pab_must_do(pab_list_set_slice(w->nodes, (pab_ssize)(held == 0 ? 1 : held),
                                   pab_list_size(w->nodes), NULL));
}

static void note(struct full_collection *w, pab_ssize value)
{
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)value);
}

/* What is still there: so many values along the ring, and how long the list is. */
static void look_around(struct full_collection *w)
{
    struct pab_object *node = node_at(w, 0);
    uint32_t index = 0;
    note(w, pab_list_size(w->nodes));
    for (int left = 16; left > 0; left--) {
        node = look_up(w, node, (enum kind)w->kinds[index], NEXT);
        index = w->successors[index];
        struct pab_object *value = look_up(w, node, (enum kind)w->kinds[index], VALUE);
        note(w, (pab_ssize)pab_long_as_int64(value));
    }
}

static void full_collection_body(struct pab_run *run)
{
    struct full_collection *w = run->state;
    pab_program_begin(&w->py, run);
    build(w);
    let_go(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t i = 0; i < w->py.params[COLLECTIONS]; i++) {
        note(w, pab_py_collect(PAB_GC_GENERATIONS - 1));
    }
    look_around(w);
    w->py.ops = w->py.params[COLLECTIONS] * (w->py.params[NODES] + 1);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_unbind(&w->nodes);
    note(w, pab_py_collect(PAB_GC_GENERATIONS - 1));
    drop_names(w);
    pab_py_gc_unfreeze();
    pab_py_gc_enable(true);
    pab_program_end(&w->py, run);
}

/* Kinds, and one cycle through all nodes (Sattolo's shuffle). */
static enum pab_status full_collection_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    uint32_t count = (uint32_t)run->params[NODES];
    struct full_collection *w = pab_program_new(run, sizeof(*w));
    w->successors = pab_inputs_take(run->inputs, count * sizeof(*w->successors));
    w->kinds = pab_inputs_take(run->inputs, count);
    struct pab_rng rng;
    pab_rng_seed(&rng, run->seed);
    for (uint32_t i = 0; i < count; i++) {
        w->successors[i] = i;
        w->kinds[i] = (uint8_t)pab_rng_below(&rng, KIND_COUNT);
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = pab_rng_below(&rng, i);
        uint32_t swapped = w->successors[i];
        w->successors[i] = w->successors[other];
        w->successors[other] = swapped;
    }
    return PAB_OK;
}

const struct pab_workload pab_workload_full_collection = {
    .name = "full_collection",
    .summary = "full collections of a graph of which nothing can go",
    .models = "gc.collect() in a program that keeps a large heap: lists, dicts and instances, a "
              "third each, each with three references to others anywhere in memory (CPython 3.11, "
              "Modules/gcmodule.c). The shape of the graph is our choice, not measured.",
    .unit = "one object examined by one collection",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = full_collection_params,
    .setup = full_collection_setup,
    .body = full_collection_body,
};
