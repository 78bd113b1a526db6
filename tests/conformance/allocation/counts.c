/* tests/conformance/allocation/counts.c -- many blocks of one size, and each size at the border of
 * its class: where an allocator's counters and rounding end. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/spans.h"

#include <inttypes.h>

#define OVER_16_BITS 70000u
#define MANY         500000u
#define MANY_MOST    64000000u
#define SMALL_BYTES  16u
#define PAGE_BYTES   4000u /* no two of them in a page of 4096 */
#define WALK_MOST    65536u
#define LADDER_MOST  ((size_t)1 << 20)
#define EACH         4u
#define PER_BOUND    ((size_t)3 * EACH)

/* --- MAL-015 -------------------------------------------------------------------------------- */

enum order { ORDER_FIFO, ORDER_LIFO, ORDER_RANDOM, ORDER_ODD_FIRST, ORDERS };

static const char *const order_names[ORDERS] = {"first to last", "last to first", "random",
                                                "odd ones first"};

/* The blocks' addresses, in pages of the check's own. */
struct herd {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t **blocks;
    size_t count, size;
};

/* Blocks of SMALL_BYTES and more say in two words whose they are, so an overlap of any two shows
 * in one of them. */
static bool take_all(struct herd *herd)
{
    for (size_t i = 0; i < herd->count; i++) {
        uint64_t *block = pab_subject_malloc(&herd->subject, herd->size);
        if (block == NULL) {
            return pab_wrong(herd->run, "malloc(%zu) gave NULL with %zu such blocks alive",
                             herd->size, i);
        }
        uint64_t key = pab_pattern_key(i, herd->run->seed);
        block[0] = key;
        block[1] = ~key;
        herd->blocks[i] = block;
        herd->run->ops_done++;
    }
    return true;
}

static bool drop(struct herd *herd, size_t index, enum order order)
{
    uint64_t key = pab_pattern_key(index, herd->run->seed);
    const uint64_t *block = herd->blocks[index];
    if (block[0] != key || block[1] != ~key) {
        return pab_wrong(
            herd->run,
            "block %zu of %zu blocks of %zu bytes was changed: it holds %#" PRIx64 " %#" PRIx64
            ", %#" PRIx64 " %#" PRIx64 " was written (freed in order: %s)",
            index, herd->count, herd->size, block[0], block[1], key, ~key, order_names[order]);
    }
    pab_subject_free(&herd->subject, herd->blocks[index]);
    return true;
}

/* The block that goes at `turn`; `stride` has no factor in common with the count, so all do. */
static size_t index_at(const struct herd *herd, enum order order, size_t turn, size_t stride)
{
    size_t odd = herd->count / 2;
    switch (order) {
    case ORDER_FIFO:
        return turn;
    case ORDER_LIFO:
        return herd->count - 1 - turn;
    case ORDER_RANDOM:
        return turn * stride % herd->count;
    default:
        return turn < odd ? 2 * turn + 1 : 2 * (turn - odd);
    }
}

static size_t coprime(size_t count)
{
    size_t stride = count * 5 / 8;
    for (;; stride++) {
        size_t a = stride;
        size_t b = count;
        while (b != 0) {
            size_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return stride;
        }
    }
}

static bool come_and_go(struct herd *herd, enum order order)
{
    size_t stride = coprime(herd->count);
    bool holds = take_all(herd);
    for (size_t turn = 0; holds && turn < herd->count; turn++) {
        holds = drop(herd, index_at(herd, order, turn, stride), order);
    }
    return holds;
}

