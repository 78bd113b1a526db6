#include "tests/conformance/model/trial.h"

#include "allocators/os_pages.h"
#include "tests/conformance/support/process.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>

/* --- a baton -------------------------------------------------------------------------------- */

/* Thread 0 is the one that hands the baton on. */
struct member {
    struct model_crew *crew;
    pthread_t thread;
    sem_t go, done;
    const struct model_op *ops; /* NULL: it is to end */
    size_t count;
    bool holds, is_there;
};

struct model_crew {
    struct model_world *world;
    unsigned threads;
    struct member members[MODEL_THREADS];
};

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
    }
}

static void *member_live(void *arg)
{
    struct member *member = arg;
    for (;;) {
        wait_for(&member->go);
        if (member->ops == NULL) {
            return NULL;
        }
        member->holds = pab_model_do(member->crew->world, member->ops, member->count);
        sem_post(&member->done);
    }
}

static void member_start(struct model_crew *crew, unsigned number)
{
    struct member *member = &crew->members[number];
    memset(member, 0, sizeof(*member));
    member->crew = crew;
    sem_init(&member->go, 0, 0);
    sem_init(&member->done, 0, 0);
    member->is_there = pthread_create(&member->thread, NULL, member_live, member) == 0;
}

static void member_stop(struct member *member)
{
    if (member->is_there) {
        member->ops = NULL;
        sem_post(&member->go);
        pthread_join(member->thread, NULL);
        member->is_there = false;
    }
}

struct model_crew *pab_model_crew_start(struct model_world *world, unsigned threads)
{
    struct model_crew *crew = pab_process_pages(sizeof(*crew));
    crew->world = world;
    crew->threads = threads < MODEL_THREADS ? threads : MODEL_THREADS;
    for (unsigned number = 1; number < crew->threads; number++) {
        member_start(crew, number);
    }
    return crew;
}

void pab_model_crew_stop(struct model_crew *crew)
{
    for (unsigned number = 1; number < crew->threads; number++) {
        member_stop(&crew->members[number]);
    }
}

static bool member_do(struct model_crew *crew, const struct model_op *ops, size_t count)
{
    struct member *member = &crew->members[ops->thread];
    if (!member->is_there) { /* thread 0, or none was to be had */
        return pab_model_do(crew->world, ops, count);
    }
    member->ops = ops;
    member->count = count;
    sem_post(&member->go);
    wait_for(&member->done);
    return member->holds;
}

bool pab_model_crew_do(struct model_crew *crew, const struct model_op *ops, size_t count)
{
    bool holds = true;
    size_t next = 0;
    for (size_t i = 0; i < count && holds; i = next) {
        next = i + 1;
        if (ops[i].call == MODEL_RESPAWN && ops[i].slot > 0 && ops[i].slot < crew->threads) {
            crew->world->line++;
            pab_model_close_window(crew->world); /* a thread needs a stack */
            member_stop(&crew->members[ops[i].slot]);
            member_start(crew, ops[i].slot);
            continue;
        }
        while (next < count && ops[next].thread == ops[i].thread &&
               ops[next].call != MODEL_RESPAWN) {
            next++;
        }
        holds = member_do(crew, ops + i, next - i);
    }
    return holds;
}

/* --- all at once ---------------------------------------------------------------------------- */

#define MAILBOX_BLOCKS 64u
#define YIELD_LINES    1024u

/* Blocks on their way to a thread. */
struct mailbox {
    pthread_mutex_t lock;
    unsigned count;
    struct model_block blocks[MAILBOX_BLOCKS];
};

struct runner {
    const struct model_trial *trial;
    struct mailbox *mailboxes; /* of all */
    unsigned number;
    pthread_t thread;
    struct model_world world;
    struct model_generator generator;
};

static void give(struct runner *runner, const struct model_op *op)
{
    struct model_block *block = &runner->world.slots[op->slot];
    struct mailbox *box = &runner->mailboxes[op->count];
    if (block->at == NULL) {
        return;
    }
    pthread_mutex_lock(&box->lock);
    if (box->count < MAILBOX_BLOCKS) {
        box->blocks[box->count++] = *block;
        pab_model_hand_over(&runner->world, block);
    }
    pthread_mutex_unlock(&box->lock);
}

