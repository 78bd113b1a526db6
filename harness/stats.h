/* harness/stats.h -- statistics over samples: pure functions, no I/O. Depends on libc.
 *
 * Definitions are those of results/README.md; plots/load.py implements them a second time and a
 * test compares the two.
 */
#ifndef PAB_HARNESS_STATS_H
#define PAB_HARNESS_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Sorts `values` in place. n >= 1. */
double pab_median(double *values, size_t n);
/* Median absolute deviation from the median, unscaled. Reorders `values`. n >= 1. */
double pab_mad(double *values, size_t n);

struct pab_interval {
    double estimate;
    double lo, hi;
    bool has_interval; /* false: too few values for the confidence asked */
};

/* Hodges-Lehmann estimate of the centre of n >= 1 paired differences, with the 95 % interval
 * from inverting Wilcoxon's signed-rank test (exact to n = 100, normal approximation above).
 * Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed., 3.2 and 3.3. */
struct pab_interval pab_hodges_lehmann(const double *differences, size_t n);

/* The largest k with P(W+ <= k - 1) <= 0.025 for n pairs; 0 when there is none (n < 6). */
size_t pab_signed_rank_critical(size_t n);

#endif
