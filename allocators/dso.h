/* allocators/dso.h -- a shared object as a heap, privately loaded. Depends on backend.h.
 *
 * dlopen(RTLD_LOCAL) in the worker keeps the library's malloc away from the process's own; linking
 * or preloading it would replace malloc everywhere (README.md, "private dlopen").
 */
#ifndef PAB_ALLOCATORS_DSO_H
#define PAB_ALLOCATORS_DSO_H

#include "allocators/backend.h"

/* The names under which one object exports the functions of one domain; NULL: has none. */
struct pab_dso_names {
    const char *malloc, *calloc, *realloc, *free, *usable_size;
    bool zero_as_is; /* they keep the contract for 0 bytes themselves; else 0 is asked for as 1 */
    bool may_lack;   /* calloc and realloc need not be there: pab_heap_expect_whole() */
};

/* Whose functions an object's own calls of malloc and free reach. PAB_BIND_SELF: its own, even if
 * it was linked without -Bsymbolic; else the process's, which a vendor's build knows to avoid. */
enum pab_dso_binding { PAB_BIND_PROCESS, PAB_BIND_SELF };

/* Loads the first of `files` (names or paths, ends at NULL) that can be loaded and gives its
 * handle. PAB_UNAVAILABLE says why none can be; `package` (or NULL) is named as the remedy. */
enum pab_status pab_dso_load(const char *const *files, const char *package,
                             enum pab_dso_binding binding, void **handle, struct pab_error *err);

/* Fills `domain` of the heap from a loaded object. malloc, calloc, realloc and free must be there:
 * none can be made up from the others honestly; what `names` says may lack is NULL in the table
 * then. usable_size is left out where it is missing. */
enum pab_status pab_dso_bind(struct pab_heap *heap, enum pab_domain domain, void *handle,
                             const struct pab_dso_names *names, struct pab_error *err);

/* Load, then bind the same names to all three domains: an allocator as its preload would act. */
enum pab_status pab_dso_open(struct pab_heap *heap, const char *const *files, const char *package,
                             const struct pab_dso_names *names, struct pab_error *err);

/* A function or variable of the object, or NULL. */
void *pab_dso_symbol(const struct pab_heap *heap, const char *name);

/* What the loader knows about the object that holds `address`: path, inode, build id, TLS. */
enum pab_status pab_dso_describe(const void *address, struct pab_identity *out,
                                 struct pab_error *err);

/* The tunable that lets a library with initial-exec TLS be loaded late; for worker_env. */
void pab_dso_static_tls_env(const struct pab_spec *spec, pab_env_set set, void *arg);

#endif
