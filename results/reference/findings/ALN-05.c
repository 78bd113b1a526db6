/* ALN-05: aligned_alloc gives a block for an alignment that no block can have.
 * clause: C23 7.24.3.1: NULL for an alignment that is not supported (WG14 DR 460)
 * shows: glibc 2.36, gperftools 2.10, mimalloc 2.0.9 (0 alone)
 * build: cc -fno-builtin
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const size_t aligns[] = {0, 3, 15, 24, 48, 65};
    int shown = 0;
    for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
        void *volatile block = aligned_alloc(aligns[i], 64);
        if (block != NULL) {
            printf("aligned_alloc(%zu, 64) gave %p\n", aligns[i], block);
            shown = 1;
        }
    }
    return shown;
}
