#include "harness/experiment.h"

#include "harness/experiment_state.h"
#include "harness/self.h"

#include <string.h>

/* How long a memory cell takes in timed ones, for the time that is left. */
#define TIME_WEIGHT   1.0
#define MEMORY_WEIGHT 8.0
#define KEY_BYTES     (PAB_SPEC_MAX + 2 * PAB_NAME_MAX)

static size_t pass_index(enum pab_pass pass)
{
    return pass == PAB_PASS_TIME ? 0 : 1;
}

static double weight_of(enum pab_pass pass)
{
    return pass == PAB_PASS_TIME ? TIME_WEIGHT : MEMORY_WEIGHT;
}

/* --- cells ---------------------------------------------------------------------------------- */

static void cell_key(const struct pab_experiment_state *state, const struct pab_cell *cell,
                     char *out, size_t size)
{
    snprintf(out, size, "%s/%u/%s/%s", pab_pass_name(cell->pass), cell->round,
             state->plan->workloads[cell->workload].workload->name,
             state->plan->specs[cell->spec]->id);
}

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, wanted) == 0;
}

/* The cell that a row of failures names, if it is one of the plan's. */
static void mark_bad(struct pab_experiment_state *state, const json_t *failure)
{
    size_t pass = is_text(failure, "pass", "time") ? 0 : 1;
    for (size_t w = 0; w < state->plan->workload_count; w++) {
        bool named = is_text(failure, "workload", state->plan->workloads[w].workload->name);
        for (size_t s = 0; named && s < state->plan->spec_count; s++) {
            state->cell_bad[pass][w][s] |= is_text(failure, "backend", state->plan->specs[s]->id);
        }
    }
}

/* What a resumed journal holds: samples by key, and which cells failed already. */
static void read_done(struct pab_experiment_state *state)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(pab_journal_array(state->journal, "samples"), index, row)
    {
        const char *pass = NULL;
        const char *workload = NULL;
        const char *backend = NULL;
        int round = 0;
        if (json_unpack(row, "{s:s, s:i, s:s, s:s}", "pass", &pass, "round", &round, "workload",
                        &workload, "backend", &backend) == 0) {
            char key[KEY_BYTES];
            snprintf(key, sizeof(key), "%s/%u/%s/%s", pass, (unsigned)round, workload, backend);
            json_object_set_new(state->done, key, json_true());
        }
    }
    json_array_foreach(pab_journal_array(state->journal, "failures"), index, row)
    {
        state->result->failures++;
        mark_bad(state, row);
    }
}

static bool is_wanted(const struct pab_experiment_state *state, const struct pab_cell *cell)
{
    char key[KEY_BYTES];
    cell_key(state, cell, key, sizeof(key));
    return state->backend_good[cell->spec] && state->workload_good[cell->workload] &&
           !state->cell_bad[pass_index(cell->pass)][cell->workload][cell->spec] &&
           json_object_get(state->done, key) == NULL;
}

/* What the cell's workload must give under its backend's settings. */
static const struct pab_demand_known *demand_of_cell(const struct pab_experiment_state *state,
                                                     const struct pab_cell *cell)
{
    return &pab_experiment_demand_of(state, cell->workload)[state->variants.of_spec[cell->spec]];
}

/* A sample whose result is not the workload's is recorded, and as a failure. A runtime of its own
 * asks for more than a workload does: for its classes, for one. */
static void judge(const struct pab_experiment_state *state, const struct pab_cell *cell,
                  struct pab_outcome *outcome)
{
    const struct pab_demand_known *known = demand_of_cell(state, cell);
    bool timed = cell->pass == PAB_PASS_TIME;
    unsigned caps = state->plan->specs[cell->spec]->backend->caps;
    bool asks_alike = timed || (caps & PAB_CAP_RUNTIME) != 0 ||
                      outcome->memory.request_hash == known->memory.request_hash;
    uint64_t expected = timed ? known->time.checksum : known->memory.checksum;
    uint64_t got = timed ? outcome->time.checksum : outcome->memory.checksum;
    char message[256];
    if (got != expected) {
        snprintf(message, sizeof(message),
                 "its result has checksum %016llx, not %016llx: the allocator lost or mixed up "
                 "bytes",
                 (unsigned long long)got, (unsigned long long)expected);
        pab_experiment_set_failure(outcome, "checksum", message);
    } else if (!asks_alike) {
        pab_experiment_set_failure(outcome, "requests",
                                   "the workload asked for other blocks than in its demand pass");
    }
}

/* A library that was replaced on the disk since the probe, or a setting that changed, would put two
 * allocators under one name. */
