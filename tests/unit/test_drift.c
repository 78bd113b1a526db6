/* harness/drift.h: growth from body to body is found, steps and noise are none. */
#include "harness/drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT 36

static uint64_t points[COUNT];

static void nothing_grows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = 5000000;
    }
    struct pab_drift drift = pab_drift_of(points, COUNT);
    assert_true(drift.slope == 0.0 && drift.upper == 0.0);
}

static void a_line_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = 1000000 + 4096 * i;
    }
    struct pab_drift drift = pab_drift_of(points, COUNT);
    assert_true(drift.slope == 4096.0 && drift.upper == 4096.0);
}

/* Least squares would give 5 points of 1 MiB more at the end a slope of some 15 KiB. */
static void a_step_is_no_slope(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = i < COUNT - 5 ? 1000000 : 2048576;
    }
    assert_true(pab_drift_of(points, COUNT).slope == 0.0);
}

static void noise_widens_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = 1000000 + i * 7919 % 13 * 4096;
    }
    struct pab_drift noisy = pab_drift_of(points, COUNT);
    assert_true(noisy.slope < 300 && noisy.slope > -300);
    assert_true(noisy.upper > 0 && noisy.upper < 1500);
    for (size_t i = 0; i < COUNT; i++) {
        points[i] += 4096 * i;
    }
    struct pab_drift both = pab_drift_of(points, COUNT);
    assert_true(both.slope > 3500 && both.slope < 4700 && both.upper > both.slope);
}

static void shrinking_is_negative(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = 1000000 - 100 * i;
    }
    assert_true(pab_drift_of(points, COUNT).upper == -100.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_grows),         cmocka_unit_test(a_line_is_found),
        cmocka_unit_test(a_step_is_no_slope),    cmocka_unit_test(noise_widens_the_bound),
        cmocka_unit_test(shrinking_is_negative),
    };
    return cmocka_run_group_tests_name("drift", tests, NULL, NULL);
}
