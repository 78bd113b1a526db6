/* tests/conformance/domains/debug_bytes.c -- the debug hooks, put on the heap under test: what they
 * write into blocks and around them, and that they write nothing into memory given up.
 *
 * Blocks are looked at from below, by a recorder under the hooks, before they are freed or resized:
 * nothing is read that has been freed.
 */
#include "allocators/decorate/debug.h"
#include "allocators/os_pages.h"
#include "tests/conformance/domains/recorder.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"

#include <inttypes.h>
#include <string.h>

/* From 3.8 on; Objects/obmalloc.c: CLEANBYTE, DEADBYTE, FORBIDDENBYTE. */
enum { CLEAN = 0xcd, DEAD = 0xdd, FORBIDDEN = 0xfd };
enum { HEAD = 16, TAIL = 8, ERASED = 64 };

static const unsigned char letters[PAB_DOMAIN_COUNT] = {'r', 'm', 'o'};

struct bytes_test {
    struct pab_check_run *run;
    const struct pab_alloc *table; /* the hooks' */
    enum pab_domain domain;
    size_t dead_bytes; /* that a block must show when it is freed, from its head on */
    bool is_resized;   /* it is going to be: both ends must be dead */
    bool holds;
};

static bool all_are(const unsigned char *at, size_t count, unsigned char byte)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] != byte) {
            return false;
        }
    }
    return true;
}

/* --- what a live block looks like ------------------------------------------------------------- */

static bool expect_pads(const struct bytes_test *test, const unsigned char *p, size_t size,
                        const char *after)
{
    test->run->ops_done++;
    uint64_t stored = 0;
    for (int i = 0; i < 8; i++) {
        stored = stored << 8 | p[i - HEAD];
    }
    const char *what = stored != size                                ? "the size, big-endian"
                       : p[-8] != letters[test->domain]              ? "the domain's letter"
                       : !all_are(p - 7, 7, FORBIDDEN)               ? "the 7 bytes before it"
                       : !all_are(p + size, (size_t)TAIL, FORBIDDEN) ? "the 8 bytes behind it"
                                                                     : NULL;
    return what == NULL ||
           pab_wrong(test->run, "after %s, a block of %zu bytes of domain %c: %s is wrong", after,
                     size, letters[test->domain], what);
}

static bool expect_bytes(const struct bytes_test *test, const unsigned char *at, size_t count,
                         unsigned char byte, const char *what)
{
    return all_are(at, count, byte) ||
           pab_wrong(test->run, "%s of domain %c: not all bytes are 0x%02x", what,
                     letters[test->domain], byte);
}

/* Called by the recorder with the block as the layer below knows it. */
static void look_below(void *arg, const unsigned char *base)
{
    struct bytes_test *test = arg;
    size_t dead = test->dead_bytes;
    if (!test->is_resized) {
        test->holds = test->holds && expect_bytes(test, base, dead, DEAD, "a block when freed");
        return;
    }
    size_t whole = HEAD + 2 * (size_t)ERASED + TAIL;
    if (dead <= whole) {
        test->holds =
            test->holds && expect_bytes(test, base, dead, DEAD, "a short block when resized");
        return;
    }
    test->holds =
        test->holds &&
        expect_bytes(test, base, HEAD + (size_t)ERASED, DEAD, "the start of a resized block") &&
        expect_bytes(test, base + dead - TAIL - ERASED, (size_t)ERASED + TAIL, DEAD,
                     "the end of a resized block");
}

/* --- one block through its life --------------------------------------------------------------- */

static unsigned char mark(size_t i)
{
    return (unsigned char)(i * 37 + 11);
}

static bool expect_marks(const struct bytes_test *test, const unsigned char *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (p[i] != mark(i)) {
            return pab_wrong(test->run, "realloc lost byte %zu of a block of domain %c", i,
                             letters[test->domain]);
        }
    }
    return true;
}

/* Resizes a block full of marks from `size` to `other` bytes. */
static unsigned char *resize(struct bytes_test *test, unsigned char *p, size_t size, size_t other)
{
    for (size_t i = 0; i < size; i++) {
        p[i] = mark(i);
    }
    test->is_resized = true;
    test->dead_bytes = HEAD + size + TAIL;
    unsigned char *moved = test->table->realloc(test->table->ctx, p, other);
    test->is_resized = false;
    if (moved == NULL) {
        test->holds = pab_wrong(test->run, "realloc to %zu bytes gave NULL", other);
        return p;
    }
    size_t kept = size < other ? size : other;
    test->holds = test->holds && expect_pads(test, moved, other, "realloc") &&
                  expect_marks(test, moved, kept) &&
                  expect_bytes(test, moved + kept, other - kept, CLEAN, "what realloc added");
    return moved;
}

static void live_and_die(struct bytes_test *test, size_t size)
{
    static const size_t others[] = {0, 1, 60, 130, 400, 700};
    const struct pab_alloc *table = test->table;
    unsigned char *p = table->calloc(table->ctx, 1, size);
    unsigned char *q = table->malloc(table->ctx, size);
    if (p == NULL || q == NULL) {
        test->holds = pab_wrong(test->run, "%zu bytes could not be had", size);
        return;
    }
    test->holds = expect_pads(test, p, size, "calloc") &&
                  expect_bytes(test, p, size, 0, "a block of calloc") &&
                  expect_pads(test, q, size, "malloc") &&
                  expect_bytes(test, q, size, CLEAN, "a block of malloc");
    size_t now = size;
    for (size_t i = 0; test->holds && i < ARRAY_COUNT(others); i++) {
        q = resize(test, q, now, others[i]);
        now = others[i];
    }
    test->dead_bytes = HEAD + now + TAIL;
    table->free(table->ctx, q);
    test->dead_bytes = HEAD + size + TAIL;
    table->free(table->ctx, p);
}

