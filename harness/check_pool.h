/* harness/check_pool.h -- runs several workers side by side. Depends on runner.h. */
#ifndef PAB_HARNESS_CHECK_POOL_H
#define PAB_HARNESS_CHECK_POOL_H

#include "harness/runner.h"

struct pab_check_task {
    const struct pab_spec *spec;
    struct pab_job job;
    uint64_t timeout_ms;
    bool is_alone; /* nothing may run beside it */

    /* Set by the pool. */
    bool is_done;
    uint64_t started_ns, wall_ns;
    struct pab_worker *worker;  /* while it runs */
    struct pab_outcome outcome; /* once it is done; no curve */
    char told[PAB_NAME_MAX];    /* whoever looks on keeps here what was told of it last */
};

struct pab_check_pool {
    unsigned jobs;      /* how many at once */
    unsigned hung_most; /* after so many that hung no other one is started; 0: no such limit */
    const volatile int *interrupted;
    /* Both may be NULL: called when a task has ended, and time and again with those that run. */
    void (*ended)(void *arg, struct pab_check_task *task);
    void (*look)(void *arg, struct pab_check_task **running, size_t count);
    void *arg;
};

/* Runs all tasks in their order, those that must be alone after the others. When `interrupted`
 * comes, what runs is ended and the rest is left not done, as the rest is after `hung_most`. PAB_IO: no worker could be started;
 * what was done stands. */
enum pab_status pab_check_pool_run(const struct pab_check_pool *pool, struct pab_check_task *tasks,
                                   size_t count, struct pab_error *err);

#endif
