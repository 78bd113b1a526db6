/* workloads/workload.h -- THE CONTRACT of a workload. Depends on allocators/backend.h.
 *
 * A workload is a constant table in a file of its own. It declares what it models, its
 * parameters and how many operations one body() does; it has no clock, no printf and no loop
 * over repetitions. Given (parameters, seed) its stream of requests is the same on every
 * backend, and so is its checksum. It touches all memory it asks for, as a Python program would.
 */
#ifndef PAB_WORKLOADS_WORKLOAD_H
#define PAB_WORKLOADS_WORKLOAD_H

#include "allocators/backend.h"

struct pab_spec;

#define PAB_WORKLOAD_CONTRACT 1u
#define PAB_PARAMS_MAX        12

/* The table ends at .name == NULL. A parameter whose unit is PAB_PARAM_WAYS chooses between two ways
 * to the same result: operations and checksum are those of the other way, requests are not. */
#define PAB_PARAM_WAYS "0 or 1"

struct pab_param {
    const char *name;
    const char *summary;
    const char *unit;
    uint64_t value;        /* default of the time pass: a body of some 5 ms */
    uint64_t memory_value; /* default of the memory pass: a peak of 32 MiB live or more; 0: value */
    uint64_t min, max;
};

enum pab_phase {
    PAB_PHASE_BUILD,  /* the live set grows */
    PAB_PHASE_STEADY, /* it is used and churned at about constant size */
    PAB_PHASE_DRAIN,  /* it is given up */
    PAB_PHASE_END,    /* nothing of it is left */
    PAB_PHASE_COUNT,
};

/* One cell in flight: made by the worker, lent to the workload. */
struct pab_run {
    struct pab_heap *heap;       /* the allocator under test */
    const struct pab_spec *spec; /* what it was opened from; NULL: no second one can be had */
    struct pab_inputs *inputs;   /* support/inputs.h: memory that is never the heap's */
    uint64_t seed;
    const uint64_t *params; /* in the order of pab_workload.params */
    void *state;            /* the workload's own, out of `inputs` */
    uint64_t op_count;      /* set by setup() or body(): operations one body() performs */
    uint64_t checksum;      /* set by body(): equal on every backend */
    /* Threads may call the heap at the same time. False wherever somebody counts, hashes or times
     * single calls: then they take turns (support/crew.h). */
    bool at_once;
    /* Called at the start of each phase; the timed pass leaves it NULL. */
    void (*on_phase)(struct pab_run *run, enum pab_phase phase);
    /* Called where a body begins to do, and has done, what is no part of it: the timed pass stops its
     * clocks. NULL: nobody minds. */
    void (*on_pause)(struct pab_run *run, bool paused);
    void *observer;
    const struct pab_recording *recording; /* trace/replay.h: what is replayed; else NULL */
    bool one_thread;                       /* the pass can follow no other thread */
    /* A body's own finding about the structure of the heap, where threads take turns: told as
     * structure.NAME by the memory pass. NULL: it has none. */
    const char *count_name;
    uint64_t count;
};

static inline void pab_run_phase(struct pab_run *run, enum pab_phase phase)
{
    if (run->on_phase != NULL) {
        run->on_phase(run, phase);
    }
}

enum pab_workload_flag {
    PAB_WORKLOAD_DEFAULT = 1u << 0, /* part of the default set */
    PAB_WORKLOAD_DIRECT = 1u << 1,  /* calls the backend itself, without the object model */
};

/* How the threads of a workload use the heap. All but NONE have the parameter `threads`, first. */
enum pab_threading {
    PAB_THREADING_NONE,
    PAB_THREADING_TURNS,  /* one at a time, as under CPython's GIL: any backend will do */
    PAB_THREADING_HEAPS,  /* at once: each on a heap of its own (PAB_CAP_INSTANCES), or all on one
                             that is safe (PAB_CAP_THREADS) */
    PAB_THREADING_SHARED, /* at once on one heap: PAB_CAP_THREADS */
};

/* Its bodies use several CPUs, so that their wall time is the figure, not their CPU time. */
static inline bool pab_threading_at_once(enum pab_threading threading)
{
    return threading == PAB_THREADING_HEAPS || threading == PAB_THREADING_SHARED;
}

struct pab_workload {    /* immutable */
    const char *name;    /* = file name, key on the command line and in results */
    const char *summary; /* one line for `list workloads` */
    const char *models;  /* which Python behaviour it stands for, and how we know */
    const char *unit;    /* what one operation is */
    unsigned contract;
    unsigned flags;
    enum pab_threading threading;
    const struct pab_param *params;        /* or NULL */
    const struct pab_recording *recording; /* of a recorded program: run->recording; else NULL */
    /* Untimed: draws inputs from run->inputs. Must not touch the heap. Optional. */
    enum pab_status (*setup)(struct pab_run *run, struct pab_error *err);
    /* The only timed code; called many times, each time from an empty heap to an empty heap. */
    void (*body)(struct pab_run *run);
};

size_t pab_workload_count(void);
const struct pab_workload *pab_workload_at(size_t index);
const struct pab_workload *pab_workload_find(const char *name);

#endif
