/* tests/conformance/allocation/answers.c -- what a request that succeeds gives: bytes to write,
 * an answer to zero bytes that is always of one kind, errno as it was. */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/spans.h"

#include <inttypes.h>

#define SMALL_MOST   ((size_t)4096)
#define WHOLE_MOST   ((size_t)1 << 20)  /* every byte is written */
#define PAGES_MOST   ((size_t)4 << 20)  /* every page; above, PLACES of it */
#define EXPECTED     ((size_t)64 << 20) /* what no machine that runs this refuses */
#define LADDER_MOST  ((size_t)1 << 30)
#define PLACES       ((size_t)256)
#define ZERO_BLOCKS  10000
#define ZERO_EACH    1000 /* of every call that makes a block of no bytes */
#define ERRNO_MOST   ((size_t)64 << 20)
#define RESIZED_MOST ((size_t)4 << 20) /* a realloc may copy: that takes its time */

/* --- MAL-001 -------------------------------------------------------------------------------- */

/* All sizes up to SMALL_MOST, alive together, each full. */
static bool small_sizes_hold(struct pab_blocks *blocks)
{
    static struct pab_block small[SMALL_MOST + 1];
    blocks->table = small;
    blocks->count = ARRAY_COUNT(small);
    for (size_t size = 0; size <= SMALL_MOST; size++) {
        void *at = pab_subject_malloc(blocks->subject, size);
        if (at != NULL) {
            pab_block_adopt(blocks, &small[size], at, size);
        } else if (size > 0) { /* for 0 see MAL-002 */
            return pab_wrong(blocks->run, "malloc(%zu) gave NULL", size);
        }
    }
    return pab_blocks_drop(blocks, small, ARRAY_COUNT(small), "with all sizes up to 4096 alive");
}

/* Writes one byte in each `stride` and the last one, then reads them back. */
static bool touch(struct pab_blocks *blocks, unsigned char *at, size_t size, size_t stride)
{
    uint64_t key = pab_pattern_key(size, blocks->run->seed);
    for (size_t offset = 0; offset < size; offset += stride) {
        at[offset] = pab_pattern_byte(key, offset);
    }
    at[size - 1] = pab_pattern_byte(key, size - 1);
    for (size_t offset = 0; offset < size; offset += stride) {
        if (at[offset] != pab_pattern_byte(key, offset)) {
            return pab_wrong(blocks->run, "byte %zu of malloc(%zu) does not read as it was written",
                             offset, size);
        }
    }
    return true;
}

static bool one_size_holds(struct pab_blocks *blocks, size_t size, size_t *refused)
{
    struct pab_block block;
    unsigned char *at = pab_subject_malloc(blocks->subject, size);
    if (at == NULL) {
        ++*refused;
        return size > EXPECTED || pab_wrong(blocks->run, "malloc(%zu) gave NULL", size);
    }
    if (size <= WHOLE_MOST) {
        pab_block_adopt(blocks, &block, at, size);
        return pab_block_drop(blocks, &block, "at free");
    }
    size_t stride = size <= PAGES_MOST ? SMALL_MOST : size / PLACES;
    bool holds = touch(blocks, at, size, stride);
    pab_subject_free(blocks->subject, at);
    return holds;
}

static enum pab_verdict writable_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes ladder;
    size_t refused = 0;
    pab_process_avoid_huge_pages(); /* PLACES of them would be half a GiB */
    pab_subject_init(&subject, run->heap);
    pab_blocks_init(&blocks, run, &subject);
    size_t most = run->heap->hooks == NULL ? LADDER_MOST : EXPECTED; /* hooks write every byte */
    pab_sizes_ladder(&ladder, most + 1);
    bool holds = small_sizes_hold(&blocks);
    blocks.count = 0;
    for (size_t i = 0; holds && i < ladder.count; i++) {
        if (ladder.at[i] > SMALL_MOST) {
            holds = one_size_holds(&blocks, ladder.at[i], &refused);
        }
    }
    run->ops_done = SMALL_MOST + 1 + ladder.count;
    pab_compared(run,
                 "sizes 0 to %zu alive together, then the powers of two and beside up to %zu MiB; "
                 "refused: %zu, all above %zu MiB",
                 SMALL_MOST, most >> 20, refused, EXPECTED >> 20);
    return pab_judge(run, holds);
}

/* --- MAL-002, MAL-003 ----------------------------------------------------------------------- */

