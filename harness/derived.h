/* harness/derived.h -- what a document says twice: all of it that follows from its rows. Depends on
 * jansson, compare/, summary.h.
 *
 * A run and a merged document are made alike: rows first, then these.
 */
#ifndef PAB_HARNESS_DERIVED_H
#define PAB_HARNESS_DERIVED_H

#include "allocators/status.h"

#include <jansson.h>

/* Sets noise.control, summary and suite of `run`, the document's "pyallocbench". */
void pab_derive(json_t *run);

/* Whether a derived `run` has a figure, where it has samples. PAB_BAD_DATA says why it has none: no
 * reader takes its rows, or none of them is good. */
enum pab_status pab_derive_expect(const json_t *run, struct pab_error *err);

/* Only noise.control: a new object, or null where nothing was timed. */
json_t *pab_derive_control(const json_t *run);

/* Google Benchmark's rows, one a good sample of the time pass: a new array. */
json_t *pab_derive_benchmarks(const json_t *run);

#endif
