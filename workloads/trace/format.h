/* workloads/trace/format.h -- THE FORMAT of a recorded program: FILE.pabtrace. Depends on
 * libc alone.
 *
 *   file    = magic, version, frame...               little-endian, whatever machine wrote it
 *   frame   = struct pab_trace_frame, body           appended whole; what is in stays readable
 *   frames:   META    first: JSON, what was recorded, where and how (README.md has the fields)
 *             EVENTS  zstd: at most PAB_TRACE_FRAME_EVENTS events, in the order of the program
 *             FORK    JSON: at this event the program forked; its child has a trace of its own
 *             END     last: JSON, totals and an index of the frames. Missing: the recorder was
 *                     killed or is still at work; all that precedes is valid
 *
 * One file is one process. Events are in one order, that of the program: for a block that is given
 * back and handed out again to another thread, the free stands before the malloc. Requests that
 * got NULL are counted in END, and are no events: nothing followed from them.
 *
 * A block is named by its *slot*, a small number that is free again once the block is. Both sides
 * hand slots out by the same rule: the slot that became free last, else the next that was never
 * used. So an allocation names none, and a replay needs an array of as many places as there were
 * blocks alive at once.
 *
 *   event     = op, [size], [reference or argument]     varints: 7 bits a byte, low ones first
 *   op        = one byte: kind in bits 0..2, domain in bits 3..4, zeroes above
 *   size      of all but FREE and THREAD
 *   reference of REALLOC and FREE: how far their slot lies below that of the event before,
 *             zigzag: 0 -1 1 -2 2... are 0 1 2 3 4...
 *   argument  of ALIGNED and THREAD
 * codec.h has it for both sides; README.md has it byte by byte.
 */
#ifndef PAB_WORKLOADS_TRACE_FORMAT_H
#define PAB_WORKLOADS_TRACE_FORMAT_H

#include <stdint.h>

#define PAB_TRACE_MAGIC          "pabtrace" /* 8 bytes, no NUL */
#define PAB_TRACE_VERSION        1u /* readers refuse a newer one, and keep reading older ones */
#define PAB_TRACE_FRAME_EVENTS   ((uint32_t)1 << 18)
#define PAB_TRACE_FRAME_BYTES    ((uint32_t)4 << 20) /* at most, of a body, plain or stored */
#define PAB_TRACE_SLOTS_MAX      ((uint32_t)1 << 28) /* blocks alive at once */
#define PAB_TRACE_THREADS_MAX    65536u /* numbered from 0 in the order of appearance */
#define PAB_TRACE_SIZE_MAX       (((uint64_t)1 << 47) - 1)
#define PAB_TRACE_ALIGN_LOG2_MAX 47u

enum pab_trace_frame_kind {
    PAB_TRACE_META = 'M',
    PAB_TRACE_EVENTS = 'E',
    PAB_TRACE_FORK = 'F',
    PAB_TRACE_END = 'Z',
};

struct pab_trace_frame {
    uint32_t kind;         /* enum pab_trace_frame_kind; a kind that is not known is skipped */
    uint32_t stored_bytes; /* of the body, as it follows */
    uint32_t plain_bytes;  /* of the body, once decompressed; JSON is stored plain */
    uint32_t event_count;  /* EVENTS: in the body */
    uint64_t first_event;  /* events before this frame */
    uint64_t wall_ns;      /* when the last of its events was read, since the program's start */
    uint64_t cpu_ns;       /* what the process had used then; 0: not known. None runs backwards */
    uint64_t check;        /* XXH3-64 of the stored body, seeded with that of the fields above */
};

/* Where a request was made. The first three are CPython's domains (enum pab_domain). */
enum pab_trace_domain {
    PAB_TRACE_RAW,
    PAB_TRACE_MEM,
    PAB_TRACE_OBJ,
    PAB_TRACE_LIBC, /* malloc() and its family, called by no hook: extensions; a whole C program */
    PAB_TRACE_DOMAINS,
};

enum pab_event_kind {
    PAB_EVENT_MALLOC,
    PAB_EVENT_CALLOC,  /* size: the product */
    PAB_EVENT_ALIGNED, /* argument: log2 of the alignment */
    PAB_EVENT_REALLOC, /* of `slot`, which keeps its number; realloc(NULL) is a MALLOC */
    PAB_EVENT_FREE,
    PAB_EVENT_INHERIT, /* alive before the first event: a child has its parent's blocks */
    PAB_EVENT_THREAD,  /* argument: from here on that thread calls; 0 calls first */
};

/* One event as the reader gives it and the writer takes it. THREAD is folded into `thread`. */
struct pab_event {
    uint64_t size;
    uint32_t slot; /* of the block that is made, resized or given back */
    uint16_t thread;
    uint8_t kind, domain;
    uint8_t align_log2; /* ALIGNED */
};

#endif
