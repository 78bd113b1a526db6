/* harness/gate/verdict.h -- from compared rows to good or not. Depends on compare.h.
 *
 * Pure: rows and failures in, findings out; nothing is read, run or printed. Every report and the
 * exit status are told from the same findings (README.md has the table).
 */
#ifndef PAB_HARNESS_GATE_VERDICT_H
#define PAB_HARNESS_GATE_VERDICT_H

#include "harness/compare/compare.h"

/* What is asked of a gate beyond the rules of the comparison. */
struct pab_gate_limits {
    double detect;        /* ratio - 1 of a time that must have been within reach: 0.03 */
    unsigned families;    /* 1 << family: which are judged */
    unsigned expected;    /* ... and which must be there to be judged, or the gate is blind */
    bool confirms;        /* times and memory must be found worse again by rounds of their own */
    bool allows_gone;     /* a cell that head has not is no finding */
    bool shows_structure; /* structures may differ: shown, not judged */
    bool must_be_decided; /* `--inconclusive=fail`: only how reports mark what is undecided */
};

/* All families, 3 %, confirmed, nothing allowed. */
struct pab_gate_limits pab_gate_limits_default(void);

/* A row of `failures` of a document, as base or head. Texts are the reading's. */
struct pab_gate_failure {
    bool is_head;
    const char *workload; /* NULL: all of the backend's */
    const char *label;    /* NULL: all of the workload's */
    const char *pass;     /* NULL: all */
    const char *kind, *message;
};

/* What the failures of a reading say of its arms, or, where it has no arms, of the one side that
 * it is. An array to be freed. */
struct pab_gate_failure *pab_gate_failures(const struct pab_reading *arms, size_t *count);
struct pab_gate_failure *pab_gate_failures_between(const struct pab_reading *base,
                                                   const struct pab_reading *head, size_t *count);

struct pab_gate_evidence {
    const struct pab_comparison *first; /* all cells */
    /* Of the rounds that were made for what `first` flagged alone; NULL: none were. */
    const struct pab_comparison *time_again, *memory_again;
    const struct pab_gate_failure *failures;
    size_t failure_count;
};

enum pab_gate_finding {
    PAB_FINDING_SHOWN, /* not judged */
    PAB_FINDING_GOOD,  /* equal, or no change of the size asked for */
    PAB_FINDING_BETTER,
    PAB_FINDING_NEW,       /* nothing in base to hold it to */
    PAB_FINDING_CLEARED,   /* worse at first, but not in the rounds that were to confirm it */
    PAB_FINDING_UNDECIDED, /* asked, and cannot be told */
    PAB_FINDING_GONE,
    PAB_FINDING_UNLIKE, /* the workload itself is another one */
    PAB_FINDING_REGRESSION,
    PAB_FINDING_BROKEN, /* head crashed, hung, gave a wrong result or cannot be opened */
    PAB_FINDING_COUNT,
};

/* "+3.4 %" of 1.034, "+0.12 %" of 1.0012; "" where there is no ratio. */
#define PAB_GATE_CHANGE_MAX 40
const char *pab_gate_change_text(double ratio, char out[PAB_GATE_CHANGE_MAX]);

/* "regression", "cannot tell", ... */
const char *pab_gate_finding_word(enum pab_gate_finding finding);

struct pab_gate_item {
    const char *workload; /* NULL: the suite, or a whole backend */
    const char *label;    /* NULL: a whole workload */
    enum pab_family family;
    const struct pab_row *row;   /* NULL: a failure */
    const struct pab_row *again; /* of the confirmation, or NULL */
    enum pab_gate_finding finding;
    char why[240]; /* for people, or "" */
};

/* The figures that decided: those of the rounds that were to confirm it, where there are any. The
 * first look's were chosen because they were large. */
const struct pab_row *pab_gate_deciding_row(const struct pab_gate_item *item);

/* Worst first. */
enum pab_gate_result {
    PAB_GATE_BROKEN,
    PAB_GATE_REGRESSION,
    PAB_GATE_NOT_COMPARABLE,
    PAB_GATE_INCONCLUSIVE,
    PAB_GATE_GOOD,
};

/* Texts are those of the evidence, which outlives it. */
struct pab_gate_verdict {
    enum pab_gate_result result;
    struct pab_gate_item *items; /* failures, then in the order of the rows */
    size_t count;
    size_t found[PAB_FINDING_COUNT];
    size_t judged[PAB_FAMILY_COUNT];
    double detectable; /* the largest of the times of single cells; NAN where there is none */
};

struct pab_gate_verdict *pab_gate_judge(const struct pab_gate_evidence *evidence,
                                        const struct pab_gate_limits *limits);
void pab_gate_verdict_free(struct pab_gate_verdict *verdict);

/* The row of another comparison that says the same of the same, all hosts together; NULL: there is
 * none. `in` may be NULL. */
const struct pab_row *pab_gate_find_row(const struct pab_comparison *in, const struct pab_row *row);

/* Whether a row calls for a confirmation before it is a regression. */
bool pab_gate_is_flagged(const struct pab_row *row, const struct pab_gate_limits *limits);

#endif
