/* tests/cli/broken/flood.c -- begins to talk on stdout, and never stops. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_malloc(unsigned long call)
{
    static char text[1 << 16];
    while (call > 20000) {
        (void)!write(STDOUT_FILENO, text, sizeof(text));
    }
}
