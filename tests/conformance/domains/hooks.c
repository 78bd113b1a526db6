/* tests/conformance/domains/hooks.c -- what stands between a caller and an allocator passes calls on
 * as they are: adapters over C functions, pymalloc over its raw domain, hooks over hooks.
 */
#include "allocators/decorate/counting.h"
#include "allocators/decorate/debug.h"
#include "allocators/decorate/faulty.h"
#include "allocators/decorate/meter.h"
#include "allocators/pymalloc/pymalloc.h"
#include "tests/conformance/domains/recorder.h"
#include "tests/conformance/support/judge.h"

#include <inttypes.h>
#include <string.h>

/* --- one layer over a recorder ---------------------------------------------------------------- */

/* What a layer adds to sizes and takes from addresses. */
struct layer_kind {
    const char *name;
    size_t more_bytes, head_bytes;
};

struct layer_test {
    struct pab_check_run *run;
    struct pab_recorder *recorder; /* below the layer */
    const struct pab_alloc *table; /* the layer's */
    enum pab_domain domain;        /* that it stands on */
    const struct layer_kind *kind;
};

static bool expect(const struct layer_test *test, enum pab_call call, size_t size, const void *ptr)
{
    static const char *const names[PAB_CALL_COUNT] = {"malloc", "calloc", "realloc", "free"};
    const struct pab_recorder *recorder = test->recorder;
    const struct pab_recorded *last = &recorder->last;
    const char *who = test->kind->name;
    const unsigned char *base =
        ptr == NULL ? NULL : (const unsigned char *)ptr - test->kind->head_bytes;
    size_t wanted = call == PAB_CALL_FREE ? 0 : size + test->kind->more_bytes;
    test->run->ops_done++;
    if (recorder->strays > 0) {
        return pab_wrong(test->run, "%s passed a ctx on with %s that is not the table's", who,
                         names[call]);
    }
    if (recorder->calls != 1 || last->call != call || last->domain != test->domain) {
        return pab_wrong(test->run,
                         "%s made %" PRIu64 " calls of one to %s, the last %s of domain %d", who,
                         recorder->calls, names[call], names[last->call], (int)last->domain);
    }
    if (last->count * last->size != wanted || last->ptr != base) {
        return pab_wrong(test->run, "%s passed %s on with %zu bytes, not %zu, and block %p, not %p",
                         who, names[call], last->count * last->size, wanted, last->ptr,
                         (const void *)base);
    }
    return true;
}

static bool expect_result(const struct layer_test *test, const void *got)
{
    const unsigned char *given = test->recorder->last.result;
    bool is_same = given == NULL ? got == NULL : got == given + test->kind->head_bytes;
    return is_same || pab_wrong(test->run, "%s gave %p where the table below gave %p",
                                test->kind->name, got, (const void *)given);
}

/* Each function once, and a malloc that fails. */
static bool pass_size(const struct layer_test *test, size_t size)
{
    const struct pab_alloc *table = test->table;
    struct pab_recorder *recorder = test->recorder;
    recorder->calls = 0;
    void *block = table->malloc(table->ctx, size);
    if (!expect(test, PAB_CALL_MALLOC, size, NULL) || !expect_result(test, block)) {
        return false;
    }
    size_t grown = 2 * size + 1;
    recorder->calls = 0;
    void *moved = table->realloc(table->ctx, block, grown);
    if (!expect(test, PAB_CALL_REALLOC, grown, block) || !expect_result(test, moved)) {
        return false;
    }
    recorder->calls = 0;
    table->free(table->ctx, moved);
    if (!expect(test, PAB_CALL_FREE, 0, moved)) {
        return false;
    }
    recorder->calls = 0;
    void *zeroed = table->calloc(table->ctx, 3, size);
    if (!expect(test, PAB_CALL_CALLOC, 3 * size, NULL) || !expect_result(test, zeroed)) {
        return false;
    }
    table->free(table->ctx, zeroed);
    recorder->is_failing = true;
    recorder->calls = 0;
    void *none = table->malloc(table->ctx, size);
    recorder->is_failing = false;
    return expect(test, PAB_CALL_MALLOC, size, NULL) && expect_result(test, none);
}

static bool pass_all(const struct layer_test *test, size_t least)
{
    static const size_t sizes[] = {0, 1, 8, 100, 512, 513, 1000, 4096, 70000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        if (sizes[i] >= least && !pass_size(test, sizes[i])) {
            return false;
        }
    }
    return true;
}

/* --- the layers there are --------------------------------------------------------------------- */

static struct pab_recorder recorder;

static bool pass_domains(struct pab_check_run *run, const struct layer_kind *kind)
{
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        struct layer_test test = {run, &recorder, &run->heap->domain[domain],
                                  (enum pab_domain)domain, kind};
        holds = pass_all(&test, 0);
    }
    return holds;
}