/* Blocks of no bytes that live together, and whether NULL is what the subject gives for them. */
struct zeros {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_spans blocks;
    bool are_null;
};

static void zeros_init(struct zeros *zeros, struct pab_check_run *run, size_t most)
{
    zeros->run = run;
    pab_subject_init(&zeros->subject, run->heap);
    pab_spans_init(&zeros->blocks, most);
    void *first = pab_subject_malloc(&zeros->subject, 0);
    zeros->are_null = first == NULL;
    pab_subject_free(&zeros->subject, first);
}

static bool zeros_add(struct zeros *zeros, const char *call, void *block)
{
    zeros->run->ops_done++;
    if ((block == NULL) != zeros->are_null) {
        return pab_wrong(zeros->run, "%s gave %s, the first malloc(0) %s; it was call %" PRIu64,
                         call, block == NULL ? "NULL" : "a block",
                         zeros->are_null ? "NULL" : "a block", zeros->run->ops_done);
    }
    if (block != NULL) {
        pab_spans_add(&zeros->blocks, block, 0, zeros->blocks.count);
    }
    return true;
}

/* No two at one address; then all of them are freed. */
static bool zeros_are_distinct(struct zeros *zeros)
{
    struct pab_span first;
    struct pab_span second;
    size_t shared = 0;
    if (pab_spans_meet(&zeros->blocks, &first, &second, &shared)) {
        return pab_wrong(zeros->run,
                         "two live blocks of zero bytes share the address %#" PRIxPTR
                         ": number %zu and number %zu",
                         first.start, first.owner, second.owner);
    }
    for (size_t i = 0; i < zeros->blocks.count; i++) {
        pab_subject_free(&zeros->subject, (void *)zeros->blocks.at[i].start);
    }
    zeros->blocks.count = 0;
    return true;
}

static enum pab_verdict malloc_zero_run(struct pab_check_run *run)
{
    struct zeros zeros;
    bool holds = true;
    zeros_init(&zeros, run, ZERO_BLOCKS);
    for (int round = 0; holds && round < 2; round++) { /* freed in between: the same again */
        for (size_t i = 0; holds && i < ZERO_BLOCKS; i++) {
            holds = zeros_add(&zeros, "malloc(0)", pab_subject_malloc(&zeros.subject, 0));
        }
        holds = holds && zeros_are_distinct(&zeros);
    }
    pab_answer(run, "%s", zeros.are_null ? "NULL" : "distinct blocks");
    return pab_judge(run, holds);
}

static void *calloc_none(const struct pab_subject *subject)
{
    return pab_subject_calloc(subject, 0, 24);
}

static void *calloc_of_nothing(const struct pab_subject *subject)
{
    return pab_subject_calloc(subject, 24, 0);
}

static void *realloc_null(const struct pab_subject *subject)
{
    return pab_subject_realloc(subject, NULL, 0);
}

static void *reallocarray_none(const struct pab_subject *subject)
{
    return subject->reallocarray(NULL, 0, 24);
}

static void *reallocarray_of_nothing(const struct pab_subject *subject)
{
    return subject->reallocarray(NULL, 24, 0);
}

static const struct {
    const char *name;
    bool is_reallocarray;
    void *(*make)(const struct pab_subject *subject);
} zero_calls[] = {
    {"calloc(0, 24)", false, calloc_none},
    {"calloc(24, 0)", false, calloc_of_nothing},
    {"realloc(NULL, 0)", false, realloc_null},
    {"reallocarray(NULL, 0, 24)", true, reallocarray_none},
    {"reallocarray(NULL, 24, 0)", true, reallocarray_of_nothing},
};

