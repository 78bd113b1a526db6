/* allocators/clock.h -- the finest clock for what takes nanoseconds, and what reading it costs.
 * Depends on libc.
 *
 *   began = pab_clock_read(&clock);
 *   ...the one call...
 *   ns = pab_clock_net_ns(&clock, began, pab_clock_read(&clock));
 *
 * It is the CPU's own counter where that runs at one rate whatever the CPU does (x86: the
 * invariant TSC; aarch64: the generic timer), else CLOCK_MONOTONIC. A reading waits until all
 * instructions before it are done, and holds back those behind it: so what lies between two of them
 * is measured alone. Amid other work it overlaps with that and costs less; sums of such times are
 * no CPU time. They hold preemptions, too.
 */
#ifndef PAB_ALLOCATORS_CLOCK_H
#define PAB_ALLOCATORS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PAB_CLOCK_SHIFT 20

struct pab_clock {
    bool is_counter;
    uint64_t tick_ns; /* ns of a tick, times 2^PAB_CLOCK_SHIFT */
    /* Of two readings with nothing between them. The median is subtracted from single times, and
     * the mean belongs to sums: a coarse clock shows the same cost as two different numbers. */
    uint64_t cost_ticks;
    double cost_mean_ticks;
    double resolution_ns; /* what two different times differ by at least */
};

/* Finds, calibrates against CLOCK_MONOTONIC_RAW, and tries out the clock: some 10 ms. */
void pab_clock_open(struct pab_clock *clock);

/* The architecture's counter. Constant 0 where it has none that we know. */
static inline uint64_t pab_clock_counter(void)
{
#if defined(__x86_64__)
    uint32_t low = 0;
    uint32_t high = 0;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t ticks = 0;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks) : : "memory");
    return ticks;
#else
    return 0;
#endif
}

static inline uint64_t pab_clock_read(const struct pab_clock *clock)
{
    if (__builtin_expect(clock->is_counter, 1)) {
        return pab_clock_counter();
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t pab_clock_ns(const struct pab_clock *clock, uint64_t ticks)
{
    return (ticks * clock->tick_ns) >> PAB_CLOCK_SHIFT;
}

/* From `began` to `ended` without the clock's own cost; 0 where that is all there was, and where a
 * reading went back (on another CPU). */
static inline uint64_t pab_clock_net_ns(const struct pab_clock *clock, uint64_t began,
                                        uint64_t ended)
{
    uint64_t spent = began + clock->cost_ticks;
    return ended <= spent ? 0 : pab_clock_ns(clock, ended - spent);
}

#endif
