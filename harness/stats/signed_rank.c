#include "harness/stats/internal.h"

#include "allocators/status.h"

#include <math.h>

/* Ranks of the sizes of differences: twice their value, so that mid-ranks are whole. */
struct ranks {
    uint32_t *doubled;
    size_t n;
    uint64_t positive; /* sum of the doubled ranks of differences above 0 */
};

/* The chances of the rank sums 0, 1, ..., `highest`: under the null hypothesis each rank is in the
 * sum with probability 1/2, independently, so the ways to reach a sum grow by one rank at a time.
 * They are symmetric: half of them say all. */
static double *null_chances(const uint32_t *ranks, size_t n, size_t highest)
{
    double *chances = pab_stats_room(highest + 1, sizeof(*chances));
    chances[0] = 1; /* ways, for now; no more than 2^n */
    size_t reached = 0;
    for (size_t i = 0; i < n; i++) {
        size_t rank = ranks[i];
        reached = reached + rank < highest ? reached + rank : highest;
        for (size_t sum = reached + 1; sum-- > rank;) {
            chances[sum] += chances[sum - rank];
        }
    }
    double all = ldexp(1, (int)n);
    for (size_t sum = 0; sum <= highest; sum++) {
        chances[sum] /= all;
    }
    return chances;
}

size_t pab_signed_rank_critical(size_t n, double level)
{
    if (n > PAB_EXACT_MAX) {
        double pairs = (double)n;
        double mean = pairs * (pairs + 1) / 4;
        double sigma = sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24);
        return pab_stats_critical_normal(mean, sigma, level);
    }
    uint32_t ranks[PAB_EXACT_MAX]; /* without ties they need no doubling */
    for (uint32_t i = 0; i < n; i++) {
        ranks[i] = i + 1;
    }
    size_t half = n * (n + 1) / 4;
    double *chances = null_chances(ranks, n, half);
    size_t k = pab_stats_critical(chances, half + 1, level);
    free(chances);
    return k;
}

struct pab_interval pab_hodges_lehmann(const double *differences, size_t n, double level)
{
    PAB_CHECK(n >= 1);
    double *sorted = pab_stats_sorted(differences, n);
    struct pab_pairs averages = {.x = sorted, .nx = n};
    struct pab_interval out = pab_stats_middle(&averages, pab_signed_rank_critical(n, level));
    free(sorted);
    return out;
}

/* --- the test --------------------------------------------------------------------------------- */

static int compare_sizes(const void *a, const void *b)
{
    double x = fabs(*(const double *)a);
    double y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Leaves zeros out. Returns how many are left. */
static size_t copy_nonzero(const double *differences, size_t n, double *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (differences[i] < 0 || differences[i] > 0) {
            out[count++] = differences[i];
        }
    }
    return count;
}

/* Adds the ranks of one stratum. */
static void ranks_add(struct ranks *ranks, const double *differences, size_t n)
{
    double *nonzero = pab_stats_room(n, sizeof(*nonzero));
    size_t count = copy_nonzero(differences, n, nonzero);
    if (count > 1) {
        qsort(nonzero, count, sizeof(*nonzero), compare_sizes);
    }
    size_t end = 0;
    for (size_t start = 0; start < count; start = end) {
        while (end < count && fabs(nonzero[end]) <= fabs(nonzero[start])) {
            end++;
        }
        for (size_t i = start; i < end; i++) { /* they share the mean of ranks start + 1 to end */
            uint32_t doubled = (uint32_t)(start + 1 + end);
            ranks->doubled[ranks->n++] = doubled;
            ranks->positive += nonzero[i] > 0 ? doubled : 0;
        }
    }
    free(nonzero);
}

static double exact_p(const struct ranks *ranks, enum pab_tail tail)
{
    uint64_t all = 0;
    for (size_t i = 0; i < ranks->n; i++) {
        all += ranks->doubled[i];
    }
    uint64_t negative = all - ranks->positive;
    bool is_low = ranks->positive < negative;
    size_t nearest = is_low ? ranks->positive : negative; /* how far from the nearer end */
    double *chances = null_chances(ranks->doubled, ranks->n, nearest);
    double beyond = 0; /* as far out as was seen, or further */
    for (size_t sum = 0; sum <= nearest; sum++) {
        beyond += chances[sum];
    }
    double rest = 1 - beyond + chances[nearest];
    free(chances);
    return is_low ? pab_stats_p(beyond, rest, tail) : pab_stats_p(rest, beyond, tail);
}

/* Half the sum and a quarter of the sum of squares of the ranks are mean and variance of W+,
 * whatever ties there are. */
static double normal_p(const struct ranks *ranks, enum pab_tail tail)
{
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < ranks->n; i++) {
        double rank = ranks->doubled[i] / 2.0;
        mean += rank / 2;
        variance += rank * rank / 4;
    }
    return pab_stats_p_normal((double)ranks->positive / 2 - mean, sqrt(variance), tail);
}

struct pab_test pab_signed_rank_strata(const double *differences, const size_t *counts,
                                       size_t strata, enum pab_tail tail)
{
    size_t total = 0;
    for (size_t i = 0; i < strata; i++) {
        total += counts[i];
    }
    struct ranks ranks = {.doubled = pab_stats_room(total, sizeof(*ranks.doubled))};
    size_t at = 0;
    for (size_t i = 0; i < strata; i++) {
        ranks_add(&ranks, differences + at, counts[i]);
        at += counts[i];
    }
    bool exact = ranks.n <= PAB_EXACT_MAX;
    struct pab_test out = {
        .statistic = (double)ranks.positive / 2,
        .p = exact ? exact_p(&ranks, tail) : normal_p(&ranks, tail),
        .n = ranks.n,
        .exact = exact,
    };
    free(ranks.doubled);
    return out;
}

struct pab_test pab_signed_rank(const double *differences, size_t n, enum pab_tail tail)
{
    return pab_signed_rank_strata(differences, &n, 1, tail);
}
