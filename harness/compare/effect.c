#include "harness/compare/effect.h"

#include <math.h>
#include <string.h>

/* --- values ----------------------------------------------------------------------------------- */

static struct pab_numbers values_make(size_t capacity)
{
    struct pab_numbers out = {
        .values = calloc(capacity + 1, sizeof(*out.values)),
        .rounds = calloc(capacity + 1, sizeof(*out.rounds)),
        .hosts = calloc(capacity + 1, sizeof(*out.hosts)),
    };
    PAB_CHECK(out.values != NULL && out.rounds != NULL && out.hosts != NULL);
    return out;
}

static void values_push(struct pab_numbers *values, double value, uint16_t host, uint32_t round)
{
    values->values[values->count] = value;
    values->hosts[values->count] = host;
    values->rounds[values->count] = round;
    values->count++;
}

struct pab_numbers pab_numbers_of(const struct pab_series *series, uint32_t first, uint32_t end)
{
    size_t count = series == NULL ? 0 : series->count;
    struct pab_numbers out = values_make(count);
    for (size_t i = 0; i < count; i++) {
        if (series->rounds[i] >= first && series->rounds[i] < end) {
            values_push(&out, series->values[i], series->hosts[i], series->rounds[i]);
        }
    }
    return out;
}

void pab_numbers_free(struct pab_numbers *values)
{
    free(values->values);
    free(values->rounds);
    free(values->hosts);
    *values = (struct pab_numbers){0};
}

/* Order of places i of a and j of b by (host, round). */
static int compare_places(const struct pab_numbers *a, size_t i, const struct pab_numbers *b,
                          size_t j)
{
    if (a->hosts[i] != b->hosts[j]) {
        return a->hosts[i] < b->hosts[j] ? -1 : 1;
    }
    if (a->rounds[i] != b->rounds[j]) {
        return a->rounds[i] < b->rounds[j] ? -1 : 1;
    }
    return 0;
}

