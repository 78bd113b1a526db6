/* tests/conformance/aligned/sized_free.c -- free_sized and free_aligned_sized: the right sizes are
 * accepted; what a wrong one does is a description. */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/sizes.h"

#include <signal.h>

#define CLASS_MOST (1u << 20)
#define TOGETHER   4u /* blocks of one size at once */
#define CASE_MS    5000u
#define AFTERWARDS 512u

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes sizes;
} sized;

static bool begin(struct pab_check_run *run)
{
    sized.run = run;
    pab_subject_init(&sized.subject, run->heap);
    pab_blocks_init(&sized.blocks, run, &sized.subject);
    pab_sizes_classes(&sized.sizes, &sized.subject, CLASS_MOST);
    return sized.subject.free_sized != NULL || sized.subject.free_aligned_sized != NULL;
}

/* Blocks of malloc, calloc and realloc by turns, all given back with what was asked for. */
static bool try_sized(size_t size)
{
    struct pab_block made[TOGETHER] = {{0}};
    bool holds = pab_block_take(&sized.blocks, &made[0], size) &&
                 pab_block_take_zeroed(&sized.blocks, &made[1], 1, size) &&
                 pab_block_take(&sized.blocks, &made[2], size / 2 + 1) &&
                 pab_block_resize(&sized.blocks, &made[2], size) &&
                 pab_block_take(&sized.blocks, &made[3], size);
    for (size_t i = 0; holds && i < TOGETHER; i++) {
        holds = pab_block_holds(&sized.blocks, &made[i], 0, made[i].usable, "before free_sized");
        if (holds) {
            sized.subject.free_sized(made[i].at, size);
            sized.blocks.calls++;
            made[i].at = NULL;
        }
    }
    return holds;
}

static bool try_aligned_sized(size_t align, size_t size)
{
    struct pab_block made[TOGETHER] = {{0}};
    for (size_t i = 0; i < TOGETHER; i++) {
        void *at = pab_aligned_take(&sized.subject, PAB_ALIGNED_ALLOC, align, size);
        if (at != NULL) {
            pab_block_adopt(&sized.blocks, &made[i], at, size);
        }
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        if (made[i].at != NULL && !pab_block_holds(&sized.blocks, &made[i], 0, made[i].usable,
                                                   "before free_aligned_sized")) {
            return false;
        }
        sized.subject.free_aligned_sized(made[i].at, align, size);
        sized.blocks.calls++;
    }
    return true;
}

/* All classes on their edges and beside them; blocks made later show what went to a wrong one. */
static bool try_all(void)
{
    static struct pab_block later[PAB_SIZES_MAX];
    bool has_aligned =
        sized.subject.free_aligned_sized != NULL && sized.subject.aligned_alloc != NULL;
    size_t count = sized.sizes.count;
    for (size_t i = 0; i < count; i++) {
        size_t edge = sized.sizes.at[i];
        size_t align = (size_t)8 << (i % 10);
        size_t whole = (edge + align - 1) / align * align;
        if (sized.subject.free_sized != NULL &&
            !(try_sized(edge) && try_sized(edge + 1) && (edge < 2 || try_sized(edge - 1)))) {
            return false;
        }
        if ((has_aligned && !try_aligned_sized(align, whole)) ||
            !pab_block_take(&sized.blocks, &later[i], edge)) {
            return false;
        }
    }
    return pab_blocks_drop(&sized.blocks, later, count, "in a block made after sized frees");
}

