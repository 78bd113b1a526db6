/* ALN-01, MOD-010: aligned_alloc gives a block that is not aligned as asked.
 * clause: C23 7.24.3.1 (aligned_alloc)
 * shows: mimalloc 2.0.9
 * upstream: microsoft/mimalloc issues 602 and 700
 * build: cc -fno-builtin
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    for (size_t align = 16; align <= 4096; align *= 2) {
        for (int i = 0; i < 10; i++) {
            void *volatile block = aligned_alloc(align, align);
            if ((uintptr_t)block % align != 0) {
                printf("aligned_alloc(%zu, %zu) gave %p\n", align, align, block);
                return 1;
            }
        }
    }
    return 0;
}
