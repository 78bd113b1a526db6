/* tests/conformance/domains/rules.c -- what Python asks of a domain beside its rule for zero bytes. */
#include "allocators/decorate/debug.h"
#include "allocators/oscalls.h"
#include "tests/conformance/domains/recorder.h"
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/subject.h"
#include "workloads/pyobj/runtime.h"

#include <inttypes.h>
#include <string.h>

#define NULL_FREES 1000

static const char *const domain_names[PAB_DOMAIN_COUNT] = {"raw", "mem", "obj"};

/* --- PYM-03: absurd sizes --------------------------------------------------------------------- */

#define LARGEST ((size_t)PTRDIFF_MAX)

static const size_t absurd[] = {LARGEST + 1,     LARGEST + 2,  LARGEST + 4096, (size_t)3 << 62,
                                SIZE_MAX - 4096, SIZE_MAX - 1, SIZE_MAX};

/* Pairs whose product is absurd, wraps to nothing, or wraps to a small number. */
static const size_t absurd_products[][2] = {
    {LARGEST, 2},
    {2, LARGEST},
    {SIZE_MAX, SIZE_MAX},
    {(size_t)1 << 63, 2},
    {(size_t)1 << 32, (size_t)1 << 32},
    {SIZE_MAX / 16 + 1, 16},
    {((size_t)1 << 32) + 1, ((size_t)1 << 32)},
    {LARGEST / 8 + 1, 8},
};

/* The wrappers that workloads call: PyObject_Malloc and its kin, as pyobj has them. */
static struct pab_py wrappers;

static bool wrappers_refuse(struct pab_check_run *run, struct pab_recorder *recorder)
{
    void *block = pab_obj_malloc(&wrappers, 64);
    recorder->calls = 0;
    for (size_t i = 0; i < ARRAY_COUNT(absurd); i++) {
        size_t size = absurd[i];
        run->ops_done += 4;
        if (pab_obj_malloc(&wrappers, size) != NULL || pab_mem_malloc(&wrappers, size) != NULL ||
            pab_obj_realloc(&wrappers, block, size) != NULL ||
            pab_mem_realloc(&wrappers, NULL, size) != NULL || recorder->calls != 0) {
            return pab_wrong(run, "a request for %zu bytes got through the wrappers", size);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(absurd_products); i++) {
        const size_t *pair = absurd_products[i];
        run->ops_done++;
        if (pab_mem_calloc(&wrappers, pair[0], pair[1]) != NULL || recorder->calls != 0) {
            return pab_wrong(run, "calloc(%zu, %zu) got through the wrappers", pair[0], pair[1]);
        }
    }
    /* The largest size that is none passes, as it is. */
    recorder->is_failing = true;
    (void)pab_obj_malloc(&wrappers, LARGEST);
    bool is_passed = recorder->calls == 1 && recorder->last.size == LARGEST;
    recorder->is_failing = false;
    pab_obj_free(&wrappers, block);
    return is_passed ||
           pab_wrong(run, "a request for PTRDIFF_MAX bytes did not reach the table as it was");
}

/* The hooks add 24 bytes: a size that leaves no room for them is absurd, too. */
static bool hooks_refuse(struct pab_check_run *run, struct pab_recorder *recorder)
{
    static struct pab_debug debug;
    pab_debug_attach(&debug, run->heap, pab_debug_style_of(NULL));
    const struct pab_alloc *obj = &run->heap->domain[PAB_DOMAIN_OBJ];
    void *block = obj->malloc(obj->ctx, 10);
    recorder->calls = 0;
    bool holds = true;
    for (size_t size = LARGEST - 23; holds && size <= LARGEST; size++) {
        run->ops_done += 3;
        holds = obj->malloc(obj->ctx, size) == NULL && obj->calloc(obj->ctx, 1, size) == NULL &&
                obj->realloc(obj->ctx, block, size) == NULL && recorder->calls == 0;
        if (!holds) {
            pab_wrong(run, "the debug hooks passed a request for %zu bytes on", size);
        }
    }
    obj->free(obj->ctx, block);
    pab_debug_detach(&debug);
    return holds;
}

/* Tables that are CPython's public functions check by themselves. */
static bool functions_refuse(struct pab_check_run *run)
{
    struct pab_heap *heap = run->heap;
    uint64_t before = heap->backend->counter(heap);
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_entry_points *entry = &heap->entry[domain];
        for (size_t i = 0; i < ARRAY_COUNT(absurd); i++) {
            run->ops_done += 2;
            if (entry->malloc(absurd[i]) != NULL || entry->realloc(NULL, absurd[i]) != NULL) {
                return pab_wrong(run, "%zu bytes were had of the %s domain", absurd[i],
                                 domain_names[domain]);
            }
        }
        for (size_t i = 0; i < ARRAY_COUNT(absurd_products); i++) {
            const size_t *pair = absurd_products[i];
            if (entry->calloc(pair[0], pair[1]) != NULL) {
                return pab_wrong(run, "calloc(%zu, %zu) of the %s domain gave a block", pair[0],
                                 pair[1], domain_names[domain]);
            }
        }
    }
    return heap->backend->counter(heap) == before ||
           pab_wrong(run, "refused requests changed the count of live blocks");
}

