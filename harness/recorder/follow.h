/* harness/recorder/follow.h -- all processes of a recorded program: finds their rings, reads them,
 * makes their traces. Depends on tape.h.
 *
 *   begin()  --> the program is started with the folder's name in its environment
 *   step()   --> until the program has ended, and `living` is 0
 *   end()    --> every trace is complete
 */
#ifndef PAB_HARNESS_RECORDER_FOLLOW_H
#define PAB_HARNESS_RECORDER_FOLLOW_H

#include "harness/recorder/tape.h"

#include <limits.h>

/* One program of one process, once all of it is read. */
struct pab_recorded {
    char file[PATH_MAX]; /* "": not one event */
    char command[200], python[48];
    int pid;
    unsigned number; /* of the file, from 1 */
    uint64_t bytes;  /* of the file */
    struct pab_tape_counts counts;
    uint64_t waits;
    uint32_t threads, unseen, handed_on;
    char damage[200]; /* why reading it had to stop; "": it had not */
};

struct pab_process; /* one that is being read */
struct pab_snapshot;

struct pab_follow {
    const char *out; /* the program's trace; those of other processes are numbered from it */
    int root_pid;    /* of the program, once it has been started */
    bool all;        /* every process is to be recorded, of whatever kind */
    char dir[200];   /* where the rings are */
    int watch_fd, lock_fd;
    struct pab_process **processes;
    size_t living;
    struct pab_recorded *recorded; /* `recorded_count` of them, in the order of their ends */
    size_t recorded_count;
    struct pab_snapshot *snapshots;
    unsigned files;        /* traces that were made */
    unsigned roomless;     /* processes for whose ring there was no room */
    unsigned orphans;      /* forked from a process that we do not know: their blocks are unknown */
    uint64_t begun, execs; /* programs that were handed on, and those that have been found */
    uint64_t seen_ns;      /* how long we have been looking: it stands while we are stopped */
    uint64_t stepped_ns;
    bool unready; /* a ring was seen that is not complete yet */
    bool stopped; /* an error: nothing is read any more */
    struct pab_error error;
};

enum pab_status pab_follow_begin(struct pab_follow *follow, const char *out, struct pab_error *err);
/* Reads what is there. Waits a little where that was not much. */
void pab_follow_step(struct pab_follow *follow);
/* Whether there are processes to be read, or to be found: children that have only just begun. */
bool pab_follow_expects(const struct pab_follow *follow);
/* Ends all traces; processes that live go on unrecorded. */
void pab_follow_end(struct pab_follow *follow);
void pab_follow_fini(struct pab_follow *follow);

#endif
