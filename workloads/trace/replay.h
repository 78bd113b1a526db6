/* workloads/trace/replay.h -- a recorded program as a workload. Depends on workload.h.
 *
 * pab_workload_replay replays run->recording: the same requests in the same order, and by the same
 * threads in turn where the program had several. Small traces are decoded in setup(); of long ones a
 * window at a time, while run->on_pause() has stopped the clock, so that a replay takes no more
 * memory than the blocks alive at once need places. README.md says what a replay is, and is not.
 */
#ifndef PAB_WORKLOADS_TRACE_REPLAY_H
#define PAB_WORKLOADS_TRACE_REPLAY_H

#include "workloads/workload.h"

/* What it depends on beside parameters and seed. */
struct pab_recording {
    char path[900];
    uint64_t digest; /* of the file, pab_trace_digest(); 0: not to be checked */
    size_t held_max; /* words of eight bytes that setup() may decode into; 0: eight million */
};

/* The constant part: whoever knows the file gives it name and words of its own. */
extern const struct pab_workload pab_workload_replay;
enum { PAB_REPLAY_FROM, PAB_REPLAY_EVENTS }; /* its parameters */

#endif
