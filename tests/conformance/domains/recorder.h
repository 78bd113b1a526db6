/* tests/conformance/domains/recorder.h -- notes the calls that come through the tables of a heap, with
 * every argument. Depends on decorate/request.h.
 *
 * Put below an adapter or a hook it shows what that passes on; put above, what a caller asks for.
 */
#ifndef PAB_TESTS_CONFORMANCE_DOMAINS_RECORDER_H
#define PAB_TESTS_CONFORMANCE_DOMAINS_RECORDER_H

#include "allocators/decorate/request.h"

struct pab_recorded {
    enum pab_call call;
    enum pab_domain domain;
    size_t count, size; /* count: of calloc, else 1 */
    void *ptr;          /* what realloc and free were given */
    void *result;
};

struct pab_recorder {
    uint64_t calls; /* since attached, or set to 0 by the caller */
    struct pab_recorded last;
    uint64_t strays; /* calls with a ctx that is none of ours */
    bool is_failing; /* give NULL to all but free */
    /* Sees a block before it is freed or resized. Optional. */
    void (*look)(void *arg, const unsigned char *block);
    void *arg;

    struct pab_recorder_layer { /* private from here on */
        struct pab_alloc inner;
        struct pab_recorder *owner;
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`; `recorder` is the caller's storage and must not move. One at a time. */
void pab_recorder_attach(struct pab_recorder *recorder, struct pab_heap *heap);
/* Puts the tables back. */
void pab_recorder_detach(struct pab_recorder *recorder);

#endif
