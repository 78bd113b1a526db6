/* tests/conformance/support/blocks.h -- blocks of which the check knows every byte. Depends on
 * subject.h and judge.h.
 *
 *     struct pab_blocks blocks;
 *     pab_blocks_init(&blocks, run, &subject);
 *     pab_block_take(&blocks, &block, 100)          all of what is usable is filled
 *     pab_block_resize(&blocks, &block, 5000)       what must be kept is looked at, the rest filled
 *     pab_block_drop(&blocks, &block, "at free")    all of it is looked at, then freed
 *
 * Each gives false, with the finding in run->reason, when the subject gave NULL or a byte is not
 * what was written.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_BLOCKS_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_BLOCKS_H

#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/subject.h"

struct pab_block {
    unsigned char *at; /* NULL: there is none */
    size_t asked, usable;
    uint64_t key;                   /* of the pattern in all of [0, usable) */
    uint64_t call;                  /* the call that it was last made or resized by */
    const struct pab_subject *home; /* that it came from */
};

struct pab_blocks {
    struct pab_check_run *run;
    const struct pab_subject *subject; /* that the next blocks come from; may be changed */
    uint64_t calls;                    /* of the subject, made by the functions here */

    /* All blocks that there are, to say who lies beside a byte that was changed. Optional. */
    const struct pab_block *table;
    size_t count;
};

void pab_blocks_init(struct pab_blocks *blocks, struct pab_check_run *run,
                     const struct pab_subject *subject);

bool pab_block_take(struct pab_blocks *blocks, struct pab_block *block, size_t size);
/* By calloc, held to being zero. */
bool pab_block_take_zeroed(struct pab_blocks *blocks, struct pab_block *block, size_t count,
                           size_t size);
/* Takes over what the check itself got from blocks->subject, and fills it. */
void pab_block_adopt(struct pab_blocks *blocks, struct pab_block *block, void *at, size_t asked);

bool pab_block_resize(struct pab_blocks *blocks, struct pab_block *block, size_t size);

/* Whether [from, to) is as it was written; `when` ends the sentence "seen ...". */
bool pab_block_holds(struct pab_blocks *blocks, const struct pab_block *block, size_t from,
                     size_t to, const char *when);
/* The same for all of many blocks. */
bool pab_blocks_hold(struct pab_blocks *blocks, const struct pab_block *first, size_t count,
                     const char *when);

bool pab_block_drop(struct pab_blocks *blocks, struct pab_block *block, const char *when);
bool pab_blocks_drop(struct pab_blocks *blocks, struct pab_block *first, size_t count,
                     const char *when);

#endif
