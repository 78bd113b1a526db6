/* tests/conformance/collector/programs.h -- random programs over toys, each step held against the
 * shadow graph. Depends on toy.h.
 */
#ifndef PAB_TESTS_CONFORMANCE_COLLECTOR_PROGRAMS_H
#define PAB_TESTS_CONFORMANCE_COLLECTOR_PROGRAMS_H

#include "tests/conformance/collector/toy.h"

enum pab_graph_program_feature {
    PAB_GRAPH_FINALIZERS = 1u << 0, /* objects whose finalizers do something: see programs.c */
    PAB_GRAPH_WEAKREFS = 1u << 1,
    PAB_GRAPH_AUTOMATIC = 1u << 2, /* allocations collect; else only the program does */
    PAB_GRAPH_FREEZING = 1u << 3,
    PAB_GRAPH_ALL = (1u << 4) - 1,
};

struct pab_graph_program {
    const struct pab_alloc *under; /* the heap; NULL: libc's */
    unsigned features;
    uint64_t seed;
    unsigned steps;
};

#define PAB_GRAPH_DEEDS 8 /* kinds of finalizers */

struct pab_graph_program_result {
    uint64_t steps; /* done until the end, or until the first difference */
    uint64_t collections, collected, finalized, told, freed;
    uint64_t deeds[PAB_GRAPH_DEEDS][2]; /* finalizers run by collections, and by counts */
    char text[400];                     /* the difference, and how to see it again; empty: none */
};

/* Runs it in a new world. In the end all is dropped, and nothing may be left. */
bool pab_graph_program_run(const struct pab_graph_program *program,
                           struct pab_graph_program_result *result);

#endif
