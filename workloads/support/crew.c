#include "workloads/support/crew.h"

#include "allocators/os_pages.h"
#include "allocators/spec.h"
#include "workloads/support/inputs.h"

#include <pthread.h>
#include <string.h>

#define STACK_TOUCHED ((size_t)32 << 10) /* so much of a stack is resident before the body */

struct member {
    _Alignas(PAB_CREW_LINES)
        pthread_cond_t called; /* there is a task, or it is this member's turn */
    struct pab_crew *crew;
    unsigned index;
    bool is_busy;         /* with the present task */
    struct pab_heap view; /* tables alone: what it calls at once, its own heap or the run's */
};

/* The tables that stand in the run's heap where members have heaps of their own. */
struct route {
    struct pab_crew *crew;
    enum pab_domain domain;
};

/* In a mapping that stays as long as the process: its threads sleep in it, and others would be woken
 * in their place by whoever came to lie there. */
struct pab_crew {
    unsigned size;
    enum pab_threading threading;
    struct route routes[PAB_DOMAIN_COUNT];
    bool has_heaps;
    struct member *members; /* in the same mapping */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t ended; /* no member is busy any more */
    uint64_t tasks;       /* begun */
    unsigned busy, turn;  /* members at work; whose turn it is */
    bool in_turns;
    pab_crew_task task;
    void *arg;
};

static _Thread_local unsigned current_member;

/* --- tasks and turns ------------------------------------------------------------------------ */

static bool may_begin(const struct member *member, uint64_t seen)
{
    const struct pab_crew *crew = member->crew;
    return crew->tasks != seen && (!crew->in_turns || crew->turn == member->index);
}

/* The next busy member after `index`; itself when there is no other. */
static unsigned next_busy(const struct pab_crew *crew, unsigned index)
{
    unsigned next = index;
    do {
        next = (next + 1) % crew->size;
    } while (next != index && !crew->members[next].is_busy);
    return next;
}

static void hand_over(struct pab_crew *crew, unsigned next)
{
    crew->turn = next;
    pthread_cond_signal(&crew->members[next].called);
}

/* With the lock held: this member is done with the task. */
static void leave(struct pab_crew *crew, unsigned index)
{
    crew->members[index].is_busy = false;
    crew->busy--;
    if (crew->busy == 0) {
        pthread_cond_signal(&crew->ended);
    } else if (crew->in_turns) {
        hand_over(crew, next_busy(crew, index));
    }
}

static void touch_stack(void)
{
    volatile unsigned char bytes[STACK_TOUCHED];
    for (size_t i = 0; i < sizeof(bytes); i += 1024) {
        bytes[i] = 1;
    }
}

static void *serve(void *arg)
{
    struct member *member = arg;
    struct pab_crew *crew = member->crew;
    uint64_t seen = 0;
    current_member = member->index;
    touch_stack();
    pthread_mutex_lock(&crew->lock);
    leave(crew, member->index); /* the start is a task, too */
    for (;;) {
        while (!may_begin(member, seen)) {
            pthread_cond_wait(&member->called, &crew->lock);
        }
        seen = crew->tasks;
        pthread_mutex_unlock(&crew->lock);
        crew->task(crew->arg, member->index);
        pthread_mutex_lock(&crew->lock);
        leave(crew, member->index);
    }
    return NULL;
}

static void wait_for_all(struct pab_crew *crew)
{
    while (crew->busy > 0) {
        pthread_cond_wait(&crew->ended, &crew->lock);
    }
}

void pab_crew_run(struct pab_crew *crew, const struct pab_run *run, pab_crew_task task, void *arg)
{
    PAB_CHECK(current_member == 0);
    pthread_mutex_lock(&crew->lock);
    PAB_CHECK(crew->busy == 0);
    crew->task = task;
    crew->arg = arg;
    crew->in_turns = crew->threading == PAB_THREADING_TURNS || !run->at_once;
    crew->turn = 0;
    crew->tasks++;
    crew->busy = crew->size;
    for (unsigned i = 0; i < crew->size; i++) {
        crew->members[i].is_busy = true;
        if (!crew->in_turns) {
            pthread_cond_signal(&crew->members[i].called);
        }
    }
    pthread_mutex_unlock(&crew->lock);
    task(arg, 0);
    pthread_mutex_lock(&crew->lock);
    leave(crew, 0);
    wait_for_all(crew);
    pthread_mutex_unlock(&crew->lock);
}

