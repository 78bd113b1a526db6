/* harness/recorder/process.h -- one process that is being read: its ring, its trace file, its clocks,
 * its end. Depends on tape.h, follow.h. */
#ifndef PAB_HARNESS_RECORDER_PROCESS_H
#define PAB_HARNESS_RECORDER_PROCESS_H

#include "harness/recorder/follow.h"

#include <time.h>

struct pab_process {
    struct pab_tape tape;
    struct pab_follow *follow;
    char name[64];   /* of the ring's file */
    int pid, pid_fd; /* pid: as we see it; 0: it was over before we could look */
    uint64_t begun_ns;
    clockid_t clock;
    bool has_clock;
    uint64_t cpu_ns, flushed_ns;
    unsigned number; /* of the file, from 1; 0: none yet */
    char file[PATH_MAX];
    char from[PATH_MAX]; /* trace of the process that it was forked from; "": none */
};

/* Copies of names, for children that have not appeared. */
struct pab_snapshot {
    struct pab_snapshot *next;
    uint64_t parent_begun_ns, taken_ns; /* seen_ns as it was taken */
    uint32_t number;
    char file[PATH_MAX];
    struct pab_addresses names;
};

/* The ring of that name in the folder. PAB_BAD_DATA: it is not complete, yet. */
enum pab_status pab_process_open(struct pab_follow *follow, const char *name,
                                 struct pab_process **out, struct pab_error *err);
/* Reads up to `most`; `is_over`: it has ended. */
enum pab_status pab_process_read(struct pab_process *process, bool is_over, size_t most,
                                 size_t *count, struct pab_error *err);
/* Completes the trace, tells what it was, and is gone in any case. `damage`: why not all of it was
 * read. PAB_IO: the trace could not be completed. */
enum pab_status pab_process_close(struct pab_process *process, const char *damage,
                                  struct pab_recorded *out, struct pab_error *err);

/* What the process with this ring had as it forked for the n-th time; NULL: not known. */
struct pab_snapshot *pab_snapshot_take(struct pab_follow *follow, uint64_t parent_begun_ns,
                                       uint32_t number);
void pab_snapshots_drop(struct pab_follow *follow, uint64_t taken_before_ns);

#endif
