/* tests/conformance/aligned/aligned_blocks.c -- aligned blocks are aligned, theirs alone, and can
 * be freed and resized like any other.
 *
 * Every function that the subject exports goes through each statement: aligned_alloc,
 * posix_memalign, memalign, valloc, pvalloc.
 */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define ALIGN_LEAST  ((size_t)8)
#define ALIGN_MOST   ((size_t)1 << 25)
#define FILL_MOST    ((size_t)1 << 16) /* of larger blocks only the ends are written */
#define CLOSE_MOST   2048u
#define CLOSE_BLOCKS ((size_t)10)
#define CLOSE_CALLS  80000u /* for each function */
#define STORM_SLOTS  512u
#define STORM_STEPS  100000u
#define STORM_ALIGN  13u /* up to 2^(3 + 13) */
#define FEW_BLOCKS   48u
#define SMALL_BLOCKS 4096u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_rng rng;
    bool judges_alignment; /* ALN-01; the others look at bytes alone */
    uint64_t tries, refused;
} ordered;

static bool begin(struct pab_check_run *run)
{
    memset(&ordered, 0, sizeof(ordered));
    ordered.run = run;
    pab_rng_seed(&ordered.rng, run->seed);
    pab_subject_init(&ordered.subject, run->heap);
    pab_blocks_init(&ordered.blocks, run, &ordered.subject);
    if (!pab_aligned_any(&ordered.subject)) {
        pab_skip(run, "%s exports no function that aligns to order", run->heap->backend->name);
        return false;
    }
    return true;
}

/* The functions that there are, as in "aligned_alloc memalign"; what was done goes before. */
static void tell(struct pab_check_run *run, const char *what)
{
    char names[128] = "";
    size_t used = 0;
    for (int kind = 0; kind < PAB_ALIGNED_COUNT; kind++) {
        if (pab_aligned_exists(&ordered.subject, (enum pab_aligned)kind)) {
            used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
                                     pab_aligned_name((enum pab_aligned)kind));
        }
    }
    run->ops_done = ordered.blocks.calls + ordered.tries;
    pab_compared(run, "%" PRIu64 " %s by%s; %" PRIu64 " refused", ordered.tries, what, names,
                 ordered.refused);
}

static bool is_aligned(const void *at, enum pab_aligned kind, size_t align, size_t size)
{
    size_t promise = pab_aligned_promise(kind, align);
    return !ordered.judges_alignment || (uintptr_t)at % promise == 0 ||
           pab_wrong(ordered.run, "%s(align %zu, size %zu) gave %p: not aligned to %zu",
                     pab_aligned_name(kind), align, size, at, promise);
}

/* Takes and fills a block; block->at stays NULL where it was refused. */
static bool take(struct pab_block *block, enum pab_aligned kind, size_t align, size_t size)
{
    void *at = pab_aligned_take(&ordered.subject, kind, align, size);
    ordered.tries++;
    block->at = NULL;
    if (at == NULL) {
        ordered.refused++;
        return align > 4096 || size > 4096 ||
               pab_wrong(ordered.run, "%s(align %zu, size %zu) gave NULL", pab_aligned_name(kind),
                         align, size);
    }
    if (!is_aligned(at, kind, align, size)) {
        return false;
    }
    pab_block_adopt(&ordered.blocks, block, at, size);
    return true;
}

/* Writes the ends alone where filling would take long. */
static bool try_large(enum pab_aligned kind, size_t align, size_t size)
{
    struct pab_block block = {0};
    if (size <= FILL_MOST) {
        return take(&block, kind, align, size) &&
               (block.at == NULL || pab_block_drop(&ordered.blocks, &block, "before free"));
    }
    unsigned char *at = pab_aligned_take(&ordered.subject, kind, align, size);
    ordered.tries++;
    if (at == NULL) {
        ordered.refused++;
        return true;
    }
    at[0] = 1;
    at[size - 1] = 1;
    bool holds = is_aligned(at, kind, align, size);
    pab_subject_free(&ordered.subject, at);
    return holds;
}

static bool try_alignments(enum pab_aligned kind)
{
    for (size_t align = ALIGN_LEAST; align <= ALIGN_MOST; align *= 2) {
        const size_t sizes[] = {
            1,         7,         align / 2, align - 1,     align,         align + 1,
            align * 2, align * 3, 100,       align * 3 / 2, align * 2 - 1, align * 2 + 8,
        };
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            if (!try_large(kind, align, sizes[i])) {
                return false;
            }
        }
    }
    return true;
}

