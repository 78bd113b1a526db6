/* harness/compare/judge.h -- from what was measured to a call: the rules, family by family.
 * Depends on compare.h, effect.h.
 *
 * Two steps, because a verdict on one row depends on how many are given: first each row is filled,
 * then p values are adjusted over all that are judged, and the calls made.
 */
#ifndef PAB_HARNESS_COMPARE_JUDGE_H
#define PAB_HARNESS_COMPARE_JUDGE_H

#include "harness/compare/compare.h"
#include "harness/compare/effect.h"

/* What stands behind a row of a time until its call is made. */
struct pab_evidence {
    bool judged;              /* takes part in the adjustment */
    struct pab_effect effect; /* to the worse is up, whatever the metric's direction */
};

/* Both sides of one row, values that count; neither is empty. */
struct pab_sides {
    const struct pab_numbers *base, *head;
};

/* Ratio, interval, p; the call is made later. False: there is no ratio, and the row says so. */
bool pab_fill_time(struct pab_row *row, const struct pab_sides *sides,
                   const struct pab_rules *rules, struct pab_evidence *evidence);
/* The same from an effect that is known: of the suite. */
void pab_fill_effect(struct pab_row *row, const struct pab_effect *effect,
                     const struct pab_rules *rules, struct pab_evidence *evidence);

/* What a difference must exceed to count. */
struct pab_limits {
    double share; /* 0.01: 1 %, up or down */
    double step;  /* in the metric's unit */
};

#define PAB_ONE_MEMORY_ROUND "one memory round has no range: `--preset default` makes two"

/* All that is not a time: medians and quotients of extremes, then the family's rule. Within
 * `limits` is equivalent; beyond it, the ranges must not overlap either. Where a side has but one value
 * of memory, which may scatter, only the same value is. `limits` NULL: what must be equal. Hosts are
 * judged one by one; where they disagree, the row says so. */
void pab_judge_values(struct pab_row *row, const struct pab_sides *sides,
                      const struct pab_limits *limits);
/* The same without a call: a description, the baseline, a floor. */
void pab_describe_values(struct pab_row *row, const struct pab_sides *sides);

/* Adjusts p over the rows whose evidence is judged, and makes their calls. */
void pab_judge_times(struct pab_row *rows, const struct pab_evidence *evidence, size_t count,
                     const struct pab_rules *rules);

#endif