static enum pab_verdict many_run(struct pab_check_run *run)
{
    struct herd herd = {.run = run, .size = SMALL_BYTES, .count = OVER_16_BITS};
    size_t many = (size_t)pab_budget(run, MANY, MANY_MOST);
    many = many < OVER_16_BITS ? OVER_16_BITS : many;
    pab_subject_init(&herd.subject, run->heap);
    herd.blocks = pab_process_pages(many * sizeof(herd.blocks[0]));
    bool holds = true;
    for (int order = 0; holds && order < ORDERS; order++) {
        holds = come_and_go(&herd, (enum order)order);
    }
    herd.size = PAGE_BYTES;
    holds = holds && come_and_go(&herd, ORDER_RANDOM);
    herd.size = SMALL_BYTES;
    herd.count = many;
    holds = holds && come_and_go(&herd, ORDER_RANDOM);
    pab_compared(run,
                 "%u blocks of %u bytes alive, freed in %d orders; as many of %u bytes; %zu "
                 "of %u bytes",
                 OVER_16_BITS, SMALL_BYTES, ORDERS, PAGE_BYTES, many, SMALL_BYTES);
    return pab_judge(run, holds);
}

/* --- MAL-016 -------------------------------------------------------------------------------- */

struct borders {
    struct pab_blocks blocks;
    struct pab_subject subject;
    struct pab_spans spans;
    size_t count;
    struct pab_block table[(PAB_SIZES_MAX + 3) * PER_BOUND];
};

/* EACH blocks of the bound itself, one byte less and one more: all are kept, and full. */
static bool take_around(struct borders *borders, size_t bound)
{
    for (size_t i = 0; i < PER_BOUND && borders->count < ARRAY_COUNT(borders->table); i++) {
        size_t size = bound - 1 + i % 3;
        struct pab_block *block = &borders->table[borders->count];
        if (!pab_block_take(&borders->blocks, block, size)) {
            return false;
        }
        borders->count++;
        size_t usable = pab_subject_usable(&borders->subject, block->at, size);
        if (usable < size) {
            return pab_wrong(borders->blocks.run, "malloc(%zu) gave a block of %zu usable bytes",
                             size, usable);
        }
        pab_spans_add(&borders->spans, block->at, usable, borders->count - 1);
    }
    return true;
}

static bool borders_are_apart(struct borders *borders)
{
    struct pab_span low;
    struct pab_span high;
    size_t shared = 0;
    if (!pab_spans_meet(&borders->spans, &low, &high, &shared)) {
        return true;
    }
    return pab_wrong(borders->blocks.run,
                     "a block for %zu bytes and one for %zu, live together, share %zu bytes",
                     borders->table[low.owner].asked, borders->table[high.owner].asked, shared);
}

static enum pab_verdict borders_run(struct pab_check_run *run)
{
    static struct borders borders;
    struct pab_sizes classes;
    pab_subject_init(&borders.subject, run->heap);
    pab_blocks_init(&borders.blocks, run, &borders.subject);
    pab_spans_init(&borders.spans, ARRAY_COUNT(borders.table));
    pab_sizes_classes(&classes, &borders.subject, WALK_MOST);
    bool holds = true;
    for (size_t i = 0; holds && i < classes.count; i++) {
        holds = take_around(&borders, classes.at[i]);
    }
    for (size_t size = LADDER_MOST / 4; holds && size <= LADDER_MOST; size *= 2) {
        holds = take_around(&borders, size);
    }
    borders.blocks.table = borders.table;
    borders.blocks.count = borders.count;
    holds = holds && borders_are_apart(&borders) &&
            pab_blocks_drop(&borders.blocks, borders.table, borders.count,
                            "with blocks at the bounds of all classes alive");
    run->ops_done = borders.blocks.calls;
    pab_compared(run, "%zu classes up to %zu bytes%s, %u blocks at each bound and beside it",
                 classes.count, classes.count > 0 ? classes.at[classes.count - 1] : 0,
                 pab_subject_has_usable(&borders.subject) ? "" : " (assumed)", EACH);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-015",
        .summary = "more than 2^16 blocks of one size, and more than 2^16 pages, live together",
        .source = "C23 7.24.3p1; TCMalloc HugeThreadCache (counters of 16 bits)",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = many_run,
    },
    {
        .id = "MAL-016",
        .summary = "every size class serves its bound, one byte less and one byte more",
        .source = "C23 7.24.3.6; jemalloc and snmalloc tests walk their size classes",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = borders_run,
    },
};

const struct pab_check_group pab_checks_counts = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
