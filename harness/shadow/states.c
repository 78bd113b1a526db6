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

#define ISOLATED_ARENAS_MAX 2048u

#define STATES_MAX 1024 /* isolated interpreters that one process may begin, followed or not */

static struct {
    struct state {
        int64_t interpreter;
        struct pab_twin *twin; /* NULL: it is not followed */
    } isolated[STATES_MAX];
    unsigned count;
    unsigned last; /* found; the next call is often the same interpreter's */
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

static struct pab_twin *new_twin(size_t arenas_max)
{
    struct pab_record *record = pab_shadow.record;
    struct pab_twin *twin =
        pab_twin_create(&pab_shadow.geometry, record, pab_shadow.map_shifts, arenas_max);
    if (twin == NULL) {
        snprintf(record->stopped, sizeof(record->stopped),
                 "the system grants no address space for images of arenas (ulimit -v?)");
        return NULL;
    }
    record->states++;
    return twin;
}

/* The state that an isolated interpreter has, NULL if it was not seen to have one. Its identity is
 * never given to another. */
static struct state *find_isolated(int64_t interpreter)
{
    if (states.last < states.count && states.isolated[states.last].interpreter == interpreter) {
        return &states.isolated[states.last];
    }
    for (unsigned i = 0; i < states.count; i++) {
        if (states.isolated[i].interpreter == interpreter) {
            states.last = i;
            return &states.isolated[i];
        }
    }
    return NULL;
}

/* A state has taken its first table during this call. */
static struct pab_twin *begin_state(int64_t interpreter)
{
    if (interpreter == 0) {
        pab_shadow.main = new_twin(PAB_MIRROR_ARENAS_MAX);
        return pab_shadow.main;
    }
    struct state *state = find_isolated(interpreter);
    if (state == NULL && states.count == STATES_MAX) {
        snprintf(pab_shadow.record->stopped, sizeof(pab_shadow.record->stopped),
                 "only %d isolated interpreters are followed", STATES_MAX);
        pab_shadow.off = true;
        return NULL;
    }
    if (state == NULL) {
        state = &states.isolated[states.count++];
        state->interpreter = interpreter;
    }
    state->twin = new_twin(ISOLATED_ARENAS_MAX);
    return state->twin;
}

/* Whose arena a block lies in; rarely another's than the caller's. */
static struct pab_twin *owner_of(const void *block)
{
    if (pab_shadow.main != NULL && pab_twin_owns(pab_shadow.main, block)) {
        return pab_shadow.main;
    }
    for (unsigned i = 0; i < states.count; i++) {
        struct pab_twin *twin = states.isolated[i].twin;
        if (twin != NULL && pab_twin_owns(twin, block)) {
            return twin;
        }
    }
    return NULL;
}

struct pab_twin *pab_states_find(bool fresh, const void *block)
{
    int64_t interpreter = current_interpreter();
    if (fresh || (interpreter == 0 && pab_shadow.main == NULL)) {
        return begin_state(interpreter);
    }
    const struct state *state = interpreter != 0 ? find_isolated(interpreter) : NULL;
    struct pab_twin *twin = state != NULL ? state->twin : pab_shadow.main;
    bool elsewhere =
        pab_mirror_image(block) != NULL && (twin == NULL || !pab_twin_owns(twin, block));
    return elsewhere ? owner_of(block) : twin;
}

void pab_states_end_arena(const void *arena)
{
    struct pab_twin *owner = pab_mirror_image(arena) != NULL ? owner_of(arena) : NULL;
    if (owner != NULL) {
        owner->stopped = true;
        pab_mirror_remove(&owner->mirror, pab_mirror_image(arena));
    }
}
