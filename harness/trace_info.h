/* harness/trace_info.h -- what is in a trace, in numbers. Depends on workloads/trace/trace.h,
 * trace_spread.h; on jansson.
 */
#ifndef PAB_HARNESS_TRACE_INFO_H
#define PAB_HARNESS_TRACE_INFO_H

#include "harness/trace_spread.h"
#include "workloads/trace/trace.h"

#include <jansson.h>

#define PAB_TRACE_CLASSES 32u /* of 16 bytes each, up to 512, as pymalloc has them */
#define PAB_TRACE_OCTAVES 48u /* octave k: 2^(k-1) + 1 .. 2^k bytes; octave 0: 0 and 1 */

/* Of one domain, or of all of them. */
struct pab_trace_counts {
    uint64_t calls[PAB_EVENT_THREAD]; /* by enum pab_event_kind */
    uint64_t requested_bytes; /* sizes of the blocks that were made, and what reallocs added */
    uint64_t live_blocks, live_bytes;
    uint64_t peak_blocks, peak_bytes; /* each its own, at different times perhaps */
};

/* A state of the whole heap. */
struct pab_trace_moment {
    uint64_t event; /* after so many */
    uint64_t wall_ns;
    uint64_t blocks, bytes;
};

struct pab_trace_info {
    json_t *meta, *totals; /* objects; NULL where they are none */
    json_t *forks;         /* [{event, ...}] */
    uint64_t file_bytes, frames, events, wall_ns, cpu_ns;
    bool whole; /* no damage, and END is there */
    struct pab_trace_counts all, domains[PAB_TRACE_DOMAINS];
    struct pab_trace_moment peak; /* most bytes alive */
    uint32_t slots;               /* most blocks alive */
    /* Requests: what makes a block, and REALLOC with its new size; not INHERIT. */
    uint64_t classes[PAB_TRACE_CLASSES];
    uint64_t octaves[PAB_TRACE_OCTAVES], octave_bytes[PAB_TRACE_OCTAVES];
    uint64_t alignments[PAB_TRACE_OCTAVES]; /* by log2 */
    /* Of the blocks that were given back, from what made them to their FREE: */
    struct pab_spread life_events; /* events */
    struct pab_spread life_bytes;  /* bytes that were requested meanwhile, its own too */
    struct pab_spread life_ns;     /* wall time; within a frame it is spread evenly over events */
    uint64_t grew, shrank, stayed; /* REALLOC */
    struct pab_spread growth;      /* of those that grew, new size by old, in thousandths */
    uint64_t thread_events[PAB_TRACE_THREADS_MAX];
    uint32_t threads;
    uint64_t handovers;    /* events by another thread than the event before */
    uint64_t foreign_ends; /* FREE by another thread than the one that made the block */
};

/* Reads the trace. Where *out is not NULL afterwards, it holds what is valid, and an error tells what
 * follows that. */
enum pab_status pab_trace_info_read(const char *path, struct pab_trace_info **out,
                                    struct pab_error *err);
void pab_trace_info_free(struct pab_trace_info *info);

/* Names of enum pab_event_kind and enum pab_trace_domain, as tables and documents have them. */
const char *pab_trace_kind_name(unsigned kind);
const char *pab_trace_domain_name(unsigned domain);

/* Requests that make a block or resize one; those among them of 512 bytes or less. */
uint64_t pab_trace_info_requests(const struct pab_trace_info *info);
uint64_t pab_trace_info_small(const struct pab_trace_info *info);

json_t *pab_trace_info_json(const struct pab_trace_info *info);
/* For people, within 80 columns. `name` is the file's. */
void pab_trace_info_print(const struct pab_trace_info *info, const char *name);

#endif
