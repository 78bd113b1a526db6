/* tests/conformance/long_run/figures.c -- what an allocator says of itself, against what was asked
 * of it. */
#include "tests/conformance/long_run/held.h"
#include "tests/conformance/support/judge.h"
#include "workloads/support/rng.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>

#define BLOCKS      20000u
#define SLACK_BYTES ((uint64_t)1 << 20) /* what caches may hold either way */
#define OVERHEAD    1.25                /* of in-use over usable bytes: headers, rounding */

/* 0 where it has no such figure. */
struct figures {
    uint64_t in_use; /* bytes in blocks, as it counts them */
    uint64_t mapped; /* bytes from the system */
};

/* Knows how one family of allocators is asked; false: not this one. */
struct reader {
    const char *name;
    bool (*read)(const struct pab_heap *heap, struct figures *out);
};

/* A function of the very object under test: libc, too, has a mallinfo2. */
static void *own_function(const struct pab_heap *heap, const char *name)
{
    Dl_info home;
    Dl_info found;
    bool has_object = (heap->backend->caps & PAB_CAP_C_API) != 0 && heap->state != NULL;
    void *function = has_object ? dlsym(heap->state, name) : NULL;
    bool is_own = function != NULL && dladdr(heap->anchor, &home) != 0 &&
                  dladdr(function, &found) != 0 && home.dli_fbase == found.dli_fbase;
    return is_own ? function : NULL;
}

static bool read_mallctl(const struct pab_heap *heap, struct figures *out)
{
    int (*mallctl)(const char *, void *, size_t *, void *, size_t) = NULL;
    *(void **)&mallctl = own_function(heap, "mallctl");
    if (mallctl == NULL) {
        return false;
    }
    uint64_t epoch = 1;
    size_t allocated = 0;
    size_t mapped = 0;
    size_t size = sizeof(allocated);
    (void)mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    if (mallctl("stats.allocated", &allocated, &size, NULL, 0) != 0 ||
        mallctl("stats.mapped", &mapped, &size, NULL, 0) != 0) {
        return false;
    }
    *out = (struct figures){allocated, mapped};
    return true;
}

static bool read_extension(const struct pab_heap *heap, struct figures *out)
{
    int (*property)(const char *, size_t *) = NULL;
    *(void **)&property = own_function(heap, "MallocExtension_GetNumericProperty");
    size_t allocated = 0;
    size_t mapped = 0;
    if (property == NULL || property("generic.current_allocated_bytes", &allocated) == 0 ||
        property("generic.heap_size", &mapped) == 0) {
        return false;
    }
    *out = (struct figures){allocated, mapped};
    return true;
}

static bool read_mallinfo(const struct pab_heap *heap, struct figures *out)
{
    struct mallinfo2 (*info)(void) = NULL;
    *(void **)&info = own_function(heap, "mallinfo2");
    if (info == NULL) {
        return false;
    }
    struct mallinfo2 now = info();
    *out = (struct figures){now.uordblks + now.hblkhd, now.arena + now.hblkhd};
    return true;
}

static void pick_figure(void *arg, const char *name, uint64_t value)
{
    struct figures *out = arg;
    if (strcmp(name, "allocated_bytes") == 0) {
        out->in_use = value;
    } else if (strcmp(name, "arenas_bytes") == 0) {
        out->mapped = value;
    }
}

static bool read_own(const struct pab_heap *heap, struct figures *out)
{
    *out = (struct figures){0, 0};
    if (heap->backend->stats == NULL) {
        return false;
    }
    heap->backend->stats((struct pab_heap *)heap, pick_figure, out);
    return out->mapped != 0;
}

static const struct reader readers[] = {
    {"mallctl", read_mallctl},
    {"MallocExtension", read_extension},
    {"mallinfo2", read_mallinfo},
    {"its own counts", read_own},
};

static const struct reader *find_reader(const struct pab_heap *heap, struct figures *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        if (readers[i].read(heap, out)) {
            return &readers[i];
        }
    }
    return NULL;
}

struct demand {
    struct pab_held held;
    size_t sizes[BLOCKS];
    uint64_t asked, usable;
};

static struct demand demand;

/* Up to 512 bytes: what Python's own allocator counts, too. */
static bool take_all(struct pab_rng *rng)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        demand.sizes[i] = 1 + pab_rng_below(rng, 512);
        if (!pab_held_take(&demand.held, demand.sizes[i])) {
            return false;
        }
        demand.asked += demand.sizes[i];
        demand.usable +=
            pab_subject_usable(demand.held.subject, demand.held.blocks[i], demand.sizes[i]);
    }
    return true;
}

static bool judge_figures(struct pab_check_run *run, const struct figures seen[3])
{
    uint64_t rise = seen[1].in_use - seen[0].in_use;
    uint64_t most = (uint64_t)((double)demand.usable * OVERHEAD) + SLACK_BYTES;
    uint64_t least = demand.asked > SLACK_BYTES ? demand.asked - SLACK_BYTES : 0;
    if (seen[1].in_use < seen[0].in_use || rise < least || rise > most) {
        return pab_wrong(run,
                         "%" PRIu64 " bytes asked for (%" PRIu64 " usable) move in-use bytes from "
                         "%" PRIu64 " to %" PRIu64,
                         demand.asked, demand.usable, seen[0].in_use, seen[1].in_use);
    }
    if (seen[2].in_use > seen[0].in_use + SLACK_BYTES) {
        return pab_wrong(run, "all freed, in-use bytes are %" PRIu64 ", before it were %" PRIu64,
                         seen[2].in_use, seen[0].in_use);
    }
    for (int i = 0; i < 3; i++) {
        if (seen[i].in_use > seen[i].mapped) {
            return pab_wrong(run, "%" PRIu64 " bytes in use, but only %" PRIu64 " mapped",
                             seen[i].in_use, seen[i].mapped);
        }
    }
    return true;
}

static enum pab_verdict figures_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_rng rng;
    struct figures seen[3];
    pab_subject_init(&subject, run->heap);
    pab_rng_seed(&rng, run->seed);
    pab_held_init(&demand.held, &subject, BLOCKS);
    void *first = pab_subject_malloc(&subject, 100); /* there are figures from here on */
    const struct reader *reader = find_reader(run->heap, &seen[0]);
    if (reader == NULL) {
        return pab_skip(run, "%s exports no figures that are known here", run->heap->backend->name);
    }
    if (!take_all(&rng)) {
        return pab_skip(run, "NULL for one of %u small blocks", BLOCKS);
    }
    (void)reader->read(run->heap, &seen[1]);
    for (size_t i = 0; i < BLOCKS; i++) {
        pab_held_free(&demand.held, i, demand.sizes[i]);
    }
    (void)reader->read(run->heap, &seen[2]);
    pab_subject_free(&subject, first);
    run->ops_done = (uint64_t)2 * BLOCKS;
    pab_compared(run,
                 "%s: %" PRIu64 " KiB asked for, %" PRIu64 " usable; in use %" PRIu64 ", %" PRIu64
                 ", %" PRIu64 " KiB before, with them, after; mapped %" PRIu64 " KiB",
                 reader->name, demand.asked >> 10, demand.usable >> 10, seen[0].in_use >> 10,
                 seen[1].in_use >> 10, seen[2].in_use >> 10, seen[1].mapped >> 10);
    return pab_judge(run, judge_figures(run, seen));
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-07",
        .summary = "the figures that it exports agree with what was asked for, within its caches",
        .source = "mallinfo(3); jemalloc mallctl(3) stats; bionic's mallinfo tests",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = figures_run,
    },
};

const struct pab_check_group pab_checks_figures = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
