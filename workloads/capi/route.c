/* workloads/capi/route.c -- see route.h. PyMem_SetAllocator: PEP 445. */
#include "workloads/capi/route.h"

#include <Python.h>

#include <string.h>

/* A dict object is asked for with its GC header: 16 + 48 bytes. */
#define DICT_BLOCK_BYTES 64
#define DICTS_MAX        256

/* One of the two domains that are led elsewhere. */
struct lane {
    PyMemAllocatorDomain python_domain;
    enum pab_domain domain;
    PyMemAllocatorEx own; /* libpython's */
};

static struct {
    struct lane lanes[2];
    struct pab_heap *heap; /* NULL: closed */
    bool paused, inside;
    bool (*result_pending)(void);
    void *result_block;
    _Alignas(16) unsigned char result[64];
    void *dicts[DICTS_MAX];
    size_t dict_count;
} route = {
    .lanes =
        {
            {.python_domain = PYMEM_DOMAIN_MEM, .domain = PAB_DOMAIN_MEM},
            {.python_domain = PYMEM_DOMAIN_OBJ, .domain = PAB_DOMAIN_OBJ},
        },
};

static void install(struct lane *lane, const PyMemAllocatorEx *functions)
{
    PyMemAllocatorEx allocator = *functions;
    allocator.ctx = lane;
    PyMem_GetAllocator(lane->python_domain, &lane->own);
    PyMem_SetAllocator(lane->python_domain, &allocator);
}

static void uninstall(struct lane *lane)
{
    PyMem_SetAllocator(lane->python_domain, &lane->own);
}

/* --- which dicts there are -------------------------------------------------------------------- */

static void *watch_malloc(void *ctx, size_t size)
{
    struct lane *lane = ctx;
    void *block = lane->own.malloc(lane->own.ctx, size);
    if (size == DICT_BLOCK_BYTES && block != NULL && route.dict_count < DICTS_MAX) {
        route.dicts[route.dict_count++] = block;
    }
    return block;
}

static void *watch_calloc(void *ctx, size_t count, size_t size)
{
    struct lane *lane = ctx;
    return lane->own.calloc(lane->own.ctx, count, size);
}

static void *watch_realloc(void *ctx, void *block, size_t size)
{
    struct lane *lane = ctx;
    return lane->own.realloc(lane->own.ctx, block, size);
}

static void watch_free(void *ctx, void *block)
{
    struct lane *lane = ctx;
    lane->own.free(lane->own.ctx, block);
}

void pab_route_watch_dicts(void)
{
    install(&route.lanes[1],
            &(PyMemAllocatorEx){NULL, watch_malloc, watch_calloc, watch_realloc, watch_free});
}

void pab_route_unwatch_dicts(bool (*visit)(void *block, void *arg), void *arg)
{
    uninstall(&route.lanes[1]);
    for (size_t i = 0; i < route.dict_count; i++) {
        if (visit(route.dicts[i], arg)) {
            break;
        }
    }
}

/* --- through the heap ------------------------------------------------------------------------- */

static inline bool goes_through(void)
{
    return !route.paused && !route.inside;
}

static inline const struct pab_alloc *enter(const struct lane *lane)
{
    route.inside = true;
    return &route.heap->domain[lane->domain];
}

static inline void *left(void *block)
{
    route.inside = false;
    return block;
}

static bool is_for_result(const struct lane *lane, size_t size)
{
    return lane->domain == PAB_DOMAIN_OBJ && route.result_pending != NULL &&
           route.result_block == NULL && size <= sizeof(route.result) && route.result_pending();
}

static void *route_malloc(void *ctx, size_t size)
{
    const struct lane *lane = ctx;
    if (!goes_through()) {
        return lane->own.malloc(lane->own.ctx, size);
    }
    if (is_for_result(lane, size)) {
        return route.result_block = route.result;
    }
    const struct pab_alloc *table = enter(lane);
    return left(table->malloc(table->ctx, size));
}

static void *route_calloc(void *ctx, size_t count, size_t size)
{
    const struct lane *lane = ctx;
    if (!goes_through()) {
        return lane->own.calloc(lane->own.ctx, count, size);
    }
    const struct pab_alloc *table = enter(lane);
    return left(table->calloc(table->ctx, count, size));
}

static void *route_realloc(void *ctx, void *block, size_t size)
{
    const struct lane *lane = ctx;
    if (!goes_through()) {
        return lane->own.realloc(lane->own.ctx, block, size);
    }
    const struct pab_alloc *table = enter(lane);
    return left(table->realloc(table->ctx, block, size));
}

static void route_free(void *ctx, void *block)
{
    const struct lane *lane = ctx;
    if (block != NULL && block == route.result_block) {
        route.result_block = NULL;
    } else if (!goes_through()) {
        lane->own.free(lane->own.ctx, block);
    } else {
        const struct pab_alloc *table = enter(lane);
        table->free(table->ctx, block);
        route.inside = false;
    }
}

void pab_route_open(struct pab_heap *heap)
{
    PAB_CHECK(route.heap == NULL);
    route.heap = heap;
    route.paused = false;
    for (size_t i = 0; i < ARRAY_COUNT(route.lanes); i++) {
        install(&route.lanes[i],
                &(PyMemAllocatorEx){NULL, route_malloc, route_calloc, route_realloc, route_free});
    }
}

void pab_route_close(void)
{
    PAB_CHECK(route.heap != NULL && !route.inside && route.result_block == NULL);
    for (size_t i = 0; i < ARRAY_COUNT(route.lanes); i++) {
        uninstall(&route.lanes[i]);
    }
    route.heap = NULL;
}

bool pab_route_is_open(void)
{
    return route.heap != NULL;
}

void pab_route_pause(bool paused)
{
    route.paused = paused;
}

void pab_route_keep_result(bool (*result_pending)(void))
{
    route.result_pending = result_pending;
}
