/* Answers statistics over vectors: one request a line on standard input, one line of numbers with
 * 17 digits each on standard output. A request is a word and numbers, a vector its length and its
 * values; agree.py and simulate.py write them.
 *
 *   one VECTOR                          median mad trimmed(0, 10, 25 %) quantiles(0, ..., 1)
 *   signed_rank COUNTS VECTOR           for each tail W+ p n exact; of COUNTS, the strata
 *   hodges_lehmann LEVEL VECTOR         has estimate lo hi
 *   critical LEVEL N                    k
 *   rank_sum X Y                        for each tail U p n exact; then superiority
 *   shift LEVEL X Y                     has estimate lo hi
 *   suite SEED LEVEL COUNTS VECTOR      has estimate lo hi
 *   many P                              Holm's and Benjamini and Hochberg's p
 *   normal Z                            distribution function of each
 *   quantile P                          normal quantile of each
 *   power LEVEL FLOOR ALPHA POWER LO HI EFFECT       error detectable power
 *   hosts LEVEL ESTIMATES LOS HIS       p of heterogeneity; an interval from above to below is none
 */
#include "harness/stats/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double cuts[] = {0, 0.1, 0.25};
static const double quantiles[] = {0, 0.01, 0.25, 1.0 / 3, 0.5, 0.9, 0.999, 1};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

_Noreturn static void refuse(const char *why)
{
    fprintf(stderr, "pab_stats_driver: %s\n", why);
    exit(2);
}

static double read_number(void)
{
    char word[64];
    if (scanf("%63s", word) != 1) {
        refuse("a number is missing");
    }
    return strtod(word, NULL);
}

struct vector {
    double *at;
    size_t n;
};

static struct vector read_vector(void)
{
    struct vector out = {.n = (size_t)read_number()};
    out.at = calloc(out.n + 1, sizeof(*out.at));
    if (out.at == NULL) {
        refuse("no memory");
    }
    for (size_t i = 0; i < out.n; i++) {
        out.at[i] = read_number();
    }
    return out;
}

/* As many counts as the vector has values. */
static size_t *counts_of(const struct vector *vector)
{
    size_t *counts = calloc(vector->n + 1, sizeof(*counts));
    if (counts == NULL) {
        refuse("no memory");
    }
    for (size_t i = 0; i < vector->n; i++) {
        counts[i] = (size_t)vector->at[i];
    }
    return counts;
}

static void print(double value)
{
    printf("%.17g ", value);
}

static void print_interval(struct pab_interval interval)
{
    print(interval.has_interval);
    print(interval.estimate);
    print(interval.lo);
    print(interval.hi);
}

static void print_test(struct pab_test test)
{
    print(test.statistic);
    print(test.p);
    print((double)test.n);
    print(test.exact);
}

static void answer_one(void)
{
    struct vector v = read_vector();
    print(pab_median(v.at, v.n));
    for (size_t i = 0; i < COUNT(cuts); i++) {
        print(pab_trimmed_mean(v.at, v.n, cuts[i]));
    }
    for (size_t i = 0; i < COUNT(quantiles); i++) {
        print(pab_quantile(v.at, v.n, quantiles[i]));
    }
    print(pab_mad(v.at, v.n));
    free(v.at);
}

static void answer_signed_rank(void)
{
    struct vector strata = read_vector();
    struct vector v = read_vector();
    size_t *counts = counts_of(&strata);
    for (int tail = PAB_TAIL_BOTH; tail <= PAB_TAIL_LESS; tail++) {
        print_test(strata.n == 1
                       ? pab_signed_rank(v.at, v.n, (enum pab_tail)tail)
                       : pab_signed_rank_strata(v.at, counts, strata.n, (enum pab_tail)tail));
    }
    free(counts);
    free(strata.at);
    free(v.at);
}

static void answer_hodges_lehmann(void)
{
    double level = read_number();
    struct vector v = read_vector();
    print_interval(pab_hodges_lehmann(v.at, v.n, level));
    free(v.at);
}

static void answer_critical(void)
{
    double level = read_number();
    print((double)pab_signed_rank_critical((size_t)read_number(), level));
}

