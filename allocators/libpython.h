/* allocators/libpython.h -- what the backends libpython and cpython share, and how builds of CPython
 * without a plain pymalloc are told. Depends on backend.h. */
#ifndef PAB_ALLOCATORS_LIBPYTHON_H
#define PAB_ALLOCATORS_LIBPYTHON_H

#include "allocators/backend.h"

#include <stdbool.h>
#include <string.h>

#define PAB_LIBPYTHON_FILE "libpython3.11.so.1.0" /* Debian 12's */

/* Loads a shared libpython and fills the three domains of the heap with its functions. */
enum pab_status pab_libpython_load(struct pab_heap *heap, const char *file, struct pab_error *err);

/* Exported by debug builds alone: their hooks stand above pymalloc from the start. */
#define PAB_LIBPYTHON_DEBUG_SYMBOL "_Py_NegativeRefcount"

/* Whether Py_GetVersion() tells a build with mimalloc in place of pymalloc. */
static inline bool pab_libpython_is_free_threaded(const char *version)
{
    return strstr(version, "free-threading") != NULL;
}

/* pab_backend.probe, pab_backend.counter */
enum pab_status pab_libpython_probe(struct pab_heap *heap, struct pab_identity *out,
                                    struct pab_error *err);
uint64_t pab_libpython_counter(struct pab_heap *heap);

#endif
