/* REA-007: realloc refuses a size that cannot be and leaves errno as it was.
 * clause: POSIX.1-2024 realloc: ENOMEM
 * shows: jemalloc 5.3.0 (PTRDIFF_MAX), mimalloc 2.0.9 (above it)
 * build: cc -fno-builtin
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int shown = 0;
    void *block = malloc(8);
    for (size_t above = 0; above <= 1; above++) {
        volatile size_t size = (size_t)PTRDIFF_MAX + above;
        errno = 1789;
        void *volatile moved = realloc(block, size);
        if (moved == NULL && errno != ENOMEM) {
            printf("realloc(p, %zu) gave NULL, errno %d\n", size, errno);
            shown = 1;
        }
    }
    return shown;
}
