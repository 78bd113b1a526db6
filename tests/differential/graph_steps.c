/* tests/differential/graph_steps.c -- the operations of graph.h on objects and on the collector. */
#include "tests/differential/graph.h"

enum { LIST_ITEMS = 8 /* beyond that, LINK replaces */ };

static struct pab_object *key_at(uint8_t place)
{
    return place < GRAPH_NAMES ? pab_new_ref(graph.names[place])
                               : pab_must(pab_long_from_int64(place % 16));
}

static void link_list(struct pab_object *list, uint8_t place, struct pab_object *value)
{
    pab_ssize size = pab_list_size(list);
    if (size < LIST_ITEMS) {
        pab_must_do(pab_list_append(list, value));
    } else {
        pab_list_set_item(list, place % size, pab_new_ref(value));
    }
}

/* An instance is also a key now and then: a dict's order is that of insertion. */
static void link_dict(struct pab_object *dict, uint8_t place, struct pab_object *value)
{
    bool is_key = place >= 14 && graph_node_of(value)->kind < CLASSES;
    struct pab_object *key = is_key ? pab_new_ref(value) : key_at(place);
    pab_must_do(pab_dict_set_item(dict, key, value));
    pab_decref(key);
}

/* The order in a set follows from addresses, which differ; so a set holds one object only, and
 * ints. */
static void link_set(struct pab_object *set, uint8_t place, struct pab_object *value)
{
    struct graph_node *node = graph_node_of(set);
    enum graph_kind kind = graph_node_of(value)->kind;
    if ((kind < CLASSES || kind == FUNCTION) && !node->settled) {
        node->settled = true;
        pab_must_do(pab_set_add(set, value));
    } else {
        struct pab_object *key = pab_must(pab_long_from_int64(place));
        pab_must_do(pab_set_add(set, key));
        pab_decref(key);
    }
}

static void link_to(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    struct pab_object *value = graph_hold(step->other);
    if (from != NULL && value != NULL) {
        enum graph_kind kind = graph_node_of(from)->kind;
        if (kind < CLASSES) {
            graph_set_attribute(from, step->place, value);
        } else if (kind == LIST) {
            link_list(from, step->place, value);
        } else if (kind == DICT) {
            link_dict(from, step->place, value);
        } else if (kind == SET) {
            link_set(from, step->place, value);
        }
    }
    pab_xdecref(value);
    pab_xdecref(from);
}

static void unlink_from(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    enum graph_kind kind = from == NULL ? TUPLE : graph_node_of(from)->kind;
    if (kind < CLASSES) {
        struct pab_object *name = graph.names[step->place % GRAPH_NAMES];
        struct pab_object *value = pab_object_get_attr(from, name);
        if (value != NULL) {
            pab_must_do(pab_object_set_attr(from, name, NULL));
            pab_decref(value);
        }
    } else if (kind == LIST && pab_list_size(from) > 0) {
        pab_ssize at = step->place % pab_list_size(from);
        pab_must_do(pab_list_set_slice(from, at, at + 1 + step->other % 3, NULL));
    } else if (kind == DICT) {
        struct pab_object *key = key_at(step->place);
        if (pab_dict_get_item(from, key) != NULL) {
            pab_must_do(pab_dict_del_item(from, key));
        }
        pab_decref(key);
    }
    pab_xdecref(from);
}

static void clear(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    enum graph_kind kind = from == NULL ? TUPLE : graph_node_of(from)->kind;
    if (kind == LIST) {
        pab_must_do(pab_list_clear(from));
    } else if (kind == DICT) {
        pab_dict_clear(from);
    } else if (kind == SET) {
        graph_node_of(from)->settled = false;
        pab_set_clear(from);
    }
    pab_xdecref(from);
}

