/* workloads/cyclic_graphs.c -- object graphs that refer to themselves and are dropped.
 *
 * Reference counts never free a cycle: parents and children, doubly linked nodes, observers. What
 * is dropped stays allocated until the collector walks the generation that it has reached, so an
 * allocator sees waves: many objects made, then many freed at once, between blocks that survive
 * (CPython 3.11: a collection for each 701st net allocation, every eleventh of the next older
 * generation; the oldest only when a quarter of it is new. Modules/gcmodule.c).
 *
 * The body keeps `live` graphs in a list. Replacing one drops the old one as it is:
 *
 *   ring       instances with a __dict__: next, prev, value       tree      instances with slots,
 *   network    dicts {id, edges}, edges a list of dicts                     parent, left, right
 *   subject    an instance, listeners that refer back to it;      loop      a list within itself
 *              some have a __del__                                record    no cycle: refcounts do
 *
 * An operation is one object made and linked, or one node visited.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, NODES, CYCLIC, HOT, FINALIZED };

static const struct pab_param cyclic_graphs_params[] = {
    {"live", "graphs held in the long-lived list", "graphs", 400, 28000, 16, 10000000},
    {"steps", "graphs replaced or walked in the steady phase", "graphs", 1500, 40000, 16,
     100000000},
    {"nodes", "bound of the nodes of a graph; a quarter of it on average", "nodes", 48, 0, 1,
     100000},
    {"cyclic", "share of graphs with cycles", "1/1000", 700, 0, 0, 1000},
    {"hot", "share of replacements that hit the hot sixteenth", "1/1000", 800, 0, 0, 1000},
    {"finalized", "share of subjects with a finalizer", "1/1000", 60, 0, 0, 1000},
    {0},
};

enum name { VALUE, NEXT, PREV, PARENT, LEFT, RIGHT, EDGES, LISTENERS, SUBJECT, NAME_COUNT };

static const char *const name_texts[NAME_COUNT] = {
    "value", "next", "prev", "parent", "left", "right", "edges", "listeners", "subject",
};

enum kind { RECORD, RING, TREE, NETWORK, SUBJECTS, LOOP };

struct cyclic_graphs {
    struct pab_program py;
    struct pab_mix cyclic_kinds;
    uint8_t *kinds; /* of each graph: a program knows what its variables hold */
    /* Reset at the start of each body: */
    uint64_t next_value; /* what the next node holds: every node differs */
    struct pab_object *graphs;
    struct pab_object *names[NAME_COUNT];
    struct pab_object *node_class, *tree_class, *listener_class, *subject_class, *closing_class;
};

/* A finalizer is given nothing but the object: the body that runs in this thread. */
static _Thread_local struct cyclic_graphs *current;

