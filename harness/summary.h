/* harness/summary.h -- what follows from the samples. Depends on jansson, compare/reading.h, stats/.
 *
 * Pure: takes a run's samples as a reading, gives the document's `summary` and `suite`. Definitions:
 * results/README.md; plots/recompute.py is the same in Python.
 */
#ifndef PAB_HARNESS_SUMMARY_H
#define PAB_HARNESS_SUMMARY_H

#include "harness/compare/reading.h"

/* Adds rows to the two arrays; none while nothing was measured. Where there are several machines,
 * each has rows of its own. */
void pab_summary_add(struct pab_reading *reading, json_t *summary, json_t *suite);

/* The median of an array of numbers; NAN when it is empty or no array. */
double pab_median_of_json(const json_t *numbers);

#endif