struct pab_numbers pab_log_ratios(const struct pab_numbers *base, const struct pab_numbers *head)
{
    struct pab_numbers out = values_make(base->count < head->count ? base->count : head->count);
    size_t i = 0;
    size_t j = 0;
    while (i < base->count && j < head->count) {
        int order = compare_places(base, i, head, j);
        if (order == 0 && base->values[i] > 0 && head->values[j] > 0) {
            values_push(&out, log(head->values[j]) - log(base->values[i]), base->hosts[i],
                        base->rounds[i]);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

void pab_numbers_add(struct pab_numbers *sums, const struct pab_numbers *other)
{
    size_t kept = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < sums->count && j < other->count) {
        int order = compare_places(sums, i, other, j);
        if (order == 0) {
            sums->values[kept] = sums->values[i] + other->values[j];
            sums->hosts[kept] = sums->hosts[i];
            sums->rounds[kept] = sums->rounds[i];
            kept++;
        }
        i += order <= 0;
        j += order >= 0;
    }
    sums->count = kept;
}

/* The end of the run of one host that begins at `start`. */
static size_t host_end(const struct pab_numbers *values, size_t start)
{
    size_t end = start;
    while (end < values->count && values->hosts[end] == values->hosts[start]) {
        end++;
    }
    return end;
}

size_t pab_numbers_strata(const struct pab_numbers *values, size_t *counts, size_t most)
{
    size_t strata = 0;
    for (size_t i = 0; i < values->count; strata++) {
        size_t end = host_end(values, i);
        PAB_CHECK(strata < most);
        counts[strata] = end - i;
        i = end;
    }
    return strata;
}

/* --- effects ---------------------------------------------------------------------------------- */

struct pab_interval pab_mean_interval(const struct pab_interval *parts, size_t count, double level)
{
    if (count == 1) {
        return parts[0];
    }
    struct pab_interval out = {.has_interval = true};
    double variance = 0;
    for (size_t i = 0; i < count; i++) {
        double error = parts[i].has_interval ? pab_standard_error(&parts[i], level) : 0;
        out.estimate += parts[i].estimate / (double)count;
        out.has_interval = out.has_interval && parts[i].has_interval;
        variance += error * error;
    }
    double half = pab_normal_quantile(0.5 + level / 2) * sqrt(variance) / (double)count;
    out.lo = out.estimate - half;
    out.hi = out.estimate + half;
    return out;
}

static double error_of(const struct pab_interval *interval, double level)
{
    return interval->has_interval ? pab_standard_error(interval, level) : NAN;
}

/* Both tests are symmetrical: the two-sided p is twice the smaller one-sided one. */
static double both_tails(const struct pab_effect *effect)
{
    return fmin(1, 2 * fmin(effect->p_greater, effect->p_less));
}

struct pab_effect pab_effect_of_pairs(const struct pab_numbers *logs, double level)
{
    size_t counts[PAB_HOSTS_MAX];
    struct pab_interval parts[PAB_HOSTS_MAX];
    size_t strata = pab_numbers_strata(logs, counts, PAB_HOSTS_MAX);
    size_t start = 0;
    PAB_CHECK(strata > 0);
    for (size_t s = 0; s < strata; s++) {
        parts[s] = pab_hodges_lehmann(logs->values + start, counts[s], level);
        start += counts[s];
    }
    struct pab_effect out = {
        .log_ratio = pab_mean_interval(parts, strata, level),
        .least_p = ldexp(1, -(int)(logs->count < 1000 ? logs->count : 1000)),
        .n_base = logs->count,
        .n_head = logs->count,
        .heterogeneity = 1,
    };
    out.error = error_of(&out.log_ratio, level);
    if (strata > 1 && out.log_ratio.has_interval) {
        out.heterogeneity = pab_heterogeneity(parts, strata, level);
    }
    out.p_greater = pab_signed_rank_strata(logs->values, counts, strata, PAB_TAIL_GREATER).p;
    out.p_less = pab_signed_rank_strata(logs->values, counts, strata, PAB_TAIL_LESS).p;
    out.p_both = both_tails(&out);
    return out;
}

size_t pab_for_hosts(const struct pab_numbers *base, const struct pab_numbers *head,
                     void (*each)(void *arg, const struct pab_numbers *base,
                                  const struct pab_numbers *head),
                     void *arg)
{
    size_t found = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < base->count && j < head->count) {
        size_t i_end = host_end(base, i);
        size_t j_end = host_end(head, j);
        uint16_t host = base->hosts[i];
        if (host == head->hosts[j]) {
            struct pab_numbers x = {i_end - i, base->values + i, base->rounds + i, base->hosts + i};
            struct pab_numbers y = {j_end - j, head->values + j, head->rounds + j, head->hosts + j};
            each(arg, &x, &y);
            found++;
            i = i_end;
            j = j_end;
        } else if (host < head->hosts[j]) {
            i = i_end;
        } else {
            j = j_end;
        }
    }
    return found;
}

struct shifts {
    struct pab_interval parts[PAB_HOSTS_MAX];
    size_t count;
    double level;
    struct pab_effect *effect;
};

static double *logs_of(const struct pab_numbers *values)
{
    double *out = calloc(values->count + 1, sizeof(*out));
    PAB_CHECK(out != NULL);
    for (size_t i = 0; i < values->count; i++) {
        out[i] = log(values->values[i]);
    }
    return out;
}

/* -ln of the number of ways to split n + m values. */
static double log_split(size_t n, size_t m)
{
    return lgamma((double)n + 1) + lgamma((double)m + 1) - lgamma((double)(n + m) + 1);
}

static void add_shift(void *arg, const struct pab_numbers *base, const struct pab_numbers *head)
{
    struct shifts *shifts = arg;
    struct pab_effect *effect = shifts->effect;
    double *x = logs_of(head);
    double *y = logs_of(base);
    PAB_CHECK(shifts->count < PAB_HOSTS_MAX);
    effect->p_greater = pab_rank_sum(x, head->count, y, base->count, PAB_TAIL_GREATER).p;
    effect->p_less = pab_rank_sum(x, head->count, y, base->count, PAB_TAIL_LESS).p;
    effect->p_both = both_tails(effect);
    effect->least_p *= exp(log_split(base->count, head->count));
    effect->n_base += base->count;
    effect->n_head += head->count;
    shifts->parts[shifts->count++] = pab_shift(x, head->count, y, base->count, shifts->level);
    free(x);
    free(y);
}

bool pab_effect_of_samples(const struct pab_numbers *base, const struct pab_numbers *head,
                           double level, struct pab_effect *out)
{
    *out = (struct pab_effect){.least_p = 1, .heterogeneity = 1};
    struct shifts shifts = {.level = level, .effect = out};
    if (pab_for_hosts(base, head, add_shift, &shifts) == 0) {
        return false;
    }
    out->log_ratio = pab_mean_interval(shifts.parts, shifts.count, level);
    out->error = error_of(&out->log_ratio, level);
    if (shifts.count > 1) {
        bool known = out->log_ratio.has_interval && out->error > 0;
        double z = known ? out->log_ratio.estimate / out->error : 0;
        out->p_greater = pab_normal_cdf(-z);
        out->p_less = pab_normal_cdf(z);
        out->p_both = 2 * pab_normal_cdf(-fabs(z));
        if (out->log_ratio.has_interval) {
            out->heterogeneity = pab_heterogeneity(shifts.parts, shifts.count, level);
        }
    }
    return true;
}

static void add_superiority(void *arg, const struct pab_numbers *base,
                            const struct pab_numbers *head)
{
    *(double *)arg += pab_superiority(head->values, head->count, base->values, base->count);
}

double pab_superiority_by_host(const struct pab_numbers *base, const struct pab_numbers *head)
{
    double sum = 0;
    size_t hosts = pab_for_hosts(base, head, add_superiority, &sum);
    return hosts == 0 ? NAN : sum / (double)hosts;
}
