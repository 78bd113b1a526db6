/* tests/conformance/freeing/again.c -- what was freed can be had again, in whatever order it was
 * freed, to the last block of a slab, an arena and a thread. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/spans.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define FREED       1000u
#define WAIT_BLOCKS ((size_t)200000)  /* a request for reuse waits no longer than for so many, */
#define WAIT_BYTES  ((size_t)1 << 30) /* ... or so many bytes */
#define BLOCKS      100000u
#define BLOCKS_MOST 10000000u
#define MIXED_MOST  ((size_t)512)
#define SLAB_BYTES  ((size_t)192 << 10) /* of a class, some slabs of every allocator */
#define SLAB_BLOCKS ((size_t)8192)
#define CLASS_MOST  4096u
#define HERD_BYTES  ((size_t)12 << 20) /* some arenas of pymalloc */
#define HERD_BLOCK  ((size_t)256)
#define HERD_BLOCKS (HERD_BYTES / HERD_BLOCK)
#define KEEP_EVERY  1024u

/* --- FRE-04 --------------------------------------------------------------------------------- */

/* Whether a block has a byte of one of those that were freed; they are sorted and apart. */
static bool is_reused(const struct pab_spans *freed, uintptr_t start, size_t size)
{
    size_t low = 0;
    size_t high = freed->count;
    while (low < high) { /* the first one that ends behind `start` */
        size_t middle = low + (high - low) / 2;
        if (freed->at[middle].start + freed->at[middle].bytes <= start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < freed->count && freed->at[low].start < start + size;
}

struct reuse {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_spans freed;
    void **taken;
    size_t longest, longest_size;
    size_t unmapped; /* sizes of which blocks went back to the kernel at once */
};

/* How many blocks of `size` it takes until one lies where a freed one did; `most` if none does. */
static size_t wait_for(struct reuse *reuse, size_t size, size_t most)
{
    size_t count = 0;
    bool is_met = false;
    while (!is_met && count < most) {
        void *block = pab_subject_malloc(&reuse->subject, size);
        if (block == NULL) {
            break;
        }
        reuse->taken[count++] = block;
        is_met = is_reused(&reuse->freed, (uintptr_t)block, size);
    }
    reuse->run->ops_done += count;
    for (size_t i = 0; i < count; i++) {
        pab_subject_free(&reuse->subject, reuse->taken[i]);
    }
    return is_met ? count : most;
}

/* Whether the kernel has memory back: of the first block, one in the middle or the last one. */
static bool is_unmapped(const struct reuse *reuse)
{
    struct pab_mapping mapping;
    for (size_t i = 0; i < 3; i++) {
        size_t at = (reuse->freed.count - 1) * i / 2;
        if (!pab_process_mapping_of((const void *)reuse->freed.at[at].start, &mapping)) {
            return true;
        }
    }
    return false;
}

static bool comes_again(struct reuse *reuse, size_t size)
{
    size_t most = WAIT_BYTES / size < WAIT_BLOCKS ? WAIT_BYTES / size : WAIT_BLOCKS;
    size_t freed = most / 4 < FREED ? most / 4 : FREED;
    reuse->freed.count = 0;
    for (size_t i = 0; i < freed; i++) {
        void *block = pab_subject_malloc(&reuse->subject, size);
        if (block == NULL) {
            return pab_wrong(reuse->run, "malloc(%zu) gave NULL", size);
        }
        pab_spans_add(&reuse->freed, block, size, i);
    }
    for (size_t i = 0; i < freed; i++) {
        pab_subject_free(&reuse->subject, (void *)reuse->freed.at[i].start);
    }
    pab_spans_sort(&reuse->freed);
    if (is_unmapped(reuse)) {
        reuse->unmapped++;
        return true;
    }
    size_t waited = wait_for(reuse, size, most);
    if (waited > reuse->longest) {
        reuse->longest = waited;
        reuse->longest_size = size;
    }
    return waited < most ||
           pab_wrong(
               reuse->run,
               "%zu blocks of %zu bytes were freed; none of %zu later ones lies where they did",
               freed, size, most);
}

static enum pab_verdict reuse_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {1, 16, 40, 100, 256, 500, 1000, 4000, 20000, 300000, 2000000};
    struct reuse reuse = {.run = run};
    bool holds = true;
    if ((run->heap->backend->caps & PAB_CAP_FAKE) != 0) {
        return pab_skip(run, "%s is a floor, no allocator: it never reuses memory",
                        run->heap->backend->name);
    }
    pab_subject_init(&reuse.subject, run->heap);
    pab_spans_init(&reuse.freed, FREED);
    reuse.taken = pab_process_pages(WAIT_BLOCKS * sizeof(reuse.taken[0]));
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        holds = comes_again(&reuse, sizes[i]);
    }
    pab_compared(run,
                 "%zu sizes; the kernel got the memory of %zu back at once; the longest wait for "
                 "a place that was freed: %zu blocks, of %zu bytes",
                 ARRAY_COUNT(sizes), reuse.unmapped, reuse.longest, reuse.longest_size);
    return pab_judge(run, holds);
}