static enum pab_verdict bytes_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {0, 1, 3, 8, 40, 127, 128, 129, 488, 489, 512, 2000, 70000};
    static struct pab_recorder recorder;
    static struct pab_debug debug;
    pab_recorder_attach(&recorder, run->heap);
    pab_debug_attach(&debug, run->heap, pab_debug_style_of(NULL));
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        struct bytes_test test = {.run = run, .domain = (enum pab_domain)domain, .holds = true};
        test.table = &run->heap->domain[domain];
        recorder.look = look_below;
        recorder.arg = &test;
        for (size_t i = 0; test.holds && i < ARRAY_COUNT(sizes); i++) {
            live_and_die(&test, sizes[i]);
        }
        holds = test.holds;
    }
    recorder.look = NULL;
    pab_debug_detach(&debug);
    pab_recorder_detach(&recorder);
    pab_compared(run, "%" PRIu64 " blocks of 0 to 70,000 bytes, fresh, resized and before release",
                 run->ops_done);
    return pab_judge(run, holds);
}

/* --- PYM-16: memory given up ------------------------------------------------------------------ */

/* Every block has pages of its own; realloc always moves, and the old pages are gone at once. */
struct pages_head {
    size_t size;
};

static size_t pages_bytes(size_t size)
{
    size_t page = pab_pages_size();
    return (sizeof(struct pages_head) + 8 + size + page - 1) / page * page;
}

static void *pages_malloc(void *ctx, size_t size)
{
    (void)ctx;
    struct pages_head *head = pab_pages_map(pages_bytes(size));
    if (head == NULL) {
        return NULL;
    }
    head->size = size;
    return (unsigned char *)head + 16;
}

static void *pages_calloc(void *ctx, size_t count, size_t size)
{
    return pages_malloc(ctx, count * size);
}

static void pages_free(void *ctx, void *ptr)
{
    (void)ctx;
    if (ptr != NULL) {
        struct pages_head *head = (struct pages_head *)((unsigned char *)ptr - 16);
        pab_pages_release(head, pages_bytes(head->size));
    }
}

static void *pages_realloc(void *ctx, void *ptr, size_t size)
{
    void *moved = pages_malloc(ctx, size);
    if (moved != NULL && ptr != NULL) {
        size_t old = ((struct pages_head *)((unsigned char *)ptr - 16))->size;
        memcpy(moved, ptr, old < size ? old : size);
        pages_free(ctx, ptr);
    }
    return moved;
}

static const size_t moves[] = {5000, 100, 128, 129, 4096, 1, 0, 200, 70000, 64, 300000, 127};

/* Blocks are resized through the hooks over tables whose old blocks cannot be touched any more. */
static int released_case(void *arg)
{
    const struct pab_alloc pages = {.malloc = pages_malloc,
                                    .calloc = pages_calloc,
                                    .realloc = pages_realloc,
                                    .free = pages_free};
    static struct pab_heap heap;
    static struct pab_debug debug;
    size_t *done = arg;
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        heap.domain[domain] = pages;
    }
    pab_debug_attach(&debug, &heap, pab_debug_style_of(NULL));
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_alloc *table = &heap.domain[domain];
        size_t now = moves[0];
        unsigned char *p = table->malloc(table->ctx, now);
        for (size_t i = 1; i < ARRAY_COUNT(moves); i++) {
            memset(p, (int)i, now);
            p = table->realloc(table->ctx, p, moves[i]);
            size_t kept = now < moves[i] ? now : moves[i];
            if (p == NULL || !all_are(p, kept, (unsigned char)i)) {
                return 1;
            }
            now = moves[i];
            ++*done;
        }
        table->free(table->ctx, p);
    }
    return 0;
}

static enum pab_verdict released_run(struct pab_check_run *run)
{
    size_t *moved = pab_case_shared(sizeof(*moved));
    struct pab_case done;
    PAB_CHECK(moved != NULL);
    pab_case_run(released_case, moved, 10000, &done);
    run->ops_done = *moved;
    bool holds = done.end == PAB_CASE_RETURNED && done.value == 0;
    if (!holds) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        size_t step = *moved % (ARRAY_COUNT(moves) - 1);
        pab_wrong(run,
                  "it %s when a block of %zu bytes was resized to %zu and the old one unmapped",
                  done.end == PAB_CASE_RETURNED ? "lost bytes" : how, moves[step], moves[step + 1]);
    }
    pab_compared(run, "%zu resizes over tables that move each block and unmap the old one", *moved);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-11",
        .summary =
            "debug hooks: fresh bytes 0xCD, dead ones 0xDD, pads 0xFD, size, domain's letter",
        .source = "CPython Doc/c-api/memory.rst, PyMem_SetupDebugHooks; Objects/obmalloc.c, 3.11",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = bytes_run,
    },
    {
        .id = "PYM-16",
        .summary = "debug hooks write nothing into a block that realloc has given up",
        .source = "CPython gh-75807",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = released_run,
    },
};

const struct pab_check_group pab_checks_debug_bytes = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
