/* Every workload of the registry keeps the contract of workloads/workload.h: the same requests
 * and the same checksum on every heap, phases in order, an empty heap at the end. */
#include "allocators/os_pages.h"
#include "workloads/pyobj/pyobj.h"
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- two heaps that count, of very different addresses -------------------------------------- */

/* Before each block. */
struct block {
    uint64_t size;
    uint64_t domain;
};
static_assert(sizeof(struct block) == 16, "blocks stay aligned to 16");

#define BUMP_BYTES ((size_t)1 << 34)
#define DEAD_BYTE  0xdb

enum call { CALL_MALLOC, CALL_CALLOC, CALL_REALLOC, CALL_FREE };

struct counting_heap;

struct domain {
    struct counting_heap *owner;
    enum pab_domain domain;
};

struct counting_heap {
    struct pab_heap heap;
    struct domain domains[PAB_DOMAIN_COUNT];
    unsigned char *bump, *bump_next; /* NULL: blocks come from malloc */
    uint64_t live_blocks, live_bytes, peak_bytes;
    uint64_t requests, request_hash;
};

static void count_request(struct domain *domain, enum call call, size_t size)
{
    struct counting_heap *owner = domain->owner;
    owner->requests++;
    owner->request_hash = pab_checksum_add(owner->request_hash, (uint64_t)domain->domain);
    owner->request_hash = pab_checksum_add(owner->request_hash, (uint64_t)call);
    owner->request_hash = pab_checksum_add(owner->request_hash, size);
}

static void *take_block(struct domain *domain, size_t size, int fill)
{
    struct counting_heap *owner = domain->owner;
    size_t bytes = sizeof(struct block) + (size == 0 ? 1 : size);
    struct block *block;
    if (owner->bump == NULL) {
        block = malloc(bytes);
        assert_non_null(block);
    } else {
        block = (struct block *)owner->bump_next;
        owner->bump_next += (bytes + 31) & ~(size_t)15;
        assert_true((size_t)(owner->bump_next - owner->bump) < BUMP_BYTES);
    }
    *block = (struct block){.size = size, .domain = (uint64_t)domain->domain};
    memset(block + 1, fill, size);
    owner->live_blocks++;
    owner->live_bytes += size;
    if (owner->live_bytes > owner->peak_bytes) {
        owner->peak_bytes = owner->live_bytes;
    }
    return block + 1;
}

static void give_block(struct domain *domain, void *ptr)
{
    struct counting_heap *owner = domain->owner;
    struct block *block = (struct block *)ptr - 1;
    assert_int_equal(block->domain, domain->domain); /* given back to the domain that made it */
    owner->live_blocks--;
    owner->live_bytes -= block->size;
    memset(ptr, DEAD_BYTE, block->size);
    block->domain = UINT64_MAX; /* a second free is caught */
    if (owner->bump == NULL) {
        free(block);
    }
}

static void *counting_malloc(void *ctx, size_t size)
{
    count_request(ctx, CALL_MALLOC, size);
    return take_block(ctx, size, 0xcd);
}

static void *counting_calloc(void *ctx, size_t count, size_t size)
{
    count_request(ctx, CALL_CALLOC, count * size);
    return take_block(ctx, count * size, 0);
}

static void counting_free(void *ctx, void *ptr)
{
    if (ptr != NULL) {
        count_request(ctx, CALL_FREE, ((struct block *)ptr - 1)->size);
        give_block(ctx, ptr);
    }
}

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    count_request(ctx, CALL_REALLOC, size);
    void *moved = take_block(ctx, size, 0xcd);
    if (ptr != NULL) {
        size_t kept = ((struct block *)ptr - 1)->size;
        memcpy(moved, ptr, kept < size ? kept : size);
        give_block(ctx, ptr);
    }
    return moved;
}