static void hold_identity(const struct pab_experiment_state *state, const struct pab_cell *cell,
                          struct pab_outcome *outcome)
{
    const struct pab_spec *spec = state->plan->specs[cell->spec];
    json_t *now = pab_backend_to_json(spec, outcome);
    const json_t *then = pab_experiment_known(state, "backends", spec->id);
    if (!json_equal(json_object_get(now, "identity"), json_object_get(then, "identity")) ||
        !json_equal(json_object_get(now, "raw"), json_object_get(then, "raw"))) {
        pab_experiment_set_failure(outcome, "identity",
                                   "it is not the allocator that was probed when the run began");
    }
    json_decref(now);
}

/* All that one cell gave, as one line of the journal: kept or lost together. */
static enum pab_status record_cell(struct pab_experiment_state *state,
                                   const struct pab_flight *flight, const struct pab_outcome *ended,
                                   struct pab_error *err)
{
    struct pab_outcome outcome = *ended;
    const struct pab_cell *cell = &flight->cell;
    struct pab_sample_context context = {
        .plan = state->plan,
        .cell = cell,
        .demand = demand_of_cell(state, cell),
        .started_ms = flight->started_ms,
    };
    json_t *line = json_object();
    if (outcome.ok) {
        hold_identity(state, cell, &outcome);
    }
    if (outcome.ok) {
        judge(state, cell, &outcome);
        json_object_set_new(line, "samples", pab_sample_to_json(&context, &outcome));
        state->result->samples++;
        if (cell->pass == PAB_PASS_MEMORY && cell->round == 0) {
            json_object_set_new(line, "timelines", pab_timeline_to_json(&context, &outcome));
        }
    }
    if (!outcome.ok) {
        json_object_set_new(line, "failures",
                            pab_experiment_failure(state, cell, cell->spec, &outcome));
    }
    pab_progress_step(&state->progress, weight_of(cell->pass));
    return pab_journal_add(state->journal, line, err);
}

/* Takes every flight that has ended out of the list and records it. */
static enum pab_status land(struct pab_experiment_state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < state->flight_count;) {
        struct pab_flight *flight = &state->flights[i];
        if (pab_worker_state(flight->worker) != PAB_WORKER_ENDED) {
            i++;
            continue;
        }
        if (status == PAB_OK) {
            status = record_cell(state, flight, pab_worker_outcome(flight->worker), err);
        }
        pab_worker_destroy(flight->worker);
        state->flights[i] = state->flights[--state->flight_count];
    }
    return status;
}

static bool is_running(const struct pab_experiment_state *state)
{
    for (size_t i = 0; i < state->flight_count; i++) {
        if (pab_worker_state(state->flights[i].worker) == PAB_WORKER_RUNNING) {
            return true;
        }
    }
    return false;
}

/* Waits until no worker runs (lingering ones do not count) or, with `all`, until none is left. */
static enum pab_status wait_for_flights(struct pab_experiment_state *state, bool all,
                                        struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    while (status == PAB_OK && !pab_experiment_interrupted(state) &&
           (is_running(state) || (all && state->flight_count > 0) ||
            state->flight_count == PAB_WORKERS_MAX)) {
        struct pab_worker *workers[PAB_WORKERS_MAX];
        for (size_t i = 0; i < state->flight_count; i++) {
            workers[i] = state->flights[i].worker;
        }
        pab_workers_poll(workers, state->flight_count, 100);
        status = land(state, err);
    }
    return status;
}

/* At the end, or when the run is interrupted: a lingering worker has measured all but what is
 * given back later, so its sample is kept; one that still runs is lost. */
static enum pab_status drop_flights(struct pab_experiment_state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    while (state->flight_count > 0) {
        struct pab_flight *flight = &state->flights[--state->flight_count];
        if (status == PAB_OK && pab_worker_has_measured(flight->worker)) {
            status = record_cell(state, flight, pab_worker_cut_short(flight->worker), err);
        }
        pab_worker_destroy(flight->worker);
    }
    return status;
}

