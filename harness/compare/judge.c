#include "harness/compare/judge.h"

#include "harness/compare/words.h"
#include "harness/text.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void say(struct pab_row *row, const char *format, ...)
{
    char text[sizeof(row->why)];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    pab_text_clean(text, false, row->why, sizeof(row->why));
}

/* --- times ------------------------------------------------------------------------------------ */

/* Up is to the worse. */
static void turn(struct pab_effect *effect)
{
    double lo = effect->log_ratio.lo;
    double p_less = effect->p_less;
    effect->log_ratio.estimate = -effect->log_ratio.estimate;
    effect->log_ratio.lo = -effect->log_ratio.hi;
    effect->log_ratio.hi = -lo;
    effect->p_less = effect->p_greater;
    effect->p_greater = p_less;
}

void pab_fill_effect(struct pab_row *row, const struct pab_effect *effect,
                     const struct pab_rules *rules, struct pab_evidence *evidence)
{
    const struct pab_interval *log_ratio = &effect->log_ratio;
    row->ratio = exp(log_ratio->estimate);
    row->lo = log_ratio->has_interval ? exp(log_ratio->lo) : NAN;
    row->hi = log_ratio->has_interval ? exp(log_ratio->hi) : NAN;
    row->n_base = effect->n_base;
    row->n_head = effect->n_head;
    row->heterogeneity = effect->heterogeneity;
    evidence->effect = *effect;
    if (row->metric->more_is_better) {
        turn(&evidence->effect);
    }
    row->p = rules->any_regression ? evidence->effect.p_greater : effect->p_both;
}

static double median_of(const struct pab_numbers *values)
{
    double *copy = calloc(values->count, sizeof(*copy));
    PAB_CHECK(copy != NULL);
    memcpy(copy, values->values, values->count * sizeof(*copy));
    double median = pab_median(copy, values->count);
    free(copy);
    return median;
}

/* Of several machines there is no median worth a name. */
static double median_of_one_host(const struct pab_numbers *values)
{
    bool is_one = values->hosts[0] == values->hosts[values->count - 1];
    return is_one ? median_of(values) : NAN;
}

static bool are_all_positive(const struct pab_numbers *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (!(values->values[i] > 0)) {
            return false;
        }
    }
    return true;
}

static bool measure(const struct pab_row *row, const struct pab_sides *sides, double level,
                    struct pab_effect *effect)
{
    if (!row->paired) {
        return are_all_positive(sides->base) && are_all_positive(sides->head) &&
               pab_effect_of_samples(sides->base, sides->head, level, effect);
    }
    struct pab_numbers logs = pab_log_ratios(sides->base, sides->head);
    bool is_any = logs.count > 0;
    if (is_any) {
        *effect = pab_effect_of_pairs(&logs, level);
    }
    pab_numbers_free(&logs);
    return is_any;
}

bool pab_fill_time(struct pab_row *row, const struct pab_sides *sides,
                   const struct pab_rules *rules, struct pab_evidence *evidence)
{
    struct pab_effect effect;
    row->base = median_of_one_host(sides->base);
    row->head = median_of_one_host(sides->head);
    row->n_base = sides->base->count;
    row->n_head = sides->head->count;
    row->superiority = pab_superiority_by_host(sides->base, sides->head);
    if (!measure(row, sides, rules->level, &effect)) {
        bool has_zero = !are_all_positive(sides->base) || !are_all_positive(sides->head);
        row->call = PAB_CALL_UNDECIDED;
        say(row, "%s",
            has_zero      ? "a time of 0 has no ratio: the clock is too coarse for this work"
            : row->paired ? "no round has both"
                          : "no host has both");
        return false;
    }
    pab_fill_effect(row, &effect, rules, evidence);
    return true;
}

/* The alpha that a row alone among `judged` must reach in its tail. Benjamini and Hochberg's may be
 * up to `judged` times larger where many rows differ: what is said of power is then too modest. */
static double alpha_of_tail(const struct pab_rules *rules, size_t judged)
{
    return rules->alpha / (double)judged / (rules->any_regression ? 1 : 2);
}

static void explain_undecided(struct pab_row *row, const struct pab_effect *effect,
                              const struct pab_rules *rules, size_t judged)
{
    char text[PAB_FIGURE_MAX];
    double alpha = alpha_of_tail(rules, judged);
    bool is_beyond = fabs(effect->log_ratio.estimate) > log1p(rules->floor[PAB_FAMILY_TIME]);
    if (effect->least_p >= alpha && row->paired) {
        say(row, "%zu round%s too few for a verdict on %zu row%s: it takes %.0f", row->n_base,
            row->n_base == 1 ? " is" : "s are", judged, judged == 1 ? "" : "s",
            floor(-log2(alpha)) + 1);
    } else if (effect->least_p >= alpha) {
        say(row, "%zu and %zu samples are too few for a verdict on %zu row%s", row->n_base,
            row->n_head, judged, judged == 1 ? "" : "s");
    } else if (row->p_adjusted < rules->alpha && !is_beyond) {
        say(row, "differs, but perhaps by less than the floor of %s",
            pab_words_percent(rules->floor[PAB_FAMILY_TIME], text));
    } else if (isfinite(row->detectable)) {
        say(row, "changes below %s would probably be missed",
            pab_words_percent(row->detectable, text));
    } else {
        say(row, "too few rounds for an interval");
    }
}

