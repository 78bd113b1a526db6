/* tests/conformance/resizing/origins.c -- realloc of blocks of every origin: calloc, the aligned
 * functions, another thread; and what the result is worth: its alignment and its usable size. */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define ALIGN_LEAST 8u
#define ALIGN_MOST  ((size_t)1 << 21)
#define OVER_ALIGN  256u
#define OVER_BLOCKS 64u
#define OVER_SIZE   5000u
#define LADDER_MOST 100000u
#define RING        64u
#define HANDED      20000u
#define HANDED_MOST 4096u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes sizes;
    uint64_t refused;
} origin;

static void begin(struct pab_check_run *run)
{
    memset(&origin, 0, sizeof(origin));
    origin.run = run;
    pab_subject_init(&origin.subject, run->heap);
    pab_blocks_init(&origin.blocks, run, &origin.subject);
}

static bool is_aligned(const struct pab_block *block, size_t before)
{
    size_t align = pab_aligned_natural(origin.run, block->asked);
    return (uintptr_t)block->at % align == 0 ||
           pab_wrong(origin.run, "realloc from %zu to %zu bytes gave %p, not aligned to %zu",
                     before, block->asked, (void *)block->at, align);
}

/* Each size from and to each other; the blocks of one row live at once, so carving shows. */
static bool try_alignment(void)
{
    static struct pab_block row[PAB_SIZES_MAX];
    size_t count = origin.sizes.count;
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 1; j < count; j++) {
            if (!pab_block_take(&origin.blocks, &row[j], origin.sizes.at[i]) ||
                !pab_block_resize(&origin.blocks, &row[j], origin.sizes.at[j]) ||
                !is_aligned(&row[j], origin.sizes.at[i])) {
                return false;
            }
        }
        if (!pab_blocks_drop(&origin.blocks, row, count, "before free")) {
            return false;
        }
    }
    return true;
}

/* How many of some over-aligned blocks still are so after realloc: callers must not rely on it. */
static bool count_over_aligned(size_t *kept, size_t *tried)
{
    static struct pab_block made[OVER_BLOCKS];
    bool holds = true;
    for (size_t i = 0; holds && i < OVER_BLOCKS && origin.subject.aligned_alloc != NULL; i++) {
        void *at = pab_aligned_take(&origin.subject, PAB_ALIGNED_ALLOC, OVER_ALIGN, OVER_ALIGN);
        if (at == NULL) {
            return pab_wrong(origin.run, "aligned_alloc(%u, %u) gave NULL", OVER_ALIGN, OVER_ALIGN);
        }
        pab_block_adopt(&origin.blocks, &made[i], at, OVER_ALIGN);
        holds = pab_block_resize(&origin.blocks, &made[i], OVER_SIZE) &&
                is_aligned(&made[i], OVER_ALIGN);
        *kept += (uintptr_t)made[i].at % OVER_ALIGN == 0;
        *tried += 1;
    }
    return holds && pab_blocks_drop(&origin.blocks, made, OVER_BLOCKS, "before free");
}

static enum pab_verdict alignment_run(struct pab_check_run *run)
{
    size_t kept = 0;
    size_t tried = 0;
    begin(run);
    pab_sizes_ladder(&origin.sizes, 4096);
    bool holds = try_alignment() && count_over_aligned(&kept, &tried);
    run->ops_done = origin.blocks.calls;
    if (tried > 0) {
        pab_compared(run,
                     "%zu sizes, each to each; %zu of %zu blocks aligned to %u still were so when "
                     "resized to %u: not promised",
                     origin.sizes.count - 1, kept, tried, OVER_ALIGN, OVER_SIZE);
    } else {
        pab_compared(run, "%zu sizes, each to each", origin.sizes.count - 1);
    }
    return pab_judge(run, holds);
}

/* A block of `size` bytes made by one of the aligned functions, or by calloc for COUNT. False when
 * there is none: refused, which is counted, or a finding. */
static bool make(struct pab_block *block, enum pab_aligned kind, size_t align, size_t size)
{
    if (kind == PAB_ALIGNED_COUNT) {
        return pab_block_take_zeroed(&origin.blocks, block, 1, size);
    }
    void *at = pab_aligned_take(&origin.subject, kind, align, size);
    if (at == NULL) {
        origin.refused++;
        return false;
    }
    pab_block_adopt(&origin.blocks, block, at, size);
    return true;
}

