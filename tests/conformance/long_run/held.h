/* tests/conformance/long_run/held.h -- blocks of the check's own table, and what the process holds
 * for them. Depends on support/subject.h.
 *
 * The table's pages are touched before anything is counted, and no huge pages come from here on, so
 * that what is gained since is the allocator's.
 */
#ifndef PAB_TESTS_CONFORMANCE_LONG_RUN_HELD_H
#define PAB_TESTS_CONFORMANCE_LONG_RUN_HELD_H

#include "tests/conformance/support/subject.h"

struct pab_held {
    const struct pab_subject *subject;
    void **blocks; /* NULL: none */
    size_t count, room;
    uint64_t bytes; /* asked for, of the live ones */
    size_t start_rss;
};

void pab_held_init(struct pab_held *held, const struct pab_subject *subject, size_t room);

/* Takes one more, every byte written. False: NULL, or no room. */
bool pab_held_take(struct pab_held *held, size_t size);

/* Frees block `index`, of `size` bytes, and leaves a gap. */
void pab_held_free(struct pab_held *held, size_t index, size_t size);

/* Resident bytes beyond those at the start. */
size_t pab_held_gain(const struct pab_held *held);

/* Sorts by address, gaps first. */
void pab_held_sort(struct pab_held *held);

#endif
