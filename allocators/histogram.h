/* allocators/histogram.h -- counts of durations in buckets that grow with them. Depends on libc.
 *
 * 32 buckets an octave, from 1 ns on, in whole ns:
 *
 *   bucket b < 32                      holds exactly b ns
 *   bucket b >= 32, e = b / 32 - 1     holds [(32 + b % 32) * 2^e, (33 + b % 32) * 2^e) ns
 *
 *   32 33 .. 63 | 64 66 .. 126 | 128 132 .. 252 | ...       the lower edges from bucket 32 on
 *
 * so a bucket's middle is within 1/64 of whatever fell into it, and below 64 ns it is exact. The
 * last bucket also holds all that is longer: 264 ms and up. count, sum and max are exact.
 */
#ifndef PAB_ALLOCATORS_HISTOGRAM_H
#define PAB_ALLOCATORS_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAB_HISTOGRAM_PER_OCTAVE 32u
#define PAB_HISTOGRAM_BUCKETS    768u

struct pab_histogram {
    uint64_t buckets[PAB_HISTOGRAM_BUCKETS];
    uint64_t count, sum_ns, max_ns;
    uint64_t over_10us, over_100us, over_1ms;
};

static inline unsigned pab_histogram_bucket(uint64_t ns)
{
    if (ns < PAB_HISTOGRAM_PER_OCTAVE) {
        return (unsigned)ns;
    }
    unsigned shift = 58u - (unsigned)__builtin_clzll(ns); /* 32 <= ns >> shift < 64 */
    uint64_t bucket = (uint64_t)shift * PAB_HISTOGRAM_PER_OCTAVE + (ns >> shift);
    return bucket < PAB_HISTOGRAM_BUCKETS ? (unsigned)bucket : PAB_HISTOGRAM_BUCKETS - 1;
}

static inline void pab_histogram_add(struct pab_histogram *histogram, uint64_t ns)
{
    histogram->buckets[pab_histogram_bucket(ns)]++;
    histogram->count++;
    histogram->sum_ns += ns;
    if (__builtin_expect(ns > 10000, 0)) {
        histogram->over_10us++;
        histogram->over_100us += ns > 100000;
        histogram->over_1ms += ns > 1000000;
    }
    histogram->max_ns = ns > histogram->max_ns ? ns : histogram->max_ns;
}

/* The least duration that falls into a bucket. */
uint64_t pab_histogram_low_ns(unsigned bucket);

/* The duration that `permille` of a thousand do not exceed: the middle of the bucket that holds the
 * one of rank ceil(permille * count / 1000), and never above the maximum. False where fewer than 10
 * have a higher rank: that would be a story about a few calls. */
bool pab_histogram_percentile(const struct pab_histogram *histogram, unsigned permille, double *ns);

/* How many buckets there are up to the last one that is not empty. */
size_t pab_histogram_used(const struct pab_histogram *histogram);

#endif
