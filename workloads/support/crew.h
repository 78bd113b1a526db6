/* workloads/support/crew.h -- the threads of a workload. Depends on workload.h, POSIX threads.
 *
 * A crew has members 0..size-1. Member 0 is the thread that calls body(); the others are started by
 * setup(), before anything is timed, and live until the process ends, as those of a pool do. So a
 * crew of one is a process of one thread.
 *
 *     pab_crew_run(task)      every member does the task; returns when all have
 *     pab_crew_pause()        a member is between two pieces of work
 *     pab_mailbox_*           a member gives blocks to another one
 *
 * Members run **at once** where the run allows it (the time pass), or **in turns**: then only one
 * runs at any time, each on its own thread, and goes on until it pauses, waits or is done; the next
 * one follows by index. In turns all calls of the heap come in one order, the same on every backend,
 * so that what counts, hashes or times them needs no lock, and q(t) is what it is everywhere. What
 * an allocator holds for each thread shows in turns as it does at once; what it holds because two
 * threads met in it does not.
 *
 * The memory of a crew and of each thread is a mapping of its own; glibc takes some 300 bytes a thread
 * from its heap for thread-local storage, before anything is measured.
 */
#ifndef PAB_WORKLOADS_SUPPORT_CREW_H
#define PAB_WORKLOADS_SUPPORT_CREW_H

#include "workloads/workload.h"

#define PAB_CREW_MAX   64u  /* members */
#define PAB_CREW_LINES 128u /* bytes that no two members share: two cache lines */

/* The parameter that a workload with threads has first. */
#define PAB_CREW_PARAM                                                                             \
    {                                                                                              \
        "threads", "threads that work, this many CPUs or more if they are to run at once",         \
            "threads", 2, 0, 1, PAB_CREW_MAX                                                       \
    }

struct pab_crew;

/* For setup(): starts the threads. Under PAB_THREADING_HEAPS each member gets a heap of its own
 * where the backend can have several; `run->heap` then leads each to its own. */
enum pab_status pab_crew_new(struct pab_run *run, enum pab_threading threading,
                             struct pab_crew **out, struct pab_error *err);

unsigned pab_crew_size(const struct pab_crew *crew);

/* From member 0, outside of any task. */
typedef void (*pab_crew_task)(void *arg, unsigned member);
void pab_crew_run(struct pab_crew *crew, const struct pab_run *run, pab_crew_task task, void *arg);

/* What `member` has to call: the run's heap, or its own one where nothing watches. */
struct pab_heap *pab_crew_heap(struct pab_crew *crew, const struct pab_run *run, unsigned member);

/* In turns, hands over to the next member. Else does nothing. */
void pab_crew_pause(struct pab_crew *crew, unsigned member);

/* `size` zeroed bytes in lines of their own. */
void *pab_crew_take(struct pab_inputs *inputs, size_t size);

/* From one member to one other, in order; a few letters wait in it. */
struct pab_mailbox;

struct pab_mailbox *pab_mailbox_new(struct pab_inputs *inputs);
#define PAB_MAILBOX_ROOM 4u
/* Waits while it is full. */
void pab_mailbox_post(struct pab_crew *crew, unsigned member, struct pab_mailbox *box,
                      void *letter);
/* Waits while it is empty. */
void *pab_mailbox_take(struct pab_crew *crew, unsigned member, struct pab_mailbox *box);

#endif
