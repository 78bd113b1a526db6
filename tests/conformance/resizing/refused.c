/* tests/conformance/resizing/refused.c -- a realloc that fails: NULL, ENOMEM, and the block as it was.
 *
 * That the block is still there shows twice: its bytes hold, and none of many blocks of its size
 * that are made then takes its place.
 */
#include "allocators/oscalls.h"
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/sizes.h"

#include <inttypes.h>
#include <string.h>

#define SUCCESSORS  128u    /* made after a refusal: one would get the block, were it free */
#define SPACE_BYTES 131072u /* that they take at most */
#define CLASS_MOST  32768u
#define CLASSES     24u /* by default; --ops asks for more */

enum watched { WATCH_CONTENT, WATCH_ERRNO };

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_blocks blocks;
    struct pab_sizes sizes;
    enum watched watched;
    uint64_t refused, served;
    bool is_errno_kept; /* REA-013: by all refusals so far */
} trial;

static void begin(struct pab_check_run *run, enum watched watched)
{
    memset(&trial, 0, sizeof(trial));
    trial.run = run;
    trial.watched = watched;
    pab_subject_init(&trial.subject, run->heap);
    pab_blocks_init(&trial.blocks, run, &trial.subject);
}

/* Impossible sizes: a wrapper of Python's domains passes on none above the first. */
static const size_t impossible[] = {
    PTRDIFF_MAX,      (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 4096,
    SIZE_MAX - 65536, SIZE_MAX - 4096,         SIZE_MAX - 64,
    SIZE_MAX - 16,    SIZE_MAX - 15,           SIZE_MAX - 1,
    SIZE_MAX,
};

static bool successors_leave_it(const struct pab_block *block)
{
    static struct pab_block made[SUCCESSORS];
    size_t size = block->asked;
    size_t room = SPACE_BYTES / (size + 1) + 1;
    size_t count = room < SUCCESSORS ? room : SUCCESSORS;
    for (size_t i = 0; i < count; i++) {
        if (!pab_block_take(&trial.blocks, &made[i], size)) {
            return false;
        }
    }
    return pab_block_holds(&trial.blocks, block, 0, block->usable,
                           "after blocks of its size had been made, behind a refused realloc") &&
           pab_blocks_drop(&trial.blocks, made, count, "behind a refused realloc");
}

static bool is_errno_right(int code, size_t from, size_t to, const char *why)
{
    return code == ENOMEM ||
           pab_wrong(trial.run, "realloc from %zu to %zu bytes (%s) gave NULL and errno %s", from,
                     to, why, code == PAB_ERRNO_SENTINEL ? "unset" : strerrorname_np(code));
}

static bool refuse(const struct pab_block *block, size_t size)
{
    errno = PAB_ERRNO_SENTINEL;
    void *got = pab_subject_realloc(&trial.subject, block->at, size);
    int code = errno;
    trial.blocks.calls++;
    if (got != NULL) {
        return pab_wrong(trial.run, "realloc from %zu to %zu bytes gave %p", block->asked, size,
                         got);
    }
    trial.refused++;
    if (trial.watched == WATCH_ERRNO) {
        return is_errno_right(code, block->asked, size, "too large");
    }
    return pab_block_holds(&trial.blocks, block, 0, block->usable, "after a refused realloc");
}

static bool try_size(size_t size)
{
    struct pab_block before = {0};
    struct pab_block block = {0};
    struct pab_block after = {0};
    bool holds = pab_block_take(&trial.blocks, &before, size) &&
                 pab_block_take(&trial.blocks, &block, size) &&
                 pab_block_take(&trial.blocks, &after, size);
    for (size_t i = 0; holds && i < ARRAY_COUNT(impossible); i++) {
        holds = refuse(&block, impossible[i]);
    }
    return holds && (trial.watched == WATCH_ERRNO || successors_leave_it(&block)) &&
           pab_block_drop(&trial.blocks, &before, "after its neighbour's realloc was refused") &&
           pab_block_drop(&trial.blocks, &after, "after its neighbour's realloc was refused") &&
           pab_block_drop(&trial.blocks, &block, "after a refused realloc");
}

static bool try_sizes(void)
{
    static const size_t large[] = {70000, 300000, 4u << 20};
    size_t most = (size_t)pab_budget(trial.run, CLASSES, 0);
    pab_sizes_classes(&trial.sizes, &trial.subject, CLASS_MOST);
    size_t count = trial.sizes.count;
    size_t taken = count < most ? count : most;
    for (size_t i = 0; i < taken; i++) {
        if (!try_size(trial.sizes.at[(i + 1) * count / taken - 1])) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(large); i++) {
        if (!try_size(large[i])) {
            return false;
        }
    }
    return true;
}

/* While the kernel gives nothing: what is refused keeps the block, what is served its bytes. */
static bool try_without_memory(size_t from, size_t to)
{
    static const struct pab_oscalls_plan nothing = {.calls = PAB_OSCALL_MMAP | PAB_OSCALL_MREMAP |
                                                             PAB_OSCALL_MPROTECT | PAB_OSCALL_BRK,
                                                    .first = 1};
    struct pab_oscalls_seen seen;
    struct pab_block block = {0};
    if (!pab_block_take(&trial.blocks, &block, from)) {
        return false;
    }
    pab_oscalls_fail(&nothing);
    errno = PAB_ERRNO_SENTINEL;
    void *got = pab_subject_realloc(&trial.subject, block.at, to);
    int code = errno;
    pab_oscalls_stop(&seen);
    trial.blocks.calls++;
    if (got != NULL) {
        trial.served++;
        block.at = got;
        block.usable = from < to ? from : to;
    } else {
        trial.refused++;
    }
    if (trial.watched == WATCH_ERRNO && got == NULL &&
        !is_errno_right(code, from, to, "no memory from the kernel")) {
        return false;
    }
    return pab_block_holds(&trial.blocks, &block, 0, block.usable,
                           got == NULL ? "after a realloc that the kernel refused memory"
                                       : "after a realloc served without memory of the kernel") &&
           (got != NULL || successors_leave_it(&block)) &&
           pab_block_resize(&trial.blocks, &block, from + 1000) &&
           pab_block_drop(&trial.blocks, &block, "after a second realloc");
}

static bool try_without_any_memory(char *note, size_t size)
{
    static const size_t sizes[] = {16,    48,     200,    512,    1024,    3000,   5000,
                                   20000, 100000, 200000, 400000, 1000000, 5000000};
    static const size_t targets[] = {8u << 20, 64u << 20, (size_t)1 << 30};
    uint64_t refused = trial.refused;
    char why[128];
    if ((trial.run->heap->backend->caps & PAB_CAP_FAKE) != 0) {
        return true; /* a floor asks the kernel for nothing after its start */
    }
    if (!pab_oscalls_install(why, sizeof(why))) {
        snprintf(note, size, "; no failing kernel: %s", why);
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(targets); j++) {
            if (!try_without_memory(sizes[i], targets[j])) {
                return false;
            }
        }
    }
    snprintf(note, size, "; while the kernel gave nothing %" PRIu64 " refused, %" PRIu64 " served",
             trial.refused - refused, trial.served);
    return true;
}

