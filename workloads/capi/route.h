/* workloads/capi/route.h -- the interpreter's mem and obj domains, led through a heap's tables.
 * Internal to this folder. Depends on allocators/backend.h.
 *
 * A table may end at PyMem_Malloc() and friends, as that of the backend `cpython` does: a call
 * that comes back here from within a table goes to libpython's own allocator.
 */
#ifndef PAB_WORKLOADS_CAPI_ROUTE_H
#define PAB_WORKLOADS_CAPI_ROUTE_H

#include "allocators/backend.h"

/* Notes the first blocks of a dict object's size while the interpreter starts: one of them is the
 * dict of interned names, which no function gives away. A block may have been freed since; `visit`
 * returns true to stop. */
void pab_route_watch_dicts(void);
void pab_route_unwatch_dicts(bool (*visit)(void *block, void *arg), void *arg);

void pab_route_open(struct pab_heap *heap);
void pab_route_close(void);
bool pab_route_is_open(void);
/* Open routes lead to libpython's own allocator while paused. */
void pab_route_pause(bool paused);
/* `result_pending()` tells whether an obj request is for the int that gc.collect() returns. */
void pab_route_keep_result(bool (*result_pending)(void));

#endif