void pab_crew_pause(struct pab_crew *crew, unsigned member)
{
    if (!crew->in_turns) { /* it changes between tasks only */
        return;
    }
    pthread_mutex_lock(&crew->lock);
    unsigned next = next_busy(crew, member);
    if (next != member) {
        hand_over(crew, next);
        while (crew->turn != member) {
            pthread_cond_wait(&crew->members[member].called, &crew->lock);
        }
    }
    pthread_mutex_unlock(&crew->lock);
}

/* --- heaps of their own ----------------------------------------------------------------------- */

static const struct pab_alloc *own_table(void *ctx)
{
    const struct route *route = ctx;
    return &route->crew->members[current_member].view.domain[route->domain];
}

static void *route_malloc(void *ctx, size_t size)
{
    const struct pab_alloc *own = own_table(ctx);
    return own->malloc(own->ctx, size);
}

static void *route_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_alloc *own = own_table(ctx);
    return own->calloc(own->ctx, count, size);
}

static void *route_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_alloc *own = own_table(ctx);
    return own->realloc(own->ctx, ptr, size);
}

static void route_free(void *ctx, void *ptr)
{
    const struct pab_alloc *own = own_table(ctx);
    own->free(own->ctx, ptr);
}

static size_t route_usable_size(void *ctx, const void *ptr)
{
    const struct pab_alloc *own = own_table(ctx);
    return own->usable_size(own->ctx, ptr);
}

/* From now on a call of the run's heap is one of the caller's own. */
static void lay_routes(struct pab_crew *crew, struct pab_heap *heap)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_alloc *table = &heap->domain[i];
        crew->routes[i] = (struct route){.crew = crew, .domain = (enum pab_domain)i};
        *table = (struct pab_alloc){
            .ctx = &crew->routes[i],
            .malloc = route_malloc,
            .calloc = route_calloc,
            .realloc = route_realloc,
            .free = route_free,
            .usable_size = table->usable_size == NULL ? NULL : route_usable_size,
        };
    }
}

static enum pab_status open_heaps(struct pab_crew *crew, struct pab_run *run, struct pab_error *err)
{
    crew->has_heaps = true;
    for (unsigned i = 1; i < crew->size; i++) {
        struct pab_heap *heap = pab_inputs_take(run->inputs, sizeof(*heap));
        enum pab_status status = pab_heap_open(heap, run->spec, err);
        if (status != PAB_OK) {
            return status;
        }
        heap->beside = run->heap->beside;
        run->heap->beside = heap;
        memcpy(crew->members[i].view.domain, heap->domain, sizeof(heap->domain));
    }
    lay_routes(crew, run->heap);
    return PAB_OK;
}

struct pab_heap *pab_crew_heap(struct pab_crew *crew, const struct pab_run *run, unsigned member)
{
    return crew->has_heaps && run->at_once ? &crew->members[member].view : run->heap;
}

/* --- making one ------------------------------------------------------------------------------- */

void *pab_crew_take(struct pab_inputs *inputs, size_t size)
{
    size_t rounded = (size + PAB_CREW_LINES - 1) / PAB_CREW_LINES * PAB_CREW_LINES;
    uintptr_t place = (uintptr_t)pab_inputs_take(inputs, rounded + PAB_CREW_LINES);
    uintptr_t past = place % PAB_CREW_LINES;
    return (unsigned char *)place + (past == 0 ? 0 : PAB_CREW_LINES - past);
}

/* NULL when there is no memory. */
static struct pab_crew *crew_map(unsigned size)
{
    size_t head = (sizeof(struct pab_crew) + PAB_CREW_LINES - 1) / PAB_CREW_LINES * PAB_CREW_LINES;
    void *place = pab_pages_map(head + size * sizeof(struct member));
    struct pab_crew *crew = place;
    if (crew != NULL) {
        crew->size = size;
        crew->members = (void *)((unsigned char *)place + head);
        pthread_mutex_init(&crew->lock, NULL);
        pthread_cond_init(&crew->ended, NULL);
    }
    return crew;
}

