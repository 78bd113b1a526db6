#include "harness/runtime.h"

#include "allocators/dso.h"
#include "workloads/capi/capi.h"

static struct {
    const struct pab_capi *capi; /* NULL: pyobj */
} runtime;

static enum pab_status prepare_capi(const struct pab_heap *heap, struct pab_error *err)
{
    runtime.capi = pab_dso_symbol(heap, PAB_CAPI_SYMBOL);
    if (runtime.capi == NULL || runtime.capi->contract != PAB_CAPI_CONTRACT) {
        return pab_fail(err, PAB_UNAVAILABLE, "%s beside this program is of another version",
                        PAB_CAPI_FILE);
    }
    return runtime.capi->start(err);
}

enum pab_status pab_runtime_prepare(const struct pab_heap *heap,
                                    const struct pab_gc_options *options,
                                    void (*out_of_memory)(void) __attribute__((noreturn)),
                                    struct pab_error *err)
{
    runtime.capi = NULL;
    pab_py_out_of_memory = out_of_memory; /* of what calls the allocator itself, in any case */
    if ((heap->backend->caps & PAB_CAP_RUNTIME) == 0) {
        pab_py_gc_options = *options;
        return PAB_OK;
    }
    enum pab_status status = prepare_capi(heap, err);
    if (status == PAB_OK) {
        runtime.capi->set_out_of_memory(out_of_memory);
        *runtime.capi->gc_options = *options;
    }
    return status;
}

struct pab_gc_stats pab_runtime_gc_total(int generation)
{
    return runtime.capi == NULL ? pab_py_gc_total(generation) : runtime.capi->gc_total(generation);
}

bool pab_runtime_counts_visits(void)
{
    return runtime.capi == NULL;
}

bool pab_runtime_watch_collections(void (*told)(const struct pab_gc_report *report))
{
    if (runtime.capi == NULL) {
        pab_py_on_collection = told;
    }
    return runtime.capi == NULL;
}

const struct pab_workload *pab_runtime_workload(const char *name)
{
    return runtime.capi == NULL ? pab_workload_find(name) : runtime.capi->workload_find(name);
}
