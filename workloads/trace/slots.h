/* workloads/trace/slots.h -- the rule by which blocks get their numbers, for both sides. Depends on
 * format.h, allocators/status.h.
 *
 * The slot that became free last is given out first, else the next that was never used. One word a
 * slot says all: of a live block its domain, of a free slot which one became free before it. The
 * words lie in address space that is reserved at once and committed as slots come into use, outside
 * of every malloc: the one of this process may be what is measured.
 */
#ifndef PAB_WORKLOADS_TRACE_SLOTS_H
#define PAB_WORKLOADS_TRACE_SLOTS_H

#include "allocators/status.h"
#include "workloads/trace/format.h"

#include <stdbool.h>

#define PAB_SLOT_LIVE ((uint32_t)1 << 31) /* set: alive, the domain below it */
#define PAB_SLOT_NONE (PAB_SLOT_LIVE - 1)

struct pab_slots {
    uint32_t *words;
    size_t reserved_bytes;
    uint32_t room;  /* words that are committed */
    uint32_t used;  /* one past the highest slot that was ever given out */
    uint32_t first; /* the slot that became free last; PAB_SLOT_NONE: none is free */
};

enum pab_status pab_slots_init(struct pab_slots *slots, struct pab_error *err);
void pab_slots_fini(struct pab_slots *slots);
/* As after init; committed memory is kept. */
void pab_slots_reset(struct pab_slots *slots);
/* More room. False: PAB_TRACE_SLOTS_MAX is reached, or the system refuses. */
bool pab_slots_grow(struct pab_slots *slots);

/* PAB_SLOT_NONE where there is no more room. */
static inline uint32_t pab_slots_take(struct pab_slots *slots, unsigned domain)
{
    uint32_t slot = slots->first;
    if (slot != PAB_SLOT_NONE) {
        slots->first = slots->words[slot];
    } else {
        if (slots->used == slots->room && !pab_slots_grow(slots)) {
            return PAB_SLOT_NONE;
        }
        slot = slots->used++;
    }
    slots->words[slot] = PAB_SLOT_LIVE | domain;
    return slot;
}

static inline bool pab_slots_has(const struct pab_slots *slots, uint32_t slot, unsigned domain)
{
    return slot < slots->used && slots->words[slot] == (PAB_SLOT_LIVE | domain);
}

/* The slot is alive. */
static inline void pab_slots_drop(struct pab_slots *slots, uint32_t slot)
{
    slots->words[slot] = slots->first;
    slots->first = slot;
}

#endif