static enum pab_verdict exact_run(struct pab_check_run *run)
{
    if (!begin(run)) {
        return pab_skip(run, "%s exports neither free_sized nor free_aligned_sized",
                        run->heap->backend->name);
    }
    bool holds = try_all();
    if (sized.subject.free_sized != NULL) {
        sized.subject.free_sized(NULL, 0);
        sized.subject.free_sized(NULL, SIZE_MAX);
        sized.subject.free_sized(NULL, 48);
    }
    if (sized.subject.free_aligned_sized != NULL) {
        sized.subject.free_aligned_sized(NULL, 0, 0);
        sized.subject.free_aligned_sized(NULL, 64, SIZE_MAX);
    }
    run->ops_done = sized.blocks.calls;
    pab_compared(run, "%zu size classes; by%s%s; NULL with any sizes", sized.sizes.count,
                 sized.subject.free_sized != NULL ? " free_sized" : "",
                 sized.subject.free_aligned_sized != NULL ? " free_aligned_sized" : "");
    return pab_judge(run, holds);
}

struct mismatch {
    const char *name;
    size_t asked, said;
};

/* What follows a wrong size: 1 when two blocks that live later share memory. */
static int mismatch_body(void *arg)
{
    static struct pab_block later[AFTERWARDS];
    const struct mismatch *wrong = arg;
    void *block = pab_subject_malloc(&sized.subject, wrong->asked);
    sized.subject.free_sized(block, wrong->said);
    for (size_t i = 0; i < AFTERWARDS; i++) {
        if (!pab_block_take(&sized.blocks, &later[i], i % 2 == 0 ? wrong->asked : wrong->said)) {
            return 1;
        }
    }
    return pab_blocks_hold(&sized.blocks, later, AFTERWARDS, "") ? 0 : 1;
}

static const char *outcome(const struct pab_case *done)
{
    switch (done->end) {
    case PAB_CASE_RETURNED:
        return done->value == 0 ? "-" : "ALIAS";
    case PAB_CASE_DIED:
        return done->signal == SIGABRT && done->text[0] != '\0' ? "DIAG" : "TRAP";
    case PAB_CASE_HUNG:
        return "HANG";
    default:
        return "EXIT";
    }
}

static enum pab_verdict mismatch_run(struct pab_check_run *run)
{
    static const struct mismatch table[] = {
        {"+1", 100, 101}, {"-1", 100, 99},        {"x2", 100, 200},
        {"/2", 100, 50},  {"huge", 100, 1 << 20},
    };
    size_t used = 0;
    if (!begin(run)) {
        return PAB_SKIP;
    }
    for (size_t i = 0; i < ARRAY_COUNT(table) && used < sizeof(run->answer); i++) {
        struct pab_case done;
        struct mismatch wrong = table[i];
        pab_case_run(mismatch_body, &wrong, CASE_MS, &done);
        used += (size_t)snprintf(run->answer + used, sizeof(run->answer) - used, "%s%s %s",
                                 i == 0 ? "" : ", ", table[i].name, outcome(&done));
    }
    run->ops_done = ARRAY_COUNT(table);
    pab_compared(run,
                 "100 bytes freed with another size; -: nothing was seen, and %u blocks made "
                 "later are disjoint; ALIAS: two of them share memory; DIAG: it stopped and said "
                 "why; TRAP: it was stopped",
                 AFTERWARDS);
    return PAB_INFO;
}

static const struct pab_check checks[] = {
    {
        .id = "ALN-12",
        .summary =
            "free_sized and free_aligned_sized take blocks with the sizes they were asked for "
            "with, and NULL with any",
        .source = "C23 7.24.3.4, 7.24.3.5; glibc malloc/tst-free-sized",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_C,
        .run = exact_run,
    },
    {
        .id = "ALN-13",
        .summary = "what a sized free with a wrong size does",
        .source = "C23 7.24.3.4: undefined; scudo, TCMalloc and hardened_malloc detect it",
        .class = PAB_CLASS_HARDENING,
        .severity = PAB_SEVERITY_QUALITY,
        .uses = PAB_USES_C | PAB_USES_FREE_SIZED,
        .run = mismatch_run,
    },
};

const struct pab_check_group pab_checks_sized_free = {PAB_CHECK_CONTRACT, checks,
                                                      ARRAY_COUNT(checks)};
