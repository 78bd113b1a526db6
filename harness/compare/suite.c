#include "harness/compare/sheet.h"

#include <math.h>
#include <string.h>

/* What the workloads that both sides have add up to. */
struct suite {
    size_t workloads;
    struct pab_numbers logs;          /* paired: sums of log ratios of the rounds that all have */
    struct pab_interval *parts;       /* not paired: each workload's */
    double log_ratio, log_lo, log_hi; /* of medians: sums */
    size_t changed;                   /* ... and how many differ by what counts */
};

/* The error of a mean of estimates that no pairs tie together. */
static struct pab_effect effect_of_parts(const struct suite *suite, double level)
{
    struct pab_interval mean = pab_mean_interval(suite->parts, suite->workloads, level);
    double error = mean.has_interval ? pab_standard_error(&mean, level) : NAN;
    double z = error > 0 ? mean.estimate / error : 0;
    return (struct pab_effect){
        .log_ratio = mean,
        .error = error,
        .p_greater = pab_normal_cdf(-z),
        .p_less = pab_normal_cdf(z),
        .p_both = 2 * pab_normal_cdf(-fabs(z)),
        .heterogeneity = 1,
        .n_base = suite->workloads,
        .n_head = suite->workloads,
    };
}

/* Tested by signed ranks over the rounds' means; estimated as in the document's `suite`. */
static struct pab_effect effect_of_rounds(const struct pab_numbers *logs, uint64_t seed,
                                          double level)
{
    size_t counts[PAB_HOSTS_MAX];
    size_t strata = pab_numbers_strata(logs, counts, PAB_HOSTS_MAX);
    struct pab_effect out = pab_effect_of_pairs(logs, level);
    out.log_ratio = pab_suite_interval(logs->values, counts, strata, seed, level);
    out.error = out.log_ratio.has_interval ? pab_standard_error(&out.log_ratio, level) : NAN;
    return out;
}

static bool is_in_means(const struct pab_sheet *sheet, size_t workload)
{
    const struct pab_sheet_workload *where = &sheet->workloads[workload];
    return where->head != PAB_NOWHERE ? pab_reading_is_in_means(sheet->head, where->head)
                                      : pab_reading_is_in_means(sheet->base, where->base);
}

static void add_pairs(struct suite *suite, const struct pab_numbers *base,
                      const struct pab_numbers *head)
{
    struct pab_numbers logs = pab_log_ratios(base, head);
    if (logs.count > 0 && suite->workloads++ == 0) {
        suite->logs = logs;
        return;
    }
    if (logs.count > 0) {
        pab_numbers_add(&suite->logs, &logs);
    }
    pab_numbers_free(&logs);
}

static void add_samples(struct suite *suite, const struct pab_numbers *base,
                        const struct pab_numbers *head, double level)
{
    struct pab_effect effect;
    if (pab_effect_of_samples(base, head, level, &effect) && isfinite(effect.log_ratio.estimate)) {
        suite->parts[suite->workloads++] = effect.log_ratio;
    }
}

#define OWN_CLOCK SIZE_MAX /* in place of a metric: of each workload the time that speaks for it */

static size_t metric_on(const struct pab_sheet *sheet, size_t workload, size_t metric)
{
    if (metric != OWN_CLOCK) {
        return metric;
    }
    const struct pab_sheet_workload *where = &sheet->workloads[workload];
    const char *clock = where->head != PAB_NOWHERE ? pab_reading_clock(sheet->head, where->head)
                                                   : pab_reading_clock(sheet->base, where->base);
    size_t found = 0;
    while (strcmp(sheet->metrics[found].metric->name, clock) !=
           0) { /* the times are always there */
        found++;
    }
    return found;
}

static struct suite gather_times(const struct pab_sheet *sheet, const struct pab_contrast *contrast,
                                 size_t metric)
{
    struct suite suite = {.parts = calloc(sheet->workload_count + 1, sizeof(*suite.parts))};
    PAB_CHECK(suite.parts != NULL);
    for (size_t w = 0; w < sheet->workload_count; w++) {
        if (!is_in_means(sheet, w)) {
            continue;
        }
        size_t own = metric_on(sheet, w, metric);
        struct pab_numbers base = pab_sheet_base(sheet, w, contrast, own);
        struct pab_numbers head = pab_sheet_head(sheet, w, contrast, own);
        if (sheet->paired) {
            add_pairs(&suite, &base, &head);
        } else {
            add_samples(&suite, &base, &head, sheet->out->rules.level);
        }
        pab_numbers_free(&base);
        pab_numbers_free(&head);
    }
    for (size_t i = 0; i < suite.logs.count; i++) {
        suite.logs.values[i] /= (double)suite.workloads;
    }
    return suite;
}

