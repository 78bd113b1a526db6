/* harness/plan.h -- what a run will do, before anything is started. Depends on pass.h, jansson.
 *
 * A plan is a value: it is written into the journal as it is and read back by --resume, so that a
 * resumed run does exactly what the first one would have done. A gate's is only written: its parts
 * follow from each other.
 */
#ifndef PAB_HARNESS_PLAN_H
#define PAB_HARNESS_PLAN_H

#include "harness/pass.h"

#include <jansson.h>

#define PAB_PLAN_BACKENDS_MAX  32
#define PAB_PLAN_WORKLOADS_MAX 64
#define PAB_ROUNDS_MAX         100000

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
/* PAB_USAGE names the nearest. */
enum pab_status pab_preset_find(const char *name, const struct pab_preset **out,
                                struct pab_error *err);

struct pab_planned_workload {
    const struct pab_workload *workload;
    char id[PAB_NAME_MAX]; /* of its rows: its name, and ":param=value" for each that is varied, and
                              ":age=percent" on an aged heap */
    uint64_t params[PAB_PARAMS_MAX];
    uint64_t memory_params[PAB_PARAMS_MAX];
    unsigned age_percent; /* age.h; 0: the heap is young */
};

/* Who takes part: a backend, opened by one build of this program. */
enum pab_role {
    PAB_ROLE_BACKEND, /* compared with the other backends */
    PAB_ROLE_BASE,    /* of a gate: NAME@base against NAME@head */
    PAB_ROLE_HEAD,
};

#define PAB_ARM_ID_MAX (PAB_SPEC_MAX + 8)

struct pab_arm {
    struct pab_spec *spec;
    char id[PAB_ARM_ID_MAX];       /* the spec's, with "@base" or "@head" in a gate */
    char binary[PAB_JOB_PATH_MAX]; /* whose worker opens it; empty: this program's */
    char label[PAB_SPEC_MAX];      /* what base and head share; empty outside a gate */
    enum pab_role role;
    bool is_explicit; /* named by the user, not by the default set */
};

/* A plan whose fields are all zero but for arms and workloads leaves nothing out. */
struct pab_plan {
    struct pab_arm arms[PAB_PLAN_BACKENDS_MAX];
    size_t arm_count;
    struct pab_planned_workload workloads[PAB_PLAN_WORKLOADS_MAX];
    size_t workload_count;
    size_t baseline; /* index into arms */
    const struct pab_preset *preset;
    unsigned rounds, memory_rounds;
    unsigned passes; /* 1 << pab_pass_index() */
    uint64_t seed;
    double timeout_s;
    double budget_s; /* rounds end when it is used up; 0: when all are made */
    /* Every so many rounds of the time pass run the baseline twice, as the A/A control; 0: none. */
    unsigned control_every;
    unsigned shard_index, shard_count; /* only rounds r with r % count == index; count 0: all */
    unsigned first_round; /* of the time pass: an earlier part of a gate has the others */
    uint32_t left_out[PAB_PLAN_WORKLOADS_MAX]; /* by workload: 1 << arm, not run */
};

/* What the user said; NULL and 0 stand for "nothing". */
struct pab_request {
    const char *backends, *workloads, *exclude, *preset, *passes, *baseline;
    const char *shard;   /* "I/N", I from 1 */
    const char *ages;    /* "0,25,90" */
    const char *threads; /* "1,2,4" */
    double budget_s;
    bool no_control;
    bool large_memory; /* the memory pass takes the memory parameters, whatever the preset says */
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

/* --age LIST: every workload on heaps of these ages, a row for each; 0 is a young one. */
enum pab_status pab_plan_ages(struct pab_plan *plan, const char *list, struct pab_error *err);

/* The part of it that `backends` and `baseline` ask for: arms, baseline. */
enum pab_status pab_plan_backends(struct pab_plan *plan, const struct pab_request *request,
                                  struct pab_error *err);

/* Adds one arm: a spec that is not there yet. */
enum pab_status pab_plan_add(struct pab_plan *plan, const char *word, struct pab_error *err);

struct pab_variation {
    size_t param;     /* of the workload */
    const char *list; /* its values: "1,2,4" */
    const char *text; /* what the user wrote, for errors */
};

/* Puts in the place of a planned workload one for each value, and `workload` at the last of them. */
enum pab_status pab_plan_vary(struct pab_plan *plan, size_t *workload,
                              const struct pab_variation *variation, struct pab_error *err);

/* --threads: varies those workloads that have them; one must. */
enum pab_status pab_plan_threads(struct pab_plan *plan, const char *list, struct pab_error *err);

/* {name: value} of a workload's parameters; a new object. */
json_t *pab_params_to_json(const struct pab_workload *workload, const uint64_t *values);

json_t *pab_plan_to_json(const struct pab_plan *plan);
enum pab_status pab_plan_from_json(struct pab_plan *plan, const json_t *json,
                                   struct pab_error *err);

/* What the A/A control's cells are called where a pass is named: in failures, on the screen. */
#define PAB_CONTROL_PASS "control"

/* One cell of one round. */
struct pab_cell {
    const struct pab_pass *pass;
    unsigned round;
    unsigned position; /* within the round, in the order in which cells are run */
    size_t workload, arm;
    bool is_control; /* the baseline once more */
    uint64_t pad_bytes;
};

#define PAB_PLAN_CELLS_MAX (PAB_PLAN_WORKLOADS_MAX * (PAB_PLAN_BACKENDS_MAX + 1))

/* The cells of a round, in an order that depends on (seed, pass, round) alone: workloads in random
 * order, and within each the arms in random order, so that those that are compared run within
 * milliseconds of each other. `out` has PAB_PLAN_CELLS_MAX places; returns how many were filled: 0
 * where the round is another shard's. */
size_t pab_plan_round(const struct pab_plan *plan, const struct pab_pass *pass, unsigned round,
                      struct pab_cell *out);

/* How many rounds of a pass are asked for. */
unsigned pab_plan_rounds(const struct pab_plan *plan, const struct pab_pass *pass);
bool pab_plan_has(const struct pab_plan *plan, const struct pab_pass *pass);

/* Calls `each` with every word of a comma-separated list; `what` names the list in an error.
 * PAB_USAGE when it is empty; stops at the first word that `each` does not like. */
enum pab_status pab_for_words(const char *list, const char *what,
                              enum pab_status (*each)(void *arg, const char *word,
                                                      struct pab_error *err),
                              void *arg, struct pab_error *err);

/* True when one of the comma-separated globs matches; an empty list matches nothing. */
bool pab_globs_match(const char *globs, const char *name);

#endif