static enum pab_verdict refused_run(struct pab_check_run *run, enum watched watched)
{
    char note[256] = "";
    begin(run, watched);
    bool holds = try_sizes();
    uint64_t refused = trial.refused;
    holds = holds && try_without_any_memory(note, sizeof(note));
    run->ops_done = trial.blocks.calls;
    pab_compared(run, "%" PRIu64 " requests of PTRDIFF_MAX bytes and more refused%s", refused,
                 note);
    return pab_judge(run, holds);
}

static enum pab_verdict content_run(struct pab_check_run *run)
{
    return refused_run(run, WATCH_CONTENT);
}

static enum pab_verdict errno_run(struct pab_check_run *run)
{
    return refused_run(run, WATCH_ERRNO);
}

/* Count and size of which the product is above SIZE_MAX; what is left of it after wrapping. */
static const struct {
    size_t count, size;
} products[] = {
    {(size_t)1 << 63, 2},                     /* 0 */
    {(size_t)1 << 32, (size_t)1 << 32},       /* 0 */
    {((size_t)1 << 63) + 4, 2},               /* 8 */
    {((size_t)1 << 61) + 1, 8},               /* 8 */
    {((size_t)1 << 52) + 1, 4096},            /* 4096 */
    {((size_t)1 << 63) + 2048, 2},            /* 4096 */
    {SIZE_MAX, SIZE_MAX},                     /* 1 */
    {((size_t)1 << 32) + 1, (size_t)1 << 32}, /* 4 GiB */
    {SIZE_MAX / 16 + 1, 16},                  /* 0 */
    {SIZE_MAX / 48 + 1, 48},                  /* 32 */
};

