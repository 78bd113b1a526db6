/* harness/app/tree.h -- the processes of a program, all of them: what they hold, how they end.
 * Depends on app/witness.h.
 *
 * A process whose parent ended before it comes to us, as long as one tree runs at a time.
 */
#ifndef PAB_HARNESS_APP_TREE_H
#define PAB_HARNESS_APP_TREE_H

#include "harness/app/witness.h"

#include <stdbool.h>
#include <sys/resource.h>

/* From now on orphans are ours to wait for. */
void pab_tree_adopt(void);

/* Memory that the processes with a place in the file hold now; what they share counts for each. */
uint64_t pab_tree_rss_bytes(const struct pab_witness *witness);

struct pab_tree_limits {
    uint64_t deadline_ns;            /* CLOCK_MONOTONIC: from then on it is killed */
    const volatile int *interrupted; /* not 0: it has only `leave_ns` more; or NULL */
    uint64_t leave_ns;
};

/* Waits for whatever is left of the tree, kills what does not end in time, and adds up what it used.
 * False: something had to be killed. */
bool pab_tree_reap(const struct pab_tree_limits *limits, struct rusage *sum);

/* Adds the times and faults of `more`. */
void pab_tree_add_usage(struct rusage *sum, const struct rusage *more);

#endif
