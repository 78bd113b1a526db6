#include "allocators/decorate/slow.h"

/* Odd, as is what it multiplies: the product never becomes 0, which no compiler knows. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

/* Adding 0 to `argument` takes `steps` multiplications. */
static inline uintptr_t after_steps(uintptr_t argument, uint64_t steps)
{
    uint64_t word = argument | 1;
    for (; steps > 0; steps--) {
        word *= MULTIPLIER;
        __asm__("" : "+r"(word)); /* may be anything now: several cannot be made one */
    }
    return argument + (word == 0);
}

static void *slow_malloc(void *ctx, size_t size)
{
    const struct pab_slow_layer *layer = (const struct pab_slow_layer *)ctx;
    return layer->inner.malloc(layer->inner.ctx, after_steps(size, layer->steps));
}

static void *slow_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_slow_layer *layer = (const struct pab_slow_layer *)ctx;
    return layer->inner.calloc(layer->inner.ctx, count, after_steps(size, layer->steps));
}

static void *slow_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_slow_layer *layer = (const struct pab_slow_layer *)ctx;
    return layer->inner.realloc(layer->inner.ctx, ptr, after_steps(size, layer->steps));
}

static void slow_free(void *ctx, void *ptr)
{
    const struct pab_slow_layer *layer = (const struct pab_slow_layer *)ctx;
    layer->inner.free(layer->inner.ctx, (void *)after_steps((uintptr_t)ptr, layer->steps));
}

static size_t slow_usable_size(void *ctx, const void *ptr)
{
    const struct pab_slow_layer *layer = (const struct pab_slow_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

void pab_slow_attach(struct pab_slow *slow, struct pab_heap *heap, uint64_t steps)
{
    *slow = (struct pab_slow){.heap = heap};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_slow_layer *layer = &slow->layers[i];
        *layer = (struct pab_slow_layer){heap->domain[i], steps};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = slow_malloc,
            .calloc = slow_calloc,
            .realloc = slow_realloc,
            .free = slow_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : slow_usable_size,
        };
    }
}

void pab_slow_detach(struct pab_slow *slow)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(slow->heap->domain[i].ctx == &slow->layers[i]); /* else another is on top */
        slow->heap->domain[i] = slow->layers[i].inner;
    }
}
