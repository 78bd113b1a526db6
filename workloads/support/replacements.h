/* workloads/support/replacements.h -- which block is replaced next, and by what size.
 *
 * Depends on inputs.h, rng.h. Drawn before anything is timed, four bytes a request:
 *
 *      31            8 7        0
 *     +---------------+----------+
 *     | slot          | class    |      the block in `slot` makes room for one of sizes[class]
 *     +---------------+----------+
 */
#ifndef PAB_WORKLOADS_SUPPORT_REPLACEMENTS_H
#define PAB_WORKLOADS_SUPPORT_REPLACEMENTS_H

#include "workloads/support/inputs.h"

#define PAB_REPLACEMENT_CLASSES   256u
#define PAB_REPLACEMENT_SLOTS_MAX ((uint64_t)1 << 24)

struct pab_replacements {
    uint16_t sizes[PAB_REPLACEMENT_CLASSES]; /* equally likely; ascending; 24 or more */
    uint32_t live;                           /* slots */
    uint64_t count;                          /* of `steady` */
    const uint32_t *build;                   /* `live` requests: slot after slot is filled */
    const uint32_t *steady;                  /* random slots */
    const uint32_t *drain;                   /* every slot once, in random order */
};

static inline uint32_t pab_replacement_slot(uint32_t request)
{
    return request / PAB_REPLACEMENT_CLASSES;
}

static inline uint32_t pab_replacement_class(uint32_t request)
{
    return request % PAB_REPLACEMENT_CLASSES;
}

void pab_replacements_draw(struct pab_replacements *out, uint32_t live, uint64_t count,
                           uint64_t seed, struct pab_inputs *inputs);

#endif