/* --- FRE-05 --------------------------------------------------------------------------------- */

enum order { ORDER_LIFO, ORDER_FIFO, ORDER_RANDOM, ORDER_UP, ORDER_DOWN, ORDER_SIZE, ORDERS };

static const char *const order_names[ORDERS] = {"last to first", "first to last",        "random",
                                                "by address",    "by address downwards", "by size"};

struct crowd {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_rng rng;
    size_t count;
    uint64_t **blocks; /* pages of the check's own, as the spans */
    uint32_t *sizes;
    struct pab_spans order;
    double free_s[ORDERS];
};

/* The first word and the last byte of a block say whose it is. */
static bool crowd_fill(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        size_t size = sizeof(uint64_t) + pab_sizes_draw(&crowd->rng, MIXED_MOST);
        uint64_t *block = pab_subject_malloc(&crowd->subject, size);
        if (block == NULL) {
            return pab_wrong(crowd->run, "malloc(%zu) gave NULL", size);
        }
        *block = pab_pattern_key(i, crowd->run->seed);
        ((unsigned char *)block)[size - 1] = (unsigned char)i;
        crowd->blocks[i] = block;
        crowd->sizes[i] = (uint32_t)size;
    }
    crowd->run->ops_done += crowd->count;
    return true;
}

static bool crowd_free(struct crowd *crowd, size_t index, enum order order)
{
    const uint64_t *block = crowd->blocks[index];
    size_t size = crowd->sizes[index];
    unsigned char last = ((const unsigned char *)block)[size - 1];
    if (*block != pab_pattern_key(index, crowd->run->seed) || last != (unsigned char)index) {
        return pab_wrong(crowd->run,
                         "block %zu of %zu, %zu bytes, was changed before it was freed (order: %s, "
                         "seed %" PRIu64 ")",
                         index, crowd->count, size, order_names[order], crowd->run->seed);
    }
    pab_subject_free(&crowd->subject, crowd->blocks[index]);
    return true;
}

/* Sorts by what the order goes by: a span's start is the key here. */
static void plan_order(struct crowd *crowd, enum order order)
{
    crowd->order.count = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        uintptr_t key = i;
        if (order == ORDER_RANDOM) {
            key = (uintptr_t)pab_rng_next(&crowd->rng);
        } else if (order == ORDER_UP || order == ORDER_DOWN) {
            key = (uintptr_t)crowd->blocks[i];
        } else if (order == ORDER_SIZE) {
            key = crowd->sizes[i];
        }
        pab_spans_add(&crowd->order, (const void *)key, 0, i);
    }
    pab_spans_sort(&crowd->order);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool crowd_run(struct crowd *crowd, enum order order)
{
    if (!crowd_fill(crowd)) {
        return false;
    }
    plan_order(crowd, order);
    bool is_down = order == ORDER_LIFO || order == ORDER_DOWN;
    double began = now_s();
    for (size_t rank = 0; rank < crowd->count; rank++) {
        size_t at = is_down ? crowd->count - 1 - rank : rank;
        if (!crowd_free(crowd, crowd->order.at[at].owner, order)) {
            return false;
        }
    }
    crowd->free_s[order] = now_s() - began;
    return true;
}

/* Times are told, never judged. */
static void tell_orders(struct crowd *crowd, double half_s)
{
    enum order slow = ORDER_LIFO;
    enum order fast = ORDER_LIFO;
    for (int order = 1; order < ORDERS; order++) {
        slow = crowd->free_s[order] > crowd->free_s[slow] ? (enum order)order : slow;
        fast = crowd->free_s[order] < crowd->free_s[fast] ? (enum order)order : fast;
    }
    pab_compared(crowd->run,
                 "%zu blocks in %d orders; the slowest, %s, took %.1f times as long as the "
                 "fastest, %s; in random order %.1f times as long as for half as many",
                 crowd->count, ORDERS, order_names[slow], crowd->free_s[slow] / crowd->free_s[fast],
                 order_names[fast], crowd->free_s[ORDER_RANDOM] / half_s);
}

static enum pab_verdict orders_run(struct pab_check_run *run)
{
    struct crowd crowd = {.run = run};
    size_t most = (size_t)pab_budget(run, BLOCKS, BLOCKS_MOST);
    most = most < 2 ? 2 : most;
    pab_rng_seed(&crowd.rng, run->seed);
    pab_subject_init(&crowd.subject, run->heap);
    crowd.blocks = pab_process_pages(most * sizeof(crowd.blocks[0]));
    crowd.sizes = pab_process_pages(most * sizeof(crowd.sizes[0]));
    pab_spans_init(&crowd.order, most);
    crowd.count = most / 2;
    bool holds = crowd_run(&crowd, ORDER_RANDOM);
    double half_s = crowd.free_s[ORDER_RANDOM];
    crowd.count = most;
    for (int order = 0; holds && order < ORDERS; order++) {
        holds = crowd_run(&crowd, (enum order)order);
    }
    if (holds) {
        tell_orders(&crowd, half_s);
    }
    return pab_judge(run, holds);
}

