/* workloads/capi/capi.h -- what libpab_capi.so offers: every workload, on a real CPython 3.11.
 * Depends on workload.h, pyobj.h.
 *
 * The module holds the workloads of the registry, compiled a second time against an
 * implementation of pyobj.h on CPython's C API (README.md). It shares no variable with the
 * program that loads it, hence this table.
 */
#ifndef PAB_WORKLOADS_CAPI_CAPI_H
#define PAB_WORKLOADS_CAPI_CAPI_H

#include "workloads/pyobj/pyobj.h"
#include "workloads/workload.h"

#define PAB_CAPI_FILE     "libpab_capi.so"
#define PAB_CAPI_SYMBOL   "pab_capi"
#define PAB_CAPI_CONTRACT 2u

struct pab_capi {
    unsigned contract;
    /* PAB_UNAVAILABLE when the libpython at hand is not the release that the module was built
     * for: it reads the interpreter's own structures. Starts the interpreter the first time. */
    enum pab_status (*start)(struct pab_error *err);
    const struct pab_workload *(*workload_find)(const char *name);
    struct pab_gc_options *gc_options; /* the module's own pab_py_gc_options */
    /* Sets the module's own pab_py_out_of_memory. */
    void (*set_out_of_memory)(void (*handler)(void) __attribute__((noreturn)));
    /* The module's own pab_py_gc_total(). CPython does not count the objects that it visits. */
    struct pab_gc_stats (*gc_total)(int generation);
};

/* As pab_capi.start; for what is linked with the implementation itself. */
enum pab_status pab_capi_start(struct pab_error *err);

#endif
