/* harness/compare/comparable.h -- may two documents be compared? Depends on reading.h.
 *
 * A machine is known by what it is (CPU, memory, kernel, settings), not by its name or its clock.
 * Our own build id and commit may differ: that is what old against new is about. So may an
 * allocator's version; it is said.
 */
#ifndef PAB_HARNESS_COMPARE_COMPARABLE_H
#define PAB_HARNESS_COMPARE_COMPARABLE_H

#include "harness/compare/reading.h"

/* Texts, joined by "; ", as many as there is room for. */
struct pab_joined {
    char text[400];
    size_t used, count;
};

/* What makes times or bytes of one useless beside the other's: machine, build settings, a
 * workload's parameters or results. "cpu_model A against B"; none where `count` is 0. */
void pab_unlike(const struct pab_reading *base, const struct pab_reading *head,
                struct pab_joined *out);

/* Backends that are another version or file: "jemalloc 5.2.1 against 5.3.0". */
void pab_versions_differ(const struct pab_reading *base, const struct pab_reading *head,
                         struct pab_joined *out);

#endif
