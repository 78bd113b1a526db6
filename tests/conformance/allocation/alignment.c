/* tests/conformance/allocation/alignment.c -- addresses that every object of the size can lie at.
 *
 * A block of n bytes must suit every type of n bytes or fewer: one of 24 also a type of 16 that
 * wants an alignment of 16. So it takes the largest power of two up to n, but never more than
 * max_align_t's; or than 8 where Python's pools promise no more.
 */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <stdalign.h>
#include <string.h>

#define SIZES       256u
#define EACH        256u /* alive together: what is carved unevenly shows late */
#define SLOTS       4096u
#define STEPS       100000u
#define STEPS_MOST  100000000u
#define RANDOM_MOST 65536u
#define STRICT      alignof(max_align_t)

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    size_t weakest[STRICT + 1]; /* seen of a size; what is larger counts as STRICT bytes */
    void *each[EACH];
    void *slots[SLOTS];
} aligns;

static size_t alignment_of(const void *block)
{
    uintptr_t address = (uintptr_t)block;
    return (address & (0 - address)) < STRICT ? address & (0 - address) : STRICT;
}

static size_t needed(size_t size)
{
    return pab_aligned_natural(aligns.run, size);
}

static size_t *weakest(size_t size)
{
    return &aligns.weakest[size < STRICT ? size : STRICT];
}

static size_t answered(size_t size)
{
    return *weakest(size);
}

/* By turns as malloc, calloc and realloc give it. */
static void *take(size_t size, uint64_t turn, const char **call)
{
    switch (turn % 3) {
    case 0:
        *call = "malloc";
        return pab_subject_malloc(&aligns.subject, size);
    case 1:
        *call = "calloc";
        return pab_subject_calloc(&aligns.subject, 1, size);
    default:
        *call = "realloc from NULL";
        return pab_subject_realloc(&aligns.subject, NULL, size);
    }
}

/* A block, aligned to what `bound` asks for; NULL with the reason set when it is not. */
static void *take_aligned(size_t size, uint64_t turn, size_t (*bound)(size_t size))
{
    const char *call;
    void *block = take(size, turn, &call);
    aligns.run->ops_done++;
    if (block == NULL) {
        pab_wrong(aligns.run, "%s gave NULL for %zu bytes", call, size);
    } else if (alignment_of(block) < bound(size)) {
        pab_wrong(aligns.run,
                  "%s gave %p for %zu bytes: aligned to %zu, not to %zu (call %" PRIu64
                  ", seed %" PRIu64 ")",
                  call, block, size, alignment_of(block), bound(size), aligns.run->ops_done,
                  aligns.run->seed);
        block = NULL;
    }
    return block;
}

static size_t no_bound(size_t size)
{
    (void)size;
    return 1;
}

/* EACH blocks of every small size; notes the weakest alignment. */
static bool walk_sizes(size_t (*bound)(size_t size))
{
    for (size_t size = 1; size <= SIZES; size++) {
        for (size_t i = 0; i < EACH; i++) {
            aligns.each[i] = take_aligned(size, i, bound);
            if (aligns.each[i] == NULL) {
                return false;
            }
            if (alignment_of(aligns.each[i]) < *weakest(size)) {
                *weakest(size) = alignment_of(aligns.each[i]);
            }
        }
        for (size_t i = 0; i < EACH; i++) {
            pab_subject_free(&aligns.subject, aligns.each[i]);
        }
    }
    return true;
}

/* Random sizes in a heap where blocks come and go. */
static bool walk_random(size_t (*bound)(size_t size))
{
    struct pab_rng rng;
    pab_rng_seed(&rng, aligns.run->seed);
    uint64_t steps = pab_budget(aligns.run, STEPS, STEPS_MOST);
    for (uint64_t step = 0; step < steps; step++) {
        void **slot = &aligns.slots[pab_rng_below(&rng, SLOTS)];
        pab_subject_free(&aligns.subject, *slot);
        *slot = take_aligned(pab_sizes_draw(&rng, RANDOM_MOST), step, bound);
        if (*slot == NULL) {
            return false;
        }
    }
    return true;
}

static void aligns_init(struct pab_check_run *run)
{
    memset(&aligns, 0, sizeof(aligns));
    aligns.run = run;
    for (size_t size = 1; size <= STRICT; size++) {
        aligns.weakest[size] = STRICT;
    }
    pab_subject_init(&aligns.subject, run->heap);
}

static enum pab_verdict fits_run(struct pab_check_run *run)
{
    aligns_init(run);
    bool holds = walk_sizes(needed) && walk_random(needed);
    size_t least = pab_aligned_least(run);
    pab_compared(run,
                 "%u blocks alive of each size from 1 to %u, then random ones up to %u: %" PRIu64
                 " addresses%s",
                 EACH, SIZES, RANDOM_MOST, run->ops_done,
                 least < STRICT ? "; held to 8 at most, all that its pools promise" : "");
    return pab_judge(run, holds);
}

/* "8 up to 8 bytes, 16 above" */
static void say_answer(struct pab_check_run *run)
{
    char text[sizeof(run->answer)] = "";
    size_t used = 0;
    for (size_t size = 1; size < STRICT && used < sizeof(text); size++) {
        if (answered(size) != answered(size + 1)) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%zu up to %zu bytes, ",
                                     answered(size), size);
        }
    }
    pab_answer(run, "%s%zu%s", text, answered(STRICT), used > 0 ? " above" : " always");
}

static enum pab_verdict strict_run(struct pab_check_run *run)
{
    aligns_init(run);
    bool holds = walk_sizes(no_bound);
    bool is_weak = false;
    for (size_t size = 1; size <= STRICT; size++) {
        is_weak = is_weak || answered(size) < STRICT;
    }
    if (holds) {
        say_answer(run);
        holds = walk_random(answered);
    }
    pab_compared(run,
                 "%s: C17 read strictly wants %zu for every size; the answer was held to over "
                 "%" PRIu64 " addresses",
                 is_weak ? "weak alignment" : "full alignment", STRICT, run->ops_done);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-007",
        .summary = "a block is aligned for every object of its size: to the largest power of two "
                   "up to it, at most 16",
        .source = "C23 7.24.3p1 (WG14 N2293); bionic malloc_test AlignCheck",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = fits_run,
    },
    {
        .id = "MAL-008",
        .summary = "each size keeps the alignment that it shows, max_align_t's or a weaker one",
        .source = "C17 7.22.3p1 read strictly; glibc tst-mallocalign1",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = strict_run,
    },
};

const struct pab_check_group pab_checks_alignment = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
