/* tests/conformance/exhaustion/limits.c -- a process takes all memory that its limits allow, by each
 * entry point: the end is NULL and ENOMEM, what was got before is whole, and can be had again.
 */
#include "allocators/sanitizer.h"
#include "tests/conformance/exhaustion/limit.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"

#include <inttypes.h>
#include <string.h>

#define CASE_MS      30000
#define LITTLE_BYTES ((size_t)16 << 20)
#define MORE_BYTES   ((size_t)32 << 20)
#define WHOLE_BYTES  ((size_t)16 << 10) /* written from end to end up to here, else both ends */
#define END_BYTES    ((size_t)4 << 10)

enum entry {
    BY_MALLOC,
    BY_CALLOC,
    BY_REALLOC,
    BY_REALLOCARRAY,
    BY_ALIGNED_ALLOC,
    BY_POSIX_MEMALIGN,
    BY_MEMALIGN,
    BY_VALLOC,
    BY_PVALLOC,
    BY_GROWTH, /* realloc of one block */
    ENTRY_COUNT,
};

static const char *const entry_names[ENTRY_COUNT] = {
    "malloc",         "calloc",   "realloc", "reallocarray", "aligned_alloc",
    "posix_memalign", "memalign", "valloc",  "pvalloc",      "realloc of one block from"};

static const size_t sizes[] = {48, 512, 4096, 70000, 1u << 20};

/* What a case and the check that forks it share. */
struct limited {
    struct pab_subject subject;
    enum entry entry;
    size_t size;
    size_t counts[2 * ARRAY_COUNT(sizes)]; /* blocks that each exhaustion got */
    int last_errno;                        /* after the call that gave NULL */
    bool is_endless;                       /* more blocks than the table holds: no limit is felt */
    bool keeps_all; /* what is freed is never used again, whatever the limit */
    char wrong[256];
};

/* --- in a process of its own ------------------------------------------------------------------ */

static unsigned char *blocks[PAB_LIMIT_BLOCKS];

static bool has_entry(const struct pab_subject *subject, enum entry entry)
{
    const struct pab_alloc *table = subject->table;
    const bool has[ENTRY_COUNT] = {
        [BY_MALLOC] = true,
        [BY_CALLOC] = table->calloc != NULL,
        [BY_REALLOC] = table->realloc != NULL,
        [BY_REALLOCARRAY] = subject->reallocarray != NULL,
        [BY_ALIGNED_ALLOC] = subject->aligned_alloc != NULL,
        [BY_POSIX_MEMALIGN] = subject->posix_memalign != NULL,
        [BY_MEMALIGN] = subject->memalign != NULL,
        [BY_VALLOC] = subject->valloc != NULL,
        [BY_PVALLOC] = subject->pvalloc != NULL,
        [BY_GROWTH] = table->realloc != NULL,
    };
    return has[entry];
}

static void *request_aligned(const struct pab_subject *subject, size_t size)
{
    void *block = NULL;
    int code = subject->posix_memalign(&block, 64, size);
    if (code != 0) { /* its result is its errno */
        errno = code;
        block = NULL;
    }
    return block;
}

static void *request(const struct limited *limited)
{
    const struct pab_subject *subject = &limited->subject;
    size_t size = limited->size;
    errno = PAB_ERRNO_SENTINEL;
    switch (limited->entry) {
    case BY_CALLOC:
        return pab_subject_calloc(subject, size, 1);
    case BY_REALLOC:
        return pab_subject_realloc(subject, NULL, size);
    case BY_REALLOCARRAY:
        return subject->reallocarray(NULL, size, 1);
    case BY_ALIGNED_ALLOC:
        return subject->aligned_alloc(64, (size + 63) & ~(size_t)63);
    case BY_POSIX_MEMALIGN:
        return request_aligned(subject, size);
    case BY_MEMALIGN:
        return subject->memalign(64, size);
    case BY_VALLOC:
        return subject->valloc(size);
    case BY_PVALLOC:
        return subject->pvalloc(size);
    default:
        return pab_subject_malloc(subject, size);
    }
}

/* Whether block i still knows its number. */
static bool knows_number(struct limited *limited, size_t i, size_t count)
{
    size_t number;
    memcpy(&number, blocks[i], sizeof(number));
    if (number != i && limited->wrong[0] == '\0') {
        snprintf(limited->wrong, sizeof(limited->wrong),
                 "block %zu of %zu of %zu bytes holds what was written into block %zu", i, count,
                 limited->size, number);
    }
    return number == i;
}