static enum pab_status start_cell(struct pab_experiment_state *state, const struct pab_cell *cell,
                                  struct pab_error *err)
{
    const struct pab_plan *plan = state->plan;
    const struct pab_planned_workload *planned = &plan->workloads[cell->workload];
    bool timed = cell->pass == PAB_PASS_TIME;
    struct pab_job job = pab_experiment_job(state, timed ? PAB_JOB_TIME : PAB_JOB_MEMORY,
                                            plan->specs[cell->spec]->id, planned->workload->name);
    memcpy(job.params, timed ? planned->params : planned->memory_params, sizeof(job.params));
    job.min_time_s = plan->preset->min_time_s;
    job.reps = plan->preset->reps;
    if (!timed) {
        job.retain_count = (uint32_t)plan->preset->retain_count;
        memcpy(job.retain_ms, plan->preset->retain_ms, sizeof(job.retain_ms));
        job.tick_calls = demand_of_cell(state, cell)->memory.tick_calls;
    }
    struct pab_launch launch = {
        .spec = plan->specs[cell->spec],
        .job = &job,
        .pad_bytes = cell->pad_bytes,
        .timeout_ms = (uint64_t)(1000 * plan->timeout_s),
    };
    struct pab_flight *flight = &state->flights[state->flight_count];
    flight->cell = *cell;
    flight->started_ms = (pab_wall_ns() - state->began_ns) / 1000000u;
    enum pab_status status = pab_worker_start(&launch, &flight->worker, err);
    state->flight_count += status == PAB_OK;
    return status;
}

static enum pab_status run_cell(struct pab_experiment_state *state, const struct pab_cell *cell,
                                struct pab_error *err)
{
    char what[KEY_BYTES];
    cell_key(state, cell, what, sizeof(what));
    pab_progress_show(&state->progress, what);
    enum pab_status status = pab_journal_reserve(state->journal, err);
    if (status == PAB_OK) {
        status = start_cell(state, cell, err);
    }
    return status == PAB_OK ? wait_for_flights(state, false, err) : status;
}

/* Every round of a pass; each runs each cell once, in an order of its own. */
static enum pab_status run_pass(struct pab_experiment_state *state, enum pab_pass pass,
                                unsigned rounds, struct pab_error *err)
{
    static struct pab_cell cells[PAB_PLAN_WORKLOADS_MAX * PAB_PLAN_BACKENDS_MAX];
    enum pab_status status = PAB_OK;
    for (unsigned round = 0; round < rounds; round++) {
        size_t count = pab_plan_round(state->plan, pass, round, cells);
        for (size_t i = 0; i < count && status == PAB_OK && !pab_experiment_interrupted(state);
             i++) {
            if (is_wanted(state, &cells[i])) {
                status = run_cell(state, &cells[i], err);
            } else {
                pab_progress_skip(&state->progress, weight_of(pass));
            }
        }
    }
    return status == PAB_OK ? wait_for_flights(state, true, err) : status;
}

static enum pab_status run_all(struct pab_experiment_state *state, struct pab_error *err)
{
    const struct pab_plan *plan = state->plan;
    size_t cells = plan->spec_count * plan->workload_count;
    pab_progress_begin(&state->progress, state->experiment->quiet);
    if ((plan->passes & PAB_PASS_TIME) != 0) {
        pab_progress_expect(&state->progress, cells * plan->rounds, TIME_WEIGHT);
    }
    if ((plan->passes & PAB_PASS_MEMORY) != 0) {
        pab_progress_expect(&state->progress, cells * plan->memory_rounds, MEMORY_WEIGHT);
    }
    read_done(state);
    enum pab_status status = pab_experiment_probe(state, err);
    if (status == PAB_OK && state->result->backends_available > 0) {
        status = pab_experiment_demand(state, err);
    }
    if (status == PAB_OK && (plan->passes & PAB_PASS_TIME) != 0) {
        status = run_pass(state, PAB_PASS_TIME, plan->rounds, err);
    }
    if (status == PAB_OK && (plan->passes & PAB_PASS_MEMORY) != 0) {
        status = run_pass(state, PAB_PASS_MEMORY, plan->memory_rounds, err);
    }
    return status;
}

enum pab_status pab_experiment_run(const struct pab_experiment *experiment,
                                   struct pab_experiment_result *result, struct pab_error *err)
{
    memset(result, 0, sizeof(*result));
    struct pab_experiment_state *state = calloc(1, sizeof(*state));
    PAB_CHECK(state != NULL);
    state->experiment = experiment;
    state->plan = experiment->plan;
    state->journal = experiment->journal;
    state->result = result;
    state->began_ns = pab_wall_ns();
    state->done = json_object();
    pab_gc_variants_find(&state->variants, experiment->plan);
    state->demand =
        calloc(experiment->plan->workload_count * state->variants.count, sizeof(*state->demand));
    PAB_CHECK(state->demand != NULL);
    enum pab_status status = run_all(state, err);
    enum pab_status dropped = drop_flights(state, status == PAB_OK ? err : NULL);
    status = status == PAB_OK ? dropped : status;
    pab_progress_clear(&state->progress);
    json_decref(state->done);
    free(state->demand);
    free(state);
    return status;
}
