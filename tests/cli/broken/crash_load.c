/* tests/cli/broken/crash_load.c -- writes to nowhere while it is loaded. */
#include "tests/cli/broken/broken.h"

static int *volatile nowhere;

void broken_on_load(void)
{
    *nowhere = 1;
}
