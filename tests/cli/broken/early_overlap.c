/* tests/cli/broken/early_overlap.c -- a few blocks are the next ones, too, long after the checks
 * before a run and within the first body of a sample; all that come later are right. */
#include "tests/cli/broken/broken.h"

#define FIRST 500000ul
#define LAST  500040ul

static unsigned long calls;

void broken_on_malloc(unsigned long call)
{
    calls = call;
}

size_t broken_stride(size_t size)
{
    return calls >= FIRST && calls <= LAST ? 0 : size;
}