static bool resize_made(enum pab_aligned kind, size_t align, size_t size)
{
    const size_t targets[] = {size / 2 + 1, size + 1, 3 * size, 10};
    const char *name = kind == PAB_ALIGNED_COUNT ? "calloc" : pab_aligned_name(kind);
    char when[96];
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        struct pab_block block = {0};
        struct pab_block guard = {0};
        if (!make(&block, kind, align, size)) {
            return origin.run->reason[0] == '\0';
        }
        snprintf(when, sizeof(when), "beside a block of %s (align %zu) resized from %zu to %zu",
                 name, align, size, targets[i]);
        if (!pab_block_take(&origin.blocks, &guard, size < 4096 ? size : 4096) ||
            !pab_block_resize(&origin.blocks, &block, targets[i]) || !is_aligned(&block, size) ||
            !pab_block_drop(&origin.blocks, &guard, when) ||
            !pab_block_drop(&origin.blocks, &block, when)) {
            pab_detail(origin.run, "the block came from %s, align %zu, size %zu", name, align,
                       size);
            return false;
        }
    }
    return true;
}

static bool try_kind(enum pab_aligned kind)
{
    static const size_t sizes[] = {1, 24, 100, 1000, 5000, 100000};
    bool has_align = kind < PAB_ALIGNED_VALLOC;
    for (size_t align = ALIGN_LEAST; align <= (has_align ? ALIGN_MOST : ALIGN_LEAST); align *= 2) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            if (!resize_made(kind, align, sizes[i])) {
                return false;
            }
        }
    }
    return true;
}

static enum pab_verdict origin_run(struct pab_check_run *run)
{
    size_t kinds = 1;
    begin(run);
    bool holds = try_kind(PAB_ALIGNED_COUNT);
    for (int kind = 0; holds && kind < PAB_ALIGNED_COUNT; kind++) {
        if (origin.subject.is_c && pab_aligned_exists(&origin.subject, (enum pab_aligned)kind)) {
            holds = try_kind((enum pab_aligned)kind);
            kinds++;
        }
    }
    run->ops_done = origin.blocks.calls;
    pab_compared(run,
                 "blocks of calloc%s; %" PRIu64 " calls, %" PRIu64 " requests for aligned blocks "
                 "refused",
                 kinds > 1 ? " and of the aligned functions that there are, alignments 8 to 2^21"
                           : "",
                 origin.blocks.calls, origin.refused);
    return pab_judge(run, holds);
}

/* realloc's result must be usable for all that was asked, and all that is usable is the block's. */
static bool resize_usable(size_t align, size_t from, size_t to)
{
    struct pab_block block = {0};
    struct pab_block guards[2] = {{0}, {0}};
    size_t guard = to < 4096 ? to : 4096;
    void *at = align == 0
                   ? pab_subject_malloc(&origin.subject, from)
                   : pab_aligned_take(&origin.subject, PAB_ALIGNED_POSIX_MEMALIGN, align, from);
    if (at == NULL) {
        return pab_wrong(origin.run, "no block of %zu bytes (align %zu) was to be had", from,
                         align);
    }
    pab_block_adopt(&origin.blocks, &block, at, from);
    if (!pab_block_take(&origin.blocks, &guards[0], guard) ||
        !pab_block_resize(&origin.blocks, &block, to)) {
        return false;
    }
    size_t usable = pab_subject_usable(&origin.subject, block.at, to);
    if (usable < to) {
        return pab_wrong(origin.run, "realloc from %zu (align %zu) to %zu bytes: usable are %zu",
                         from, align, to, usable);
    }
    return pab_block_take(&origin.blocks, &guards[1], guard) &&
           pab_blocks_drop(&origin.blocks, guards, 2, "beside a block whose tail was written") &&
           pab_block_drop(&origin.blocks, &block, "in a block that realloc made");
}

static enum pab_verdict usable_run(struct pab_check_run *run)
{
    static const size_t aligns[] = {0, 64, 4096};
    bool holds = true;
    begin(run);
    bool has_aligned = origin.subject.is_c && origin.subject.posix_memalign != NULL;
    pab_sizes_ladder(&origin.sizes, LADDER_MOST);
    size_t count = origin.sizes.count;
    for (size_t a = 0; holds && a < (has_aligned ? ARRAY_COUNT(aligns) : 1); a++) {
        for (size_t i = 1; holds && i < count; i++) {
            for (size_t j = 1; holds && j < count; j++) {
                holds = resize_usable(aligns[a], origin.sizes.at[i], origin.sizes.at[j]);
            }
        }
    }
    run->ops_done = origin.blocks.calls;
    pab_compared(run, "%zu sizes up to %u bytes, each to each%s", count - 1, LADDER_MOST,
                 has_aligned ? ", from malloc and from posix_memalign 64 and 4096" : "");
    return pab_judge(run, holds);
}

