/* tests/conformance/allocation/impossible.c -- requests that no machine can meet: NULL, ENOMEM, and
 * no harm done.
 *
 *      0 ... addresses that a kernel gives ... PTRDIFF_MAX | PTRDIFF_MAX + 1 ......... SIZE_MAX
 *            perhaps, but never short (MAL-006)            | never (MAL-004, MAL-005)
 *
 * Python's domains are never asked for more than PTRDIFF_MAX; for them "never" is what lies right
 * below it: no x86-64 or aarch64 has 2^57 bytes of addresses for one process.
 */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <string.h>

#define EDGE_SIZES  16384u /* at either end of a range */
#define EDGE_ERRNO  512u
#define STEP        ((size_t)1 << 50)
#define STEP_ERRNO  ((size_t)1 << 54)
#define BEYOND      ((size_t)1 << 57)
#define NEAR_SIZES  101u /* PTRDIFF_MAX and the hundred below */
#define CASE_MS     20000u
#define KEPT_BLOCKS 2000u
#define KEPT_MOST   20000u
#define FAILING     10000u
#define WARMING     100u
#define MAPS_SLACK  16u

/* --- MAL-004, MAL-005 ----------------------------------------------------------------------- */

/* What was seen on the way over all impossible sizes. */
struct refusals {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t asked, granted, wrong_errno;
    size_t first_granted, first_wrong, last_wrong;
    int errno_seen;
};

/* The small block before it leaves something behind that a size which wraps around would find. */
static void ask(struct refusals *refusals, size_t size)
{
    pab_subject_free(&refusals->subject, pab_subject_malloc(&refusals->subject, 16));
    errno = PAB_ERRNO_SENTINEL;
    void *block = pab_subject_malloc(&refusals->subject, size);
    int after = errno;
    refusals->asked++;
    if (block != NULL) { /* not freed: it is nothing that this could be tried with */
        refusals->first_granted = refusals->granted++ == 0 ? size : refusals->first_granted;
    } else if (after != ENOMEM) {
        if (refusals->wrong_errno++ == 0) {
            refusals->first_wrong = size;
            refusals->errno_seen = after;
        }
        refusals->last_wrong = size;
    }
}

static void ask_impossible(struct refusals *refusals, struct pab_check_run *run, size_t edge,
                           size_t step)
{
    memset(refusals, 0, sizeof(*refusals));
    refusals->run = run;
    pab_subject_init(&refusals->subject, run->heap);
    bool is_c = refusals->subject.is_c;
    size_t low = is_c ? (size_t)PTRDIFF_MAX + 1 : BEYOND;
    size_t high = is_c ? SIZE_MAX : PTRDIFF_MAX;
    for (size_t i = 0; i < edge; i++) {
        ask(refusals, high - i);
    }
    for (size_t i = 0; i < edge; i++) {
        ask(refusals, low + i);
    }
    for (size_t size = low; high - size > step; size += step) {
        ask(refusals, size);
    }
    run->ops_done = refusals->asked;
    pab_compared(run, "%" PRIu64 " sizes from %#zx to %#zx, each after a small block came and went",
                 refusals->asked, low, high);
}

static enum pab_verdict refused_run(struct pab_check_run *run)
{
    struct refusals refusals;
    ask_impossible(&refusals, run, EDGE_SIZES, STEP);
    if (refusals.granted > 0) {
        pab_wrong(run, "malloc(%zu) gave a block, as did %" PRIu64 " of %" PRIu64 " such requests",
                  refusals.first_granted, refusals.granted, refusals.asked);
    }
    return pab_judge(run, refusals.granted == 0);
}

