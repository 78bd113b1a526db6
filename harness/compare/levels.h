/* harness/compare/levels.h -- where an allocator sits, beside how it does there, as a few lines.
 * Depends on jansson.
 *
 * The insertion level is an axis: one allocator may serve everything, or below a pymalloc more or
 * less of it, and each of these is a backend of its own.
 */
#ifndef PAB_HARNESS_COMPARE_LEVELS_H
#define PAB_HARNESS_COMPARE_LEVELS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* A backend's ratios over all workloads; NAN where there is none. */
struct pab_level_ratios {
    double time, memory;
};

struct pab_levels {
    const json_t *backends; /* of a run */
    struct pab_level_ratios (*ratios)(const void *arg, const char *backend);
    const void *arg;
    bool is_doubtful; /* the control failed: "!" behind each time */
};

/* A line for each allocator that the run has at two levels or more, beneath one that says what the
 * figures are. Of two backends alike in both the first stands there. Nothing where there is no such
 * allocator, or only the system's beside a plain pymalloc. */
void pab_levels_print(FILE *out, const struct pab_levels *levels);

#endif
