#include "allocators/histogram.h"

#include <assert.h>

#define BEYOND_MIN 10u

static_assert(PAB_HISTOGRAM_BUCKETS % PAB_HISTOGRAM_PER_OCTAVE == 0, "whole octaves");

uint64_t pab_histogram_low_ns(unsigned bucket)
{
    assert(bucket < PAB_HISTOGRAM_BUCKETS);
    if (bucket < PAB_HISTOGRAM_PER_OCTAVE) {
        return bucket;
    }
    unsigned shift = bucket / PAB_HISTOGRAM_PER_OCTAVE - 1;
    return (uint64_t)(PAB_HISTOGRAM_PER_OCTAVE + bucket % PAB_HISTOGRAM_PER_OCTAVE) << shift;
}

static double middle_ns(const struct pab_histogram *histogram, unsigned bucket)
{
    unsigned shift = bucket < PAB_HISTOGRAM_PER_OCTAVE ? 0 : bucket / PAB_HISTOGRAM_PER_OCTAVE - 1;
    double middle = (double)pab_histogram_low_ns(bucket) + (double)((UINT64_C(1) << shift) - 1) / 2;
    double max = (double)histogram->max_ns;
    return middle < max ? middle : max;
}

bool pab_histogram_percentile(const struct pab_histogram *histogram, unsigned permille, double *ns)
{
    assert(permille > 0 && permille < 1000);
    uint64_t rank = (histogram->count * permille + 999) / 1000;
    if (histogram->count < rank + BEYOND_MIN) {
        return false;
    }
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < PAB_HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= rank) {
            *ns = middle_ns(histogram, bucket);
            return true;
        }
    }
    return false;
}

size_t pab_histogram_used(const struct pab_histogram *histogram)
{
    size_t used = PAB_HISTOGRAM_BUCKETS;
    while (used > 0 && histogram->buckets[used - 1] == 0) {
        used--;
    }
    return used;
}
