/* harness/spawn.h -- the process of a worker: its words, its environment, its descriptors. Depends
 * on runner.h.
 *
 * Nothing is copied of the parent, whose memory grows with every sample: the child shares it until
 * it has become the worker (posix_spawn), so the last sample of a run costs what the first did.
 */
#ifndef PAB_HARNESS_SPAWN_H
#define PAB_HARNESS_SPAWN_H

#include "harness/runner.h"

#include <sys/types.h>

/* What the worker inherits, each above PAB_SPAWN_FD_LAST: it reads `job` as PAB_JOB_FD, writes
 * `message` as PAB_MESSAGE_FD, and prints to `output`. */
struct pab_spawn_ends {
    int job, message, output;
};

#define PAB_SPAWN_FD_LAST PAB_WRAPPER_FD /* those below belong to the worker */

struct pab_spawned {
    pid_t pid;
    bool is_still; /* its addresses are not random; false also where its pass does not ask for it */
};

/* Starts the process that `launch` describes, in a process group of its own. PAB_IO: there is no
 * process to be had, or its binary is gone. */
enum pab_status pab_spawn_worker(const struct pab_launch *launch, const struct pab_spawn_ends *ends,
                                 struct pab_spawned *out, struct pab_error *err);

#endif
