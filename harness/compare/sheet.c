#include "harness/compare/sheet.h"

#include "harness/json_text.h"
#include "harness/text.h"

#include <math.h>
#include <string.h>

/* --- rows ------------------------------------------------------------------------------------- */

/* Of the head: a workload that it lacks has no verdict. */
static bool is_clock(const struct pab_sheet *sheet, const char *workload,
                     const struct pab_metric *metric)
{
    struct pab_reading *head = sheet->head;
    size_t index = workload == NULL ? PAB_ALL_WORKLOADS : pab_reading_find_workload(head, workload);
    return strcmp(metric->name, pab_reading_clock(head, index)) == 0;
}

static bool is_oversubscribed(const struct pab_reading *reading, const char *workload)
{
    return workload != NULL &&
           pab_reading_is_oversubscribed(reading, pab_reading_find_workload(reading, workload));
}

struct pab_row *pab_sheet_add(struct pab_sheet *sheet, const char *workload,
                              const struct pab_contrast *contrast, const struct pab_metric *metric)
{
    struct pab_comparison *out = sheet->out;
    PAB_CHECK(metric != NULL);
    if (out->count == sheet->capacity) {
        sheet->capacity = 2 * sheet->capacity + 64;
        out->rows = realloc(out->rows, sheet->capacity * sizeof(*out->rows));
        sheet->evidence = realloc(sheet->evidence, sheet->capacity * sizeof(*sheet->evidence));
        PAB_CHECK(out->rows != NULL && sheet->evidence != NULL);
    }
    sheet->evidence[out->count] = (struct pab_evidence){0};
    struct pab_row *row = &out->rows[out->count++];
    *row = (struct pab_row){
        .workload = workload,
        .label = contrast->label,
        .metric = metric,
        .paired = sheet->paired && metric->family == PAB_FAMILY_TIME,
        .is_clock = is_clock(sheet, workload, metric),
        .is_oversubscribed =
            is_oversubscribed(sheet->base, workload) || is_oversubscribed(sheet->head, workload),
        .base = NAN,
        .head = NAN,
        .ratio = NAN,
        .lo = NAN,
        .hi = NAN,
        .p = NAN,
        .p_adjusted = NAN,
        .superiority = NAN,
        .detectable = NAN,
        .heterogeneity = 1,
        .call = PAB_CALL_NOT_JUDGED,
    };
    if (contrast->exempt != NULL) {
        snprintf(row->why, sizeof(row->why), "%s", contrast->exempt);
    }
    return row;
}

static struct pab_numbers values_of(const struct pab_sheet *sheet, struct pab_reading *reading,
                                    size_t workload, size_t backend, size_t metric)
{
    if (workload == PAB_NOWHERE || backend == PAB_NOWHERE || metric == PAB_NOWHERE) {
        return pab_numbers_of(NULL, 0, 0);
    }
    return pab_numbers_of(pab_reading_series(reading, PAB_PART_SAMPLES, workload, backend, metric),
                          sheet->rounds.first, sheet->rounds.end);
}

struct pab_numbers pab_sheet_base(const struct pab_sheet *sheet, size_t workload,
                                  const struct pab_contrast *contrast, size_t metric)
{
    return values_of(sheet, sheet->base, sheet->workloads[workload].base, contrast->base,
                     sheet->metrics[metric].base);
}

struct pab_numbers pab_sheet_head(const struct pab_sheet *sheet, size_t workload,
                                  const struct pab_contrast *contrast, size_t metric)
{
    return values_of(sheet, sheet->head, sheet->workloads[workload].head, contrast->head,
                     sheet->metrics[metric].head);
}

