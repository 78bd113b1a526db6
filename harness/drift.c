#include "harness/drift.h"

#include "allocators/status.h"

#include <math.h>
#include <stdlib.h>

#define PAIRS_MAX (PAB_DRIFT_POINTS_MAX * (PAB_DRIFT_POINTS_MAX - 1) / 2)

static int compare_slopes(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

struct pab_drift pab_drift_of(const uint64_t *bytes, size_t count)
{
    static double slopes[PAIRS_MAX];
    PAB_CHECK(count >= 4 && count <= PAB_DRIFT_POINTS_MAX);
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            slopes[pairs++] = ((double)bytes[j] - (double)bytes[i]) / (double)(j - i);
        }
    }
    qsort(slopes, pairs, sizeof(slopes[0]), compare_slopes);
    double n = (double)count;
    double spread = 1.959964 * sqrt(n * (n - 1) * (2 * n + 5) / 18);
    size_t upper = (size_t)ceil(((double)pairs + spread) / 2);
    return (struct pab_drift){
        .slope = (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2,
        .upper = slopes[upper < pairs ? upper : pairs - 1],
    };
}
