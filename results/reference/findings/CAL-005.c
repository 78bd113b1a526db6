/* CAL-005: calloc refuses a product that overflows and leaves errno as it was.
 * clause: POSIX.1-2024 calloc: ENOMEM
 * shows: gperftools 2.10, mimalloc 2.0.9
 * build: cc -fno-builtin
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile size_t count = SIZE_MAX / 2 + 1;
    errno = 1789;
    void *volatile block = calloc(count, 2);
    if (block == NULL && errno != ENOMEM) {
        printf("calloc(%zu, 2) gave NULL, errno %d\n", count, errno);
        return 1;
    }
    return 0;
}
