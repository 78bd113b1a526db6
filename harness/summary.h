/* harness/summary.h -- what follows from the samples. Depends on jansson, stats/.
 *
 * Pure: takes the record's samples, failures and workloads, gives the document's `summary` and
 * `suite`. Definitions: results/README.md; plots/recompute.py is the same in Python.
 */
#ifndef PAB_HARNESS_SUMMARY_H
#define PAB_HARNESS_SUMMARY_H

#include <jansson.h>
#include <stdint.h>

struct pab_summary_input {
    const json_t *samples, *failures, *workloads, *backends; /* arrays of the document */
    const char *baseline;                                    /* a backend's id */
    uint64_t seed;                                           /* of the resamples */
};

/* New arrays for the document. */
void pab_summary_make(const struct pab_summary_input *input, json_t **summary, json_t **suite);

/* The row that says what `workload` gives under the settings of `backend`: its own, or one of its
 * variants; NULL when it has none for them. Rows of older documents name no settings. */
const json_t *pab_variant_for(const json_t *workload, const json_t *backend);

/* The median of an array of numbers; NAN when it is empty or no array. */
double pab_median_of_json(const json_t *numbers);

#endif
