/* MAL-005: malloc refuses a size that cannot be and leaves errno as it was.
 * clause: POSIX.1-2024 malloc: ENOMEM
 * shows: mimalloc 2.0.9
 * build: cc -fno-builtin
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile size_t size = SIZE_MAX;
    errno = 1789;
    void *volatile block = malloc(size);
    if (block == NULL && errno != ENOMEM) {
        printf("malloc(%zu) gave NULL, errno %d\n", size, errno);
        return 1;
    }
    return 0;
}
