/* harness/age.h: the litter has the sizes, the domains and the share that were asked for. */
#include "harness/age.h"

#include "allocators/decorate/counting.h"
#include "allocators/spec.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(a_young_heap_is_left_alone),
        cmocka_unit_test(classes_hold_their_sizes),
    };
    return cmocka_run_group_tests_name("age", tests, open_heap, NULL);
}