/* Takes blocks until there are none; each knows its number by its first bytes. */
static size_t exhaust(struct limited *limited)
{
    size_t count = 0;
    void *block;
    while (count < PAB_LIMIT_BLOCKS && (block = request(limited)) != NULL) {
        memcpy(block, &count, sizeof(count));
        blocks[count++] = block;
    }
    limited->last_errno = errno;
    if (count == PAB_LIMIT_BLOCKS) { /* no limit is felt, or blocks are given out time and again */
        limited->is_endless = true;
        for (size_t i = 0; i < count && knows_number(limited, i, count); i++) {
        }
    }
    return count;
}

static bool release(struct limited *limited, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!knows_number(limited, i, count)) {
            return false;
        }
        pab_subject_free(&limited->subject, blocks[i]);
    }
    return true;
}

/* Whether a block that is taken, freed and taken again ever lies where it lay before. */
static bool uses_again(const struct limited *limited)
{
    void *first[16];
    for (size_t round = 0; round < 2048; round++) {
        void *block = pab_subject_malloc(&limited->subject, 1u << 12);
        pab_subject_free(&limited->subject, block);
        for (size_t i = 0; i < round && i < ARRAY_COUNT(first); i++) {
            if (block == first[i]) {
                return true;
            }
        }
        if (round < ARRAY_COUNT(first)) {
            first[round] = block;
        }
    }
    return false;
}

/* One block grows by half until it cannot: what it held stays. */
static void grow(struct limited *limited)
{
    static const unsigned char mark[] = "what a block holds while it grows";
    size_t size = limited->size;
    unsigned char *block = pab_subject_malloc(&limited->subject, size);
    unsigned char *grown = block;
    if (block == NULL) {
        return;
    }
    memcpy(block, mark, sizeof(mark));
    while (grown != NULL && size < 64 * LITTLE_BYTES) {
        limited->counts[0]++;
        block = grown;
        size += size / 2;
        errno = PAB_ERRNO_SENTINEL;
        grown = pab_subject_realloc(&limited->subject, block, size);
        limited->last_errno = errno;
    }
    block = grown != NULL ? grown : block;
    limited->is_endless |= grown != NULL;
    if (memcmp(block, mark, sizeof(mark)) != 0) {
        snprintf(limited->wrong, sizeof(limited->wrong),
                 "the first bytes of a block were lost when it could not grow to %zu bytes", size);
    }
    pab_subject_free(&limited->subject, block);
}

static int reach_case(void *arg)
{
    struct limited *limited = arg;
    pab_limit_set(LITTLE_BYTES);
    pab_limit_drain_reserve(&limited->subject, LITTLE_BYTES);
    if (limited->entry == BY_GROWTH) {
        grow(limited);
        return 0;
    }
    limited->counts[0] = exhaust(limited);
    for (int again = 0; again < 3; again++) { /* it may find another one, it may not fall over */
        pab_subject_free(&limited->subject, request(limited));
    }
    release(limited, limited->counts[0]);
    return 0;
}

static void write_or_read(struct limited *limited, size_t index, size_t from, size_t to)
{
    uint64_t key = pab_pattern_key(index, 2);
    size_t bad;
    if (limited->counts[1] == 0) {
        pab_pattern_fill(blocks[index], from, to, key);
    } else if (limited->wrong[0] == '\0' &&
               !pab_pattern_holds(blocks[index], from, to, key, &bad)) {
        snprintf(limited->wrong, sizeof(limited->wrong),
                 "byte %zu of block %zu of %zu, each of %zu bytes, was changed by another one", bad,
                 index, limited->counts[0], limited->size);
    }
}

/* Writes all blocks, then, with counts[1] set, reads them. */
static void go_over(struct limited *limited)
{
    for (size_t i = 0; i < limited->counts[0]; i++) {
        size_t usable = pab_subject_usable(&limited->subject, blocks[i], limited->size);
        size_t head = usable <= WHOLE_BYTES ? usable : END_BYTES;
        write_or_read(limited, i, 0, head);
        if (head < usable) {
            write_or_read(limited, i, usable - END_BYTES, usable);
        }
    }
}

