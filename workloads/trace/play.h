/* workloads/trace/play.h -- words into calls of an allocator: the part of a replay that is timed.
 * Depends on words.h, allocators/backend.h.
 *
 * Blocks are touched as a program touches them: up to 512 bytes wholly, larger ones at their first
 * words and once a page, and after a realloc what was gained. Each block holds a word that is its
 * slot's; that and the last one written are read back and summed up before it is given back, and
 * what realloc kept and calloc zeroed is summed up, too: an allocator that hands out a byte twice,
 * or loses one, gives another sum.
 */
#ifndef PAB_WORKLOADS_TRACE_PLAY_H
#define PAB_WORKLOADS_TRACE_PLAY_H

#include "allocators/backend.h"
#include "workloads/trace/words.h"

#define PAB_PLAY_AHEAD 16u /* words behind the last one that may be read, whatever they hold */

struct pab_play {
    struct pab_alloc tables[PAB_DOMAIN_COUNT]; /* of the heap, as they are when a body begins */
    void **blocks;                             /* by slot */
    uint32_t mask;                             /* places in `blocks`, a power of two, less 1 */
    uint32_t thread;                           /* whose turn it is */
    uint64_t sum;
};

/* Goes on until `end`, or past the THREAD that names another one than `play->thread`, which then
 * is that one. Returns how far it came. */
const uint64_t *pab_play(struct pab_play *play, const uint64_t *at, const uint64_t *end);

#endif
