/* harness/app/configuration.h -- a backend as a real program gets it. Depends on allocators/spec.h,
 * app/witness.h, jansson.
 *
 *   pymalloc             the interpreter as it is
 *   pymalloc+jemalloc    jemalloc preloaded: what Python's own pools do not serve
 *   system               PYTHONMALLOC=malloc
 *   jemalloc             PYTHONMALLOC=malloc, and jemalloc preloaded: everything
 *
 * A program that is no Python knows nothing of PYTHONMALLOC: the first two rows of each pair are
 * then one and the same.
 */
#ifndef PAB_HARNESS_APP_CONFIGURATION_H
#define PAB_HARNESS_APP_CONFIGURATION_H

#include "allocators/spec.h"
#include "harness/app/witness.h"

#include <jansson.h>

struct pab_app_configuration {
    char preload[1024];        /* the allocator's file; "": none */
    char tunables[256];        /* GLIBC_TUNABLES; "": as it is */
    const char *python_malloc; /* PYTHONMALLOC; NULL: not set */
    uint64_t inode, device;    /* of the object that malloc must lie in */
    enum pab_witness_python python;
};

/* Refuses what a real program cannot be given, such as another geometry of its pools. */
enum pab_status pab_app_check_spec(const struct pab_spec *spec, struct pab_error *err);

/* `backend`: the row of backends[] that the probe wrote, which knows the library's file. */
enum pab_status pab_app_configure(struct pab_app_configuration *out, const struct pab_spec *spec,
                                  const json_t *backend, struct pab_error *err);

/* Its LD_PRELOAD: the allocator's file, then whatever is preloaded anyway; "": nothing is. */
#define PAB_APP_PRELOAD_MAX 8192
void pab_app_configuration_preload(const struct pab_app_configuration *configuration, char *out,
                                   size_t size);

/* Which program is what: "PYTHONMALLOC=malloc LD_PRELOAD=/usr/lib/libjemalloc.so.2". */
void pab_app_configuration_words(const struct pab_app_configuration *configuration, char *out,
                                 size_t size);

#endif
