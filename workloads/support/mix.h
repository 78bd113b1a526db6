/* workloads/support/mix.h -- draws the next kind of work by weight. Depends on rng.h.
 *
 * One random byte and one table of 256 picks, whatever the number of kinds: the draw costs about
 * what an interpreter pays to dispatch. Weights are shares of 256.
 */
#ifndef PAB_WORKLOADS_SUPPORT_MIX_H
#define PAB_WORKLOADS_SUPPORT_MIX_H

#include "allocators/status.h"
#include "workloads/support/rng.h"

#define PAB_MIX_SHARES 256u

struct pab_mix {
    uint8_t pick[PAB_MIX_SHARES];
    unsigned filled;
};

/* Gives `kind` the next `shares` of a mix that was zeroed at first. */
static inline void pab_mix_add(struct pab_mix *mix, unsigned kind, unsigned shares)
{
    PAB_CHECK(kind <= UINT8_MAX && shares <= PAB_MIX_SHARES - mix->filled);
    for (unsigned i = 0; i < shares; i++) {
        mix->pick[mix->filled++] = (uint8_t)kind;
    }
}

/* All 256 shares must have been given. */
static inline unsigned pab_mix_draw(const struct pab_mix *mix, struct pab_rng *rng)
{
    return mix->pick[pab_rng_next(rng) >> 56];
}

#endif
