/* malloc() and its family, in place of libc's: each call goes to the next allocator and is put into
 * the ring, unless a hook of Python's or one of these is already at work for this thread. */
#include "harness/recorder/next.h"
#include "harness/recorder/put.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define PUBLIC __attribute__((visibility("default")))

/* True: the call is to be served by the next allocator, and recorded when it is the outermost. */
static inline bool is_ready(void)
{
    if (pab_rarely(pab_next.malloc == NULL)) {
        static bool resolving;
        if (resolving) {
            return false;
        }
        resolving = true;
        pab_next_resolve();
    }
    return true;
}

static inline bool enter(void)
{
    return pab_thread.depth++ == 0;
}

static inline void leave(void)
{
    pab_thread.depth--;
}

PUBLIC void *malloc(size_t size)
{
    if (pab_rarely(!is_ready())) {
        return pab_next_early(size);
    }
    bool outermost = enter();
    void *block = pab_next.malloc(size);
    leave();
    if (outermost) {
        pab_put_made(PAB_RING_MALLOC, PAB_TRACE_LIBC, block, size);
    }
    return block;
}

PUBLIC void *calloc(size_t count, size_t size)
{
    if (pab_rarely(!is_ready())) {
        return pab_next_early(count * size); /* fresh, so zeroed */
    }
    bool outermost = enter();
    void *block = pab_next.calloc(count, size);
    leave();
    if (outermost) {
        pab_put_made(PAB_RING_CALLOC, PAB_TRACE_LIBC, block, count * size);
    }
    return block;
}

PUBLIC void free(void *block)
{
    if (pab_rarely(block == NULL || pab_next_is_early(block))) {
        return;
    }
    if (enter()) {
        pab_put(PAB_RING_FREE, PAB_TRACE_LIBC, (uintptr_t)block, 0);
    }
    pab_next.free(block);
    leave();
}

PUBLIC void *realloc(void *block, size_t size)
{
    if (block == NULL) {
        return malloc(size);
    }
    if (pab_rarely(pab_next_is_early(block))) {
        return pab_next_move_early(block, size);
    }
    bool outermost = enter();
    if (outermost) {
        pab_put_move(PAB_TRACE_LIBC, block, size);
    }
    void *result = pab_next.realloc(block, size);
    leave();
    if (outermost) {
        pab_put_moved(PAB_TRACE_LIBC, result, size);
    }
    return result;
}

PUBLIC void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        pab_put(PAB_RING_REFUSED, PAB_TRACE_LIBC, 0, SIZE_MAX);
        return NULL;
    }
    return realloc(block, bytes);
}

/* --- aligned ---------------------------------------------------------------------------------- */

static void put_aligned(void *block, size_t alignment, size_t size)
{
    uint64_t log2 = alignment > 1 ? (uint64_t)__builtin_ctzl(alignment) : 0;
    uint64_t fits = size < PAB_RING_ALIGNED_SIZE ? size : PAB_RING_ALIGNED_SIZE;
    pab_put_made(PAB_RING_ALIGNED, PAB_TRACE_LIBC, block, fits | log2 << 42);
}

/* Allocators may lack the rarer ones. */
static void *serve_aligned(void *(*function)(size_t, size_t), size_t alignment, size_t size)
{
    if (!is_ready() || function == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    bool outermost = enter();
    void *block = function(alignment, size);
    leave();
    if (outermost) {
        put_aligned(block, alignment, size);
    }
    return block;
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
    return serve_aligned(pab_next.aligned_alloc, alignment, size);
}

PUBLIC void *memalign(size_t alignment, size_t size)
{
    return serve_aligned(pab_next.memalign, alignment, size);
}

PUBLIC int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!is_ready() || pab_next.posix_memalign == NULL) {
        return ENOMEM;
    }
    bool outermost = enter();
    int error = pab_next.posix_memalign(out, alignment, size);
    leave();
    if (outermost) {
        put_aligned(error == 0 ? *out : NULL, alignment, size);
    }
    return error;
}

static void *serve_pages(void *(*function)(size_t), size_t size)
{
    if (!is_ready() || function == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    bool outermost = enter();
    void *block = function(size);
    leave();
    if (outermost) {
        put_aligned(block, 4096, size);
    }
    return block;
}

PUBLIC void *valloc(size_t size)
{
    return serve_pages(pab_next.valloc, size);
}

PUBLIC void *pvalloc(size_t size)
{
    return serve_pages(pab_next.pvalloc, size);
}
