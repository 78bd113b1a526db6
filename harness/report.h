/* harness/report.h -- a results document as a table for the terminal. Depends on jansson. */
#ifndef PAB_HARNESS_REPORT_H
#define PAB_HARNESS_REPORT_H

#include <jansson.h>
#include <stdio.h>

/* The comparison: one block a workload, then the suite, then what has to be known to read it. */
void pab_report_print(FILE *out, const json_t *document);

#endif
