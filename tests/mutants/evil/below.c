#include "tests/mutants/evil/below.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EARLY_BYTES ((size_t)1 << 20)
#define EARLY_GRAIN ((size_t)64)

static struct {
    _Alignas(4096) unsigned char bytes[EARLY_BYTES];
    size_t used;
} early;

static void *early_memalign(size_t align, size_t size)
{
    size_t grain = align > EARLY_GRAIN ? align : EARLY_GRAIN;
    size_t start = (early.used + grain - 1) & ~(grain - 1);
    if (size > EARLY_BYTES || start > EARLY_BYTES - size) {
        return NULL;
    }
    early.used = start + size;
    return early.bytes + start;
}

static void *early_malloc(size_t size)
{
    return early_memalign(EARLY_GRAIN, size);
}

/* Nothing is given back, so whatever is handed out is zero still. */
static void *early_calloc(size_t count, size_t size)
{
    return early_memalign(EARLY_GRAIN, count * size);
}

/* The shim copies early blocks itself. */
static void *early_realloc(void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
    return NULL;
}

static void early_free(void *ptr)
{
    (void)ptr;
}

struct evil_below evil_below = {
    .malloc = early_malloc,
    .calloc = early_calloc,
    .realloc = early_realloc,
    .free = early_free,
    .memalign = early_memalign,
};

bool evil_below_is_early(const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)early.bytes < EARLY_BYTES;
}

static void give_up(const char *what, const char *why)
{
    dprintf(STDERR_FILENO, "evil: %s: %s\n", what, why);
    _exit(EXIT_FAILURE);
}

static void *find(void *handle, const char *file, const char *name)
{
    void *function = dlsym(handle, name);
    if (function == NULL) {
        give_up(file, name);
    }
    return function;
}

void evil_below_open(void)
{
    const char *file = getenv("PAB_EVIL_UNDER");
    bool is_libc = file == NULL || file[0] == '\0';
    file = is_libc ? "libc.so.6" : file;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | (is_libc ? RTLD_NOLOAD : RTLD_DEEPBIND));
    if (handle == NULL) {
        give_up("PAB_EVIL_UNDER", dlerror());
    }
    struct evil_below found = {0};
    *(void **)&found.malloc = find(handle, file, "malloc");
    *(void **)&found.calloc = find(handle, file, "calloc");
    *(void **)&found.realloc = find(handle, file, "realloc");
    *(void **)&found.free = find(handle, file, "free");
    *(void **)&found.memalign = find(handle, file, "memalign");
    *(void **)&found.usable_size = dlsym(handle, "malloc_usable_size");
    evil_below = found; /* last: what is looked up takes memory, too */
}
