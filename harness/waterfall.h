/* harness/waterfall.h -- from what a program asked for to what its process grew by, in steps that add
 * up: pure functions. Depends on allocators/backend.h. Definitions: results/README.md.
 */
#ifndef PAB_HARNESS_WATERFALL_H
#define PAB_HARNESS_WATERFALL_H

#include "allocators/backend.h"

/* All of one moment. */
struct pab_waterfall_input {
    uint64_t live_bytes;   /* asked for */
    uint64_t usable_bytes; /* of these blocks; 0: not to be asked */
    uint64_t growth_bytes; /* RSS since the first operation */
    bool has_own, has_raw;
    struct pab_inventory own, raw; /* of the heap, and of the one below it */
};

/* payload + rounding + headers + free_blocks + free_pools + slack + tables + raw_heap + other
 *   - not_resident == growth, always. */
struct pab_waterfall {
    uint64_t payload_bytes, rounding_bytes, headers_bytes;
    uint64_t free_blocks_bytes, free_pools_bytes, slack_bytes, tables_bytes;
    uint64_t raw_heap_bytes; /* what the heap below holds beyond its live blocks' usable bytes */
    uint64_t other_bytes;    /* what no allocator accounts for */
    uint64_t not_resident_bytes;
    /* How much of the last two only closes the sum: where the allocators' word and the kernel's
     * differ. */
    uint64_t unexplained_bytes;
};

struct pab_waterfall pab_waterfall_make(const struct pab_waterfall_input *input);

#endif
