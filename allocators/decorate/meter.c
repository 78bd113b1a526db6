#include "allocators/decorate/meter.h"

/* Usable bytes of a block; 0 for none, and where nobody can tell. */
static inline uint64_t usable_bytes(const struct pab_alloc *inner, const void *ptr)
{
    return inner->usable_size == NULL || ptr == NULL ? 0 : inner->usable_size(inner->ctx, ptr);
}

static inline void meter_request(struct pab_meter_layer *layer, enum pab_call call, size_t size,
                                 const void *ptr)
{
    struct pab_meter *meter = layer->owner;
    meter->calls++;
    meter->hash = pab_request_hash(meter->hash, layer->domain, call, size, ptr != NULL);
}

static inline void meter_gain(struct pab_meter *meter, uint64_t usable)
{
    meter->live_usable_bytes += usable;
    if (meter->live_usable_bytes > meter->peak_usable_bytes) {
        meter->peak_usable_bytes = meter->live_usable_bytes;
    }
    pab_ticker_advance(&meter->ticker, meter->calls, meter->live_usable_bytes);
}

static void *meter_malloc(void *ctx, size_t size)
{
    struct pab_meter_layer *layer = (struct pab_meter_layer *)ctx;
    meter_request(layer, PAB_CALL_MALLOC, size, NULL);
    void *block = layer->inner.malloc(layer->inner.ctx, size);
    meter_gain(layer->owner, usable_bytes(&layer->inner, block));
    return block;
}

static void *meter_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_meter_layer *layer = (struct pab_meter_layer *)ctx;
    meter_request(layer, PAB_CALL_CALLOC, count * size, NULL);
    void *block = layer->inner.calloc(layer->inner.ctx, count, size);
    meter_gain(layer->owner, usable_bytes(&layer->inner, block));
    return block;
}

static void *meter_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_meter_layer *layer = (struct pab_meter_layer *)ctx;
    meter_request(layer, PAB_CALL_REALLOC, size, ptr);
    uint64_t before = usable_bytes(&layer->inner, ptr);
    void *block = layer->inner.realloc(layer->inner.ctx, ptr, size);
    if (block != NULL) {
        layer->owner->live_usable_bytes -= before;
    } /* else `ptr` lives on as it was */
    meter_gain(layer->owner, usable_bytes(&layer->inner, block));
    return block;
}

static void meter_free(void *ctx, void *ptr)
{
    struct pab_meter_layer *layer = (struct pab_meter_layer *)ctx;
    struct pab_meter *meter = layer->owner;
    meter_request(layer, PAB_CALL_FREE, 0, ptr);
    meter->live_usable_bytes -= usable_bytes(&layer->inner, ptr);
    layer->inner.free(layer->inner.ctx, ptr);
    pab_ticker_advance(&meter->ticker, meter->calls, meter->live_usable_bytes);
}

static size_t meter_usable_size(void *ctx, const void *ptr)
{
    const struct pab_meter_layer *layer = (const struct pab_meter_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

void pab_meter_attach(struct pab_meter *meter, struct pab_heap *heap)
{
    *meter = (struct pab_meter){.hash = PAB_REQUEST_HASH_INIT, .heap = heap};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_meter_layer *layer = &meter->layers[i];
        *layer = (struct pab_meter_layer){heap->domain[i], meter, (enum pab_domain)i};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = meter_malloc,
            .calloc = meter_calloc,
            .realloc = meter_realloc,
            .free = meter_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : meter_usable_size,
        };
    }
}

void pab_meter_detach(struct pab_meter *meter)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(meter->heap->domain[i].ctx == &meter->layers[i]); /* else another one is on top */
        meter->heap->domain[i] = meter->layers[i].inner;
    }
}

void pab_meter_set_tick(struct pab_meter *meter, uint64_t calls, pab_tick tick, void *arg)
{
    pab_ticker_set(&meter->ticker, meter->calls, calls, tick, arg);
}
