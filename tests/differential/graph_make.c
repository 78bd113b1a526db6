/* tests/differential/graph_make.c -- the operations of graph.h that make objects. */
#include "tests/differential/graph.h"

void graph_new_list(const struct graph_step *step)
{
    graph_store(step->into, graph_number(pab_list_new(0), LIST, 0));
}

void graph_new_dict(const struct graph_step *step)
{
    graph_store(step->into, graph_number(pab_dict_new(), DICT, 0));
}

static bool is_hashable(const struct pab_object *object)
{
    enum graph_kind kind = graph_node_of(object)->kind;
    return kind < CLASSES || kind == FUNCTION;
}

void graph_new_set(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    if (step->place % 4 != 0 || from == NULL || !is_hashable(from)) {
        graph_store(step->into, graph_number(pab_set_new(NULL), SET, 0));
    } else {
        struct pab_object *items = pab_must(pab_tuple_pack(1, from));
        graph_store(step->into, graph_number(pab_frozenset_new(items), FROZENSET, 0));
        pab_decref(items);
    }
    pab_xdecref(from);
}

static struct pab_object *pack(struct pab_object *a, struct pab_object *b)
{
    return graph_number(b == NULL ? pab_tuple_pack(1, a) : pab_tuple_pack(2, a, b), TUPLE, 0);
}

/* (None,) holds nothing that is tracked. */
void graph_new_tuple(const struct graph_step *step)
{
    struct pab_object *a = graph_hold(step->from);
    struct pab_object *b = graph_hold(step->other);
    graph_store(step->into, pack(a == NULL || step->place < 3 ? pab_none() : a, b));
    pab_xdecref(a);
    pab_xdecref(b);
}

struct pab_object *graph_instance_new(enum graph_kind kind, uint8_t action)
{
    return graph_number(pab_instance_new(graph.classes[kind]), kind, action);
}

void graph_new_instance(const struct graph_step *step)
{
    graph_store(step->into,
                graph_instance_new((enum graph_kind)(step->place % CLASSES), step->action));
}

static struct pab_object *make_function(struct pab_object *self)
{
    return graph_number(pab_function_new(graph_call_back, self), FUNCTION, 0);
}

void graph_new_function(const struct graph_step *step)
{
    struct pab_object *self = graph_hold(step->from);
    graph_store(step->into, make_function(self));
    pab_xdecref(self);
}

static bool can_be_referred_to(const struct graph_node *node)
{
    return node->kind == PLAIN || node->kind == FINALIZING || node->kind == SET ||
           node->kind == FROZENSET || node->kind == FUNCTION;
}

/* The first function in a variable, from `first` on; NULL: there is none. */
static struct pab_object *find_function(uint8_t first)
{
    for (int i = first; i < GRAPH_VARIABLES; i++) {
        if (graph.variables[i] != NULL && graph_node_of(graph.variables[i])->kind == FUNCTION) {
            return graph_hold((uint8_t)i);
        }
    }
    return NULL;
}

/* One without callback may be the one that there is already. */
void graph_new_weakref(const struct graph_step *step)
{
    struct pab_object *referent = graph_hold(step->from);
    struct pab_object *callback = find_function(step->other);
    if (referent != NULL && can_be_referred_to(graph_node_of(referent))) {
        struct pab_object *weakref = pab_must(pab_weakref_new(referent, callback));
        if (weakref->refcnt == 1) {
            graph_number(weakref, WEAKREF, step->action);
        }
        graph_store(step->into, weakref);
    }
    pab_xdecref(callback);
    pab_xdecref(referent);
}

void graph_set_attribute(struct pab_object *object, uint8_t place, struct pab_object *value)
{
    pab_must_do(pab_object_set_attr(object, graph.names[place % GRAPH_NAMES], value));
}

/* A new object of `kind` that holds `inner`, whose reference is stolen. */
static struct pab_object *wrap(enum graph_kind kind, struct pab_object *inner, uint8_t action)
{
    struct pab_object *outer;
    switch (kind) {
    case TUPLE:
        outer = pack(inner, NULL);
        break;
    case FUNCTION:
        outer = make_function(inner);
        break;
    case DICT:
        outer = graph_number(pab_dict_new(), DICT, 0);
        pab_must_do(pab_dict_set_item(outer, graph.names[0], inner));
        break;
    case PLAIN:
    case FINALIZING:
    case SLOTTED:
    case SLOTTED_FINALIZING:
        outer = graph_instance_new(kind, action);
        graph_set_attribute(outer, action, inner);
        break;
    default:
        outer = graph_number(pab_list_new(0), LIST, 0);
        pab_must_do(pab_list_append(outer, inner));
    }
    pab_decref(inner);
    return outer;
}

/* Deep enough for the trashcan. */
void graph_new_chain(const struct graph_step *step)
{
    struct pab_object *chain = graph_hold(step->from);
    if (chain == NULL) {
        chain = graph_number(pab_list_new(0), LIST, 0);
    }
    int length = 10 + step->place * 8;
    for (int i = 0; i < length && graph_has_room(); i++) {
        enum graph_kind kind =
            (enum graph_kind)((step->other + (step->other % 3 == 0 ? i : 0)) % WEAKREF);
        chain = wrap(kind, chain, i == length / 2 ? step->action : 0);
    }
    graph_store(step->into, chain);
}

void graph_churn(const struct graph_step *step)
{
    for (int i = 1 + step->place * 3; i > 0 && graph_has_room(); i--) {
        struct pab_object *list = graph_number(pab_list_new(0), LIST, 0);
        if (step->other % 2 == 0) {
            pab_must_do(pab_list_append(list, list));
            pab_decref(list);
        } else {
            struct pab_object *former = graph_hold(step->into);
            if (former != NULL) {
                pab_must_do(pab_list_append(list, former));
                pab_decref(former);
            }
            graph_store(step->into, list);
        }
    }
}
