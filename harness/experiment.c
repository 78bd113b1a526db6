#include "harness/experiment.h"

#include "harness/experiment_state.h"
#include "harness/room.h"
#include "harness/self.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define CONTROL_MARK PAB_CONTROL_PASS " " /* in a cell's key */
#define KEY_BYTES    (PAB_ARM_ID_MAX + 2 * PAB_NAME_MAX)

/* --- cells ---------------------------------------------------------------------------------- */

static void cell_key(const struct pab_experiment_state *state, const struct pab_cell *cell,
                     char *out, size_t size)
{
    snprintf(out, size, "%s%s/%u/%s/%s", cell->is_control ? CONTROL_MARK : "", cell->pass->name,
             cell->round, state->plan->workloads[cell->workload].id,
             state->plan->arms[cell->arm].id);
}

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, wanted) == 0;
}

/* The cell that a row of failures names, if it is one of the plan's. */
static void mark_bad(struct pab_experiment_state *state, const json_t *failure)
{
    const char *name = json_string_value(json_object_get(failure, "pass"));
    const struct pab_pass *known = name == NULL ? NULL : pab_pass_find(name);
    bool is_control = is_text(failure, "pass", PAB_CONTROL_PASS);
    size_t pass = known == NULL ? 0 : pab_pass_index(known);
    for (size_t w = 0; w < state->plan->workload_count; w++) {
        bool named = is_text(failure, "workload", state->plan->workloads[w].id);
        state->control_bad[w] |= named && is_control;
        for (size_t s = 0; named && known != NULL && s < state->plan->arm_count; s++) {
            state->cell_bad[pass][w][s] |= is_text(failure, "backend", state->plan->arms[s].id);
        }
    }
}

static bool is_of_plan(const struct pab_experiment_state *state, const char *pass)
{
    const struct pab_pass *known = pab_pass_find(pass);
    return known != NULL && pab_plan_has(state->plan, known);
}

static void read_rows(struct pab_experiment_state *state, const char *array, const char *mark)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(pab_journal_array(state->journal, array), index, row)
    {
        const char *pass = NULL;
        const char *workload = NULL;
        const char *backend = NULL;
        int round = 0;
        json_int_t started_ms = 0;
        if (json_unpack(row, "{s:s, s:i, s:s, s:s, s:I}", "pass", &pass, "round", &round,
                        "workload", &workload, "backend", &backend, "started_ms",
                        &started_ms) == 0) {
            char key[KEY_BYTES];
            snprintf(key, sizeof(key), "%s%s/%u/%s/%s", mark, pass, (unsigned)round, workload,
                     backend);
            json_object_set_new(state->done, key, json_true());
            bool is_later = started_ms > 0 && (uint64_t)started_ms > state->earlier_ms;
            if (is_later && is_of_plan(state, pass)) {
                state->earlier_ms = (uint64_t)started_ms;
            }
        }
    }
}

/* What a resumed journal holds: samples by key, and which cells failed already. */
static void read_done(struct pab_experiment_state *state)
{
    read_rows(state, "samples", "");
    read_rows(state, "control", CONTROL_MARK);
    size_t index = 0;
    json_t *row = NULL;
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
    return state->backend_good[cell->arm] && state->workload_good[cell->workload] &&
           !(cell->is_control && state->control_bad[cell->workload]) &&
           !state->cell_bad[pab_pass_index(cell->pass)][cell->workload][cell->arm] &&
           json_object_get(state->done, key) == NULL;
}

static const struct pab_demand_known *known_of_cell(const struct pab_experiment_state *state,
                                                    const struct pab_cell *cell)
{
    return &pab_experiment_demand_of(state, cell->workload)[state->variants.of_spec[cell->arm]];
}

/* What the cell's workload must give with its pass's parameters and its backend's settings. */
static const struct pab_demand *demand_of_cell(const struct pab_experiment_state *state,
                                               const struct pab_cell *cell)
{
    const struct pab_demand_known *known = known_of_cell(state, cell);
    return (cell->pass->flags & PAB_PASS_LARGE) != 0 ? &known->memory : &known->time;
}

