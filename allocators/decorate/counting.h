/* allocators/decorate/counting.h -- exact accounting of what a program asks for: the demand curve.
 * Depends on decorate/request.h, sizes.h, os_pages.h.
 *
 * For the pass that computes the demand, and for nothing else: every call pays a look-up in a side
 * table of 16 bytes a block (tens of ns, a cache miss or two on large heaps). The table lies in a
 * mapping of its own, never in the measured heap, but it counts towards the RSS of the process:
 * **never measure time or RSS under this decorator**. The light one for that is meter.h; both give
 * the same request hash.
 *
 * Attach before the first block is taken. A block that it has not seen, or that comes back to
 * another domain, is a bug of the program under test and stops it (PAB_CHECK).
 */
#ifndef PAB_ALLOCATORS_DECORATE_COUNTING_H
#define PAB_ALLOCATORS_DECORATE_COUNTING_H

#include "allocators/decorate/request.h"
#include "allocators/decorate/sizes.h"

struct pab_counting_entry;

/* Read it at any time. All sizes are as requested: malloc(0) asks for 0 bytes. */
struct pab_counts {
    uint64_t calls[PAB_DOMAIN_COUNT][PAB_CALL_COUNT]; /* free(NULL) and failed calls included */
    uint64_t calls_total;
    uint64_t failed; /* calls that returned NULL */
    uint64_t live_blocks, peak_blocks;
    uint64_t live_bytes, peak_bytes; /* over all domains; during realloc only one block counts */
    uint64_t peak_calls;             /* calls_total when peak_bytes were live for the first time */
    uint64_t domain_live_bytes[PAB_DOMAIN_COUNT];
    struct pab_sizes sizes; /* of all blocks that were taken, resized ones once more */
    uint64_t hash;          /* of all calls until now; PAB_REQUEST_HASH_INIT before the first */
};

struct pab_counting {
    struct pab_counts counts;

    struct pab_counting_layer { /* private from here on */
        struct pab_alloc inner;
        struct pab_counting *owner;
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_ticker ticker;
    struct pab_heap *heap;
    void (*on_full)(void);
    struct pab_counting_entry *table;
    size_t table_size; /* a power of two */
};

/* Wraps the tables of `heap`; `counting` is the caller's storage and must not move. */
enum pab_status pab_counting_attach(struct pab_counting *counting, struct pab_heap *heap,
                                    struct pab_error *err);
/* Puts the tables back and gives the side table back; `counts` stays readable. */
void pab_counting_detach(struct pab_counting *counting);

/* Calls `tick` with the live requested bytes after every `calls` calls from now on; 0: never. */
void pab_counting_set_tick(struct pab_counting *counting, uint64_t calls, pab_tick tick, void *arg);

/* `on_full` is called where the side table wants to grow and the system grants no memory; if it
 * returns, or there is none, the request gets NULL. */
void pab_counting_on_full(struct pab_counting *counting, void (*on_full)(void));

/* What `ptr`, a live block, was asked for. */
size_t pab_counting_requested(const struct pab_counting *counting, const void *ptr);

#endif
