/* tests/cli/broken/hang_load.c -- never comes back from being loaded. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_load(void)
{
    for (;;) {
        pause();
    }
}
