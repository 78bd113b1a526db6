/* A library that gives the verdict itself: PASS, and done, before any check has begun. */
#include "harness/job.h"
#include "tests/cli/broken/broken.h"

#include <unistd.h>

void broken_on_load(void)
{
    static struct {
        struct pab_message header;
        struct pab_verdict_note note;
    } verdict = {.header = {PAB_MESSAGE_VERDICT, sizeof(verdict.note)}};
    struct pab_message done = {PAB_MESSAGE_DONE, 0};
    (void)!write(PAB_MESSAGE_FD, &verdict, sizeof(verdict));
    (void)!write(PAB_MESSAGE_FD, &done, sizeof(done));
}
