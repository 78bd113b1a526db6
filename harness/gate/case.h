/* harness/gate/case.h -- what stands before the judge: readings, comparisons, verdict. Depends on
 * settings.h.
 *
 * The same code judges a gate that has just been run, one that was run elsewhere, and two
 * documents of `run`.
 */
#ifndef PAB_HARNESS_GATE_CASE_H
#define PAB_HARNESS_GATE_CASE_H

#include "harness/gate/settings.h"

struct pab_gate_case {
    struct pab_reading *base, *head;   /* one and the same where a document holds both arms */
    struct pab_gate_settings settings; /* filled */
    struct pab_comparison *first, *time_again, *memory_again;
    struct pab_gate_failure *failures;
    size_t failure_count;
    struct pab_gate_verdict *verdict;
    bool is_same; /* base and head are one and the same: what differs is chance */
};

/* A document of a live gate. Takes `arms`. PAB_BAD_DATA: it is none; PAB_NOT_COMPARABLE: no cell
 * has both arms. Free with pab_gate_case_free(). */
enum pab_status pab_gate_case_of_arms(struct pab_reading *arms,
                                      const struct pab_gate_settings *settings,
                                      struct pab_gate_case **out, struct pab_error *err);

/* Two documents. Takes both. PAB_NOT_COMPARABLE: unlike machines or builds, and not forced. */
enum pab_status pab_gate_case_between(struct pab_reading *base, struct pab_reading *head,
                                      const struct pab_gate_settings *settings,
                                      struct pab_gate_case **out, struct pab_error *err);

void pab_gate_case_free(struct pab_gate_case *the_case);

/* Whether both arms of every backend are the same program, library and settings. */
bool pab_gate_are_arms_same(const struct pab_reading *arms);

/* `gate` of a document: who the sides are, how many rounds are the measurement; NULL: none. */
const json_t *pab_gate_of(const struct pab_reading *reading);

#endif