static uint32_t below(struct cyclic_graphs *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct cyclic_graphs *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* --- attributes ---------------------------------------------------------------------------- */

static void link_to(struct cyclic_graphs *w, struct pab_object *self, enum name name,
                    struct pab_object *other)
{
    pab_must_do(pab_object_set_attr(self, w->names[name], other));
}

static struct pab_object *follow(struct cyclic_graphs *w, struct pab_object *self, enum name name)
{
    return pab_must(pab_object_get_attr(self, w->names[name]));
}

static void set_value(struct cyclic_graphs *w, struct pab_object *self)
{
    struct pab_object *value = pab_int((int64_t)w->next_value++);
    link_to(w, self, VALUE, value);
    pab_decref(value);
}

static void note_value(struct cyclic_graphs *w, struct pab_object *self)
{
    struct pab_object *value = follow(w, self, VALUE);
    note(w, (uint64_t)pab_long_as_int64(value));
    pab_decref(value);
    w->py.ops++;
}

/* def __init__(self): self.value = ... */
static struct pab_object *new_instance(struct cyclic_graphs *w, struct pab_object *class_object)
{
    struct pab_object *self = pab_must(pab_instance_new(class_object));
    set_value(w, self);
    w->py.ops++;
    return self;
}

/* def __del__(self): reads what it closes. The order of these calls is part of the checksum. */
static void close_subject(struct pab_object *self)
{
    note_value(current, self);
}

/* --- the graphs: each returns its entry ----------------------------------------------------- */

/* node.prev = last; last.next = node; ...; the last is linked to the first */
static struct pab_object *new_ring(struct cyclic_graphs *w, uint32_t n)
{
    struct pab_object *first = new_instance(w, w->node_class);
    struct pab_object *last = pab_new_ref(first);
    for (uint32_t i = 1; i < n; i++) {
        struct pab_object *node = new_instance(w, w->node_class);
        link_to(w, node, PREV, last);
        link_to(w, last, NEXT, node);
        pab_store(&last, node);
    }
    link_to(w, last, NEXT, first);
    link_to(w, first, PREV, last);
    pab_decref(last);
    return first;
}

/* A complete binary tree, node k being the child of node (k - 1) / 2. */
static struct pab_object *new_tree(struct cyclic_graphs *w, uint32_t n)
{
    struct pab_object *nodes = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *node = new_instance(w, w->tree_class);
        link_to(w, node, LEFT, pab_none());
        link_to(w, node, RIGHT, pab_none());
        if (i > 0) {
            struct pab_object *parent = pab_list_get_item(nodes, (pab_ssize)(i - 1) / 2);
            link_to(w, node, PARENT, parent);
            link_to(w, parent, i % 2 == 1 ? LEFT : RIGHT, node);
        }
        pab_list_push(nodes, node);
    }
    struct pab_object *root = pab_new_ref(pab_list_get_item(nodes, 0));
    pab_decref(nodes);
    return root;
}

static struct pab_object *edges_of(struct cyclic_graphs *w, struct pab_object *node)
{
    struct pab_object *edges = pab_dict_get_item(node, w->names[EDGES]);
    PAB_CHECK(edges != NULL);
    return edges;
}

/* nodes = [{'value': k, 'edges': []} ...]; each has an edge to the next and up to 3 to others */
static struct pab_object *new_network(struct cyclic_graphs *w, uint32_t n)
{
    struct pab_object *nodes = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *node = pab_must(pab_dict_new());
        pab_dict_store(node, pab_new_ref(w->names[VALUE]), pab_int((int64_t)w->next_value++));
        pab_dict_store(node, pab_new_ref(w->names[EDGES]), pab_must(pab_list_new(0)));
        pab_list_push(nodes, node);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *edges = edges_of(w, pab_list_get_item(nodes, (pab_ssize)i));
        uint32_t target = (i + 1) % n;
        for (uint32_t left = 1 + below(w, 4); left > 0; left--) {
            struct pab_object *other = pab_list_get_item(nodes, (pab_ssize)target);
            pab_must_do(pab_list_append(edges, other));
            target = below(w, n);
            w->py.ops++;
        }
    }
    struct pab_object *entry = pab_new_ref(pab_list_get_item(nodes, 0));
    pab_decref(nodes);
    w->py.ops += 3 * (uint64_t)n + 1;
    return entry;
}

/* subject.listeners.append(listener); listener.subject = subject */
static struct pab_object *new_subject(struct cyclic_graphs *w, uint32_t n)
{
    bool closing = below(w, 1000) < w->py.params[FINALIZED];
    struct pab_object *subject = new_instance(w, closing ? w->closing_class : w->subject_class);
    struct pab_object *listeners = pab_must(pab_list_new(0));
    link_to(w, subject, LISTENERS, listeners);
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *listener = new_instance(w, w->listener_class);
        link_to(w, listener, SUBJECT, subject);
        pab_list_push(listeners, listener);
    }
    pab_decref(listeners);
    w->py.ops++;
    return subject;
}

/* loop = [k ...]; loop.append(loop) */
static struct pab_object *new_loop(struct cyclic_graphs *w, uint32_t n)
{
    struct pab_object *loop = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < n; i++) {
        pab_list_push(loop, pab_int((int64_t)w->next_value++));
    }
    pab_must_do(pab_list_append(loop, loop));
    w->py.ops += (uint64_t)n + 1;
    return loop;
}

