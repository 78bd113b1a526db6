/* tests/cli/broken/bump.c -- a bump pointer with the size before each block; free does nothing. */
#include "tests/cli/broken/broken.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SPAN_BYTES  ((size_t)16 << 30)
#define GRAIN_BYTES ((size_t)16)

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);

static struct {
    unsigned char *next, *end;
    unsigned long calls;
} bump;

__attribute__((weak)) void broken_on_load(void)
{
}

__attribute__((weak)) void broken_on_malloc(unsigned long call)
{
    (void)call;
}

__attribute__((weak)) size_t broken_stride(size_t size)
{
    return size;
}

__attribute__((constructor)) static void load(void)
{
    broken_on_load();
}

/* malloc may be called before load(), where the library is preloaded. */
static int reserve(void)
{
    void *span = mmap(NULL, SPAN_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (span == MAP_FAILED) {
        return -1;
    }
    bump.next = span;
    bump.end = bump.next + SPAN_BYTES;
    return 0;
}

/* By another name than malloc: that one would be looked up in the process first. */
static void *take(size_t size)
{
    broken_on_malloc(++bump.calls);
    if ((bump.next == NULL && reserve() != 0) || size > SPAN_BYTES) {
        return NULL;
    }
    size_t total = GRAIN_BYTES + (size + GRAIN_BYTES - 1) / GRAIN_BYTES * GRAIN_BYTES;
    if (total > (size_t)(bump.end - bump.next)) {
        return NULL;
    }
    unsigned char *block = bump.next + GRAIN_BYTES;
    memcpy(bump.next, &size, sizeof(size));
    bump.next += broken_stride(total);
    return block;
}

void *malloc(size_t size)
{
    return take(size);
}

void *calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *block = take(total);
    return block == NULL ? NULL : memset(block, 0, total);
}

void *realloc(void *ptr, size_t size)
{
    void *block = take(size);
    if (block != NULL && ptr != NULL) {
        size_t old;
        memcpy(&old, (unsigned char *)ptr - GRAIN_BYTES, sizeof(old));
        memcpy(block, ptr, old < size ? old : size);
    }
    return block;
}

void free(void *ptr)
{
    (void)ptr;
}
