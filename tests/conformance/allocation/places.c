/* tests/conformance/allocation/places.c -- where blocks lie: apart from each other, apart from all
 * that is not the allocator's, in memory that cannot be executed.
 *
 * Blocks are only asked for, never written: an allocator's wrong answer harms nobody, and large
 * ones cost nothing. In each round the heap is filled up, then all blocks are compared, then some
 * are freed: no block comes and goes unseen. The first rounds are small, so that a fault is seen
 * before it has spread.
 */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/spans.h"

#include <inttypes.h>
#include <string.h>

#define LIVE         20000u
#define LIVE_EARLY   500u
#define EARLY_ROUNDS 24u
#define CALLS        400000u
#define CALLS_MOST   1000000000u
#define CLASS_MOST   4096u
#define MIXED_MOST   ((size_t)1 << 20)
#define OWN_MOST     64u
#define MEMORY_MOST  8192u
#define LOOK_EVERY   500u
#define MAPPING_SIZE ((size_t)64 << 10)

/* --- MAL-009 -------------------------------------------------------------------------------- */

enum leaving { LEAVE_RANDOM, LEAVE_EVERY_OTHER, LEAVE_LOWER, LEAVE_FEW, LEAVE_NONE, LEAVINGS };

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_rng rng;
    struct pab_sizes classes;
    struct pab_spans spans;
    void *blocks[LIVE]; /* NULL: none */
    size_t sizes[LIVE];
    size_t live; /* blocks at the end of a round */
    uint64_t round;
} crowd;

/* Every other round is filled with one size class only, so that its slabs get full to the last
 * block. */
static size_t draw_size(void)
{
    if (crowd.round % 2 == 0 || crowd.classes.count == 0) {
        return pab_sizes_draw(&crowd.rng, MIXED_MOST);
    }
    size_t bound = crowd.classes.at[crowd.round / 2 % crowd.classes.count];
    return bound - pab_rng_below(&crowd.rng, bound < 8 ? 1 : 8);
}

static bool occupy(size_t index)
{
    size_t size = draw_size();
    uint32_t kind = pab_rng_below(&crowd.rng, 8);
    void *block = NULL;
    const char *call = "malloc";
    if (kind == 0) {
        call = "calloc";
        block = size > CLASS_MOST ? NULL : pab_subject_calloc(&crowd.subject, 1, size);
    } else if (kind == 1) {
        call = "realloc";
        block = pab_subject_malloc(&crowd.subject, size / 2 + 1);
        block = block == NULL ? NULL : pab_subject_realloc(&crowd.subject, block, size);
    }
    if (block == NULL && (kind > 1 || size > CLASS_MOST)) {
        call = "malloc";
        block = pab_subject_malloc(&crowd.subject, size);
    }
    crowd.run->ops_done++;
    crowd.blocks[index] = block;
    crowd.sizes[index] = size;
    return block != NULL || pab_wrong(crowd.run, "%s gave NULL for %zu bytes", call, size);
}

/* All live blocks over all that the subject lets the caller use. */
static bool are_apart(void)
{
    struct pab_span low;
    struct pab_span high;
    size_t shared = 0;
    crowd.spans.count = 0;
    for (size_t i = 0; i < crowd.live; i++) {
        size_t usable = pab_subject_usable(&crowd.subject, crowd.blocks[i], crowd.sizes[i]);
        pab_spans_add(&crowd.spans, crowd.blocks[i], usable, i);
    }
    if (!pab_spans_meet(&crowd.spans, &low, &high, &shared)) {
        return true;
    }
    return pab_wrong(crowd.run,
                     "two live blocks share %zu bytes: [%#" PRIxPTR ", +%zu), %zu asked for, and "
                     "[%#" PRIxPTR ", +%zu), %zu asked for; seen after %" PRIu64
                     " calls, seed %" PRIu64,
                     shared, low.start, low.bytes, crowd.sizes[low.owner], high.start, high.bytes,
                     crowd.sizes[high.owner], crowd.run->ops_done, crowd.run->seed);
}

