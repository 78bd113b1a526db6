/* What a thread does when the ring is full, and at its first event. */
#include "harness/recorder/put.h"

#include "harness/recorder/life.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define YIELDS      4
#define NAP_NS      100000
#define NAPS_A_LOOK 256 /* naps between two looks whether the reader lives */

struct pab_recorder pab_recorder;
__thread struct pab_recorder_thread pab_thread;

uint32_t pab_put_number(struct pab_ring *ring)
{
    uint32_t before = atomic_fetch_add_explicit(&ring->threads, 1, memory_order_relaxed);
    pab_thread.number = before < PAB_RING_THREADS ? before + 1 : PAB_RING_THREADS;
    return pab_thread.number;
}

/* Not libc's: that one is a place where threads are cancelled. */
static void nap(void)
{
    struct timespec time = {.tv_nsec = NAP_NS};
    syscall(SYS_nanosleep, &time, NULL);
}

static bool has_room(struct pab_ring *ring, uint64_t place)
{
    uint64_t limit = atomic_load_explicit(&ring->tail, memory_order_acquire) + PAB_RING_SLOTS;
    atomic_store_explicit(&pab_recorder.limit, limit, memory_order_relaxed);
    return place < limit;
}

bool pab_put_wait(struct pab_ring *ring, uint64_t place)
{
    int error = errno;
    bool room = has_room(ring, place);
    if (!room) {
        atomic_fetch_add_explicit(&ring->waits, 1, memory_order_relaxed);
    }
    for (unsigned i = 0; !room && pab_put_ring() == ring; i++) {
        if (atomic_load_explicit(&ring->reader_gone, memory_order_relaxed) != 0 ||
            (i % NAPS_A_LOOK == NAPS_A_LOOK - 1 && !pab_life_has_reader())) {
            pab_life_stop();
            break;
        }
        if (i < YIELDS) {
            sched_yield();
        } else {
            nap();
        }
        room = has_room(ring, place);
    }
    errno = error;
    return room;
}

struct pab_ring *pab_put_late(void)
{
    if (!pab_life_is_active()) {
        return NULL;
    }
    int error = errno;
    pab_life_reopen();
    errno = error;
    return pab_put_ring();
}

void pab_put_crowd_lock(void)
{
    while (atomic_exchange_explicit(&pab_recorder.crowd_lock, 1, memory_order_acquire) != 0) {
        sched_yield();
    }
}

void pab_put_crowd_unlock(void)
{
    atomic_store_explicit(&pab_recorder.crowd_lock, 0, memory_order_release);
}
