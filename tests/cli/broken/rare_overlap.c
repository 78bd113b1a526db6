/* tests/cli/broken/rare_overlap.c -- one block in 100,000 reaches 16 bytes into the next one,
 * or is the next one. */
#include "tests/cli/broken/broken.h"

#define ONE_IN 100000ul

static unsigned long calls;

void broken_on_malloc(unsigned long call)
{
    calls = call;
}

size_t broken_stride(size_t size)
{
    if (calls % ONE_IN != 0) {
        return size;
    }
    return size > 32 ? size - 32 : 0; /* the next one has 16 bytes of its own before it */
}