/* What a good outcome says of its body, wherever its pass says it. */
static struct pab_body_note body_of(const struct pab_pass *pass, const struct pab_outcome *outcome)
{
    if (pass == &pab_pass_time) {
        return (struct pab_body_note){.checksum = outcome->time.checksum};
    }
    if (pass == &pab_pass_memory) {
        return (struct pab_body_note){.checksum = outcome->memory.checksum,
                                      .request_hash = outcome->memory.request_hash};
    }
    return outcome->body;
}

/* A sample whose result is not the workload's is recorded, and as a failure. A runtime of its own
 * asks for more than a workload does: for its classes, for one. */
static void judge(const struct pab_experiment_state *state, const struct pab_cell *cell,
                  struct pab_outcome *outcome)
{
    const struct pab_demand *known = demand_of_cell(state, cell);
    struct pab_body_note body = body_of(cell->pass, outcome);
    unsigned caps = state->plan->arms[cell->arm].spec->backend->caps;
    bool asks_alike = (cell->pass->flags & PAB_PASS_HOLDS_HASH) == 0 ||
                      (caps & PAB_CAP_RUNTIME) != 0 || body.request_hash == known->request_hash;
    char message[256];
    if (body.checksum != known->checksum) {
        snprintf(message, sizeof(message),
                 "its result has checksum %016llx, not %016llx: the allocator lost or mixed up "
                 "bytes",
                 (unsigned long long)body.checksum, (unsigned long long)known->checksum);
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
    const struct pab_arm *arm = &state->plan->arms[cell->arm];
    json_t *now = pab_backend_to_json(arm, outcome);
    const json_t *then = pab_experiment_known(state, "backends", arm->id);
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
        .demand = known_of_cell(state, cell),
        .started_ms = flight->started_ms,
    };
    json_t *line = json_object();
    if (outcome.ok) {
        hold_identity(state, cell, &outcome);
    }
    if (outcome.ok) {
        judge(state, cell, &outcome);
        json_object_set_new(line, cell->is_control ? "control" : "samples",
                            pab_sample_to_json(&context, &outcome));
        state->result->samples++;
        if (cell->pass == &pab_pass_memory && cell->round == 0) {
            json_object_set_new(line, "timelines", pab_timeline_to_json(&context, &outcome));
        }
    }
    if (!outcome.ok) {
        json_object_set_new(line, "failures",
                            pab_experiment_failure(state, cell, cell->arm, &outcome));
    }
    pab_progress_step(&state->progress, cell->pass->weight);
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

static struct pab_job job_of_cell(const struct pab_experiment_state *state,
                                  const struct pab_cell *cell)
{
    const struct pab_plan *plan = state->plan;
    const struct pab_planned_workload *planned = &plan->workloads[cell->workload];
    const struct pab_demand *demand = demand_of_cell(state, cell);
    bool large = (cell->pass->flags & PAB_PASS_LARGE) != 0;
    struct pab_job job =
        pab_experiment_job(state, PAB_JOB_PASS, plan->arms[cell->arm].spec->id, "");
    pab_experiment_set_workload(&job, planned->workload);
    snprintf(job.pass, sizeof(job.pass), "%s", cell->pass->name);
    memcpy(job.params, large ? planned->memory_params : planned->params, sizeof(job.params));
    job.min_time_s = plan->preset->min_time_s;
    job.reps = plan->preset->reps;
    job.tick_calls = demand->tick_calls;
    job.peak_calls = demand->peak_calls;
    job.peak_live_bytes = demand->peak_live_bytes;
    job.age = pab_age_of(planned->age_percent, demand->peak_live_bytes, &demand->sizes);
    if (cell->pass == &pab_pass_memory) {
        job.retain_count = (uint32_t)plan->preset->retain_count;
        memcpy(job.retain_ms, plan->preset->retain_ms, sizeof(job.retain_ms));
    }
    return job;
}

static enum pab_status start_cell(struct pab_experiment_state *state, const struct pab_cell *cell,
                                  struct pab_error *err)
{
    struct pab_job job = job_of_cell(state, cell);
    const struct pab_arm *arm = &state->plan->arms[cell->arm];
    struct pab_launch launch = {
        .spec = arm->spec,
        .job = &job,
        .pass = cell->pass,
        .binary = arm->binary,
        .pad_bytes = cell->pad_bytes,
        .timeout_ms = (uint64_t)(1000 * state->plan->timeout_s * cell->pass->patience),
    };
    struct pab_flight *flight = &state->flights[state->flight_count];
    flight->cell = *cell;
    flight->started_ms = (pab_wall_ns() - state->began_ns) / 1000000u;
    enum pab_status status = pab_worker_start(&launch, &flight->worker, err);
    state->flight_count += status == PAB_OK;
    return status;
}

/* A cell that this machine is too small for is not started. */
static enum pab_status refuse_cell(struct pab_experiment_state *state, const struct pab_cell *cell,
                                   const char *why, struct pab_error *err)
{
    struct pab_outcome outcome = {.ok = false};
    pab_experiment_set_failure(&outcome, "oom", why);
    pab_progress_step(&state->progress, cell->pass->weight);
    return pab_journal_add_one(state->journal, "failures",
                               pab_experiment_failure(state, cell, cell->arm, &outcome), err);
}

static enum pab_status run_cell(struct pab_experiment_state *state, const struct pab_cell *cell,
                                struct pab_error *err)
{
    char what[KEY_BYTES];
    char why[256];
    cell_key(state, cell, what, sizeof(what));
    pab_progress_show(&state->progress, what);
    if (pab_room_lacks(demand_of_cell(state, cell)->peak_live_bytes, why, sizeof(why))) {
        return refuse_cell(state, cell, why, err);
    }
    enum pab_status status = pab_journal_reserve(state->journal, err);
    if (status == PAB_OK) {
        status = start_cell(state, cell, err);
    }
    return status == PAB_OK ? wait_for_flights(state, false, err) : status;
}

/* --- rounds --------------------------------------------------------------------------------- */

/* Runs each cell of a round once, in the plan's order. */
static enum pab_status run_round(struct pab_experiment_state *state, const struct pab_pass *pass,
                                 unsigned round, struct pab_error *err)
{
    static struct pab_cell cells[PAB_PLAN_CELLS_MAX];
    enum pab_status status = PAB_OK;
    size_t count = pab_plan_round(state->plan, pass, round, cells);
    struct pab_round_state so_far = {.began_ns = pab_wall_ns()};
    for (size_t i = 0; i < count && status == PAB_OK && !pab_experiment_interrupted(state); i++) {
        so_far.left = count - i - 1;
        if (is_wanted(state, &cells[i])) {
            status = run_cell(state, &cells[i], err);
            so_far.run++;
            pab_experiment_mind_budget(state, pass, &so_far);
        } else {
            pab_progress_skip(&state->progress, pass->weight);
        }
    }
    double *seconds = &state->pass_seconds[pab_pass_index(pass)];
    if (so_far.run > 0 && *seconds <= 0) {
        *seconds = (double)(pab_wall_ns() - so_far.began_ns) * 1e-9;
    }
    return status;
}

/* The rounds first..end of every pass that has (`timed`), or has not, as many as time has. */
static enum pab_status run_rounds(struct pab_experiment_state *state, bool timed, unsigned first,
                                  unsigned end, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < pab_pass_count() && status == PAB_OK; i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        bool is_timed = (pass->flags & PAB_PASS_ROUNDS) != 0;
        unsigned rounds = pab_plan_rounds(state->plan, pass);
        if (!pab_plan_has(state->plan, pass) || is_timed != timed) {
            continue;
        }
        for (unsigned round = first; round < rounds && round < end && status == PAB_OK &&
                                     !pab_experiment_interrupted(state) &&
                                     (!is_timed || pab_experiment_has_time(state, pass));
             round++) {
            status = run_round(state, pass, round, err);
        }
        if (status == PAB_OK) {
            status = wait_for_flights(state, true, err);
        }
    }
    return status;
}

