/* tests/conformance/exhaustion/fallbacks.c -- one way to memory is closed, another is open: by brk or
 * by mmap, or what was freed before; and what the allocator itself calls when there is none. */
#include "allocators/oscalls.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"

#include <execinfo.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CASE_MS      20000
#define BLOCKS       1000
#define NO_FILTER    1
#define HANDLER_EXIT 42

/* What a case and the check that forks it share. */
struct closed {
    struct pab_subject subject;
    size_t size;
    unsigned calls;    /* enum pab_oscall that fail */
    bool is_fed_first; /* all blocks were taken before, and every second one freed */
    size_t served;
    struct pab_oscalls_seen seen;
    char why[160];
};

static void *blocks[BLOCKS];

/* Every `stride`-th block; how many it got. */
static size_t take(const struct closed *closed, size_t stride)
{
    size_t served = 0;
    for (size_t i = 0; i < BLOCKS; i += stride) {
        blocks[i] = pab_subject_malloc(&closed->subject, closed->size);
        if (blocks[i] != NULL) {
            memset(blocks[i], 0x5a, closed->size);
            served++;
        }
    }
    return served;
}

static void give(const struct closed *closed, size_t stride)
{
    for (size_t i = 0; i < BLOCKS; i += stride) {
        pab_subject_free(&closed->subject, blocks[i]);
    }
}

static int closed_case(void *arg)
{
    struct closed *closed = arg;
    if (!pab_oscalls_install(closed->why, sizeof(closed->why))) {
        return NO_FILTER;
    }
    if (closed->is_fed_first) {
        take(closed, 1);
        give(closed, 2); /* their neighbours keep the memory from going back to the kernel */
    }
    pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = closed->calls, .first = 1});
    closed->served = take(closed, closed->is_fed_first ? 2 : 1);
    pab_oscalls_stop(&closed->seen);
    give(closed, 1);
    return 0;
}

/* Whether the case came back; what it did instead is in run->reason. */
static bool run_closed(struct pab_check_run *run, struct closed *closed)
{
    struct pab_case done;
    pab_case_run(closed_case, closed, CASE_MS, &done);
    run->ops_done += BLOCKS;
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        return pab_wrong(run, "it %s at %zu bytes when the kernel refused memory", how,
                         closed->size);
    }
    return true;
}

static struct closed *closed_open(struct pab_check_run *run)
{
    struct closed *closed = pab_case_shared(sizeof(*closed));
    PAB_CHECK(closed != NULL);
    pab_subject_init(&closed->subject, run->heap);
    return closed;
}

static enum pab_verdict without_brk_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {16, 400, 3000, 20000, 200000};
    struct closed *closed = closed_open(run);
    uint64_t refused = 0;
    closed->calls = PAB_OSCALL_BRK;
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        closed->size = sizes[i];
        holds = run_closed(run, closed);
        if (closed->why[0] != '\0') {
            return pab_skip(run, "%s", closed->why);
        }
        if (holds && closed->served < BLOCKS) {
            holds =
                pab_wrong(run, "%zu of %d requests for %zu bytes were refused when only brk failed",
                          BLOCKS - closed->served, BLOCKS, closed->size);
        }
        refused += closed->seen.failed;
    }
    pab_compared(run, "1,000 blocks of each of 5 sizes; brk was tried %" PRIu64 " times in vain",
                 refused);
    return pab_judge(run, holds);
}

static enum pab_verdict from_freed_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {16, 64, 256, 512, 2000, 4096};
    struct closed *closed = closed_open(run);
    size_t fresh = 0;
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        closed->size = sizes[i];
        closed->calls = PAB_OSCALL_MMAP; /* for information: brk may serve, or what is left over */
        closed->is_fed_first = false;
        holds = run_closed(run, closed);
        if (closed->why[0] != '\0') {
            return pab_skip(run, "%s", closed->why);
        }
        fresh += closed->served;
        closed->calls = PAB_OSCALL_ALL;
        closed->is_fed_first = true;
        holds = holds && run_closed(run, closed);
        if (holds && 2 * closed->served < BLOCKS / 2) {
            holds = pab_wrong(run,
                              "of %d blocks of %zu bytes every second one was freed, but only %zu "
                              "could be had again when the kernel gave no more",
                              BLOCKS, closed->size, closed->served);
        }
    }
    pab_compared(
        run,
        "6 sizes; half of the blocks that were freed is asked for. Without mmap alone, and "
        "nothing freed before, %zu of %zu were served",
        fresh, BLOCKS * ARRAY_COUNT(sizes));
    return pab_judge(run, holds);
}

/* --- what is called when there is no memory --------------------------------------------------- */

struct failing {
    struct pab_subject subject;
    size_t size;
    volatile sig_atomic_t is_handled; /* the abort reached its handler */
    char why[160];
};

static struct failing *handler_failing;