bool pab_sheet_judges(const struct pab_sheet *sheet, const struct pab_contrast *contrast,
                      const struct pab_row *row)
{
    const struct pab_metric *metric = row->metric;
    bool is_wanted =
        metric->family != PAB_FAMILY_TIME || !sheet->out->rules.cpu_time_only || row->is_clock;
    /* Other allocators have other structures, and their instructions cost other times. */
    bool is_own =
        metric->family == PAB_FAMILY_STRUCTURE || metric->family == PAB_FAMILY_INSTRUCTIONS;
    return contrast->exempt == NULL && is_wanted && metric->family != PAB_FAMILY_DESCRIPTION &&
           !(is_own && sheet->is_within);
}

#define STEP_OF_SHARES 0.01 /* of f_ret and the like, which are 0 where all is well */

struct pab_limits pab_sheet_limits(const struct pab_sheet *sheet,
                                   const struct pab_contrast *contrast,
                                   const struct pab_metric *metric)
{
    const struct pab_rules *rules = &sheet->out->rules;
    struct pab_limits out = {.share = rules->floor[metric->family]};
    if (metric->family == PAB_FAMILY_INSTRUCTIONS) {
        out.share *= contrast->is_jemalloc ? rules->jemalloc_factor : 1;
    } else if (strcmp(metric->unit, "bytes") == 0) {
        out.step = rules->memory_step_bytes;
    } else {
        out.step = STEP_OF_SHARES;
    }
    return out;
}

/* --- cells that one side does not have -------------------------------------------------------- */

/* Of the pass that would have had the figure: another one's is told where it belongs. */
static const json_t *failure_of(struct pab_reading *reading, size_t workload, size_t backend,
                                const struct pab_metric *metric)
{
    return workload == PAB_NOWHERE || backend == PAB_NOWHERE
               ? NULL
               : pab_reading_failure(reading, workload, backend, metric);
}

static void say_failure(struct pab_row *row, const char *side, const json_t *failure)
{
    char text[2 * sizeof(row->why)];
    snprintf(text, sizeof(text), "%s%s: %s", side, pab_json_text(failure, "kind"),
             pab_json_text(failure, "message"));
    pab_text_clean(text, false, row->why, sizeof(row->why));
}

/* Within a document an allocator that cannot be asked for a figure is neither new nor gone. */
static void add_without_base(struct pab_sheet *sheet, struct pab_row *row, const json_t *failure)
{
    if (failure != NULL) {
        say_failure(row, sheet->is_within ? "the baseline failed: " : "base failed: ", failure);
    }
    if (!sheet->is_within) {
        row->call = PAB_CALL_NEW;
    } else if (failure == NULL) {
        snprintf(row->why, sizeof(row->why), "the baseline has none");
    }
}

/* False: there is nothing to say. */
static bool add_without_head(struct pab_sheet *sheet, struct pab_row *row, const json_t *failure)
{
    if (failure != NULL) {
        row->call = PAB_CALL_FAILED;
        say_failure(row, "", failure);
        sheet->has_common = true;
        return true;
    }
    row->call = PAB_CALL_GONE;
    return !sheet->is_within;
}

static void add_one_sided(struct pab_sheet *sheet, struct pab_row *row, size_t workload,
                          const struct pab_contrast *contrast, const struct pab_sides *sides)
{
    const struct pab_sheet_workload *where = &sheet->workloads[workload];
    const struct pab_numbers *values = sides->base->count > 0 ? sides->base : sides->head;
    struct pab_row described = *row;
    struct pab_sides same = {values, values};
    pab_describe_values(&described, &same);
    bool keeps = true;
    if (sides->base->count == 0) {
        row->head = described.head;
        row->n_head = values->count;
        add_without_base(sheet, row,
                         failure_of(sheet->base, where->base, contrast->base, row->metric));
    } else {
        row->base = described.base;
        row->n_base = values->count;
        keeps = add_without_head(sheet, row,
                                 failure_of(sheet->head, where->head, contrast->head, row->metric));
    }
    if (!keeps) {
        sheet->out->count--;
    }
}

