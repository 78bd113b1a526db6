/* harness/blowup.h -- what more threads do to memory: blowup(P) = F_peak(P) / F_peak(1) of a workload
 * that asks for as much at its peak with P threads as with one. Depends on jansson.
 */
#ifndef PAB_HARNESS_BLOWUP_H
#define PAB_HARNESS_BLOWUP_H

#include <jansson.h>

/* Peaks that differ by more are not equal, and give no row. */
#define PAB_BLOWUP_TOLERANCE 0.05

/* Rows {workload, backend, threads, value}, and host where there are several, of a run that has its
 * summary: for each workload NAME:threads=P, P > 1, that was run as NAME:threads=1, too. */
json_t *pab_blowup_rows(const json_t *run);

#endif
