/* tests/conformance/threads/queues.c -- some threads only allocate, others only free: messages
 * through bounded queues of several depths, straight or by way of a proxy that hands them on. */
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/threads/growth.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define MESSAGES    60000u
#define MOST_BYTES  1024u
#define DEEPEST     ((size_t)100000)
#define PROXY_NONE  0
#define PROXY_ONE   1
#define SHARE_PAUSE 4 /* a queue of depth 1 costs a change of threads for each message */

struct message {
    unsigned char *block;
    size_t size;
    uint64_t key;
};

/* Bounded; closed when no more will come. */
struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct message *ring; /* DEEPEST of them */
    size_t depth, head, count;
    size_t writers; /* that have not yet gone */
};

struct course {
    const struct pab_subject *subject;
    size_t producers, consumers, proxies, depth;
    uint64_t messages;          /* of all producers */
    struct queue first, second; /* the second lies behind the proxy */
};

static struct course course;

static void queue_open(struct queue *queue, size_t depth, size_t writers)
{
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    if (queue->ring == NULL) {
        queue->ring = pab_process_pages(DEEPEST * sizeof(*queue->ring));
    }
    queue->depth = depth;
    queue->writers = writers;
    queue->head = 0;
    queue->count = 0;
}

static void queue_push(struct queue *queue, const struct message *message)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->depth) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    queue->ring[(queue->head + queue->count++) % queue->depth] = *message;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* False: it is empty and will stay so. */
static bool queue_pop(struct queue *queue, struct message *out)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && queue->writers > 0) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    bool has_one = queue->count > 0;
    if (has_one) {
        *out = queue->ring[queue->head];
        queue->head = (queue->head + 1) % queue->depth;
        queue->count--;
    }
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    return has_one;
}

static void queue_leave(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->writers--;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* --- threads ------------------------------------------------------------------------------------ */

static void produce(struct pab_team *team, size_t index)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, team->run->seed * PAB_TEAM_MAX + index);
    for (uint64_t i = 0; i < course.messages / course.producers && !team->is_over; i++) {
        struct message message = {
            .size = 1 + pab_rng_below(&rng, MOST_BYTES),
            .key = pab_rng_next(&rng),
        };
        message.block = pab_subject_malloc(course.subject, message.size);
        if (message.block == NULL) {
            pab_team_wrong(team, "NULL for %zu bytes", message.size);
            break;
        }
        pab_pattern_fill(message.block, 0, message.size, message.key);
        queue_push(&course.first, &message);
    }
    queue_leave(&course.first);
}

static void hand_on(void)
{
    struct message message;
    while (queue_pop(&course.first, &message)) {
        queue_push(&course.second, &message);
    }
    queue_leave(&course.second);
}

/* Empties the queue even when something was found, so that no producer waits for ever. */
static void consume(struct pab_team *team)
{
    struct queue *queue = course.proxies > 0 ? &course.second : &course.first;
    struct message message;
    while (queue_pop(queue, &message)) {
        size_t bad = 0;
        if (!pab_pattern_holds(message.block, 0, message.size, message.key, &bad)) {
            pab_team_wrong(team,
                           "byte %zu of a message of %zu bytes changed, %zu producers, %zu "
                           "consumers, queue of %zu, seed %" PRIu64,
                           bad, message.size, course.producers, course.consumers, course.depth,
                           team->run->seed);
        }
        pab_subject_free(course.subject, message.block);
    }
}

static void course_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    if (index < course.producers) {
        produce(team, index);
    } else if (index < course.producers + course.proxies) {
        hand_on();
    } else {
        consume(team);
    }
}

/* --- courses ------------------------------------------------------------------------------------- */

static bool run_course(struct pab_check_run *run, struct pab_growth *growth)
{
    static struct pab_team team;
    team.run = run;
    queue_open(&course.first, course.depth, course.producers);
    queue_open(&course.second, course.depth, course.proxies);
    bool holds = pab_team_run(&team, course.producers + course.proxies + course.consumers,
                              course_member, NULL);
    run->ops_done += 2 * course.messages;
    pab_growth_round(growth, course.messages * MOST_BYTES / 2);
    return holds;
}

/* The deepest first: what it needs belongs to the warm-up of what must not grow. */
static const size_t depths[] = {DEEPEST, 1024, 32, 1};

static const struct {
    size_t producers, consumers;
} shapes[] = {{1, 1}, {1, 3}, {3, 1}, {2, 2}};

static bool run_depth(struct pab_check_run *run, struct pab_growth *growth, size_t depth,
                      uint64_t messages)
{
    bool holds = true;
    for (size_t i = 0; holds && i < 2 * ARRAY_COUNT(shapes); i++) {
        course.depth = depth;
        course.messages = depth == 1 ? messages / SHARE_PAUSE : messages;
        course.producers = shapes[i / 2].producers;
        course.consumers = shapes[i / 2].consumers;
        course.proxies = i % 2 == 0 ? PROXY_NONE : PROXY_ONE;
        holds = run_course(run, growth);
    }
    return holds;
}

static enum pab_verdict queues_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_growth growth;
    uint64_t all = pab_budget(run, MESSAGES, 0);
    uint64_t messages = all / (2 * ARRAY_COUNT(shapes) * ARRAY_COUNT(depths)) + 1;
    bool holds = true;
    size_t deepest = 0;
    pab_subject_init(&subject, run->heap);
    course.subject = &subject;
    pab_growth_begin(&growth, run, &subject, all * MOST_BYTES / 2);
    for (size_t i = 0; holds && i < ARRAY_COUNT(depths); i++) {
        if (depths[i] < messages || i > 0) {
            deepest = deepest == 0 ? depths[i] : deepest;
            holds = run_depth(run, &growth, depths[i], messages);
        }
    }
    char grown[128];
    pab_growth_describe(&growth, grown, sizeof(grown));
    pab_compared(run,
                 "1:1, 1:3, 3:1 and 2:2 producers and consumers, queues of 1 to %zu, with a proxy "
                 "and without; %s",
                 deepest, grown);
    if (!holds) {
        return pab_judge(run, false);
    }
    return pab_growth_holds(&growth) ? PAB_PASS : PAB_DEVIATION;
}

static const struct pab_check checks[] = {
    {
        .id = "THR-03",
        .summary = "what some threads only allocate and others only free stays whole, and bounded",
        .source = "C23 7.24.3.3: free names no thread; snmalloc msgpass",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = queues_run,
    },
};

const struct pab_check_group pab_checks_queues = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