static enum pab_verdict enomem_run(struct pab_check_run *run)
{
    struct refusals refusals;
    ask_impossible(&refusals, run, EDGE_ERRNO, STEP_ERRNO);
    for (size_t i = 0; i < NEAR_SIZES; i++) {
        ask(&refusals, (size_t)PTRDIFF_MAX - i);
    }
    run->ops_done = refusals.asked;
    if (refusals.wrong_errno > 0) {
        char what[64] = "as it was";
        if (refusals.errno_seen != PAB_ERRNO_SENTINEL) {
            snprintf(what, sizeof(what), "at %d", refusals.errno_seen);
        }
        pab_wrong(run,
                  "malloc(%zu) gave NULL and left errno %s, not ENOMEM; so did %" PRIu64
                  " of %" PRIu64 " sizes, at last %zu",
                  refusals.first_wrong, what, refusals.wrong_errno, refusals.asked,
                  refusals.last_wrong);
    }
    return pab_judge(run, refusals.wrong_errno == 0);
}

/* --- MAL-006 -------------------------------------------------------------------------------- */

/* Shared with the case: how far it was. */
struct near_limit {
    const struct pab_subject *subject;
    volatile size_t size;
    volatile uint64_t asked, granted;
};

static void touch_ends(struct near_limit *near, size_t size)
{
    near->size = size;
    near->asked++;
    volatile unsigned char *block = pab_subject_malloc(near->subject, size);
    if (block != NULL) {
        near->granted++;
        block[0] = 1;
        block[size - 1] = 1;
        pab_subject_free(near->subject, (void *)block);
    }
}

static int near_limit_case(void *arg)
{
    struct near_limit *near = arg;
    for (size_t i = 0; i < NEAR_SIZES; i++) {
        touch_ends(near, (size_t)PTRDIFF_MAX - i);
    }
    for (unsigned power = 47; power <= 62; power++) {
        touch_ends(near, (size_t)1 << power);
        touch_ends(near, ((size_t)1 << power) - 1);
        touch_ends(near, ((size_t)1 << power) + 1);
    }
    return 0;
}

static enum pab_verdict never_short_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct near_limit *near = pab_case_shared(sizeof(*near));
    struct pab_case done;
    char how[128];
    if (near == NULL) {
        return pab_skip(run, "no memory to share with a case");
    }
    pab_subject_init(&subject, run->heap);
    near->subject = &subject;
    pab_case_run(near_limit_case, near, CASE_MS, &done);
    run->ops_done = near->asked;
    pab_compared(run, "%" PRIu64 " sizes from 2^47 to PTRDIFF_MAX; %" PRIu64 " granted",
                 near->asked, near->granted);
    if (done.end == PAB_CASE_BROKE) {
        return pab_skip(run, "no process for a case was to be had");
    }
    if (done.end != PAB_CASE_RETURNED) {
        pab_case_describe(&done, how, sizeof(how));
        pab_wrong(run, "it %s over the first and last byte of malloc(%zu)", how, near->size);
    }
    return pab_judge(run, done.end == PAB_CASE_RETURNED);
}

/* --- MAL-017 -------------------------------------------------------------------------------- */

/* One request that must fail; false when it gave a block. */
static bool fail_once(struct pab_blocks *blocks, const struct pab_block *kept, uint64_t turn)
{
    const struct pab_subject *subject = blocks->subject;
    size_t size = (size_t)PTRDIFF_MAX - (turn & 0xfff) * 8;
    void *given = NULL;
    const char *call = "malloc";
    switch (turn % 4) {
    case 0:
        given = pab_subject_malloc(subject, size);
        break;
    case 1:
        call = "calloc";
        given = pab_subject_calloc(subject, size / 8, 8);
        break;
    case 2:
        call = "realloc";
        given = pab_subject_realloc(subject, kept->at, size);
        break;
    default: /* through C's functions what cannot even be padded, too */
        size = subject->is_c ? SIZE_MAX - (turn & 0xfff) : BEYOND + turn;
        given = pab_subject_malloc(subject, size);
        break;
    }
    blocks->run->ops_done++;
    return given == NULL || pab_wrong(blocks->run, "%s gave a block of %zu bytes", call, size);
}

