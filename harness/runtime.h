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

/* As pab_workload_find(), among the workloads of the runtime that was prepared last. */
const struct pab_workload *pab_runtime_workload(const char *name);

#endif
