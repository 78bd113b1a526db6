/* harness/recorder/tape.h -- one process that is recorded: its ring in, its trace out. Depends on
 * ring.h, addresses.h, workloads/trace/trace.h.
 *
 * A ring is the program's to write: whatever stands in it, the reader stays whole.
 */
#ifndef PAB_HARNESS_RECORDER_TAPE_H
#define PAB_HARNESS_RECORDER_TAPE_H

#include "harness/recorder/addresses.h"
#include "harness/recorder/ring.h"
#include "workloads/trace/trace.h"

#include <stdbool.h>
#include <stddef.h>

struct pab_tape_counts {
    uint64_t events;
    uint64_t refused;       /* requests that got NULL */
    uint64_t unknown_frees; /* of blocks that were made before, or where we do not look */
    uint64_t missed_frees;  /* an address was given out again, so it had been freed: made up */
    uint64_t torn;          /* places that were taken, and never written: the process was killed */
    uint64_t inherited;     /* blocks */
};

struct pab_tape_move; /* a realloc that has begun */

struct pab_tape {
    struct pab_ring *ring; /* mapped */
    struct pab_addresses names;
    struct pab_trace_writer *writer; /* NULL: not one event yet */
    struct pab_tape_counts counts;
    uint64_t tail; /* places read */
    struct pab_tape_move *moves;
    size_t move_count; /* threads that have a place in it */
    /* The process forks: its names as they are now are what the child has. */
    void (*on_fork)(struct pab_tape *tape, uint32_t number, void *arg);
    bool inherits; /* names are its parent's: they are put first, under slots of its own */
    /* The first event is here: `writer` is wanted. */
    enum pab_status (*on_first)(struct pab_tape *tape, void *arg, struct pab_error *err);
    void *arg;
};

/* `fd`: of a ring whose format was found right. PAB_BAD_DATA: it is none. */
enum pab_status pab_tape_open(struct pab_tape *tape, int fd, struct pab_error *err);

/* Reads up to `most` events; *count tells how many. `is_over`: nobody writes any more. */
enum pab_status pab_tape_read(struct pab_tape *tape, bool is_over, size_t most, size_t *count,
                              struct pab_error *err);

/* Nothing more is read of it; its process, if it lives, goes on unrecorded. The writer is the
 * caller's. */
void pab_tape_close(struct pab_tape *tape);

#endif
