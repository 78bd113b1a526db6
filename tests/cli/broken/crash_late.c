/* tests/cli/broken/crash_late.c -- writes to nowhere after many good blocks. */
#include "tests/cli/broken/broken.h"

static int *volatile nowhere;

void broken_on_malloc(unsigned long call)
{
    if (call > 20000) {
        *nowhere = 1;
    }
}
