/* tests/conformance/aligned/aligned_answers.c -- what the aligned functions answer to alignments that
 * are none, to odd sizes and to no bytes at all. */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"

#include <inttypes.h>
#include <string.h>

#define ZERO_BLOCKS 48u
#define TAKEN_BACK  ((void *)(uintptr_t)0x5aa5) /* what *memptr holds before a call that fails */

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t calls;
} asked;

static void begin(struct pab_check_run *run)
{
    memset(&asked, 0, sizeof(asked));
    asked.run = run;
    pab_subject_init(&asked.subject, run->heap);
}

static enum pab_verdict end(struct pab_check_run *run, bool holds)
{
    run->ops_done = asked.calls;
    return pab_judge(run, holds);
}

static const char *code_text(int code)
{
    return code == PAB_ERRNO_SENTINEL ? "errno kept" : code == 0 ? "0" : strerrorname_np(code);
}

/* posix_memalign wants a power of two that is a multiple of a pointer's size. */
static bool is_valid(size_t align)
{
    return align >= sizeof(void *) && (align & (align - 1)) == 0;
}

static const size_t odd_aligns[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    24,
    48,
    0x300,
    4097,
    65535,
    SIZE_MAX / 2,
    SIZE_MAX,
    ((size_t)1 << 63) + 1,
    ((size_t)1 << 62) + 8,
};

static bool try_code(size_t align, size_t size)
{
    void *out = TAKEN_BACK;
    int code = asked.subject.posix_memalign(&out, align, size);
    asked.calls++;
    if (code == 0) {
        pab_subject_free(&asked.subject, out);
    }
    int due = is_valid(align) ? 0 : EINVAL;
    return code == due || pab_wrong(asked.run, "posix_memalign(&p, %zu, %zu) gave %s, not %s",
                                    align, size, code_text(code), code_text(due));
}

static enum pab_verdict code_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {1, 24, 1000, 100000};
    bool holds = true;
    begin(run);
    for (size_t i = 0; holds && i < ARRAY_COUNT(odd_aligns) * ARRAY_COUNT(sizes); i++) {
        holds = try_code(odd_aligns[i / ARRAY_COUNT(sizes)], sizes[i % ARRAY_COUNT(sizes)]);
    }
    pab_compared(run, "%zu alignments, with %zu sizes each", ARRAY_COUNT(odd_aligns),
                 ARRAY_COUNT(sizes));
    return end(run, holds);
}

/* Calls that fail, for their alignment or for their size. */
static const struct {
    size_t align, size;
} failing[] = {
    {0, 1},
    {3, 8},
    {4, 100},
    {24, 24},
    {4097, 100},
    {SIZE_MAX, 16},
    {0, 0},
    {12, 0},
    {16, SIZE_MAX},
    {64, SIZE_MAX - 63},
    {4096, SIZE_MAX - 4096},
    {8, (size_t)PTRDIFF_MAX + 1},
    {16, PTRDIFF_MAX},
    {(size_t)1 << 62, (size_t)1 << 62},
    {(size_t)1 << 63, 1},
};

static enum pab_verdict untouched_run(struct pab_check_run *run)
{
    bool holds = true;
    size_t failed = 0;
    size_t nulls = 0;
    begin(run);
    for (size_t i = 0; holds && i < ARRAY_COUNT(failing); i++) {
        void *out = TAKEN_BACK;
        int code = asked.subject.posix_memalign(&out, failing[i].align, failing[i].size);
        asked.calls++;
        if (code == 0) {
            pab_subject_free(&asked.subject, out);
            continue;
        }
        failed++;
        nulls += out == NULL;
        holds = out == TAKEN_BACK || out == NULL ||
                pab_wrong(run, "posix_memalign(&p, %zu, %zu) gave %s and set p to %p",
                          failing[i].align, failing[i].size, code_text(code), out);
    }
    pab_compared(run, "%zu calls failed, %zu of them set the pointer to NULL", failed, nulls);
    if (failed == 0) {
        return pab_skip(run, "none of %zu calls that must fail failed", ARRAY_COUNT(failing));
    }
    return end(run, holds);
}

static const size_t unsupported[] = {0, 3, 15, 24, 48, 65, 100, 4097, 0x300};

/* Of the unsupported alignments, how many gave NULL, and how many of those with EINVAL. */
struct refusals {
    size_t refused, with_code;
};

