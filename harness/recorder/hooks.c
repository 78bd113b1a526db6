#include "harness/recorder/hooks.h"

#include "harness/recorder/put.h"

#define DOMAINS      3
#define INSTALLS_MAX 4

struct hook {
    struct pab_python_alloc below; /* the table that was there */
    unsigned domain;               /* enum pab_trace_domain */
};

static struct {
    const struct pab_interpreter *python;
    struct hook at[INSTALLS_MAX][DOMAINS];
    unsigned installs;
    bool settled; /* an arena was taken by a call that came through us */
    struct pab_python_arenas arenas_below;
} hooks;

/* --- the tables ------------------------------------------------------------------------------- */

static void *hook_malloc(void *ctx, size_t size)
{
    const struct hook *hook = ctx;
    if (pab_thread.depth != 0) {
        return hook->below.malloc(hook->below.ctx, size);
    }
    pab_thread.depth = 1;
    void *block = hook->below.malloc(hook->below.ctx, size);
    pab_thread.depth = 0;
    pab_put_made(PAB_RING_MALLOC, hook->domain, block, size);
    return block;
}

static void *hook_calloc(void *ctx, size_t count, size_t size)
{
    const struct hook *hook = ctx;
    if (pab_thread.depth != 0) {
        return hook->below.calloc(hook->below.ctx, count, size);
    }
    pab_thread.depth = 1;
    void *block = hook->below.calloc(hook->below.ctx, count, size);
    pab_thread.depth = 0;
    pab_put_made(PAB_RING_CALLOC, hook->domain, block, count * size);
    return block;
}

static void *hook_realloc(void *ctx, void *block, size_t size)
{
    const struct hook *hook = ctx;
    if (pab_thread.depth != 0) {
        return hook->below.realloc(hook->below.ctx, block, size);
    }
    if (block != NULL) {
        pab_put_move(hook->domain, block, size);
    }
    pab_thread.depth = 1;
    void *result = hook->below.realloc(hook->below.ctx, block, size);
    pab_thread.depth = 0;
    if (block != NULL) {
        pab_put_moved(hook->domain, result, size);
    } else {
        pab_put_made(PAB_RING_MALLOC, hook->domain, result, size);
    }
    return result;
}

static void hook_free(void *ctx, void *block)
{
    const struct hook *hook = ctx;
    if (pab_thread.depth != 0) {
        hook->below.free(hook->below.ctx, block);
        return;
    }
    if (block != NULL) {
        pab_put(PAB_RING_FREE, hook->domain, (uintptr_t)block, 0);
    }
    pab_thread.depth = 1;
    hook->below.free(hook->below.ctx, block);
    pab_thread.depth = 0;
}

/* --- standing in them ------------------------------------------------------------------------- */

/* Each time in tables of its own: what stands above ours now may call the earlier one. */
static void install_tables(void)
{
    static const unsigned ours[DOMAINS] = {
        [PAB_PYTHON_RAW] = PAB_TRACE_RAW,
        [PAB_PYTHON_MEM] = PAB_TRACE_MEM,
        [PAB_PYTHON_OBJ] = PAB_TRACE_OBJ,
    };
    for (int domain = 0; domain < DOMAINS; domain++) {
        struct hook *hook = &hooks.at[hooks.installs][domain];
        hooks.python->get_allocator(domain, &hook->below);
        hook->domain = ours[domain];
        hooks.python->set_allocator(
            domain,
            &(struct pab_python_alloc){hook, hook_malloc, hook_calloc, hook_realloc, hook_free});
    }
    hooks.installs++;
}

/* Up to 3.6 an interpreter says early that it is initialized. */
static bool is_beginning(void)
{
    return !hooks.settled ||
           (hooks.python->is_initialized != NULL && hooks.python->is_initialized() == 0);
}

/* PYTHONMALLOC and -X dev, and 3.6 always, put CPython's tables in anew while it begins. The first
 * arena (or chunk of a frame stack) that is then taken by a call which did not come through us is
 * the moment to stand above them. Who stands above us later, tracemalloc for one, calls us. */
static void *hook_arena_alloc(void *ctx, size_t size)
{
    if (pab_thread.depth != 0) {
        hooks.settled = true;
    } else if (hooks.installs < INSTALLS_MAX && is_beginning()) {
        struct pab_python_alloc now;
        hooks.python->get_allocator(PAB_PYTHON_OBJ, &now);
        if (now.malloc != hook_malloc) {
            install_tables();
        }
    }
    return hooks.arenas_below.alloc(ctx, size);
}

void pab_hooks_install(const struct pab_interpreter *python)
{
    hooks.python = python;
    install_tables();
    if (python->get_arenas != NULL && python->set_arenas != NULL) {
        python->get_arenas(&hooks.arenas_below);
        python->set_arenas(&(struct pab_python_arenas){hooks.arenas_below.ctx, hook_arena_alloc,
                                                       hooks.arenas_below.free});
    }
}
