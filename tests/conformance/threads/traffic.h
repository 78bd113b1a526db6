/* tests/conformance/threads/traffic.h -- threads that allocate, check and free each other's blocks
 * at random. Depends on team.h, support/subject.h.
 *
 * Blocks lie in shared slots. A thread locks a slot, reads its block whole, and frees it, resizes
 * it or writes it anew: whoever finds a block wrong knows who wrote it last. With T threads, one
 * free in T is of a block of one's own. Every byte that the allocator says may be used is written,
 * with a pattern of owner, version and offset, so that a block given to two shows as soon as one
 * of them is read.
 */
#ifndef PAB_TESTS_CONFORMANCE_THREADS_TRAFFIC_H
#define PAB_TESTS_CONFORMANCE_THREADS_TRAFFIC_H

#include "tests/conformance/support/subject.h"

struct pab_traffic {
    size_t threads;
    uint64_t steps; /* of all threads together */
    size_t slots;   /* at most PAB_TRAFFIC_SLOTS: blocks alive at once, at most */
    uint64_t seed;
    unsigned nap_every;  /* a thread yields or sleeps a little every so many steps; 0: never */
    unsigned move_every; /* and goes to another CPU; 0: never */
    bool keeps_blocks;   /* what is in the slots stays there for the next call, else all is freed */
};

#define PAB_TRAFFIC_SLOTS 4096

/* Adds to run->ops_done. False: pab_wrong() has been told what was found. */
bool pab_traffic_run(struct pab_check_run *run, const struct pab_subject *subject,
                     const struct pab_traffic *traffic);

#endif
