/* A library that leaves a process behind, out of the worker's group, with all its descriptors. */
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_load(void)
{
    if (fork() == 0) {
        setsid();
        sleep(60);
        _exit(0);
    }
}
