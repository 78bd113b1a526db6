/* workloads/support/scatter.h -- every index once, in scattered order. Depends on rng.h.
 *
 * Real programs do not give memory back in the order in which they took it. A bijection on k bits
 * (odd multiplications and xor-shifts, each invertible) walks 0..2^k-1; what lies at or beyond
 * `count` is skipped, which is less than half. No table, so it may be used within a body.
 */
#ifndef PAB_WORKLOADS_SUPPORT_SCATTER_H
#define PAB_WORKLOADS_SUPPORT_SCATTER_H

#include "workloads/support/rng.h"

#include <assert.h>
#include <stdbool.h>

struct pab_scatter {
    uint64_t key, mask;
    uint64_t next; /* counter, before the bijection */
    uint64_t count;
    unsigned shift;
};

static inline void pab_scatter_init(struct pab_scatter *scatter, uint64_t count, uint64_t seed)
{
    assert(count <= UINT32_MAX);
    unsigned bits = 1;
    while (((uint64_t)1 << bits) < count) {
        bits++;
    }
    *scatter = (struct pab_scatter){
        .key = pab_splitmix64(&seed),
        .mask = ((uint64_t)1 << bits) - 1,
        .count = count,
        .shift = (bits + 1) / 2,
    };
}

/* False when every index was given out. */
static inline bool pab_scatter_next(struct pab_scatter *scatter, uint32_t *index)
{
    while (scatter->next <= scatter->mask) {
        uint64_t x = (scatter->next++ + scatter->key) & scatter->mask;
        for (int round = 0; round < 3; round++) {
            x = (x * 0x9e3779b97f4a7c15u + scatter->key) & scatter->mask;
            x ^= x >> scatter->shift;
        }
        if (x < scatter->count) {
            *index = (uint32_t)x;
            return true;
        }
    }
    return false;
}

#endif
