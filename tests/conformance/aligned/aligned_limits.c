/* tests/conformance/aligned/aligned_limits.c -- alignments and sizes at the end of the address space:
 * their sum must not wrap, and what is huge must come back or be refused. */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"

#include <inttypes.h>

#define CASE_MS    20000u
#define HUGE_ALIGN 30u  /* powers of two up to this one */
#define HUGE_CALLS 600u /* of each function; the first round goes before */
#define HUGE_SLACK ((size_t)8 << 20)

/* Where a case is, for the check that forked it. */
struct wish {
    enum pab_aligned kind;
    size_t align, size;
    uint64_t calls, served;
    size_t grown_bytes; /* most that any function left */
};

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct wish *now; /* shared with the case */
    uint64_t rounds;
    bool has_no_process; /* a case could not be started */
} limits;

static enum pab_verdict begin(struct pab_check_run *run)
{
    limits.run = run;
    pab_subject_init(&limits.subject, run->heap);
    if (!pab_aligned_any(&limits.subject)) {
        return pab_skip(run, "%s exports no function that aligns to order",
                        run->heap->backend->name);
    }
    limits.now = pab_case_shared(sizeof(*limits.now));
    return limits.now == NULL ? pab_skip(run, "no memory to share with a case") : PAB_PASS;
}

static void *call(enum pab_aligned kind, size_t align, size_t size)
{
    limits.now->kind = kind;
    limits.now->align = align;
    limits.now->size = size;
    limits.now->calls++;
    return pab_aligned_call(&limits.subject, kind, align, size);
}

