#include "harness/stats/internal.h"

#include "allocators/status.h"

#include <math.h>
#include <string.h>

void *pab_stats_room(size_t count, size_t item_bytes)
{
    void *room = calloc(count + 1, item_bytes);
    PAB_CHECK(room != NULL);
    return room;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void pab_sort_values(double *values, size_t n)
{
    if (n > 1) {
        qsort(values, n, sizeof(*values), compare_doubles);
    }
}

double *pab_stats_sorted(const double *values, size_t n)
{
    double *copy = pab_stats_room(n, sizeof(*copy));
    if (n > 0) {
        memcpy(copy, values, n * sizeof(*copy));
    }
    pab_sort_values(copy, n);
    return copy;
}

double pab_median(double *values, size_t n)
{
    PAB_CHECK(n >= 1);
    pab_sort_values(values, n);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double pab_mad(double *values, size_t n)
{
    double centre = pab_median(values, n);
    for (size_t i = 0; i < n; i++) {
        values[i] = fabs(values[i] - centre);
    }
    return pab_median(values, n);
}

double pab_quantile(const double *sorted, size_t n, double p)
{
    PAB_CHECK(n >= 1 && p >= 0 && p <= 1);
    double place = p * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n) {
        return sorted[n - 1];
    }
    double share = place - (double)below;
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

double pab_trimmed_mean(const double *sorted, size_t n, double share)
{
    PAB_CHECK(n >= 1 && share >= 0 && share < 0.5);
    size_t cut = (size_t)(share * (double)n);
    double sum = 0;
    for (size_t i = cut; i < n - cut; i++) {
        sum += sorted[i];
    }
    return sum / (double)(n - 2 * cut);
}
