/* tests/mutants/evil/below.h -- the allocator that the shim stands on: a file's, or the C library's
 * own. Depends on libc.
 *
 * The shim may be preloaded, so its malloc is called before anything can be looked up. Until
 * evil_below_open() has come back, blocks come from a static buffer and are never given back.
 */
#ifndef PAB_TESTS_MUTANTS_EVIL_BELOW_H
#define PAB_TESTS_MUTANTS_EVIL_BELOW_H

#include <stdbool.h>
#include <stddef.h>

struct evil_below {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    void *(*memalign)(size_t align, size_t size);
    size_t (*usable_size)(void *ptr); /* NULL where it cannot be asked */
};

extern struct evil_below evil_below;

/* Binds to PAB_EVIL_UNDER, the C library if that is unset or empty. Ends the process, with one line
 * on stderr, where that cannot be. */
void evil_below_open(void);

/* Whether a block lies in the static buffer: not to be given to evil_below. */
bool evil_below_is_early(const void *ptr);

#endif
