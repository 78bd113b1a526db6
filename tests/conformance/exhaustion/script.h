/* tests/conformance/exhaustion/script.h -- a fixed program of allocator calls that any of them may
 * be refused, and that knows what must then still hold. Depends on support/subject.h.
 *
 * 2,000 steps that a seed decides: blocks from a byte to a megabyte come, are resized and go, and
 * groups of 512 small blocks come and go whole, so that slabs, pools and arenas fill and drain. Each
 * block is written when it comes and read before it is resized, freed or left; a refused call leaves
 * the script as it was. Of blocks over 64 KiB both ends are written, and a piece in every 64 KiB.
 */
#ifndef PAB_TESTS_CONFORMANCE_EXHAUSTION_SCRIPT_H
#define PAB_TESTS_CONFORMANCE_EXHAUSTION_SCRIPT_H

#include "tests/conformance/support/subject.h"
#include "workloads/support/rng.h"

#define PAB_SCRIPT_STEPS  2000
#define PAB_SCRIPT_SLOTS  192
#define PAB_SCRIPT_HUGE   20
#define PAB_SCRIPT_GROUPS 24
#define PAB_SCRIPT_GROUP  320 /* blocks of a group */

struct pab_script_block {
    unsigned char *at; /* NULL: none */
    size_t asked;
    size_t usable; /* written up to here */
    uint64_t key;
};

struct pab_script {
    const struct pab_subject *subject;
    uint64_t steps;    /* made until now */
    uint64_t requests; /* calls of the subject, likewise */
    uint64_t nulls;    /* calls that were refused */
    char wrong[256];   /* the first thing that does not hold; empty: all does */

    struct pab_rng rng; /* private from here on */
    uint64_t owners;
    struct pab_script_block slots[PAB_SCRIPT_SLOTS];
    struct pab_script_block huge[PAB_SCRIPT_HUGE];
    struct pab_script_block groups[PAB_SCRIPT_GROUPS][PAB_SCRIPT_GROUP];
};

/* `script` is the caller's storage, out of the subject's reach. */
void pab_script_init(struct pab_script *script, const struct pab_subject *subject, uint64_t seed);

/* Each returns whether all that must hold does; when it does not, `wrong` says what. */
bool pab_script_run(struct pab_script *script, uint64_t steps);
bool pab_script_sweep(struct pab_script *script); /* reads every live block */
bool pab_script_drain(struct pab_script *script); /* reads and frees every live block */

#endif
