/* tests/cli/broken/flood.c -- begins to talk on stdout, and never stops. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_malloc(unsigned long call)
{
    static char text[1 << 16];
    ssize_t wrote = 0;
    while (call > 20000 && wrote >= 0) { /* for ever: nobody closes its stdout */
        wrote = write(STDOUT_FILENO, text, sizeof(text));
    }
}
