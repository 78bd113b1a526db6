/* tests/conformance/zeroing/overflow.c -- calloc of a product that no size_t holds.
 *
 * What is dangerous is not a product that stays huge but one that wraps around to a size that can
 * be had: 0, 8 or 4096 bytes for a program that believes to have 2^64 and more.
 */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"

#include <inttypes.h>
#include <string.h>

#define FACTOR_MOST  4096u
#define INVERSE_MOST 257u

struct overflows {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t wrong_errno;
    bool is_granted;
    size_t granted_pair[2], wrong_pair[2];
    int errno_seen;
};

/* What wraps to the size of a block that was freed just before might be given that. Whoever gives a
 * block once is asked no more: the next might be of terabytes, to be zeroed. */
static void ask(struct overflows *overflows, size_t count, size_t size)
{
    size_t wrapped = count * size;
    const struct pab_subject *subject = &overflows->subject;
    if (overflows->is_granted) {
        return;
    }
    if (wrapped <= FACTOR_MOST) {
        pab_subject_free(subject, pab_subject_malloc(subject, wrapped));
    }
    errno = PAB_ERRNO_SENTINEL;
    void *block = pab_subject_calloc(subject, count, size);
    int after = errno;
    overflows->run->ops_done++;
    if (block != NULL) {
        overflows->is_granted = true;
        overflows->granted_pair[0] = count;
        overflows->granted_pair[1] = size;
    } else if (after != ENOMEM && overflows->wrong_errno++ == 0) {
        overflows->wrong_pair[0] = count;
        overflows->wrong_pair[1] = size;
        overflows->errno_seen = after;
    }
}

static void ask_both(struct overflows *overflows, size_t count, size_t size)
{
    size_t product;
    if (__builtin_mul_overflow(count, size, &product)) {
        ask(overflows, count, size);
        ask(overflows, size, count);
    }
}

/* The number that gives 1 with an odd `factor`, modulo 2^64: each step doubles the bits that are
 * right. */
static size_t inverse(size_t factor)
{
    size_t guess = factor;
    for (int i = 0; i < 6; i++) {
        guess *= 2 - factor * guess;
    }
    return guess;
}

static void ask_all(struct overflows *overflows, struct pab_check_run *run)
{
    static const size_t pairs[][2] = {
        {(size_t)1 << 63, 2},
        {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX, 2},
        {(size_t)1 << 32, (size_t)1 << 32},
        {(size_t)1 << 33, (size_t)1 << 31},
        {(size_t)1 << 60, 16},
        {((size_t)1 << 60) + 1, 16},
        {(size_t)PTRDIFF_MAX, 3},
        {(size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX},
        {((size_t)1 << 32) + 1, ((size_t)1 << 32) + 1},
    };
    static const size_t wishes[] = {1, 8, 16, 64, 512, 4096};
    memset(overflows, 0, sizeof(*overflows));
    overflows->run = run;
    pab_subject_init(&overflows->subject, run->heap);
    for (size_t factor = 2; factor <= FACTOR_MOST; factor++) {
        ask_both(overflows, SIZE_MAX / factor + 1, factor);
    }
    for (size_t factor = 3; factor <= INVERSE_MOST; factor += 2) {
        for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
            ask_both(overflows, wishes[i] * inverse(factor), factor);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        ask_both(overflows, pairs[i][0], pairs[i][1]);
    }
    pab_compared(run,
                 "%" PRIu64 " calls: factors up to %u in both orders, products that wrap to 0 "
                 "and to up to %u bytes among them",
                 run->ops_done, FACTOR_MOST, FACTOR_MOST);
}

static enum pab_verdict refused_run(struct pab_check_run *run)
{
    struct overflows overflows;
    ask_all(&overflows, run);
    if (overflows.is_granted) {
        size_t count = overflows.granted_pair[0];
        size_t size = overflows.granted_pair[1];
        pab_wrong(run, "calloc(%zu, %zu) gave a block; the product wraps to %zu (call %" PRIu64 ")",
                  count, size, count * size, run->ops_done);
    }
    return pab_judge(run, !overflows.is_granted);
}

static enum pab_verdict enomem_run(struct pab_check_run *run)
{
    struct overflows overflows;
    ask_all(&overflows, run);
    if (overflows.wrong_errno > 0) {
        char what[32] = "as it was";
        if (overflows.errno_seen != PAB_ERRNO_SENTINEL) {
            snprintf(what, sizeof(what), "at %d", overflows.errno_seen);
        }
        pab_wrong(run,
                  "calloc(%zu, %zu) gave NULL and left errno %s, not ENOMEM; so did %" PRIu64
                  " of %" PRIu64 " such calls",
                  overflows.wrong_pair[0], overflows.wrong_pair[1], what, overflows.wrong_errno,
                  run->ops_done);
    }
    return pab_judge(run, overflows.wrong_errno == 0);
}

static const struct pab_check checks[] = {
    {
        .id = "CAL-004",
        .summary = "a product that overflows gives NULL, also when it wraps to a small size",
        .source = "C23 7.24.3.2; glibc tst-calloc; TCMalloc tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_C,
        .run = refused_run,
    },
    {
        .id = "CAL-005",
        .summary = "a product that overflows sets errno to ENOMEM",
        .source = "POSIX.1-2024 calloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_CALLOC | PAB_USES_C,
        .run = enomem_run,
    },
};

const struct pab_check_group pab_checks_overflow = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
