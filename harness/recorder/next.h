/* harness/recorder/next.h -- the allocator below ours: libc's, or one that is preloaded after us.
 * Depends on libc alone. */
#ifndef PAB_HARNESS_RECORDER_NEXT_H
#define PAB_HARNESS_RECORDER_NEXT_H

#include <stdbool.h>
#include <stddef.h>

struct pab_next {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void (*free)(void *block);
    int (*posix_memalign)(void **out, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
};

extern struct pab_next pab_next;

/* Fills pab_next. Until it has returned, what is asked for comes from pab_next_early(). */
void pab_next_resolve(void);

/* To resolve a name may take memory: from a small place of our own that is never given back.
 * NULL: it is full. */
void *pab_next_early(size_t size);
bool pab_next_is_early(const void *block);
void *pab_next_move_early(const void *block, size_t size); /* realloc of one of those */

#endif