/* `p_worse`, `p_better`: adjusted. Swapped sides swap worse and better, exactly. */
static enum pab_call call_of_time(const struct pab_interval *log_ratio, double p_worse,
                                  double p_better, const struct pab_rules *rules)
{
    double floor = log1p(rules->floor[PAB_FAMILY_TIME]);
    if (p_worse < rules->alpha && log_ratio->estimate > floor) {
        return PAB_CALL_WORSE;
    }
    if (p_better < rules->alpha && log_ratio->estimate < -floor) {
        return PAB_CALL_BETTER;
    }
    bool is_inside = log_ratio->has_interval && log_ratio->lo > -floor && log_ratio->hi < floor;
    return is_inside ? PAB_CALL_EQUIVALENT : PAB_CALL_UNDECIDED;
}

static void judge_time(struct pab_row *row, const struct pab_effect *effect, double p_better,
                       const struct pab_rules *rules, size_t judged)
{
    double floor = log1p(rules->floor[PAB_FAMILY_TIME]);
    if (isfinite(effect->error)) {
        row->detectable = expm1(pab_detectable_effect(effect->error, floor,
                                                      alpha_of_tail(rules, judged), rules->power));
    }
    row->call = call_of_time(&effect->log_ratio, row->p_adjusted, p_better, rules);
    if (row->call == PAB_CALL_UNDECIDED) {
        explain_undecided(row, effect, rules, judged);
    }
}

void pab_judge_times(struct pab_row *rows, const struct pab_evidence *evidence, size_t count,
                     const struct pab_rules *rules)
{
    void (*adjust)(const double *p, size_t n, double *adjusted) =
        rules->any_regression ? pab_holm : pab_benjamini_hochberg;
    double *worse = calloc(2 * count + 1, sizeof(*worse));
    PAB_CHECK(worse != NULL);
    double *better = worse + count;
    size_t judged = 0;
    for (size_t i = 0; i < count; i++) {
        if (evidence[i].judged) {
            const struct pab_effect *effect = &evidence[i].effect;
            worse[judged] = rules->any_regression ? effect->p_greater : effect->p_both;
            better[judged] = rules->any_regression ? effect->p_less : effect->p_both;
            judged++;
        }
    }
    adjust(worse, judged, worse);
    adjust(better, judged, better);
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (evidence[i].judged) {
            rows[i].p_adjusted = worse[next];
            judge_time(&rows[i], &evidence[i].effect, better[next], rules, judged);
            next++;
        }
    }
    free(worse);
}

/* --- what repeats well ------------------------------------------------------------------------ */

struct range {
    double least, greatest;
};

static struct range range_of(const struct pab_numbers *values)
{
    struct range out = {values->values[0], values->values[0]};
    for (size_t i = 1; i < values->count; i++) {
        out.least = fmin(out.least, values->values[i]);
        out.greatest = fmax(out.greatest, values->values[i]);
    }
    return out;
}

static double quotient(double over, double under)
{
    return over >= 0 && under > 0 ? over / under : NAN;
}

/* One value has no range, and two that differ are always apart. */
static bool have_ranges(const struct pab_sides *sides)
{
    return sides->base->count > 1 && sides->head->count > 1;
}

static void fill_medians(struct pab_row *row, const struct pab_sides *sides)
{
    struct range base = range_of(sides->base);
    struct range head = range_of(sides->head);
    row->base = median_of(sides->base);
    row->head = median_of(sides->head);
    row->n_base = sides->base->count;
    row->n_head = sides->head->count;
    row->ratio = quotient(row->head, row->base);
    bool is_range = row->n_base > 1 || row->n_head > 1;
    row->lo = is_range ? quotient(head.least, base.greatest) : NAN;
    row->hi = is_range ? quotient(head.greatest, base.least) : NAN;
    row->superiority = pab_superiority_by_host(sides->base, sides->head);
}

static void say_overlap(struct pab_row *row, const struct range *base, const struct range *head)
{
    char text[4][PAB_FIGURE_MAX];
    const char *unit = row->metric->unit;
    say(row, "values from %s to %s against %s to %s", pab_words_figure(base->least, unit, text[0]),
        pab_words_figure(base->greatest, unit, text[1]),
        pab_words_figure(head->least, unit, text[2]),
        pab_words_figure(head->greatest, unit, text[3]));
}

