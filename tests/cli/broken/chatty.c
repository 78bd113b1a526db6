/* tests/cli/broken/chatty.c -- works, and talks on stdout while doing so. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

static void chatter(void)
{
    static const char text[] = "\n{\"chatter\": true}\n";
    if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0) {
        return; /* nobody listens: as well */
    }
}

void broken_on_load(void)
{
    chatter();
}

void broken_on_malloc(unsigned long call)
{
    if (call % 4096 == 1) {
        chatter();
    }
}
