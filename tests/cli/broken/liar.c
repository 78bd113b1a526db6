/* A library that says in the worker's name that all is done, and then does not end. */
#include "harness/job.h"
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_load(void)
{
    struct pab_message done = {PAB_MESSAGE_DONE, 0};
    (void)!write(PAB_MESSAGE_FD, &done, sizeof(done));
    close(PAB_MESSAGE_FD);
    for (;;) {
        pause();
    }
}