/* As a crash reporter does: it takes memory, and ends. */
static void report_crash(int number)
{
    (void)number;
    handler_failing->is_handled = 1;
    const struct pab_subject *subject = &handler_failing->subject;
    pab_subject_free(subject, pab_subject_malloc(subject, 100));
    _exit(HANDLER_EXIT);
}

/* A block is freed twice: whoever notices says so and aborts, and the handler allocates. */
static int abort_case(void *arg)
{
    struct failing *failing = arg;
    handler_failing = failing;
    signal(SIGABRT, report_crash);
    void *block = pab_subject_malloc(&failing->subject, failing->size);
    void *other = pab_subject_malloc(&failing->subject, failing->size);
    pab_subject_free(&failing->subject, block);
    pab_subject_free(&failing->subject, block);
    pab_subject_free(&failing->subject, other);
    return 0;
}

/* Memory has run out, and those who report it use stdio and look at the stack. */
static int report_case(void *arg)
{
    struct failing *failing = arg;
    void *frames[16];
    void *block;
    static void *held[1u << 16];
    if (!pab_oscalls_install(failing->why, sizeof(failing->why))) {
        return NO_FILTER;
    }
    (void)backtrace(frames, 16); /* its first call loads a library */
    pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = PAB_OSCALL_ALL, .first = 1});
    for (size_t i = 0; i < ARRAY_COUNT(held); i++) {
        block = pab_subject_malloc(&failing->subject, failing->size);
        if (block == NULL) {
            fprintf(stderr, "no memory for %zu bytes\n", failing->size);
            (void)backtrace(frames, 16);
            FILE *file = fopen("/proc/self/statm", "r");
            if (file != NULL) {
                char line[64];
                (void)!fgets(line, sizeof(line), file);
                fclose(file);
            }
            break;
        }
        held[i] = block;
    }
    struct pab_oscalls_seen seen;
    pab_oscalls_stop(&seen);
    return 0;
}

static bool expect_end(struct pab_check_run *run, struct failing *failing, int (*body)(void *arg),
                       char *ends, size_t size)
{
    struct pab_case done;
    char how[80];
    failing->is_handled = 0;
    pab_case_run(body, failing, CASE_MS / 2, &done);
    pab_case_describe(&done, how, sizeof(how));
    run->ops_done++;
    /* Who neither says nor handles anything has not noticed the double free: it may hang. */
    bool has_noticed = body == report_case || failing->is_handled || done.text[0] != '\0';
    if (done.end == PAB_CASE_BROKE || (done.end == PAB_CASE_HUNG && has_noticed)) {
        return pab_wrong(run, "it %s where a block of %zu bytes %s, and who reported it allocated",
                         how, failing->size,
                         body == abort_case ? "was freed twice" : "could not be had");
    }
    if (body == report_case && done.end != PAB_CASE_RETURNED) {
        return pab_wrong(run,
                         "it %s where %zu bytes could not be had, and who reported it allocated",
                         how, failing->size);
    }
    bool is_handled = done.end == PAB_CASE_EXITED && done.code == HANDLER_EXIT;
    size_t used = strlen(ends);
    snprintf(ends + used, size - used, "%s%zu B %s", used == 0 ? "" : ", ", failing->size,
             is_handled ? "aborted, and its handler allocated" : how);
    return true;
}

static enum pab_verdict report_run(struct pab_check_run *run)
{
    static const size_t sizes[] = {24, 3000, 300000};
    struct failing *failing = pab_case_shared(sizeof(*failing));
    PAB_CHECK(failing != NULL);
    pab_subject_init(&failing->subject, run->heap);
    char ends[400] = "";
    char waste[400] = "";
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(sizes); i++) {
        failing->size = sizes[i];
        holds = expect_end(run, failing, report_case, waste, sizeof(waste)) &&
                expect_end(run, failing, abort_case, ends, sizeof(ends));
    }
    pab_compared(run, "3 sizes, exhausted and freed twice. Freed twice: %s", ends);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-07",
        .summary = "brk fails, mmap works: requests are served",
        .source = "musl libc-test malloc-brk-fail",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = without_brk_run,
    },
    {
        .id = "OOM-08",
        .summary = "the kernel gives nothing: what was freed before still serves small requests",
        .source = "C23 7.24.3.3: made available for further allocation; musl libc-test, glibc's "
                  "change of arenas",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = from_freed_run,
    },
    {
        .id = "OOM-11",
        .summary = "one size class's region is full: another one, or a mapping, serves",
        .source = "LLVM scudo, combined_test FullRegion",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .not_applicable = "no function tells a program which regions an allocator keeps for its "
                          "size classes, or how large they are; OOM-01 and OOM-04 fill them all",
    },
    {
        .id = "OOM-15",
        .summary = "who reports a lack of memory or an abort may allocate: no endless recursion",
        .source = "gperftools emergency_malloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = report_run,
    },
};

const struct pab_check_group pab_checks_fallbacks = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
