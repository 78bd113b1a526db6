/* ALN-06: aligned_alloc refuses an alignment and leaves errno as it was.
 * clause: POSIX.1-2024 aligned_alloc: EINVAL (C23 names no errno: a matter of quality)
 * shows: mimalloc 2.0.9
 * build: cc -fno-builtin
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    errno = 1789;
    void *volatile block = aligned_alloc(24, 64);
    if (block == NULL && errno != EINVAL) {
        printf("aligned_alloc(24, 64) gave NULL, errno %d\n", errno);
        return 1;
    }
    return 0;
}
