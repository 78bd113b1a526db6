/* The tables that stand in for CPython's: every call goes to CPython first, then to the twin.
 *
 *   list.append() -> PyMem_Realloc() -> hook_realloc() --1--> CPython's pymalloc -> hook_arena_*()
 *                                            |                                          | noted
 *                                            +--------2--> twin: our pymalloc <---------+
 *
 * Up to 3.11 a process has one allocator state, and the GIL guards it and us. From 3.12 on each
 * isolated interpreter has a state and a GIL of its own: as soon as a second interpreter is seen,
 * a lock is held over each call. Nothing here takes memory from the program's heaps, but for the
 * stream that statistics are read from. */
#include "harness/shadow/hooks.h"

#include "harness/shadow/statistics.h"

#include <string.h>

#define CHECKPOINT_CALLS  512
#define FIRST_STATISTICS  1000 /* calls before the first comparison; then half as many more each */
#define FIRST_TABLE_BYTES 768u /* 16 descriptors of 48 bytes */

struct hook {
    struct pab_python_alloc below; /* the table that was there */
    enum pab_domain domain;
};

struct thread_call {
    struct pab_call call;
    bool open;
    bool fresh;  /* the state that serves it took its first table */
    bool locked; /* pab_shadow.lock is held */
};

struct pab_shadow pab_shadow = {
    .until_checkpoint = CHECKPOINT_CALLS,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

static struct {
    struct hook mem, obj;
    struct pab_python_alloc raw_below;
    struct pab_python_arenas arenas_below;
    uint64_t next_statistics;
    bool seen_finalizing, statistics_differ;
} hooks = {.next_statistics = FIRST_STATISTICS};

static __thread struct thread_call thread_call;

static inline bool rarely(bool condition)
{
    return __builtin_expect(condition, false);
}

/* --- before and after a call ------------------------------------------------------------------ */

__attribute__((noinline, cold)) static void stop_all(const char *reason)
{
    struct pab_record *record = pab_shadow.record;
    snprintf(record->stopped, sizeof(record->stopped), "%s", reason);
    pab_shadow.off = true;
    pab_shadow.careful = true;
}

/* The main interpreter is the last of the list, new ones come before it. */
static bool look_around(struct thread_call *mine)
{
    if (pab_shadow.off) {
        pab_shadow.record->skipped++;
        return false;
    }
    const struct pab_interpreter *python = &pab_shadow.python;
    if (!pab_shadow.crowded) {
        void *head = python->interpreter_head();
        if (head == NULL || head == python->interpreter_main()) {
            return true;
        }
        pab_shadow.crowded = true;
    }
    pthread_mutex_lock(&pab_shadow.lock);
    mine->locked = true;
    return true;
}

/* False: CPython alone serves this one. */
static inline bool open_call(struct thread_call *mine)
{
    if (rarely(pab_shadow.careful) && !look_around(mine)) {
        return false;
    }
    if (rarely(pab_shadow.busy)) {
        stop_all("two threads called the allocator at once, one of them without the GIL");
        return false;
    }
    pab_shadow.busy = true;
    mine->open = true;
    mine->call.event_count = 0;
    mine->call.events_used = 0;
    return true;
}

/* The twin that judges the call which CPython has just served; NULL: it is not judged. */
static inline struct pab_twin *twin_of_call(struct thread_call *mine)
{
    struct pab_twin *twin = pab_shadow.main;
    if (rarely(twin == NULL || mine->fresh || pab_shadow.crowded)) {
        twin = pab_states_find(mine->fresh, mine->call.block);
        mine->fresh = false;
    }
    return twin != NULL && !twin->stopped ? twin : NULL;
}

__attribute__((noinline, cold)) static void checkpoint(void)
{
    pab_shadow.until_checkpoint = CHECKPOINT_CALLS;
    uint64_t calls = pab_record_calls(pab_shadow.record);
    int (*is_finalizing)(void) = pab_shadow.python.is_finalizing;
    bool finalizing = is_finalizing != NULL && is_finalizing() != 0;
    if (calls >= hooks.next_statistics || (finalizing && !hooks.seen_finalizing)) {
        hooks.next_statistics = calls + calls / 2;
        hooks.seen_finalizing = finalizing;
        pab_hooks_take_statistics();
    }
}

static inline void close_call(struct thread_call *mine, const struct pab_twin *judge)
{
    struct pab_record *record = pab_shadow.record;
    if (rarely(judge == NULL || judge->gave_up)) {
        record->skipped++;
    } else {
        record->calls[mine->call.kind]++;
    }
    mine->open = false;
    pab_shadow.busy = false;
    if (rarely(mine->locked)) {
        mine->locked = false;
        pthread_mutex_unlock(&pab_shadow.lock);
    }
    if (rarely(--pab_shadow.until_checkpoint == 0)) {
        checkpoint();
    }
}

/* --- the mem and obj domains ------------------------------------------------------------------ */

static void *hook_malloc(void *ctx, size_t size)
{
    const struct hook *hook = ctx;
    struct thread_call *mine = &thread_call;
    if (rarely(!open_call(mine))) {
        return hook->below.malloc(hook->below.ctx, size);
    }
    void *result = hook->below.malloc(hook->below.ctx, size);
    mine->call.domain = hook->domain;
    mine->call.kind = PAB_CALL_MALLOC;
    mine->call.size = size;
    mine->call.block = NULL;
    mine->call.result = result;
    struct pab_twin *twin = twin_of_call(mine);
    if (twin != NULL) {
        (void)pab_twin_malloc(twin, &mine->call);
    }
    close_call(mine, twin);
    return result;
}

static void *hook_calloc(void *ctx, size_t count, size_t size)
{
    const struct hook *hook = ctx;
    struct thread_call *mine = &thread_call;
    if (rarely(!open_call(mine))) {
        return hook->below.calloc(hook->below.ctx, count, size);
    }
    void *result = hook->below.calloc(hook->below.ctx, count, size);
    mine->call.domain = hook->domain;
    mine->call.kind = PAB_CALL_CALLOC;
    mine->call.size = count * size;
    mine->call.block = NULL;
    mine->call.result = result;
    struct pab_twin *twin = twin_of_call(mine);
    if (twin != NULL) {
        (void)pab_twin_calloc(twin, &mine->call, count, size);
    }
    close_call(mine, twin);
    return result;
}

static void *hook_realloc(void *ctx, void *block, size_t size)
{
    const struct hook *hook = ctx;
    struct thread_call *mine = &thread_call;
    if (rarely(!open_call(mine))) {
        return hook->below.realloc(hook->below.ctx, block, size);
    }
    void *result = hook->below.realloc(hook->below.ctx, block, size);
    mine->call.domain = hook->domain;
    mine->call.kind = PAB_CALL_REALLOC;
    mine->call.size = size;
    mine->call.block = block;
    mine->call.result = result;
    struct pab_twin *twin = twin_of_call(mine);
    if (twin != NULL) {
        (void)pab_twin_realloc(twin, &mine->call);
    }
    close_call(mine, twin);
    return result;
}

static void hook_free(void *ctx, void *block)
{
    const struct hook *hook = ctx;
    struct thread_call *mine = &thread_call;
    if (rarely(!open_call(mine))) {
        hook->below.free(hook->below.ctx, block);
        return;
    }
    hook->below.free(hook->below.ctx, block);
    mine->call.domain = hook->domain;
    mine->call.kind = PAB_CALL_FREE;
    mine->call.size = 0;
    mine->call.block = block;
    mine->call.result = NULL;
    struct pab_twin *twin = twin_of_call(mine);
    if (twin != NULL) {
        (void)pab_twin_free(twin, &mine->call);
    }
    close_call(mine, twin);
}

/* --- the raw domain: only to see a state begin ------------------------------------------------ */

static void *hook_raw_realloc(void *ctx, void *block, size_t size)
{
    if (block == NULL && size == FIRST_TABLE_BYTES && thread_call.open) {
        thread_call.fresh = true;
    }
    return hooks.raw_below.realloc(ctx, block, size);
}

/* --- the arena hook --------------------------------------------------------------------------- */

static void note_event(uintptr_t arena, size_t size, bool taken)
{
    struct pab_call *call = &thread_call.call;
    if (call->event_count < PAB_CALL_EVENTS_MAX) {
        call->events[call->event_count++] = (struct pab_arena_event){arena, size, taken};
    }
}

static void *hook_arena_alloc(void *ctx, size_t size)
{
    void *arena = hooks.arenas_below.alloc(ctx, size);
    if (thread_call.open) {
        note_event((uintptr_t)arena, size, true);
    } else {
        pab_shadow.record->other_chunks++; /* frame stacks, from 3.11 on */
    }
    return arena;
}

static void hook_arena_free(void *ctx, void *arena, size_t size)
{
    if (thread_call.open) {
        note_event((uintptr_t)arena, size, false);
    } else if (size == pab_shadow.geometry.arena_bytes) {
        bool crowded = pab_shadow.crowded;
        if (crowded) {
            pthread_mutex_lock(&pab_shadow.lock);
        }
        pab_states_end_arena(arena);
        if (crowded) {
            pthread_mutex_unlock(&pab_shadow.lock);
        }
    }
    hooks.arenas_below.free(ctx, arena, size);
}

/* --- outside of calls ------------------------------------------------------------------------- */

bool pab_hooks_in_call(void)
{
    return thread_call.open;
}

/* CPython prints nothing unless its own function is in the table of the obj domain: for the moment
 * it is. No other thread can call meanwhile: this one has the GIL, and there is but one. */
void pab_hooks_take_statistics(void)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    struct pab_record *record = pab_shadow.record;
    const char *reason = pab_shadow.crowded ? "no longer, since a second interpreter began"
                         : python->print_statistics == NULL ? "CPython exports no function for them"
                         : pab_shadow.off                   ? "no longer, since shadowing stopped"
                                                            : NULL;
    if (reason != NULL) {
        snprintf(record->unmeasured, sizeof(record->unmeasured), "%s", reason);
        return;
    }
    struct pab_twin *twin = pab_shadow.main;
    if (twin == NULL || twin->stopped || hooks.statistics_differ) {
        return;
    }
    struct pab_python_alloc current;
    python->get_allocator(PAB_PYTHON_OBJ, &current);
    python->set_allocator(PAB_PYTHON_OBJ, &hooks.obj.below);
    hooks.statistics_differ = !pab_statistics_compare(python, twin);
    python->set_allocator(PAB_PYTHON_OBJ, &current);
}

static void install_domain(enum pab_python_domain domain, struct hook *hook, enum pab_domain ours)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    python->get_allocator((int)domain, &hook->below);
    hook->domain = ours;
    python->set_allocator((int)domain, &(struct pab_python_alloc){hook, hook_malloc, hook_calloc,
                                                                  hook_realloc, hook_free});
}

void pab_hooks_install(void)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    install_domain(PAB_PYTHON_MEM, &hooks.mem, PAB_DOMAIN_MEM);
    install_domain(PAB_PYTHON_OBJ, &hooks.obj, PAB_DOMAIN_OBJ);
    python->get_arenas(&hooks.arenas_below);
    python->set_arenas(
        &(struct pab_python_arenas){hooks.arenas_below.ctx, hook_arena_alloc, hook_arena_free});
    if (pab_shadow.per_interpreter) {
        python->get_allocator(PAB_PYTHON_RAW, &hooks.raw_below);
        struct pab_python_alloc raw = hooks.raw_below;
        raw.realloc = hook_raw_realloc;
        python->set_allocator(PAB_PYTHON_RAW, &raw);
    }
}
