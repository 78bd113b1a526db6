/* tests/differential/graph_nodes.c -- the objects of a program by number, its variables, and what
 * finalizers and callbacks do. See graph.h. */
#include "tests/differential/graph.h"

#include <string.h>

enum { NODES = 6000, BUCKETS = 1024, NESTED_ACTIONS = 3 };

static struct {
    struct graph_node all[NODES];
    uint32_t count; /* numbers start at 1 */
    uint32_t buckets[BUCKETS];
} nodes;

void graph_nodes_reset(void)
{
    memset(nodes.buckets, 0, sizeof(nodes.buckets));
    nodes.count = 0;
}

bool graph_has_room(void)
{
    return nodes.count + 64 < NODES;
}

static uint32_t *bucket_of(const struct pab_object *object)
{
    uint64_t mixed = ((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return &nodes.buckets[mixed >> 54];
}
static_assert(BUCKETS == 1 << 10, "the hash has ten bits");

/* The newest object of an address is found first: older ones are dead. */
uint32_t graph_number_of(const struct pab_object *object)
{
    uint32_t number = object == NULL ? 0 : *bucket_of(object);
    while (number != 0 && nodes.all[number].object != object) {
        number = nodes.all[number].next;
    }
    return number;
}

struct graph_node *graph_node_of(const struct pab_object *object)
{
    uint32_t number = graph_number_of(object);
    PAB_CHECK(number != 0);
    return &nodes.all[number];
}

struct pab_object *graph_number(struct pab_object *object, enum graph_kind kind, uint8_t action)
{
    uint32_t number = ++nodes.count;
    PAB_CHECK(number < NODES);
    uint32_t *bucket = bucket_of(pab_must(object));
    nodes.all[number] = (struct graph_node){object, kind, action, false, *bucket};
    *bucket = number;
    return object;
}

/* --- variables ------------------------------------------------------------------------------ */

struct pab_object *graph_hold(uint8_t variable)
{
    struct pab_object *object = graph.variables[variable];
    return object == NULL ? NULL : pab_new_ref(object);
}

void graph_store(uint8_t variable, struct pab_object *object)
{
    struct pab_object *old = graph.variables[variable];
    graph.variables[variable] = object;
    pab_xdecref(old);
}

/* --- finalizers and callbacks --------------------------------------------------------------- */

static void act(const struct graph_node *node, struct pab_object *it)
{
    if (graph.ending || node->action == 0 || graph.nested == NESTED_ACTIONS) {
        return;
    }
    graph.nested++;
    struct pab_object *outer = graph.variables[0];
    graph.variables[0] = pab_new_ref(it);
    graph_perform(&graph.actions[node->action]);
    struct pab_object *inner = graph.variables[0];
    graph.variables[0] = outer;
    graph.nested--;
    pab_xdecref(inner);
}

void graph_finalize(struct pab_object *self)
{
    trace_note(graph.trace, "finalizer of", graph_number_of(self));
    act(graph_node_of(self), self);
}

struct pab_object *graph_call_back(struct pab_object *self, struct pab_object *weakref)
{
    PAB_CHECK(pab_weakref_get(weakref) == pab_none());
    trace_note(graph.trace, "callback of", graph_number_of(weakref));
    trace_note(graph.trace, "callback with", graph_number_of(self));
    act(graph_node_of(weakref), weakref);
    return pab_new_ref(pab_none());
}
