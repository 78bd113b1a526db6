/* tests/cli/broken/overlap.c -- hands out blocks of which all larger ones reach into the next. */
#include "tests/cli/broken/broken.h"

size_t broken_stride(size_t size)
{
    return size > 64 ? size / 32 * 16 : size;
}