static struct refusals ask_unsupported(void)
{
    struct refusals seen = {0, 0};
    for (size_t i = 0; i < ARRAY_COUNT(unsupported); i++) {
        size_t align = unsupported[i];
        errno = PAB_ERRNO_SENTINEL;
        size_t size = align == 0 ? 64 : 4 * align;
        void *got = asked.subject.aligned_alloc(align, size);
        int code = errno;
        asked.calls++;
        if (got == NULL) {
            seen.refused++;
            seen.with_code += code == EINVAL;
        } else {
            pab_wrong(asked.run, "aligned_alloc(%zu, %zu) gave %p%s", align, size, got,
                      align != 0 && (uintptr_t)got % align != 0 ? ", which is not so aligned" : "");
            pab_subject_free(&asked.subject, got);
        }
    }
    return seen;
}

static enum pab_verdict unsupported_run(struct pab_check_run *run)
{
    begin(run);
    struct refusals seen = ask_unsupported();
    pab_compared(run, "%zu of %zu alignments that are no power of two were refused", seen.refused,
                 ARRAY_COUNT(unsupported));
    return end(run, seen.refused == ARRAY_COUNT(unsupported));
}

static enum pab_verdict einval_run(struct pab_check_run *run)
{
    begin(run);
    struct refusals seen = ask_unsupported();
    run->reason[0] = '\0'; /* that it serves some is ALN-05's finding */
    if (seen.refused == 0) {
        return pab_skip(run, "it refuses none of %zu unsupported alignments: see ALN-05",
                        ARRAY_COUNT(unsupported));
    }
    pab_compared(run, "%zu refused, %zu of them with EINVAL", seen.refused, seen.with_code);
    if (seen.with_code != seen.refused) {
        pab_wrong(run,
                  "aligned_alloc refused %zu unsupported alignments, %zu of them without EINVAL",
                  seen.refused, seen.refused - seen.with_code);
    }
    return end(run, seen.with_code == seen.refused);
}

/* An odd size: short blocks would show in what lies behind them. */
static enum pab_verdict odd_size_run(struct pab_check_run *run)
{
    static const struct {
        size_t align, size;
    } wishes[] = {{64, 100}, {4096, 100}, {4096, 5000}, {256, 1}, {1024, 1025}};
    struct pab_block made[ARRAY_COUNT(wishes) * 4] = {{0}};
    struct pab_blocks blocks;
    size_t refused = 0;
    int code = 0;
    bool holds = true;
    begin(run);
    pab_blocks_init(&blocks, run, &asked.subject);
    for (size_t i = 0; holds && i < ARRAY_COUNT(made); i++) {
        size_t align = wishes[i % ARRAY_COUNT(wishes)].align;
        size_t size = wishes[i % ARRAY_COUNT(wishes)].size;
        errno = PAB_ERRNO_SENTINEL;
        void *at = asked.subject.aligned_alloc(align, size);
        asked.calls++;
        if (at == NULL) {
            code = errno;
            refused++;
        } else {
            pab_block_adopt(&blocks, &made[i], at, size);
            holds =
                (uintptr_t)at % align == 0 ||
                pab_wrong(run, "aligned_alloc(%zu, %zu) gave %p: not so aligned", align, size, at);
        }
        if (refused != 0 && refused != i + 1) {
            holds = pab_wrong(run, "aligned_alloc(%zu, %zu) was %s, others were not", align, size,
                              at == NULL ? "refused" : "served");
        }
    }
    holds = holds && pab_blocks_drop(&blocks, made, ARRAY_COUNT(made), "before free");
    pab_answer(run, "%s%s", refused == 0 ? "allowed" : "refused, ",
               refused == 0 ? "" : code_text(code));
    pab_compared(run, "%zu requests", ARRAY_COUNT(made));
    return end(run, holds);
}

/* How one function answers to 0 bytes. */
struct zero_answers {
    size_t nulls, blocks, misaligned;
};

static bool try_zero(enum pab_aligned kind, size_t align, struct zero_answers *seen)
{
    static void *made[ZERO_BLOCKS];
    bool holds = true;
    for (size_t i = 0; i < ZERO_BLOCKS; i++) {
        void *at = pab_aligned_call(&asked.subject, kind, align, 0);
        asked.calls++;
        for (size_t j = 0; at != NULL && j < i; j++) {
            if (made[j] == at) {
                holds = pab_wrong(asked.run, "%s(align %zu, size 0) gave %p twice",
                                  pab_aligned_name(kind), align, at);
                made[j] = NULL;
            }
        }
        made[i] = at;
        seen->nulls += at == NULL;
        seen->blocks += at != NULL;
        if (at != NULL && (uintptr_t)at % pab_aligned_promise(kind, align) != 0 &&
            seen->misaligned++ == 0) {
            pab_detail(asked.run, "%s(align %zu, size 0) gave %p", pab_aligned_name(kind), align,
                       at);
        }
    }
    for (size_t i = 0; i < ZERO_BLOCKS; i++) {
        pab_subject_free(&asked.subject, made[i]);
    }
    return holds;
}

