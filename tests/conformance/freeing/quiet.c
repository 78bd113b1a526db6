/* tests/conformance/freeing/quiet.c -- free says nothing: it takes NULL, and keeps errno even when
 * the kernel refuses what it asks. */
#include "allocators/oscalls.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NULLS        1000u
#define LADDER_MOST  ((size_t)64 << 20)
#define LARGE_LEAST  ((size_t)256 << 10)
#define TOUCHED_MOST ((size_t)1 << 20)
#define PAIRED       3u
#define ROUNDS       8u
#define CASE_MS      20000u
#define MAPS_MOST    100000u /* a table of more is not filled: it would take its time */
#define MAPS_DEFAULT 65530u

/* What a free was seen to do to errno. */
struct quiet {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t frees, changed;
    size_t first_size;
    bool is_first_null;
    int first_errno;
};

/* Sets errno, frees, looks. */
static void free_quietly(struct quiet *quiet, void *block, size_t size)
{
    bool is_null = block == NULL;
    errno = PAB_ERRNO_SENTINEL;
    pab_subject_free(&quiet->subject, block);
    int after = errno;
    quiet->frees++;
    if (after != PAB_ERRNO_SENTINEL && quiet->changed++ == 0) {
        quiet->first_size = size;
        quiet->is_first_null = is_null;
        quiet->first_errno = after;
    }
}

static bool was_quiet(const struct quiet *quiet, const char *what)
{
    char block[48] = "free(NULL)";
    if (!quiet->is_first_null) {
        snprintf(block, sizeof(block), "free of %zu bytes", quiet->first_size);
    }
    return quiet->changed == 0 ||
           pab_wrong(quiet->run,
                     "%s%s changed errno from %d to %d; so did %" PRIu64 " of %" PRIu64 " calls",
                     block, what, PAB_ERRNO_SENTINEL, quiet->first_errno, quiet->changed,
                     quiet->frees);
}

/* --- FRE-01 --------------------------------------------------------------------------------- */

static void *free_nulls(void *arg)
{
    struct quiet *quiet = arg;
    for (unsigned i = 0; i < NULLS; i++) {
        free_quietly(quiet, NULL, 0);
    }
    return NULL;
}

static enum pab_verdict null_run(struct pab_check_run *run)
{
    struct quiet quiet = {.run = run};
    pthread_t thread;
    pab_subject_init(&quiet.subject, run->heap);
    free_nulls(&quiet);
    bool has_threads = (run->heap->backend->caps & PAB_CAP_THREADS) != 0;
    if (has_threads && pthread_create(&thread, NULL, free_nulls, &quiet) == 0) {
        pthread_join(thread, NULL);
    }
    void *block = pab_subject_malloc(&quiet.subject, 16); /* it goes on */
    bool holds = block != NULL || pab_wrong(run, "malloc(16) gave NULL after free(NULL)");
    pab_subject_free(&quiet.subject, block);
    run->ops_done = quiet.frees;
    pab_compared(run, "%" PRIu64 " calls%s", quiet.frees,
                 has_threads ? ", half of them the first ones of a thread" : "");
    return pab_judge(run, holds && (!quiet.subject.is_c || was_quiet(&quiet, "")));
}

/* --- FRE-02 --------------------------------------------------------------------------------- */

/* PAIRED blocks of a size, so that some are freed beside others; the pages of the smaller ones are
 * touched, so that there is something to give back. */
static void free_size(struct quiet *quiet, size_t size)
{
    unsigned char *blocks[PAIRED];
    for (size_t i = 0; i < PAIRED; i++) {
        blocks[i] = pab_subject_malloc(&quiet->subject, size);
        for (size_t at = 0; blocks[i] != NULL && at < size && size <= TOUCHED_MOST; at += 4096) {
            blocks[i][at] = 1;
        }
    }
    for (size_t i = 0; i < PAIRED; i++) {
        free_quietly(quiet, blocks[(i * 2 + 1) % PAIRED], size); /* the middle one first */
    }
}

static void free_ladder(struct quiet *quiet, size_t least)
{
    struct pab_sizes ladder;
    pab_sizes_ladder(&ladder, LADDER_MOST);
    for (size_t i = 0; i < ladder.count; i++) {
        if (ladder.at[i] >= least) {
            free_size(quiet, ladder.at[i]);
        }
    }
}

static enum pab_verdict errno_stays_run(struct pab_check_run *run)
{
    struct quiet quiet = {.run = run};
    pab_subject_init(&quiet.subject, run->heap);
    for (unsigned round = 0; round < ROUNDS; round++) {
        free_ladder(&quiet, 0);
        free_quietly(&quiet, NULL, 0);
    }
    run->ops_done = quiet.frees;
    pab_compared(run, "%" PRIu64 " calls for 0 bytes to 64 MiB, and for NULL", quiet.frees);
    return pab_judge(run, was_quiet(&quiet, ""));
}

/* --- FRE-03 --------------------------------------------------------------------------------- */

/* Shared with the cases, which cannot be undone: a filter of system calls, a full table. */
struct refusal {
    struct quiet quiet;
    struct pab_oscalls_seen seen;
    size_t mappings;
    char unfit[128]; /* why a case could look at nothing */
};

enum refusal_end { REFUSAL_TRIED, REFUSAL_UNFIT };