static void member_init(struct pab_crew *crew, unsigned index, const struct pab_run *run)
{
    struct member *member = &crew->members[index];
    pthread_cond_init(&member->called, NULL);
    member->crew = crew;
    member->index = index;
    member->is_busy = true;
    memcpy(member->view.domain, run->heap->domain, sizeof(run->heap->domain));
}

/* All members are there and idle when it returns. */
static enum pab_status start_threads(struct pab_crew *crew, struct pab_error *err)
{
    crew->busy = crew->size;
    for (unsigned i = 1; i < crew->size; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, serve, &crew->members[i]);
        if (error != 0) {
            return pab_fail(err, PAB_UNAVAILABLE,
                            "the system grants no thread %u of %u (%s): ask for fewer by --threads",
                            i + 1, crew->size, strerror(error));
        }
        pthread_detach(thread);
    }
    pthread_mutex_lock(&crew->lock);
    leave(crew, 0);
    wait_for_all(crew);
    pthread_mutex_unlock(&crew->lock);
    return PAB_OK;
}

enum pab_status pab_crew_new(struct pab_run *run, enum pab_threading threading,
                             struct pab_crew **out, struct pab_error *err)
{
    unsigned size = (unsigned)run->params[0];
    PAB_CHECK(size >= 1 && size <= PAB_CREW_MAX);
    if (run->one_thread && size > 1) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "this pass follows one thread alone, not the %u of the workload: give it "
                        "--threads 1",
                        size);
    }
    struct pab_crew *crew = crew_map(size);
    if (crew == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for %u threads", size);
    }
    crew->threading = threading;
    for (unsigned i = 0; i < size; i++) {
        member_init(crew, i, run);
    }
    enum pab_status status = PAB_OK;
    if (threading == PAB_THREADING_HEAPS && size > 1 && run->spec != NULL &&
        (run->spec->backend->caps & PAB_CAP_INSTANCES) != 0) {
        status = open_heaps(crew, run, err);
    }
    *out = crew;
    return status == PAB_OK ? start_threads(crew, err) : status;
}

unsigned pab_crew_size(const struct pab_crew *crew)
{
    return crew->size;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

struct pab_mailbox {
    pthread_mutex_t lock;
    pthread_cond_t moved; /* one of the two sides waits, never both */
    unsigned first, count;
    void *letters[PAB_MAILBOX_ROOM];
};

struct pab_mailbox *pab_mailbox_new(struct pab_inputs *inputs)
{
    struct pab_mailbox *box = pab_crew_take(inputs, sizeof(*box));
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->moved, NULL);
    return box;
}

/* Waits while as many letters are in it as may not be; holds the lock afterwards. */
static void lock_unless(struct pab_crew *crew, unsigned member, struct pab_mailbox *box,
                        unsigned count)
{
    pthread_mutex_lock(&box->lock);
    while (box->count == count) {
        if (crew->in_turns) {
            pthread_mutex_unlock(&box->lock);
            pab_crew_pause(crew, member);
            pthread_mutex_lock(&box->lock);
        } else {
            pthread_cond_wait(&box->moved, &box->lock);
        }
    }
}

void pab_mailbox_post(struct pab_crew *crew, unsigned member, struct pab_mailbox *box, void *letter)
{
    lock_unless(crew, member, box, PAB_MAILBOX_ROOM);
    box->letters[(box->first + box->count) % PAB_MAILBOX_ROOM] = letter;
    box->count++;
    pthread_cond_signal(&box->moved);
    pthread_mutex_unlock(&box->lock);
}

void *pab_mailbox_take(struct pab_crew *crew, unsigned member, struct pab_mailbox *box)
{
    lock_unless(crew, member, box, 0);
    void *letter = box->letters[box->first];
    box->first = (box->first + 1) % PAB_MAILBOX_ROOM;
    box->count--;
    pthread_cond_signal(&box->moved);
    pthread_mutex_unlock(&box->lock);
    return letter;
}
