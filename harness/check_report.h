/* harness/check_report.h -- `check` for people, on stdout. Depends on jansson.
 *
 * Everything is told from the rows that the document has, too (results/README.md).
 */
#ifndef PAB_HARNESS_CHECK_REPORT_H
#define PAB_HARNESS_CHECK_REPORT_H

#include <jansson.h>
#include <stdbool.h>

/* A row of "backends": who it is, and what can be called; or why there is nothing to check. */
void pab_check_report_backend(const json_t *backend);

/* The checks of one backend: a line for each group of ids, then what did not pass, in full; with
 * `is_verbose`, or when they are few, every row in full. */
void pab_check_report_rows(const json_t *rows, const json_t *verdict, bool is_verbose);

/* After the last backend: where they differ from each other, and the counts of all. */
void pab_check_report_end(const json_t *record, double seconds);

#endif
