/* harness/check_report.h -- the table of `check` on stdout, a row as it comes. Depends on jansson.
 */
#ifndef PAB_HARNESS_CHECK_REPORT_H
#define PAB_HARNESS_CHECK_REPORT_H

#include <jansson.h>

/* Prints what a new row of "backends", "checks", "verdicts" or "failures" means to the reader. */
void pab_check_report_row(const char *array, const json_t *row);

#endif
