/* tests/conformance/resizing/to_zero.c -- realloc(p, 0): C23 leaves it undefined and C17 to the
 * implementation, so each is held to its own answer. Python's domains have a rule (PYM-02).
 *
 *     NULL, and p was freed        glibc, jemalloc: an address made later is p's
 *     NULL, and p is as it was     errno says why, as after any failure
 *     another block                p is gone, that one must be freed
 *
 * A backend that mixes two of them makes every caller leak or free twice.
 */
#include "tests/conformance/support/blocks.h"
#include "tests/conformance/support/process.h"

#include <inttypes.h>
#include <string.h>

#define CALLS      10000u
#define LOOK_ALIKE 4096u              /* blocks that are made to see whether p's address returns */
#define SLACK      ((size_t)16 << 20) /* of resident bytes, between two runs of the same calls */

enum answer { ANSWER_NONE, ANSWER_FREED, ANSWER_REFUSED, ANSWER_BLOCK };

static const size_t sizes[] = {1, 16, 48, 100, 512, 1000, 4096, 70000};

static struct {
    struct pab_check_run *run;
    struct pab_subject subject;
    enum answer answer;
    int code; /* errno after it; the sentinel where it was left alone */
    bool is_code_varied;
} zero;

static const char *code_text(int code)
{
    return code == PAB_ERRNO_SENTINEL ? "errno kept" : strerrorname_np(code);
}

/* One call on a filled block. */
static void *make_zero(size_t size, uintptr_t *old, int *code)
{
    unsigned char *block = pab_subject_malloc(&zero.subject, size);
    if (block == NULL) {
        *old = 0;
        return NULL;
    }
    memset(block, 0x5a, size);
    *old = (uintptr_t)block;
    errno = PAB_ERRNO_SENTINEL;
    void *got = pab_subject_realloc(&zero.subject, block, 0);
    *code = errno;
    return got;
}

/* Whether `address` is given out again among many blocks of `size` bytes. */
static bool returns(uintptr_t address, size_t size)
{
    static void *made[LOOK_ALIKE];
    size_t count = 0;
    bool found = false;
    while (count < LOOK_ALIKE && count * size < SLACK && !found) {
        made[count] = pab_subject_malloc(&zero.subject, size);
        found = (uintptr_t)made[count] == address;
        count++;
    }
    while (count > 0) {
        pab_subject_free(&zero.subject, made[--count]);
    }
    return found;
}

static bool try_answer(size_t size)
{
    uintptr_t old = 0;
    int code = 0;
    void *got = make_zero(size, &old, &code);
    enum answer answer = ANSWER_BLOCK;
    if (old == 0) {
        return pab_wrong(zero.run, "malloc(%zu) gave NULL", size);
    }
    if (got == NULL) { /* without an error it is taken at its word; the memory in use tells */
        bool freed = returns(old, size) || code == PAB_ERRNO_SENTINEL;
        answer = freed ? ANSWER_FREED : ANSWER_REFUSED;
    }
    if (answer == ANSWER_REFUSED) {
        unsigned char *block = (unsigned char *)old;
        bool kept = block[0] == 0x5a && block[size - 1] == 0x5a;
        pab_subject_free(&zero.subject, block);
        if (!kept) {
            return pab_wrong(zero.run, "realloc(p, 0) of %zu bytes gave NULL and %s, p has changed",
                             size, code_text(code));
        }
    }
    pab_subject_free(&zero.subject, got);
    if (zero.answer != ANSWER_NONE && answer != zero.answer) {
        return pab_wrong(zero.run,
                         "realloc(p, 0) of %zu bytes gave %s (%s), of smaller ones %s (%s)", size,
                         got == NULL ? "NULL" : "a block", code_text(code),
                         zero.answer == ANSWER_BLOCK ? "a block" : "NULL", code_text(zero.code));
    }
    zero.is_code_varied |= zero.answer != ANSWER_NONE && code != zero.code;
    zero.answer = answer;
    zero.code = code;
    return true;
}

/* So many rounds of malloc and free, by realloc(p, 0) or by free alone. */
static bool repeat(uint64_t calls, bool by_realloc)
{
    for (uint64_t i = 0; i < calls; i++) {
        size_t size = sizes[i % ARRAY_COUNT(sizes)];
        if (!by_realloc) {
            unsigned char *block = pab_subject_malloc(&zero.subject, size);
            if (block != NULL) {
                memset(block, 0x5a, size);
            }
            pab_subject_free(&zero.subject, block);
            continue;
        }
        uintptr_t old = 0;
        int code = 0;
        void *got = make_zero(size, &old, &code);
        zero.is_code_varied |= code != zero.code;
        if (old == 0 || (got != NULL) != (zero.answer == ANSWER_BLOCK)) {
            return pab_wrong(zero.run,
                             "call %" PRIu64 " of realloc(p, 0), of %zu bytes, gave %s (%s): other "
                             "than before",
                             i, size, got == NULL ? "NULL" : "a block", code_text(code));
        }
        pab_subject_free(&zero.subject, zero.answer == ANSWER_REFUSED ? (void *)old : got);
    }
    return true;
}

static bool keep_books(uint64_t calls)
{
    size_t start = pab_process_rss_bytes();
    repeat(calls, false);
    size_t by_free = pab_process_rss_bytes();
    bool holds = repeat(calls, true);
    size_t by_realloc = pab_process_rss_bytes();
    size_t usual = by_free > start ? by_free - start : 0;
    size_t grown = by_realloc > by_free ? by_realloc - by_free : 0;
    pab_compared(zero.run,
                 "%" PRIu64
                 " calls; resident memory grew by %zu KiB, by %zu KiB with free in place "
                 "of it",
                 calls, grown >> 10, usual >> 10);
    if (holds && grown > usual + SLACK) {
        return pab_wrong(zero.run,
                         "%" PRIu64 " calls of realloc(p, 0) %s left %zu MiB behind, free %zu MiB",
                         calls, zero.answer == ANSWER_BLOCK ? "and free" : "that gave NULL",
                         grown >> 20, usual >> 20);
    }
    return holds;
}

static enum pab_verdict zero_run(struct pab_check_run *run)
{
    static const char *const words[] = {"none", "NULL, freed", "NULL, kept", "a block"};
    uint64_t calls = pab_budget(run, CALLS, 0);
    memset(&zero, 0, sizeof(zero));
    zero.run = run;
    pab_subject_init(&zero.subject, run->heap);
    pab_process_avoid_huge_pages();
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        holds = try_answer(sizes[i]);
    }
    holds = holds && keep_books(calls);
    run->ops_done = calls;
    pab_answer(run, "%s, %s", words[zero.answer],
               zero.is_code_varied ? "errno varies" : code_text(zero.code));
    if (holds && zero.is_code_varied) { /* the memory is accounted for: no failure */
        pab_wrong(run, "realloc(p, 0) is always answered alike, but for errno: at times %s",
                  code_text(zero.code));
        return PAB_DEVIATION;
    }
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "REA-008",
        .summary = "realloc(p, 0) frees, resizes or refuses: always the same, and nothing leaks",
        .source = "C17 7.22.3.5 (implementation-defined), C23 7.24.3.7 (undefined), POSIX.1-2024",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C | PAB_USES_REALLOC,
        .run = zero_run,
    },
};

const struct pab_check_group pab_checks_to_zero = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