/* Whether the difference of two values is none that counts: below the step, or within the limit,
 * which is as far up as down. */
static bool is_within(double base, double head, const struct pab_limits *limits)
{
    return fabs(head - base) < limits->step || head == base ||
           (head <= base * (1 + limits->share) && base <= head * (1 + limits->share));
}

static bool are_same(const struct pab_numbers *base, const struct pab_numbers *head)
{
    return base->count == head->count &&
           memcmp(base->values, head->values, base->count * sizeof(*base->values)) == 0;
}

static void judge_ranges(struct pab_row *row, const struct pab_sides *sides,
                         const struct pab_limits *limits)
{
    struct range base = range_of(sides->base);
    struct range head = range_of(sides->head);
    bool is_more = row->head > row->base;
    bool is_apart = head.least > base.greatest || base.least > head.greatest;
    bool lacks_range = row->metric->family == PAB_FAMILY_MEMORY && !have_ranges(sides);
    bool is_inside = !lacks_range && is_within(base.least, head.greatest, limits) &&
                     is_within(base.greatest, head.least, limits);
    if (are_same(sides->base, sides->head) || is_inside) {
        row->call = PAB_CALL_EQUIVALENT;
    } else if (lacks_range) {
        row->call = PAB_CALL_UNDECIDED;
        say(row, "%s", PAB_ONE_MEMORY_ROUND);
    } else if (is_within(row->base, row->head, limits) || !is_apart) {
        row->call = PAB_CALL_UNDECIDED;
        say_overlap(row, &base, &head);
    } else {
        row->call = is_more == row->metric->more_is_better ? PAB_CALL_BETTER : PAB_CALL_WORSE;
    }
}

static void judge_equal(struct pab_row *row, const struct pab_sides *sides)
{
    struct range base = range_of(sides->base);
    struct range head = range_of(sides->head);
    if (base.least != base.greatest || head.least != head.greatest) {
        row->call = PAB_CALL_UNDECIDED;
        say(row, "not deterministic: %.0f..%.0f against %.0f..%.0f", base.least, base.greatest,
            head.least, head.greatest);
    } else if (base.least == head.least) {
        row->call = PAB_CALL_EQUIVALENT;
    } else {
        const char *name = strrchr(row->metric->name, '.');
        row->call = PAB_CALL_WORSE;
        say(row, "%.60s %.0f -> %.0f", name == NULL ? row->metric->name : name + 1, row->base,
            row->head);
    }
}

/* What the hosts that both sides have say together. */
struct blocks {
    struct pab_row *row; /* as it was, then the first host's, then all */
    struct pab_row empty;
    const struct pab_limits *limits;
    bool is_judged;
    double log_sum;
    size_t count;
};

static void add_host(void *arg, const struct pab_numbers *base, const struct pab_numbers *head)
{
    struct blocks *blocks = arg;
    struct pab_sides sides = {base, head};
    struct pab_row *row = blocks->row;
    struct pab_row own = blocks->empty;
    fill_medians(&own, &sides);
    if (blocks->is_judged && blocks->limits == NULL) {
        judge_equal(&own, &sides);
    } else if (blocks->is_judged) {
        judge_ranges(&own, &sides, blocks->limits);
    }
    blocks->log_sum += log(own.ratio);
    blocks->count++;
    if (blocks->count == 1) {
        *row = own;
        return;
    }
    row->n_base += own.n_base;
    row->n_head += own.n_head;
    row->base = row->head = NAN;
    row->lo = fmin(row->lo, own.lo);
    row->hi = fmax(row->hi, own.hi);
    row->ratio = exp(blocks->log_sum / (double)blocks->count);
    if (own.call != row->call) {
        row->call = PAB_CALL_UNDECIDED;
        say(row, "hosts disagree");
    }
}

static void judge_by_host(struct pab_row *row, const struct pab_sides *sides,
                          const struct pab_limits *limits, bool is_judged)
{
    struct blocks blocks = {.row = row, .empty = *row, .limits = limits, .is_judged = is_judged};
    if (pab_for_hosts(sides->base, sides->head, add_host, &blocks) == 0) {
        row->call = PAB_CALL_UNDECIDED;
        say(row, "no host has both");
    } else if (blocks.count > 1) {
        row->superiority = pab_superiority_by_host(sides->base, sides->head);
    }
}

void pab_judge_values(struct pab_row *row, const struct pab_sides *sides,
                      const struct pab_limits *limits)
{
    judge_by_host(row, sides, limits, true);
}

void pab_describe_values(struct pab_row *row, const struct pab_sides *sides)
{
    judge_by_host(row, sides, NULL, false);
}
