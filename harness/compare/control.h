/* harness/compare/control.h -- does a run find a difference where there is none? Depends on
 * reading.h, stats.h, jansson.
 *
 * Every round runs the baseline twice, under one name. The two are the same program, so a
 * difference between them is the run's own error. The other figures tell where error may come from.
 *
 *   control   second over first, paired by round: Hodges-Lehmann, signed ranks, for each workload
 *             and over all. Failed: some p, adjusted by Holm over these rows, is below 1 %, and its
 *             ratio is more than 0.5 % off: at most one sound run in 100 fails.
 *   order     later against earlier half of a round; after which backend
 *   trend     last repetition over the first, within a process
 *   drift     rounds against time: rank correlation, and the later half over the earlier
 *   spread    1.4826 MAD of ln(time) between the processes of a cell
 *
 * Times are those that speak for their workload; those of `trend` are CPU time. A residual is
 * ln(ns_per_op) less the median of its cell (workload, backend, host). That of `order` also less the median of its round, which takes drift out.
 */
#ifndef PAB_HARNESS_COMPARE_CONTROL_H
#define PAB_HARNESS_COMPARE_CONTROL_H

#include "harness/compare/reading.h"
#include "harness/stats/stats.h"

#define PAB_CONTROL_ALPHA 0.01
#define PAB_CONTROL_FLOOR 0.005

enum pab_control_verdict {
    PAB_CONTROL_GOOD,
    PAB_CONTROL_FAILED,
    PAB_CONTROL_TOO_FEW, /* so few rounds that nothing could have failed it */
    PAB_CONTROL_NONE,    /* the baseline ran once a round */
};

/* "good", "failed", "too few", "none" */
const char *pab_control_word(enum pab_control_verdict verdict);

struct pab_control_row {
    const char *workload; /* NULL: all of this backend's */
    const char *backend;
    size_t n;
    double ratio, lo, hi; /* the second over the first; lo, hi NAN with too few rounds */
    double p, p_adjusted; /* two-sided */
};

/* How one thing moves the times, which should not. */
struct pab_influence {
    size_t n;
    double change, lo, hi; /* ratio - 1; NAN where there is too little */
    double correlation;    /* Spearman's; NAN where it is none */
    double p;              /* two-sided; NAN where there is too little */
    const char *backend;   /* of `after`: the one that changes what follows it most; else NULL */
};

struct pab_spread {
    size_t cells;
    double median, greatest;        /* NAN where there are no cells */
    const char *workload, *backend; /* the greatest one's */
};

struct pab_control {
    struct pab_control_row *rows;
    size_t count;
    enum pab_control_verdict verdict;
    struct pab_influence order, after, trend, drift;
    struct pab_spread spread;
    char **words; /* what all this means, and what to do; the verdict's words come first */
    size_t word_count;
};

/* Never NULL. Names are the reading's. */
struct pab_control *pab_control_make(struct pab_reading *reading);
/* Rows, verdict and its words alone, which take a tenth of the time. */
struct pab_control *pab_control_of_pairs(struct pab_reading *reading);
void pab_control_free(struct pab_control *control);

/* `noise.control` of a document. */
json_t *pab_control_json(const struct pab_control *control);

#endif
