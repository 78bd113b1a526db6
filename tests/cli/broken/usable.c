/* tests/cli/broken/usable.c -- what every allocator but bare.so can also be asked. */
#include <stddef.h>
#include <string.h>

size_t malloc_usable_size(void *ptr);

/* bump.c keeps the size of a block in the 16 bytes before it. */
size_t malloc_usable_size(void *ptr)
{
    size_t size = 0;
    if (ptr != NULL) {
        memcpy(&size, (unsigned char *)ptr - 16, sizeof(size));
    }
    return size;
}
