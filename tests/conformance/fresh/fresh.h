/* tests/conformance/fresh/fresh.h -- runs a scenario in a process that the allocator under test has
 * not served yet. Depends on harness/check.h.
 *
 * A worker has called its allocator long before a check runs: to prove who it is. First calls,
 * calls before and after main, layouts need a process of their own: the program pab_fresh, beside
 * this binary (or where the environment's PAB_FRESH says), started with the heap's own object
 *
 *   PAB_FRESH_PRELOAD   in place of the process's malloc (LD_PRELOAD; nothing to do for libc)
 *   PAB_FRESH_DLOPEN    loaded by main: nobody has called it, not even the loader
 *
 * The process proves that what it calls lies in that object and says when it is through; one that
 * does not say so has failed, whatever its exit status.
 */
#ifndef PAB_TESTS_CONFORMANCE_FRESH_FRESH_H
#define PAB_TESTS_CONFORMANCE_FRESH_FRESH_H

#include "harness/check.h"

#define PAB_FRESH_NUMBERS 4

enum pab_fresh_attach { PAB_FRESH_PRELOAD, PAB_FRESH_DLOPEN };

struct pab_fresh {
    enum pab_fresh_attach attach;
    const char *scenario; /* "first", "around", "crowd", "leave", "trace" */
    uint64_t numbers[PAB_FRESH_NUMBERS];
    bool has_fixed_addresses; /* no randomised layout */
    unsigned timeout_ms;
};

enum pab_fresh_end {
    PAB_FRESH_HELD,  /* `text` is the scenario's answer, if it has one */
    PAB_FRESH_WRONG, /* what was found, or how the process ended */
    PAB_FRESH_UNFIT, /* nothing could be looked at, and why */
};

enum pab_fresh_end pab_fresh_run(const struct pab_heap *heap, const struct pab_fresh *fresh,
                                 char *text, size_t size);

#endif