static uint64_t seed_of(const struct pab_sheet *sheet)
{
    const json_t *run = pab_reading_run(sheet->head);
    return (uint64_t)json_integer_value(json_object_get(run, "seed"));
}

/* Over one workload a mean would ask its cell's question again, and Holm would count it. */
static void add_time(struct pab_sheet *sheet, const struct pab_contrast *contrast, size_t metric)
{
    const struct pab_rules *rules = &sheet->out->rules;
    struct suite suite = gather_times(sheet, contrast, metric);
    if (suite.workloads > 1 && (!sheet->paired || suite.logs.count > 0)) {
        struct pab_effect effect = sheet->paired
                                       ? effect_of_rounds(&suite.logs, seed_of(sheet), rules->level)
                                       : effect_of_parts(&suite, rules->level);
        struct pab_row *row =
            pab_sheet_add(sheet, NULL, contrast,
                          metric == OWN_CLOCK ? pab_reading_mixed_clock(sheet->head)
                                              : sheet->metrics[metric].metric);
        struct pab_evidence *evidence = &sheet->evidence[sheet->out->count - 1];
        row->workloads = suite.workloads;
        pab_fill_effect(row, &effect, rules, evidence);
        evidence->judged = pab_sheet_judges(sheet, contrast, row);
    }
    pab_numbers_free(&suite.logs);
    free(suite.parts);
}

static void add_cell(struct suite *suite, const struct pab_row *row)
{
    bool has_range = row->lo > 0 && row->hi > 0;
    bool is_one_round = isnan(row->lo) && isnan(row->hi);
    if (row->ratio > 0 && (has_range || is_one_round)) {
        suite->log_ratio += log(row->ratio);
        suite->log_lo += log(row->lo);
        suite->log_hi += log(row->hi);
        suite->changed += row->call != PAB_CALL_EQUIVALENT;
        suite->workloads++;
    }
}

static enum pab_call call_of_memory(const struct suite *suite, const struct pab_row *row,
                                    double limit)
{
    if (suite->changed == 0 || (row->lo > 1 / limit && row->hi < limit)) {
        return PAB_CALL_EQUIVALENT;
    }
    if (row->lo > 1 && row->ratio > limit) {
        return PAB_CALL_WORSE;
    }
    return row->hi < 1 && row->ratio < 1 / limit ? PAB_CALL_BETTER : PAB_CALL_UNDECIDED;
}

/* The geometric mean of the cells' ratios, and of the ends of their ranges: NAN where one of them has
 * none. */
static void add_memory(struct pab_sheet *sheet, const struct pab_contrast *contrast, size_t metric)
{
    struct suite suite = {0};
    const struct pab_metric *what = sheet->metrics[metric].metric;
    struct pab_limits limits = pab_sheet_limits(sheet, contrast, what);
    for (size_t w = 0; w < sheet->workload_count; w++) {
        if (!is_in_means(sheet, w)) {
            continue;
        }
        struct pab_numbers base = pab_sheet_base(sheet, w, contrast, metric);
        struct pab_numbers head = pab_sheet_head(sheet, w, contrast, metric);
        struct pab_row cell = {.metric = what, .ratio = NAN};
        pab_judge_values(&cell, &(struct pab_sides){&base, &head}, &limits);
        add_cell(&suite, &cell);
        pab_numbers_free(&base);
        pab_numbers_free(&head);
    }
    if (suite.workloads < 2) {
        return;
    }
    struct pab_row *row = pab_sheet_add(sheet, NULL, contrast, what);
    double count = (double)suite.workloads;
    row->workloads = suite.workloads;
    row->ratio = exp(suite.log_ratio / count);
    row->lo = exp(suite.log_lo / count);
    row->hi = exp(suite.log_hi / count);
    if (contrast->exempt == NULL) {
        row->call = call_of_memory(&suite, row, 1 + limits.share);
    }
    if (row->call == PAB_CALL_UNDECIDED && isnan(row->lo)) {
        snprintf(row->why, sizeof(row->why), "%s", PAB_ONE_MEMORY_ROUND);
    }
}

void pab_suite_rows(struct pab_sheet *sheet)
{
    for (size_t c = 0; c < sheet->contrast_count; c++) {
        if (pab_reading_mixed_clock(sheet->head) != NULL) {
            add_time(sheet, &sheet->contrasts[c], OWN_CLOCK);
        }
        for (size_t m = 0; m < sheet->metric_count; m++) {
            const struct pab_metric *metric = sheet->metrics[m].metric;
            if (metric->family == PAB_FAMILY_TIME) {
                add_time(sheet, &sheet->contrasts[c], m);
            } else if (strcmp(metric->name, "peak_rss_bytes") == 0) {
                add_memory(sheet, &sheet->contrasts[c], m);
            }
        }
    }
}
