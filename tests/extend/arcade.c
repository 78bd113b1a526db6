/* allocators/arcade.c -- what a newcomer would write: libc's own functions under another name. */
#include "allocators/backend.h"

static void *arcade_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size == 0 ? 1 : size);
}

static void *arcade_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
}

static void *arcade_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size == 0 ? 1 : size);
}

static void arcade_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static enum pab_status arcade_open(struct pab_heap *heap, const struct pab_spec *spec,
                                   struct pab_error *err)
{
    (void)spec;
    (void)err;
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        heap->domain[domain] = (struct pab_alloc){
            .malloc = arcade_malloc,
            .calloc = arcade_calloc,
            .realloc = arcade_realloc,
            .free = arcade_free,
        };
    }
    return PAB_OK;
}

static enum pab_status arcade_probe(struct pab_heap *heap, struct pab_identity *out,
                                    struct pab_error *err)
{
    (void)heap;
    (void)err;
    snprintf(out->version, sizeof(out->version), "1.0");
    return PAB_OK;
}

const struct pab_backend pab_backend_arcade = {
    .name = "arcade",
    .summary = "a backend that a test adds",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_THREADS,
    .open = arcade_open,
    .probe = arcade_probe,
};
