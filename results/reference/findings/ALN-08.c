/* ALN-08: pvalloc rounds a size up to whole pages, past SIZE_MAX, and gives a block of one page.
 * clause: glibc manual 3.2.3.6 (pvalloc); C23 7.24.3 for any allocation function
 * shows: gperftools 2.10
 * build: cc -fno-builtin
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    void *volatile block = pvalloc(SIZE_MAX - 15);
    if (block != NULL) {
        printf("pvalloc(%zu) gave %p, %zu bytes usable\n", SIZE_MAX - 15, block,
               malloc_usable_size(block));
        return 1;
    }
    return 0;
}
