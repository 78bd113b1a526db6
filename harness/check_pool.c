#include "harness/check_pool.h"

#include "harness/self.h"

#include <string.h>

#define POLL_MS 100

struct crew {
    const struct pab_check_pool *pool;
    struct pab_check_task *running[PAB_WORKERS_MAX];
    size_t count;
    unsigned hung;
};

static enum pab_status start(struct crew *crew, struct pab_check_task *task, struct pab_error *err)
{
    struct pab_launch launch = {
        .spec = task->spec, .job = &task->job, .timeout_ms = task->timeout_ms};
    task->started_ns = pab_wall_ns();
    enum pab_status status = pab_worker_start(&launch, &task->worker, err);
    if (status == PAB_OK) {
        crew->running[crew->count++] = task;
    }
    return status;
}

static void finish(struct crew *crew, size_t index)
{
    struct pab_check_task *task = crew->running[index];
    task->wall_ns = pab_wall_ns() - task->started_ns;
    task->outcome = *pab_worker_outcome(task->worker);
    task->outcome.curve = NULL;
    task->is_done = true;
    crew->hung += strcmp(task->outcome.kind, "timeout") == 0;
    pab_worker_destroy(task->worker);
    task->worker = NULL;
    crew->running[index] = crew->running[--crew->count];
    if (crew->pool->ended != NULL) {
        crew->pool->ended(crew->pool->arg, task);
    }
}

static void listen(struct crew *crew)
{
    struct pab_worker *workers[PAB_WORKERS_MAX];
    for (size_t i = 0; i < crew->count; i++) {
        workers[i] = crew->running[i]->worker;
    }
    if (crew->pool->look != NULL) {
        crew->pool->look(crew->pool->arg, crew->running, crew->count);
    }
    pab_workers_poll(workers, crew->count, POLL_MS);
    for (size_t i = crew->count; i-- > 0;) {
        if (pab_worker_state(crew->running[i]->worker) == PAB_WORKER_ENDED) {
            finish(crew, i);
        }
    }
}

static void abandon(struct crew *crew)
{
    while (crew->count > 0) {
        struct pab_check_task *task = crew->running[--crew->count];
        pab_worker_destroy(task->worker);
        task->worker = NULL;
    }
}

static struct pab_check_task *next_of_kind(struct pab_check_task *tasks, size_t count, size_t *at,
                                           bool is_alone)
{
    while (*at < count && tasks[*at].is_alone != is_alone) {
        (*at)++;
    }
    return *at < count ? &tasks[(*at)++] : NULL;
}

enum pab_status pab_check_pool_run(const struct pab_check_pool *pool, struct pab_check_task *tasks,
                                   size_t count, struct pab_error *err)
{
    struct crew crew = {.pool = pool};
    enum pab_status status = PAB_OK;
    for (int alone = 0; alone <= 1; alone++) {
        size_t width = alone == 1 ? 1 : pool->jobs;
        size_t at = 0;
        struct pab_check_task *next = next_of_kind(tasks, count, &at, alone == 1);
        PAB_CHECK(width > 0 && width <= PAB_WORKERS_MAX);
        while (status == PAB_OK && *pool->interrupted == 0 && (next != NULL || crew.count > 0)) {
            if (pool->hung_most > 0 && crew.hung >= pool->hung_most) {
                next = NULL;
            }
            while (status == PAB_OK && next != NULL && crew.count < width) {
                status = start(&crew, next, err);
                next = next_of_kind(tasks, count, &at, alone == 1);
            }
            if (status == PAB_OK) {
                listen(&crew);
            }
        }
    }
    abandon(&crew);
    return status;
}