/* With a budget the other passes go first, once: then it is known what is left for time. */
static enum pab_status run_passes(struct pab_experiment_state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    unsigned made = 0; /* rounds of the others */
    if (state->plan->budget_s > 0) {
        made = pab_experiment_first_round(state->plan) + 1;
        status = run_rounds(state, false, 0, made, err);
    }
    if (status == PAB_OK) {
        status = run_rounds(state, true, 0, UINT_MAX, err);
    }
    return status == PAB_OK ? run_rounds(state, false, made, UINT_MAX, err) : status;
}

static void expect_progress(struct pab_experiment_state *state)
{
    const struct pab_plan *plan = state->plan;
    static struct pab_cell cells[PAB_PLAN_CELLS_MAX];
    pab_progress_begin(&state->progress, state->experiment->quiet);
    if (plan->budget_s > 0) {
        pab_progress_limit(&state->progress,
                           fmax(plan->budget_s - pab_experiment_elapsed_s(state), 0.001));
        return;
    }
    for (size_t i = 0; i < pab_pass_count(); i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        unsigned rounds = pab_plan_has(plan, pass) ? pab_plan_rounds(plan, pass) : 0;
        for (unsigned round = 0; round < rounds; round++) {
            pab_progress_expect(&state->progress, pab_plan_round(plan, pass, round, cells),
                                pass->weight);
        }
    }
}

