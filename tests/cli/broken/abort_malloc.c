/* tests/cli/broken/abort_malloc.c -- aborts at the first block. */
#include "tests/cli/broken/broken.h"

#include <stdlib.h>

void broken_on_malloc(unsigned long call)
{
    (void)call;
    abort();
}
