#include "tests/conformance/collector/quarantine.h"

#include <string.h>

#define STATE_LIVE  UINT64_C(0x6c697665626c6f63)
#define STATE_FREED UINT64_C(0x6672656564626c6f)

struct quarantined {
    struct quarantined *next;
    uint64_t state;
};

static_assert(sizeof(struct quarantined) == 16, "what follows stays aligned");

static void misuse(struct pab_quarantine *quarantine, const char *what)
{
    if (quarantine->text[0] == '\0') {
        snprintf(quarantine->text, sizeof(quarantine->text), "%s (call %llu)", what,
                 (unsigned long long)quarantine->calls);
    }
}

static struct quarantined *head_of(void *block)
{
    return (struct quarantined *)block - 1;
}

static void *layer_malloc(void *ctx, size_t size)
{
    struct pab_quarantine_layer *layer = ctx;
    struct pab_quarantine *owner = layer->owner;
    owner->calls++;
    owner->allocations++;
    if (owner->allocations == owner->fail_at) {
        return NULL;
    }
    struct quarantined *head =
        layer->inner.malloc(layer->inner.ctx, sizeof(struct quarantined) + size);
    if (head == NULL) {
        return NULL;
    }
    *head = (struct quarantined){NULL, STATE_LIVE};
    owner->blocks++;
    return head + 1;
}

static void *layer_calloc(void *ctx, size_t count, size_t size)
{
    void *block = layer_malloc(ctx, count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

static void layer_free(void *ctx, void *block)
{
    struct pab_quarantine_layer *layer = ctx;
    layer->owner->calls++;
    if (block == NULL) {
        return;
    }
    struct quarantined *head = head_of(block);
    if (head->state != STATE_LIVE) {
        misuse(layer->owner, head->state == STATE_FREED ? "a block was freed twice"
                                                        : "what was freed is no block");
        return;
    }
    head->state = STATE_FREED;
    head->next = layer->freed;
    layer->freed = head;
    layer->owner->blocks--;
}

/* The heap below resizes: that is what is under test, too. */
static void *layer_realloc(void *ctx, void *block, size_t size)
{
    struct pab_quarantine_layer *layer = ctx;
    struct pab_quarantine *owner = layer->owner;
    if (block == NULL) {
        return layer_malloc(ctx, size);
    }
    owner->calls++;
    owner->allocations++;
    if (head_of(block)->state != STATE_LIVE) {
        misuse(owner, "a freed block was resized");
        return NULL;
    }
    if (owner->allocations == owner->fail_at) {
        return NULL;
    }
    struct quarantined *head =
        layer->inner.realloc(layer->inner.ctx, head_of(block), sizeof(struct quarantined) + size);
    return head == NULL ? NULL : head + 1;
}

void pab_quarantine_attach(struct pab_quarantine *quarantine, struct pab_heap *heap)
{
    memset(quarantine, 0, sizeof(*quarantine));
    quarantine->heap = *heap;
    for (int domain = PAB_DOMAIN_MEM; domain < PAB_DOMAIN_COUNT; domain++) {
        struct pab_quarantine_layer *layer = &quarantine->layers[domain];
        layer->inner = heap->domain[domain];
        layer->owner = quarantine;
        quarantine->heap.domain[domain] = (struct pab_alloc){
            .ctx = layer,
            .malloc = layer_malloc,
            .calloc = layer_calloc,
            .realloc = layer_realloc,
            .free = layer_free,
        };
    }
}

void pab_quarantine_release(struct pab_quarantine *quarantine)
{
    for (int domain = PAB_DOMAIN_MEM; domain < PAB_DOMAIN_COUNT; domain++) {
        struct pab_quarantine_layer *layer = &quarantine->layers[domain];
        while (layer->freed != NULL) {
            struct quarantined *head = layer->freed;
            layer->freed = head->next;
            layer->inner.free(layer->inner.ctx, head);
        }
    }
}