static int whole_case(void *arg)
{
    struct limited *limited = arg;
    pab_limit_set(MORE_BYTES);
    pab_limit_drain_reserve(&limited->subject, MORE_BYTES);
    limited->counts[0] = exhaust(limited);
    go_over(limited);
    pab_subject_free(&limited->subject, request(limited)); /* once more, with all of it written */
    limited->counts[1] = 1;
    go_over(limited);
    for (size_t i = 0; i < limited->counts[0]; i++) {
        pab_subject_free(&limited->subject, blocks[i]);
    }
    return 0;
}

/* The same size twice: counts[0], counts[1]. */
static int again_case(void *arg)
{
    struct limited *limited = arg;
    limited->keeps_all = !uses_again(limited); /* asked before any request has failed */
    pab_limit_set(MORE_BYTES);
    pab_limit_drain_reserve(&limited->subject, MORE_BYTES);
    for (size_t i = 0; i < 2 && !limited->keeps_all; i++) {
        limited->counts[i] = exhaust(limited);
        if (!release(limited, limited->counts[i])) {
            break;
        }
    }
    return 0;
}

/* All sizes, one after the other, in two rounds. */
static int others_case(void *arg)
{
    struct limited *limited = arg;
    pab_limit_set(MORE_BYTES);
    pab_limit_drain_reserve(&limited->subject, MORE_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(limited->counts); i++) {
        limited->size = sizes[i % ARRAY_COUNT(sizes)];
        limited->counts[i] = exhaust(limited);
        if (!release(limited, limited->counts[i])) {
            break;
        }
    }
    return 0;
}

/* --- the checks ------------------------------------------------------------------------------- */

/* malloc is asked for every size, the others for a small and a large one. */
static bool is_tried(const struct limited *limited, enum entry entry, size_t size_index)
{
    return has_entry(&limited->subject, entry) &&
           (entry == BY_MALLOC || size_index == 1 || size_index == 3) &&
           (entry < BY_VALLOC || entry == BY_GROWTH || size_index == 3);
}

static const char endless[] = "no limit is felt: its memory was set aside before";

static struct limited *limited_open(struct pab_check_run *run)
{
    struct limited *limited = pab_case_shared(sizeof(*limited));
    PAB_CHECK(limited != NULL);
    pab_subject_init(&limited->subject, run->heap);
    return limited;
}

static bool run_case(struct pab_check_run *run, struct limited *limited, int (*body)(void *arg))
{
    struct pab_case done;
    memset(limited->counts, 0, sizeof(limited->counts));
    limited->last_errno = 0;
    pab_case_run(body, limited, CASE_MS, &done);
    for (size_t i = 0; i < ARRAY_COUNT(limited->counts); i++) {
        run->ops_done += limited->counts[i];
    }
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        return pab_wrong(run, "it %s when memory ran out under %s(%zu)%s%.160s", how,
                         entry_names[limited->entry], limited->size,
                         done.text[0] == '\0' ? "" : "; it said: ", done.text);
    }
    return limited->wrong[0] == '\0' || pab_wrong(run, "%s, by %s, when memory had run out",
                                                  limited->wrong, entry_names[limited->entry]);
}

/* errno is severity S2 of the same statement: the caller judges it apart. */
static void note_errno(const struct limited *limited, char *out, size_t size)
{
    if (limited->subject.is_c && limited->last_errno != ENOMEM && out[0] == '\0') {
        snprintf(out, size, "%s(%zu) gave NULL with errno %d instead of ENOMEM",
                 entry_names[limited->entry], limited->size, limited->last_errno);
    }
}

static enum pab_verdict reach_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct limited *limited = limited_open(run);
    char other_errno[128] = "";
    size_t cases = 0;
    for (int entry = 0; entry < ENTRY_COUNT; entry++) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            limited->entry = (enum entry)entry;
            limited->size = sizes[i];
            if (!is_tried(limited, limited->entry, i)) {
                continue;
            }
            if (!run_case(run, limited, reach_case)) {
                return pab_judge(run, false);
            }
            if (limited->is_endless) {
                return pab_skip(run, "%s", endless);
            }
            note_errno(limited, other_errno, sizeof(other_errno));
            cases++;
        }
    }
    pab_compared(run, "%zu processes, each by one entry point and one size to its end: %zu MiB",
                 cases, LITTLE_BYTES >> 20);
    if (other_errno[0] != '\0') {
        pab_wrong(run, "%s", other_errno);
        return PAB_DEVIATION;
    }
    return PAB_PASS;
}

