/* allocators/decorate/meter.h -- the light decorator of the memory pass: counts calls, hashes
 * requests, adds up usable bytes, and says when to look. Depends on decorate/request.h.
 *
 * It keeps no memory of its own beyond this struct, so RSS may be measured under it. A call costs
 * 6 to 9 ns more, one or two questions to usable_size included (glibc: 17 ns a call without).
 * Where the backend cannot be asked, live_usable_bytes stays 0. Attach before the first block is
 * taken.
 */
#ifndef PAB_ALLOCATORS_DECORATE_METER_H
#define PAB_ALLOCATORS_DECORATE_METER_H

#include "allocators/decorate/request.h"

struct pab_meter {
    uint64_t calls;
    uint64_t hash; /* the same as pab_counts.hash after the same calls */
    uint64_t live_usable_bytes, peak_usable_bytes;

    struct pab_meter_layer { /* private from here on */
        struct pab_alloc inner;
        struct pab_meter *owner;
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_ticker ticker;
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`; `meter` is the caller's storage and must not move. */
void pab_meter_attach(struct pab_meter *meter, struct pab_heap *heap);
/* Puts the tables back; the counts stay readable. */
void pab_meter_detach(struct pab_meter *meter);

/* Calls `tick` with live_usable_bytes after every `calls` calls from now on; 0: never. */
void pab_meter_set_tick(struct pab_meter *meter, uint64_t calls, pab_tick tick, void *arg);

#endif
