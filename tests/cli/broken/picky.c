/* tests/cli/broken/picky.c -- dies in a process whose PAB_PAD is as long as BROKEN_PAD says, and in
 * one where PYTHONMALLOC is set. */
#include "tests/cli/broken/broken.h"

#include <stdlib.h>
#include <string.h>

void broken_on_load(void)
{
    const char *pad = getenv("PAB_PAD");
    const char *length = getenv("BROKEN_PAD");
    if (getenv("PYTHONMALLOC") != NULL ||
        (pad != NULL && length != NULL && strlen(pad) == strtoul(length, NULL, 10))) {
        abort();
    }
}
