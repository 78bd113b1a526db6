/* tests/conformance/model/world.h -- blocks as the model knows them, and what must hold of each.
 * Depends on shadow.h, support/subject.h.
 *
 *   pab_model_accept()    what a call gave is looked at: NULL or not, alignment, usable size, whose
 *                         bytes they are, zero or kept; then all that is usable is filled
 *   pab_model_verify()    every byte of a block is what was written
 *   pab_model_release()   the same, then it is freed
 *
 * Each gives false when a statement of the catalogue does not hold: the outcome then says which.
 * A wrong errno is only counted: it loses no bytes, and checks of its own judge it.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_WORLD_H
#define PAB_TESTS_CONFORMANCE_MODEL_WORLD_H

#include "tests/conformance/model/shadow.h"
#include "tests/conformance/support/subject.h"

#define MODEL_LIVE_BYTES   ((uint64_t)256 << 20) /* a request that would pass it does nothing */
#define MODEL_COUNTERS     2u                    /* of the heap, and of the one below it */
#define MODEL_TRIPLE_WORDS (64u * 16 * 16 / 64)  /* a bit for each class, call, call before it */

/* What a trial leaves behind, in memory that it shares with its parent. */
struct model_outcome {
    int has_broken; /* 1: `statement` and `text` say what */
    bool has_ended;
    uint64_t lines, calls, bytes, sweeps, drains, high_live, triples;
    uint64_t refused;     /* NULL while the kernel's calls failed */
    uint64_t failed;      /* calls to the kernel */
    uint64_t errno_wrong; /* calls */
    char errno_first[128];
    char faults_missing[160]; /* why no call to the kernel could be made to fail, or "" */
    char statement[16], text[400];
};

/* The subject as one thread of the model sees it. */
struct model_world {
    const struct pab_subject *subject;
    struct model_shadow *shadow;
    struct model_outcome *outcome;
    struct model_block *slots; /* MODEL_SLOTS */
    struct model_block *burst; /* MODEL_BURST_MOST */
    uint32_t burst_count;      /* of them that may hold one */
    uint32_t stream;           /* which free-running thread; 0 otherwise */
    size_t align_least;        /* of every block that is large enough for it */
    const char *at_stake;      /* what a changed byte breaks; NULL: PRE-001 */
    uint64_t serial;           /* of patterns */
    uint64_t line, calls, bytes, sweeps, drains;
    uint64_t refused, failed; /* NULL meanwhile, and calls to the kernel that failed */
    uint64_t live_bytes, live_blocks, high_live, high_bytes;
    uint64_t next_sweep;
    uint64_t window_end; /* line from which no call to the kernel fails; 0: none does */
    bool can_fail_kernel, had_window;
    uint64_t counters[MODEL_COUNTERS]; /* of the heap, before the first call */
    bool counts[MODEL_COUNTERS];       /* it goes back when a block is freed: what is in use */
    uint64_t triples[MODEL_TRIPLE_WORDS];
    uint64_t gone_count;
    struct model_gone gone[SHADOW_GONE];
};

/* What a call was asked for. */
struct model_request {
    enum model_call call;
    size_t size;
    size_t align; /* 0: what malloc promises for the size */
    size_t kept;  /* bytes that must still hold pattern `key` */
    uint64_t key; /* 0: a new one */
    bool is_zeroed;
    bool is_impossible; /* NULL is the only right answer */
};

/* Notes the first violation; always false. */
bool pab_model_broke(struct model_world *world, const char *statement, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes that a call left a wrong errno. */
void pab_model_note_errno(struct model_world *world, const char *statement, const char *what,
                          int found);

/* Which slot a block of the world is; bursts count from MODEL_SLOTS. */
uint32_t pab_model_slot_of(const struct model_world *world, const struct model_block *block);

bool pab_model_verify(struct model_world *world, const struct model_block *block, const char *when);
bool pab_model_accept(struct model_world *world, struct model_block *block, void *given,
                      const struct model_request *request);
bool pab_model_release(struct model_world *world, struct model_block *block, enum model_call call);

/* The block is the subject's to move or free: its bytes are nobody's. */
void pab_model_forget(struct model_world *world, const struct model_block *block);

/* A block that another thread's world knew. */
void pab_model_adopt(struct model_world *world, struct model_block *block,
                     const struct model_block *from);
/* It becomes another world's: still live, not this one's. */
void pab_model_hand_over(struct model_world *world, struct model_block *block);

#endif
