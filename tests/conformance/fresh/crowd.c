/* tests/conformance/fresh/crowd.c -- many threads at once: their first calls at a barrier, and the
 * end of the process while they are at it. */
#include "tests/conformance/fresh/program.h"

#include "workloads/support/rng.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define CROWD_MAX    256
#define CROWD_BLOCKS 32

struct member {
    pthread_t thread;
    size_t index;
    void *blocks[CROWD_BLOCKS];
    size_t sizes[CROWD_BLOCKS];
};

static struct {
    const struct pab_fresh_calls *calls;
    size_t count;
    uint64_t seed;
    pthread_barrier_t start, middle;
    atomic_uint_fast64_t calls_made;
    struct member members[CROWD_MAX];
} crowd;

static bool take_block(struct member *member, size_t i, struct pab_rng *rng)
{
    size_t size = 1 + pab_rng_below(rng, 1u << (4 + pab_rng_below(rng, 12)));
    unsigned kind = pab_rng_below(rng, 3);
    void *block = kind == 0   ? crowd.calls->malloc(size)
                  : kind == 1 ? crowd.calls->calloc(1, size)
                              : crowd.calls->realloc(NULL, size);
    member->sizes[i] = size;
    member->blocks[i] = block;
    if (block == NULL) {
        pab_fresh_say(PAB_FRESH_FOUND, "thread %zu, call %zu: NULL for %zu bytes", member->index, i,
                      size);
        return false;
    }
    pab_fresh_fill(block, size, member->index * CROWD_BLOCKS + i);
    return true;
}

static void give_block(const struct member *owner, size_t i, const char *when)
{
    void *block = owner->blocks[i];
    if (block != NULL &&
        pab_fresh_holds(block, owner->sizes[i], owner->index * CROWD_BLOCKS + i, when)) {
        crowd.calls->free(block);
    }
}

/* Even blocks are given back by their owner, odd ones by the next thread. */
static void *crowd_member(void *arg)
{
    struct member *member = arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, crowd.seed * CROWD_MAX + member->index);
    pthread_barrier_wait(&crowd.start);
    for (size_t i = 0; i < CROWD_BLOCKS && take_block(member, i, &rng); i++) {
    }
    pthread_barrier_wait(&crowd.middle);
    const struct member *next = &crowd.members[(member->index + 1) % crowd.count];
    for (size_t i = 0; i < CROWD_BLOCKS; i++) {
        give_block(i % 2 == 0 ? member : next, i, "after all threads' first calls");
    }
    return NULL;
}

static bool start_members(const struct pab_fresh_task *task, void *(*body)(void *arg))
{
    crowd.calls = &task->calls;
    crowd.count = task->numbers[0] < CROWD_MAX ? task->numbers[0] : CROWD_MAX;
    crowd.seed = task->numbers[1];
    pthread_barrier_init(&crowd.start, NULL, (unsigned)crowd.count);
    pthread_barrier_init(&crowd.middle, NULL, (unsigned)crowd.count);
    for (size_t i = 0; i < crowd.count; i++) {
        crowd.members[i].index = i;
        if (pthread_create(&crowd.members[i].thread, NULL, body, &crowd.members[i]) != 0) {
            pab_fresh_say(PAB_FRESH_SKIP, "only %zu threads are to be had", i);
            return false;
        }
    }
    return true;
}

void pab_fresh_crowd(const struct pab_fresh_task *task)
{
    pab_fresh_say(PAB_FRESH_STAGE, "the first calls of %llu threads",
                  (unsigned long long)task->numbers[0]);
    if (!start_members(task, crowd_member)) {
        _exit(0); /* those that there are wait for the others */
    }
    for (size_t i = 0; i < crowd.count; i++) {
        pthread_join(crowd.members[i].thread, NULL);
    }
    pab_fresh_say(PAB_FRESH_DONE, " ");
}

static void *busy_member(void *arg)
{
    struct member *member = arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, crowd.seed * CROWD_MAX + member->index);
    for (size_t i = 0;; i = (i + 1) % CROWD_BLOCKS) {
        if (member->blocks[i] != NULL) {
            crowd.calls->free(member->blocks[i]);
        }
        member->blocks[i] = crowd.calls->malloc(1 + pab_rng_below(&rng, 5000));
        atomic_fetch_add_explicit(&crowd.calls_made, 2, memory_order_relaxed);
    }
    return NULL;
}

static void say_done(void)
{
    void *block = crowd.calls->malloc(100);
    crowd.calls->free(block);
    pab_fresh_say(PAB_FRESH_DONE, " ");
}

/* The process ends by exit() in one thread, while the others never stop. */
void pab_fresh_leave(const struct pab_fresh_task *task)
{
    pab_fresh_say(PAB_FRESH_STAGE, "exit while %llu threads call malloc",
                  (unsigned long long)task->numbers[0]);
    if (!start_members(task, busy_member)) {
        _exit(0);
    }
    atexit(say_done);
    while (atomic_load(&crowd.calls_made) < 1000 * crowd.count) {
        sched_yield();
    }
    exit(0);
}