static bool decorators_pass(struct pab_check_run *run)
{
    static const struct layer_kind kinds[] = {
        {"faulty", 0, 0}, {"meter", 0, 0}, {"counting", 0, 0}, {"debug", 24, 16}};
    static struct pab_faulty faulty;
    static struct pab_meter meter;
    static struct pab_counting counting;
    static struct pab_debug debug;
    pab_faulty_attach(&faulty, run->heap);
    bool holds = pass_domains(run, &kinds[0]);
    pab_faulty_detach(&faulty);
    pab_meter_attach(&meter, run->heap);
    holds = holds && pass_domains(run, &kinds[1]);
    pab_meter_detach(&meter);
    if (pab_counting_attach(&counting, run->heap, NULL) == PAB_OK) {
        holds = holds && pass_domains(run, &kinds[2]);
        pab_counting_detach(&counting);
    }
    pab_debug_attach(&debug, run->heap, pab_debug_style_of(NULL));
    holds = holds && pass_domains(run, &kinds[3]);
    pab_debug_detach(&debug);
    return holds;
}

/* What pymalloc's pools do not serve reaches the raw domain as it was asked for. */
static bool pymalloc_passes(struct pab_check_run *run, const struct pab_pymalloc_geometry *geometry)
{
    static const struct layer_kind kind = {"pymalloc", 0, 0};
    struct pab_pymalloc *pm = NULL;
    const struct pab_alloc *raw = &run->heap->domain[PAB_DOMAIN_RAW];
    if (pab_pymalloc_create(&pm, geometry, raw, NULL, NULL) != PAB_OK) {
        return pab_wrong(run, "no second pymalloc could be made over the raw domain");
    }
    struct pab_alloc table = pab_pymalloc_table(pm);
    struct layer_test test = {run, &recorder, &table, PAB_DOMAIN_RAW, &kind};
    bool holds = pass_all(&test, geometry->threshold + 1);
    pab_pymalloc_destroy(pm);
    return holds;
}

/* --- adapters over C functions ---------------------------------------------------------------- */

/* What the functions below were called with. A block stands for any. */
static struct {
    uint64_t calls;
    size_t count, size;
    void *ptr;
    _Alignas(16) unsigned char block[16];
} c_calls;

static void *c_malloc(size_t size)
{
    c_calls.calls++;
    c_calls.size = size;
    return c_calls.block;
}

static void *c_calloc(size_t count, size_t size)
{
    c_calls.calls++;
    c_calls.count = count;
    c_calls.size = size;
    return c_calls.block;
}

static void *c_realloc(void *ptr, size_t size)
{
    c_calls.calls++;
    c_calls.ptr = ptr;
    c_calls.size = size;
    return c_calls.block;
}

static void c_free(void *ptr)
{
    c_calls.calls++;
    c_calls.ptr = ptr;
}

static bool expect_c(struct pab_check_run *run, const char *call, bool is_right)
{
    run->ops_done++;
    bool holds = is_right && c_calls.calls == 1;
    c_calls.calls = 0;
    return holds ||
           pab_wrong(run,
                     "the adapter of domain tables called %s with count %zu, size %zu, "
                     "block %p (%p is right)",
                     call, c_calls.count, c_calls.size, c_calls.ptr, (void *)c_calls.block);
}

/* Zero bytes are asked for as one, except of CPython's own functions, which do that themselves. */
static bool adapter_passes(struct pab_check_run *run, const struct pab_alloc *table, size_t zero)
{
    static const size_t sizes[] = {0, 1, 512, 513, 100000, PTRDIFF_MAX};
    void *block = c_calls.block;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        size_t wanted = sizes[i] == 0 ? zero : sizes[i];
        bool is_good = table->malloc(table->ctx, sizes[i]) == block &&
                       expect_c(run, "malloc", c_calls.size == wanted) &&
                       table->realloc(table->ctx, block, sizes[i]) == block &&
                       expect_c(run, "realloc", c_calls.size == wanted && c_calls.ptr == block) &&
                       table->calloc(table->ctx, 1, sizes[i]) == block &&
                       expect_c(run, "calloc", c_calls.size == wanted && c_calls.count == 1);
        table->free(table->ctx, block);
        if (!is_good || !expect_c(run, "free", c_calls.ptr == block)) {
            return pab_wrong(run, "the adapter did not give what the function gave");
        }
    }
    return true;
}

static bool adapters_pass(struct pab_check_run *run)
{
    struct pab_heap *heap = run->heap;
    size_t zero = (heap->backend->caps & PAB_CAP_C_API) != 0 ? 1 : 0;
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        struct pab_entry_points saved = heap->entry[domain];
        if (saved.malloc == NULL || heap->domain[domain].ctx != &heap->entry[domain]) {
            continue; /* no adapter, or one below hooks */
        }
        heap->entry[domain] =
            (struct pab_entry_points){c_malloc, c_calloc, c_realloc, c_free, saved.usable_size};
        holds = adapter_passes(run, &heap->domain[domain], zero);
        heap->entry[domain] = saved;
    }
    return holds;
}

