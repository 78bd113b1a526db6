/* Statistics against hand-computed values, brute force and published tables. */
#include "harness/stats.h"

#include "workloads/support/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-12 * (1 + fabs(wanted)))) {
        fail_msg("got %.17g, wanted %.17g", got, wanted);
    }
}

static void medians(void **state)
{
    (void)state;
    double one[] = {3};
    double odd[] = {5, 1, 4};
    double even[] = {4, 1, 3, 2};
    double spread[] = {1, 1, 2, 2, 4, 6, 9};
    expect_near(pab_median(one, 1), 3);
    expect_near(pab_median(odd, 3), 4);
    expect_near(pab_median(even, 4), 2.5);
    expect_near(pab_mad(spread, COUNT(spread)), 1); /* |x - 2|: 1 1 0 0 2 4 7 */
}

/* Published critical values T of the two-sided 5 % signed-rank test: P(W+ <= T) <= 0.025; ours is
 * T + 1. (Wilcoxon and Wilcox, Some Rapid Approximate Statistical Procedures, 1964.) */
static void critical_values(void **state)
{
    (void)state;
    static const struct {
        size_t n, t_plus_1;
    } table[] = {{5, 0},   {6, 1},   {7, 3},   {8, 4},   {9, 6},    {10, 9},
                 {12, 14}, {15, 26}, {20, 53}, {25, 90}, {30, 138}, {50, 435}};
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(pab_signed_rank_critical(table[i].n), table[i].t_plus_1);
    }
}

/* Beyond the exact range the normal approximation takes over: no jump at the seam. */
static void approximation_joins(void **state)
{
    (void)state;
    double exact = (double)pab_signed_rank_critical(100);
    double approximate = (double)pab_signed_rank_critical(101);
    double step = approximate - exact;
    assert_true(step > 0.5 * 39 && step < 1.5 * 39); /* d/dn of the critical value is about 39 */
}

static void hodges_lehmann_by_hand(void **state)
{
    (void)state;
    const double values[] = {1, 2, 4}; /* Walsh averages: 1 1.5 2 2.5 3 4 */
    struct pab_interval got = pab_hodges_lehmann(values, 3);
    expect_near(got.estimate, 2.25);
    assert_false(got.has_interval);
    const double six[] = {6, 1, 5, 2, 4, 3};
    got = pab_hodges_lehmann(six, 6);
    expect_near(got.estimate, 3.5);
    assert_true(got.has_interval);
    expect_near(got.lo, 1); /* k = 1: the extreme Walsh averages */
    expect_near(got.hi, 6);
}

/* The interval must cover the true centre in at least 95 % of random cases, and not in nearly
 * all: an interval that is much too wide is wrong too. */
static void interval_covers(void **state)
{
    (void)state;
    struct pab_rng rng;
    pab_rng_seed(&rng, 5);
    int covered = 0;
    for (int trial = 0; trial < 4000; trial++) {
        double values[20];
        for (size_t i = 0; i < COUNT(values); i++) {
            values[i] = 7 + pab_rng_unit(&rng) - pab_rng_unit(&rng); /* symmetric about 7 */
        }
        struct pab_interval got = pab_hodges_lehmann(values, COUNT(values));
        covered += got.lo <= 7 && 7 <= got.hi;
    }
    assert_in_range(covered, 3770, 3860); /* 95.2 % +- 3 sigma */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(critical_values),
        cmocka_unit_test(approximation_joins),
        cmocka_unit_test(hodges_lehmann_by_hand),
        cmocka_unit_test(interval_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
