/* tests/conformance/support/spans.h -- whether any of many ranges of addresses meet. Depends on
 * libc.
 *
 * For blocks that all live at once: what is sorted by address can only meet its neighbour. The
 * tables are pages of their own, and sorting takes no memory from any allocator.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_SPANS_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pab_span {
    uintptr_t start;
    size_t bytes; /* 0 acts as 1: also blocks of no bytes must have addresses of their own */
    size_t owner; /* the caller's */
};

struct pab_spans {
    size_t count, most;
    struct pab_span *at;
    struct pab_span *spare; /* for sorting */
};

/* Room for `most` spans; never given back. */
void pab_spans_init(struct pab_spans *spans, size_t most);

void pab_spans_add(struct pab_spans *spans, const void *start, size_t bytes, size_t owner);

/* Sorts by address; of equal ones the one added first stays first. */
void pab_spans_sort(struct pab_spans *spans);

/* Sorts; whether two meet: then *first starts no later than *second, and they share `*shared`
 * bytes at least. */
bool pab_spans_meet(struct pab_spans *spans, struct pab_span *first, struct pab_span *second,
                    size_t *shared);

#endif
