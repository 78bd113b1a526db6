/* harness/compare/sheet.h -- rows in the making: what compare.c and suite.c share. Depends on
 * judge.h.
 */
#ifndef PAB_HARNESS_COMPARE_SHEET_H
#define PAB_HARNESS_COMPARE_SHEET_H

#include "harness/compare/judge.h"

#define PAB_NOWHERE ((size_t)-1) /* an index of a name that a reading does not have */

struct pab_sheet_metric {
    const struct pab_metric *metric;
    size_t base, head;       /* indices in the readings, or PAB_NOWHERE */
    bool has_base, has_head; /* any sample of its pass */
};

struct pab_sheet_workload {
    const char *id;
    size_t base, head;
};

/* One backend against another, or against itself in another document or arm. */
struct pab_contrast {
    const char *label;
    size_t base, head;  /* backends of the readings */
    const char *exempt; /* why it is never judged, or NULL */
    bool is_jemalloc;   /* its counts of instructions vary with the clock */
};

struct pab_sheet {
    struct pab_comparison *out;
    struct pab_evidence *evidence; /* by row */
    size_t capacity;
    struct pab_reading *base, *head;
    bool paired, is_within;
    struct pab_rounds rounds; /* that count */
    struct pab_sheet_metric *metrics;
    struct pab_sheet_workload *workloads;
    struct pab_contrast *contrasts;
    size_t metric_count, workload_count, contrast_count;
    bool
        has_common; /* some row has both sides, or a failure for one; not the baseline and itself */
};

/* The last row, empty but for its names. */
struct pab_row *pab_sheet_add(struct pab_sheet *sheet, const char *workload,
                              const struct pab_contrast *contrast, const struct pab_metric *metric);

/* Values that count; none where there is no such cell. */
struct pab_numbers pab_sheet_base(const struct pab_sheet *sheet, size_t workload,
                                  const struct pab_contrast *contrast, size_t metric);
struct pab_numbers pab_sheet_head(const struct pab_sheet *sheet, size_t workload,
                                  const struct pab_contrast *contrast, size_t metric);

/* Whether a time of this contrast gets a verdict. */
bool pab_sheet_judges(const struct pab_sheet *sheet, const struct pab_contrast *contrast,
                      const struct pab_row *row);
/* What a difference must exceed to count. */
struct pab_limits pab_sheet_limits(const struct pab_sheet *sheet,
                                   const struct pab_contrast *contrast,
                                   const struct pab_metric *metric);

/* Every row of the contrasts, suite rows last, with their calls. */
void pab_sheet_fill(struct pab_sheet *sheet);

#define PAB_HOSTS_DIFFER 0.01 /* p of heterogeneity below which hosts have rows of their own */

/* Rows over all workloads, of the times and peak_rss_bytes. */
void pab_suite_rows(struct pab_sheet *sheet);

#endif
