/* tests/cli/broken/two.c -- an allocator of malloc and free alone, and nothing wrong with them. */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define SPAN_BYTES ((size_t)16 << 30)

void *malloc(size_t size);
void free(void *ptr);

static struct {
    uintptr_t next, end;
} span;

void *malloc(size_t size)
{
    if (span.next == 0) {
        void *pages = mmap(NULL, SPAN_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pages == MAP_FAILED) {
            return NULL;
        }
        span.next = (uintptr_t)pages;
        span.end = span.next + SPAN_BYTES;
    }
    if (size > span.end - span.next - 32) {
        return NULL;
    }
    uintptr_t block = (span.next + 15) & ~(uintptr_t)15;
    span.next = block + (size == 0 ? 1 : size);
    return (void *)block;
}

void free(void *ptr)
{
    (void)ptr;
}
