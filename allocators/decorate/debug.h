/* allocators/decorate/debug.h -- CPython's debug hooks, around any heap. Depends on backend.h.
 *
 * What PYTHONMALLOC=debug does: every block is asked for with pads around it that know its size
 * and its domain, fresh and dead bytes are made to stand out, and whatever comes back is checked.
 *
 *   p-16           p-8  p-7         p                 p+n           p+n+8
 *   +--------------+----+-----------+-----------------+-------------+------------------------+
 *   | n,           | r  | forbidden | what the caller | forbidden   | serial number,         |
 *   | big-endian   | mo | x 7       | asked for       | x 8         | big-endian (up to 3.7) |
 *   +--------------+----+-----------+-----------------+-------------+------------------------+
 *
 * A wrong letter, then a wrong byte before the block, then one behind it: the first of them that
 * is found is told on stderr, with the block, in CPython's words, and the process aborts. The
 * words and bytes were taken from CPython's own output (3.6 to 3.13); behaviour from
 * Objects/obmalloc.c@v3.11.7. Left out: the traceback that only an interpreter has, and the check
 * that the caller holds the GIL, which nothing here has.
 *
 * As in CPython a freed block may be read when it comes back a second time, and the size found in
 * it is believed while the block is described: a double free can end in SIGSEGV.
 */
#ifndef PAB_ALLOCATORS_DECORATE_DEBUG_H
#define PAB_ALLOCATORS_DECORATE_DEBUG_H

#include "allocators/backend.h"

/* In what releases of CPython differ. */
struct pab_debug_style {
    unsigned char clean, dead, forbidden; /* fresh bytes, freed bytes, pads */
    bool has_serial;                      /* each block knows the number of the call that made it */
    bool names_function;                  /* the message begins with a function of CPython's */
};

/* "3.9"; NULL: the reference, 3.11. Up to 3.6 the bytes, pads and words are that release's, but
 * serial numbers and what realloc leaves behind follow 3.7. */
const struct pab_debug_style *pab_debug_style_of(const char *release);

struct pab_debug {
    const struct pab_debug_style *style;
    uint64_t *serial; /* calls that gave a block; one count for heaps that stand on each other */

    uint64_t own_serial; /* private from here on */
    struct pab_debug_layer {
        struct pab_alloc inner;
        struct pab_debug *owner;
        unsigned char letter;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_alloc hidden[PAB_DOMAIN_COUNT]; /* the tables that were there */
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`; `debug` is the caller's storage and must not move. A table that is
 * hooked already, as the raw domain of a heap that stands on a hooked one, gets no second pair of
 * pads. Every table then has a usable_size: what was asked for. */
void pab_debug_attach(struct pab_debug *debug, struct pab_heap *heap,
                      const struct pab_debug_style *style);
/* Puts the tables back. */
void pab_debug_detach(struct pab_debug *debug);

#endif
