/* harness/footprint.h -- from two curves to footprint figures: pure functions. Depends on job.h.
 *
 * q(t), the demand curve, belongs to the workload and was recorded once; R(t) is what one backend
 * made of it. Both have a point at the same allocator calls. Definitions: results/README.md.
 */
#ifndef PAB_HARNESS_FOOTPRINT_H
#define PAB_HARNESS_FOOTPRINT_H

#include "harness/job.h"

/* Below this peak of q a ratio says more about start-up reservations than about the workload;
 * it is also over 20 times the error of an RSS reading (64 pages for each CPU's batch). */
#define PAB_FOOTPRINT_LIVE_MIN ((uint64_t)32 << 20)

struct pab_curve {
    const struct pab_curve_point *points;
    size_t count;
};

/* A figure that may not apply. */
struct pab_figure {
    bool has;
    double value;
};

/* (peak R - R0) / max q: what has to be provisioned. */
struct pab_figure pab_footprint_peak(const struct pab_memory_sample *sample, uint64_t live_peak);

/* The integral of (R - R0) over the integral of q, over R's own time: byte-seconds. */
struct pab_figure pab_footprint_time(const struct pab_memory_sample *sample, struct pab_curve rss,
                                     struct pab_curve demand);

/* (R(drain + d) - R0) / (peak R - R0): the share that is kept. */
struct pab_figure pab_footprint_retained(const struct pab_memory_sample *sample, uint64_t rss_bytes,
                                         uint64_t live_peak);

/* Usable bytes of the live blocks at the tick where most is requested, and how much that is; 0
 * where the backend cannot be asked. */
uint64_t pab_footprint_usable(struct pab_curve rss, struct pab_curve demand, uint64_t *live_bytes);

/* 1 - requested / usable over the live blocks of that tick. */
struct pab_figure pab_footprint_internal(struct pab_curve rss, struct pab_curve demand);

/* q at the point recorded at `calls`, or at the last one before it. */
uint64_t pab_curve_at(struct pab_curve curve, uint64_t calls);

#endif
