/* tests/conformance/threads/ladder.h -- what a process does to prove that its allocator still
 * serves it: blocks of 8 bytes to 2 MiB, written, resized, read, freed. Depends on
 * support/subject.h.
 */
#ifndef PAB_TESTS_CONFORMANCE_THREADS_LADDER_H
#define PAB_TESTS_CONFORMANCE_THREADS_LADDER_H

#include "tests/conformance/support/subject.h"

#define PAB_LADDER_STEPS 19 /* 8 bytes, 16, ... 2 MiB */

/* Blocks that outlive the call: taken before a fork, held and freed on either side of it. */
struct pab_ladder {
    void *blocks[PAB_LADDER_STEPS];
};

size_t pab_ladder_size(size_t step);

/* False: there was NULL. */
bool pab_ladder_take(struct pab_ladder *ladder, const struct pab_subject *subject);

/* False: a block had changed. All are freed. */
bool pab_ladder_give(struct pab_ladder *ladder, const struct pab_subject *subject);

/* Take, resize where that is possible, give: all within one call. */
bool pab_ladder_climb(const struct pab_subject *subject);

#endif