/* --- FRE-06 --------------------------------------------------------------------------------- */

struct drain {
    struct pab_blocks blocks;
    struct pab_subject subject;
    struct pab_block slab[SLAB_BLOCKS];
    struct pab_block herd[HERD_BLOCKS];
};

/* All go but every `keep`th; those are held to what was written and go last, upwards or down. */
static bool drain_to_last(struct drain *drain, struct pab_block *table, size_t count, size_t keep)
{
    for (size_t i = 0; i < count; i++) {
        if (i % keep != keep / 2 && !pab_block_drop(&drain->blocks, &table[i], "at free")) {
            return false;
        }
    }
    if (!pab_blocks_hold(&drain->blocks, table, count, "when all others had been freed")) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct pab_block *block = &table[keep % 2 == 0 ? i : count - 1 - i];
        if (block->at != NULL && !pab_block_drop(&drain->blocks, block, "as the last one left")) {
            return false;
        }
    }
    return true;
}

static bool fill(struct drain *drain, struct pab_block *table, size_t count, size_t size)
{
    drain->blocks.table = table;
    drain->blocks.count = count;
    for (size_t i = 0; i < count; i++) {
        if (!pab_block_take(&drain->blocks, &table[i], size)) {
            return false;
        }
    }
    return true;
}

static bool drain_classes(struct drain *drain)
{
    struct pab_sizes classes;
    pab_sizes_classes(&classes, &drain->subject, CLASS_MOST);
    size_t stride = classes.count / 64 + 1;
    for (size_t i = 0; i < classes.count; i += stride) {
        size_t size = classes.at[i];
        size_t count = SLAB_BYTES / size < SLAB_BLOCKS ? SLAB_BYTES / size : SLAB_BLOCKS;
        for (size_t keep = count; keep > 1; keep /= 16) { /* the last of all, then of each slab */
            if (!fill(drain, drain->slab, count, size) ||
                !drain_to_last(drain, drain->slab, count, keep)) {
                return false;
            }
        }
    }
    return true;
}

static bool drain_herd(struct drain *drain)
{
    for (size_t keep = KEEP_EVERY - 1; keep <= KEEP_EVERY; keep++) {
        if (!fill(drain, drain->herd, HERD_BLOCKS, HERD_BLOCK) ||
            !drain_to_last(drain, drain->herd, HERD_BLOCKS, keep)) {
            return false;
        }
    }
    return true;
}

static void *thread_fill(void *arg)
{
    struct drain *drain = arg;
    return fill(drain, drain->slab, SLAB_BLOCKS / 8, HERD_BLOCK) ? drain : NULL;
}

/* The blocks of a thread that has ended. */
static bool drain_thread(struct drain *drain)
{
    pthread_t thread;
    void *filled = drain;
    bool has_threads = (drain->subject.heap->backend->caps & PAB_CAP_THREADS) != 0;
    if (!has_threads || pthread_create(&thread, NULL, thread_fill, drain) != 0) {
        return true;
    }
    pthread_join(thread, &filled);
    return filled != NULL && drain_to_last(drain, drain->slab, SLAB_BLOCKS / 8, KEEP_EVERY) &&
           fill(drain, drain->slab, SLAB_BLOCKS / 8, HERD_BLOCK) &&
           drain_to_last(drain, drain->slab, SLAB_BLOCKS / 8, KEEP_EVERY);
}

static enum pab_verdict last_run(struct pab_check_run *run)
{
    static struct drain drain;
    memset(&drain, 0, sizeof(drain));
    pab_subject_init(&drain.subject, run->heap);
    pab_blocks_init(&drain.blocks, run, &drain.subject);
    bool holds = drain_classes(&drain) && drain_herd(&drain) && drain_thread(&drain);
    run->ops_done = drain.blocks.calls;
    pab_compared(run,
                 "%" PRIu64 " calls: each class by slabs, %zu MiB by arenas, a thread's blocks "
                 "after its end",
                 drain.blocks.calls, HERD_BYTES >> 20);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "FRE-04",
        .summary = "memory that was freed is given out again, or back to the kernel",
        .source = "C23 7.24.3.3: made available for further allocation; scudo BlockReuse",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = reuse_run,
    },
    {
        .id = "FRE-05",
        .summary = "blocks can be freed in any order",
        .source = "C23 7.24.3p1: order and contiguity are unspecified; CPython bpo-37029 (time)",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = orders_run,
    },
    {
        .id = "FRE-06",
        .summary = "the last block of a slab, of an arena, of a thread that has ended keeps its "
                   "bytes and can be freed",
        .source = "C23 7.24.3.3; CPython Objects/obmalloc.c frees an arena with its last pool",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = last_run,
    },
};

const struct pab_check_group pab_checks_again = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
