#include "allocators/decorate/clocked.h"

static inline void clock_request(struct pab_clocked_layer *layer, enum pab_call call, size_t size,
                                 const void *ptr)
{
    struct pab_clocked *clocked = layer->owner;
    clocked->hash = pab_request_hash(clocked->hash, layer->domain, call, size, ptr != NULL);
}

static inline void clock_end(struct pab_clocked *clocked, enum pab_call call, uint64_t began)
{
    uint64_t ended = pab_clock_read(&clocked->clock);
    clocked->ticks[call] += ended - began;
    pab_histogram_add(&clocked->kinds[call], pab_clock_net_ns(&clocked->clock, began, ended));
}

static void *clocked_malloc(void *ctx, size_t size)
{
    struct pab_clocked_layer *layer = (struct pab_clocked_layer *)ctx;
    clock_request(layer, PAB_CALL_MALLOC, size, NULL);
    uint64_t began = pab_clock_read(&layer->owner->clock);
    void *block = layer->inner.malloc(layer->inner.ctx, size);
    clock_end(layer->owner, PAB_CALL_MALLOC, began);
    return block;
}

static void *clocked_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_clocked_layer *layer = (struct pab_clocked_layer *)ctx;
    clock_request(layer, PAB_CALL_CALLOC, count * size, NULL);
    uint64_t began = pab_clock_read(&layer->owner->clock);
    void *block = layer->inner.calloc(layer->inner.ctx, count, size);
    clock_end(layer->owner, PAB_CALL_CALLOC, began);
    return block;
}

static void *clocked_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_clocked_layer *layer = (struct pab_clocked_layer *)ctx;
    clock_request(layer, PAB_CALL_REALLOC, size, ptr);
    uint64_t began = pab_clock_read(&layer->owner->clock);
    void *block = layer->inner.realloc(layer->inner.ctx, ptr, size);
    clock_end(layer->owner, PAB_CALL_REALLOC, began);
    return block;
}

static void clocked_free(void *ctx, void *ptr)
{
    struct pab_clocked_layer *layer = (struct pab_clocked_layer *)ctx;
    clock_request(layer, PAB_CALL_FREE, 0, ptr);
    uint64_t began = pab_clock_read(&layer->owner->clock);
    layer->inner.free(layer->inner.ctx, ptr);
    clock_end(layer->owner, PAB_CALL_FREE, began);
}

static size_t clocked_usable_size(void *ctx, const void *ptr)
{
    const struct pab_clocked_layer *layer = (const struct pab_clocked_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

/* Stores that no compiler may leave out, a zero a page: the kernel gives the pages now. */
static void touch(void *start, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 1024) {
        ((volatile unsigned char *)start)[at] = 0;
    }
}

void pab_clocked_attach(struct pab_clocked *clocked, struct pab_heap *heap)
{
    *clocked = (struct pab_clocked){.hash = PAB_REQUEST_HASH_INIT, .heap = heap};
    touch(clocked->kinds, sizeof(clocked->kinds));
    pab_clock_open(&clocked->clock);
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_clocked_layer *layer = &clocked->layers[i];
        *layer = (struct pab_clocked_layer){heap->domain[i], clocked, (enum pab_domain)i};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = clocked_malloc,
            .calloc = clocked_calloc,
            .realloc = clocked_realloc,
            .free = clocked_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : clocked_usable_size,
        };
    }
}

void pab_clocked_detach(struct pab_clocked *clocked)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(clocked->heap->domain[i].ctx == &clocked->layers[i]); /* else another is on top */
        clocked->heap->domain[i] = clocked->layers[i].inner;
    }
}

double pab_clocked_mean_ns(const struct pab_clocked *clocked, enum pab_call call)
{
    const struct pab_clock *clock = &clocked->clock;
    double count = (double)clocked->kinds[call].count;
    double net = (double)clocked->ticks[call] - count * clock->cost_mean_ticks;
    double tick_ns = (double)clock->tick_ns / (double)(1u << PAB_CLOCK_SHIFT);
    return count > 0 && net > 0 ? net * tick_ns / count : 0;
}