/* One hands over, the other resizes and frees: a ring of one producer and one consumer. */
static struct {
    struct pab_block ring[RING];
    _Atomic uint64_t given, taken;
    _Atomic bool stop; /* somebody found something */
    uint64_t handed;
    struct pab_check_run found; /* by the consumer */
    struct pab_blocks blocks;   /* the consumer's */
    struct pab_rng rng;         /* the consumer's */
} handover;

static bool resize_foreign(struct pab_block *block)
{
    size_t size = 1 + pab_rng_below(&handover.rng, 2 * HANDED_MOST);
    return pab_block_holds(&handover.blocks, block, 0, block->usable, "by the thread it came to") &&
           pab_block_resize(&handover.blocks, block, size) &&
           pab_block_drop(&handover.blocks, block, "before free, after realloc by another thread");
}

static void *consume(void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < handover.handed; i++) {
        while (atomic_load(&handover.given) == i) {
            if (atomic_load(&handover.stop)) {
                return NULL;
            }
            sched_yield();
        }
        if (!resize_foreign(&handover.ring[i % RING])) {
            atomic_store(&handover.stop, true);
            return NULL;
        }
        atomic_store(&handover.taken, i + 1);
    }
    return NULL;
}

static bool produce(struct pab_rng *rng)
{
    for (uint64_t i = 0; i < handover.handed && !atomic_load(&handover.stop); i++) {
        while (i - atomic_load(&handover.taken) >= RING && !atomic_load(&handover.stop)) {
            sched_yield();
        }
        if (!atomic_load(&handover.stop) &&
            !pab_block_take(&origin.blocks, &handover.ring[i % RING],
                            1 + pab_rng_below(rng, HANDED_MOST))) {
            atomic_store(&handover.stop, true);
            return false;
        }
        atomic_store(&handover.given, i + 1);
    }
    return true;
}

static enum pab_verdict thread_run(struct pab_check_run *run)
{
    struct pab_rng rng;
    pthread_t consumer;
    begin(run);
    memset(&handover, 0, sizeof(handover));
    handover.handed = pab_budget(run, HANDED, 0);
    handover.found = *run;
    pab_blocks_init(&handover.blocks, &handover.found, &origin.subject);
    pab_rng_seed(&rng, run->seed);
    pab_rng_seed(&handover.rng, ~run->seed);
    if (pthread_create(&consumer, NULL, consume, NULL) != 0) {
        return pab_skip(run, "no second thread is to be had");
    }
    bool holds = produce(&rng);
    pthread_join(consumer, NULL);
    if (holds && handover.found.reason[0] != '\0') {
        holds = pab_wrong(run, "%s", handover.found.reason);
        pab_detail(run, "%s", handover.found.detail);
    }
    run->ops_done = origin.blocks.calls + handover.blocks.calls;
    pab_compared(run, "%" PRIu64 " blocks handed over, resized there and freed", handover.handed);
    return pab_judge(run, holds);
}

#define ORIGIN_COMMON .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "REA-010",
        .summary = "what realloc returns is aligned as malloc's blocks are",
        .source = "C23 7.24.3p1; that more alignment survives, nobody promises",
        .uses = PAB_USES_REALLOC,
        .run = alignment_run,
        ORIGIN_COMMON,
    },
    {
        .id = "REA-014",
        .summary = "realloc takes blocks of calloc and of the aligned functions, and keeps their "
                   "bytes",
        .source = "POSIX.1-2024 realloc; bionic memalign_realloc, TCMalloc MemalignRealloc",
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = origin_run,
        ORIGIN_COMMON,
    },
    {
        .id = "REA-016",
        .summary = "a thread may realloc a block that another one made",
        .source = "C23 7.24.3p2; rpmalloc stress test",
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_REALLOC,
        .run = thread_run,
        ORIGIN_COMMON,
    },
    {
        .id = "REA-017",
        .summary = "after realloc at least what was asked is usable, and all of it is the block's",
        .source = "malloc_usable_size(3); jemalloc PR 1900",
        .uses = PAB_USES_REALLOC | PAB_USES_USABLE_SIZE,
        .run = usable_run,
        ORIGIN_COMMON,
    },
};

const struct pab_check_group pab_checks_origins = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