/* Whether the block at `rank` by address goes. */
static bool leaves(enum leaving how, size_t rank)
{
    switch (how) {
    case LEAVE_RANDOM:
        return pab_rng_below(&crowd.rng, 2) == 0;
    case LEAVE_EVERY_OTHER:
        return rank % 2 == 0;
    case LEAVE_LOWER:
        return rank < crowd.live / 2;
    case LEAVE_FEW:
        return rank % 64 != 0;
    default:
        return true;
    }
}

/* The table of the last comparison is sorted by address. */
static void free_some(void)
{
    for (size_t rank = 0; rank < crowd.live; rank++) {
        size_t index = crowd.spans.at[rank].owner;
        if (leaves((enum leaving)(crowd.round % LEAVINGS), rank)) {
            pab_subject_free(&crowd.subject, crowd.blocks[index]);
            crowd.blocks[index] = NULL;
        }
    }
}

static bool fill_up(void)
{
    for (size_t i = 0; i < crowd.live; i++) {
        if (crowd.blocks[i] == NULL && !occupy(i)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict disjoint_run(struct pab_check_run *run)
{
    memset(&crowd, 0, sizeof(crowd));
    crowd.run = run;
    pab_rng_seed(&crowd.rng, run->seed);
    pab_subject_init(&crowd.subject, run->heap);
    pab_sizes_classes(&crowd.classes, &crowd.subject, CLASS_MOST);
    pab_spans_init(&crowd.spans, LIVE);
    uint64_t calls = pab_budget(run, CALLS, CALLS_MOST);
    bool holds = true;
    while (holds && run->ops_done < calls) {
        crowd.live = crowd.round < EARLY_ROUNDS ? LIVE_EARLY : LIVE;
        holds = fill_up() && are_apart();
        if (holds) {
            free_some();
        }
        crowd.round++;
    }
    pab_compared(run, "%" PRIu64 " blocks in %" PRIu64 " rounds, up to %u alive", run->ops_done,
                 crowd.round, LIVE);
    return pab_judge(run, holds);
}

/* --- MAL-010 -------------------------------------------------------------------------------- */

struct range {
    uintptr_t start, end;
};

/* What is not the allocator's: by the kernel's list as it is now, and what the check knows. */
static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_rng rng;
    size_t memory_count; /* mappings to read and write, but no stack; joined where they touch */
    struct range memory[MEMORY_MOST];
    size_t own_count;
    struct range own[OWN_MOST];
    void *blocks[LIVE];
    size_t sizes[LIVE];
} places;

static void add_own(const void *start, size_t bytes)
{
    if (places.own_count < OWN_MOST) {
        places.own[places.own_count++] = (struct range){(uintptr_t)start, (uintptr_t)start + bytes};
    }
}

static bool add_memory(void *arg, const struct pab_mapping *mapping)
{
    (void)arg;
    if (mapping->readable && mapping->writable && strcmp(mapping->path, "[stack]") != 0) {
        size_t count = places.memory_count;
        if (count > 0 && places.memory[count - 1].end == mapping->start) {
            places.memory[count - 1].end = mapping->end;
        } else {
            places.memory[places.memory_count++] = (struct range){mapping->start, mapping->end};
        }
    }
    return places.memory_count == MEMORY_MOST;
}

/* Whether all of a block lies in memory; so it is neither code nor constants nor stack. */
static bool is_memory(uintptr_t start, uintptr_t end)
{
    size_t low = 0;
    size_t high = places.memory_count;
    while (low < high) { /* the first range that ends behind `start` */
        size_t middle = low + (high - low) / 2;
        if (places.memory[middle].end <= start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < places.memory_count && places.memory[low].start <= start &&
           end <= places.memory[low].end;
}

static bool is_own(uintptr_t start, uintptr_t end)
{
    for (size_t i = 0; i < places.own_count; i++) {
        if (start < places.own[i].end && end > places.own[i].start) {
            return true;
        }
    }
    return false;
}

static bool are_in_place(uint64_t calls)
{
    places.memory_count = 0;
    pab_process_each_mapping(add_memory, NULL);
    for (size_t i = 0; i < calls; i++) {
        uintptr_t start = (uintptr_t)places.blocks[i];
        uintptr_t end = start + places.sizes[i];
        if (start == 0 || (is_memory(start, end) && !is_own(start, end)) ||
            places.memory_count == MEMORY_MOST) {
            continue;
        }
        return pab_wrong(places.run,
                         "a block of %zu bytes at %p covers %s (call %zu, seed %" PRIu64 ")",
                         places.sizes[i], places.blocks[i],
                         is_own(start, end) ? "what is the check's own"
                                            : "what is no memory to write, or the stack",
                         i, places.run->seed);
    }
    return true;
}

/* The check keeps taking pages of its own, so that they lie among the allocator's. */
static bool stays_away(void)
{
    for (uint64_t call = 0; call < LIVE; call++) {
        size_t size = pab_sizes_draw(&places.rng, MIXED_MOST);
        places.blocks[call] = pab_subject_malloc(&places.subject, size);
        places.sizes[call] = size;
        places.run->ops_done++;
        if (places.blocks[call] == NULL) {
            return pab_wrong(places.run, "malloc(%zu) gave NULL", size);
        }
        if (call % LOOK_EVERY == LOOK_EVERY - 1) {
            if (!are_in_place(call + 1)) {
                return false;
            }
            add_own(pab_process_pages(MAPPING_SIZE), MAPPING_SIZE);
        }
        if (call % 3 == 0) { /* holes, for later blocks */
            size_t gone = pab_rng_below(&places.rng, (uint32_t)call + 1);
            pab_subject_free(&places.subject, places.blocks[gone]);
            places.blocks[gone] = NULL;
        }
    }
    return true;
}

static enum pab_verdict in_place_run(struct pab_check_run *run)
{
    memset(&places, 0, sizeof(places));
    places.run = run;
    pab_rng_seed(&places.rng, run->seed);
    pab_subject_init(&places.subject, run->heap);
    add_own(&places, sizeof(places));
    add_own(&crowd, sizeof(crowd));
    add_own(run, sizeof(*run));
    add_own(run->heap, sizeof(*run->heap));
    bool holds = stays_away();
    for (size_t i = 0; holds && i < LIVE; i++) {
        pab_subject_free(&places.subject, places.blocks[i]);
    }
    pab_compared(run,
                 "%" PRIu64 " blocks, every %u all that live against the kernel's list of "
                 "mappings (%zu that can be written) and %zu ranges of the check's own",
                 run->ops_done, LOOK_EVERY, places.memory_count, places.own_count);
    return pab_judge(run, holds);
}

/* --- MAL-012 -------------------------------------------------------------------------------- */

static enum pab_verdict no_code_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_sizes ladder;
    bool holds = true;
    pab_subject_init(&subject, run->heap);
    pab_sizes_ladder(&ladder, MIXED_MOST * 8);
    for (size_t i = 1; i < ladder.count; i += 3) {
        struct pab_mapping mapping;
        void *block = pab_subject_malloc(&subject, ladder.at[i]);
        run->ops_done++;
        if (block != NULL && pab_process_mapping_of(block, &mapping) && mapping.executable) {
            holds = pab_wrong(run, "malloc(%zu) lies in memory that can be executed: %s",
                              ladder.at[i], mapping.path[0] == '\0' ? "anonymous" : mapping.path);
        }
        pab_subject_free(&subject, block);
    }
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-009",
        .summary = "blocks that live at the same time share no byte of what each may use",
        .source = "C23 7.24.3p1",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = disjoint_run,
    },
    {
        .id = "MAL-010",
        .summary = "no block covers stack, code, or memory that the caller has mapped",
        .source = "C23 7.24.3p1: an object disjoint from any other",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = in_place_run,
    },
    {
        .id = "MAL-012",
        .summary = "blocks lie in memory that cannot be executed",
        .source = "mimalloc-bench security/executable_heap",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = no_code_run,
    },
};

const struct pab_check_group pab_checks_places = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
