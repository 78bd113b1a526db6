/* tests/conformance/exhaustion/mappings.c -- the kernel keeps so many mappings of a process, and no
 * more: a request or a release that would need one more must not end it.
 *
 * Mappings of the check's own fill the table but for a few, since the 65,530 that are usual would take
 * an allocator some hundred MiB; with --ops 100000 it has to fill the table by itself.
 */
#include "allocators/os_pages.h"
#include "allocators/sanitizer.h"
#include "tests/conformance/exhaustion/limit.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/subject.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define CASE_MS     45000
#define BLOCK_BYTES ((size_t)1 << 20)
#define LEFT        100    /* mappings that the allocator may still make */
#define BLOCKS      500    /* by default */
#define BLOCKS_MOST 100000 /* then nothing is filled beforehand */
#define TABLE_MOST  200000 /* above, filling it would take too long */

/* What a case and the check that forks it share. */
struct table {
    struct pab_subject subject;
    size_t most, blocks;
    size_t mappings_before, mappings_full; /* of the process */
    size_t nulls, late_nulls;
    char wrong[256];
};

static unsigned char *blocks[BLOCKS_MOST];

static size_t table_most(void)
{
    size_t most = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (file != NULL) {
        char text[32] = "";
        if (fgets(text, sizeof(text), file) != NULL) {
            most = strtoull(text, NULL, 10);
        }
        fclose(file);
    }
    return most;
}

/* Every second page of one mapping is made readable: neighbours differ, so each is one of its own. */
static bool fill_table(size_t count, void **filler, size_t *filler_bytes)
{
    size_t page = pab_pages_size();
    *filler_bytes = (count + 1) * page;
    char *start =
        mmap(NULL, *filler_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *filler = start;
    bool is_good = start != MAP_FAILED;
    for (size_t i = 1; is_good && i < count; i += 2) {
        is_good = mprotect(start + i * page, page, PROT_READ) == 0;
    }
    return is_good;
}

/* The first thing that it finds is in table->wrong. */
static void read_blocks(struct table *table, size_t first, size_t stride)
{
    for (size_t i = first; i < table->blocks && table->wrong[0] == '\0'; i += stride) {
        size_t bad;
        if (blocks[i] != NULL &&
            !pab_pattern_holds(blocks[i], 0, 64, pab_pattern_key(i, 4), &bad)) {
            snprintf(table->wrong, sizeof(table->wrong),
                     "byte %zu of block %zu of %zu, each of 1 MiB, was changed", bad, i,
                     table->blocks);
        }
    }
}

static size_t take_blocks(struct table *table, size_t first, size_t stride)
{
    size_t nulls = 0;
    for (size_t i = first; i < table->blocks; i += stride) {
        blocks[i] = pab_subject_malloc(&table->subject, BLOCK_BYTES);
        if (blocks[i] == NULL) {
            nulls++;
        } else {
            pab_pattern_fill(blocks[i], 0, 64, pab_pattern_key(i, 4));
        }
    }
    return nulls;
}

static void free_blocks(const struct table *table, size_t first, size_t stride)
{
    for (size_t i = first; i < table->blocks; i += stride) {
        pab_subject_free(&table->subject, blocks[i]);
        blocks[i] = NULL;
    }
}

/* Every other block goes: each gap between two others may cost one mapping more. */
static int table_case(void *arg)
{
    struct table *table = arg;
    void *filler = NULL;
    size_t filler_bytes = 0;
    table->mappings_before = pab_process_mappings();
    size_t used = table->mappings_before + LEFT;
    bool is_filled = table->blocks == BLOCKS_MOST || table->most <= used ||
                     fill_table(table->most - used, &filler, &filler_bytes);
    if (!is_filled) {
        snprintf(table->wrong, sizeof(table->wrong), "the table of mappings could not be filled");
        return 1;
    }
    table->nulls = take_blocks(table, 0, 1);
    free_blocks(table, 0, 2);
    table->mappings_full = pab_process_mappings();
    read_blocks(table, 1, 2);
    table->nulls += take_blocks(table, 0, 2);
    read_blocks(table, 0, 1);
    free_blocks(table, 0, 1);
    if (filler != NULL) {
        munmap(filler, filler_bytes);
    }
    table->late_nulls = take_blocks(table, 0, 8);
    read_blocks(table, 0, 8);
    free_blocks(table, 0, 8);
    return 0;
}

static enum pab_verdict table_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct table *table = pab_case_shared(sizeof(*table));
    struct pab_case done;
    PAB_CHECK(table != NULL);
    pab_subject_init(&table->subject, run->heap);
    table->blocks = pab_budget(run, BLOCKS, BLOCKS_MOST);
    table->most = table_most();
    if (table->most == 0 || table->most > TABLE_MOST) {
        return pab_skip(run, "%zu mappings are allowed here: too many to fill the table",
                        table->most);
    }
    pab_case_run(table_case, table, CASE_MS, &done);
    run->ops_done = 2 * table->blocks;
    bool holds = true;
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        holds = pab_wrong(run, "it %s where %zu of %zu mappings were in use%s%.160s", how,
                          table->mappings_full, table->most,
                          done.text[0] == '\0' ? "" : "; it said: ", done.text);
    } else if (done.value != 0) {
        return pab_skip(run, "%s", table->wrong);
    } else if (table->wrong[0] != '\0') {
        holds = pab_wrong(run, "%s where the table of mappings was full", table->wrong);
    } else if (table->late_nulls > 0) {
        holds = pab_wrong(run,
                          "%zu requests for 1 MiB were refused when there was room for mappings "
                          "again",
                          table->late_nulls);
    }
    pab_compared(run,
                 "%zu blocks of 1 MiB, every other one freed and taken again, at %zu of %zu "
                 "mappings; %zu requests were refused",
                 table->blocks, table->mappings_full, table->most, table->nulls);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-14",
        .summary = "the table of mappings is full: requests give NULL, releases do no harm",
        .source = "Linux vm.max_map_count; glibc tst-free-errno sets the same up",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = table_run,
    },
};

const struct pab_check_group pab_checks_mappings = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