/* (k, 0.5 * k, [k ...], {'value': k}): most objects of most programs are in no cycle */
static struct pab_object *new_record(struct cyclic_graphs *w, uint32_t n)
{
    struct pab_object *values = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < n; i++) {
        pab_list_push(values, pab_int((int64_t)w->next_value++));
    }
    struct pab_object *options = pab_must(pab_dict_new());
    struct pab_object *id = pab_int((int64_t)w->next_value++);
    pab_must_do(pab_dict_set_item(options, w->names[VALUE], id));
    struct pab_object *weight = pab_must(pab_float_from_double((double)n * 0.5));
    struct pab_object *record = pab_must(pab_tuple_pack(4, id, weight, values, options));
    pab_decref(weight);
    pab_decref(id);
    pab_decref(options);
    pab_decref(values);
    w->py.ops += (uint64_t)n + 5;
    return record;
}

static struct pab_object *new_graph(struct cyclic_graphs *w, enum kind kind, uint32_t n)
{
    switch (kind) {
    case RING:
        return new_ring(w, n);
    case TREE:
        return new_tree(w, n);
    case NETWORK:
        return new_network(w, n);
    case SUBJECTS:
        return new_subject(w, n);
    case LOOP:
        return new_loop(w, n);
    case RECORD:
        break;
    }
    return new_record(w, n);
}

/* graphs[index] = a new one. The list's item is set last: until then the old one is alive. */
static struct pab_object *draw_graph(struct cyclic_graphs *w, uint32_t index)
{
    enum kind kind = RECORD;
    if (below(w, 1000) < w->py.params[CYCLIC]) {
        kind = (enum kind)pab_mix_draw(&w->cyclic_kinds, &w->py.rng);
    }
    w->kinds[index] = (uint8_t)kind;
    return new_graph(w, kind, 1 + below(w, 1 + below(w, (uint32_t)w->py.params[NODES])));
}

/* --- walks: old objects are read, and here and there given a new value ----------------------- */

/* for _ in range(n): total += node.value; node.value = k; node = node.next */
static void walk_ring(struct cyclic_graphs *w, struct pab_object *entry, uint32_t n)
{
    struct pab_object *node = pab_new_ref(entry);
    for (uint32_t i = 0; i < n; i++) {
        note_value(w, node);
        set_value(w, node);
        pab_store(&node, follow(w, node, i % 4 == 3 ? PREV : NEXT));
    }
    pab_decref(node);
}

/* Down one side of the tree, to a leaf. */
static void walk_tree(struct cyclic_graphs *w, struct pab_object *entry)
{
    struct pab_object *node = pab_new_ref(entry);
    while (node != pab_none()) {
        note_value(w, node);
        pab_store(&node, follow(w, node, below(w, 2) == 0 ? LEFT : RIGHT));
    }
    pab_decref(node);
}

/* for _ in range(n): node = random.choice(node['edges']) */
static void walk_network(struct cyclic_graphs *w, struct pab_object *entry, uint32_t n)
{
    struct pab_object *node = pab_new_ref(entry);
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *value = pab_dict_get_item(node, w->names[VALUE]);
        note(w, (uint64_t)pab_long_as_int64(value));
        struct pab_object *edges = edges_of(w, node);
        uint32_t chosen = below(w, (uint32_t)pab_list_size(edges));
        pab_store(&node, pab_new_ref(pab_list_get_item(edges, (pab_ssize)chosen)));
    }
    pab_decref(node);
    w->py.ops += n;
}

/* for listener in subject.listeners: listener.value = k */
static void notify_listeners(struct cyclic_graphs *w, struct pab_object *subject)
{
    struct pab_object *listeners = follow(w, subject, LISTENERS);
    for (pab_ssize i = 0; i < pab_list_size(listeners); i++) {
        set_value(w, pab_list_get_item(listeners, i));
        w->py.ops++;
    }
    pab_decref(listeners);
}

