/* harness/stats/internal.h -- what the files of this folder share, and nobody else. Depends on
 * stats.h.
 */
#ifndef PAB_HARNESS_STATS_INTERNAL_H
#define PAB_HARNESS_STATS_INTERNAL_H

#include "harness/stats/stats.h"

/* Zeroed room for `count` items. Never NULL. */
void *pab_stats_room(size_t count, size_t item_bytes);
/* Ascending, in room of its own. */
double *pab_stats_sorted(const double *values, size_t n);

/* p of an alternative from the chances of a statistic as low, and of one as high, as was seen. */
double pab_stats_p(double low, double high, enum pab_tail tail);
/* The same of a statistic on a grid of step 1 that is normal under the null hypothesis. `excess`:
 * how far it lies above its mean. Sigma 0: nothing differs. */
double pab_stats_p_normal(double excess, double sigma, enum pab_tail tail);

/* The largest k with P(statistic <= k - 1) <= (1 - level)/2, 0 when there is none: from the chances
 * of 0, 1, ..., or of a normal statistic. A chance that is equal but for rounding is not above. */
size_t pab_stats_critical(const double *chances, size_t count, double level);
size_t pab_stats_critical_normal(double mean, double sigma, double level);

/* All Walsh averages of x, or, with y, all differences x_i - y_j. Ascending values. */
struct pab_pairs {
    const double *x;
    size_t nx;
    const double *y; /* NULL: Walsh averages */
    size_t ny;
};

/* Their median, and the k-th from either end; k 0: no interval. */
struct pab_interval pab_stats_middle(const struct pab_pairs *pairs, size_t k);

#endif