static enum pab_verdict other_zeros_run(struct pab_check_run *run)
{
    struct zeros zeros;
    bool holds = true;
    const char *changes_errno = NULL; /* the first call that did */
    int errno_seen = 0;
    zeros_init(&zeros, run, ZERO_EACH * ARRAY_COUNT(zero_calls));
    for (size_t i = 0; holds && i < ZERO_EACH * ARRAY_COUNT(zero_calls); i++) {
        size_t call = i % ARRAY_COUNT(zero_calls);
        if (zero_calls[call].is_reallocarray && zeros.subject.reallocarray == NULL) {
            continue;
        }
        errno = PAB_ERRNO_SENTINEL;
        void *block = zero_calls[call].make(&zeros.subject);
        int after = errno;
        holds = zeros_add(&zeros, zero_calls[call].name, block);
        if (holds && zeros.subject.is_c && block != NULL && after != PAB_ERRNO_SENTINEL) {
            errno_seen = changes_errno == NULL ? after : errno_seen;
            changes_errno = changes_errno == NULL ? zero_calls[call].name : changes_errno;
        }
    }
    holds = holds && zeros_are_distinct(&zeros);
    pab_answer(run, "%s%s", zeros.are_null ? "NULL" : "distinct blocks",
               zeros.subject.reallocarray == NULL ? "; it has no reallocarray" : "");
    if (holds && changes_errno != NULL) { /* C lets it: no failure, as for MAL-011 */
        pab_wrong(run, "%s gave a block and set errno to %d", changes_errno, errno_seen);
        return PAB_DEVIATION;
    }
    return pab_judge(run, holds);
}

/* --- MAL-011 -------------------------------------------------------------------------------- */

struct errno_watch {
    struct pab_check_run *run;
    uint64_t changed;
};

/* After a call: counts it if it succeeded and errno is not what it was; keeps the first. */
static void watch_errno(struct errno_watch *watch, const char *call, size_t size, const void *block)
{
    int after = errno;
    watch->run->ops_done++;
    if (block != NULL && after != PAB_ERRNO_SENTINEL) {
        watch->changed++;
        pab_wrong(watch->run, "%s for %zu bytes gave a block and changed errno from %d to %d", call,
                  size, PAB_ERRNO_SENTINEL, after);
    }
    errno = PAB_ERRNO_SENTINEL;
}

static void watch_size(struct errno_watch *watch, const struct pab_subject *subject, size_t size)
{
    errno = PAB_ERRNO_SENTINEL;
    void *block = pab_subject_malloc(subject, size);
    watch_errno(watch, "malloc", size, block);
    if (block != NULL && size <= RESIZED_MOST) {
        void *grown = pab_subject_realloc(subject, block, size + size / 2);
        watch_errno(watch, "a growing realloc", size + size / 2, grown);
        block = grown == NULL ? block : grown;
        void *shrunk = pab_subject_realloc(subject, block, size / 2 + 1);
        watch_errno(watch, "a shrinking realloc", size / 2 + 1, shrunk);
        block = shrunk == NULL ? block : shrunk;
    }
    pab_subject_free(subject, block);
    errno = PAB_ERRNO_SENTINEL;
    block = pab_subject_calloc(subject, 1, size);
    watch_errno(watch, "calloc", size, block);
    pab_subject_free(subject, block);
}

static enum pab_verdict errno_stays_run(struct pab_check_run *run)
{
    struct errno_watch watch = {.run = run};
    struct pab_subject subject;
    struct pab_sizes ladder;
    pab_subject_init(&subject, run->heap);
    pab_sizes_ladder(&ladder, RESIZED_MOST);
    for (size_t i = 1; i < ladder.count; i++) { /* 0 bytes: MAL-003 */
        watch_size(&watch, &subject, ladder.at[i]);
    }
    for (size_t size = RESIZED_MOST; size <= ERRNO_MOST; size *= 2) {
        watch_size(&watch, &subject, size + 1);
    }
    pab_compared(run, "%" PRIu64 " calls, 1 byte to 64 MiB; errno changed by %" PRIu64,
                 run->ops_done, watch.changed);
    return pab_judge(run, watch.changed == 0);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-001",
        .summary = "a block can be written and read back in every byte that was asked for",
        .source = "C23 7.24.3.6",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = writable_run,
    },
    {
        .id = "MAL-002",
        .summary = "malloc(0) gives always NULL, or always a block of its own that can be freed",
        .source = "C23 7.24.3p1",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = malloc_zero_run,
    },
    {
        .id = "MAL-003",
        .summary = "calloc, realloc(NULL, ...) and reallocarray answer to zero bytes as malloc "
                   "does, and keep errno if they give a block",
        .source = "C23 7.24.3p1; mimalloc test-api",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = other_zeros_run,
    },
    {
        .id = "MAL-011",
        .summary = "a call that succeeds leaves errno as it was",
        .source = "OpenBSD malloc_errno; C lets it change",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC | PAB_USES_C,
        .run = errno_stays_run,
    },
};

const struct pab_check_group pab_checks_answers = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
