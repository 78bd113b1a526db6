/* tests/conformance/threads/team.h -- some threads that do one thing together, for a check.
 * Depends on harness/check.h.
 */
#ifndef PAB_TESTS_CONFORMANCE_THREADS_TEAM_H
#define PAB_TESTS_CONFORMANCE_THREADS_TEAM_H

#include "harness/check.h"

#include <pthread.h>
#include <stdatomic.h>

#define PAB_TEAM_MAX 512

/* The threads' shared view of one check. */
struct pab_team {
    struct pab_check_run *run;
    size_t count;            /* of threads, at most PAB_TEAM_MAX */
    atomic_bool is_over;     /* somebody found something: the others may stop */
    pthread_mutex_t mutex;   /* guards run->reason */
    pthread_barrier_t start; /* of `count`; for the body's own use, any number of times */
};

/* Runs body(team, 0 .. count - 1, arg) in threads of their own, to their ends. False: one of them
 * found something, or there are no threads to be had (then the reason says so). */
bool pab_team_run(struct pab_team *team, size_t count,
                  void (*body)(struct pab_team *team, size_t index, void *arg), void *arg);

/* As pab_wrong(), from any thread; all are told to stop. False. */
bool pab_team_wrong(struct pab_team *team, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For pab_check.admit: under ThreadSanitizer an allocator that was not built with it gives false
 * silence and false alarms, so nothing is looked at. */
enum pab_status pab_team_admit(const struct pab_check_run *run, struct pab_error *err);

#endif
