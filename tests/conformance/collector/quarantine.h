/* tests/conformance/collector/quarantine.h -- a heap over another that gives nothing back before
 * its end, and knows what was freed. Depends on allocators/backend.h.
 *
 *      +------------------+----------------- ...
 *      | next | state     |  the block             next: of all blocks, for the end
 *      +------------------+----------------- ...
 *
 * A block that is freed twice, or is none, is told and not passed on, so a collector that frees
 * too much can be asked what it did instead of ending the process. The memory of a freed block
 * stays as it was: who uses it finds what was there.
 */
#ifndef PAB_TESTS_CONFORMANCE_COLLECTOR_QUARANTINE_H
#define PAB_TESTS_CONFORMANCE_COLLECTOR_QUARANTINE_H

#include "allocators/backend.h"

struct pab_quarantine {
    struct pab_heap heap; /* its mem and obj domain; the others are those of the heap below */
    int64_t blocks;       /* live ones, of both domains */
    uint64_t calls;       /* malloc, calloc, realloc, free */
    uint64_t fail_at;     /* the allocation with this number, from 1, fails; 0: none */
    uint64_t allocations;
    char text[128]; /* the first misuse; empty: none */

    struct pab_quarantine_layer { /* private from here on */
        struct pab_alloc inner;
        struct pab_quarantine *owner;
        struct quarantined *freed;
    } layers[PAB_DOMAIN_COUNT];
};

/* `quarantine` is the caller's storage and must not move. `heap` stays as it is. */
void pab_quarantine_attach(struct pab_quarantine *quarantine, struct pab_heap *heap);
/* Gives back all that was freed. */
void pab_quarantine_release(struct pab_quarantine *quarantine);

#endif