/* Every call by which memory goes back to the kernel fails. */
static int filtered_case(void *arg)
{
    struct refusal *refusal = arg;
    struct pab_oscalls_plan plan = {
        .calls = PAB_OSCALL_MUNMAP | PAB_OSCALL_MADVISE | PAB_OSCALL_BRK | PAB_OSCALL_MPROTECT,
        .first = 1,
    };
    void *blocks[PAIRED];
    struct pab_sizes ladder;
    pab_sizes_ladder(&ladder, LADDER_MOST);
    if (!pab_oscalls_install(refusal->unfit, sizeof(refusal->unfit))) {
        return REFUSAL_UNFIT;
    }
    for (size_t i = 0; i < ladder.count; i++) {
        struct pab_oscalls_seen seen = {0};
        for (size_t j = 0; j < PAIRED; j++) {
            blocks[j] = pab_subject_malloc(&refusal->quiet.subject, ladder.at[i]);
        }
        pab_oscalls_fail(&plan);
        for (size_t j = 0; j < PAIRED; j++) {
            free_quietly(&refusal->quiet, blocks[(j * 2 + 1) % PAIRED], ladder.at[i]);
        }
        pab_oscalls_stop(&seen);
        refusal->seen.calls += seen.calls;
        refusal->seen.failed += seen.failed;
    }
    return REFUSAL_TRIED;
}

/* Mappings that a process may have. */
static size_t mappings_allowed(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    return got > 0 ? strtoull(text, NULL, 10) : MAPS_DEFAULT;
}

/* Fills the table: pages whose rights alternate do not merge. Returns when the kernel refuses. */
static bool fill_mappings(size_t allowed)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, (allowed + 2) * page, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) {
        return false;
    }
    for (size_t i = 1; i < allowed + 2; i += 2) {
        if (mprotect(pages + i * page, page, PROT_READ) != 0) {
            return errno == ENOMEM;
        }
    }
    return false;
}

/* No mapping can be split any more: a block in the middle of a merged one cannot be unmapped. */
static int full_table_case(void *arg)
{
    struct refusal *refusal = arg;
    struct pab_sizes ladder;
    void *blocks[PAIRED];
    size_t allowed = mappings_allowed();
    if (allowed > MAPS_MOST) {
        snprintf(refusal->unfit, sizeof(refusal->unfit),
                 "vm.max_map_count is %zu, too many to fill", allowed);
        return REFUSAL_UNFIT;
    }
    static void *kept[PAB_SIZES_MAX][PAIRED];
    pab_sizes_ladder(&ladder, LADDER_MOST);
    for (size_t i = 0; i < ladder.count; i++) {
        for (size_t j = 0; j < PAIRED && ladder.at[i] >= LARGE_LEAST; j++) {
            kept[i][j] = pab_subject_malloc(&refusal->quiet.subject, ladder.at[i]);
        }
    }
    if (!fill_mappings(allowed)) {
        snprintf(refusal->unfit, sizeof(refusal->unfit),
                 "the table of mappings could not be filled");
        return REFUSAL_UNFIT;
    }
    refusal->mappings = pab_process_mappings();
    for (size_t i = 0; i < ladder.count; i++) {
        for (size_t j = 0; j < PAIRED && ladder.at[i] >= LARGE_LEAST; j++) {
            blocks[j] = kept[i][(j * 2 + 1) % PAIRED];
            free_quietly(&refusal->quiet, blocks[j], ladder.at[i]);
        }
    }
    return REFUSAL_TRIED;
}

/* False: the case found something, or died of it. */
static bool try_case(struct pab_check_run *run, struct refusal *refusal, int (*body)(void *arg),
                     const char *when)
{
    struct pab_case done;
    char how[128];
    refusal->quiet = (struct quiet){.run = run};
    pab_subject_init(&refusal->quiet.subject, run->heap);
    refusal->unfit[0] = '\0';
    pab_case_run(body, refusal, CASE_MS, &done);
    run->ops_done += refusal->quiet.frees;
    if (done.end == PAB_CASE_BROKE) {
        snprintf(refusal->unfit, sizeof(refusal->unfit), "no process for a case was to be had");
        return true;
    }
    if (done.end != PAB_CASE_RETURNED) {
        pab_case_describe(&done, how, sizeof(how));
        return pab_wrong(run, "free %s%s", how, when);
    }
    return was_quiet(&refusal->quiet, when);
}

static enum pab_verdict refused_run(struct pab_check_run *run)
{
    struct refusal *refusal = pab_case_shared(sizeof(*refusal));
    if (refusal == NULL) {
        return pab_skip(run, "no memory to share with a case");
    }
    bool holds = try_case(run, refusal, filtered_case, " when the kernel refused to take it back");
    char filtered[192];
    snprintf(filtered, sizeof(filtered), "%s%" PRIu64 " of free's calls to the kernel were refused",
             refusal->unfit, refusal->seen.failed);
    bool is_tried = refusal->seen.failed > 0;
    if (holds) {
        holds = try_case(run, refusal, full_table_case, " with no mapping left to split");
        is_tried = is_tried || refusal->mappings > 0;
    }
    if (holds && !is_tried) {
        return pab_skip(run, "%s; %s", filtered, refusal->unfit);
    }
    pab_compared(run, "%" PRIu64 " calls; %s; %s%s", run->ops_done, filtered, refusal->unfit,
                 refusal->mappings > 0 ? "then with a full table of mappings" : "");
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "FRE-01",
        .summary = "free(NULL) does nothing, also as the first call of a thread",
        .source = "C23 7.24.3.3",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = null_run,
    },
    {
        .id = "FRE-02",
        .summary = "free leaves errno as it was, for small blocks, large ones and NULL",
        .source = "POSIX.1-2024 free; glibc tst-free-errno (bug 17924)",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C,
        .run = errno_stays_run,
    },
    {
        .id = "FRE-03",
        .summary = "free leaves errno as it was when the kernel refuses to take memory back",
        .source = "POSIX.1-2024 free; glibc tst-free-errno",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_ERRNO,
        .uses = PAB_USES_C,
        .run = refused_run,
    },
};

const struct pab_check_group pab_checks_quiet = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
