/* tests/differential/trace.h -- what one runtime did, event by event, as a hash or as text.
 * Depends on allocators/backend.h.
 *
 * Events are requests (domain, call, size, which earlier block) and notes (a value that the
 * program computed). A block is named by the number of the request that made it, so traces of two
 * runtimes are equal exactly when they asked for the same, in the same order, and freed the same.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_TRACE_H
#define PAB_TESTS_DIFFERENTIAL_TRACE_H

#include "allocators/backend.h"

#include <stdio.h>

struct pab_object;
struct trace;

struct trace_lane { /* ctx of one domain's table */
    struct trace *trace;
    enum pab_domain domain;
    struct pab_alloc below;
};

struct trace_block {
    uintptr_t address; /* 0: free place */
    uint64_t number;
};

struct trace {
    struct pab_heap heap; /* for pab_py_start() */
    struct trace_lane lanes[PAB_DOMAIN_COUNT];
    struct trace_block *blocks; /* open addressing, linear probing */
    size_t block_places, block_count;
    uint64_t block_number; /* of the last block made */
    bool paused;
    uint64_t events, hash;
    uint64_t limit;            /* events beyond do not change the hash */
    FILE *text;                /* or NULL: events first..last are written to it */
    uint64_t first, last;      /* counted from 1 */
    size_t step, step_at_last; /* which step of the program runs; ran at event `last` */
};

/* `below`: where the requests go in the end. */
void trace_init(struct trace *trace, const struct pab_alloc *below);
void trace_fini(struct trace *trace);

/* Forgets everything; a new program begins. The hash stands still after `limit` events. */
void trace_begin(struct trace *trace, uint64_t limit);

/* Between pause and resume, requests are none of the program's: their blocks stay unknown, and
 * what is freed is forgotten. */
void trace_pause(struct trace *trace, bool paused);

/* One step of the program begins. */
void trace_step(struct trace *trace, size_t step);
/* The block that an object lies in, with or without a header before it; 0: it is static, or was
 * made while the trace paused. */
uint64_t trace_block_of(const struct trace *trace, const struct pab_object *object);
/* A value that both runtimes must agree on. `what` is a literal. */
void trace_note(struct trace *trace, const char *what, int64_t value);

#endif
