/* workloads/support/zipf.h -- ranks with Zipf's law, probability of rank r ~ 1 / (r + 1).
 *
 * Depends on inputs.h, rng.h. Walker's alias method (M. D. Vose, IEEE TSE 1991) over integer
 * weights: exact, one draw and one look-up, and the same on every machine.
 */
#ifndef PAB_WORKLOADS_SUPPORT_ZIPF_H
#define PAB_WORKLOADS_SUPPORT_ZIPF_H

#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"

/* A draw falls into a column; below `keep` it stays, else it goes to `alias`. */
struct pab_zipf_column {
    uint32_t keep; /* of 2^32 */
    uint32_t alias;
};

struct pab_zipf {
    const struct pab_zipf_column *columns;
    uint32_t count;
};

/* Ranks 0..count-1, count >= 1. */
void pab_zipf_init(struct pab_zipf *zipf, uint32_t count, struct pab_inputs *inputs);

static inline uint32_t pab_zipf_draw(const struct pab_zipf *zipf, struct pab_rng *rng)
{
    uint64_t random = pab_rng_next(rng);
    uint32_t column = (uint32_t)(((random >> 32) * zipf->count) >> 32);
    const struct pab_zipf_column *c = &zipf->columns[column];
    return (uint32_t)random < c->keep ? column : c->alias;
}

#endif