static void answer_rank_sum(void)
{
    struct vector x = read_vector();
    struct vector y = read_vector();
    for (int tail = PAB_TAIL_BOTH; tail <= PAB_TAIL_LESS; tail++) {
        print_test(pab_rank_sum(x.at, x.n, y.at, y.n, (enum pab_tail)tail));
    }
    print(pab_superiority(x.at, x.n, y.at, y.n));
    free(x.at);
    free(y.at);
}

static void answer_shift(void)
{
    double level = read_number();
    struct vector x = read_vector();
    struct vector y = read_vector();
    print_interval(pab_shift(x.at, x.n, y.at, y.n, level));
    free(x.at);
    free(y.at);
}

static void answer_suite(void)
{
    uint64_t seed = (uint64_t)read_number();
    double level = read_number();
    struct vector strata = read_vector();
    struct vector v = read_vector();
    size_t *counts = counts_of(&strata);
    print_interval(pab_suite_interval(v.at, counts, strata.n, seed, level));
    free(counts);
    free(strata.at);
    free(v.at);
}

static void answer_many(void)
{
    struct vector p = read_vector();
    double *adjusted = calloc(p.n + 1, sizeof(*adjusted));
    if (adjusted == NULL) {
        refuse("no memory");
    }
    pab_holm(p.at, p.n, adjusted);
    for (size_t i = 0; i < p.n; i++) {
        print(adjusted[i]);
    }
    pab_benjamini_hochberg(p.at, p.n, p.at); /* in place is allowed */
    for (size_t i = 0; i < p.n; i++) {
        print(p.at[i]);
    }
    free(adjusted);
    free(p.at);
}

static void answer_normal(void)
{
    struct vector z = read_vector();
    for (size_t i = 0; i < z.n; i++) {
        print(pab_normal_cdf(z.at[i]));
    }
    free(z.at);
}

static void answer_quantile(void)
{
    struct vector p = read_vector();
    for (size_t i = 0; i < p.n; i++) {
        print(pab_normal_quantile(p.at[i]));
    }
    free(p.at);
}

static void answer_power(void)
{
    double level = read_number();
    double floor = read_number();
    double alpha = read_number();
    double power = read_number();
    struct pab_interval interval = {.has_interval = true};
    interval.lo = read_number();
    interval.hi = read_number();
    double effect = read_number();
    double error = pab_standard_error(&interval, level);
    print(error);
    print(pab_detectable_effect(error, floor, alpha, power));
    print(pab_detection_power(effect, error, floor, alpha));
}

static void answer_hosts(void)
{
    double level = read_number();
    struct vector estimates = read_vector();
    struct vector lo = read_vector();
    struct vector hi = read_vector();
    struct pab_interval *intervals = calloc(estimates.n + 1, sizeof(*intervals));
    if (intervals == NULL) {
        refuse("no memory");
    }
    for (size_t i = 0; i < estimates.n; i++) {
        intervals[i] = (struct pab_interval){.estimate = estimates.at[i],
                                             .lo = lo.at[i],
                                             .hi = hi.at[i],
                                             .has_interval = lo.at[i] <= hi.at[i]};
    }
    print(pab_heterogeneity(intervals, estimates.n, level));
    free(intervals);
    free(estimates.at);
    free(lo.at);
    free(hi.at);
}

static const struct {
    const char *word;
    void (*answer)(void);
} requests[] = {
    {"one", answer_one},       {"signed_rank", answer_signed_rank},
    {"many", answer_many},     {"hodges_lehmann", answer_hodges_lehmann},
    {"shift", answer_shift},   {"critical", answer_critical},
    {"suite", answer_suite},   {"rank_sum", answer_rank_sum},
    {"normal", answer_normal}, {"quantile", answer_quantile},
    {"power", answer_power},   {"hosts", answer_hosts},
};

int main(void)
{
    char word[64];
    while (scanf("%63s", word) == 1) {
        size_t i = 0;
        while (i < COUNT(requests) && strcmp(word, requests[i].word) != 0) {
            i++;
        }
        if (i == COUNT(requests)) {
            refuse("no such request");
        }
        requests[i].answer();
        printf("\n");
    }
    return 0;
}
