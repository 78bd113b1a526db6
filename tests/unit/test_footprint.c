/* Footprint figures from hand-made curves. */
#include "harness/footprint.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static const struct pab_curve_point demand_points[] = {
    {.calls = 10, .bytes = 20 * MIB},
    {.calls = 20, .bytes = 40 * MIB},
    {.calls = 30, .bytes = 10 * MIB},
};
static const struct pab_curve demand = {demand_points, 3};

static const struct pab_curve_point rss_points[] = {
    {.calls = 10, .t_ns = 1000000000, .bytes = 34 * MIB, .usable = 25 * MIB},
    {.calls = 20, .t_ns = 2000000000, .bytes = 64 * MIB, .usable = 50 * MIB},
    {.calls = 30, .t_ns = 4000000000, .bytes = 54 * MIB, .usable = 12 * MIB},
};
static const struct pab_curve rss = {rss_points, 3};

static const struct pab_memory_sample sample = {.r0_bytes = 4 * MIB, .peak_rss_bytes = 64 * MIB};

static void expect_near(struct pab_figure got, double wanted)
{
    assert_true(got.has);
    if (!(fabs(got.value - wanted) <= 1e-12)) {
        fail_msg("got %.17g, wanted %.17g", got.value, wanted);
    }
}

static void demand_is_looked_up_by_calls(void **state)
{
    (void)state;
    assert_int_equal(pab_curve_at(demand, 9), 0);
    assert_int_equal(pab_curve_at(demand, 10), 20 * MIB);
    assert_int_equal(pab_curve_at(demand, 29), 40 * MIB);
    assert_int_equal(pab_curve_at(demand, 1000), 10 * MIB);
    assert_int_equal(pab_curve_at((struct pab_curve){0}, 5), 0);
}

static void figures(void **state)
{
    (void)state;
    expect_near(pab_footprint_peak(&sample, 40 * MIB), 60.0 / 40.0);
    /* second 1..2: R 60, q 40; seconds 2..4: R 50, q 10 */
    expect_near(pab_footprint_time(&sample, rss, demand), (60.0 + 2 * 50.0) / (40.0 + 2 * 10.0));
    expect_near(pab_footprint_retained(&sample, 19 * MIB, 40 * MIB), 15.0 / 60.0);
    expect_near(pab_footprint_retained(&sample, 1 * MIB, 40 * MIB), 0.0); /* below R0 is not < 0 */
    expect_near(pab_footprint_internal(rss, demand), 1.0 - 40.0 / 50.0);
}

static void small_heaps_have_no_ratio(void **state)
{
    (void)state;
    uint64_t live = PAB_FOOTPRINT_LIVE_MIN - 1;
    assert_false(pab_footprint_peak(&sample, live).has);
    assert_false(pab_footprint_retained(&sample, 19 * MIB, live).has);
    const struct pab_curve small = {demand_points, 1};
    assert_false(pab_footprint_time(&sample, rss, small).has);
}

static void unknown_usable_has_no_figure(void **state)
{
    (void)state;
    const struct pab_curve_point silent[] = {{.calls = 20, .bytes = 64 * MIB}};
    assert_false(pab_footprint_internal((struct pab_curve){silent, 1}, demand).has);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demand_is_looked_up_by_calls),
        cmocka_unit_test(figures),
        cmocka_unit_test(small_heaps_have_no_ratio),
        cmocka_unit_test(unknown_usable_has_no_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
