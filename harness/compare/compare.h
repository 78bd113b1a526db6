/* harness/compare/compare.h -- two sides of a measurement, cell by cell: what differs, by how much,
 * and how sure. Depends on reading.h, stats.h.
 *
 * Pure: readings in, rows out. The table, Markdown, CSV, JSON and the gate are all made from these
 * rows, so they cannot disagree.
 *
 *   within one document     backend against baseline, paired by (host, round)
 *   between two documents   the same backend, old against new; paired only if both are parts of one
 *                           run (equal run_id), else as independent samples
 *   base and head           two arms of one run of the gate ("pymalloc@base", "pymalloc@head")
 */
#ifndef PAB_HARNESS_COMPARE_COMPARE_H
#define PAB_HARNESS_COMPARE_COMPARE_H

#include "harness/compare/reading.h"
#include "harness/stats/stats.h"

/* What a row says of head (or the backend) against base (or the baseline). */
enum pab_call {
    PAB_CALL_BETTER,     /* significant and beyond the floor: faster, smaller */
    PAB_CALL_WORSE,      /* ... slower, larger; of structure: not equal */
    PAB_CALL_EQUIVALENT, /* the whole interval lies within the floor */
    PAB_CALL_UNDECIDED,  /* cannot tell: `detectable` says what would have been seen */
    PAB_CALL_NOT_JUDGED, /* a description, the baseline itself, a floor backend */
    PAB_CALL_NEW,        /* head has the cell, base has not */
    PAB_CALL_GONE,       /* base has it, head has not and did not even fail in it */
    PAB_CALL_FAILED,     /* head has no value because it failed there and base did not */
    PAB_CALL_COUNT,
};

/* "slower" rather than "worse" where the family has such a word. */
const char *pab_call_word(enum pab_call call, enum pab_family family);

struct pab_rules {
    double level;                   /* of the intervals shown: 0.95 */
    double alpha;                   /* of a verdict, over all judged rows of a family */
    double power;                   /* for which `detectable` is given: 0.9 */
    bool any_regression;            /* true: Holm, one-sided (gate); false: Benjamini-Hochberg */
    bool cpu_time_only;             /* of the times, only the one that speaks for a workload is
                                       judged, which is cpu_ns_per_op but where threads run at
                                       once: the others would ask the same question again, and
                                       cost power */
    double floor[PAB_FAMILY_COUNT]; /* ratio: 0.03 is 3 %; an effect below it does not count */
    double memory_step_bytes;       /* and a difference of bytes below this */
    double jemalloc_factor;         /* its clock-driven decay: how much wider its limit for
                                       instructions is */
    bool force;        /* compare unlike machines and builds all the same, and say so */
    unsigned families; /* 1 << family: of no other one notes speak; 0: of all */
};

/* What `compare` uses: 5 %, Benjamini-Hochberg, time 3 %, memory 2 %, instructions 0.1 %. */
struct pab_rules pab_rules_exploring(void);
/* What `gate` uses: 1 %, Holm, one-sided, one time alone, time 1 %, memory 1 %, instructions
 * 0.1 %. */
struct pab_rules pab_rules_gating(void);

/* One side of a contrast: a cell's backend within a reading. */
struct pab_side {
    struct pab_reading *reading;
    enum pab_reading_part part;
    size_t backend; /* index in `reading` */
};

struct pab_row {
    const char *workload; /* NULL: the suite */
    const char *label;    /* the backend as the reader knows it, without "@head" */
    const char *host;     /* NULL: all, hosts as blocks */
    const struct pab_metric *metric;
    bool paired;
    bool is_clock;          /* of the times, the one that speaks for this workload */
    bool is_oversubscribed; /* a workload with more threads than CPUs, on a side that has it */
    size_t workloads;       /* of the suite: how many it stands on; 0 elsewhere */
    size_t n_base, n_head;  /* values; pairs when paired; 0 of a suite of medians */
    double base, head;      /* medians; NAN where there is none, or over several hosts */
    double ratio, lo, hi;   /* head over base; NAN where undefined. Of a time lo..hi is the
                                    interval, else the least and greatest quotient of two values:
                                    NAN where there are but two */
    double p, p_adjusted;   /* of a change to the worse (gate), of any; NAN: no test applies */
    double superiority;     /* P(head > base): 0.5 where they do not differ */
    double detectable;      /* ratio - 1 that would be found with rules.power; NAN */
    double heterogeneity;   /* p that hosts agree; 1 with one host */
    enum pab_call call;
    bool lacks_pass; /* new, gone: one side has nothing of its whole pass, which a note says */
    char why[160];   /* for people: what stands behind the call, or "" */
};

/* Names in rows are the readings': it is freed before they are closed. */
struct pab_comparison {
    struct pab_row *rows; /* by workload, label, metric; suite rows last */
    size_t count;
    struct pab_rules rules;
    const char *baseline; /* within one document: the id that all are held to; else NULL */
    char **notes;         /* for people: what limits these rows; "control failed", "forced" */
    size_t note_count;
    bool control_failed; /* time verdicts are advisory */
    bool forced;         /* unlike machines or builds, compared all the same */
    bool is_same;        /* two documents that hold the same run: nothing can differ */
    char (*hosts)[8];    /* what rows' `host` points to */
};

/* Every backend of one document against `baseline` (NULL: the document's own). */
enum pab_status pab_compare_within(struct pab_reading *reading, const char *baseline,
                                   const struct pab_rules *rules, struct pab_comparison **out,
                                   struct pab_error *err);

/* Every cell that two documents share. PAB_NOT_COMPARABLE, naming what differs, where machine,
 * build settings or a workload's parameters do, unless the rules force it. */
enum pab_status pab_compare_between(struct pab_reading *base, struct pab_reading *head,
                                    const struct pab_rules *rules, struct pab_comparison **out,
                                    struct pab_error *err);

/* From `first` (inclusive) to `end` (exclusive). */
struct pab_rounds {
    uint32_t first, end;
};
#define PAB_ALL_ROUNDS ((struct pab_rounds){0, UINT32_MAX})

/* The arms of one document of the gate: NAME@base against NAME@head. Only these rounds count: the
 * confirmation has rounds of its own. */
enum pab_status pab_compare_arms(struct pab_reading *reading, struct pab_rounds rounds,
                                 const struct pab_rules *rules, struct pab_comparison **out,
                                 struct pab_error *err);

void pab_comparison_free(struct pab_comparison *comparison);

#endif