static void open_heap(struct counting_heap *heap, bool bump)
{
    *heap = (struct counting_heap){0};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        heap->domains[i] = (struct domain){.owner = heap, .domain = (enum pab_domain)i};
        heap->heap.domain[i] = (struct pab_alloc){
            .ctx = &heap->domains[i],
            .malloc = counting_malloc,
            .calloc = counting_calloc,
            .realloc = counting_realloc,
            .free = counting_free,
        };
    }
    if (bump) {
        size_t bytes = BUMP_BYTES;
        heap->bump = pab_pages_reserve(&bytes, BUMP_BYTES);
        assert_non_null(heap->bump);
        assert_true(pab_pages_commit(heap->bump, BUMP_BYTES));
        heap->bump_next = heap->bump;
    }
}

static void close_heap(struct counting_heap *heap)
{
    if (heap->bump != NULL) {
        pab_pages_release(heap->bump, BUMP_BYTES);
    }
}

/* --- one run of one workload ---------------------------------------------------------------- */

enum size { TINY, TIME_PASS, MEMORY_PASS };

struct outcome {
    uint64_t checksum, op_count, requests, request_hash, peak_bytes;
    uint64_t live_at[PAB_PHASE_COUNT]; /* bytes */
    int phases_seen;
    bool phases_in_order;
};

struct cell {
    struct counting_heap heap;
    struct outcome outcome;
};

static void observe_phase(struct pab_run *run, enum pab_phase phase)
{
    struct cell *cell = run->observer;
    struct outcome *outcome = &cell->outcome;
    outcome->phases_in_order = outcome->phases_in_order && outcome->phases_seen == (int)phase;
    outcome->phases_seen++;
    outcome->live_at[phase] = cell->heap.live_bytes;
    if (phase == PAB_PHASE_END) {
        assert_int_equal(cell->heap.live_blocks, 0);
        assert_int_equal(cell->heap.live_bytes, 0);
        assert_int_equal(pab_py_live_objects(), 0);
    }
}

static void fill_params(const struct pab_workload *workload, enum size size, uint64_t *params)
{
    for (int i = 0; workload->params != NULL && workload->params[i].name != NULL; i++) {
        const struct pab_param *param = &workload->params[i];
        uint64_t memory_value = param->memory_value != 0 ? param->memory_value : param->value;
        params[i] = size == TINY ? param->min : size == TIME_PASS ? param->value : memory_value;
    }
}

static void run_body(const struct pab_workload *workload, struct pab_run *run, struct cell *cell)
{
    cell->outcome = (struct outcome){.phases_in_order = true};
    cell->heap.requests = 0;
    cell->heap.request_hash = 0;
    cell->heap.peak_bytes = 0;
    workload->body(run);
    cell->outcome.checksum = run->checksum;
    cell->outcome.op_count = run->op_count;
    cell->outcome.requests = cell->heap.requests;
    cell->outcome.request_hash = cell->heap.request_hash;
    cell->outcome.peak_bytes = cell->heap.peak_bytes;
}

static void assert_alike(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->checksum, b->checksum);
    assert_int_equal(a->op_count, b->op_count);
    assert_int_equal(a->requests, b->requests);
    assert_int_equal(a->request_hash, b->request_hash);
    assert_int_equal(a->peak_bytes, b->peak_bytes);
}

/* Bodies after one setup, which have to be alike. */
static struct outcome run_bodies(const struct pab_workload *workload, const uint64_t *params,
                                 uint64_t seed, bool bump, int bodies)
{
    static struct cell cell;
    open_heap(&cell.heap, bump);
    struct pab_inputs inputs;
    assert_int_equal(pab_inputs_init(&inputs, (size_t)1 << 32, NULL), PAB_OK);
    struct pab_run run = {
        .heap = &cell.heap.heap,
        .inputs = &inputs,
        .seed = seed,
        .params = params,
        .on_phase = observe_phase,
        .observer = &cell,
    };
    assert_int_equal(workload->setup(&run, NULL), PAB_OK);
    assert_int_equal(cell.heap.requests, 0); /* setup leaves the heap alone */
    run_body(workload, &run, &cell);
    struct outcome first = cell.outcome;
    for (int i = 1; i < bodies; i++) {
        run_body(workload, &run, &cell);
        assert_alike(&first, &cell.outcome);
    }
    pab_inputs_fini(&inputs);
    close_heap(&cell.heap);
    return first;
}

