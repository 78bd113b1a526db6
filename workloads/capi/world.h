/* workloads/capi/world.h -- the interpreter's own state, kept apart from the program's.
 * Internal to this folder. Depends on allocators/backend.h.
 *
 * A fresh CPython holds thousands of objects, filled free lists and some thousand interned names;
 * an empty runtime of pyobj holds nothing. So that both start alike there are two worlds, and
 * entering one puts its state into the interpreter in place of the other's:
 *
 *                       the interpreter's world        the program's world
 *   collector           what start-up left             empty lists, counts 0, statistics 0
 *   free lists          what start-up left             empty
 *   interned names      the interpreter's              none yet
 *   mem, obj domain     libpython's own                the heap of pab_py_start()
 *
 * Classes are made, and exceptions raised and dropped, in the interpreter's world.
 */
#ifndef PAB_WORKLOADS_CAPI_WORLD_H
#define PAB_WORKLOADS_CAPI_WORLD_H

#include "allocators/backend.h"

/* Starts the interpreter; PAB_UNAVAILABLE as in capi.h. */
enum pab_status pab_world_start_interpreter(struct pab_error *err);

/* The program's world, empty, begins; mem and obj go to the tables of `heap` unless they are
 * libpython's own entry points. They must stand on these in the end. */
void pab_world_begin(struct pab_heap *heap);
/* The program is done, and its collector, too: adds what it did to pab_py_gc_total(), without what
 * winding up takes. In collector.c. */
void pab_world_gc_end(void);
/* Then: names are interned no more, and residents become young objects, where a
 * collection finds them. */
void pab_world_wind_up(void);
/* Ends it, after that collection; what was leaked goes over to the interpreter's world. */
void pab_world_end(void);

/* Around what the interpreter does for itself while a program runs. */
void pab_world_leave(void);
void pab_world_return(void);
/* The same, where objects were made that live as long as the program's world: a class. */
void pab_world_return_with_residents(void);

/* The heap of the program's world, which has begun. */
struct pab_heap *pab_world_heap(void);

/* Whether requests are watched: some things are then done that a timed run is spared. */
bool pab_world_is_watched(void);
/* While set, a request outside a collection is for the number that gc.collect() returns, and is
 * kept from the heap. */
void pab_world_collects(bool explicitly);

#endif
