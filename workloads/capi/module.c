/* workloads/capi/module.c -- the module's one symbol. See capi.h. */
#include "workloads/capi/capi.h"

static void set_out_of_memory(void (*handler)(void) __attribute__((noreturn)))
{
    pab_py_out_of_memory = handler;
}

__attribute__((visibility("default"))) const struct pab_capi pab_capi = {
    .contract = PAB_CAPI_CONTRACT,
    .start = pab_capi_start,
    .workload_find = pab_workload_find,
    .gc_options = &pab_py_gc_options,
    .set_out_of_memory = set_out_of_memory,
    .gc_total = pab_py_gc_total,
};
