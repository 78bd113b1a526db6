/* harness/timer.h -- Google Benchmark as the in-process timer. Depends on libc.
 *
 * It calibrates how many bodies fill the minimum time and times them; it does not drive the
 * experiment (README.md, "Google Benchmark only times"). It lives in a library of its own, which
 * only a worker that calibrates loads: it brings the C++ library with it, and to load both takes as
 * long as to start all the rest of a worker.
 */
#ifndef PAB_HARNESS_TIMER_H
#define PAB_HARNESS_TIMER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pab_timing {
    uint64_t iterations; /* bodies in one repetition */
    uint32_t rep_count;
    double *wall_ns; /* of one body; `rep_max` places, lent by the caller */
    double *cpu_ns;  /* of the whole process, all its threads */
};

/* Stops the clocks within a body, and lets them go on. Set by the timer, while it is at work. */
struct pab_timer_clock {
    void (*stop)(void *timer);
    void (*go_on)(void *timer);
    void *timer;
};

/* What is timed, and how: `reps` repetitions of at least `min_time_s` seconds of CPU time each. */
struct pab_timed {
    void (*body)(void *arg);
    void *arg;
    struct pab_timer_clock *clock; /* the caller's */
    double min_time_s;
    uint32_t reps;
};

/* NULL, or why the library cannot be used. */
const char *pab_timer_run(const struct pab_timed *timed, struct pab_timing *out);

/* The one function of the library (timer_gbench.cpp). */
void pab_timer_gbench(const struct pab_timed *timed, struct pab_timing *out);

#ifdef __cplusplus
}
#endif
#endif
