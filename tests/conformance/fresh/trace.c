/* tests/conformance/fresh/trace.c -- where blocks come to lie: a checksum of NULL or not, usable
 * size and address, for each of a few stretches of a seeded random run. */
#include "tests/conformance/fresh/program.h"

#include "workloads/support/rng.h"

#include <stdio.h>

#define TRACE_SLOTS     512
#define TRACE_STRETCHES 16

static struct {
    void *blocks[TRACE_SLOTS];
    uint64_t first; /* address of the first block: all others are relative to it */
    struct pab_rng rng;
} trace;

static size_t draw_size(void)
{
    uint32_t kind = pab_rng_below(&trace.rng, 64);
    return 1 + pab_rng_below(&trace.rng, kind == 0 ? 300000 : kind < 8 ? 5000 : 512);
}

static uint64_t step(const struct pab_fresh_calls *calls, uint64_t sum)
{
    void **slot = &trace.blocks[pab_rng_below(&trace.rng, TRACE_SLOTS)];
    size_t size = draw_size();
    uint32_t kind = pab_rng_below(&trace.rng, 8);
    if (*slot == NULL) {
        *slot = kind == 0 ? calls->calloc(1, size) : calls->malloc(size);
    } else if (kind < 2) {
        void *moved = calls->realloc(*slot, size);
        *slot = moved != NULL ? moved : *slot;
    } else {
        calls->free(*slot);
        *slot = NULL;
        return sum;
    }
    trace.first = trace.first == 0 ? (uintptr_t)*slot : trace.first;
    sum = pab_checksum_add(sum, *slot != NULL);
    sum = pab_checksum_add(sum, calls->usable_size == NULL ? 0 : calls->usable_size(*slot));
    return pab_checksum_add(sum, (uintptr_t)*slot - trace.first);
}

void pab_fresh_trace(const struct pab_fresh_task *task)
{
    char sums[TRACE_STRETCHES * 17 + 1] = "";
    uint64_t steps = task->numbers[1];
    uint64_t sum = 0;
    pab_fresh_say(PAB_FRESH_STAGE, "a random run of %llu steps", (unsigned long long)steps);
    pab_rng_seed(&trace.rng, task->numbers[0]);
    for (size_t stretch = 0; stretch < TRACE_STRETCHES; stretch++) {
        for (uint64_t i = 0; i < steps / TRACE_STRETCHES; i++) {
            sum = step(&task->calls, sum);
        }
        snprintf(sums + 17 * stretch, sizeof(sums) - 17 * stretch, "%016llx ",
                 (unsigned long long)sum);
    }
    pab_fresh_say(PAB_FRESH_ANSWER, "%s", sums);
    pab_fresh_say(PAB_FRESH_DONE, " ");
}
