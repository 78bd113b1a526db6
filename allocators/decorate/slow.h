/* allocators/decorate/slow.h -- makes every call of a heap slower by a known number of steps.
 * Depends on backend.h.
 *
 * `slow=N`: a dial. What finds slowdowns is tried on one whose size is known, and a user sees what
 * it looks like. A step is one 64-bit multiplication that waits for the one before: 3 cycles, about
 * a nanosecond. The first waits for the call's argument and the call for the last; the processor
 * may still begin the first ones while it ends what came before. 0 steps leave everything else in
 * place: what a heap with slow=0 and one with slow=N differ in is the steps alone.
 *
 * It keeps no memory beyond this struct and writes none: RSS and requests stay what they are.
 */
#ifndef PAB_ALLOCATORS_DECORATE_SLOW_H
#define PAB_ALLOCATORS_DECORATE_SLOW_H

#include "allocators/backend.h"

struct pab_slow {
    struct pab_slow_layer { /* private */
        struct pab_alloc inner;
        uint64_t steps;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`: `steps` before every malloc, calloc, realloc and free of any domain.
 * `slow` is the caller's storage and must not move. */
void pab_slow_attach(struct pab_slow *slow, struct pab_heap *heap, uint64_t steps);
/* Puts the tables back. */
void pab_slow_detach(struct pab_slow *slow);

#endif
