/* tests/conformance/collector/graph.h -- a second graph beside that of the toys, which never asks
 * the collector anything. Depends on toy.h, workloads/support/rng.h.
 *
 * What a program does is done to both graphs. From its own one the shadow counts references, finds
 * by search what can be reached, and so says beforehand what a collection must find, which
 * callbacks are due, when an object may be finalized, cleared or destroyed, and in which generation
 * it is then. It knows no order of any list. It is told of every event of a toy's life when it
 * happens, holds it to that, and at rest compares edges, counts and payloads: a collector that
 * condemns a live object of a counting heap clears it, and its own edges would agree with the
 * damage.
 *
 * The first difference ends the program by a jump out of wherever it is: what a collector does with
 * a damaged graph is of no interest.
 */
#ifndef PAB_TESTS_CONFORMANCE_COLLECTOR_GRAPH_H
#define PAB_TESTS_CONFORMANCE_COLLECTOR_GRAPH_H

#include "tests/conformance/collector/toy.h"
#include "workloads/support/rng.h"

#include <setjmp.h>

#define PAB_GRAPH_OBJECTS 48
#define PAB_GRAPH_NONE    (-1)
#define PAB_GRAPH_FROZEN  PAB_GC_GENERATIONS

enum pab_graph_state {
    PAB_GRAPH_ABSENT,
    PAB_GRAPH_ALIVE,
    PAB_GRAPH_DYING, /* has no reference left; its own ones go one by one */
};

/* Who owes a weak reference's callback its call. */
enum pab_graph_debt { PAB_OWED_BY_NOBODY, PAB_OWED_BY_DEATH, PAB_OWED_BY_COLLECTION };

struct pab_graph_object {
    enum pab_graph_state state;
    const struct pab_type *type;
    int deed; /* what its finalizer or callback does: the program's own */
    bool finalized;
    bool condemned; /* trash of the collection that runs */
    enum pab_graph_debt owed;
    int refs[PAB_TOY_REFS]; /* of a weak reference: its callback in the first */
    int referent;           /* of a weak reference; none when it is cleared */
    int roots;              /* references of the program's variables */
    int held;               /* while its finalizer or callback runs */
    int generation;
    uint64_t key; /* of its payload's pattern */
};

struct pab_graph {
    struct pab_graph_object objects[PAB_GRAPH_OBJECTS];
    struct pab_toy *toys[PAB_GRAPH_OBJECTS];
    int counts[PAB_GC_GENERATIONS], thresholds[PAB_GC_GENERATIONS];
    bool enabled;
    int total, pending; /* the 25 % rule's */
    uint64_t collections[PAB_GC_GENERATIONS], collected[PAB_GC_GENERATIONS];
    uint64_t keys; /* payloads made */

    /* The collection that runs. */
    int collecting;  /* its generation, or none */
    bool is_settled; /* finalizers have run, what is still condemned goes */
    int trash;       /* then: how many */
    int telling;     /* the weak reference that it told last, or none */
    int freed;       /* weak references that were freed right after they were told */

    bool dies_by_count; /* of the finalizer that runs: no collection runs it */

    /* What ends a program. */
    jmp_buf end;
    char text[320]; /* the difference */

    /* The program's deeds. */
    void (*do_finalizer)(int id);
    void (*do_callback)(int id);
};

extern struct pab_graph pab_graph;

/* An empty shadow of a world just begun, whose hooks it takes. */
void pab_graph_begin(void);

/* "object 7: ..." into text, or of none "...", and out. */
_Noreturn void pab_graph_differs(int id, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- what a program may do: to both graphs ------------------------------------------------- */

/* A place for a new object, or none; some are kept for what finalizers make while another object
 * is being made. */
int pab_graph_place(void);
/* A rooted node; collects if that is due. Where it is: there, unless the place was taken then. */
int pab_graph_make(int id, const struct pab_type *type, int deed, size_t payload);
/* A rooted weak reference to `referent`, with a callback if `callback` is an object. It stays
 * unattached if `referent` is gone by then, or has one without callback and this is another. */
int pab_graph_make_weakref(int id, int referent, int callback, int deed);
void pab_graph_set_edge(int from, size_t slot, int to);
void pab_graph_add_root(int id);
void pab_graph_drop_root(int id);
void pab_graph_rewrite(int id); /* a new payload */
void pab_graph_collect(int generation);
void pab_graph_freeze(void);
void pab_graph_unfreeze(void);

/* --- what a program may ask: of the shadow alone ------------------------------------------- */

bool pab_graph_is_node(int id); /* alive, and no weak reference */
/* Marks all that can be reached from roots and from objects that are not `within`. */
void pab_graph_search(const bool *within, bool *reached);
/* Counts the references to each object. */
void pab_graph_count(int *counts);

/* --- comparison (compare.c) ------------------------------------------------------------------ */

/* Edges and payload of all that `id` leads to. */
void pab_graph_compare_below(int id);
/* Where each weak reference leads. */
void pab_graph_compare_weakrefs(void);
/* pab_gc_check(). */
void pab_graph_check_lists(void);
/* Everything, at rest. */
void pab_graph_compare(void);

#endif
