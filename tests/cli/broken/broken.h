/* tests/cli/broken/broken.h -- an allocator that works, and where a fault goes in. Depends on libc.
 *
 * bump.c exports malloc, calloc, realloc, free and calls these three, whose own versions do
 * nothing wrong. A broken library is bump.c plus one file that replaces one of them.
 */
#ifndef PAB_TESTS_CLI_BROKEN_BROKEN_H
#define PAB_TESTS_CLI_BROKEN_BROKEN_H

#include <stddef.h>

/* Runs when the library is loaded. */
void broken_on_load(void);
/* Runs before each block is made; `call` counts from 1. */
void broken_on_malloc(unsigned long call);
/* How far the next block lies behind this one of `size` bytes, a multiple of 16. */
size_t broken_stride(size_t size);

#endif
