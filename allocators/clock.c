#include "allocators/clock.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATION_NS UINT64_C(10000000)
#define PAIRS          1001
#define TRIES          16

static uint64_t raw_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether the counter runs at one rate in all of the CPU's states. */
static bool has_steady_counter(void)
{
#if defined(__x86_64__)
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0;
#else
    return pab_clock_counter() != 0;
#endif
}

struct moment {
    uint64_t ticks, raw_ns;
};

/* Both clocks at one moment, as near as the best of some tries. */
static struct moment read_both(const struct pab_clock *clock)
{
    struct moment best = {0};
    uint64_t narrowest = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = pab_clock_read(clock);
        uint64_t ns = raw_ns();
        uint64_t width = pab_clock_read(clock) - before;
        if (width < narrowest) {
            narrowest = width;
            best = (struct moment){before + width / 2, ns};
        }
    }
    return best;
}

/* False: the counter stands still, or runs so that its ticks do not fit. */
static bool calibrate(struct pab_clock *clock)
{
    struct moment first = read_both(clock);
    while (raw_ns() - first.raw_ns < CALIBRATION_NS) {
    }
    struct moment last = read_both(clock);
    if (last.ticks <= first.ticks) {
        return false;
    }
    double tick_ns = (double)(last.raw_ns - first.raw_ns) / (double)(last.ticks - first.ticks);
    clock->tick_ns = (uint64_t)(tick_ns * (double)(1u << PAB_CLOCK_SHIFT) + 0.5);
    return clock->tick_ns > 0;
}

/* qsort() may ask malloc for memory, which may be what is to be timed. */
static void sort(uint64_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

/* The smallest step between the durations seen, ascending. A counter may advance by several ticks
 * at once, which rounding to whole ticks shows as pairs of neighbours; three in a row show that it
 * does not. */
static uint64_t step_between(const uint64_t *sorted, size_t count)
{
    uint64_t step = UINT64_MAX;
    uint64_t cluster = sorted[0];
    for (size_t i = 1; i < count; i++) {
        uint64_t gap = sorted[i] - sorted[i - 1];
        if (gap <= 1) {
            if (sorted[i] - cluster > 1) {
                return 1;
            }
            continue;
        }
        step = gap < step ? gap : step;
        cluster = sorted[i];
    }
    return step == UINT64_MAX ? 1 : step;
}

/* What nothing takes, and how fine it is told. A little work of varied length makes the readings
 * fall everywhere between two steps of the counter. */
static void try_out(struct pab_clock *clock)
{
    static uint64_t empty[PAIRS];
    static uint64_t varied[PAIRS];
    uint64_t sum = 0;
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t began = pab_clock_read(clock);
        empty[i] = pab_clock_read(clock) - began;
        for (volatile unsigned spin = 0; spin < i % 16; spin++) {
        }
        varied[i] = pab_clock_read(clock) - began;
    }
    sort(empty, PAIRS);
    sort(varied, PAIRS);
    clock->cost_ticks = empty[PAIRS / 2];
    /* Without the upper twentieth: that is what else the machine did. */
    size_t calm = PAIRS - PAIRS / 20;
    for (size_t i = 0; i < calm; i++) {
        sum += empty[i];
    }
    clock->cost_mean_ticks = (double)sum / (double)calm;
    clock->resolution_ns =
        (double)(step_between(varied, calm) * clock->tick_ns) / (double)(1u << PAB_CLOCK_SHIFT);
}

void pab_clock_open(struct pab_clock *clock)
{
    *clock = (struct pab_clock){.is_counter = has_steady_counter()};
    if (!clock->is_counter || !calibrate(clock)) {
        *clock = (struct pab_clock){.tick_ns = 1u << PAB_CLOCK_SHIFT};
    }
    try_out(clock);
}