/* What `from` holds at `place`: a new reference, or NULL. */
static struct pab_object *value_at(struct pab_object *from, uint8_t place)
{
    struct pab_object *value = NULL;
    enum graph_kind kind = graph_node_of(from)->kind;
    if (kind < CLASSES) {
        return pab_object_get_attr(from, graph.names[place % GRAPH_NAMES]);
    }
    if (kind == LIST && pab_list_size(from) > 0) {
        value = pab_list_get_item(from, place % pab_list_size(from));
    } else if (kind == TUPLE) {
        value = pab_tuple_get_item(from, place % pab_tuple_size(from));
    } else if (kind == WEAKREF) {
        value = pab_weakref_get(from);
    } else if (kind == DICT) {
        struct pab_object *key = key_at(place);
        value = pab_dict_get_item(from, key);
        pab_decref(key);
    }
    return value == NULL ? NULL : pab_new_ref(value);
}

static void follow(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    struct pab_object *value = from == NULL ? NULL : value_at(from, step->place);
    if (value != NULL && value != pab_none()) {
        graph_store(step->into, value);
    } else {
        pab_xdecref(value);
    }
    pab_xdecref(from);
}

static void alias(const struct graph_step *step)
{
    graph_store(step->into, graph_hold(step->from));
}

static void drop(const struct graph_step *step)
{
    graph_store(step->into, NULL);
}

static void forget(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    for (int i = 1; i < GRAPH_VARIABLES && from != NULL; i++) {
        if (graph.variables[i] == from) {
            graph_store((uint8_t)i, NULL);
        }
    }
    pab_xdecref(from);
}

/* The dict of an instance is made when it is first asked for. */
static void dict_of(const struct graph_step *step)
{
    struct pab_object *from = graph_hold(step->from);
    if (from != NULL &&
        (graph_node_of(from)->kind == PLAIN || graph_node_of(from)->kind == FINALIZING)) {
        struct pab_object *dict = pab_must(pab_object_dict(from));
        if (dict->refcnt == 2) { /* else it was asked for before, and is held by somebody */
            graph_number(dict, DICT, 0);
        }
        graph_store(step->into, dict);
    }
    pab_xdecref(from);
}

/* --- steps that ask the collector ----------------------------------------------------------- */

static void collect(const struct graph_step *step)
{
    trace_note(graph.trace, "collect() returns", pab_py_collect(step->place % PAB_GC_GENERATIONS));
}

static void enable(const struct graph_step *step)
{
    pab_py_gc_enable(step->place % 4 != 0);
}

static void threshold(const struct graph_step *step)
{
    pab_py_gc_set_threshold(step->place, step->from % 6, step->other % 6);
}

static void freeze(const struct graph_step *step)
{
    (void)step;
    pab_py_gc_freeze();
    trace_note(graph.trace, "frozen", pab_py_gc_freeze_count());
}

static void unfreeze(const struct graph_step *step)
{
    (void)step;
    pab_py_gc_unfreeze();
    trace_note(graph.trace, "frozen", pab_py_gc_freeze_count());
}

static void (*const operations[GRAPH_OPS])(const struct graph_step *step) = {
    [NEW_LIST] = graph_new_list,
    [NEW_DICT] = graph_new_dict,
    [NEW_TUPLE] = graph_new_tuple,
    [NEW_SET] = graph_new_set,
    [NEW_INSTANCE] = graph_new_instance,
    [NEW_FUNCTION] = graph_new_function,
    [NEW_WEAKREF] = graph_new_weakref,
    [NEW_CHAIN] = graph_new_chain,
    [CHURN] = graph_churn,
    [LINK] = link_to,
    [UNLINK] = unlink_from,
    [FOLLOW] = follow,
    [ALIAS] = alias,
    [DROP] = drop,
    [FORGET] = forget,
    [CLEAR] = clear,
    [DICT_OF] = dict_of,
    [COLLECT] = collect,
    [ENABLE] = enable,
    [THRESHOLD] = threshold,
    [FREEZE] = freeze,
    [UNFREEZE] = unfreeze,
};

void graph_perform(const struct graph_step *step)
{
    if (graph_has_room()) {
        operations[step->op](step);
    }
}
