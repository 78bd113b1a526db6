/* harness/recorder/put.h -- how a thread of the recorded program puts an event into the ring.
 * Depends on ring.h, and on format.h for the domains.
 *
 * All of it is called from within malloc() and free(): it takes no lock, allocates nothing, keeps
 * errno, and is no place where a thread can be cancelled.
 */
#ifndef PAB_HARNESS_RECORDER_PUT_H
#define PAB_HARNESS_RECORDER_PUT_H

#include "harness/recorder/ring.h"
#include "workloads/trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/single_threaded.h>

/* A page of its own, of the largest size that there is, which the kernel clears in the child of a
 * fork: so also a child that was made without fork()'s handlers can never write into its parent's
 * ring. */
struct pab_recorder {
    _Alignas(65536) struct pab_ring *_Atomic ring; /* NULL: see pab_put_late() */
    struct pab_ring_slot *slots;
    _Atomic uint64_t limit;      /* places below it may be written, as far as is known */
    _Atomic uint32_t crowd_lock; /* held over a realloc by a thread that shares its number */
};

extern struct pab_recorder pab_recorder;

/* Of each thread. */
struct pab_recorder_thread {
    uint32_t number;      /* 1 + that in the ring; 0: none yet */
    uint32_t depth;       /* calls of ours that it is in: what they call is not recorded */
    uint32_t fork_number; /* of the fork that it is in */
};

extern __thread struct pab_recorder_thread pab_thread;

/* Nothing is recorded (NULL), or this is a child that was made without fork()'s handlers, and has a
 * ring from now on. */
struct pab_ring *pab_put_late(void);
/* Waits until the reader has made room for this place; false: it is gone, nothing is recorded. */
bool pab_put_wait(struct pab_ring *ring, uint64_t place);
uint32_t pab_put_number(struct pab_ring *ring); /* gives this thread its number */

/* Any thread may stop the recording meanwhile. */
static inline struct pab_ring *pab_put_ring(void)
{
    return atomic_load_explicit(&pab_recorder.ring, memory_order_relaxed);
}

static inline bool pab_rarely(bool condition)
{
    return __builtin_expect(condition, false);
}

/* The program has one thread as long as libc says so: then an add need not be atomic. */
static inline uint64_t pab_put_place(struct pab_ring *ring)
{
    if (!__libc_single_threaded) {
        return atomic_fetch_add_explicit(&ring->head, 1, memory_order_relaxed);
    }
    uint64_t place = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, place + 1, memory_order_relaxed);
    return place;
}

static inline void pab_put(enum pab_ring_event event, unsigned domain, uintptr_t address,
                           uint64_t size)
{
    struct pab_ring *ring = pab_put_ring();
    if (pab_rarely(ring == NULL)) {
        ring = pab_put_late();
        if (ring == NULL) {
            return;
        }
    }
    uint64_t number = pab_thread.number;
    if (pab_rarely(number == 0)) {
        number = pab_put_number(ring);
    }
    uint64_t place = pab_put_place(ring);
    if (pab_rarely(place >= atomic_load_explicit(&pab_recorder.limit, memory_order_relaxed)) &&
        !pab_put_wait(ring, place)) {
        return;
    }
    struct pab_ring_slot *slot = &pab_recorder.slots[place % PAB_RING_SLOTS];
    /* The reader's core had these lines last: they are fetched well before they are written. */
    __builtin_prefetch(slot + 32, 1);
    uint64_t first = ((uint64_t)address & PAB_RING_ADDRESS) | (uint64_t)event << 48 |
                     (uint64_t)domain << 52 | pab_ring_lap(place) << 56;
    uint64_t second = (size & PAB_RING_ADDRESS) | (number - 1) << 48;
    atomic_store_explicit(&slot->second, second, memory_order_relaxed);
    atomic_store_explicit(&slot->first, first, memory_order_release);
}

/* What an allocation gave. */
static inline void pab_put_made(enum pab_ring_event event, unsigned domain, const void *block,
                                uint64_t size)
{
    pab_put(block != NULL ? event : PAB_RING_REFUSED, domain, (uintptr_t)block, size);
}

/* Before a realloc of a block, and after it. Threads that share a number take turns. */
void pab_put_crowd_lock(void);
void pab_put_crowd_unlock(void);

static inline void pab_put_move(unsigned domain, const void *block, uint64_t size)
{
    struct pab_ring *ring = pab_put_ring();
    if (pab_rarely(pab_thread.number == 0 && ring != NULL)) {
        (void)pab_put_number(ring); /* its first event, and it may share a number */
    }
    if (pab_rarely(pab_thread.number == PAB_RING_THREADS)) {
        pab_put_crowd_lock();
    }
    pab_put(PAB_RING_MOVE, domain, (uintptr_t)block, size);
}

static inline void pab_put_moved(unsigned domain, const void *result, uint64_t size)
{
    bool kept = result == NULL && size != 0;
    pab_put(kept ? PAB_RING_KEPT : PAB_RING_MOVED, domain, (uintptr_t)result, size);
    if (pab_rarely(pab_thread.number == PAB_RING_THREADS)) {
        pab_put_crowd_unlock();
    }
}

#endif
