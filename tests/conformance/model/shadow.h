/* tests/conformance/model/shadow.h -- what the model knows: which bytes are whose. Depends on
 * trace.h.
 *
 * One bit for each 8 bytes of address space, in leaves of 1 MiB that are mapped when first needed,
 * for blocks of any size alike: taking and giving a block of 800 bytes touches two or three words.
 * No malloc packs blocks closer than 8 bytes; should one do, a bit that is already set is a
 * suspicion, which the table of blocks confirms or clears.
 *
 * The model is fed from the calls alone: it never asks the subject what is whose.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_SHADOW_H
#define PAB_TESTS_CONFORMANCE_MODEL_SHADOW_H

#include "tests/conformance/model/trace.h"

#define SHADOW_LEAF_BYTES (1u << 20) /* of address space */
#define SHADOW_LEAF_WORDS (SHADOW_LEAF_BYTES / 8 / 64)
#define SHADOW_FAN_OUT    (1u << 14)
#define SHADOW_GONE       1024u /* freed blocks that are remembered, as numbers */

struct model_block {
    unsigned char *at; /* NULL: the slot is empty */
    size_t size;       /* that was asked for */
    size_t usable;
    uint64_t key;      /* of its pattern */
    bool is_sizable;   /* free_sized() takes it: of malloc or calloc, and never resized */
    uint8_t last_call; /* that touched the slot, for the count of what was covered */
};

/* A block that is no more, for the sentence about one that meets it. */
struct model_gone {
    uintptr_t at;
    size_t bytes;
    uint32_t slot;
    uint64_t call; /* that freed it */
};

struct model_leaf {
    uint64_t words[SHADOW_LEAF_WORDS];
};

struct model_branch {
    struct model_leaf *leaves[SHADOW_FAN_OUT];
};

struct model_shadow {
    struct model_branch *branches[SHADOW_FAN_OUT]; /* address bits 34..47; leaves 20..33 */
    unsigned char *pages;                          /* zeroed, for branches and leaves */
    size_t pages_bytes, pages_used;
    bool is_shared; /* by threads: bits are set and cleared atomically */
};

/* Takes address space for leaves once; false: the system grants none. */
bool pab_model_shadow_open(struct model_shadow *shadow, bool is_shared);
void pab_model_shadow_close(struct model_shadow *shadow);

/* Marks [at, at + bytes) as taken. False: a part of it was already. */
bool pab_model_shadow_take(struct model_shadow *shadow, const void *at, size_t bytes);
void pab_model_shadow_give(struct model_shadow *shadow, const void *at, size_t bytes);

#endif
