#include "harness/stats.h"

#include "allocators/status.h"

#include <math.h>
#include <string.h>

#define TAIL        0.025 /* of each side: 95 % two-sided */
#define TAIL_SIGMAS 1.959963984540054
#define EXACT_MAX   100u

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(const double *sorted, size_t n)
{
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double pab_median(double *values, size_t n)
{
    PAB_CHECK(n >= 1);
    qsort(values, n, sizeof(*values), compare_doubles);
    return middle(values, n);
}

double pab_mad(double *values, size_t n)
{
    double centre = pab_median(values, n);
    for (size_t i = 0; i < n; i++) {
        values[i] = fabs(values[i] - centre);
    }
    return pab_median(values, n);
}

/* Under the null hypothesis each rank 1..n is in W+ with probability 1/2, independently: the
 * distribution is built one rank at a time. */
static size_t exact_critical(size_t n)
{
    double probability[EXACT_MAX * (EXACT_MAX + 1) / 2 + 1] = {1.0};
    size_t highest = 0;
    for (size_t rank = 1; rank <= n; rank++) {
        highest += rank;
        for (size_t sum = highest + 1; sum-- > 0;) {
            double without = probability[sum];
            double with = sum >= rank ? probability[sum - rank] : 0.0;
            probability[sum] = (without + with) / 2;
        }
    }
    double below = 0.0; /* P(W+ <= k - 1) */
    size_t k = 0;
    while (k <= highest && below + probability[k] <= TAIL) {
        below += probability[k++];
    }
    return k;
}

size_t pab_signed_rank_critical(size_t n)
{
    if (n <= EXACT_MAX) {
        return exact_critical(n);
    }
    double pairs = (double)n;
    double mean = pairs * (pairs + 1) / 4;
    double sigma = sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24);
    double k = floor(mean - 0.5 - TAIL_SIGMAS * sigma) + 1; /* continuity: W+ <= k - 1 */
    return k < 1 ? 0 : (size_t)k;
}

struct pab_interval pab_hodges_lehmann(const double *differences, size_t n)
{
    PAB_CHECK(n >= 1);
    size_t count = n * (n + 1) / 2;
    double *walsh = malloc(count * sizeof(*walsh));
    PAB_CHECK(walsh != NULL);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            walsh[at++] = (differences[i] + differences[j]) / 2;
        }
    }
    struct pab_interval out = {.estimate = pab_median(walsh, count)};
    size_t k = pab_signed_rank_critical(n);
    if (k >= 1) {
        out.has_interval = true;
        out.lo = walsh[k - 1];
        out.hi = walsh[count - k];
    }
    free(walsh);
    return out;
}