static bool refuse_product(const struct pab_block *block, size_t count, size_t size)
{
    void *old = block->at;
    errno = PAB_ERRNO_SENTINEL;
    void *got = trial.subject.reallocarray(old, count, size);
    int code = errno;
    trial.blocks.calls++;
    if (got != NULL) {
        return pab_wrong(trial.run, "reallocarray(%s, %zu, %zu) gave %p: the product wraps to %zu",
                         old == NULL ? "NULL" : "p", count, size, got, count * size);
    }
    if (code != ENOMEM && trial.is_errno_kept) {
        trial.is_errno_kept = false;
        pab_detail(trial.run, "reallocarray(p, %zu, %zu) gave NULL and errno %s", count, size,
                   code == PAB_ERRNO_SENTINEL ? "unset" : strerrorname_np(code));
    }
    return old == NULL ||
           pab_block_holds(&trial.blocks, block, 0, block->usable, "after a refused reallocarray");
}

static bool try_products(size_t size)
{
    static const struct pab_block none = {0};
    struct pab_block block = {0};
    bool holds = pab_block_take(&trial.blocks, &block, size);
    for (size_t i = 0; holds && i < ARRAY_COUNT(products); i++) {
        holds = refuse_product(&block, products[i].count, products[i].size) &&
                refuse_product(&block, products[i].size, products[i].count) &&
                refuse_product(&none, products[i].count, products[i].size) &&
                refuse_product(&none, products[i].size, products[i].count);
    }
    holds = holds && successors_leave_it(&block);
    void *got = holds ? trial.subject.reallocarray(block.at, 3, size) : NULL;
    if (!holds || got == NULL) {
        return holds && pab_wrong(trial.run, "reallocarray(p, 3, %zu) gave NULL", size);
    }
    block.at = got;
    block.usable = size;
    return pab_block_drop(&trial.blocks, &block, "after reallocarray to three times its size");
}

static enum pab_verdict product_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {8, 16, 100, 512, 4096, 100000, 300000};
    begin(run, WATCH_CONTENT);
    trial.is_errno_kept = true;
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        holds = try_products(sizes[i]);
    }
    run->ops_done = trial.blocks.calls;
    pab_compared(run, "%zu products, both orders, of NULL and of %zu blocks", ARRAY_COUNT(products),
                 ARRAY_COUNT(sizes));
    if (holds &&
        !trial.is_errno_kept) { /* the result is right: an error code alone is no failure */
        pab_wrong(run, "refused, but errno is not ENOMEM");
        return PAB_DEVIATION;
    }
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "REA-006",
        .summary = "a realloc that fails leaves the block valid, in place and unchanged",
        .source = "C23 7.24.3.7, POSIX.1-2024 realloc; glibc malloc/tst-realloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_REALLOC,
        .run = content_run,
    },
    {
        .id = "REA-007",
        .summary = "a realloc that fails sets errno to ENOMEM",
        .source = "POSIX.1-2024 realloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C | PAB_USES_REALLOC,
        .run = errno_run,
    },
    {
        .id = "REA-013",
        .summary =
            "reallocarray refuses a product that overflows, whatever it wraps to, and leaves "
            "the block",
        .source = "POSIX.1-2024 reallocarray; bionic malloc_test, snmalloc reallocarr",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C | PAB_USES_REALLOCARRAY,
        .run = product_run,
    },
};

const struct pab_check_group pab_checks_refused = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
