/* harness/trace_spread.h -- how whole numbers of any size are spread: quantiles and decades. Depends
 * on libc.
 *
 * 16 buckets an octave: exact below 32, else within 1/32. Counts, sum and greatest are exact, and so
 * are decades: decade d holds 10^d .. 10^(d+1) - 1, decade 0 also 0.
 */
#ifndef PAB_HARNESS_TRACE_SPREAD_H
#define PAB_HARNESS_TRACE_SPREAD_H

#include <stdint.h>

#define PAB_SPREAD_BUCKETS 976u
#define PAB_SPREAD_DECADES 20u

struct pab_spread {
    uint64_t count, most;
    double sum;
    uint64_t decades[PAB_SPREAD_DECADES];
    uint64_t buckets[PAB_SPREAD_BUCKETS];
};

void pab_spread_add(struct pab_spread *spread, uint64_t value);

/* The number that a share `q` of them do not exceed: the middle of its bucket, at most the greatest.
 * 0 <= q <= 1; 0 where there are none. */
double pab_spread_quantile(const struct pab_spread *spread, double q);

/* 0 where there are none. */
double pab_spread_mean(const struct pab_spread *spread);

#endif
