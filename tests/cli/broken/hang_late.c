/* tests/cli/broken/hang_late.c -- stops answering after many good blocks. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_malloc(unsigned long call)
{
    if (call <= 20000) {
        return;
    }
    for (;;) {
        pause();
    }
}
