/* tests/conformance/support/sizes.h -- which sizes to ask for. Depends on subject.h. */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_SIZES_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_SIZES_H

#include "tests/conformance/support/subject.h"
#include "workloads/support/rng.h"

#define PAB_SIZES_MAX 512

/* Sizes in ascending order, without duplicates. */
struct pab_sizes {
    size_t count;
    size_t at[PAB_SIZES_MAX];
};

/* 0..16, then 2^k - 1, 2^k and 2^k + 1 up to `most`. */
void pab_sizes_ladder(struct pab_sizes *out, size_t most);

/* The largest size of each size class up to `most`, found by walking: a request of one byte more
 * gets more to use. Of more classes than there is room for, all small ones and some of the others.
 * Where the subject cannot say what is usable, the multiples of 16 up to 512 and the powers of two
 * above. */
void pab_sizes_classes(struct pab_sizes *out, const struct pab_subject *subject, size_t most);

/* A size as Python's programs ask for: of ten seven up to 512 bytes, two up to 4,100, one with
 * equal chances for each power of two up to `most`; never 0. */
size_t pab_sizes_draw(struct pab_rng *rng, size_t most);

#endif
