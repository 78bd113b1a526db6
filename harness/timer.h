/* harness/timer.h -- Google Benchmark as the in-process timer. Depends on libc.
 *
 * It calibrates how many bodies fill the minimum time and times them; it does not drive the
 * experiment (README.md, "why Google Benchmark only times").
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

/* Times body(arg): `reps` repetitions of at least `min_time_s` seconds of CPU time each. */
void pab_timer_run(void (*body)(void *arg), void *arg, double min_time_s, uint32_t reps,
                   struct pab_timing *out);

#ifdef __cplusplus
}
#endif
#endif
