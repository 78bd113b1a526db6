/* tests/conformance/exhaustion/starts.c -- an allocator that sets much aside when it starts, where a
 * process may have little: in a container, under `ulimit -v`. */
#include "allocators/sanitizer.h"
#include "allocators/spec.h"
#include "tests/conformance/exhaustion/limit.h"
#include "tests/conformance/fresh/fresh.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"

#include <string.h>
#include <sys/resource.h>

#define CASE_MS 20000

/* In the terms of the scenario "first". */
#define OF_PROCESS 0
#define BY_MALLOC  0

static const size_t limits_mib[] = {64, 256, 1024};

/* What a case and the check that forks it share. */
struct start {
    struct pab_heap *heap;
    const struct pab_spec *spec;
    size_t limit_bytes;
    enum pab_fresh_end end;
    char text[256];
};

/* A fresh process with that much address space in all, as a shell's `ulimit -v` gives. */
static int start_fresh_case(void *arg)
{
    struct start *start = arg;
    struct rlimit limit = {start->limit_bytes, start->limit_bytes};
    struct pab_fresh fresh = {
        .attach = PAB_FRESH_PRELOAD,
        .scenario = "first",
        .numbers = {OF_PROCESS, BY_MALLOC, 100},
        .timeout_ms = CASE_MS / 2,
    };
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return 1;
    }
    start->end = pab_fresh_run(start->heap, &fresh, start->text, sizeof(start->text));
    return 0;
}

/* No object that a fresh process could load: a second heap, in a process that may have so much more. */
static int start_second_case(void *arg)
{
    struct start *start = arg;
    static struct pab_heap heap;
    struct pab_error err = {.text = ""};
    pab_limit_set(start->limit_bytes);
    start->end = PAB_FRESH_WRONG;
    if (pab_heap_open(&heap, start->spec, &err) != PAB_OK) {
        snprintf(start->text, sizeof(start->text), "it does not start: %.200s", err.text);
        return 0;
    }
    const struct pab_alloc *obj = &heap.domain[PAB_DOMAIN_OBJ];
    void *block = obj->malloc(obj->ctx, 100);
    if (block == NULL) {
        snprintf(start->text, sizeof(start->text), "its first malloc gave NULL");
        return 0;
    }
    memset(block, 0x5a, 100);
    obj->free(obj->ctx, block);
    start->end = PAB_FRESH_HELD;
    return 0;
}

/* Whether it could be looked at at all. */
static bool try_limit(struct start *start, int (*body)(void *arg))
{
    struct pab_case done;
    start->text[0] = '\0';
    start->end = PAB_FRESH_UNFIT;
    pab_case_run(body, start, CASE_MS, &done);
    if (done.end == PAB_CASE_RETURNED && done.value == 0) {
        return start->end != PAB_FRESH_UNFIT;
    }
    pab_case_describe(&done, start->text, sizeof(start->text));
    start->end = PAB_FRESH_WRONG;
    return true;
}

static enum pab_verdict starts_run(struct pab_check_run *run)
{
    if (pab_sanitizer_runs()) {
        return pab_skip(run, PAB_LIMIT_SANITIZED);
    }
    struct start *start = pab_case_shared(sizeof(*start));
    PAB_CHECK(start != NULL);
    start->heap = run->heap;
    start->spec = run->spec;
    bool holds = true;
    char list[160] = "";
    size_t used = 0;
    bool is_fresh = run->heap->anchor != NULL;
    if (is_fresh && (run->heap->backend->caps & PAB_CAP_C_API) == 0) {
        return pab_skip(run, "it is no C library that a fresh process could start with");
    }
    for (size_t i = 0; i < ARRAY_COUNT(limits_mib); i++) {
        start->limit_bytes = limits_mib[i] << 20;
        if (!try_limit(start, is_fresh ? start_fresh_case : start_second_case)) {
            return pab_skip(run, "%s", start->text);
        }
        bool is_good = start->end == PAB_FRESH_HELD;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%zu MiB %s",
                                 used == 0 ? "" : ", ", limits_mib[i], is_good ? "yes" : "no");
        if (!is_good) {
            holds = pab_wrong(run, "under %zu MiB: %s", limits_mib[i], start->text);
        }
        run->ops_done++;
    }
    pab_compared(run, "serves a first request under a limit of %s: %s",
                 is_fresh ? "address space in all" : "so much more", list);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "OOM-12",
        .summary = "it starts under a limit smaller than what it would like to set aside",
        .source = "`ulimit -v`, containers; notes of GrapheneOS hardened_malloc and snmalloc",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = starts_run,
    },
};

const struct pab_check_group pab_checks_starts = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
