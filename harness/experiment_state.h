/* harness/experiment_state.h -- what the files of experiment.h share. Depends on experiment.h. */
#ifndef PAB_HARNESS_EXPERIMENT_STATE_H
#define PAB_HARNESS_EXPERIMENT_STATE_H

#include "harness/collector.h"
#include "harness/experiment.h"
#include "harness/progress.h"
#include "harness/runner.h"
#include "harness/sample.h"

/* A cell whose worker was started: kept until it has told everything. */
struct pab_flight {
    struct pab_worker *worker;
    struct pab_cell cell;
    uint64_t started_ms;
};

struct pab_experiment_state {
    const struct pab_experiment *experiment;
    struct pab_plan own_plan; /* the experiment's, with another baseline where that is not here */
    const struct pab_plan *plan;
    struct pab_journal *journal;
    struct pab_experiment_result *result;
    struct pab_progress progress;
    struct pab_gc_variants variants;
    struct pab_demand_known *demand; /* by workload, then by variant */
    bool backend_good[PAB_PLAN_BACKENDS_MAX];
    bool workload_good[PAB_PLAN_WORKLOADS_MAX];
    /* Failed once, by pass: not tried again. */
    bool cell_bad[PAB_PASS_MAX][PAB_PLAN_WORKLOADS_MAX][PAB_PLAN_BACKENDS_MAX];
    bool control_bad[PAB_PLAN_WORKLOADS_MAX];
    json_t *done; /* keys of cells that the journal holds already */
    struct pab_flight flights[PAB_WORKERS_MAX];
    size_t flight_count;
    uint64_t began_ns;                 /* on a clock that stood still while it was interrupted */
    uint64_t earlier_ms;               /* when the last of the plan's cells so far was started */
    double pass_seconds[PAB_PASS_MAX]; /* what the first round of a pass took that was made now */
    bool is_budget_said;               /* that it is too small */
};

/* A round on its way. */
struct pab_round_state {
    uint64_t began_ns;
    size_t run, left; /* cells */
};

static inline bool pab_experiment_interrupted(const struct pab_experiment_state *state)
{
    return *state->experiment->interrupted != 0;
}

/* All variants of a workload, the baseline's first. */
static inline struct pab_demand_known *
pab_experiment_demand_of(const struct pab_experiment_state *state, size_t workload)
{
    return &state->demand[workload * state->variants.count];
}

/* Turns a good outcome into a failure found by the parent. */
void pab_experiment_set_failure(struct pab_outcome *outcome, const char *kind, const char *message);

/* One line on stderr for whatever failed. */
void pab_experiment_say(const struct pab_experiment_state *state, const char *where,
                        const struct pab_outcome *outcome);

/* Says a failure and counts it; `cell` NULL: the whole backend's. Its row, for the journal. */
json_t *pab_experiment_failure(struct pab_experiment_state *state, const struct pab_cell *cell,
                               size_t spec, const struct pab_outcome *outcome);

/* The row of an array of the record that has this id, borrowed, or NULL. */
json_t *pab_experiment_known(const struct pab_experiment_state *state, const char *array,
                             const char *id);

/* Has a job run this workload. */
void pab_experiment_set_workload(struct pab_job *job, const struct pab_workload *workload);

/* A job of this run for one backend, without the parts that only some kinds need. */
struct pab_job pab_experiment_job(const struct pab_experiment_state *state, enum pab_job_kind kind,
                                  const char *backend, const char *subject);

/* Every backend opens, proves its identity and passes the pre-flight checks, or is left out. */
enum pab_status pab_experiment_probe(struct pab_experiment_state *state, struct pab_error *err);

/* Every workload's demand, or the workload is left out. */
enum pab_status pab_experiment_demand(struct pab_experiment_state *state, struct pab_error *err);

/* Seconds since the run began, over all its parts. */
double pab_experiment_elapsed_s(const struct pab_experiment_state *state);
/* The first round that is this shard's. */
unsigned pab_experiment_first_round(const struct pab_plan *plan);
/* Whether the budget, where there is one, has room for another round of this pass. */
bool pab_experiment_has_time(const struct pab_experiment_state *state, const struct pab_pass *pass);
/* After a cell: says it once when the passes that are not timed need more than the budget. */
void pab_experiment_mind_budget(struct pab_experiment_state *state, const struct pab_pass *pass,
                                const struct pab_round_state *round);

#endif
