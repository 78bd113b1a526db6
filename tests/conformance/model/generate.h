/* tests/conformance/model/generate.h -- a seed becomes calls. Depends on trace.h, model.h.
 *
 * The generator never asks the subject anything: it keeps its own view of which slots hold a block
 * (every request that can succeed does), so a seed gives the same calls on every backend. One draw
 * of 64 bits decides a call and its slot, a second one a size.
 *
 * Phases that grow and phases that shrink alternate, because a steady mix never empties a slab;
 * bursts fill one class beyond a slab, because a mix of sizes never fills one.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_GENERATE_H
#define PAB_TESTS_CONFORMANCE_MODEL_GENERATE_H

#include "tests/conformance/model/model.h"
#include "tests/conformance/model/trace.h"
#include "workloads/support/rng.h"

#define MODEL_CHOICES 4096u /* weights are in shares of this */
#define MODEL_BATCH   512u

struct model_generator {
    struct pab_rng rng;
    enum pab_model_profile profile;
    unsigned threads, thread; /* the one that calls now */
    bool is_free_running;
    uint64_t calls;      /* made by the lines so far: a burst makes many */
    uint64_t next_drain; /* in calls */
    uint64_t phase_end;  /* in lines */
    uint64_t lines;
    bool is_growing;
    uint8_t choices[MODEL_CHOICES];

    /* Its view: slots that hold a block, dense, and in the order in which they were taken. */
    uint32_t held_count, vacant_count;
    uint32_t held[MODEL_SLOTS], place[MODEL_SLOTS], vacant[MODEL_SLOTS];
    uint32_t older[MODEL_SLOTS + 1], newer[MODEL_SLOTS + 1]; /* a ring; its head is MODEL_SLOTS */
    uint32_t near_last; /* the slot taken right after the one that was freed last */
    uint64_t size[MODEL_SLOTS];

    struct model_op ops[MODEL_BATCH];
    size_t count;
};

/* `stream` tells the threads of a free-running plan apart; 0 otherwise. */
void pab_model_generator_init(struct model_generator *generator, const struct pab_model_plan *plan,
                              unsigned stream);

/* Fills `ops` with the next lines. */
void pab_model_generate(struct model_generator *generator);

/* How many calls a line makes, as the generator counts them. */
static inline uint64_t pab_model_op_calls(const struct model_op *op)
{
    return op->call == MODEL_BURST ? 2 * (uint64_t)op->slot : 1;
}

/* Whether a plan of this profile makes calls to the kernel fail. */
bool pab_model_profile_fails(enum pab_model_profile profile);

#endif
