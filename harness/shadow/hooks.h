/* harness/shadow/hooks.h -- the tables that stand in for CPython's. Depends on interpreter.h and
 * twin.h. hooks.c has the calls, states.c whose call it is, life.c beginning, fork and end. */
#ifndef PAB_HARNESS_SHADOW_HOOKS_H
#define PAB_HARNESS_SHADOW_HOOKS_H

#include "harness/preload/interpreter.h"
#include "harness/shadow/twin.h"

#include <pthread.h>

/* This process. */
extern struct pab_shadow {
    struct pab_record *record; /* NULL: it is not shadowed */
    struct pab_interpreter python;
    struct pab_pymalloc_geometry geometry;
    unsigned map_shifts[2]; /* see pab_twin_create() */

    struct pab_twin *main; /* of the main interpreter; of all before 3.12 */
    bool busy;             /* a call is being served: under the GIL, there is one at a time */
    bool careful;          /* look before each call: per_interpreter or off */
    bool per_interpreter;  /* 3.12 and later */
    bool crowded;          /* a second interpreter was seen: `lock` is held over each call */
    bool off;              /* nothing is compared any more */
    unsigned until_checkpoint;
    pthread_mutex_t lock;
} pab_shadow;

/* Puts our tables in place. */
void pab_hooks_install(void);

/* Whether this thread is within a call. */
bool pab_hooks_in_call(void);

/* Compares statistics now. Only between calls, and where this thread may allocate. */
void pab_hooks_take_statistics(void);

/* states.c, all with the lock held when `crowded` is set. */

/* The twin of the state that serves a call of this thread. `fresh`: the state made its first table
 * during the call. `block`: what is freed or resized, or NULL. NULL: this one is not followed. */
struct pab_twin *pab_states_find(bool fresh, const void *block);
/* An arena went outside of any call: the state that it belonged to ends. */
void pab_states_end_arena(const void *arena);

#endif