static void take(struct runner *runner, const struct model_op *op)
{
    struct model_block *block = &runner->world.slots[op->slot];
    struct mailbox *box = &runner->mailboxes[runner->number];
    if (block->at != NULL) {
        return;
    }
    pthread_mutex_lock(&box->lock);
    if (box->count > 0) {
        pab_model_adopt(&runner->world, block, &box->blocks[--box->count]);
    }
    pthread_mutex_unlock(&box->lock);
}

/* Runs of calls between those that hand blocks over. */
static bool runner_do(struct runner *runner, const struct model_op *ops, size_t count)
{
    bool holds = true;
    size_t next = 0;
    for (size_t i = 0; i < count && holds; i = next) {
        next = i + 1;
        if (ops[i].call == MODEL_GIVE) {
            give(runner, &ops[i]);
        } else if (ops[i].call == MODEL_TAKE) {
            take(runner, &ops[i]);
        } else {
            while (next < count && ops[next].call != MODEL_GIVE && ops[next].call != MODEL_TAKE) {
                next++;
            }
            holds = pab_model_do(&runner->world, ops + i, next - i);
        }
    }
    return holds;
}

static bool is_over(const struct runner *runner)
{
    return __atomic_load_n(&runner->trial->outcome->has_broken, __ATOMIC_ACQUIRE) != 0;
}

static void *runner_live(void *arg)
{
    struct runner *runner = arg;
    const struct pab_model_plan *plan = runner->trial->plan;
    struct model_generator *generator = &runner->generator;
    uint64_t calls = plan->ops / plan->threads;
    bool holds = true;
    while (holds && generator->calls < calls && !is_over(runner)) {
        pab_model_generate(generator);
        holds = runner_do(runner, generator->ops, generator->count);
        if (generator->lines % YIELD_LINES == 0) {
            sched_yield();
        }
        if (runner->number == 0 && plan->progress != NULL) {
            plan->progress(generator->calls * plan->threads, plan->ops);
        }
    }
    if (holds && !is_over(runner)) {
        (void)pab_model_empty(&runner->world);
    }
    return NULL;
}

/* What was on its way when the threads ended, freed by the first of them. */
static bool empty_mailbox(struct runner *runner, struct mailbox *box)
{
    for (unsigned i = 0; i < box->count; i++) {
        pab_model_adopt(&runner->world, &runner->world.slots[i], &box->blocks[i]);
    }
    box->count = 0;
    return pab_model_empty(&runner->world);
}

bool pab_model_run_free(const struct model_trial *trial, struct model_shadow *shadow)
{
    unsigned threads = trial->plan->threads;
    assert(threads > 1 && threads <= MODEL_THREADS);
    struct runner *runners = pab_pages_map(threads * sizeof(*runners));
    struct mailbox *boxes = pab_pages_map(threads * sizeof(*boxes));
    size_t align = trial->plan->align_least;
    unsigned started = 0;
    bool is_open = runners != NULL && boxes != NULL;
    for (unsigned i = 0; i < threads && is_open; i++) {
        struct runner *runner = &runners[i];
        runner->trial = trial;
        runner->mailboxes = boxes;
        runner->number = i;
        pthread_mutex_init(&boxes[i].lock, NULL);
        is_open = pab_model_world_open(&runner->world, trial->subject, shadow, trial->outcome,
                                       align != 0 ? align : 16);
        runner->world.stream = i;
        pab_model_generator_init(&runner->generator, trial->plan, i);
    }
    if (!is_open) {
        return false;
    }
    while (started < threads &&
           pthread_create(&runners[started].thread, NULL, runner_live, &runners[started]) == 0) {
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(runners[i].thread, NULL);
    }
    bool holds = !is_over(&runners[0]);
    for (unsigned i = 0; i < threads && holds; i++) {
        holds = empty_mailbox(&runners[0], &boxes[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        pab_model_report(&runners[i].world);
    }
    return true;
}