/* What is new or gone because its whole pass was not run on one side. */
static void say_pass(struct pab_row *row, const struct pab_sheet_metric *metric)
{
    bool is_one_sided = row->call == PAB_CALL_NEW || row->call == PAB_CALL_GONE;
    if (is_one_sided && !(metric->has_base && metric->has_head)) {
        char pass[PAB_READING_NAME_MAX + 1];
        pab_metric_pass(row->metric, pass, sizeof(pass));
        row->lacks_pass = true;
        snprintf(row->why, sizeof(row->why), "no %.100s pass in %s", pass,
                 metric->has_base ? "head" : "base");
    }
}

/* --- cells that both have --------------------------------------------------------------------- */

static const char *host_name(struct pab_comparison *comparison, uint16_t host)
{
    PAB_CHECK(host < PAB_HOSTS_MAX);
    if (comparison->hosts == NULL) {
        comparison->hosts = calloc(PAB_HOSTS_MAX, sizeof(*comparison->hosts));
        PAB_CHECK(comparison->hosts != NULL);
    }
    snprintf(comparison->hosts[host], sizeof(comparison->hosts[host]), "%u", (unsigned)host);
    return comparison->hosts[host];
}

struct host_rows {
    struct pab_sheet *sheet;
    const char *workload;
    const struct pab_contrast *contrast;
    const struct pab_metric *metric;
};

static void add_host_row(void *arg, const struct pab_numbers *base, const struct pab_numbers *head)
{
    struct host_rows *hosts = arg;
    struct pab_sides sides = {base, head};
    struct pab_row *row =
        pab_sheet_add(hosts->sheet, hosts->workload, hosts->contrast, hosts->metric);
    row->host = host_name(hosts->sheet->out, base->hosts[0]);
    pab_fill_time(row, &sides, &hosts->sheet->out->rules,
                  &hosts->sheet->evidence[hosts->sheet->out->count - 1]);
    row->call = PAB_CALL_NOT_JUDGED;
}

static void add_time(struct pab_sheet *sheet, struct pab_row *row, const struct pab_sides *sides,
                     const struct pab_contrast *contrast)
{
    struct pab_evidence *evidence = &sheet->evidence[sheet->out->count - 1];
    bool is_judged = pab_sheet_judges(sheet, contrast, row);
    bool has_ratio = pab_fill_time(row, sides, &sheet->out->rules, evidence);
    evidence->judged = is_judged && has_ratio;
    if (!is_judged) {
        row->call = PAB_CALL_NOT_JUDGED;
    }
    if (row->heterogeneity < PAB_HOSTS_DIFFER) {
        struct host_rows hosts = {sheet, row->workload, contrast, row->metric};
        pab_for_hosts(sides->base, sides->head, add_host_row, &hosts);
    }
}

static void add_values(struct pab_sheet *sheet, struct pab_row *row, const struct pab_sides *sides,
                       const struct pab_contrast *contrast)
{
    struct pab_limits limits = pab_sheet_limits(sheet, contrast, row->metric);
    if (pab_sheet_judges(sheet, contrast, row)) {
        bool must_equal = row->metric->family == PAB_FAMILY_STRUCTURE;
        pab_judge_values(row, sides, must_equal ? NULL : &limits);
    } else {
        pab_describe_values(row, sides);
    }
}

