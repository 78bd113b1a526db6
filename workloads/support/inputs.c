/* workloads/support/inputs.c -- one anonymous mapping, handed out front to back. */
#include "workloads/support/inputs.h"

#include "allocators/os_pages.h"

#include <string.h>

#define INPUTS_ALIGNMENT ((size_t)16)

enum pab_status pab_inputs_init(struct pab_inputs *inputs, size_t capacity, struct pab_error *err)
{
    size_t granted = capacity;
    unsigned char *base = pab_pages_reserve(&granted, capacity);
    if (base == NULL || !pab_pages_commit(base, capacity)) {
        return pab_fail(err, PAB_NO_MEMORY,
                        "the system grants no %zu bytes of address space for the inputs; raise "
                        "the limit of virtual memory (ulimit -v)",
                        capacity);
    }
    *inputs = (struct pab_inputs){.base = base, .capacity = capacity};
    return PAB_OK;
}

void pab_inputs_fini(struct pab_inputs *inputs)
{
    if (inputs->base != NULL) {
        pab_pages_release(inputs->base, inputs->capacity);
    }
    *inputs = (struct pab_inputs){0};
}

/* The zeroes are written although the system gave zeroes: so every page is resident before the
 * first operation, and no page of ours is counted among those that the allocator asks for. */
void *pab_inputs_take(struct pab_inputs *inputs, size_t size)
{
    size_t left = inputs->capacity - inputs->used;
    PAB_CHECK(size <= left);
    size_t rounded = (size + INPUTS_ALIGNMENT - 1) & ~(INPUTS_ALIGNMENT - 1);
    PAB_CHECK(rounded <= left);
    unsigned char *taken = inputs->base + inputs->used;
    inputs->used += rounded;
    memset(taken, 0, rounded);
    return taken;
}
