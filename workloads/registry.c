/* workloads/registry.c -- every workload of CMake's one list, in its order. */
#include "workloads/workload.h"

#include <string.h>

/* Workloads with threads are not built on a real interpreter (workloads/capi). */
#define PAB_WORKLOAD(id) extern const struct pab_workload pab_workload_##id;
#include "pab_workloads.inc"
#ifndef PAB_PYOBJ_ON_CPYTHON
#include "pab_threaded_workloads.inc"
#endif
#undef PAB_WORKLOAD

#define PAB_WORKLOAD(id) &pab_workload_##id,
static const struct pab_workload *const workloads[] = {
#include "pab_workloads.inc"
#ifndef PAB_PYOBJ_ON_CPYTHON
#include "pab_threaded_workloads.inc"
#endif
};
#undef PAB_WORKLOAD

size_t pab_workload_count(void)
{
    return ARRAY_COUNT(workloads);
}

const struct pab_workload *pab_workload_at(size_t index)
{
    assert(index < ARRAY_COUNT(workloads));
    const struct pab_workload *workload = workloads[index];
    PAB_CHECK(workload->contract == PAB_WORKLOAD_CONTRACT);
    return workload;
}

const struct pab_workload *pab_workload_find(const char *name)
{
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        if (strcmp(workload->name, name) == 0) {
            return workload;
        }
    }
    return NULL;
}