static void add_cell(struct pab_sheet *sheet, size_t workload, const struct pab_contrast *contrast,
                     size_t metric)
{
    struct pab_numbers base = pab_sheet_base(sheet, workload, contrast, metric);
    struct pab_numbers head = pab_sheet_head(sheet, workload, contrast, metric);
    struct pab_sides sides = {&base, &head};
    bool is_itself = sheet->is_within && contrast->base == contrast->head;
    sheet->has_common = sheet->has_common || (base.count > 0 && head.count > 0 && !is_itself);
    if (base.count > 0 || head.count > 0) {
        struct pab_row *row = pab_sheet_add(sheet, sheet->workloads[workload].id, contrast,
                                            sheet->metrics[metric].metric);
        if (base.count == 0 || head.count == 0) {
            add_one_sided(sheet, row, workload, contrast, &sides);
            say_pass(row, &sheet->metrics[metric]);
        } else if (row->metric->family == PAB_FAMILY_TIME) {
            add_time(sheet, row, &sides, contrast);
        } else {
            add_values(sheet, row, &sides, contrast);
        }
    }
    pab_numbers_free(&base);
    pab_numbers_free(&head);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void name_metrics(struct pab_sheet *sheet)
{
    size_t own = pab_reading_metrics(sheet->base);
    size_t other = pab_reading_metrics(sheet->head);
    sheet->metrics = calloc(own + other + 1, sizeof(*sheet->metrics));
    PAB_CHECK(sheet->metrics != NULL);
    for (size_t i = 0; i < own; i++) {
        const struct pab_metric *metric = pab_reading_metric(sheet->base, i);
        size_t there = pab_reading_find_metric(sheet->head, metric->name);
        sheet->metrics[sheet->metric_count++] = (struct pab_sheet_metric){
            .metric = metric, .base = i, .head = there < other ? there : PAB_NOWHERE};
    }
    for (size_t i = 0; i < other; i++) {
        const struct pab_metric *metric = pab_reading_metric(sheet->head, i);
        if (pab_reading_find_metric(sheet->base, metric->name) == own) {
            sheet->metrics[sheet->metric_count++] =
                (struct pab_sheet_metric){.metric = metric, .base = PAB_NOWHERE, .head = i};
        }
    }
}

static void name_workloads(struct pab_sheet *sheet)
{
    size_t own = pab_reading_workloads(sheet->base);
    size_t other = pab_reading_workloads(sheet->head);
    sheet->workloads = calloc(own + other + 1, sizeof(*sheet->workloads));
    PAB_CHECK(sheet->workloads != NULL);
    for (size_t i = 0; i < own; i++) {
        const char *id = pab_reading_workload(sheet->base, i);
        size_t there = pab_reading_find_workload(sheet->head, id);
        sheet->workloads[sheet->workload_count++] =
            (struct pab_sheet_workload){id, i, there < other ? there : PAB_NOWHERE};
    }
    for (size_t i = 0; i < other; i++) {
        const char *id = pab_reading_workload(sheet->head, i);
        if (pab_reading_find_workload(sheet->base, id) == own) {
            sheet->workloads[sheet->workload_count++] =
                (struct pab_sheet_workload){id, PAB_NOWHERE, i};
        }
    }
}

/* Metrics of one pass follow each other, so it is looked for once. */
static void find_passes(struct pab_sheet *sheet)
{
    char last[PAB_READING_NAME_MAX + 1] = "";
    for (size_t i = 0; i < sheet->metric_count; i++) {
        struct pab_sheet_metric *metric = &sheet->metrics[i];
        char pass[PAB_READING_NAME_MAX + 1];
        pab_metric_pass(metric->metric, pass, sizeof(pass));
        if (i > 0 && strcmp(pass, last) == 0) {
            metric->has_base = metric[-1].has_base;
            metric->has_head = metric[-1].has_head;
        } else {
            metric->has_base = pab_reading_has_pass(sheet->base, pass);
            metric->has_head = pab_reading_has_pass(sheet->head, pass);
        }
        memcpy(last, pass, sizeof(last));
    }
}

void pab_sheet_fill(struct pab_sheet *sheet)
{
    name_metrics(sheet);
    name_workloads(sheet);
    find_passes(sheet);
    for (size_t w = 0; w < sheet->workload_count; w++) {
        for (size_t c = 0; c < sheet->contrast_count; c++) {
            for (size_t m = 0; m < sheet->metric_count; m++) {
                add_cell(sheet, w, &sheet->contrasts[c], m);
            }
        }
    }
    pab_suite_rows(sheet);
    pab_judge_times(sheet->out->rows, sheet->evidence, sheet->out->count, &sheet->out->rules);
}
