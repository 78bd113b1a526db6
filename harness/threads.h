/* harness/threads.h -- which backends the threads of a workload may call, and on how many CPUs they
 * run. Depends on plan.h.
 */
#ifndef PAB_HARNESS_THREADS_H
#define PAB_HARNESS_THREADS_H

#include "harness/plan.h"

/* Why the workload's threads may not call this backend, or NULL. */
const char *pab_threads_unfit(const struct pab_workload *workload, const struct pab_spec *spec);

/* Leaves out of the plan every cell whose backend may not be called so. */
void pab_threads_leave_out(struct pab_plan *plan);

/* Says on stderr which cells these are, each workload's in one line. */
void pab_threads_say(const struct pab_plan *plan);

/* How many threads it has with the parameters of its time pass; 1 for one that has no such
 * parameter. */
unsigned pab_threads_of(const struct pab_planned_workload *planned);

/* Adds to a row of workloads[] what a reader of times must know: threads, clock, oversubscribed,
 * left_out. */
void pab_threads_describe(const struct pab_plan *plan, size_t workload, json_t *row);

#endif
