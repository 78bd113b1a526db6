#include "harness/compare/control.h"

#include "harness/compare/effect.h"
#include "harness/compare/influence.h"
#include "harness/compare/words.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define LEVEL 0.95

const char *pab_control_word(enum pab_control_verdict verdict)
{
    static const char *const words[] = {"good", "failed", "too few", "none"};
    return words[verdict];
}

/* --- the baseline against itself -------------------------------------------------------------- */

static void add_row(struct pab_control *control, const char *workload, const char *backend,
                    const struct pab_numbers *logs)
{
    struct pab_effect effect = pab_effect_of_pairs(logs, LEVEL);
    bool has_interval = effect.log_ratio.has_interval;
    control->rows = realloc(control->rows, (control->count + 1) * sizeof(*control->rows));
    PAB_CHECK(control->rows != NULL);
    control->rows[control->count++] = (struct pab_control_row){
        .workload = workload,
        .backend = backend,
        .n = logs->count,
        .ratio = exp(effect.log_ratio.estimate),
        .lo = has_interval ? exp(effect.log_ratio.lo) : NAN,
        .hi = has_interval ? exp(effect.log_ratio.hi) : NAN,
        .p = effect.p_both,
    };
}

static struct pab_numbers pairs_of(struct pab_reading *reading, size_t workload, size_t backend,
                                   size_t metric)
{
    struct pab_numbers first = pab_numbers_of(
        pab_reading_series(reading, PAB_PART_SAMPLES, workload, backend, metric), 0, UINT32_MAX);
    struct pab_numbers second = pab_numbers_of(
        pab_reading_series(reading, PAB_PART_CONTROL, workload, backend, metric), 0, UINT32_MAX);
    struct pab_numbers logs = pab_log_ratios(&first, &second);
    pab_numbers_free(&first);
    pab_numbers_free(&second);
    return logs;
}

/* A row for each workload, by the time that speaks for it; one of the rounds' means over all. */
static void add_backend(struct pab_control *control, struct pab_reading *reading, size_t backend)
{
    struct pab_numbers sums = {0};
    size_t workloads = 0;
    const char *id = pab_reading_backend(reading, backend);
    for (size_t w = 0; w < pab_reading_workloads(reading); w++) {
        size_t metric = pab_reading_find_metric(reading, pab_reading_clock(reading, w));
        struct pab_numbers logs = pairs_of(reading, w, backend, metric);
        if (logs.count > 0) {
            add_row(control, pab_reading_workload(reading, w), id, &logs);
        }
        if (logs.count > 0 && workloads++ == 0) {
            sums = logs;
            continue;
        }
        if (logs.count > 0) {
            pab_numbers_add(&sums, &logs);
        }
        pab_numbers_free(&logs);
    }
    for (size_t i = 0; i < sums.count; i++) {
        sums.values[i] /= (double)workloads;
    }
    if (workloads > 1 && sums.count > 0) {
        add_row(control, NULL, id, &sums);
    }
    pab_numbers_free(&sums);
}

static bool is_off(const struct pab_control_row *row)
{
    return row->p_adjusted < PAB_CONTROL_ALPHA && fabs(log(row->ratio)) > PAB_CONTROL_FLOOR;
}

/* Two-sided signed ranks of n pairs reach 2^(1 - n) at best; Holm multiplies by the rows. */
static bool could_fail(const struct pab_control *control, const struct pab_control_row *row)
{
    double pairs = row->n < 1000 ? (double)row->n : 1000;
    return exp2(1 - pairs) * (double)control->count < PAB_CONTROL_ALPHA;
}

static void judge(struct pab_control *control)
{
    double *p = calloc(control->count + 1, sizeof(*p));
    PAB_CHECK(p != NULL);
    for (size_t i = 0; i < control->count; i++) {
        p[i] = control->rows[i].p;
    }
    pab_holm(p, control->count, p);
    control->verdict = control->count == 0 ? PAB_CONTROL_NONE : PAB_CONTROL_TOO_FEW;
    for (size_t i = 0; i < control->count; i++) {
        struct pab_control_row *row = &control->rows[i];
        row->p_adjusted = p[i];
        if (is_off(row)) {
            control->verdict = PAB_CONTROL_FAILED;
        } else if (control->verdict == PAB_CONTROL_TOO_FEW && could_fail(control, row)) {
            control->verdict = PAB_CONTROL_GOOD;
        }
    }
    free(p);
}

/* --- words ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void say(struct pab_control *control,
                                                      const char *format, ...)
{
    char text[400];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    control->words = realloc(control->words, (control->word_count + 1) * sizeof(*control->words));
    PAB_CHECK(control->words != NULL);
    control->words[control->word_count] = strdup(text);
    PAB_CHECK(control->words[control->word_count] != NULL);
    control->word_count++;
}

/* The row that is furthest from 1 among those that failed, or among all. */
static const struct pab_control_row *worst_row(const struct pab_control *control)
{
    const struct pab_control_row *worst = NULL;
    for (size_t i = 0; i < control->count; i++) {
        const struct pab_control_row *row = &control->rows[i];
        bool counts = control->verdict != PAB_CONTROL_FAILED || is_off(row);
        if (counts && (worst == NULL || fabs(log(row->ratio)) > fabs(log(worst->ratio)))) {
            worst = row;
        }
    }
    return worst;
}

