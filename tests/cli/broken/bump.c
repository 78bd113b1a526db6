/* tests/cli/broken/bump.c -- a bump pointer with the size before each block; free does nothing.
 * Any number of threads may call it: the pointer is moved in one step. */
#include "tests/cli/broken/broken.h"

#include <pthread.h>
#include <stdatomic.h>
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
    pthread_once_t once;
    _Atomic uintptr_t next;
    uintptr_t end; /* 0: there is no span to be had */
    atomic_ulong calls;
} bump = {.once = PTHREAD_ONCE_INIT};

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

/* Not in load(): malloc may be called before that, where the library is preloaded. */
static void reserve(void)
{
    void *span = mmap(NULL, SPAN_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (span != MAP_FAILED) {
        bump.next = (uintptr_t)span;
        bump.end = bump.next + SPAN_BYTES;
    }
}

/* By another name than malloc: that one would be looked up in the process first. */
static void *take(size_t size)
{
    broken_on_malloc(++bump.calls);
    pthread_once(&bump.once, reserve);
    if (bump.end == 0 || size > SPAN_BYTES) {
        return NULL;
    }
    size_t total = GRAIN_BYTES + (size + GRAIN_BYTES - 1) / GRAIN_BYTES * GRAIN_BYTES;
    uintptr_t start = bump.next;
    do {
        if (total > bump.end - start) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&bump.next, &start, start + broken_stride(total)));
    memcpy((void *)start, &size, sizeof(size));
    return (unsigned char *)start + GRAIN_BYTES;
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
