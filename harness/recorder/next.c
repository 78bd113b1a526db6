#include "harness/recorder/next.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EARLY_BYTES 65536u
#define ALIGNMENT   16u

struct pab_next pab_next;

static _Alignas(ALIGNMENT) char early[EARLY_BYTES];
static size_t early_used;

void *pab_next_early(size_t size)
{
    if (size > EARLY_BYTES - early_used) {
        return NULL;
    }
    void *block = early + early_used;
    early_used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    early_used = early_used < EARLY_BYTES ? early_used : EARLY_BYTES;
    return block;
}

bool pab_next_is_early(const void *block)
{
    return (uintptr_t)block - (uintptr_t)early < EARLY_BYTES;
}

void *pab_next_move_early(const void *block, size_t size)
{
    void *moved = pab_next.malloc != NULL ? pab_next.malloc(size) : pab_next_early(size);
    if (moved != NULL) { /* how much of it is the block's own is not known, and does not matter */
        size_t rest = (size_t)(early + EARLY_BYTES - (const char *)block);
        memcpy(moved, block, size < rest ? size : rest);
    }
    return moved;
}

static void *below(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

void pab_next_resolve(void)
{
    if (pab_next.malloc != NULL) {
        return;
    }
    struct pab_next found = {0};
    *(void **)&found.calloc = below("calloc");
    *(void **)&found.realloc = below("realloc");
    *(void **)&found.free = below("free");
    *(void **)&found.posix_memalign = below("posix_memalign");
    *(void **)&found.aligned_alloc = below("aligned_alloc");
    *(void **)&found.memalign = below("memalign");
    *(void **)&found.valloc = below("valloc");
    *(void **)&found.pvalloc = below("pvalloc");
    *(void **)&found.malloc = below("malloc");
    if (found.malloc == NULL || found.calloc == NULL || found.realloc == NULL ||
        found.free == NULL) {
        static const char text[] = "pyallocbench: no malloc() below the preload library\n";
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(127);
    }
    pab_next = found;
}
