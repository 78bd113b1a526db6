/* workloads/trace/baton.h -- several threads of which one at a time goes on, in the order that a trace
 * says. Depends on play.h.
 *
 * That is what the threads of a Python program do, whose lock one of them holds: an allocator sees
 * calls from many threads, never two at once, each after the one before. So every allocator that
 * Python may use can be asked, one without locks of its own (pymalloc) too.
 */
#ifndef PAB_WORKLOADS_TRACE_BATON_H
#define PAB_WORKLOADS_TRACE_BATON_H

#include "workloads/trace/play.h"

#define PAB_BATON_THREADS 64u /* at most; those of a trace beyond share them, by turns */

struct pab_baton {
    struct pab_play *play;
    const uint64_t *at, *end; /* of the words at hand */
    struct pab_baton_seat {
        _Alignas(64) _Atomic uint32_t turn; /* 1: that thread's */
        struct pab_baton *baton;
        uint32_t number;
    } seats[PAB_BATON_THREADS];
};

/* Makes the threads 1 to count - 1; the caller's is 0. They live as long as the process. */
enum pab_status pab_baton_init(struct pab_baton *baton, struct pab_play *play, uint32_t count,
                               struct pab_error *err);

/* Plays them, each part in its thread. Called by thread 0, where it ends. */
void pab_baton_play(struct pab_baton *baton, const uint64_t *at, const uint64_t *end);

#endif
