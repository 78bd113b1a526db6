/* harness/recorder/ring.h -- what the preload library and `record` share: the variables that carry
 * orders in, the ring that carries events out. Depends on libc alone.
 *
 * The library does as little as possible: it takes the next place of a ring in shared memory and
 * writes 16 bytes. Whoever runs `record` reads the ring from another process, names the blocks,
 * compresses, and writes the file; so nothing of that is in the program's time or in its heap, the
 * library needs no other library, and a crash or a kill -9 loses no event.
 *
 *   program's threads:  place = head++          one order for all threads
 *                       wait while place - tail >= PAB_RING_SLOTS
 *                       slot.second = ..., then slot.first with the lap of this place (release)
 *   record:             reads slots in order as long as their lap is right, then moves tail
 *
 * A free is put in before the block is given back, an allocation after it was had: so for one
 * address the order of events is that of its owners. A realloc is two events, MOVE before the call
 * and MOVED (or KEPT, when it got NULL) after it, of the same thread.
 */
#ifndef PAB_HARNESS_RECORDER_RING_H
#define PAB_HARNESS_RECORDER_RING_H

#include <stdatomic.h>
#include <stdint.h>

#define PAB_RING_FORMAT 0x70617203u /* raised when anything here changes shape */
#define PAB_RING_SLOTS  ((uint64_t)1 << 18)
#define PAB_RING_OFFSET 4096 /* of the first slot in the file */
#define PAB_RING_BYTES  (PAB_RING_OFFSET + PAB_RING_SLOTS * sizeof(struct pab_ring_slot))

/* Environment of the recorded program. */
#define PAB_RECORD_DIR  "PYALLOCBENCH_RECORD_DIR"  /* where rings are made: PID.BEGUN_NS */
#define PAB_RECORD_WHAT "PYALLOCBENCH_RECORD_WHAT" /* "python", "malloc", or unset: what there is */
#define PAB_RECORD_ONLY "PYALLOCBENCH_RECORD_ONLY" /* set: the one process that has this pid */

/* In that folder: `record` holds a lock (fcntl) on it as long as it reads. */
#define PAB_RECORD_READER "reader"

enum pab_ring_event {
    PAB_RING_MALLOC,
    PAB_RING_CALLOC,
    PAB_RING_ALIGNED,
    PAB_RING_MOVE,  /* realloc begins: address of the old block, new size */
    PAB_RING_MOVED, /* it gave this address; NULL: it was asked for 0 bytes and gave them back */
    PAB_RING_KEPT,  /* it gave NULL: the old block is as it was */
    PAB_RING_FREE,
    PAB_RING_REFUSED, /* an allocation gave NULL: counted only */
    PAB_RING_FORK,    /* address: the child's number of this process, from 1 */
    PAB_RING_EVENTS,
};

/* first:  bits 0..47 address, 48..51 event, 52..53 domain (enum pab_trace_domain), 56..63 lap
 * second: bits 0..47 size, 48..63 thread; of ALIGNED bits 42..47 are log2 of the alignment */
struct pab_ring_slot {
    _Atomic uint64_t first;
    _Atomic uint64_t second;
};

#define PAB_RING_ADDRESS      (((uint64_t)1 << 48) - 1)
#define PAB_RING_ALIGNED_SIZE (((uint64_t)1 << 42) - 1)
#define PAB_RING_THREADS      65536u /* threads after so many share the last number */

/* From 1 on, so that 0, fresh memory, is never right. */
static inline uint64_t pab_ring_lap(uint64_t place)
{
    return 1 + (place / PAB_RING_SLOTS) % 255;
}

enum pab_ring_mode {
    PAB_RING_OF_PYTHON =
        1,              /* through PEP 445 hooks: domains apart; LIBC for what they do not see */
    PAB_RING_OF_MALLOC, /* the malloc family alone */
};

/* The first page of the file. A program may be several, one after the other, by exec: each has a
 * ring of its own. */
struct pab_ring {
    _Atomic uint32_t format;  /* written last: the rest of the head is complete */
    uint32_t mode;            /* enum pab_ring_mode */
    int32_t pid, parent;      /* as it sees them */
    uint64_t pid_space;       /* pab_pid_space() */
    uint32_t fork_number;     /* of the parent's FORK event that made it; 0: it was not forked */
    _Atomic uint32_t threads; /* that called, so far */
    _Atomic uint32_t unseen;  /* programs that it began without our library preloaded */
    _Atomic uint32_t ended;   /* 1: through its exit handlers, 2: _exit(); 0: neither */
    uint64_t begun_ns;        /* CLOCK_MONOTONIC */
    uint64_t parent_begun_ns; /* of the ring that the FORK event is in */
    _Atomic uint64_t head;    /* places taken */
    _Atomic uint64_t waits;   /* times that a thread found the ring full */
    char command[200];
    char python[48];                    /* version; "": none */
    _Alignas(64) _Atomic uint64_t tail; /* places read: the reader's own line of the cache */
    _Atomic uint32_t reader_gone;       /* nobody reads any more: the program goes on unrecorded */
    _Atomic uint32_t handed_on;         /* programs that it began, with our library preloaded */
};

#endif
