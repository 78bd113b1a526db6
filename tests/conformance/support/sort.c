#include "tests/conformance/support/sort.h"

#include "allocators/status.h"

#include <string.h>

/* Shell's sort, with the gaps of Gonnet and Baeza-Yates. */
void pab_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    unsigned char moving[PAB_SORT_ITEM_MAX];
    unsigned char *at = items;
    PAB_CHECK(size <= sizeof(moving));
    for (size_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (size_t i = gap; i < count; i++) {
            size_t j = i;
            memcpy(moving, at + i * size, size);
            for (; j >= gap && compare(at + (j - gap) * size, moving) > 0; j -= gap) {
                memcpy(at + j * size, at + (j - gap) * size, size);
            }
            memcpy(at + j * size, moving, size);
        }
    }
}
