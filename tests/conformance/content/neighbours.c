/* tests/conformance/content/neighbours.c -- what is made, freed, split and joined beside a block does
 * not touch it.
 *
 * Blocks are kept in the order of their addresses, so that of each call just the two are looked
 * at that lie next to it: often, and close to the call that did it.
 */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/spans.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define EDGE         16u
#define EDGE_BLOCKS  1024u
#define EDGE_STEPS   60000u
#define EDGE_SIZE    8192u
#define FREED_BLOCKS 3000u
#define FREED_STEPS  12000u
#define FREED_SIZE   4096u
#define TRIPLES      24u
#define TRIPLE_CALLS 20000u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_rng rng;
} field;

static void begin(struct pab_check_run *run)
{
    field.run = run;
    pab_rng_seed(&field.rng, run->seed);
    pab_subject_init(&field.subject, run->heap);
    pab_blocks_init(&field.blocks, run, &field.subject);
}

/* Live blocks by address. */
static struct {
    struct pab_block slots[EDGE_BLOCKS];
    struct pab_block *by_address[EDGE_BLOCKS];
    size_t count;
} edges;

static size_t place_of(const unsigned char *at)
{
    size_t low = 0;
    size_t high = edges.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (edges.by_address[middle]->at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool edges_hold(const struct pab_block *block, const char *when)
{
    size_t tail = block->usable > EDGE ? block->usable - EDGE : 0;
    size_t from = block->asked < tail ? block->asked : tail;
    return pab_block_holds(&field.blocks, block, 0, EDGE < from ? EDGE : from, when) &&
           pab_block_holds(&field.blocks, block, from, block->usable, when);
}

/* The blocks before and behind `place`, of which the one at it is left out. */
static bool neighbours_hold(size_t place, size_t behind, const char *when)
{
    return (place == 0 || edges_hold(edges.by_address[place - 1], when)) &&
           (behind >= edges.count || edges_hold(edges.by_address[behind], when));
}

static bool enter(struct pab_block *block, const char *when)
{
    size_t place = place_of(block->at);
    memmove(edges.by_address + place + 1, edges.by_address + place,
            (edges.count - place) * sizeof(void *));
    edges.by_address[place] = block;
    edges.count++;
    return neighbours_hold(place, place + 1, when) && edges_hold(block, when);
}

/* Where it was. */
static size_t leave(const struct pab_block *block)
{
    size_t place = place_of(block->at);
    edges.count--;
    memmove(edges.by_address + place, edges.by_address + place + 1,
            (edges.count - place) * sizeof(void *));
    return place;
}

static bool edge_step(struct pab_block *block)
{
    size_t size = pab_sizes_draw(&field.rng, EDGE_SIZE);
    if (block->at == NULL) {
        return pab_block_take(&field.blocks, block, size) &&
               enter(block, "on an edge, after a block beside it was made");
    }
    size_t place = leave(block);
    if (pab_rng_below(&field.rng, 3) == 0) {
        return pab_block_resize(&field.blocks, block, size) &&
               enter(block, "on an edge, after a block beside it was resized");
    }
    return pab_block_drop(&field.blocks, block, "before free") &&
           neighbours_hold(place, place, "on an edge, after a block beside it was freed");
}

static enum pab_verdict edge_run(struct pab_check_run *run)
{
    memset(&edges, 0, sizeof(edges));
    begin(run);
    field.blocks.table = edges.slots;
    field.blocks.count = EDGE_BLOCKS;
    uint64_t steps = pab_budget(run, EDGE_STEPS, 0);
    bool holds = true;
    for (uint64_t i = 0; holds && i < steps; i++) {
        holds = edge_step(&edges.slots[pab_rng_below(&field.rng, EDGE_BLOCKS)]);
        if (i % 4096 == 0) {
            run->progress(i, steps);
        }
    }
    holds = holds && pab_blocks_drop(&field.blocks, edges.slots, EDGE_BLOCKS, "at the end");
    run->ops_done = field.blocks.calls;
    pab_compared(run, "%" PRIu64 " calls, the edges of both neighbours after each",
                 field.blocks.calls);
    return pab_judge(run, holds);
}

/* Neighbours by address, as a list, so that whoever is freed drops out. */
static struct {
    struct pab_block blocks[FREED_BLOCKS];
    size_t before[FREED_BLOCKS + 2], behind[FREED_BLOCKS + 2]; /* 0 and FREED + 1 are the ends */
    size_t place[FREED_BLOCKS]; /* of each block in the order of addresses, from 1 */
    size_t owner[FREED_BLOCKS + 2];
    size_t order[FREED_BLOCKS]; /* in which they are freed */
    struct pab_spans spans;
} freed;

static bool is_whole(size_t place, const char *when)
{
    if (place == 0 || place == FREED_BLOCKS + 1) {
        return true;
    }
    const struct pab_block *block = &freed.blocks[freed.owner[place]];
    return pab_block_holds(&field.blocks, block, 0, block->usable, when);
}

/* Runs of one size, so that neighbours share a slab; all the sizes by turns. */
static bool fill_field(void)
{
    size_t size = 1;
    freed.spans.count = 0;
    for (size_t i = 0; i < FREED_BLOCKS; i++) {
        if (i % 50 == 0) {
            size = pab_sizes_draw(&field.rng, FREED_SIZE);
        }
        if (!pab_block_take(&field.blocks, &freed.blocks[i], size)) {
            return false;
        }
        pab_spans_add(&freed.spans, freed.blocks[i].at, freed.blocks[i].usable, i);
        uint32_t at = pab_rng_below(&field.rng, (uint32_t)i + 1);
        freed.order[i] = freed.order[at];
        freed.order[at] = i;
    }
    pab_spans_sort(&freed.spans);
    for (size_t i = 1; i <= FREED_BLOCKS; i++) {
        freed.owner[i] = freed.spans.at[i - 1].owner;
        freed.place[freed.owner[i]] = i;
        freed.before[i] = i - 1;
        freed.behind[i] = i + 1;
    }
    return true;
}

static bool free_field(void)
{
    static const char when[] = "after a block beside it was freed";
    for (size_t i = 0; i < FREED_BLOCKS; i++) {
        struct pab_block *block = &freed.blocks[freed.order[i]];
        size_t place = freed.place[freed.order[i]];
        size_t before = freed.before[place];
        size_t behind = freed.behind[place];
        freed.behind[before] = behind;
        freed.before[behind] = before;
        if (!pab_block_drop(&field.blocks, block, "before free") || !is_whole(before, when) ||
            !is_whole(behind, when)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict freed_run(struct pab_check_run *run)
{
    uint64_t rounds = pab_budget(run, FREED_STEPS, 0) / FREED_BLOCKS;
    bool holds = true;
    begin(run);
    pab_spans_init(&freed.spans, FREED_BLOCKS);
    field.blocks.table = freed.blocks;
    field.blocks.count = FREED_BLOCKS;
    rounds = rounds == 0 ? 1 : rounds;
    for (uint64_t i = 0; holds && i < rounds; i++) {
        holds = fill_field() && free_field();
        run->progress(i, rounds);
    }
    run->ops_done = field.blocks.calls;
    pab_compared(run,
                 "%" PRIu64 " times %u blocks freed in random order, both live neighbours read "
                 "whole after each",
                 rounds, FREED_BLOCKS);
    return pab_judge(run, holds);
}

struct triple {
    struct pab_block part[3], sum;
};

static struct triple triples[TRIPLES];

static bool triples_hold(const char *when)
{
    for (size_t i = 0; i < TRIPLES; i++) {
        if (!pab_blocks_hold(&field.blocks, triples[i].part, 3, when) ||
            !pab_blocks_hold(&field.blocks, &triples[i].sum, 1, when)) {
            return false;
        }
    }
    return true;
}

static bool take_triples(const size_t sizes[3])
{
    for (size_t i = 0; i < TRIPLES; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (!pab_block_take(&field.blocks, &triples[i].part[j], sizes[j])) {
                return false;
            }
        }
    }
    return true;
}

/* Every second triple is freed part by part and replaced by one block of its size, which is
 * freed and replaced by three again; the triples between stay. */
static bool join_and_split(const size_t sizes[3], const unsigned char order[3])
{
    for (size_t j = 0; j < 3; j++) {
        for (size_t i = 0; i < TRIPLES; i += 2) {
            if (!pab_block_drop(&field.blocks, &triples[i].part[order[j]], "before free")) {
                return false;
            }
        }
        if (!triples_hold("after one of three adjoining blocks was freed")) {
            return false;
        }
    }
    for (size_t i = 0; i < TRIPLES; i += 2) {
        if (!pab_block_take(&field.blocks, &triples[i].sum, sizes[0] + sizes[1] + sizes[2])) {
            return false;
        }
    }
    if (!triples_hold("after blocks as large as three freed ones were made")) {
        return false;
    }
    for (size_t i = 0; i < TRIPLES; i += 2) {
        if (!pab_block_drop(&field.blocks, &triples[i].sum, "before free")) {
            return false;
        }
    }
    for (size_t i = 0; i < TRIPLES; i += 2) {
        for (size_t j = 0; j < 3; j++) {
            if (!pab_block_take(&field.blocks, &triples[i].part[order[j]], sizes[order[j]])) {
                return false;
            }
        }
    }
    return triples_hold("after a large block's place was split among three");
}

static bool drop_triples(void)
{
    for (size_t i = 0; i < TRIPLES; i++) {
        if (!pab_blocks_drop(&field.blocks, triples[i].part, 3, "at the end")) {
            return false;
        }
    }
    return true;
}

static bool try_triples(uint32_t most)
{
    static const unsigned char orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    size_t sizes[3];
    for (size_t i = 0; i < 3; i++) {
        sizes[i] = most / 2 + 1 + pab_rng_below(&field.rng, most / 2);
    }
    if (!take_triples(sizes)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
        if (!join_and_split(sizes, orders[i])) {
            return false;
        }
    }
    return drop_triples();
}

static enum pab_verdict joined_run(struct pab_check_run *run)
{
    static const uint32_t most[] = {24, 64, 200, 600, 1500, 5000, 20000, 50000};
    uint64_t round_calls = ARRAY_COUNT(most) * TRIPLES * 30;
    uint64_t rounds = pab_budget(run, TRIPLE_CALLS, 0) / round_calls + 1;
    bool holds = true;
    memset(triples, 0, sizeof(triples));
    begin(run);
    for (uint64_t i = 0; holds && i < rounds; i++) {
        for (size_t j = 0; holds && j < ARRAY_COUNT(most); j++) {
            holds = try_triples(most[j]);
        }
        run->progress(i, rounds);
    }
    run->ops_done = field.blocks.calls;
    pab_compared(run,
                 "%" PRIu64 " calls: threes of sizes up to %u freed in all six orders, joined "
                 "and split",
                 field.blocks.calls, most[ARRAY_COUNT(most) - 1]);
    return pab_judge(run, holds);
}

#define NEIGHBOUR_COMMON .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "PRE-002",
        .summary =
            "the first and last bytes of a block, and all that is usable behind the request, "
            "stay",
        .source = "C23 7.24.3, malloc_usable_size(3); bionic malloc_test, scudo's fuzzer",
        .uses = PAB_USES_REALLOC,
        .run = edge_run,
        NEIGHBOUR_COMMON,
    },
    {
        .id = "PRE-003",
        .summary = "freeing a block does not alter the live blocks beside it",
        .source = "C23 7.24.3; TCMalloc CheckContents",
        .run = freed_run,
        NEIGHBOUR_COMMON,
    },
    {
        .id = "PRE-006",
        .summary = "blocks survive what is joined and split beside them",
        .source = "C23 7.24.3; the boundary tags of dlmalloc and glibc",
        .run = joined_run,
        NEIGHBOUR_COMMON,
    },
};

const struct pab_check_group pab_checks_neighbours = {PAB_CHECK_CONTRACT, checks,
                                                      ARRAY_COUNT(checks)};
