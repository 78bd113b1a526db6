/* tests/cli/broken/abort_load.c -- aborts while it is loaded. */
#include "tests/cli/broken/broken.h"

#include <stdlib.h>

void broken_on_load(void)
{
    abort();
}