static bool is_cpython(const struct pab_heap *heap)
{
    return strcmp(heap->backend->name, "libpython") == 0 ||
           strcmp(heap->backend->name, "cpython") == 0;
}

static enum pab_verdict absurd_run(struct pab_check_run *run)
{
    static struct pab_recorder recorder;
    pab_recorder_attach(&recorder, run->heap);
    wrappers.mem = run->heap->domain[PAB_DOMAIN_MEM];
    wrappers.obj = run->heap->domain[PAB_DOMAIN_OBJ];
    bool holds = wrappers_refuse(run, &recorder) && hooks_refuse(run, &recorder);
    pab_recorder_detach(&recorder);
    bool has_functions = is_cpython(run->heap) && run->heap->hooks == NULL;
    holds = holds && (!has_functions || functions_refuse(run));
    pab_compared(run, "%" PRIu64 " requests, through pyobj's wrappers and the debug hooks%s",
                 run->ops_done, has_functions ? ", and CPython's own functions" : "");
    return pab_judge(run, holds);
}

/* --- PYM-04: realloc that fails --------------------------------------------------------------- */

struct refusal {
    struct pab_heap *heap;
    uint64_t done;
    bool is_filtered;
    char wrong[256];
};

static const size_t refused_sizes[] = {1, 16, 100, 512, 513, 5000, 70000, 300000};

static bool refuse_one(struct refusal *refusal, const struct pab_subject *subject, size_t size,
                       size_t wish)
{
    unsigned char *block = pab_subject_malloc(subject, size);
    uint64_t key = pab_pattern_key(size, wish);
    size_t bad;
    if (block == NULL) {
        return true;
    }
    pab_pattern_fill(block, 0, size, key);
    struct pab_oscalls_seen seen;
    if (refusal->is_filtered) {
        pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = PAB_OSCALL_ALL, .first = 1});
    }
    unsigned char *moved = pab_subject_realloc(subject, block, wish);
    if (refusal->is_filtered) {
        pab_oscalls_stop(&seen);
    }
    refusal->done += moved == NULL;
    void *other = pab_subject_calloc(subject, 1, size); /* would get the block if it was freed */
    block = moved == NULL ? block : moved;
    bool holds = pab_pattern_holds(block, 0, size, key, &bad);
    if (!holds) {
        snprintf(refusal->wrong, sizeof(refusal->wrong),
                 "byte %zu of a block of %zu bytes was lost by a realloc to %zu that %s", bad, size,
                 wish, moved == NULL ? "failed" : "did not fail");
    }
    pab_subject_free(subject, other);
    pab_subject_free(subject, block);
    return holds;
}

/* Every size, with wishes that nobody can have, and one that the kernel refuses. */
static bool refuse_all(struct refusal *refusal, const struct pab_subject *subject)
{
    static const size_t wishes[] = {LARGEST + 1, LARGEST, LARGEST - 4096, (size_t)1 << 46,
                                    (size_t)256 << 20};
    size_t count = ARRAY_COUNT(wishes) - !refusal->is_filtered;
    for (size_t i = 0; i < ARRAY_COUNT(refused_sizes) * count; i++) {
        if (!refuse_one(refusal, subject, refused_sizes[i / count], wishes[i % count])) {
            return false;
        }
    }
    return true;
}

static int refusal_case(void *arg)
{
    struct refusal *refusal = arg;
    char why[160];
    struct pab_subject subject;
    bool is_fake = (refusal->heap->backend->caps & PAB_CAP_FAKE) != 0; /* copies what it skips */
    bool holds = true;
    refusal->is_filtered = !is_fake && pab_oscalls_install(why, sizeof(why));
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        pab_subject_init_domain(&subject, refusal->heap, (enum pab_domain)domain);
        holds = refuse_all(refusal, &subject);
    }
    return holds ? 0 : 1;
}

static enum pab_verdict refusal_run(struct pab_check_run *run)
{
    struct refusal *refusal = pab_case_shared(sizeof(*refusal));
    struct pab_case done;
    PAB_CHECK(refusal != NULL);
    refusal->heap = run->heap;
    pab_case_run(refusal_case, refusal, 20000, &done);
    run->ops_done = refusal->done;
    bool holds = done.end == PAB_CASE_RETURNED && done.value == 0;
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        pab_wrong(run, "it %s in or after a realloc that failed", how);
    } else if (!holds) {
        pab_wrong(run, "%s", refusal->wrong);
    }
    pab_compared(run, "%" PRIu64 " refused requests over 3 domains, for impossible sizes%s",
                 refusal->done,
                 refusal->is_filtered ? " and where the kernel gave no memory" : " alone");
    return pab_judge(run, holds);
}

/* --- PYM-05: NULL ----------------------------------------------------------------------------- */

