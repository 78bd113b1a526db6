/* tests/conformance/support/subject.h -- the functions of the allocator under test, as a program
 * calls them. Depends on harness/check.h.
 *
 * Two kinds of backend, one way to call them:
 *
 *   is_c          the C functions exactly as its object exports them, nothing of ours in between:
 *                 C's and POSIX's contract, errno and sizes over PTRDIFF_MAX included
 *   else          a domain table of the heap behind CPython's public wrappers: sizes over
 *                 PTRDIFF_MAX give NULL before the table is asked, 0 bytes act as 1, there is no
 *                 errno, and nothing is aligned to order
 *
 * Calls go through pointers that the compiler cannot see through, so none is optimised away.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_SUBJECT_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_SUBJECT_H

#include "harness/check.h"

#include <errno.h>

/* errno before each call that is watched: no system call's answer. */
#define PAB_ERRNO_SENTINEL 1789

struct pab_subject {
    bool is_c;
    struct pab_heap *heap;
    const struct pab_alloc *table; /* the domain; of a C subject the obj domain, for reference */

    /* C subjects only; each but the first four is NULL where the object does not export it. */
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    size_t (*usable_size)(void *ptr);
    void *(*aligned_alloc)(size_t align, size_t size);
    int (*posix_memalign)(void **out, size_t align, size_t size);
    void *(*memalign)(size_t align, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
    void *(*reallocarray)(void *ptr, size_t count, size_t size);
    void (*free_sized)(void *ptr, size_t size);
    void (*free_aligned_sized)(void *ptr, size_t align, size_t size);
    size_t (*good_size)(size_t size); /* nallocx, mi_good_size, malloc_good_size */
};

/* The subject of a check: C's functions where the backend has them, else the obj domain. */
void pab_subject_init(struct pab_subject *subject, struct pab_heap *heap);
/* One domain, for checks of the Python rules; never is_c. */
void pab_subject_init_domain(struct pab_subject *subject, struct pab_heap *heap,
                             enum pab_domain domain);

/* enum pab_uses: what of it can be called. */
unsigned pab_subject_uses(const struct pab_subject *subject);

static inline void *pab_subject_malloc(const struct pab_subject *subject, size_t size)
{
    if (subject->is_c) {
        return subject->malloc(size);
    }
    return size > PTRDIFF_MAX ? NULL : subject->table->malloc(subject->table->ctx, size);
}

static inline void *pab_subject_calloc(const struct pab_subject *subject, size_t count, size_t size)
{
    if (subject->is_c) {
        return subject->calloc(count, size);
    }
    bool is_too_large = size != 0 && count > PTRDIFF_MAX / size;
    return is_too_large ? NULL : subject->table->calloc(subject->table->ctx, count, size);
}

static inline void *pab_subject_realloc(const struct pab_subject *subject, void *ptr, size_t size)
{
    if (subject->is_c) {
        return subject->realloc(ptr, size);
    }
    return size > PTRDIFF_MAX ? NULL : subject->table->realloc(subject->table->ctx, ptr, size);
}

static inline void pab_subject_free(const struct pab_subject *subject, void *ptr)
{
    if (subject->is_c) {
        subject->free(ptr);
    } else {
        subject->table->free(subject->table->ctx, ptr);
    }
}

static inline bool pab_subject_has_usable(const struct pab_subject *subject)
{
    return subject->is_c ? subject->usable_size != NULL : subject->table->usable_size != NULL;
}

/* Bytes the caller may use: as the subject says, else what was asked for. */
static inline size_t pab_subject_usable(const struct pab_subject *subject, void *ptr, size_t asked)
{
    if (!pab_subject_has_usable(subject)) {
        return asked;
    }
    return subject->is_c ? subject->usable_size(ptr)
                         : subject->table->usable_size(subject->table->ctx, ptr);
}

#endif
