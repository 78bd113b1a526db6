/* ALN-10: memalign of 0 bytes gives a block that is not aligned as asked.
 * clause: none: memalign is in no standard; the other aligned functions keep it
 * shows: jemalloc 5.3.0
 * upstream: jemalloc pull request 2606
 * build: cc -fno-builtin
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    for (int i = 0; i < 100; i++) {
        void *volatile block = memalign(16, 0);
        if ((uintptr_t)block % 16 != 0) {
            printf("memalign(16, 0) gave %p\n", block);
            return 1;
        }
    }
    return 0;
}
