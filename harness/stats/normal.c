#include "harness/stats/internal.h"

#include "allocators/status.h"

#include <math.h>

#define SQRT_HALF   0.70710678118654752440
#define SQRT_TWO_PI 2.50662827463100050242

double pab_normal_cdf(double z)
{
    return erfc(-z * SQRT_HALF) / 2;
}

/* For p <= 1/2, where the distribution function loses no digits. A rational approximation
 * (Abramowitz and Stegun, 26.2.23, error below 5e-4) and two of Halley's steps, each of which
 * cubes the error. */
static double lower_quantile(double p)
{
    double t = sqrt(-2 * log(p));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
               t;
    for (int step = 0; step < 2; step++) {
        double density = exp(-z * z / 2) / SQRT_TWO_PI;
        double newton = (pab_normal_cdf(z) - p) / density;
        z -= newton / (1 + z * newton / 2);
    }
    return z;
}

double pab_normal_quantile(double p)
{
    PAB_CHECK(p > 0 && p < 1);
    return p <= 0.5 ? lower_quantile(p) : -lower_quantile(1 - p);
}

double pab_stats_p(double low, double high, enum pab_tail tail)
{
    if (tail == PAB_TAIL_BOTH) {
        return fmin(1, 2 * fmin(low, high));
    }
    return fmin(1, tail == PAB_TAIL_LESS ? low : high);
}

double pab_stats_p_normal(double excess, double sigma, enum pab_tail tail)
{
    if (sigma <= 0) {
        return 1;
    }
    double low = pab_normal_cdf((excess + 0.5) / sigma);
    double high = pab_normal_cdf((0.5 - excess) / sigma);
    return pab_stats_p(low, high, tail);
}

size_t pab_stats_critical(const double *chances, size_t count, double level)
{
    const double limit = (1 - level) / 2 * (1 + 1e-9);
    double below = 0; /* P(statistic <= k - 1) */
    size_t k = 0;
    while (k < count && below + chances[k] <= limit) {
        below += chances[k++];
    }
    return k;
}

size_t pab_stats_critical_normal(double mean, double sigma, double level)
{
    double sigmas = -pab_normal_quantile((1 - level) / 2);
    double k = floor(mean - 0.5 - sigmas * sigma) + 1;
    return k < 1 ? 0 : (size_t)k;
}