static bool fail_often(struct pab_blocks *blocks, const struct pab_block *kept, uint64_t count)
{
    for (uint64_t turn = 0; turn < count; turn++) {
        if (!fail_once(blocks, &kept[turn % KEPT_BLOCKS], turn)) {
            return false;
        }
    }
    return true;
}

static bool is_flat(struct pab_check_run *run, size_t rss_before, size_t maps_before)
{
    size_t rss = pab_process_rss_bytes();
    size_t maps = pab_process_mappings();
    size_t grown = rss > rss_before ? rss - rss_before : 0;
    pab_compared(run,
                 "%" PRIu64 " failing calls; resident memory grew by %zu KiB, mappings %zu -> "
                 "%zu",
                 run->ops_done, grown >> 10, maps_before, maps);
    if (grown > pab_process_rss_slack()) {
        return pab_wrong(run, "resident memory grew by %zu KiB over %" PRIu64 " calls that failed",
                         grown >> 10, run->ops_done);
    }
    return maps <= maps_before + MAPS_SLACK ||
           pab_wrong(run, "%zu mappings became %zu over %" PRIu64 " calls that failed", maps_before,
                     maps, run->ops_done);
}

static bool failures_leave_all(struct pab_check_run *run, struct pab_blocks *blocks)
{
    static struct pab_block kept[KEPT_BLOCKS];
    struct pab_block after = {0};
    struct pab_rng rng;
    pab_rng_seed(&rng, run->seed);
    blocks->table = kept;
    blocks->count = KEPT_BLOCKS;
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (!pab_block_take(blocks, &kept[i], pab_sizes_draw(&rng, KEPT_MOST))) {
            return false;
        }
    }
    if (!fail_often(blocks, kept, WARMING)) { /* what the first failure sets up is no leak */
        return false;
    }
    size_t maps = pab_process_mappings();
    size_t rss = pab_process_rss_bytes();
    run->ops_done = 0;
    return fail_often(blocks, kept, pab_budget(run, FAILING, 0)) && is_flat(run, rss, maps) &&
           pab_blocks_hold(blocks, kept, KEPT_BLOCKS, "after requests that failed") &&
           pab_block_take(blocks, &after, KEPT_MOST) &&
           pab_block_drop(blocks, &after, "in a block made after requests that failed") &&
           pab_blocks_drop(blocks, kept, KEPT_BLOCKS, "at free, after requests that failed");
}

static enum pab_verdict no_harm_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_blocks blocks;
    pab_process_avoid_huge_pages();
    pab_subject_init(&subject, run->heap);
    pab_blocks_init(&blocks, run, &subject);
    return pab_judge(run, failures_leave_all(run, &blocks));
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-004",
        .summary = "sizes over PTRDIFF_MAX are refused, also right after a small block was freed",
        .source = "C23 7.24.3p1, POSIX.1-2024 malloc; glibc tst-malloc-too-large (bug 22375); over "
                  "PTRDIFF_MAX by our rule: no address space is that large",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = refused_run,
    },
    {
        .id = "MAL-005",
        .summary = "a request that cannot be met sets errno to ENOMEM",
        .source = "POSIX.1-2024 malloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C,
        .run = enomem_run,
    },
    {
        .id = "MAL-006",
        .summary = "sizes up to PTRDIFF_MAX are met in full or refused, never cut short",
        .source = "C23 7.24.3.6; gperftools and TCMalloc EnormousAllocations",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = never_short_run,
    },
    {
        .id = "MAL-017",
        .summary = "a request that fails changes no block, leaks nothing, and malloc goes on",
        .source = "POSIX.1-2024 malloc, realloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .flags = PAB_CHECK_ALONE,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = no_harm_run,
    },
};

const struct pab_check_group pab_checks_impossible = {PAB_CHECK_CONTRACT, checks,
                                                      ARRAY_COUNT(checks)};
