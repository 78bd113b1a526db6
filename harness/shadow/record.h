/* harness/shadow/record.h -- what the preload library and `verify` share: the variables that carry
 * orders in, the record that carries findings out. Depends on libc alone.
 *
 * A record is a file, mapped shared by the process that it is about and kept up to date with every
 * call; so it can be read whatever became of that process.
 */
#ifndef PAB_HARNESS_SHADOW_RECORD_H
#define PAB_HARNESS_SHADOW_RECORD_H

#include <stdint.h>

#define PAB_RECORD_FORMAT 0x70616201u /* raised when the record changes shape */

/* Environment of the shadowed program. */
#define PAB_SHADOW_DIR     "PYALLOCBENCH_SHADOW_DIR"     /* where records go */
#define PAB_SHADOW_PROFILE "PYALLOCBENCH_SHADOW_PROFILE" /* instead of the interpreter's own */
#define PAB_SHADOW_ROOT    "PYALLOCBENCH_SHADOW_ROOT"    /* pid of the program that was named */

/* The exit status with which a program ends before its main() if it cannot be shadowed. */
#define PAB_SHADOW_REFUSED 77

enum pab_record_end {
    PAB_END_NONE,   /* it runs, was killed, crashed, or became another program by exec */
    PAB_END_EXIT,   /* through its exit handlers */
    PAB_END_DIRECT, /* os._exit() */
};

enum pab_call_kind {
    PAB_CALL_MALLOC,
    PAB_CALL_CALLOC,
    PAB_CALL_REALLOC,
    PAB_CALL_FREE,
    PAB_CALL_KINDS,
};

struct pab_record {
    uint32_t format;
    uint32_t end;
    int32_t pid, parent;
    uint64_t begun_ns;              /* CLOCK_MONOTONIC */
    uint32_t image;                 /* programs that this process was before, by exec */
    uint32_t forked;                /* this process began as a fork of `parent` */
    uint64_t calls[PAB_CALL_KINDS]; /* compared */
    uint64_t skipped;               /* served by CPython alone, after `stopped` was set */
    uint64_t in_pools, raw, failed; /* the addresses among them */
    uint64_t arenas_taken, arenas_released;
    uint64_t other_chunks; /* calls of the arena hook for something else: frame stacks */
    uint64_t states;       /* allocator states seen: 1, and one for each isolated interpreter */
    uint64_t forks;        /* children of fork(): each has a record of its own */
    uint64_t mismatches;
    uint64_t statistics_moments, statistics_fields; /* fields: of the last moment */
    uint64_t statistics_call;                       /* how many calls the last moment came after */
    char command[200];
    char python[48];     /* Py_GetVersion(), its first word */
    char profile[8];     /* "" when refused */
    char refused[200];   /* why nothing of this process was shadowed; "": it was */
    char stopped[200];   /* why calls were skipped from some moment on; "": none was */
    char mismatch[400];  /* the first one */
    char unmeasured[96]; /* why the statistics were not, or no longer, compared */
};

/* Of every kind, compared. */
static inline uint64_t pab_record_calls(const struct pab_record *record)
{
    uint64_t sum = 0;
    for (int i = 0; i < PAB_CALL_KINDS; i++) {
        sum += record->calls[i];
    }
    return sum;
}

#endif
