#include "allocators/decorate/faulty.h"

#include <errno.h>

static bool must_fail(struct pab_faulty *faulty)
{
    uint64_t call = faulty->calls++;
    if (faulty->fault == PAB_FAULT_NONE || call < faulty->fail_at ||
        (faulty->fault == PAB_FAULT_ONCE && call > faulty->fail_at)) {
        return false;
    }
    faulty->failed++;
    errno = ENOMEM;
    return true;
}

static void *faulty_malloc(void *ctx, size_t size)
{
    struct pab_faulty_layer *layer = (struct pab_faulty_layer *)ctx;
    return must_fail(layer->owner) ? NULL : layer->inner.malloc(layer->inner.ctx, size);
}

static void *faulty_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_faulty_layer *layer = (struct pab_faulty_layer *)ctx;
    return must_fail(layer->owner) ? NULL : layer->inner.calloc(layer->inner.ctx, count, size);
}

static void *faulty_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_faulty_layer *layer = (struct pab_faulty_layer *)ctx;
    return must_fail(layer->owner) ? NULL : layer->inner.realloc(layer->inner.ctx, ptr, size);
}

static void faulty_free(void *ctx, void *ptr)
{
    struct pab_faulty_layer *layer = (struct pab_faulty_layer *)ctx;
    layer->inner.free(layer->inner.ctx, ptr);
}

static size_t faulty_usable_size(void *ctx, const void *ptr)
{
    const struct pab_faulty_layer *layer = (const struct pab_faulty_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

void pab_faulty_attach(struct pab_faulty *faulty, struct pab_heap *heap)
{
    *faulty = (struct pab_faulty){.heap = heap};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_faulty_layer *layer = &faulty->layers[i];
        *layer = (struct pab_faulty_layer){heap->domain[i], faulty};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = faulty_malloc,
            .calloc = faulty_calloc,
            .realloc = faulty_realloc,
            .free = faulty_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : faulty_usable_size,
        };
    }
}

void pab_faulty_detach(struct pab_faulty *faulty)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(faulty->heap->domain[i].ctx == &faulty->layers[i]); /* else another is on top */
        faulty->heap->domain[i] = faulty->layers[i].inner;
    }
}

void pab_faulty_arm(struct pab_faulty *faulty, uint64_t n, enum pab_fault fault)
{
    faulty->calls = 0;
    faulty->failed = 0;
    faulty->fail_at = n;
    faulty->fault = fault;
}
