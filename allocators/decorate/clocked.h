/* allocators/decorate/clocked.h -- the decorator of the latency pass: how long each single call
 * takes, by its kind. Depends on decorate/request.h, clock.h, histogram.h.
 *
 * Every call is timed, none is sampled. That makes a call some 0.15 us longer (two readings of the
 * clock that let nothing overlap, the histogram, the request hash), of which one reading lies within
 * the measured time and is subtracted. Some lines of the histograms stay in the cache, so there is
 * a little less of it for the program: measure no throughput under it. Attach before the first block
 * is taken.
 */
#ifndef PAB_ALLOCATORS_DECORATE_CLOCKED_H
#define PAB_ALLOCATORS_DECORATE_CLOCKED_H

#include "allocators/clock.h"
#include "allocators/decorate/request.h"
#include "allocators/histogram.h"

struct pab_clocked {
    struct pab_histogram kinds[PAB_CALL_COUNT]; /* net ns of the calls of all domains */
    uint64_t ticks[PAB_CALL_COUNT];             /* their sum, with the clock's cost */
    uint64_t hash;                              /* the same as pab_counts.hash after these calls */
    struct pab_clock clock;

    struct pab_clocked_layer { /* private from here on */
        struct pab_alloc inner;
        struct pab_clocked *owner;
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_heap *heap;
};

/* Opens the clock, then wraps the tables of `heap`; all pages of `clocked`, which is the caller's
 * storage and must not move, are touched. */
void pab_clocked_attach(struct pab_clocked *clocked, struct pab_heap *heap);
/* Puts the tables back; the histograms stay readable. */
void pab_clocked_detach(struct pab_clocked *clocked);

/* Mean of the calls of one kind, without the clock's mean cost: finer than the clock itself, as
 * its steps average out. 0 where there were none. */
double pab_clocked_mean_ns(const struct pab_clocked *clocked, enum pab_call call);

#endif
