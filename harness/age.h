/* harness/age.h -- an aged heap: litter that a workload finds, as it would in a process that has
 * run for days. Depends on allocators/decorate/sizes.h.
 *
 * Blocks are taken, of the sizes and in the domains that the workload itself asks for, until
 * they are as many bytes as it has live at its peak. Then they are freed in scattered order
 * until only the given share of those bytes is left. What is left stays for the life of the
 * process. So holes of the workload's own sizes lie all over, and how many neighbours of a hole
 * live is what differs:
 *
 *   25 %  a program after a peak: three quarters are holes, many of them in one piece
 *   90 %  a full heap with single holes: what does not fit them has to come from elsewhere
 *
 * Larger blocks than 64 KiB are no litter: allocators map those by themselves.
 */
#ifndef PAB_HARNESS_AGE_H
#define PAB_HARNESS_AGE_H

#include "allocators/decorate/sizes.h"

#define PAB_AGE_MIN 25u
#define PAB_AGE_MAX 90u

#define PAB_AGE_CLASSES (PAB_SIZE_SMALL + 7u) /* up to 64 KiB */

struct pab_age {
    uint64_t percent; /* of the bytes that stay; 0: the heap is young */
    uint64_t bytes;   /* that are taken at first */
    uint32_t shares[PAB_DOMAIN_COUNT][PAB_AGE_CLASSES];
};

/* Litter for a workload that asked for blocks of `sizes`, and had `bytes` live at its peak. */
struct pab_age pab_age_of(unsigned percent, uint64_t bytes, const struct pab_sizes *sizes);

/* Ages `heap`, which is the caller's and stays so littered. PAB_NO_MEMORY when it gives no
 * block. */
enum pab_status pab_age_heap(struct pab_heap *heap, const struct pab_age *age, uint64_t seed,
                             struct pab_error *err);

#endif
