/* harness/runtime.h -- whose objects a worker's workloads are made of: pyobj's, or those of a
 * runtime that the backend brings. Depends on allocators/backend.h, workloads/.
 */
#ifndef PAB_HARNESS_RUNTIME_H
#define PAB_HARNESS_RUNTIME_H

#include "workloads/pyobj/pyobj.h"
#include "workloads/workload.h"

/* Readies the runtime for the opened heap: starts an interpreter where there is one, sets the
 * collector's options and what happens when memory is out. */
enum pab_status pab_runtime_prepare(const struct pab_heap *heap,
                                    const struct pab_gc_options *options,
                                    void (*out_of_memory)(void) __attribute__((noreturn)),
                                    struct pab_error *err);

/* What the collectors of the bodies that have ended did, a generation at a time. */
struct pab_gc_stats pab_runtime_gc_total(int generation);

/* Whether they count the objects that they visit. */
bool pab_runtime_counts_visits(void);

/* Has `told` called before and after every collection of the bodies to come. False: this runtime
 * could not tell without collecting at other moments. */
bool pab_runtime_watch_collections(void (*told)(const struct pab_gc_report *report));

/* As pab_workload_find(), among the workloads of the runtime that was prepared last. */
const struct pab_workload *pab_runtime_workload(const char *name);

#endif
