#include "harness/stats/internal.h"

#include "allocators/status.h"

#include <math.h>

/* U of x, the sum over all pairs of 1 for x > y and 1/2 for x = y: twice its value. */
static uint64_t doubled_u(const double *x, size_t nx, const double *y, size_t ny)
{
    uint64_t doubled = 0;
    size_t below = 0;     /* y < x_i */
    size_t not_above = 0; /* y <= x_i */
    for (size_t i = 0; i < nx; i++) {
        while (below < ny && y[below] < x[i]) {
            below++;
        }
        while (not_above < ny && y[not_above] <= x[i]) {
            not_above++;
        }
        doubled += below + not_above;
    }
    return doubled;
}

/* The sum of t^3 - t over groups of t equal values; both sides ascending. */
static double tie_sum(const double *x, size_t nx, const double *y, size_t ny)
{
    double sum = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < nx || j < ny) {
        double value = j == ny || (i < nx && x[i] <= y[j]) ? x[i] : y[j];
        size_t before = i + j;
        while (i < nx && x[i] <= value) {
            i++;
        }
        while (j < ny && y[j] <= value) {
            j++;
        }
        double t = (double)(i + j - before);
        sum += t * t * t - t;
    }
    return sum;
}

/* The chances of U = 0, 1, ..., nx * ny. How many of the ways to place the x among all give each
 * sum are the coefficients of the Gaussian binomial, the product of (1 - q^(ny + i))/(1 - q^i) over
 * i = 1 to nx: whole numbers, below 2^64 for 60 values. A power series cut at nx * ny does. */
static double *null_chances(size_t nx, size_t ny)
{
    size_t highest = nx * ny;
    uint64_t *ways = pab_stats_room(highest + 1, sizeof(*ways));
    double *chances = pab_stats_room(highest + 1, sizeof(*chances));
    ways[0] = 1;
    for (size_t i = 1; i <= nx; i++) {
        for (size_t sum = highest + 1; sum-- > ny + i;) {
            ways[sum] -= ways[sum - ny - i]; /* wraps around, and back below */
        }
        for (size_t sum = i; sum <= highest; sum++) {
            ways[sum] += ways[sum - i];
        }
    }
    uint64_t all = 0;
    for (size_t sum = 0; sum <= highest; sum++) {
        all += ways[sum];
    }
    for (size_t sum = 0; sum <= highest; sum++) {
        chances[sum] = (double)ways[sum] / (double)all;
    }
    free(ways);
    return chances;
}

static double exact_p(uint64_t u, size_t nx, size_t ny, enum pab_tail tail)
{
    double *chances = null_chances(nx, ny);
    double low = 0;
    for (size_t sum = 0; sum <= u; sum++) {
        low += chances[sum];
    }
    double high = 0;
    for (size_t sum = nx * ny + 1; sum-- > u;) {
        high += chances[sum];
    }
    free(chances);
    return pab_stats_p(low, high, tail);
}

static double sigma_of_u(double nx, double ny, double ties)
{
    double n = nx + ny;
    double rest = n + 1 - ties / (n * (n - 1)); /* 0 where all are equal, but for rounding */
    return sqrt(nx * ny / 12 * fmax(0, rest));
}

struct pab_test pab_rank_sum(const double *x, size_t nx, const double *y, size_t ny,
                             enum pab_tail tail)
{
    PAB_CHECK(nx >= 1 && ny >= 1);
    double *xs = pab_stats_sorted(x, nx);
    double *ys = pab_stats_sorted(y, ny);
    uint64_t doubled = doubled_u(xs, nx, ys, ny);
    double ties = tie_sum(xs, nx, ys, ny);
    free(xs);
    free(ys);
    double u = (double)doubled / 2;
    double pairs = (double)nx * (double)ny;
    bool exact = ties <= 0 && nx + ny <= PAB_RANK_SUM_EXACT_MAX;
    return (struct pab_test){
        .statistic = u,
        .p = exact ? exact_p(doubled / 2, nx, ny, tail)
                   : pab_stats_p_normal(u - pairs / 2, sigma_of_u((double)nx, (double)ny, ties),
                                        tail),
        .n = nx + ny,
        .exact = exact,
    };
}

static size_t critical(size_t nx, size_t ny, double level)
{
    if (nx + ny > PAB_RANK_SUM_EXACT_MAX) {
        return pab_stats_critical_normal((double)nx * (double)ny / 2,
                                         sigma_of_u((double)nx, (double)ny, 0), level);
    }
    double *chances = null_chances(nx, ny);
    size_t k = pab_stats_critical(chances, nx * ny + 1, level);
    free(chances);
    return k;
}

struct pab_interval pab_shift(const double *x, size_t nx, const double *y, size_t ny, double level)
{
    PAB_CHECK(nx >= 1 && ny >= 1);
    double *xs = pab_stats_sorted(x, nx);
    double *ys = pab_stats_sorted(y, ny);
    struct pab_pairs differences = {.x = xs, .nx = nx, .y = ys, .ny = ny};
    struct pab_interval out = pab_stats_middle(&differences, critical(nx, ny, level));
    free(xs);
    free(ys);
    return out;
}

double pab_superiority(const double *x, size_t nx, const double *y, size_t ny)
{
    PAB_CHECK(nx >= 1 && ny >= 1);
    double *xs = pab_stats_sorted(x, nx);
    double *ys = pab_stats_sorted(y, ny);
    double share = (double)doubled_u(xs, nx, ys, ny) / 2 / ((double)nx * (double)ny);
    free(xs);
    free(ys);
    return share;
}
