/* harness/drift.h -- does a process grow from body to body? Depends on libc alone.
 *
 * The slope is Theil's: the median of the slopes between all pairs of points, so that single steps,
 * up or down, do not carry it. Its bound is the upper end of the two-sided 95 % interval that
 * Kendall's tau gives (P. K. Sen, JASA 63, 1968; normal approximation, without ties): memory
 * grows by at most so much a body, as far as these bodies can tell.
 */
#ifndef PAB_HARNESS_DRIFT_H
#define PAB_HARNESS_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#define PAB_DRIFT_POINTS_MAX 64

struct pab_drift {
    double slope, upper; /* bytes a body */
};

/* 4 to PAB_DRIFT_POINTS_MAX points, one body apart. */
struct pab_drift pab_drift_of(const uint64_t *bytes, size_t count);

#endif
