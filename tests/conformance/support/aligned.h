/* tests/conformance/support/aligned.h -- the functions that align to order, called alike; and what
 * all others align to. Depends on subject.h. */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_ALIGNED_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_ALIGNED_H

#include "tests/conformance/support/subject.h"

enum pab_aligned {
    PAB_ALIGNED_ALLOC,
    PAB_ALIGNED_POSIX_MEMALIGN,
    PAB_ALIGNED_MEMALIGN,
    PAB_ALIGNED_VALLOC,  /* always to a page, */
    PAB_ALIGNED_PVALLOC, /* as is this, which makes whole pages of the size, too */
    PAB_ALIGNED_COUNT,
};

const char *pab_aligned_name(enum pab_aligned kind);
bool pab_aligned_exists(const struct pab_subject *subject, enum pab_aligned kind);
bool pab_aligned_any(const struct pab_subject *subject);

/* What a result must be aligned to when `align` was asked for. */
size_t pab_aligned_promise(enum pab_aligned kind, size_t align);

/* What the subject of a check aligns every block to that is large enough to need it: max_align_t's
 * alignment; but 8 where CPython's pools promise no more, up to 3.6, or where the spec says so. */
size_t pab_aligned_least(const struct pab_check_run *run);

/* The same for a block of `size` bytes: the largest power of two that fits in it, at most that
 * (C23 7.24.3p1: for any type that fits). */
size_t pab_aligned_natural(const struct pab_check_run *run, size_t size);

/* NULL when it refuses. aligned_alloc may refuse a size that is no multiple of the alignment
 * (C11); it is then asked for the next multiple. */
void *pab_aligned_take(const struct pab_subject *subject, enum pab_aligned kind, size_t align,
                       size_t size);

/* The same without that second try: exactly one call. */
void *pab_aligned_call(const struct pab_subject *subject, enum pab_aligned kind, size_t align,
                       size_t size);

/* "memalign(64, 100)", "valloc(100)": for reasons. */
void pab_aligned_describe(enum pab_aligned kind, size_t align, size_t size, char *out, size_t room);

#endif
