/* workloads/support/rng.h -- seeded random numbers for inputs. Depends on libc.
 *
 * SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) to seed, xoshiro256** (Blackman, Vigna,
 * ACM TOMS 2021) to draw: fast enough to be used inside a body, the same on every machine as
 * long as no two draws stand side by side in an expression: their order is the compiler's.
 */
#ifndef PAB_WORKLOADS_SUPPORT_RNG_H
#define PAB_WORKLOADS_SUPPORT_RNG_H

#include <stdint.h>

struct pab_rng {
    uint64_t state[4];
};

static inline uint64_t pab_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void pab_rng_seed(struct pab_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        rng->state[i] = pab_splitmix64(&seed);
    }
}

static inline uint64_t pab_rng_next(struct pab_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = s[1] * 5;
    result = ((result << 7) | (result >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, bound), bound >= 1 (multiply-shift; the bias is below 2^-32 for bounds here). */
static inline uint32_t pab_rng_below(struct pab_rng *rng, uint32_t bound)
{
    return (uint32_t)(((pab_rng_next(rng) >> 32) * bound) >> 32);
}

/* The same from 32 random bits: one draw of 64 can so decide two things. */
static inline uint32_t pab_rng_scale(uint32_t random, uint32_t bound)
{
    return (uint32_t)(((uint64_t)random * bound) >> 32);
}

/* Uniform in [0, 1). */
static inline double pab_rng_unit(struct pab_rng *rng)
{
    return (double)(pab_rng_next(rng) >> 11) * 0x1p-53;
}

/* Mixes `value` into a running checksum; order matters. */
static inline uint64_t pab_checksum_add(uint64_t sum, uint64_t value)
{
    sum ^= value;
    sum *= 0x9fb21c651e98df25u;
    return sum ^ (sum >> 32);
}

#endif