static enum pab_verdict whole_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct limited *limited = limited_open(run);
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        limited->size = sizes[i];
        holds = run_case(run, limited, whole_case);
        if (holds && limited->is_endless) {
            return pab_skip(run, "%s", endless);
        }
    }
    pab_compared(run, "%" PRIu64 " blocks of 5 sizes, %zu MiB of each, read back at the end",
                 run->ops_done, MORE_BYTES >> 20);
    return pab_judge(run, holds);
}

static void list_counts(const size_t *first, const size_t *second, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_COUNT(sizes) && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%zu of %zu at %zu B",
                                 i == 0 ? "" : ", ", second[i], first[i], sizes[i]);
    }
}

/* Blocks of each size that a fresh process gets, and gets again. */
static bool count_fresh(struct pab_check_run *run, struct limited *limited, size_t *first,
                        size_t *second)
{
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        limited->size = sizes[i];
        if (!run_case(run, limited, again_case)) {
            return false;
        }
        first[i] = limited->counts[0];
        second[i] = limited->counts[1];
        if (first[i] == 0 && !limited->keeps_all) {
            return pab_wrong(run,
                             "not one block of %zu bytes could be had of %zu MiB that were left",
                             sizes[i], MORE_BYTES >> 20);
        }
    }
    return true;
}

/* Why blocks cannot be had again for a reason of the allocator's own; NULL: they can. */
static const char *why_not_again(const struct limited *limited)
{
    return limited->is_endless  ? endless
           : limited->keeps_all ? "it never uses again what is freed, limits or not"
                                : NULL;
}

static enum pab_verdict again_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct limited *limited = limited_open(run);
    size_t first[ARRAY_COUNT(sizes)] = {0};
    size_t second[ARRAY_COUNT(sizes)] = {0};
    char list[256];
    bool holds = count_fresh(run, limited, first, second);
    if (holds && why_not_again(limited) != NULL) {
        return pab_skip(run, "%s", why_not_again(limited));
    }
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        if (2 * second[i] < first[i]) {
            holds = pab_wrong(run,
                              "after %zu blocks of %zu bytes, which was all, and their release, "
                              "only %zu could be had again",
                              first[i], sizes[i], second[i]);
        }
    }
    list_counts(first, second, list, sizeof(list));
    pab_compared(run, "had again: %s; at least half is asked for", list);
    return pab_judge(run, holds);
}

static enum pab_verdict others_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct limited *limited = limited_open(run);
    size_t first[ARRAY_COUNT(sizes)] = {0};
    size_t second[ARRAY_COUNT(sizes)] = {0};
    char list[256];
    bool holds = count_fresh(run, limited, first, second);
    if (holds && why_not_again(limited) != NULL) {
        return pab_skip(run, "%s", why_not_again(limited));
    }
    holds = holds && run_case(run, limited, others_case);
    const size_t *cycled = &limited->counts[ARRAY_COUNT(sizes)]; /* the second round */
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        if (2 * cycled[i] < first[i]) {
            holds = pab_wrong(run,
                              "after other sizes had taken and released all, %zu blocks of %zu "
                              "bytes could be had; a fresh process has %zu",
                              cycled[i], sizes[i], first[i]);
        }
    }
    list_counts(first, cycled, list, sizeof(list));
    pab_compared(run, "second round of 48 B to 1 MiB in one process, against a fresh one each: %s",
                 list);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-01",
        .summary = "each entry point comes to NULL and ENOMEM when limits are reached",
        .source = "C23 7.24.3, POSIX.1-2024 malloc (ENOMEM); glibc tst-malloc-thread-fail",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = reach_run,
    },
    {
        .id = "OOM-02",
        .summary = "blocks got before memory ran out are whole and distinct",
        .source = "C23 7.24.3: disjoint objects, which keep their values",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = whole_run,
    },
    {
        .id = "OOM-03",
        .summary = "after everything was freed, at least half of it can be had again",
        .source = "C23 7.24.3.3: made available for further allocation; Android bionic "
                  "malloc_test, VerifyMaxPointers",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = again_run,
    },
    {
        .id = "OOM-04",
        .summary = "memory that ran out and was freed can be had again by other sizes, too",
        .source = "C23 7.24.3.3: made available for further allocation",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = others_run,
    },
};

const struct pab_check_group pab_checks_limits = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
