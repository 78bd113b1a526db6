/* Statistics against hand-computed values and published tables; tests/stats holds them to scipy. */
#include "harness/stats/stats.h"

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
        assert_int_equal(pab_signed_rank_critical(table[i].n, 0.95), table[i].t_plus_1);
    }
}

/* Beyond the exact range the normal approximation takes over: no jump at the seam. */
static void approximation_joins(void **state)
{
    (void)state;
    double exact = (double)pab_signed_rank_critical(100, 0.95);
    double approximate = (double)pab_signed_rank_critical(101, 0.95);
    double step = approximate - exact;
    assert_true(step > 0.5 * 39 && step < 1.5 * 39); /* d/dn of the critical value is about 39 */
}

static void hodges_lehmann_by_hand(void **state)
{
    (void)state;
    const double values[] = {1, 2, 4}; /* Walsh averages: 1 1.5 2 2.5 3 4 */
    struct pab_interval got = pab_hodges_lehmann(values, 3, 0.95);
    expect_near(got.estimate, 2.25);
    assert_false(got.has_interval);
    const double six[] = {6, 1, 5, 2, 4, 3};
    got = pab_hodges_lehmann(six, 6, 0.95);
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
        struct pab_interval got = pab_hodges_lehmann(values, COUNT(values), 0.95);
        covered += got.lo <= 7 && 7 <= got.hi;
    }
    assert_in_range(covered, 3770, 3860); /* 95.2 % +- 3 sigma */
}

/* Of 2^3 signs of the ranks 1, 2, 3 one gives W+ = 6 and one W+ = 5. */
static void signed_rank_by_hand(void **state)
{
    (void)state;
    const double all_above[] = {0, 1, 2, 4, 0};
    struct pab_test got = pab_signed_rank(all_above, COUNT(all_above), PAB_TAIL_GREATER);
    assert_true(got.exact);
    assert_int_equal(got.n, 3);
    expect_near(got.statistic, 6);
    expect_near(got.p, 1.0 / 8);
    expect_near(pab_signed_rank(all_above, COUNT(all_above), PAB_TAIL_BOTH).p, 2.0 / 8);
    expect_near(pab_signed_rank(all_above, COUNT(all_above), PAB_TAIL_LESS).p, 1);
    const double one_below[] = {-1, 2, 4};
    expect_near(pab_signed_rank(one_below, 3, PAB_TAIL_GREATER).p, 2.0 / 8);
    /* Ranks 1.5, 1.5, 3: W+ = 4.5 or 6 in three of the eight ways. */
    const double tied[] = {1, -1, 4};
    got = pab_signed_rank(tied, 3, PAB_TAIL_GREATER);
    expect_near(got.statistic, 4.5);
    expect_near(got.p, 3.0 / 8);
    const double zeros[] = {0, 0};
    got = pab_signed_rank(zeros, 2, PAB_TAIL_BOTH);
    assert_int_equal(got.n, 0);
    expect_near(got.p, 1);
}

/* Two hosts with ranks 1, 2 and 1: W+ = 4, in one of eight ways. */
static void strata_by_hand(void **state)
{
    (void)state;
    const double values[] = {1, 2, 300};
    const size_t counts[] = {2, 0, 1};
    struct pab_test got = pab_signed_rank_strata(values, counts, 3, PAB_TAIL_GREATER);
    expect_near(got.statistic, 4);
    expect_near(got.p, 1.0 / 8);
    const double against[] = {1, 2, -300};
    got = pab_signed_rank_strata(against, counts, 3, PAB_TAIL_GREATER);
    expect_near(got.statistic, 3);
    expect_near(got.p, 3.0 / 8); /* 3 = 1 + 2 of the first host, 2 + 1 of both; 4 */
}

/* x takes two of four places: one way of six has U = 4, one U = 3. */
static void rank_sum_by_hand(void **state)
{
    (void)state;
    const double x[] = {7, 9};
    const double y[] = {1, 8};
    struct pab_test got = pab_rank_sum(x, 2, y, 2, PAB_TAIL_GREATER);
    expect_near(got.statistic, 3);
    expect_near(got.p, 2.0 / 6);
    assert_true(got.exact);
    expect_near(pab_rank_sum(x, 2, y, 2, PAB_TAIL_LESS).p, 5.0 / 6);
    expect_near(pab_superiority(x, 2, y, 2), 0.75);
    struct pab_interval shift = pab_shift(x, 2, y, 2, 0.95); /* differences -1 1 6 8 */
    expect_near(shift.estimate, 3.5);
    assert_false(shift.has_interval);
    const double same[] = {1, 1};
    got = pab_rank_sum(same, 2, same, 2, PAB_TAIL_BOTH);
    assert_false(got.exact);
    expect_near(got.p, 1);
    expect_near(pab_superiority(same, 2, same, 2), 0.5);
}