/* Runs the body in a process of its own, for every function that there is. */
static bool run_case(int (*body)(void *arg), struct pab_case *done)
{
    char how[96];
    char what[96];
    for (int kind = 0; kind < PAB_ALIGNED_COUNT; kind++) {
        enum pab_aligned each = (enum pab_aligned)kind;
        if (!pab_aligned_exists(&limits.subject, each)) {
            continue;
        }
        limits.now->kind = each;
        pab_case_run(body, &each, CASE_MS, done);
        if (done->end == PAB_CASE_BROKE) {
            limits.has_no_process = true;
            return true;
        }
        if (done->end != PAB_CASE_RETURNED) {
            pab_case_describe(done, how, sizeof(how));
            pab_aligned_describe(each, limits.now->align, limits.now->size, what, sizeof(what));
            return pab_wrong(limits.run, "%s %s", what, how);
        }
        if (done->value != 0) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict conclude(struct pab_check_run *run, bool holds)
{
    return holds && limits.has_no_process ? pab_skip(run, "no process for a case was to be had")
                                          : pab_judge(run, holds);
}

/* 1 when the call gave a block. */
static int is_served(enum pab_aligned kind, size_t align, size_t size)
{
    return call(kind, align, size) != NULL;
}

static int overflow_body(void *arg)
{
    static const struct {
        size_t align, size;
    } table[] = {
        {(size_t)1 << 63, (size_t)1 << 63},
        {(size_t)1 << 62, ((size_t)3 << 62) + 1},
        {16, SIZE_MAX - 15},
        {4096, (size_t)0 - 4096},
        {(size_t)1 << 63, SIZE_MAX},
        {(size_t)1 << 62, (size_t)PTRDIFF_MAX + 1},
        {(size_t)1 << 32, (size_t)0 - ((size_t)1 << 32)},
        {8, SIZE_MAX},
    };
    enum pab_aligned kind = *(const enum pab_aligned *)arg;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        if (is_served(kind, table[i].align, table[i].size)) {
            return 1;
        }
    }
    for (size_t align = 8; align != 0; align *= 2) {
        /* just below and above the size at which the sum with align, or align - 1, wraps */
        const size_t below[] = {1,
                                2,
                                15,
                                16,
                                17,
                                31,
                                63,
                                64,
                                65,
                                4095,
                                4096,
                                4097,
                                align - 1,
                                align,
                                align + 1,
                                align / 2 + 1,
                                align + 4096,
                                2 * align};
        for (size_t i = 0; i < ARRAY_COUNT(below); i++) {
            size_t size = SIZE_MAX - (below[i] - 1);
            if (size > PTRDIFF_MAX && is_served(kind, align, size)) {
                return 1;
            }
        }
    }
    return 0;
}

static enum pab_verdict overflow_run(struct pab_check_run *run)
{
    struct pab_case done;
    if (begin(run) != PAB_PASS) {
        return PAB_SKIP;
    }
    bool holds = run_case(overflow_body, &done);
    if (!holds) {
        char what[96];
        pab_aligned_describe(limits.now->kind, limits.now->align, limits.now->size, what,
                             sizeof(what));
        pab_wrong(run, "%s gave a block", what);
    }
    run->ops_done = limits.now->calls;
    pab_compared(run, "%" PRIu64 " impossible requests, alignments 8 to 2^63", limits.now->calls);
    return conclude(run, holds);
}

static const size_t huge_sizes[] = {1, 8, 100, 4096, 65536, 1u << 20, 3u << 20, 16u << 20};

static void try_power(enum pab_aligned kind, unsigned power)
{
    for (size_t i = 0; i < ARRAY_COUNT(huge_sizes); i++) {
        unsigned char *block = call(kind, (size_t)1 << power, huge_sizes[i]);
        if (block != NULL) {
            limits.now->served++;
            block[0] = 1;
            block[huge_sizes[i] - 1] = 1;
            pab_subject_free(&limits.subject, block);
        }
    }
}

/* What the rounds after the first one, which fills tables and caches, leave behind: 0 or KiB. */
static int huge_body(void *arg)
{
    enum pab_aligned kind = *(const enum pab_aligned *)arg;
    size_t before = 0;
    for (uint64_t round = 0; round <= limits.rounds; round++) {
        if (round == 1) {
            before = pab_process_rss_bytes();
        }
        for (unsigned power = 3; power <= HUGE_ALIGN; power++) {
            try_power(kind, power);
        }
    }
    size_t after = pab_process_rss_bytes();
    size_t grown = after > before ? after - before : 0;
    limits.now->grown_bytes = grown > limits.now->grown_bytes ? grown : limits.now->grown_bytes;
    return grown > HUGE_SLACK ? (int)(grown >> 10) : 0;
}

static enum pab_verdict huge_run(struct pab_check_run *run)
{
    struct pab_case done = {0};
    if (begin(run) != PAB_PASS) {
        return PAB_SKIP;
    }
    pab_process_avoid_huge_pages();
    uint64_t round_calls = ARRAY_COUNT(huge_sizes) * (HUGE_ALIGN - 2);
    limits.rounds = pab_budget(run, HUGE_CALLS, 100000) / round_calls + 1;
    bool holds = run_case(huge_body, &done);
    if (!holds && done.end == PAB_CASE_RETURNED) {
        pab_wrong(run, "%" PRIu64 " rounds of %s over alignments up to 2^%u left %d KiB resident",
                  limits.rounds, pab_aligned_name(limits.now->kind), HUGE_ALIGN, done.value);
    }
    run->ops_done = limits.now->calls;
    pab_compared(run,
                 "%" PRIu64 " of %" PRIu64
                 " requests served, alignments 8 to 2^%u, sizes to 16 MiB; "
                 "%zu KiB left resident, allowed: %zu",
                 limits.now->served, limits.now->calls, HUGE_ALIGN, limits.now->grown_bytes >> 10,
                 HUGE_SLACK >> 10);
    return conclude(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "ALN-08",
        .summary = "a size and an alignment of which the sum overflows are refused",
        .source = "C23 7.24.3; glibc bugs 15855, 15857, 16038, 22343, jemalloc "
                  "test/integration/aligned_alloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_C,
        .run = overflow_run,
    },
    {
        .id = "ALN-09",
        .summary = "huge alignments succeed or fail cleanly, and leave nothing behind",
        .source = "quality; mimalloc test-api aligned tests",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_C,
        .run = huge_run,
    },
};

const struct pab_check_group pab_checks_aligned_limits = {PAB_CHECK_CONTRACT, checks,
                                                          ARRAY_COUNT(checks)};