static void walk(struct cyclic_graphs *w, uint32_t index)
{
    struct pab_object *entry = pab_list_get_item(w->graphs, (pab_ssize)index);
    switch ((enum kind)w->kinds[index]) {
    case RING:
        walk_ring(w, entry, 8);
        break;
    case TREE:
        walk_tree(w, entry);
        break;
    case NETWORK:
        walk_network(w, entry, 8);
        break;
    case SUBJECTS:
        notify_listeners(w, entry);
        break;
    case LOOP:
        note(w, (uint64_t)pab_list_size(entry));
        w->py.ops++;
        break;
    case RECORD:
        note(w, (uint64_t)pab_object_hash(pab_tuple_get_item(entry, 0)));
        w->py.ops++;
        break;
    }
}

/* --- the phases ---------------------------------------------------------------------------- */

static void make_classes(struct cyclic_graphs *w)
{
    static const char *const tree_slots[] = {"value", "parent", "left", "right", NULL};
    static const char *const listener_slots[] = {"value", "subject", NULL};
    for (int i = 0; i < NAME_COUNT; i++) {
        w->names[i] = pab_name(name_texts[i]);
    }
    w->node_class = pab_must(pab_class_new("Node", NULL, NULL));
    w->tree_class = pab_must(pab_class_new("Tree", tree_slots, NULL));
    w->listener_class = pab_must(pab_class_new("Listener", listener_slots, NULL));
    w->subject_class = pab_must(pab_class_new("Subject", NULL, NULL));
    w->closing_class = pab_must(pab_class_new("ClosingSubject", NULL, close_subject));
}

static void drop_classes(struct cyclic_graphs *w)
{
    pab_unbind(&w->closing_class);
    pab_unbind(&w->subject_class);
    pab_unbind(&w->listener_class);
    pab_unbind(&w->tree_class);
    pab_unbind(&w->node_class);
    for (int i = 0; i < NAME_COUNT; i++) {
        pab_unbind(&w->names[i]);
    }
}

static void build(struct cyclic_graphs *w)
{
    make_classes(w);
    w->graphs = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->graphs, draw_graph(w, i));
    }
}

static void steady(struct cyclic_graphs *w)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        if (below(w, 2) == 0) {
            walk(w, below(w, live));
        } else {
            uint32_t reach = below(w, 1000) < w->py.params[HOT] ? live / 16 : live;
            uint32_t index = below(w, reach);
            pab_list_set_item(w->graphs, (pab_ssize)index, draw_graph(w, index));
        }
    }
}

/* Three quarters of the graphs go, and gc.collect() as a service does after a burst; then all. */
static void drain(struct cyclic_graphs *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->graphs, w->py.params[LIVE], seed);
    note(w, (uint64_t)pab_py_collect(PAB_GC_GENERATIONS - 1));
    pab_unbind(&w->graphs);
    note(w, (uint64_t)pab_py_collect(PAB_GC_GENERATIONS - 1));
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        struct pab_gc_stats stats = pab_py_gc_stats(i);
        note(w, stats.collections);
        note(w, stats.collected);
    }
    drop_classes(w);
}

static void cyclic_graphs_body(struct pab_run *run)
{
    struct cyclic_graphs *w = run->state;
    current = w;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status cyclic_graphs_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct cyclic_graphs *w = pab_program_new(run, sizeof(*w));
    w->kinds = pab_inputs_take(run->inputs, run->params[LIVE]);
    pab_mix_add(&w->cyclic_kinds, RING, 64);
    pab_mix_add(&w->cyclic_kinds, TREE, 64);
    pab_mix_add(&w->cyclic_kinds, NETWORK, 48);
    pab_mix_add(&w->cyclic_kinds, SUBJECTS, 64);
    pab_mix_add(&w->cyclic_kinds, LOOP, 16);
    PAB_CHECK(w->cyclic_kinds.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_cyclic_graphs = {
    .name = "cyclic_graphs",
    .summary = "rings, trees, networks and observers that only the collector can free",
    .models = "Object graphs with parents, neighbours and listeners. Dropped cycles wait for the "
              "generational collector (CPython 3.11, Modules/gcmodule.c: thresholds 700, 10, 10, "
              "and a quarter of the oldest generation must be new), finalizers run once (PEP 442). "
              "The proportion of graphs is our choice, not measured.",
    .unit = "one object made and linked, or one node visited",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = cyclic_graphs_params,
    .setup = cyclic_graphs_setup,
    .body = cyclic_graphs_body,
};
