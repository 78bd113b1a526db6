/* harness/stats/stats.h -- statistics over samples: pure functions, no I/O. Depends on libc.
 *
 * Everything here takes plain arrays of finite doubles, below 1e150 in size, and gives the same
 * answer for the same input on every machine, to the last digits of its libm. `level` is that of an
 * interval (0.95), `alpha` that of a test (0.01).
 * Definitions are those of results/README.md; the tests hold each function to scipy's, ties, zeros
 * and degenerate vectors included.
 *
 *   Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed.: 3.1-3.3, 4.1-4.3
 *   Efron, Tibshirani, An Introduction to the Bootstrap: 14.3 (BCa)
 *   Holm 1979; Benjamini, Hochberg 1995
 */
#ifndef PAB_HARNESS_STATS_STATS_H
#define PAB_HARNESS_STATS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- one sample ------------------------------------------------------------------------------ */

/* Sorts `values` in place. n >= 1. */
double pab_median(double *values, size_t n);
/* Median absolute deviation from the median, unscaled. Reorders `values`. n >= 1. */
double pab_mad(double *values, size_t n);
/* Ascending. */
void pab_sort_values(double *values, size_t n);
/* Of ascending values, linear between two order statistics (Hyndman and Fan's type 7). */
double pab_quantile(const double *sorted, size_t n, double p);
/* Mean of ascending values without the lowest and highest floor(share * n). share < 0.5, n >= 1. */
double pab_trimmed_mean(const double *sorted, size_t n, double share);

double pab_normal_cdf(double z);
double pab_normal_quantile(double p); /* 0 < p < 1 */

/* --- intervals and tests --------------------------------------------------------------------- */

struct pab_interval {
    double estimate;
    double lo, hi;
    bool has_interval; /* false: too few values for the level asked */
};

enum pab_tail {
    PAB_TAIL_BOTH,
    PAB_TAIL_GREATER, /* the alternative: the values are centred above 0, or x lies above y */
    PAB_TAIL_LESS,
};

struct pab_test {
    double statistic; /* W+, or U of x */
    double p;         /* 1 where nothing differs */
    size_t n;         /* values that took part */
    bool exact;       /* false: normal approximation, with ties and continuity corrected */
};

/* Hodges-Lehmann estimate of the centre of n >= 1 paired differences: the median of the Walsh
 * averages (d_i + d_j)/2, i <= j. The interval inverts Wilcoxon's signed-rank test (exact to
 * PAB_EXACT_MAX, normal approximation above). O(n log n) time and O(n) memory. */
struct pab_interval pab_hodges_lehmann(const double *differences, size_t n, double level);

/* The largest k with P(W+ <= k - 1) <= (1 - level)/2 for n pairs; 0 when there is none. */
size_t pab_signed_rank_critical(size_t n, double level);

#define PAB_EXACT_MAX 100u /* values: tests are exact up to here */

/* Wilcoxon's signed-rank test against the centre 0. Zeros are left out; ties get mid-ranks, and
 * the exact distribution is then the one given those ranks. */
struct pab_test pab_signed_rank(const double *differences, size_t n, enum pab_tail tail);

/* The same over strata (hosts): ranks are taken within each, and W+ is the sum over all; exact to
 * PAB_EXACT_MAX values in all. `counts` sum to the length of `differences`. */
struct pab_test pab_signed_rank_strata(const double *differences, const size_t *counts,
                                       size_t strata, enum pab_tail tail);

/* Hodges-Lehmann shift between two independent samples: the median of all x_i - y_j; the interval
 * inverts the rank-sum test. O((nx + ny) log) time. */
struct pab_interval pab_shift(const double *x, size_t nx, const double *y, size_t ny, double level);

/* Mann and Whitney's rank-sum test; exact without ties while nx + ny <= PAB_RANK_SUM_EXACT_MAX. */
#define PAB_RANK_SUM_EXACT_MAX 60u
struct pab_test pab_rank_sum(const double *x, size_t nx, const double *y, size_t ny,
                             enum pab_tail tail);

/* Probability of superiority, P(x > y) + P(x = y)/2 (Vargha and Delaney's A). */
double pab_superiority(const double *x, size_t nx, const double *y, size_t ny);

/* --- the suite -------------------------------------------------------------------------------- */

#define PAB_SUITE_TRIM          0.1
#define PAB_SUITE_ROUNDS_MIN    20u /* in all; fewer: no interval is better than a narrow lie */
#define PAB_SUITE_STRATUM_MIN   10u /* and of each stratum */
#define PAB_SUITE_RESAMPLES     2000u
#define PAB_SUITE_BOOTSTRAP_MAX 1000u /* rounds; more: normal interval from the jackknife */
#define PAB_SUITE_SAME          1e-12 /* of the largest value: centres so close count as equal */

/* Centre of one number a round (the round's mean log ratio over the workloads: the log of their
 * geometric mean): its 10 % trimmed mean, with a BCa bootstrap interval over rounds. Resamples
 * draw within each stratum (host). The estimate is the mean of the strata's trimmed means. At least
 * one round in all; a stratum may be empty.
 * With n rounds in all, draw number t = b * n + i (i within resample b, strata one after another)
 * takes number ((z >> 32) * m) >> 32 of its stratum's m values in ascending order, z being the
 * t-th output of SplitMix64 from `seed`: others can recompute it. */
struct pab_interval pab_suite_interval(const double *rounds, const size_t *counts, size_t strata,
                                       uint64_t seed, double level);

/* --- many cells ------------------------------------------------------------------------------- */

/* Adjusted p values, into `adjusted` (may be `p`), capped at 1; p < alpha there controls the chance
 * of any false alarm (Holm), or the expected share of false ones among those flagged
 * (Benjamini-Hochberg). */
void pab_holm(const double *p, size_t n, double *adjusted);
void pab_benjamini_hochberg(const double *p, size_t n, double *adjusted);

/* --- power ------------------------------------------------------------------------------------ */

/* Standard error behind an interval of that level: half its width over the normal quantile. NAN
 * where there is no interval, and then so are the others. */
double pab_standard_error(const struct pab_interval *interval, double level);

/* The smallest true effect (same scale as the error) that a rule "p < alpha, one-sided, and
 * estimate above floor" finds with this probability: max(floor, z_alpha * se) + z_power * se. */
double pab_detectable_effect(double standard_error, double floor, double alpha, double power);
/* The probability that the rule finds a true effect: the inverse of the above. */
double pab_detection_power(double effect, double standard_error, double floor, double alpha);

/* Strata (hosts) whose centres differ more than their errors allow: p of Cochran's Q over those
 * with an interval. 1 when there is only one. */
double pab_heterogeneity(const struct pab_interval *intervals, size_t strata, double level);

#endif
