#include "harness/stats/internal.h"

#include "allocators/status.h"
#include "workloads/support/rng.h"

#include <math.h>
#include <string.h>

/* The rounds of a host, ascending. Of them `kept` count for the trimmed mean, from `cut` on. */
struct stratum {
    double *sorted;
    uint32_t *times; /* how often a resample drew each */
    size_t n, cut, kept;
};

struct rounds {
    double *values;
    uint32_t *times;
    struct stratum *strata; /* those that have any */
    size_t count;
    size_t total;
};

static struct rounds rounds_make(const double *values, const size_t *counts, size_t strata)
{
    struct rounds out = {.strata = pab_stats_room(strata, sizeof(*out.strata))};
    for (size_t s = 0; s < strata; s++) {
        out.total += counts[s];
    }
    PAB_CHECK(out.total >= 1);
    out.values = pab_stats_room(out.total, sizeof(*out.values));
    out.times = pab_stats_room(out.total, sizeof(*out.times));
    memcpy(out.values, values, out.total * sizeof(*values));
    size_t at = 0;
    for (size_t s = 0; s < strata; s++) {
        size_t n = counts[s];
        if (n > 0) {
            size_t cut = (size_t)(PAB_SUITE_TRIM * (double)n);
            out.strata[out.count++] = (struct stratum){.sorted = out.values + at,
                                                       .times = out.times + at,
                                                       .n = n,
                                                       .cut = cut,
                                                       .kept = n - 2 * cut};
            pab_sort_values(out.values + at, n);
        }
        at += n;
    }
    return out;
}

static void rounds_fini(struct rounds *rounds)
{
    free(rounds->strata);
    free(rounds->values);
    free(rounds->times);
}

static double centre(const struct rounds *rounds)
{
    double sum = 0;
    for (size_t s = 0; s < rounds->count; s++) {
        sum += pab_trimmed_mean(rounds->strata[s].sorted, rounds->strata[s].n, PAB_SUITE_TRIM);
    }
    return sum / (double)rounds->count;
}

/* --- resamples -------------------------------------------------------------------------------- */

/* Draws as many as there are, and gives their trimmed mean. */
static double resample_stratum(const struct stratum *stratum, uint64_t *state)
{
    memset(stratum->times, 0, stratum->n * sizeof(*stratum->times));
    for (size_t i = 0; i < stratum->n; i++) {
        uint32_t random = (uint32_t)(pab_splitmix64(state) >> 32);
        stratum->times[pab_rng_scale(random, (uint32_t)stratum->n)]++;
    }
    size_t skip = stratum->cut;
    size_t keep = stratum->kept;
    double sum = 0;
    for (size_t i = 0; keep > 0; i++) {
        size_t times = stratum->times[i];
        size_t skipped = times < skip ? times : skip;
        size_t kept = times - skipped < keep ? times - skipped : keep;
        skip -= skipped;
        keep -= kept;
        sum += (double)kept * stratum->sorted[i];
    }
    return sum / (double)stratum->kept;
}

static void resample(const struct rounds *rounds, uint64_t seed, double *centres)
{
    uint64_t state = seed;
    for (size_t b = 0; b < PAB_SUITE_RESAMPLES; b++) {
        double sum = 0;
        for (size_t s = 0; s < rounds->count; s++) {
            sum += resample_stratum(&rounds->strata[s], &state);
        }
        centres[b] = sum / (double)rounds->count;
    }
    pab_sort_values(centres, PAB_SUITE_RESAMPLES);
}

/* --- the jackknife ---------------------------------------------------------------------------- */

struct influence {
    double error;        /* standard error of the estimate */
    double acceleration; /* how fast it grows with the estimate */
};

/* (n - 1) times what value i adds to the trimmed mean of its stratum, in units of `size`. Left out,
 * it makes room in the sum of those kept; so does the outermost of them where the value was itself
 * trimmed. */
static void pulls_of(const struct stratum *stratum, double size, double *pulls)
{
    size_t first = (size_t)(PAB_SUITE_TRIM * (double)(stratum->n - 1));
    size_t last = stratum->n - 1 - first;
    double mean = 0;
    for (size_t i = 0; i < stratum->n; i++) {
        size_t leaves = i < first ? first : i;
        leaves = leaves > last ? last : leaves;
        pulls[i] = stratum->sorted[leaves] / size;
        mean += pulls[i] / (double)stratum->n;
    }
    for (size_t i = 0; i < stratum->n; i++) {
        pulls[i] = (pulls[i] - mean) * (double)(stratum->n - 1) / (double)(last - first);
    }
}

