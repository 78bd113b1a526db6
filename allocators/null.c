/* allocators/null.c -- the floor: a bump pointer, free does nothing. Shown, never ranked.
 *
 * It keeps no sizes, so realloc copies as many bytes as are asked for: at worst bytes of the
 * next blocks, which the caller may not read. reset() forgets every block, so that bodies that
 * end with an empty heap run in warm pages for ever.
 */
#include "allocators/backend.h"
#include "allocators/os_pages.h"

#include <string.h>

#define NULL_ALIGN         16u
#define NULL_RESERVE_BYTES ((size_t)1 << 38)

struct null_heap {
    unsigned char *next, *end;
    unsigned char *dirty; /* what lies below was handed out before the last reset: not zero */
    unsigned char *base;
    uint64_t taken_bytes;
};

static void *null_malloc(void *ctx, size_t size)
{
    struct null_heap *heap = ctx;
    unsigned char *block = heap->next;
    size_t rounded = (size + (size == 0) + NULL_ALIGN - 1) & ~(size_t)(NULL_ALIGN - 1);
    if (__builtin_expect(rounded > (size_t)(heap->end - block), 0)) {
        return NULL;
    }
    heap->next = block + rounded;
    return block;
}

static void *null_calloc(void *ctx, size_t count, size_t size)
{
    struct null_heap *heap = ctx;
    size_t bytes = count * size;
    unsigned char *block = null_malloc(ctx, bytes);
    if (block != NULL && block < heap->dirty) {
        size_t used_before = (size_t)(heap->dirty - block);
        memset(block, 0, used_before < bytes ? used_before : bytes);
    }
    return block;
}

static void *null_realloc(void *ctx, void *ptr, size_t size)
{
    struct null_heap *heap = ctx;
    void *block = null_malloc(ctx, size);
    if (block != NULL && ptr != NULL) {
        size_t reach = (size_t)(heap->next - (unsigned char *)ptr);
        memmove(block, ptr, size < reach ? size : reach);
    }
    return block;
}

static void null_free(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr;
}

static enum pab_status null_open(struct pab_heap *heap, const struct pab_spec *spec,
                                 struct pab_error *err)
{
    (void)spec;
    static struct null_heap state; /* one heap a worker */
    size_t bytes = NULL_RESERVE_BYTES;
    state.base = pab_pages_reserve(&bytes, (size_t)1 << 30);
    if (state.base == NULL || !pab_pages_commit(state.base, bytes)) {
        return pab_fail(err, PAB_UNAVAILABLE, "the system grants no address space");
    }
    state.next = state.base;
    state.dirty = state.base;
    state.end = state.base + bytes;
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        heap->domain[domain] = (struct pab_alloc){
            .ctx = &state,
            .malloc = null_malloc,
            .calloc = null_calloc,
            .realloc = null_realloc,
            .free = null_free,
        };
    }
    heap->state = &state;
    return PAB_OK;
}

static void null_close(struct pab_heap *heap)
{
    struct null_heap *state = heap->state;
    pab_pages_release(state->base, (size_t)(state->end - state->base));
}

static enum pab_status null_probe(struct pab_heap *heap, struct pab_identity *out,
                                  struct pab_error *err)
{
    (void)heap;
    (void)err;
    snprintf(out->version, sizeof(out->version), "built in");
    return PAB_OK;
}

static uint64_t null_counter(struct pab_heap *heap)
{
    const struct null_heap *state = heap->state;
    return (uint64_t)(state->next - state->base);
}

static void null_reset(struct pab_heap *heap)
{
    struct null_heap *state = heap->state;
    if (state->next > state->dirty) {
        state->dirty = state->next;
    }
    state->next = state->base;
}

const struct pab_backend pab_backend_null = {
    .name = "null",
    .summary = "bump pointer, free does nothing: the floor, never ranked",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_FAKE | PAB_CAP_DEFAULT,
    .open = null_open,
    .close = null_close,
    .probe = null_probe,
    .counter = null_counter,
    .reset = null_reset,
};