/* The first backend that is to be had in place of the baseline, in a gate of its side; a floor, which
 * takes no part, only where there is nothing else. `arm_count`: there is none. */
static size_t find_substitute(const struct pab_experiment_state *state)
{
    const struct pab_plan *plan = state->plan;
    size_t floor = plan->arm_count;
    for (size_t i = 0; i < plan->arm_count; i++) {
        const struct pab_arm *arm = &plan->arms[i];
        bool is_alike = arm->role == plan->arms[plan->baseline].role;
        if (is_alike && state->backend_good[i] && (arm->spec->backend->caps & PAB_CAP_FAKE) == 0) {
            return i;
        }
        floor = is_alike && state->backend_good[i] && floor == plan->arm_count ? i : floor;
    }
    return floor;
}

/* Where the baseline is not to be had, another takes its place, and the journal says so. */
static enum pab_status replace_baseline(struct pab_experiment_state *state, struct pab_error *err)
{
    const struct pab_plan *plan = state->plan;
    size_t next = find_substitute(state);
    if (next == plan->arm_count) {
        return PAB_OK;
    }
    const char *id = plan->arms[next].id;
    pab_progress_clear(&state->progress);
    fprintf(stderr, "pyallocbench: ratios refer to %s: the baseline %s is not to be had here\n", id,
            plan->arms[plan->baseline].id);
    state->own_plan.baseline = next;
    bool is_known = json_array_size(pab_journal_array(state->journal, "baseline")) > 0;
    return is_known
               ? PAB_OK
               : pab_journal_add_one(state->journal, "baseline", json_pack("{s:s}", "id", id), err);
}

/* What all that follows refers to. */
static enum pab_status settle_baseline(struct pab_experiment_state *state, struct pab_error *err)
{
    bool is_needed = !pab_experiment_interrupted(state) && state->result->backends_available > 0 &&
                     !state->backend_good[state->plan->baseline];
    enum pab_status status = is_needed ? replace_baseline(state, err) : PAB_OK;
    pab_gc_variants_find(&state->variants, state->plan);
    state->demand =
        calloc(state->plan->workload_count * state->variants.count, sizeof(*state->demand));
    PAB_CHECK(state->demand != NULL);
    return status;
}

static enum pab_status run_all(struct pab_experiment_state *state, struct pab_error *err)
{
    read_done(state);
    state->began_ns -= state->earlier_ms * 1000000u; /* a resumed run goes on where it was */
    expect_progress(state);
    enum pab_status status = pab_experiment_probe(state, err);
    if (status == PAB_OK) {
        status = settle_baseline(state, err);
    }
    if (status == PAB_OK && state->result->backends_available > 0) {
        status = pab_experiment_demand(state, err);
    }
    return status == PAB_OK ? run_passes(state, err) : status;
}

enum pab_status pab_experiment_run(const struct pab_experiment *experiment,
                                   struct pab_experiment_result *result, struct pab_error *err)
{
    memset(result, 0, sizeof(*result));
    struct pab_experiment_state *state = calloc(1, sizeof(*state));
    PAB_CHECK(state != NULL);
    state->experiment = experiment;
    state->own_plan = *experiment->plan;
    state->plan = &state->own_plan;
    state->journal = experiment->journal;
    state->result = result;
    state->began_ns = pab_wall_ns();
    state->done = json_object();
    enum pab_status status = run_all(state, err);
    enum pab_status dropped = drop_flights(state, status == PAB_OK ? err : NULL);
    status = status == PAB_OK ? dropped : status;
    pab_progress_clear(&state->progress);
    json_decref(state->done);
    free(state->demand);
    free(state);
    return status;
}
