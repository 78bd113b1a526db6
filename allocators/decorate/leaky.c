#include "allocators/decorate/leaky.h"

static bool is_lost(struct pab_leaky *leaky)
{
    if (leaky->every == 0) {
        return false;
    }
    uint64_t number = atomic_fetch_add_explicit(&leaky->frees, 1, memory_order_relaxed) + 1;
    return number % leaky->every == 0;
}

static void *leaky_malloc(void *ctx, size_t size)
{
    const struct pab_leaky_layer *layer = (const struct pab_leaky_layer *)ctx;
    return layer->inner.malloc(layer->inner.ctx, size);
}

static void *leaky_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_leaky_layer *layer = (const struct pab_leaky_layer *)ctx;
    return layer->inner.calloc(layer->inner.ctx, count, size);
}

static void *leaky_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_leaky_layer *layer = (const struct pab_leaky_layer *)ctx;
    return layer->inner.realloc(layer->inner.ctx, ptr, size);
}

static void leaky_free(void *ctx, void *ptr)
{
    const struct pab_leaky_layer *layer = (const struct pab_leaky_layer *)ctx;
    if (ptr == NULL || !is_lost(layer->owner)) {
        layer->inner.free(layer->inner.ctx, ptr);
    }
}

static size_t leaky_usable_size(void *ctx, const void *ptr)
{
    const struct pab_leaky_layer *layer = (const struct pab_leaky_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

void pab_leaky_attach(struct pab_leaky *leaky, struct pab_heap *heap, uint64_t every)
{
    *leaky = (struct pab_leaky){.every = every, .heap = heap};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_leaky_layer *layer = &leaky->layers[i];
        *layer = (struct pab_leaky_layer){heap->domain[i], leaky};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = leaky_malloc,
            .calloc = leaky_calloc,
            .realloc = leaky_realloc,
            .free = leaky_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : leaky_usable_size,
        };
    }
}

void pab_leaky_detach(struct pab_leaky *leaky)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(leaky->heap->domain[i].ctx == &leaky->layers[i]); /* else another is on top */
        leaky->heap->domain[i] = leaky->layers[i].inner;
    }
}
