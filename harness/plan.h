/* harness/plan.h -- what a run will do, before anything is started. Depends on job.h, jansson.
 *
 * A plan is a value: it is written into the journal as it is and read back by --resume, so that a
 * resumed run does exactly what the first one would have done.
 */
#ifndef PAB_HARNESS_PLAN_H
#define PAB_HARNESS_PLAN_H

#include "harness/job.h"

#include <jansson.h>

#define PAB_PLAN_BACKENDS_MAX  32
#define PAB_PLAN_WORKLOADS_MAX 64

enum pab_pass {
    PAB_PASS_TIME = 1u << 0,
    PAB_PASS_MEMORY = 1u << 1,
};

struct pab_preset {
    const char *name, *summary;
    unsigned rounds, memory_rounds;
    double min_time_s;
    unsigned reps;
    bool large_memory; /* the memory pass takes the workloads' memory parameters */
    uint64_t retain_ms[PAB_RETAIN_MAX];
    size_t retain_count;
};

size_t pab_preset_count(void);
const struct pab_preset *pab_preset_at(size_t index);

struct pab_planned_workload {
    const struct pab_workload *workload;
    uint64_t params[PAB_PARAMS_MAX];
    uint64_t memory_params[PAB_PARAMS_MAX];
};

struct pab_plan {
    struct pab_spec *specs[PAB_PLAN_BACKENDS_MAX];
    bool is_explicit[PAB_PLAN_BACKENDS_MAX]; /* named by the user, not by the default set */
    size_t spec_count;
    struct pab_planned_workload workloads[PAB_PLAN_WORKLOADS_MAX];
    size_t workload_count;
    size_t baseline; /* index into specs */
    const struct pab_preset *preset;
    unsigned rounds, memory_rounds;
    unsigned passes;
    uint64_t seed;
    double timeout_s;
};

/* What the user said; NULL and 0 stand for "nothing". */
struct pab_request {
    const char *backends, *workloads, *exclude, *preset, *passes, *baseline;
    const char *params[32]; /* "workload.param=value" */
    size_t param_count;
    long rounds;
    uint64_t seed;
    bool has_seed;
    double timeout_s;
};

/* Turns a request into a plan, or says which word of it is wrong. */
enum pab_status pab_plan_make(struct pab_plan *plan, const struct pab_request *request,
                              struct pab_error *err);
void pab_plan_fini(struct pab_plan *plan);

/* The part of it that `backends` and `baseline` ask for: specs, is_explicit, baseline. */
enum pab_status pab_plan_backends(struct pab_plan *plan, const struct pab_request *request,
                                  struct pab_error *err);

/* {name: value} of a workload's parameters; a new object. */
json_t *pab_params_to_json(const struct pab_workload *workload, const uint64_t *values);

json_t *pab_plan_to_json(const struct pab_plan *plan);
enum pab_status pab_plan_from_json(struct pab_plan *plan, const json_t *json,
                                   struct pab_error *err);

/* One cell of one round. */
struct pab_cell {
    enum pab_pass pass;
    unsigned round;
    unsigned position; /* within the round, in the order in which cells are run */
    size_t workload, spec;
    uint64_t pad_bytes;
};

/* The cells of a round in a fresh random order that depends on (seed, pass, round) alone. `out`
 * has spec_count * workload_count places; returns how many were filled. */
size_t pab_plan_round(const struct pab_plan *plan, enum pab_pass pass, unsigned round,
                      struct pab_cell *out);

const char *pab_pass_name(enum pab_pass pass);

/* Calls `each` with every word of a comma-separated list; `what` names the list in an error.
 * PAB_USAGE when it is empty; stops at the first word that `each` does not like. */
enum pab_status pab_for_words(const char *list, const char *what,
                              enum pab_status (*each)(void *arg, const char *word,
                                                      struct pab_error *err),
                              void *arg, struct pab_error *err);

/* True when one of the comma-separated globs matches; an empty list matches nothing. */
bool pab_globs_match(const char *globs, const char *name);

#endif
