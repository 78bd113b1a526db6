/* tests/conformance/model/interpret.h -- makes the calls of a trace on a subject and holds each to
 * the model. Depends on world.h.
 *
 * A call on a slot that does not suit it does nothing, so any part of a trace can be run. Content
 * is read whole when a block dies, moves or is rewritten, and all blocks are in every sweep: each
 * 5,000 calls, or so seldom that it costs 512 bytes a call; before every drain; and at the end.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_INTERPRET_H
#define PAB_TESTS_CONFORMANCE_MODEL_INTERPRET_H

#include "tests/conformance/model/world.h"

/* A world on a fresh heap; its tables are pages of their own, false: there are none to be had.
 * `align_least`: what every block that is large enough must be a multiple of. */
bool pab_model_world_open(struct model_world *world, const struct pab_subject *subject,
                          struct model_shadow *shadow, struct model_outcome *outcome,
                          size_t align_least);
void pab_model_world_close(struct model_world *world);

/* Makes the calls, by the calling thread. False: a statement does not hold, the outcome says which.
 * `respawn`, `give` and `take` do nothing here. */
bool pab_model_do(struct model_world *world, const struct model_op *ops, size_t count);

/* Reads every live block. */
bool pab_model_sweep(struct model_world *world, const char *when);

/* Which counts of the heap tell what is in use, and what they are now. settle.c */
void pab_model_learn_counters(struct model_world *world);

/* Frees every block. */
bool pab_model_empty(struct model_world *world);

/* What must hold of the heap when nothing is live: empty() first. settle.c */
bool pab_model_settle(struct model_world *world);

/* Ends a window in which calls to the kernel fail, if there is one. */
void pab_model_close_window(struct model_world *world);

/* Counts of this world into the outcome. */
void pab_model_report(struct model_world *world);

#endif
