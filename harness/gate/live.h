/* harness/gate/live.h -- base and head, measured side by side. Depends on experiment.h, settings.h.
 *
 *   counts         memory and structure, instructions: they repeat, so a few rounds tell all
 *   time           rounds of very short samples, base and head next to each other, until the
 *                  budget is spent
 *   confirmation   new rounds of what the first ones found worse, and of that alone
 */
#ifndef PAB_HARNESS_GATE_LIVE_H
#define PAB_HARNESS_GATE_LIVE_H

#include "harness/experiment.h"
#include "harness/gate/settings.h"

struct pab_gate_request {
    struct pab_request run;                /* what is measured; backends NULL: pymalloc */
    const char *base_binary, *head_binary; /* builds of this program; NULL: this one */
    const char *base_spec, *head_spec;     /* in place of run.backends; both or none */
};

#define PAB_GATE_CELL_S                                                                            \
    60.0 /* of time rounds for each cell, where no budget and rounds are given */

/* Arms of both sides over the cells asked for. PAB_USAGE, PAB_NOT_COMPARABLE: a binary that is no
 * build of this program, or speaks another protocol. End with pab_plan_fini(). */
enum pab_status pab_gate_plan(struct pab_plan *plan, const struct pab_gate_request *request,
                              struct pab_error *err);

/* PAB_USAGE: the path of a library leads nowhere. */
enum pab_status pab_gate_expect_libraries(const struct pab_plan *plan, struct pab_error *err);

/* Opens every arm once, so that a gate that can only fail fails before it measures. 0 to go on;
 * else what it ends with, and `err` says why. */
int pab_gate_open(const struct pab_plan *plan, struct pab_error *err);

/* `gate.base` or `gate.head` of a document: whose build it is; "": this program's. */
json_t *pab_gate_side_json(const char *binary);

/* The families of what the plan measures. */
unsigned pab_gate_families_of_plan(const struct pab_plan *plan);

/* Carries it out: the record holds all, and what is for `gate` of the document. Rules decide what
 * is confirmed. PAB_OK also when cells failed, or when it was interrupted. */
enum pab_status pab_gate_measure(const struct pab_experiment *experiment,
                                 const struct pab_gate_settings *settings,
                                 struct pab_experiment_result *result, struct pab_error *err);

#endif
