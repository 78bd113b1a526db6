/* A free() below the recorder's, which lets another thread run right after it: that one may be given
 * the block before the first has returned. */
#include <sched.h>
#include <stdlib.h>

void __libc_free(void *block); /* NOLINT: a name of glibc */

void free(void *block)
{
    __libc_free(block);
    (void)sched_yield();
}
