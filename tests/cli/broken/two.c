/* tests/cli/broken/two.c -- an allocator of malloc and free alone, and nothing wrong with them. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define SPAN_BYTES ((size_t)16 << 30)

void *malloc(size_t size);
void free(void *ptr);

static _Atomic uintptr_t next; /* of any thread; 0: nothing is mapped yet, or it could not be */
static uintptr_t end;

__attribute__((constructor)) static void map_span(void)
{
    void *pages = mmap(NULL, SPAN_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages != MAP_FAILED) {
        end = (uintptr_t)pages + SPAN_BYTES;
        next = (uintptr_t)pages;
    }
}

void *malloc(size_t size)
{
    uintptr_t block = next;
    uintptr_t after;
    do {
        if (block == 0 || size > end - block - 16) {
            return NULL;
        }
        after = block + ((size + 15) & ~(size_t)15) + (size == 0 ? 16 : 0);
    } while (!atomic_compare_exchange_weak(&next, &block, after));
    return (void *)block;
}

void free(void *ptr)
{
    (void)ptr;
}