static enum pab_verdict exact_run(struct pab_check_run *run)
{
    bool holds = adapters_pass(run);
    pab_recorder_attach(&recorder, run->heap);
    holds = holds && decorators_pass(run);
    bool is_pymalloc = strcmp(run->spec->backend->name, "pymalloc") == 0;
    if (is_pymalloc) {
        struct pab_pymalloc_geometry geometry = pab_pymalloc_spec_geometry(run->spec);
        holds = holds && pymalloc_passes(run, &geometry);
    }
    pab_recorder_detach(&recorder);
    pab_compared(run, "%" PRIu64 " calls through adapters, faulty, meter, counting and debug%s",
                 run->ops_done, is_pymalloc ? ", and pymalloc over its raw domain" : "");
    return pab_judge(run, holds);
}

/* --- PYM-09: put on and taken off ------------------------------------------------------------- */

static bool same_tables(const struct pab_alloc *a, const struct pab_alloc *b)
{
    return a->ctx == b->ctx && a->malloc == b->malloc && a->calloc == b->calloc &&
           a->realloc == b->realloc && a->free == b->free && a->usable_size == b->usable_size;
}

static bool expect_tables(struct pab_check_run *run, const struct pab_alloc *tables,
                          const char *when)
{
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        if (!same_tables(&run->heap->domain[domain], &tables[domain])) {
            return pab_wrong(run, "the table of domain %d is not what it was, %s", domain, when);
        }
    }
    return true;
}

/* Three calls through all layers: each has to see each call once. */
static bool call_through(struct pab_check_run *run, const struct pab_faulty *faulty,
                         const struct pab_meter *meter)
{
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_alloc *table = &run->heap->domain[domain];
        uint64_t below = recorder.calls;
        uint64_t middle = faulty->calls;
        uint64_t above = meter->calls;
        void *block = table->malloc(table->ctx, 40);
        block = block == NULL ? NULL : table->realloc(table->ctx, block, 90);
        table->free(table->ctx, block);
        run->ops_done += 3;
        if (block == NULL || recorder.calls != below + 3 || faulty->calls != middle + 2 ||
            meter->calls != above + 3) { /* faulty does not count free */
            return pab_wrong(run,
                             "of 3 calls in domain %d the lowest hook saw %" PRIu64
                             ", the next (of 2) %" PRIu64 ", the third %" PRIu64,
                             domain, recorder.calls - below, faulty->calls - middle,
                             meter->calls - above);
        }
    }
    return true;
}

static bool stack_hooks(struct pab_check_run *run)
{
    static struct pab_faulty faulty;
    static struct pab_meter meter;
    static struct pab_debug debug;
    struct pab_alloc levels[4][PAB_DOMAIN_COUNT];
    struct pab_heap *heap = run->heap;
    memcpy(levels[0], heap->domain, sizeof(heap->domain));
    pab_recorder_attach(&recorder, heap);
    memcpy(levels[1], heap->domain, sizeof(heap->domain));
    pab_faulty_attach(&faulty, heap);
    memcpy(levels[2], heap->domain, sizeof(heap->domain));
    pab_meter_attach(&meter, heap);
    memcpy(levels[3], heap->domain, sizeof(heap->domain));
    pab_debug_attach(&debug, heap, pab_debug_style_of(NULL));
    bool holds = call_through(run, &faulty, &meter);
    pab_debug_detach(&debug);
    holds = holds && expect_tables(run, levels[3], "with the debug hooks taken off");
    holds = holds && call_through(run, &faulty, &meter);
    pab_meter_detach(&meter);
    holds = holds && expect_tables(run, levels[2], "with the meter taken off");
    pab_faulty_detach(&faulty);
    holds = holds && expect_tables(run, levels[1], "with the faults taken off");
    pab_recorder_detach(&recorder);
    return holds && expect_tables(run, levels[0], "with all hooks taken off");
}

static enum pab_verdict stacked_run(struct pab_check_run *run)
{
    bool holds = true;
    for (int round = 0; holds && round < 2; round++) {
        holds = stack_hooks(run);
    }
    const struct pab_alloc *obj = &run->heap->domain[PAB_DOMAIN_OBJ];
    void *block = obj->malloc(obj->ctx, 100);
    holds = holds && (block != NULL || pab_wrong(run, "afterwards malloc(100) gave NULL"));
    obj->free(obj->ctx, block);
    pab_compared(run, "four hooks on each other, put on and taken off twice: %" PRIu64 " calls",
                 run->ops_done);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-08",
        .summary = "adapters and hooks pass every call on once, with its ctx and arguments",
        .source = "PEP 445; CPython Modules/_testcapi/mem.c, test_setallocators",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = exact_run,
    },
    {
        .id = "PYM-09",
        .summary = "hooks stack, and leave the tables as they were when taken off, twice",
        .source = "PEP 445; CPython Lib/test/test_capi/test_mem.py, test_set_nomemory",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = stacked_run,
    },
};

const struct pab_check_group pab_checks_hooks = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