/* `size`: of the largest value, above 0, so that no power of these numbers overflows. */
static struct influence influence_of(const struct rounds *rounds, double size)
{
    double variance = 0;
    double squares = 0;
    double cubes = 0;
    double *pulls = pab_stats_room(rounds->total, sizeof(*pulls));
    for (size_t s = 0; s < rounds->count; s++) {
        double n = (double)rounds->strata[s].n;
        pulls_of(&rounds->strata[s], size, pulls);
        for (size_t i = 0; i < rounds->strata[s].n; i++) {
            double square = pulls[i] * pulls[i];
            variance += square / (n * (n - 1));
            squares += square / (n * n);
            cubes += square * pulls[i] / (n * n * n);
        }
    }
    free(pulls);
    double scale = 6 * pow(squares, 1.5);
    return (struct influence){
        .error = sqrt(variance) * size / (double)rounds->count,
        .acceleration = scale > 0 ? cubes / scale : 0,
    };
}

/* --- the interval ----------------------------------------------------------------------------- */

static double largest(const struct rounds *rounds)
{
    double size = 0;
    for (size_t i = 0; i < rounds->total; i++) {
        size = fmax(size, fabs(rounds->values[i]));
    }
    return size;
}

/* The normal quantile of the share of resamples below the estimate; `same` apart is equal. */
static double bias_of(const double *centres, double estimate, double same)
{
    double below = 0;
    for (size_t b = 0; b < PAB_SUITE_RESAMPLES; b++) {
        double above_by = centres[b] - estimate;
        bool equal = fabs(above_by) <= same;
        below += equal ? 0.5 : above_by < 0 ? 1 : 0;
    }
    double share = below / PAB_SUITE_RESAMPLES;
    double least = 0.5 / PAB_SUITE_RESAMPLES;
    return pab_normal_quantile(fmin(fmax(share, least), 1 - least));
}

/* Which share of the resamples lies below a bound that would be `sigmas` from the centre. */
static double share_below(double bias, double acceleration, double sigmas)
{
    double moved = bias + sigmas;
    double shrink = 1 - acceleration * moved;
    if (shrink <= 0) {
        return moved > 0 ? 1 : 0;
    }
    return pab_normal_cdf(bias + moved / shrink);
}

static void interval(const struct rounds *rounds, uint64_t seed, double sigmas,
                     struct pab_interval *out)
{
    out->lo = out->hi = out->estimate;
    double size = largest(rounds);
    if (size <= 0) {
        return;
    }
    struct influence influence = influence_of(rounds, size);
    if (rounds->total > PAB_SUITE_BOOTSTRAP_MAX) {
        out->lo -= sigmas * influence.error;
        out->hi += sigmas * influence.error;
        return;
    }
    double *centres = pab_stats_room(PAB_SUITE_RESAMPLES, sizeof(*centres));
    resample(rounds, seed, centres);
    double bias = bias_of(centres, out->estimate, PAB_SUITE_SAME * size);
    double pace = influence.acceleration;
    out->lo = pab_quantile(centres, PAB_SUITE_RESAMPLES, share_below(bias, pace, -sigmas));
    out->hi = pab_quantile(centres, PAB_SUITE_RESAMPLES, share_below(bias, pace, sigmas));
    free(centres);
}

static bool enough(const struct rounds *rounds)
{
    for (size_t s = 0; s < rounds->count; s++) {
        if (rounds->strata[s].n < PAB_SUITE_STRATUM_MIN) {
            return false;
        }
    }
    return rounds->total >= PAB_SUITE_ROUNDS_MIN;
}

struct pab_interval pab_suite_interval(const double *rounds, const size_t *counts, size_t strata,
                                       uint64_t seed, double level)
{
    struct rounds all = rounds_make(rounds, counts, strata);
    struct pab_interval out = {.estimate = centre(&all), .has_interval = enough(&all)};
    if (out.has_interval) {
        interval(&all, seed, -pab_normal_quantile((1 - level) / 2), &out);
    }
    rounds_fini(&all);
    return out;
}
