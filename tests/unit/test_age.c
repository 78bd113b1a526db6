/* harness/age.h: the litter has the sizes, the domains and the share that were asked for. */
#include "harness/age.h"

#include "allocators/decorate/counting.h"
#include "allocators/spec.h"
#include "harness/collector.h"
#include "harness/sample.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static struct pab_spec *spec;
static struct pab_heap heap;
static struct pab_counting counting;

static int open_heap(void **state)
{
    (void)state;
    struct pab_error err;
    assert_int_equal(pab_spec_parse("pymalloc", &spec, &err), PAB_OK);
    assert_int_equal(pab_heap_open(&heap, spec, &err), PAB_OK);
    return 0;
}

/* Ages the heap; what is left, of 4 MiB, is that many per cent. */
static void expect_share(unsigned percent)
{
    struct pab_error err;
    struct pab_sizes sizes = {0};
    sizes.blocks[PAB_DOMAIN_OBJ][pab_size_class(100)] = 300;
    sizes.blocks[PAB_DOMAIN_MEM][pab_size_class(3000)] = 100;
    sizes.blocks[PAB_DOMAIN_RAW][pab_size_class(MIB)] = 1000000; /* too large for litter */
    struct pab_age age = pab_age_of(percent, 4 * MIB, &sizes);
    assert_int_equal(pab_counting_attach(&counting, &heap, &err), PAB_OK);
    assert_int_equal(pab_age_heap(&heap, &age, 1, &err), PAB_OK);
    const struct pab_counts *counts = &counting.counts;
    uint64_t wanted = 4 * MIB / 100 * percent;
    assert_in_range(counts->peak_bytes, 4 * MIB, 4 * MIB + 4096);
    assert_in_range(counts->live_bytes, wanted - 8192, wanted + 8192);
    uint64_t obj = counts->sizes.blocks[PAB_DOMAIN_OBJ][6];  /* 97 to 112 bytes */
    uint64_t mem = counts->sizes.blocks[PAB_DOMAIN_MEM][34]; /* 2049 to 4096 */
    assert_int_equal(counts->calls[PAB_DOMAIN_RAW][PAB_CALL_MALLOC], 0);
    assert_int_equal(obj + mem, counts->calls[PAB_DOMAIN_OBJ][PAB_CALL_MALLOC] +
                                    counts->calls[PAB_DOMAIN_MEM][PAB_CALL_MALLOC]);
    assert_in_range(obj, 5 * mem / 2, 7 * mem / 2);
    pab_counting_detach(&counting);
}

static void shares_are_kept(void **state)
{
    (void)state;
    expect_share(25);
    expect_share(50);
    expect_share(90);
}

static void a_young_heap_is_left_alone(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_sizes sizes = {0};
    struct pab_age nothing = pab_age_of(50, 4 * MIB, &sizes);
    sizes.blocks[PAB_DOMAIN_OBJ][0] = 1;
    struct pab_age young = pab_age_of(0, 4 * MIB, &sizes);
    assert_int_equal(pab_counting_attach(&counting, &heap, &err), PAB_OK);
    assert_int_equal(pab_age_heap(&heap, &young, 1, &err), PAB_OK);
    assert_int_equal(pab_age_heap(&heap, &nothing, 1, &err), PAB_OK);
    assert_int_equal(counting.counts.calls_total, 0);
    pab_counting_detach(&counting);
}

static void classes_hold_their_sizes(void **state)
{
    (void)state;
    for (size_t size = 1; size < 100000; size++) {
        unsigned found = pab_size_class(size);
        assert_true(size <= pab_size_class_top(found));
        assert_true(found == 0 || size > pab_size_class_top(found - 1));
    }
    assert_int_equal(pab_size_class(0), 0);
    assert_int_equal(pab_size_class(SIZE_MAX), PAB_SIZE_CLASSES - 1);
    assert_int_equal(pab_size_class_top(PAB_AGE_CLASSES - 1), 65536);
}

static void expect_same_litter(const struct pab_demand *was, const struct pab_demand *is)
{
    struct pab_age first = pab_age_of(50, was->peak_live_bytes, &was->sizes);
    struct pab_age later = pab_age_of(50, is->peak_live_bytes, &is->sizes);
    assert_true(first.bytes > 0);
    assert_memory_equal(&first, &later, sizeof(first));
}

/* What litter follows from is in the journal: a run that is resumed makes the same. */
static void a_resumed_run_knows_the_litter(void **state)
{
    (void)state;
    static struct pab_demand_known known, read;
    static struct pab_gc_variants variants = {.count = 1};
    struct pab_planned_workload planned = {
        .workload = pab_workload_find("sawtooth"), .id = "sawtooth:age=50", .age_percent = 50};
    known.memory = (struct pab_demand){.calls = 9, .tick_calls = 1, .peak_live_bytes = 40 * MIB};
    known.time = (struct pab_demand){.calls = 5, .tick_calls = 1, .peak_live_bytes = MIB};
    known.memory.sizes.blocks[PAB_DOMAIN_OBJ][4] = 7;
    known.memory.sizes.blocks[PAB_DOMAIN_RAW][40] = 3;
    known.time.sizes.blocks[PAB_DOMAIN_MEM][2] = 11;
    json_t *json = pab_workload_to_json(&planned, &variants, &known);
    assert_true(pab_workload_from_json(json, &variants, &read));
    json_decref(json);
    expect_same_litter(&known.memory, &read.memory);
    expect_same_litter(&known.time, &read.time);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(a_young_heap_is_left_alone),
        cmocka_unit_test(classes_hold_their_sizes),
        cmocka_unit_test(a_resumed_run_knows_the_litter),
    };
    return cmocka_run_group_tests_name("age", tests, open_heap, NULL);
}
