#include "workloads/trace/baton.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)256 << 10)

/* What one thread did is seen by the next: the store releases, the load acquires. */
static void give(struct pab_baton *baton, uint32_t number)
{
    _Atomic uint32_t *turn = &baton->seats[number].turn;
    atomic_store_explicit(turn, 1, memory_order_release);
    syscall(SYS_futex, turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_for(struct pab_baton *baton, uint32_t number)
{
    _Atomic uint32_t *turn = &baton->seats[number].turn;
    while (atomic_load_explicit(turn, memory_order_acquire) == 0) {
        syscall(SYS_futex, turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    atomic_store_explicit(turn, 0, memory_order_relaxed);
}

/* Plays what is this thread's, and says who is next; thread 0 where nothing is left. */
static uint32_t play_turn(struct pab_baton *baton, uint32_t number)
{
    while (baton->at < baton->end && baton->play->thread == number) {
        baton->at = pab_play(baton->play, baton->at, baton->end);
    }
    return baton->at < baton->end ? baton->play->thread : 0;
}

static void *take_part(void *arg)
{
    const struct pab_baton_seat *seat = arg;
    for (;;) {
        wait_for(seat->baton, seat->number);
        give(seat->baton, play_turn(seat->baton, seat->number));
    }
    return NULL;
}

enum pab_status pab_baton_init(struct pab_baton *baton, struct pab_play *play, uint32_t count,
                               struct pab_error *err)
{
    PAB_CHECK(count >= 1 && count <= PAB_BATON_THREADS);
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    PAB_CHECK(failed == 0);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    baton->play = play;
    for (uint32_t i = 0; i < count && failed == 0; i++) {
        pthread_t thread;
        baton->seats[i].baton = baton;
        baton->seats[i].number = i;
        failed = i == 0 ? 0 : pthread_create(&thread, &attributes, take_part, &baton->seats[i]);
    }
    pthread_attr_destroy(&attributes);
    return failed == 0 ? PAB_OK
                       : pab_fail(err, PAB_NO_MEMORY,
                                  "the system grants no %u threads (%s): raise the limit of "
                                  "processes (ulimit -u)",
                                  count, strerror(failed));
}

void pab_baton_play(struct pab_baton *baton, const uint64_t *at, const uint64_t *end)
{
    baton->at = at;
    baton->end = end;
    while (baton->at < end) {
        uint32_t next = play_turn(baton, 0);
        if (next != 0) {
            give(baton, next);
            wait_for(baton, 0);
        }
    }
}