/* C23 wants it as if the size were not 0, so aligned; memalign and its like stand in no standard,
 * and nobody may use a byte of it: a DEVIATION there. */
static bool judge_zero(enum pab_aligned kind, const struct zero_answers *seen, bool *deviates)
{
    if (seen->nulls > 0 && seen->blocks > 0) {
        return pab_wrong(asked.run, "%s of 0 bytes gave NULL %zu times and a block %zu times",
                         pab_aligned_name(kind), seen->nulls, seen->blocks);
    }
    if (seen->misaligned == 0) {
        return true;
    }
    *deviates = true;
    pab_wrong(asked.run, "%zu of %zu blocks of %s of 0 bytes are not aligned as asked",
              seen->misaligned, seen->blocks, pab_aligned_name(kind));
    return kind != PAB_ALIGNED_ALLOC && kind != PAB_ALIGNED_POSIX_MEMALIGN;
}

static enum pab_verdict zero_run(struct pab_check_run *run)
{
    static const size_t aligns[] = {16, 64, 4096, (size_t)1 << 21};
    size_t nulls = 0;
    size_t kinds = 0;
    bool holds = true;
    bool deviates = false;
    begin(run);
    for (int i = 0; holds && i < PAB_ALIGNED_COUNT; i++) {
        enum pab_aligned kind = (enum pab_aligned)i;
        struct zero_answers seen = {0, 0, 0};
        if (!pab_aligned_exists(&asked.subject, kind)) {
            continue;
        }
        for (size_t j = 0; holds && j < ARRAY_COUNT(aligns); j++) {
            holds = try_zero(kind, aligns[j], &seen);
        }
        holds = holds && judge_zero(kind, &seen, &deviates);
        nulls += seen.nulls > 0;
        kinds++;
    }
    if (kinds == 0) {
        return pab_skip(run, "%s exports no function that aligns to order",
                        run->heap->backend->name);
    }
    pab_answer(run, "%s",
               nulls == 0       ? "blocks of their own"
               : nulls == kinds ? "NULL"
                                : "NULL or a block, by function");
    pab_compared(run, "%zu functions, %zu alignments", kinds, ARRAY_COUNT(aligns));
    return holds && deviates ? PAB_DEVIATION : end(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "ALN-03",
        .summary = "posix_memalign gives EINVAL for what is no power of two times a pointer's size",
        .source = "POSIX.1-2024 posix_memalign",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C | PAB_USES_POSIX_MEMALIGN,
        .run = code_run,
    },
    {
        .id = "ALN-04",
        .summary = "posix_memalign that fails leaves the pointer alone or sets it to NULL",
        .source = "POSIX.1-2024 posix_memalign; mimalloc test-api, glibc malloc/tst-posix_memalign",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C | PAB_USES_POSIX_MEMALIGN,
        .run = untouched_run,
    },
    {
        .id = "ALN-05",
        .summary = "aligned_alloc gives NULL for an alignment that it does not support",
        .source = "C23 7.24.3.1, WG14 DR 460",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C | PAB_USES_ALIGNED_ALLOC,
        .run = unsupported_run,
    },
    {
        .id = "ALN-06",
        .summary = "aligned_alloc that refuses an alignment sets errno to EINVAL",
        .source = "POSIX.1-2024 aligned_alloc, aligned_alloc(3)",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C | PAB_USES_ALIGNED_ALLOC,
        .run = einval_run,
    },
    {
        .id = "ALN-07",
        .summary =
            "a size that is no multiple of the alignment is always allowed or always refused",
        .source = "C23 7.24.3.1; C11 7.22.3.1 demanded a multiple; scudo refuses with EINVAL",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C | PAB_USES_ALIGNED_ALLOC,
        .run = odd_size_run,
    },
    {
        .id = "ALN-10",
        .summary = "0 bytes with a valid alignment give always NULL or always a block of their own",
        .source = "C23 7.24.3p1, POSIX.1-2024 posix_memalign; jemalloc PR 2606",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C,
        .run = zero_run,
    },
};

const struct pab_check_group pab_checks_aligned_answers = {PAB_CHECK_CONTRACT, checks,
                                                           ARRAY_COUNT(checks)};
