/* harness/passes.h -- what a worker does with one workload, one pass a file. Depends on job.h.
 *
 * Each pass has a process of its own, so that no measurement disturbs another. They report
 * through pab_worker_send() and allocate nothing between their first and last reading.
 */
#ifndef PAB_HARNESS_PASSES_H
#define PAB_HARNESS_PASSES_H

#include "harness/job.h"

/* Exact accounting of one body: demand curve, peak, checksum, request hash. */
void pab_pass_demand(const struct pab_workload *workload, struct pab_run *run);

/* One cold body, then Google Benchmark's repetitions. */
void pab_pass_time(const struct pab_workload *workload, struct pab_run *run,
                   const struct pab_job *job);

/* One body under RSS readings at ticks and phases, then what is given back after the drain. */
void pab_pass_memory(const struct pab_workload *workload, struct pab_run *run,
                     const struct pab_job *job);

#endif
