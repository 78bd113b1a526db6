/* allocators/decorate/sizes.h -- how many blocks of which sizes a program asks for. Depends on
 * backend.h.
 *
 *   class   0  1  ...  31 |  32       33        ...  63
 *   bytes  16 32  ... 512 | 1 KiB    2 KiB      ...  2 TiB and more: the largest of the class
 */
#ifndef PAB_ALLOCATORS_DECORATE_SIZES_H
#define PAB_ALLOCATORS_DECORATE_SIZES_H

#include "allocators/backend.h"

#define PAB_SIZE_CLASSES 64u
#define PAB_SIZE_SMALL   32u /* classes that are 16 bytes wide */

struct pab_sizes {
    uint64_t blocks[PAB_DOMAIN_COUNT][PAB_SIZE_CLASSES];
};

/* The largest size of a class. */
static inline uint64_t pab_size_class_top(unsigned size_class)
{
    return size_class < PAB_SIZE_SMALL ? 16 * ((uint64_t)size_class + 1)
                                       : (uint64_t)1024 << (size_class - PAB_SIZE_SMALL);
}

static inline unsigned pab_size_class(size_t size)
{
    if (size <= pab_size_class_top(PAB_SIZE_SMALL - 1)) {
        return size == 0 ? 0 : (unsigned)((size - 1) / 16);
    }
    unsigned octave = 63u - (unsigned)__builtin_clzll((unsigned long long)size - 1);
    unsigned found = octave - 9 + PAB_SIZE_SMALL; /* 512 < size <= 1024: octave 9 */
    return found < PAB_SIZE_CLASSES ? found : PAB_SIZE_CLASSES - 1;
}

#endif
