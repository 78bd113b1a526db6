/* harness/recorder/report.h -- what `record` says at its end. Depends on follow.h. */
#ifndef PAB_HARNESS_RECORDER_REPORT_H
#define PAB_HARNESS_RECORDER_REPORT_H

#include "harness/recorder/follow.h"

#include <stdio.h>

void pab_record_report(FILE *out, struct pab_follow *follow, uint64_t wall_ns);

#endif