static struct outcome run_workload(const struct pab_workload *workload, const uint64_t *params,
                                   uint64_t seed, bool bump)
{
    return run_bodies(workload, params, seed, bump, 2);
}

static struct outcome run_size(const struct pab_workload *workload, enum size size, uint64_t seed,
                               bool bump)
{
    uint64_t params[PAB_PARAMS_MAX] = {0};
    fill_params(workload, size, params);
    print_message("%s: size %d, seed %d, %s\n", workload->name, (int)size, (int)seed,
                  bump ? "bump heap" : "malloc heap");
    return run_bodies(workload, params, seed, bump, size == MEMORY_PASS ? 1 : 2);
}

/* --- the tests ------------------------------------------------------------------------------- */

static void registry_finds_what_it_lists(void **state)
{
    (void)state;
    assert_true(pab_workload_count() > 0);
    assert_null(pab_workload_find("no_such_workload"));
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        assert_ptr_equal(pab_workload_find(workload->name), workload);
    }
}

static void descriptions_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        assert_true(strlen(workload->summary) > 0 && strlen(workload->summary) < 80);
        assert_true(strlen(workload->models) > 0);
        assert_true(strlen(workload->unit) > 0);
        assert_non_null(workload->body);
        int count = 0;
        for (const struct pab_param *p = workload->params; p != NULL && p->name != NULL; p++) {
            assert_true(strlen(p->summary) > 0 && strlen(p->unit) > 0);
            assert_in_range(p->value, p->min, p->max);
            assert_true(p->memory_value == 0 || p->memory_value >= p->min);
            assert_true(p->memory_value <= p->max);
            count++;
        }
        assert_true(count <= PAB_PARAMS_MAX);
    }
}

static char readme[32768]; /* workloads/README.md */

static void read_readme(void)
{
    FILE *file = fopen(PAB_SOURCE_DIR "/workloads/README.md", "r");
    assert_non_null(file);
    size_t bytes = fread(readme, 1, sizeof(readme) - 1, file);
    assert_in_range(bytes, 1, sizeof(readme) - 2);
    readme[bytes] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void expect_row(const char *workload, const struct pab_param *param)
{
    uint64_t memory_value = param->memory_value != 0 ? param->memory_value : param->value;
    char row[160];
    snprintf(row, sizeof(row), "\n| `%s` | `%s` | %llu | %llu |", workload, param->name,
             (unsigned long long)param->value, (unsigned long long)memory_value);
    if (strstr(readme, row) == NULL) {
        fail_msg("README.md lacks the row:%s", row);
    }
}

/* Its table of parameters has a row for each, with the defaults that hold. */
static void readme_tells_the_parameters(void **state)
{
    (void)state;
    read_readme();
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        for (const struct pab_param *p = workload->params; p != NULL && p->name != NULL; p++) {
            expect_row(workload->name, p);
        }
    }
}

static void phases_come_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        struct outcome outcome = run_size(pab_workload_at(i), TIME_PASS, 1, false);
        assert_true(outcome.phases_in_order);
        assert_int_equal(outcome.phases_seen, PAB_PHASE_COUNT);
        assert_int_equal(outcome.live_at[PAB_PHASE_BUILD], 0);
        /* What is built stays for the steady phase, and is what the drain gives up. */
        assert_true(outcome.live_at[PAB_PHASE_STEADY] > outcome.peak_bytes / 3);
        assert_true(outcome.live_at[PAB_PHASE_DRAIN] > outcome.peak_bytes / 3);
        assert_true(outcome.op_count > 0);
        assert_true(outcome.requests > 0);
    }
}

