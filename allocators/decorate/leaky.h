/* allocators/decorate/leaky.h -- makes a heap lose blocks. Depends on backend.h.
 *
 * `leak=N`: a dial. What finds leaks is tried on one whose size is known, and a user sees what it
 * looks like. Of every N frees, all domains and threads together, the last is not passed on: the
 * block stays taken until the process ends, and nobody can give it back. free(NULL) is not counted,
 * and realloc loses nothing. 0 loses none and leaves everything else in place.
 *
 * It keeps no memory beyond this struct; what the RSS grows by are the blocks.
 */
#ifndef PAB_ALLOCATORS_DECORATE_LEAKY_H
#define PAB_ALLOCATORS_DECORATE_LEAKY_H

#include "allocators/backend.h"

#include <stdatomic.h>

struct pab_leaky {
    uint64_t every; /* private */
    atomic_uint_fast64_t frees;
    struct pab_leaky_layer {
        struct pab_alloc inner;
        struct pab_leaky *owner;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`; `leaky` is the caller's storage and must not move. */
void pab_leaky_attach(struct pab_leaky *leaky, struct pab_heap *heap, uint64_t every);
/* Puts the tables back; what is lost stays lost. */
void pab_leaky_detach(struct pab_leaky *leaky);

#endif
