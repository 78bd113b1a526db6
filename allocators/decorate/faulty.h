/* allocators/decorate/faulty.h -- makes the n-th allocation of a heap fail. Depends on backend.h.
 *
 * For the sweep that proves a piece of code to survive a lack of memory anywhere:
 *
 *     for (n = 0; body failed; n++) { arm(n); run body; check that nothing leaked; }
 *
 * A failing call returns NULL with errno ENOMEM and does not reach the heap; a failing realloc
 * leaves its block as it was. free never fails and is not counted.
 */
#ifndef PAB_ALLOCATORS_DECORATE_FAULTY_H
#define PAB_ALLOCATORS_DECORATE_FAULTY_H

#include "allocators/backend.h"

enum pab_fault {
    PAB_FAULT_NONE,
    PAB_FAULT_ONCE,    /* the n-th call fails, the next ones work again */
    PAB_FAULT_LASTING, /* the n-th call and all after it fail */
};

struct pab_faulty {
    uint64_t calls;  /* malloc, calloc and realloc of any domain since armed */
    uint64_t failed; /* how many of them were made to fail */

    uint64_t fail_at; /* private from here on */
    enum pab_fault fault;
    struct pab_faulty_layer {
        struct pab_alloc inner;
        struct pab_faulty *owner;
    } layers[PAB_DOMAIN_COUNT];
    struct pab_heap *heap;
};

/* Wraps the tables of `heap`, disarmed; `faulty` is the caller's storage and must not move. */
void pab_faulty_attach(struct pab_faulty *faulty, struct pab_heap *heap);
/* Puts the tables back. */
void pab_faulty_detach(struct pab_faulty *faulty);

/* Restarts both counts at 0; call number `n`, from 0, will fail. */
void pab_faulty_arm(struct pab_faulty *faulty, uint64_t n, enum pab_fault fault);

#endif
