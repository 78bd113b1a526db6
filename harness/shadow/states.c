/* Which allocator state serves a call.
 *
 * From 3.12 on an interpreter has a state of its own, or shares the main interpreter's
 * (PyInterpreterConfig.use_main_obmalloc). No exported function tells which; its behaviour does: a
 * state of its own starts without a table of arena descriptors, and takes its first (16 of 48
 * bytes) from the raw domain when the first small block is asked for. An interpreter during whose
 * calls that never happens shares the main state. A block that is freed or resized belongs to the
 * state whose arena it lies in. */
#include "harness/shadow/hooks.h"

#include <string.h>

#define STATES_MAX 64

static struct {
    struct {
        int64_t interpreter;
        struct pab_twin *twin;
    } at[STATES_MAX];
    unsigned count;
} states;

static int64_t current_interpreter(void)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    if (!pab_shadow.per_interpreter) {
        return 0;
    }
    void *thread = python->thread_state();
    void *interpreter = thread != NULL ? python->thread_interpreter(thread) : NULL;
    return interpreter != NULL ? python->interpreter_id(interpreter) : 0;
}

static struct pab_twin *new_twin(void)
{
    struct pab_record *record = pab_shadow.record;
    struct pab_twin *twin = pab_twin_create(&pab_shadow.geometry, record, pab_shadow.map_shifts);
    if (twin == NULL) {
        snprintf(record->stopped, sizeof(record->stopped),
                 "the system grants no address space for images of arenas (ulimit -v?)");
        return NULL;
    }
    record->states++;
    return twin;
}

static struct pab_twin *owner_of(const void *block)
{
    for (unsigned i = 0; block != NULL && i < states.count; i++) {
        if (states.at[i].twin != NULL && pab_twin_owns(states.at[i].twin, block)) {
            return states.at[i].twin;
        }
    }
    return NULL;
}

struct pab_twin *pab_states_find(bool fresh, const void *block)
{
    int64_t interpreter = current_interpreter();
    struct pab_twin *owner = pab_shadow.crowded ? owner_of(block) : NULL;
    if (owner != NULL && !fresh) {
        return owner;
    }
    unsigned i = 0;
    while (i < states.count && states.at[i].interpreter != interpreter) {
        i++;
    }
    bool known = i < states.count;
    if (known && !fresh) {
        return states.at[i].twin;
    }
    if (i == STATES_MAX) {
        snprintf(pab_shadow.record->stopped, sizeof(pab_shadow.record->stopped),
                 "only the first %d interpreters are followed", STATES_MAX);
        return NULL;
    }
    states.count += !known;
    states.at[i].interpreter = interpreter;
    states.at[i].twin = fresh || pab_shadow.main == NULL ? new_twin() : pab_shadow.main;
    if (interpreter == 0) {
        pab_shadow.main = states.at[i].twin;
    }
    return states.at[i].twin;
}

void pab_states_end_arena(const void *arena)
{
    struct pab_twin *owner = owner_of(arena);
    if (owner != NULL) {
        owner->stopped = true;
        pab_mirror_remove(&owner->mirror, pab_mirror_image(arena));
    }
}
