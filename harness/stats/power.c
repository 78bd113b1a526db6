#include "harness/stats/internal.h"

#include <math.h>

double pab_standard_error(const struct pab_interval *interval, double level)
{
    if (!interval->has_interval) {
        return NAN;
    }
    return (interval->hi - interval->lo) / 2 / -pab_normal_quantile((1 - level) / 2);
}

/* What an estimate must exceed to be flagged. */
static double bar(double standard_error, double floor, double alpha)
{
    return fmax(floor, -pab_normal_quantile(alpha) * standard_error);
}

double pab_detectable_effect(double standard_error, double floor, double alpha, double power)
{
    return isnan(standard_error)
               ? NAN
               : bar(standard_error, floor, alpha) + pab_normal_quantile(power) * standard_error;
}

double pab_detection_power(double effect, double standard_error, double floor, double alpha)
{
    if (isnan(standard_error)) {
        return NAN;
    }
    if (standard_error <= 0) {
        return effect > floor ? 1 : 0;
    }
    return pab_normal_cdf((effect - bar(standard_error, floor, alpha)) / standard_error);
}

/* --- strata that disagree --------------------------------------------------------------------- */

/* P(chi-squared with `degrees` > x), by its recurrence: two more degrees add one term, half^a
 * e^-half / gamma(a + 1). */
static double chi_squared_above(double x, size_t degrees)
{
    double half = x / 2;
    if (half <= 0 || isinf(half)) {
        return half <= 0 ? 1 : 0;
    }
    bool even = degrees % 2 == 0;
    double above = even ? exp(-half) : erfc(sqrt(half));
    for (size_t have = even ? 2 : 1; have < degrees; have += 2) {
        double a = (double)have / 2;
        above += exp(a * log(half) - half - lgamma(a + 1));
    }
    return fmin(1, above);
}

/* The limit for strata without any error: they are the centre, if they agree. */
static double q_around(const struct pab_interval *intervals, size_t strata, double level,
                       double centre)
{
    double q = 0;
    for (size_t i = 0; i < strata; i++) {
        double error = pab_standard_error(&intervals[i], level);
        double away = intervals[i].estimate - centre;
        if (error > 0) {
            q += away * away / (error * error);
        } else if (error <= 0 && fabs(away) > 0) {
            return INFINITY;
        }
    }
    return q;
}

double pab_heterogeneity(const struct pab_interval *intervals, size_t strata, double level)
{
    size_t used = 0;
    double weights = 0;
    double sum = 0;
    double certain = NAN;
    for (size_t i = 0; i < strata; i++) {
        double error = pab_standard_error(&intervals[i], level);
        used += isnan(error) ? 0 : 1;
        if (error > 0) {
            weights += 1 / (error * error);
            sum += intervals[i].estimate / (error * error);
        } else if (error <= 0) {
            certain = intervals[i].estimate;
        }
    }
    if (used < 2) {
        return 1;
    }
    double centre = isnan(certain) ? sum / weights : certain;
    return chi_squared_above(q_around(intervals, strata, level, centre), used - 1);
}
