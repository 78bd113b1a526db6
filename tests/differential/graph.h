/* tests/differential/graph.h -- random programs over object graphs: what their parts share.
 * Internal to graph*.c, which are compiled for both runtimes. Depends on side.h, pyobj.h.
 *
 * A program is a list of steps over variables that own references. An object with a finalizer and
 * a weak reference with a callback may have an action: one more step, performed when the finalizer
 * or callback runs; variable 0 is then the object or the weak reference itself.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_GRAPH_H
#define PAB_TESTS_DIFFERENTIAL_GRAPH_H

#include "tests/differential/side.h"
#include "workloads/pyobj/pyobj.h"

enum {
    GRAPH_VARIABLES = 20,
    GRAPH_ACTIONS = 12, /* 0: none */
    GRAPH_PLACES = 16,
    GRAPH_NAMES = 4, /* of attributes; place modulo this */
};

/* What a step does; operands in brackets. */
enum graph_op {
    NEW_LIST,     /* [into] */
    NEW_DICT,     /* [into] */
    NEW_TUPLE,    /* [into] = ([from] or None, [other]) */
    NEW_SET,      /* [into], or a frozenset that holds [from] */
    NEW_INSTANCE, /* [into], of class [place] */
    NEW_FUNCTION, /* [into], with [from] as its self */
    NEW_WEAKREF,  /* [into] to [from]; callback: the first function from [other] on */
    NEW_CHAIN,    /* [into]: nested objects of kind [other], the innermost holds [from] */
    CHURN,        /* lists that are trash, or held by [into] */
    LINK,         /* [from] at [place] = [other] */
    UNLINK,       /* del [from] at [place] */
    FOLLOW,       /* [into] = [from] at [place] */
    ALIAS,        /* [into] = [from] */
    DROP,         /* del [into] */
    FORGET,       /* del all variables that hold [from] */
    CLEAR,        /* [from].clear() */
    DICT_OF,      /* [into] = [from].__dict__ */
    COLLECT,      /* gc.collect([place] % 3) */
    ENABLE,       /* gc.enable() or gc.disable() */
    THRESHOLD,    /* gc.set_threshold([place], [from], [other]) */
    FREEZE,
    UNFREEZE,
    GRAPH_OPS,
};

struct graph_step {
    uint8_t op, into, from, place, other;
    uint8_t action; /* of the object that is made */
};

/* The first ones are the classes of instances. */
enum graph_kind {
    PLAIN,
    FINALIZING,
    SLOTTED,
    SLOTTED_FINALIZING,
    CLASSES,
    LIST = CLASSES,
    DICT,
    TUPLE,
    SET,
    FROZENSET,
    FUNCTION,
    WEAKREF,
};

/* An object that the program made; those of dead ones may have the address of others. */
struct graph_node {
    struct pab_object *object;
    enum graph_kind kind;
    uint8_t action;
    bool settled;  /* a set: its one object is in */
    uint32_t next; /* in its bucket */
};

/* One program as it runs. */
struct graph {
    struct trace *trace;
    struct pab_object *variables[GRAPH_VARIABLES];
    struct pab_object *classes[CLASSES];
    struct pab_object *names[GRAPH_NAMES];
    struct graph_step actions[GRAPH_ACTIONS];
    int nested;  /* actions that run */
    bool ending; /* no more actions */
    uint64_t collections;
};
extern struct graph graph;

/* --- graph_nodes.c: objects by number, variables -------------------------------------------- */

void graph_nodes_reset(void);
/* Whoever makes one object may assume that there is room, even if finalizers made some, too. */
bool graph_has_room(void);
/* Gives a new object the next number; passes it through. */
struct pab_object *graph_number(struct pab_object *object, enum graph_kind kind, uint8_t action);
/* 0 for NULL and for what the program did not make. */
uint32_t graph_number_of(const struct pab_object *object);
struct graph_node *graph_node_of(const struct pab_object *object);

/* What the variable holds, as a new reference; or NULL. */
struct pab_object *graph_hold(uint8_t variable);
/* Steals; NULL empties the variable. */
void graph_store(uint8_t variable, struct pab_object *object);

/* __del__ of the finalizing classes, and what every function does. */
void graph_finalize(struct pab_object *self);
struct pab_object *graph_call_back(struct pab_object *self, struct pab_object *weakref);

/* --- graph_make.c, graph_steps.c: the operations -------------------------------------------- */

struct pab_object *graph_instance_new(enum graph_kind kind, uint8_t action);
void graph_set_attribute(struct pab_object *object, uint8_t place, struct pab_object *value);

void graph_new_list(const struct graph_step *step);
void graph_new_dict(const struct graph_step *step);
void graph_new_tuple(const struct graph_step *step);
void graph_new_set(const struct graph_step *step);
void graph_new_instance(const struct graph_step *step);
void graph_new_function(const struct graph_step *step);
void graph_new_weakref(const struct graph_step *step);
void graph_new_chain(const struct graph_step *step);
void graph_churn(const struct graph_step *step);

void graph_perform(const struct graph_step *step);

#endif