/* Several of one kind side by side: uneven carving shows late. */
static bool try_close(enum pab_aligned kind, uint64_t tries)
{
    struct pab_block made[CLOSE_BLOCKS] = {{0}};
    for (uint64_t i = 0; i < tries; i++) {
        size_t size = 1 + i % CLOSE_MOST;
        uint32_t powers = 1;
        while (ALIGN_LEAST << powers <= size) {
            powers++;
        }
        size_t align = ALIGN_LEAST << pab_rng_below(&ordered.rng, powers);
        for (size_t j = 0; j < CLOSE_BLOCKS; j++) {
            if (!take(&made[j], kind, align, size)) {
                return false;
            }
        }
        if (!pab_blocks_drop(&ordered.blocks, made, CLOSE_BLOCKS, "before free")) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict alignment_run(struct pab_check_run *run)
{
    bool holds = true;
    if (!begin(run)) {
        return PAB_SKIP;
    }
    ordered.judges_alignment = true;
    uint64_t tries = pab_budget(run, CLOSE_CALLS, 0) / (4 * CLOSE_BLOCKS) + 1;
    for (int kind = 0; holds && kind < PAB_ALIGNED_COUNT; kind++) {
        if (pab_aligned_exists(&ordered.subject, (enum pab_aligned)kind)) {
            holds =
                try_alignments((enum pab_aligned)kind) && try_close((enum pab_aligned)kind, tries);
        }
    }
    tell(run, "blocks, alignments 8 to 2^25,");
    return pab_judge(run, holds);
}

static enum pab_aligned draw_kind(void)
{
    enum pab_aligned kind;
    do {
        kind = (enum pab_aligned)pab_rng_below(&ordered.rng, PAB_ALIGNED_COUNT);
    } while (!pab_aligned_exists(&ordered.subject, kind));
    return kind;
}

static bool storm_step(struct pab_block *slot)
{
    if (slot->at == NULL) {
        size_t size = pab_sizes_draw(&ordered.rng, 65536);
        uint32_t power = pab_rng_below(&ordered.rng, 2 + pab_rng_below(&ordered.rng, STORM_ALIGN));
        return pab_rng_below(&ordered.rng, 2) == 0
                   ? pab_block_take(&ordered.blocks, slot, size)
                   : take(slot, draw_kind(), ALIGN_LEAST << power, size);
    }
    if (pab_rng_below(&ordered.rng, 4) == 0) {
        return pab_block_holds(&ordered.blocks, slot, 0, slot->usable, "before realloc") &&
               pab_block_resize(&ordered.blocks, slot, pab_sizes_draw(&ordered.rng, 65536));
    }
    return pab_block_drop(&ordered.blocks, slot, "before free");
}

static enum pab_verdict storm_run(struct pab_check_run *run)
{
    static struct pab_block slots[STORM_SLOTS];
    bool holds = true;
    if (!begin(run)) {
        return PAB_SKIP;
    }
    ordered.blocks.table = slots;
    ordered.blocks.count = STORM_SLOTS;
    uint64_t steps = pab_budget(run, STORM_STEPS, 0);
    for (uint64_t i = 0; holds && i < steps; i++) {
        holds = storm_step(&slots[pab_rng_below(&ordered.rng, STORM_SLOTS)]);
        if (i % 5000 == 4999) {
            run->progress(i, steps);
            holds = holds && pab_blocks_hold(&ordered.blocks, slots, STORM_SLOTS, "in a sweep");
        }
    }
    holds = holds && pab_blocks_drop(&ordered.blocks, slots, STORM_SLOTS, "at the end");
    tell(run, "aligned blocks among those of malloc, resized and freed,");
    return pab_judge(run, holds);
}

static void *free_elsewhere(void *arg)
{
    struct pab_block *made = arg;
    for (size_t i = 0; i < FEW_BLOCKS; i++) {
        pab_subject_free(&ordered.subject, made[i].at);
        made[i].at = NULL;
    }
    return NULL;
}

enum free_way { FREE_PLAIN, FREE_ALIGNED_SIZED, FREE_ELSEWHERE, FREE_WAYS };

static bool has_way(enum free_way way, enum pab_aligned kind)
{
    bool is_c11 = kind == PAB_ALIGNED_ALLOC; /* the only one that may be freed with its sizes */
    return way != FREE_ALIGNED_SIZED || (is_c11 && ordered.subject.free_aligned_sized != NULL);
}

static bool free_them(struct pab_block *made, enum free_way way, size_t align)
{
    pthread_t other;
    if (!pab_blocks_hold(&ordered.blocks, made, FEW_BLOCKS, "before free")) {
        return false;
    }
    if (way == FREE_ELSEWHERE && pthread_create(&other, NULL, free_elsewhere, made) == 0) {
        return pthread_join(other, NULL) == 0;
    }
    for (size_t i = 0; i < FEW_BLOCKS; i++) {
        if (way == FREE_ALIGNED_SIZED) {
            ordered.subject.free_aligned_sized(made[i].at, align, made[i].asked);
        } else {
            pab_subject_free(&ordered.subject, made[i].at);
        }
        made[i].at = NULL;
    }
    return true;
}

/* Small blocks made right after: if what was freed went to the wrong class, two of them meet. */
static bool refill(size_t size, size_t align)
{
    static struct pab_block small[SMALL_BLOCKS];
    size_t room = ((size_t)4 << 20) / (align + size);
    size_t count = room < FEW_BLOCKS ? FEW_BLOCKS : room < SMALL_BLOCKS ? room : SMALL_BLOCKS;
    for (size_t i = 0; i < count; i++) {
        size_t wish = i % 3 == 0 ? size : i % 3 == 1 ? size * 2 : size + 24;
        if (!pab_block_take(&ordered.blocks, &small[i], i % 16 == 15 ? align : wish)) {
            return false;
        }
    }
    return pab_blocks_drop(&ordered.blocks, small, count,
                           "in blocks made after small ones with a large alignment were freed");
}

static bool try_small(enum pab_aligned kind, enum free_way way, size_t align, size_t size)
{
    static struct pab_block made[FEW_BLOCKS];
    for (size_t i = 0; i < FEW_BLOCKS; i++) {
        if (!take(&made[i], kind, align, size)) {
            return false;
        }
    }
    return free_them(made, way, align) && refill(size, align);
}

static enum pab_verdict small_run(struct pab_check_run *run)
{
    static const size_t aligns[] = {32, 64, 256, 4096, 16384, 65536};
    static const size_t sizes[] = {1, 8, 24, 48, 100};
    bool holds = true;
    if (!begin(run)) {
        return PAB_SKIP;
    }
    for (int kind = 0; holds && kind < PAB_ALIGNED_COUNT; kind++) {
        bool exists = pab_aligned_exists(&ordered.subject, (enum pab_aligned)kind);
        for (int way = 0; holds && exists && way < FREE_WAYS; way++) {
            for (size_t i = 0; holds && i < ARRAY_COUNT(aligns) * ARRAY_COUNT(sizes); i++) {
                holds = !has_way((enum free_way)way, (enum pab_aligned)kind) ||
                        try_small((enum pab_aligned)kind, (enum free_way)way,
                                  aligns[i / ARRAY_COUNT(sizes)], sizes[i % ARRAY_COUNT(sizes)]);
            }
        }
    }
    tell(run,
         "blocks of 1 to 100 bytes, alignments 32 to 65536, freed here and by another thread,");
    return pab_judge(run, holds);
}

#define ORDERED_COMMON .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "ALN-01",
        .summary = "blocks have the alignment that was asked for; valloc's and pvalloc's a page's",
        .source = "C23 7.24.3.1, POSIX.1-2024 posix_memalign; mimalloc test-api aligned tests",
        .uses = PAB_USES_C,
        .run = alignment_run,
        ORDERED_COMMON,
    },
    {
        .id = "ALN-02",
        .summary = "free and realloc take aligned blocks, and their bytes stay",
        .source = "C23 7.24.3.3, 7.24.3.7, POSIX.1-2024 posix_memalign",
        .uses = PAB_USES_C | PAB_USES_REALLOC,
        .run = storm_run,
        ORDERED_COMMON,
    },
    {
        .id = "ALN-11",
        .summary = "a small block with a large alignment goes back where it came from",
        .source = "C23 7.24.3.3; mimalloc issue 1400",
        .uses = PAB_USES_C,
        .run = small_run,
        ORDERED_COMMON,
    },
};

const struct pab_check_group pab_checks_aligned_blocks = {PAB_CHECK_CONTRACT, checks,
                                                          ARRAY_COUNT(checks)};
