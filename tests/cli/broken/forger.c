/* A library that writes into the worker's channel what no worker would send: a verdict that is
 * none, of the right size. */
#include "harness/job.h"
#include "tests/cli/broken/broken.h"

#include <string.h>
#include <unistd.h>

void broken_on_malloc(unsigned long call)
{
    if (call != 200) {
        return;
    }
    struct {
        struct pab_message header;
        struct pab_verdict_note note;
    } forged;
    memset(&forged, 0x41, sizeof(forged));
    forged.header.type = PAB_MESSAGE_VERDICT;
    forged.header.bytes = sizeof(forged.note);
    (void)!write(PAB_MESSAGE_FD, &forged, sizeof(forged));
}