static void heaps_do_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        for (enum size size = TINY; size <= TIME_PASS; size++) {
            struct outcome a = run_size(pab_workload_at(i), size, 1, false);
            struct outcome b = run_size(pab_workload_at(i), size, 1, true);
            assert_alike(&a, &b);
        }
    }
}

static void seeds_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        for (enum size size = TINY; size <= TIME_PASS; size++) {
            struct outcome a = run_size(pab_workload_at(i), size, 1, false);
            struct outcome b = run_size(pab_workload_at(i), size, 2, false);
            assert_int_not_equal(a.checksum, b.checksum);
            assert_int_not_equal(a.request_hash, b.request_hash);
        }
    }
}

static bool is_share(const struct pab_param *param)
{
    return strcmp(param->unit, "1/1000") == 0;
}

static void compare_ends_of_share(const struct pab_workload *workload, int share)
{
    uint64_t params[PAB_PARAMS_MAX] = {0};
    fill_params(workload, TIME_PASS, params);
    print_message("%s: %s from end to end\n", workload->name, workload->params[share].name);
    params[share] = workload->params[share].max;
    struct outcome all = run_workload(workload, params, 1, false);
    params[share] = workload->params[share].min;
    struct outcome none = run_workload(workload, params, 1, false);
    assert_int_not_equal(all.checksum, none.checksum);
}

/* Each share may be anything from none to all. */
static void shares_go_from_end_to_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        for (int k = 0; workload->params != NULL && workload->params[k].name != NULL; k++) {
            if (is_share(&workload->params[k])) {
                compare_ends_of_share(workload, k);
            }
        }
    }
}

static void compare_ways(const struct pab_workload *workload, int choice)
{
    uint64_t params[PAB_PARAMS_MAX] = {0};
    fill_params(workload, TIME_PASS, params);
    print_message("%s: %s or not\n", workload->name, workload->params[choice].name);
    params[choice] = 0;
    struct outcome without = run_workload(workload, params, 1, false);
    params[choice] = 1;
    struct outcome with = run_workload(workload, params, 1, false);
    assert_int_equal(without.checksum, with.checksum);
    assert_int_equal(without.op_count, with.op_count);
    assert_int_not_equal(without.request_hash, with.request_hash);
}

/* A choice between two ways: the same result by other requests. */
static void ways_lead_to_one_result(void **state)
{
    (void)state;
    int choices = 0;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        for (int k = 0; workload->params != NULL && workload->params[k].name != NULL; k++) {
            if (strcmp(workload->params[k].unit, PAB_PARAM_WAYS) == 0) {
                compare_ways(workload, k);
                choices++;
            }
        }
    }
    assert_true(choices > 0);
}

static void memory_pass_is_large_enough(void **state)
{
    (void)state;
    if (PAB_CHECK_LEVEL > 0) {
        skip(); /* requests are the same in every build, and minutes where each is checked */
    }
    for (size_t i = 0; i < pab_workload_count(); i++) {
        struct outcome outcome = run_size(pab_workload_at(i), MEMORY_PASS, 1, false);
        print_message("  peak %.1f MiB\n", (double)outcome.peak_bytes / 0x1p20);
        assert_in_range(outcome.peak_bytes, (uint64_t)32 << 20, (uint64_t)96 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_finds_what_it_lists), cmocka_unit_test(descriptions_are_complete),
        cmocka_unit_test(readme_tells_the_parameters),  cmocka_unit_test(phases_come_in_order),
        cmocka_unit_test(heaps_do_not_matter),          cmocka_unit_test(seeds_matter),
        cmocka_unit_test(shares_go_from_end_to_end),    cmocka_unit_test(ways_lead_to_one_result),
        cmocka_unit_test(memory_pass_is_large_enough),
    };
    return cmocka_run_group_tests_name("workloads", tests, NULL, NULL);
}
