#include "harness/trace_spread.h"

#include <math.h>

#define PER_OCTAVE 16u

static unsigned bucket_of(uint64_t value)
{
    if (value < PER_OCTAVE) {
        return (unsigned)value;
    }
    unsigned shift = 59u - (unsigned)__builtin_clzll(value); /* 16 <= value >> shift < 32 */
    return shift * PER_OCTAVE + (unsigned)(value >> shift);
}

static double middle_of(unsigned bucket)
{
    if (bucket < 2 * PER_OCTAVE) {
        return bucket;
    }
    unsigned shift = bucket / PER_OCTAVE - 1;
    uint64_t low = (uint64_t)(bucket % PER_OCTAVE + PER_OCTAVE) << shift;
    return (double)low + (double)(((uint64_t)1 << shift) - 1) / 2;
}

static unsigned decade_of(uint64_t value)
{
    unsigned decade = 0;
    while (value >= 10) {
        value /= 10;
        decade++;
    }
    return decade;
}

void pab_spread_add(struct pab_spread *spread, uint64_t value)
{
    spread->count++;
    spread->sum += (double)value;
    spread->most = value > spread->most ? value : spread->most;
    spread->decades[decade_of(value)]++;
    spread->buckets[bucket_of(value)]++;
}

double pab_spread_quantile(const struct pab_spread *spread, double q)
{
    double rank = ceil(q * (double)spread->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < PAB_SPREAD_BUCKETS && spread->count > 0; i++) {
        seen += spread->buckets[i];
        if (seen > 0 && (double)seen >= rank) {
            return fmin(middle_of(i), (double)spread->most);
        }
    }
    return (double)spread->most;
}

double pab_spread_mean(const struct pab_spread *spread)
{
    return spread->count == 0 ? 0 : spread->sum / (double)spread->count;
}
