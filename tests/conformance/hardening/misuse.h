/* tests/conformance/hardening/misuse.h -- commits a misuse in a process of its own and says what
 * came of it. Depends on support/subject.h.
 *
 * What can come of it, from good to bad (the classes of mimalloc-bench's security tests, and ALIAS):
 *
 *   DIAG      the process ended at the misuse and said why
 *   TRAP      it ended at the misuse without a word
 *   LATE      it ended afterwards, when others were served or freed
 *   NEUTRAL   nothing came of it: all blocks are disjoint, all contents kept
 *   SILENT    nobody noticed, and something was lost or seen: bytes of a live block, of a freed one
 *   ALIAS     two blocks that are in use share memory
 *   HANG      it never came back
 */
#ifndef PAB_TESTS_CONFORMANCE_HARDENING_MISUSE_H
#define PAB_TESTS_CONFORMANCE_HARDENING_MISUSE_H

#include "tests/conformance/support/subject.h"

enum pab_outcome_kind {
    PAB_OUTCOME_DIAG,
    PAB_OUTCOME_TRAP,
    PAB_OUTCOME_LATE,
    PAB_OUTCOME_NEUTRAL,
    PAB_OUTCOME_SILENT,
    PAB_OUTCOME_ALIAS,
    PAB_OUTCOME_HANG,
    PAB_OUTCOME_NONE, /* there is no such case at this size */
    PAB_OUTCOME_COUNT,
};

#define PAB_BYSTANDERS 64

/* The blocks around a misuse. */
struct pab_scene {
    const struct pab_subject *subject;
    size_t size;
    unsigned char *victim;                     /* `size` bytes, taken between the others */
    unsigned char *bystanders[PAB_BYSTANDERS]; /* `size` bytes each, in use until the end */
    void *gained;                              /* a block that the misuse gave back; or NULL */
    size_t gained_bytes;
};

/* Does it. The victim is the misuse's to free. NEUTRAL leaves it to the blocks that are taken
 * afterwards to show what came of it; SILENT: it has seen so itself; NONE: it cannot be done. */
typedef enum pab_outcome_kind (*pab_misuse)(struct pab_scene *scene);

/* Asks in a process of its own, with all blocks of `size` bytes. `said` gets the first line that
 * it wrote. */
enum pab_outcome_kind pab_misuse_try(const struct pab_subject *subject, size_t size,
                                     pab_misuse misuse, char *said, size_t said_size);

/* Whether an outcome is read right where it is known beforehand: a case that ends the process with
 * a word, one that ends it without, one where nothing is wrong, one that hands a block out twice. */
bool pab_misuse_detector(const struct pab_subject *subject, char *misread, size_t size);

const char *pab_outcome_name(enum pab_outcome_kind kind);

#endif