static bool null_in(struct pab_check_run *run, enum pab_domain domain)
{
    static const size_t sizes[] = {0, 1, 7, 16, 100, 512, 513, 4096, 70000, 1u << 20};
    struct pab_subject subject;
    pab_subject_init_domain(&subject, run->heap, domain);
    for (size_t i = 0; i < NULL_FREES; i++) {
        pab_subject_free(&subject, NULL);
        run->ops_done++;
    }
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        size_t size = sizes[i];
        uint64_t key = pab_pattern_key(i, 6);
        unsigned char *block = pab_subject_realloc(&subject, NULL, size);
        run->ops_done++;
        if (block == NULL) {
            return pab_wrong(run, "realloc(NULL, %zu) of the %s domain gave NULL", size,
                             domain_names[domain]);
        }
        pab_pattern_fill(block, 0, size, key);
        pab_subject_free(&subject, NULL);
        bool holds = pab_pattern_holds(block, 0, size, key, NULL);
        pab_subject_free(&subject, block);
        if (!holds) {
            return pab_wrong(run, "free(NULL) changed a block of %zu bytes of the %s domain", size,
                             domain_names[domain]);
        }
    }
    return true;
}

static enum pab_verdict null_run(struct pab_check_run *run)
{
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        holds = null_in(run, (enum pab_domain)domain);
    }
    return pab_judge(run, holds);
}

/* --- PYM-06: alignment ------------------------------------------------------------------------ */

#define ALIGN_SIZES 600
#define ALIGN_EACH  64

/* C's malloc may align a block of up to 8 bytes to 8: no object that it could hold needs more. */
static size_t demanded_align(size_t promised, bool is_pooled, size_t size)
{
    size_t demanded = promised;
    bool is_of_pool = is_pooled && size > 0; /* CPython asks the raw domain for 0 bytes */
    while (!is_of_pool && demanded > (size == 0 ? 1 : size)) {
        demanded /= 2;
    }
    return demanded;
}

static bool aligned_in(struct pab_check_run *run, enum pab_domain domain, size_t *least)
{
    static void *blocks[ALIGN_EACH];
    struct pab_subject subject;
    size_t promised = pab_aligned_least(run);
    bool is_pooled = domain != PAB_DOMAIN_RAW &&
                     (is_cpython(run->heap) ||
                      (run->heap->raw != NULL &&
                       run->heap->bare[domain].malloc == run->heap->bare[PAB_DOMAIN_OBJ].malloc));
    pab_subject_init_domain(&subject, run->heap, domain);
    bool holds = true;
    for (size_t size = 0; holds && size <= ALIGN_SIZES; size++) {
        size_t demanded = demanded_align(promised, is_pooled, size);
        for (size_t i = 0; i < ALIGN_EACH; i++) {
            blocks[i] = pab_subject_malloc(&subject, size);
            uintptr_t address = (uintptr_t)blocks[i];
            size_t align = address == 0 ? 1 : (size_t)(address & -address);
            *least = align < *least ? align : *least;
            run->ops_done++;
            if (address == 0 || address % demanded != 0) {
                holds = pab_wrong(run,
                                  "block %zu of %zu bytes of the %s domain lies at %p: not a "
                                  "multiple of %zu",
                                  i, size, domain_names[domain], blocks[i], demanded);
            }
        }
        for (size_t i = 0; i < ALIGN_EACH; i++) {
            pab_subject_free(&subject, blocks[i]);
        }
    }
    return holds;
}

static enum pab_verdict aligned_run(struct pab_check_run *run)
{
    size_t least[PAB_DOMAIN_COUNT] = {4096, 4096, 4096};
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        holds = aligned_in(run, (enum pab_domain)domain, &least[domain]);
    }
    pab_compared(run, "sizes 0 to %d, %d live blocks of each; least: raw %zu, mem %zu, obj %zu",
                 ALIGN_SIZES, ALIGN_EACH, least[0], least[1], least[2]);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-03",
        .summary = "sizes and products over PTRDIFF_MAX give NULL, and the allocator is not asked",
        .source = "CPython Objects/obmalloc.c: PyMem_Malloc and its kin, PY_SSIZE_T_MAX",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = absurd_run,
    },
    {
        .id = "PYM-04",
        .summary = "a realloc that fails leaves the block as it was, in every domain",
        .source = "CPython Doc/c-api/memory.rst: p remains a valid pointer to the previous memory",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = refusal_run,
    },
    {
        .id = "PYM-05",
        .summary = "free(NULL) does nothing, realloc(NULL, n) is malloc(n), in every domain",
        .source = "CPython Doc/c-api/memory.rst",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = null_run,
    },
    {
        .id = "PYM-06",
        .summary = "small blocks are aligned to 16 bytes, where they are large enough to need it",
        .source =
            "CPython Include/internal/pycore_obmalloc.h: ALIGNMENT, from 3.7 on; C23 7.24.3p1",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = aligned_run,
    },
};

const struct pab_check_group pab_checks_rules = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
