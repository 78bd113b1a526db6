/* tests/conformance/support/sort.h -- qsort() without memory: the C library's may take some, and
 * from the very allocator that is watched. Depends on libc.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_SORT_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_SORT_H

#include <stddef.h>

#define PAB_SORT_ITEM_MAX 64 /* bytes of one item */

/* Sorts `count` items of `size` bytes in place, by an order as qsort() takes it. Not stable. */
void pab_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));

#endif