static void many_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.04, 0.01, 0.03};
    double adjusted[3];
    pab_holm(p, 3, adjusted);
    expect_near(adjusted[0], 0.06); /* as much as 0.03, which comes before */
    expect_near(adjusted[1], 0.03);
    expect_near(adjusted[2], 0.06);
    pab_benjamini_hochberg(p, 3, adjusted);
    expect_near(adjusted[0], 0.04);
    expect_near(adjusted[1], 0.03);
    expect_near(adjusted[2], 0.04); /* 0.045, but no more than the next */
}

/* --- the suite -------------------------------------------------------------------------------- */

/* All rounds alike but one in ten: trimmed away, in the estimate and in most resamples. */
static void suite_ignores_a_few_wild_rounds(void **state)
{
    (void)state;
    double values[40];
    size_t n = COUNT(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = i % 20 == 0 ? 100 : 0.5;
    }
    struct pab_interval got = pab_suite_interval(values, &n, 1, 1, 0.95);
    expect_near(got.estimate, 0.5);
    values[0] = values[20] = 0.5;
    got = pab_suite_interval(values, &n, 1, 1, 0.95);
    assert_true(got.has_interval);
    expect_near(got.lo, 0.5);
    expect_near(got.hi, 0.5);
}

static void suite_needs_rounds(void **state)
{
    (void)state;
    double values[40];
    for (size_t i = 0; i < COUNT(values); i++) {
        values[i] = (double)i;
    }
    size_t counts[] = {PAB_SUITE_ROUNDS_MIN - 1};
    struct pab_interval got = pab_suite_interval(values, counts, 1, 1, 0.95);
    assert_false(got.has_interval);
    expect_near(got.estimate, 9);
    counts[0]++;
    assert_true(pab_suite_interval(values, counts, 1, 1, 0.95).has_interval);
    size_t uneven[] = {31, 9}; /* centres 15 and 35 */
    got = pab_suite_interval(values, uneven, 2, 1, 0.95);
    assert_false(got.has_interval);
    expect_near(got.estimate, 25);
}

/* The same seed, the same interval, whatever the order of the rounds; another seed, another. */
static void suite_follows_its_seed(void **state)
{
    (void)state;
    struct pab_rng rng;
    pab_rng_seed(&rng, 3);
    double values[30];
    double reversed[30];
    size_t n = COUNT(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = pab_rng_unit(&rng);
        reversed[n - 1 - i] = values[i];
    }
    struct pab_interval got = pab_suite_interval(values, &n, 1, 7, 0.95);
    struct pab_interval again = pab_suite_interval(reversed, &n, 1, 7, 0.95);
    struct pab_interval other = pab_suite_interval(values, &n, 1, 8, 0.95);
    assert_true(got.lo < got.estimate && got.estimate < got.hi);
    assert_true(got.lo == again.lo && got.hi == again.hi);
    assert_true(got.lo != other.lo && fabs(got.lo - other.lo) < 0.02);
}

/* --- power ------------------------------------------------------------------------------------ */

static void power_by_hand(void **state)
{
    (void)state;
    const double z95 = 1.6448536269514722;
    struct pab_interval interval = {.lo = -z95, .hi = z95, .has_interval = true};
    expect_near(pab_standard_error(&interval, 0.9), 1);
    /* A bar at 1.645 standard errors, passed in half the cases by an effect of that size. */
    expect_near(pab_detectable_effect(1, 0, 0.05, 0.95), 2 * z95);
    expect_near(pab_detection_power(z95, 1, 0, 0.05), 0.5);
    expect_near(pab_detection_power(z95 + 10, 1, 10, 0.05), 0.95); /* the floor is the bar */
    interval.has_interval = false;
    assert_true(isnan(pab_standard_error(&interval, 0.9)));
    assert_true(isnan(pab_detectable_effect(NAN, 0, 0.05, 0.9)));
}

static void heterogeneity_by_hand(void **state)
{
    (void)state;
    const double half = 1.959963984540054; /* standard error 1 */
    struct pab_interval hosts[] = {{0, -half, half, true}, {2, 2 - half, 2 + half, true}};
    expect_near(pab_heterogeneity(hosts, 2, 0.95), 0.15729920705028513); /* Q = 2, 1 degree */
    expect_near(pab_heterogeneity(hosts, 1, 0.95), 1);
    hosts[1].has_interval = false;
    expect_near(pab_heterogeneity(hosts, 2, 0.95), 1);
    struct pab_interval certain[] = {{1, 1, 1, true}, {2, 2, 2, true}};
    expect_near(pab_heterogeneity(certain, 2, 0.95), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(critical_values),
        cmocka_unit_test(approximation_joins),
        cmocka_unit_test(hodges_lehmann_by_hand),
        cmocka_unit_test(interval_covers),
        cmocka_unit_test(signed_rank_by_hand),
        cmocka_unit_test(strata_by_hand),
        cmocka_unit_test(rank_sum_by_hand),
        cmocka_unit_test(many_by_hand),
        cmocka_unit_test(suite_ignores_a_few_wild_rounds),
        cmocka_unit_test(suite_needs_rounds),
        cmocka_unit_test(suite_follows_its_seed),
        cmocka_unit_test(power_by_hand),
        cmocka_unit_test(heterogeneity_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
