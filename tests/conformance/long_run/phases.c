/* tests/conformance/long_run/phases.c -- what a change of sizes costs: phases of one size each, and
 * vectors that grow. */
#include "tests/conformance/long_run/held.h"
#include "tests/conformance/support/judge.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

/* --- LNG-05 --------------------------------------------------------------------------------- */

#define PHASES      50
#define PHASE_BYTES ((size_t)4 << 20)
#define PHASE_LIMIT 2.0 /* times the largest phase */
#define PHASE_LEAST 48u

static const size_t phase_sizes[] = {48,    96,    160,   256,   400,    512,    700,    1024,
                                     1500,  2048,  3000,  4096,  6000,   8192,   12000,  16384,
                                     24000, 32768, 50000, 65536, 100000, 200000, 400000, 1000000};

/* Bytes that one phase really needs: as the allocator rounds them, where it says. */
static size_t phase_fill(struct pab_held *held, size_t size)
{
    size_t bytes = 0;
    held->count = 0;
    while (bytes < PHASE_BYTES && pab_held_take(held, size)) {
        bytes += pab_subject_usable(held->subject, held->blocks[held->count - 1], size);
    }
    return bytes;
}

static enum pab_verdict phases_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_held held;
    struct pab_rng rng;
    uint64_t phases = pab_budget(run, PHASES, 2000);
    size_t largest = 0;
    size_t peak = 0;
    pab_subject_init(&subject, run->heap);
    pab_held_init(&held, &subject, PHASE_BYTES / PHASE_LEAST + 1);
    pab_rng_seed(&rng, run->seed);
    for (uint64_t phase = 0; phase < phases; phase++) {
        size_t size = phase_sizes[pab_rng_below(&rng, ARRAY_COUNT(phase_sizes))];
        size_t bytes = phase_fill(&held, size);
        size_t gain = pab_held_gain(&held);
        largest = bytes > largest ? bytes : largest;
        peak = gain > peak ? gain : peak;
        for (size_t i = 0; i < held.count; i++) {
            pab_held_free(&held, i, size);
        }
        run->ops_done += 2 * held.count;
    }
    double ratio = (double)peak / (double)largest;
    pab_compared(run,
                 "%" PRIu64 " phases of one size each: peak %zu KiB resident, %.2f times the "
                 "largest phase, allowed %.1f; seed %" PRIu64,
                 phases, peak >> 10, ratio, PHASE_LIMIT, run->seed);
    if (ratio > PHASE_LIMIT) {
        pab_wrong(run, "phases of %zu KiB each make it hold %zu KiB, %.2f times as much",
                  largest >> 10, peak >> 10, ratio);
    }
    return pab_judge(run, ratio <= PHASE_LIMIT);
}

/* --- LNG-06 --------------------------------------------------------------------------------- */

#define VECTORS      1000u
#define VECTOR_BITS  13u /* final sizes: 2^7 to 2^(7 + 10) bytes, log-uniform */
#define VECTOR_LIMIT 2.0 /* times the live bytes: all that is outgrown adds up to as much again */

struct vector {
    unsigned char *block;
    size_t size, last;
};

static struct vector vectors[VECTORS];

/* By half, as a list or a string builder does. False: NULL. */
static bool vector_grow(const struct pab_subject *subject, struct vector *vector)
{
    size_t size = vector->size == 0 ? 16 : vector->size + vector->size / 2;
    unsigned char *moved = pab_subject_realloc(subject, vector->block, size);
    if (moved == NULL) {
        return false;
    }
    memset(moved + vector->size, 0x5a, size - vector->size);
    vector->block = moved;
    vector->size = size;
    return true;
}

static enum pab_verdict vectors_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_held held;
    struct pab_rng rng;
    size_t live = 0;
    pab_subject_init(&subject, run->heap);
    pab_rng_seed(&rng, run->seed);
    memset(vectors, 0, sizeof(vectors));
    for (size_t i = 0; i < VECTORS; i++) {
        vectors[i].last = (size_t)128 << pab_rng_below(&rng, VECTOR_BITS - 2);
        vectors[i].last += pab_rng_below(&rng, (uint32_t)vectors[i].last);
    }
    pab_held_init(&held, &subject, 1);
    for (size_t growing = VECTORS; growing > 0;) {
        struct vector *vector = &vectors[pab_rng_below(&rng, (uint32_t)growing)];
        if (!vector_grow(&subject, vector)) {
            return pab_judge(run, pab_wrong(run, "realloc from %zu bytes gave NULL", vector->size));
        }
        run->ops_done++;
        if (vector->size >= vector->last) { /* the last that grows takes its place */
            struct vector done = *vector;
            live += done.size;
            *vector = vectors[--growing];
            vectors[growing] = done;
        }
    }
    size_t gain = pab_held_gain(&held);
    double ratio = (double)gain / (double)live;
    pab_compared(run,
                 "%u vectors grown by half in random order: %zu KiB resident for %zu KiB live, "
                 "%.2f times, allowed %.1f; seed %" PRIu64,
                 VECTORS, gain >> 10, live >> 10, ratio, VECTOR_LIMIT, run->seed);
    if (ratio > VECTOR_LIMIT) {
        pab_wrong(run, "vectors of %zu KiB in all make it hold %zu KiB, %.2f times as much",
                  live >> 10, gain >> 10, ratio);
    }
    return pab_judge(run, ratio <= VECTOR_LIMIT);
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-05",
        .summary = "phases of different sizes hold at most twice what the largest needs",
        .source = "gperftools large_heap_fragmentation_unittest",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = phases_run,
    },
    {
        .id = "LNG-06",
        .summary = "vectors that grow by half hold a small multiple of their bytes",
        .source = "hardened_malloc large_array_growth",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_REALLOC,
        .run = vectors_run,
    },
};

const struct pab_check_group pab_checks_phases = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