static void say_verdict(struct pab_control *control)
{
    char ratio[PAB_FIGURE_MAX];
    char interval[PAB_FIGURE_MAX];
    const struct pab_control_row *row = worst_row(control);
    if (row == NULL) {
        say(control, "no A/A control: the baseline was not measured twice a round");
        return;
    }
    const char *where = row->workload == NULL ? "all workloads" : row->workload;
    pab_words_ratio(row->ratio, ratio);
    pab_words_interval(row->lo, row->hi, interval);
    if (control->verdict == PAB_CONTROL_FAILED) {
        say(control,
            "%s against itself on %s gives %s %s: something other than the allocator moves these "
            "times; stop other work, run more rounds, and believe no difference of that size",
            row->backend, where, ratio, interval);
    } else if (control->verdict == PAB_CONTROL_TOO_FEW) {
        say(control, "%zu round%s too few for an A/A control to fail: it takes %.0f", row->n,
            row->n == 1 ? " is" : "s are",
            floor(1 - log2(PAB_CONTROL_ALPHA / (double)control->count)) + 1);
    } else {
        say(control, "%s against itself: nothing found where nothing is; furthest %s %s on %s",
            row->backend, ratio, interval, where);
    }
}

#define INFLUENCE_FLOOR 0.01 /* smaller ones are not worth a word, however sure */

static bool is_worth_a_word(const struct pab_influence *influence)
{
    return influence->p < PAB_CONTROL_ALPHA && fabs(influence->change) > INFLUENCE_FLOOR;
}

/* "4.1 % slower" */
static const char *change_in_words(const struct pab_influence *influence, char out[64])
{
    char percent[PAB_FIGURE_MAX];
    snprintf(out, 64, "%s %s", pab_words_percent(fabs(influence->change), percent),
             influence->change > 0 ? "slower" : "faster");
    return out;
}

static void say_influences(struct pab_control *control)
{
    char change[64];
    if (is_worth_a_word(&control->order)) {
        say(control,
            "samples late in a round are %s than those early in it; the order is random, so this "
            "costs power and favours nobody",
            change_in_words(&control->order, change));
    }
    if (is_worth_a_word(&control->after)) {
        say(control,
            "what runs right after %s is %s than what does not; the order is random, so this "
            "costs power and favours nobody",
            control->after.backend, change_in_words(&control->after, change));
    }
    if (is_worth_a_word(&control->trend)) {
        say(control,
            "the last repetition within a process is %s than the first: none is quite steady, "
            "and the median is of them all",
            change_in_words(&control->trend, change));
    }
    if (is_worth_a_word(&control->drift)) {
        say(control,
            "later rounds are %s than earlier ones: the machine changed on the way; pairs within "
            "a round cancel it, a comparison with another run does not",
            change_in_words(&control->drift, change));
    }
    if (control->spread.median > 0.1) {
        char spread[PAB_FIGURE_MAX];
        say(control,
            "equal processes differ by %s (robust SD of a cell, median; most on %s with %s): more "
            "and shorter samples help, a quieter machine helps more",
            pab_words_percent(control->spread.median, spread), control->spread.workload,
            control->spread.backend);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

struct pab_control *pab_control_of_pairs(struct pab_reading *reading)
{
    struct pab_control *control = calloc(1, sizeof(*control));
    PAB_CHECK(control != NULL);
    for (size_t b = 0; b < pab_reading_backends(reading) && pab_reading_metrics(reading) > 0; b++) {
        add_backend(control, reading, b);
    }
    judge(control);
    say_verdict(control);
    return control;
}

struct pab_control *pab_control_make(struct pab_reading *reading)
{
    struct pab_control *control = pab_control_of_pairs(reading);
    pab_influences(reading, control);
    say_influences(control);
    return control;
}

void pab_control_free(struct pab_control *control)
{
    for (size_t i = 0; i < control->word_count; i++) {
        free(control->words[i]);
    }
    free(control->words);
    free(control->rows);
    free(control);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_row(const struct pab_control_row *row)
{
    return json_pack("{s:s?, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "workload", row->workload,
                     "backend", row->backend, "n", (json_int_t)row->n, "ratio",
                     real_or_null(row->ratio), "lo", real_or_null(row->lo), "hi",
                     real_or_null(row->hi), "p", real_or_null(row->p), "p_adjusted",
                     real_or_null(row->p_adjusted));
}

static json_t *json_of_influence(const struct pab_influence *influence)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:s?}", "n", (json_int_t)influence->n,
                     "change", real_or_null(influence->change), "lo", real_or_null(influence->lo),
                     "hi", real_or_null(influence->hi), "correlation",
                     real_or_null(influence->correlation), "p", real_or_null(influence->p),
                     "backend", influence->backend);
}

json_t *pab_control_json(const struct pab_control *control)
{
    json_t *rows = json_array();
    json_t *words = json_array();
    const struct pab_spread *spread = &control->spread;
    for (size_t i = 0; i < control->count; i++) {
        json_array_append_new(rows, json_of_row(&control->rows[i]));
    }
    for (size_t i = 0; i < control->word_count; i++) {
        json_array_append_new(words, json_string(control->words[i]));
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:o, s:o, s:s?, s:s?}}", "verdict",
        pab_control_word(control->verdict), "words", words, "rows", rows, "order",
        json_of_influence(&control->order), "after", json_of_influence(&control->after), "trend",
        json_of_influence(&control->trend), "drift", json_of_influence(&control->drift), "spread",
        "cells", (json_int_t)spread->cells, "median", real_or_null(spread->median), "greatest",
        real_or_null(spread->greatest), "workload", spread->workload, "backend", spread->backend);
}
