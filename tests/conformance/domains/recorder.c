#include "tests/conformance/domains/recorder.h"

static struct {
    struct pab_recorder *recorder; /* the attached one */
} state;

/* A wrong ctx must not crash the check: it is counted, and the call goes to the raw domain. */
static struct pab_recorder_layer *layer_of(void *ctx)
{
    struct pab_recorder *recorder = state.recorder;
    for (size_t i = 0; i < PAB_DOMAIN_COUNT; i++) {
        if (ctx == &recorder->layers[i]) {
            return &recorder->layers[i];
        }
    }
    recorder->strays++;
    return &recorder->layers[PAB_DOMAIN_RAW];
}

static struct pab_recorder *note(const struct pab_recorder_layer *layer, enum pab_call call,
                                 void *ptr)
{
    struct pab_recorder *recorder = layer->owner;
    recorder->calls++;
    recorder->last =
        (struct pab_recorded){.call = call, .domain = layer->domain, .count = 1, .ptr = ptr};
    if (ptr != NULL && recorder->look != NULL) {
        recorder->look(recorder->arg, ptr);
    }
    return recorder;
}

static void *recorder_malloc(void *ctx, size_t size)
{
    const struct pab_recorder_layer *layer = layer_of(ctx);
    struct pab_recorder *recorder = note(layer, PAB_CALL_MALLOC, NULL);
    recorder->last.size = size;
    recorder->last.result =
        recorder->is_failing ? NULL : layer->inner.malloc(layer->inner.ctx, size);
    return recorder->last.result;
}

static void *recorder_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_recorder_layer *layer = layer_of(ctx);
    struct pab_recorder *recorder = note(layer, PAB_CALL_CALLOC, NULL);
    recorder->last.count = count;
    recorder->last.size = size;
    recorder->last.result =
        recorder->is_failing ? NULL : layer->inner.calloc(layer->inner.ctx, count, size);
    return recorder->last.result;
}

static void *recorder_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_recorder_layer *layer = layer_of(ctx);
    struct pab_recorder *recorder = note(layer, PAB_CALL_REALLOC, ptr);
    recorder->last.size = size;
    recorder->last.result =
        recorder->is_failing ? NULL : layer->inner.realloc(layer->inner.ctx, ptr, size);
    return recorder->last.result;
}

static void recorder_free(void *ctx, void *ptr)
{
    const struct pab_recorder_layer *layer = layer_of(ctx);
    note(layer, PAB_CALL_FREE, ptr);
    layer->inner.free(layer->inner.ctx, ptr);
}

static size_t recorder_usable_size(void *ctx, const void *ptr)
{
    const struct pab_recorder_layer *layer = layer_of(ctx);
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

void pab_recorder_attach(struct pab_recorder *recorder, struct pab_heap *heap)
{
    assert(state.recorder == NULL);
    *recorder = (struct pab_recorder){.heap = heap};
    state.recorder = recorder;
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_recorder_layer *layer = &recorder->layers[i];
        *layer = (struct pab_recorder_layer){heap->domain[i], recorder, (enum pab_domain)i};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = recorder_malloc,
            .calloc = recorder_calloc,
            .realloc = recorder_realloc,
            .free = recorder_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : recorder_usable_size,
        };
    }
}

void pab_recorder_detach(struct pab_recorder *recorder)
{
    assert(state.recorder == recorder);
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        recorder->heap->domain[i] = recorder->layers[i].inner;
    }
    state.recorder = NULL;
}
