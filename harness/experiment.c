#include "harness/experiment.h"

#include "harness/progress.h"
#include "harness/runner.h"
#include "harness/sample.h"
#include "harness/self.h"

#include <string.h>

#define PROBE_TIMEOUT_MS 10000 /* opening a library or a small check: a hang, if not done by then */
#define TIME_WEIGHT      1.0
#define MEMORY_WEIGHT    8.0

/* A cell whose worker was started: kept until it has told everything. */
struct flight {
    struct pab_worker *worker;
    struct pab_cell cell;
    uint64_t started_ms;
};

struct state {
    const struct pab_experiment *experiment;
    const struct pab_plan *plan;
    struct pab_journal *journal;
    struct pab_experiment_result *result;
    struct pab_progress progress;
    struct pab_demand_known *demand; /* by workload */
    bool backend_good[PAB_PLAN_BACKENDS_MAX];
    bool workload_good[PAB_PLAN_WORKLOADS_MAX];
    bool cell_bad[2][PAB_PLAN_WORKLOADS_MAX][PAB_PLAN_BACKENDS_MAX]; /* failed once: by pass */
    json_t *done; /* keys of cells that the journal holds already */
    struct flight flights[PAB_WORKERS_MAX];
    size_t flight_count;
    uint64_t began_ns;
};

static size_t pass_index(enum pab_pass pass)
{
    return pass == PAB_PASS_TIME ? 0 : 1;
}

static double weight_of(enum pab_pass pass)
{
    return pass == PAB_PASS_TIME ? TIME_WEIGHT : MEMORY_WEIGHT;
}

static bool interrupted(const struct state *state)
{
    return *state->experiment->interrupted != 0;
}

/* --- failures ------------------------------------------------------------------------------- */

static void say_failure(const struct state *state, const char *where, const char *kind,
                        const char *message)
{
    pab_progress_clear(&state->progress);
    fprintf(stderr, "pyallocbench: %s: %s: %s\n", where, kind, message);
}

static enum pab_status record_failure(struct state *state, const struct pab_cell *cell, size_t spec,
                                      const struct pab_outcome *outcome, struct pab_error *err)
{
    const char *backend = state->plan->specs[spec]->id;
    char where[PAB_SPEC_MAX + PAB_NAME_MAX + 32];
    if (cell != NULL) {
        snprintf(where, sizeof(where), "%s on %s",
                 state->plan->workloads[cell->workload].workload->name, backend);
        state->cell_bad[pass_index(cell->pass)][cell->workload][spec] = true;
    } else {
        snprintf(where, sizeof(where), "backend %s", backend);
    }
    say_failure(state, where, outcome->kind, outcome->message);
    state->result->failures++;
    return pab_journal_add(
        state->journal, "failures",
        pab_failure_to_json(state->plan, cell, backend, outcome->kind, outcome->message), err);
}

static void set_failure(struct pab_outcome *outcome, const char *kind, const char *message)
{
    outcome->ok = false;
    snprintf(outcome->kind, sizeof(outcome->kind), "%s", kind);
    snprintf(outcome->message, sizeof(outcome->message), "%s", message);
}

/* --- probing backends ----------------------------------------------------------------------- */

static void make_job(const struct state *state, struct pab_job *job, enum pab_job_kind kind,
                     const char *backend, const char *subject)
{
    memset(job, 0, sizeof(*job));
    job->kind = kind;
    job->seed = state->plan->seed;
    snprintf(job->backend, sizeof(job->backend), "%s", backend);
    snprintf(job->subject, sizeof(job->subject), "%s", subject);
}

/* Runs one job alone; the outcome is copied out (without its curve). */
static enum pab_status run_alone(struct state *state, const struct pab_spec *spec,
                                 const struct pab_job *job, uint64_t timeout_ms,
                                 struct pab_outcome *out, struct pab_error *err)
{
    struct pab_launch launch = {.spec = spec, .job = job, .timeout_ms = timeout_ms};
    struct pab_worker *worker = NULL;
    enum pab_status status = pab_worker_run(&launch, state->experiment->interrupted, &worker, err);
    if (status == PAB_OK) {
        *out = *pab_worker_outcome(worker);
        out->curve = NULL;
        pab_worker_destroy(worker);
    }
    return status;
}

static enum pab_status run_preflight(struct state *state, size_t spec, bool *good,
                                     struct pab_error *err)
{
    static const char *const verdicts[] = {"pass", "deviation", "fail", "skip"};
    for (size_t i = 0; i < pab_check_count() && !interrupted(state); i++) {
        const struct pab_check *check = pab_check_at(i);
        if ((check->flags & PAB_CHECK_PREFLIGHT) == 0) {
            continue;
        }
        struct pab_job job;
        struct pab_outcome outcome;
        make_job(state, &job, PAB_JOB_CHECK, state->plan->specs[spec]->id, check->id);
        enum pab_status status =
            run_alone(state, state->plan->specs[spec], &job, PROBE_TIMEOUT_MS, &outcome, err);
        if (status != PAB_OK || interrupted(state)) {
            return status;
        }
        enum pab_verdict verdict = outcome.ok ? outcome.verdict.verdict : PAB_FAIL;
        if (outcome.ok && verdict == PAB_FAIL) {
            char message[512];
            snprintf(message, sizeof(message), "%s (%s): %s", check->id, check->summary,
                     outcome.verdict.reason);
            set_failure(&outcome, "preflight", message);
        }
        status = pab_journal_add(state->journal, "checks",
                                 json_pack("{s:s, s:s, s:s, s:s}", "backend",
                                           state->plan->specs[spec]->id, "check", check->id,
                                           "verdict", verdicts[verdict], "reason",
                                           outcome.ok ? outcome.verdict.reason : outcome.message),
                                 err);
        if (status == PAB_OK && verdict == PAB_FAIL) {
            *good = false;
            return record_failure(state, NULL, spec, &outcome, err);
        }
        if (status != PAB_OK) {
            return status;
        }
    }
    return PAB_OK;
}

/* A backend of the default set that is not installed is no failure: it is skipped and said so. */
static enum pab_status skip_unavailable(struct state *state, size_t spec,
                                        const struct pab_outcome *outcome)
{
    pab_progress_clear(&state->progress);
    fprintf(stderr, "pyallocbench: skipping backend %s: %s\n", state->plan->specs[spec]->id,
            outcome->message);
    return PAB_OK;
}

static enum pab_status probe_backend(struct state *state, size_t index, struct pab_error *err)
{
    const struct pab_spec *spec = state->plan->specs[index];
    struct pab_job job;
    struct pab_outcome outcome;
    make_job(state, &job, PAB_JOB_PROBE, spec->id, "");
    enum pab_status status = run_alone(state, spec, &job, PROBE_TIMEOUT_MS, &outcome, err);
    if (status != PAB_OK || interrupted(state)) {
        return status;
    }
    bool good = outcome.ok;
    bool missing = !good && strcmp(outcome.kind, "unavailable") == 0;
    if (missing && !state->plan->is_explicit[index]) {
        status = skip_unavailable(state, index, &outcome);
    } else if (!good) {
        status = record_failure(state, NULL, index, &outcome, err);
    } else {
        status = run_preflight(state, index, &good, err);
    }
    if (status != PAB_OK || interrupted(state)) {
        return status;
    }
    state->backend_good[index] = good;
    if (!good && outcome.ok) {
        set_failure(&outcome, "preflight", "it failed a pre-flight check");
    }
    return pab_journal_add(state->journal, "backends", pab_backend_to_json(spec, &outcome), err);
}

static json_t *find_by_id(const struct state *state, const char *kind, const char *id)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(pab_journal_array(state->journal, kind), index, item)
    {
        const char *name = json_string_value(json_object_get(item, "id"));
        if (name != NULL && strcmp(name, id) == 0) {
            return item;
        }
    }
    return NULL;
}

static enum pab_status probe_all(struct state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < state->plan->spec_count && !interrupted(state);
         i++) {
        const json_t *known = find_by_id(state, "backends", state->plan->specs[i]->id);
        pab_progress_show(&state->progress, "proving what each backend is");
        if (known == NULL) {
            status = probe_backend(state, i, err);
        } else {
            const char *what = json_string_value(json_object_get(known, "status"));
            state->backend_good[i] = what != NULL && strcmp(what, "ok") == 0;
        }
        state->result->backends_available += state->backend_good[i];
    }
    return status;
}

/* --- demand --------------------------------------------------------------------------------- */

static enum pab_status demand_once(struct state *state, size_t index, const uint64_t *params,
                                   struct pab_demand *out, struct pab_outcome *outcome,
                                   struct pab_error *err)
{
    struct pab_demand_known *known = &state->demand[index];
    struct pab_spec *spec = NULL;
    struct pab_job job;
    make_job(state, &job, PAB_JOB_DEMAND, "system", state->plan->workloads[index].workload->name);
    memcpy(job.params, params, sizeof(job.params));
    enum pab_status status = pab_spec_parse("system", &spec, err);
    if (status != PAB_OK) {
        return status;
    }
    struct pab_launch launch = {
        .spec = spec, .job = &job, .timeout_ms = (uint64_t)(10000 * state->plan->timeout_s)};
    struct pab_worker *worker = NULL;
    status = pab_worker_run(&launch, state->experiment->interrupted, &worker, err);
    if (status == PAB_OK) {
        const struct pab_outcome *got = pab_worker_outcome(worker);
        *outcome = *got;
        *out = got->demand;
        known->curve_count = got->curve_count;
        memcpy(known->curve, got->curve, got->curve_count * sizeof(*got->curve));
        pab_worker_destroy(worker);
    }
    pab_spec_destroy(spec);
    return status;
}

static enum pab_status demand_of(struct state *state, size_t index, struct pab_error *err)
{
    const struct pab_planned_workload *planned = &state->plan->workloads[index];
    struct pab_demand_known *known = &state->demand[index];
    struct pab_outcome outcome;
    char what[PAB_NAME_MAX + 32];
    snprintf(what, sizeof(what), "demand of %s", planned->workload->name);
    pab_progress_show(&state->progress, what);
    enum pab_status status =
        demand_once(state, index, planned->params, &known->time, &outcome, err);
    bool same = memcmp(planned->params, planned->memory_params, sizeof(planned->params)) == 0;
    if (status == PAB_OK && outcome.ok && same) {
        known->memory = known->time;
    } else if (status == PAB_OK && outcome.ok) {
        status = demand_once(state, index, planned->memory_params, &known->memory, &outcome, err);
    }
    if (status != PAB_OK || interrupted(state)) {
        return status;
    }
    if (outcome.ok && (known->time.end_blocks != 0 || known->memory.end_blocks != 0)) {
        set_failure(&outcome, "internal", "it leaves blocks behind");
    }
    state->workload_good[index] = outcome.ok;
    if (outcome.ok) {
        return pab_journal_add(state->journal, "workloads", pab_workload_to_json(planned, known),
                               err);
    }
    char where[PAB_NAME_MAX + 16];
    snprintf(where, sizeof(where), "workload %s", planned->workload->name);
    say_failure(state, where, outcome.kind, outcome.message);
    state->result->failures++;
    json_t *row = pab_failure_to_json(state->plan, NULL, "system", outcome.kind, outcome.message);
    json_object_set_new(row, "workload", json_string(planned->workload->name));
    json_object_set_new(row, "backend", json_null());
    return pab_journal_add(state->journal, "failures", row, err);
}

static enum pab_status demand_all(struct state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < state->plan->workload_count && !interrupted(state);
         i++) {
        const json_t *json =
            find_by_id(state, "workloads", state->plan->workloads[i].workload->name);
        if (json != NULL) {
            state->workload_good[i] = pab_workload_from_json(json, &state->demand[i]);
        } else {
            status = demand_of(state, i, err);
        }
    }
    return status;
}

/* --- cells ---------------------------------------------------------------------------------- */

static void cell_key(const struct state *state, const struct pab_cell *cell, char *out, size_t size)
{
    snprintf(out, size, "%s/%u/%s/%s", pab_pass_name(cell->pass), cell->round,
             state->plan->workloads[cell->workload].workload->name,
             state->plan->specs[cell->spec]->id);
}

/* What a resumed journal holds: samples by key, and which cells failed already. */
static void read_done(struct state *state)
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
            char key[PAB_SPEC_MAX + 2 * PAB_NAME_MAX];
            snprintf(key, sizeof(key), "%s/%u/%s/%s", pass, (unsigned)round, workload, backend);
            json_object_set_new(state->done, key, json_true());
        }
    }
    json_array_foreach(pab_journal_array(state->journal, "failures"), index, row)
    {
        state->result->failures++;
        for (size_t w = 0; w < state->plan->workload_count; w++) {
            for (size_t s = 0; s < state->plan->spec_count; s++) {
                const char *pass = json_string_value(json_object_get(row, "pass"));
                const char *workload = json_string_value(json_object_get(row, "workload"));
                const char *backend = json_string_value(json_object_get(row, "backend"));
                if (pass != NULL && workload != NULL && backend != NULL &&
                    strcmp(workload, state->plan->workloads[w].workload->name) == 0 &&
                    strcmp(backend, state->plan->specs[s]->id) == 0) {
                    size_t which = strcmp(pass, "time") == 0 ? 0 : 1;
                    state->cell_bad[which][w][s] = true;
                }
            }
        }
    }
}

static bool is_wanted(const struct state *state, const struct pab_cell *cell)
{
    char key[PAB_SPEC_MAX + 2 * PAB_NAME_MAX];
    cell_key(state, cell, key, sizeof(key));
    return state->backend_good[cell->spec] && state->workload_good[cell->workload] &&
           !state->cell_bad[pass_index(cell->pass)][cell->workload][cell->spec] &&
           json_object_get(state->done, key) == NULL;
}

/* A sample whose result is not the workload's is recorded, and as a failure. */
static void judge(const struct state *state, const struct pab_cell *cell,
                  struct pab_outcome *outcome)
{
    const struct pab_demand_known *known = &state->demand[cell->workload];
    bool timed = cell->pass == PAB_PASS_TIME;
    uint64_t expected = timed ? known->time.checksum : known->memory.checksum;
    uint64_t got = timed ? outcome->time.checksum : outcome->memory.checksum;
    char message[256];
    if (got != expected) {
        snprintf(message, sizeof(message),
                 "its result has checksum %016llx, not %016llx: the allocator lost or mixed up "
                 "bytes",
                 (unsigned long long)got, (unsigned long long)expected);
        set_failure(outcome, "checksum", message);
    } else if (!timed && outcome->memory.request_hash != known->memory.request_hash) {
        set_failure(outcome, "requests",
                    "the workload asked for other blocks than in its demand pass");
    }
}

static enum pab_status record_cell(struct state *state, const struct flight *flight,
                                   struct pab_error *err)
{
    struct pab_outcome outcome = *pab_worker_outcome(flight->worker);
    const struct pab_cell *cell = &flight->cell;
    struct pab_sample_context context = {
        .plan = state->plan,
        .cell = cell,
        .demand = &state->demand[cell->workload],
        .started_ms = flight->started_ms,
    };
    enum pab_status status = PAB_OK;
    if (outcome.ok) {
        judge(state, cell, &outcome);
        status =
            pab_journal_add(state->journal, "samples", pab_sample_to_json(&context, &outcome), err);
        state->result->samples++;
        if (status == PAB_OK && cell->pass == PAB_PASS_MEMORY && cell->round == 0) {
            status = pab_journal_add(state->journal, "timelines",
                                     pab_timeline_to_json(&context, &outcome), err);
        }
    }
    if (status == PAB_OK && !outcome.ok) {
        status = record_failure(state, cell, cell->spec, &outcome, err);
    }
    pab_progress_step(&state->progress, weight_of(cell->pass));
    return status;
}

/* Takes every flight that has ended out of the list and records it. */
static enum pab_status land(struct state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < state->flight_count;) {
        struct flight *flight = &state->flights[i];
        if (pab_worker_state(flight->worker) != PAB_WORKER_ENDED) {
            i++;
            continue;
        }
        if (status == PAB_OK) {
            status = record_cell(state, flight, err);
        }
        pab_worker_destroy(flight->worker);
        state->flights[i] = state->flights[--state->flight_count];
    }
    return status;
}

static bool is_running(const struct state *state)
{
    for (size_t i = 0; i < state->flight_count; i++) {
        if (pab_worker_state(state->flights[i].worker) == PAB_WORKER_RUNNING) {
            return true;
        }
    }
    return false;
}

/* Waits until no worker runs (lingering ones do not count) or, with `all`, until none is left. */
static enum pab_status wait_for_flights(struct state *state, bool all, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    while (status == PAB_OK && !interrupted(state) &&
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

static void drop_flights(struct state *state)
{
    while (state->flight_count > 0) {
        pab_worker_destroy(state->flights[--state->flight_count].worker);
    }
}

static enum pab_status start_cell(struct state *state, const struct pab_cell *cell,
                                  struct pab_error *err)
{
    const struct pab_plan *plan = state->plan;
    const struct pab_planned_workload *planned = &plan->workloads[cell->workload];
    bool timed = cell->pass == PAB_PASS_TIME;
    struct pab_job job;
    make_job(state, &job, timed ? PAB_JOB_TIME : PAB_JOB_MEMORY, plan->specs[cell->spec]->id,
             planned->workload->name);
    memcpy(job.params, timed ? planned->params : planned->memory_params, sizeof(job.params));
    job.min_time_s = plan->preset->min_time_s;
    job.reps = plan->preset->reps;
    if (!timed) {
        job.retain_count = (uint32_t)plan->preset->retain_count;
        memcpy(job.retain_ms, plan->preset->retain_ms, sizeof(job.retain_ms));
        job.tick_calls = state->demand[cell->workload].memory.tick_calls;
    }
    struct pab_launch launch = {
        .spec = plan->specs[cell->spec],
        .job = &job,
        .pad_bytes = cell->pad_bytes,
        .timeout_ms = (uint64_t)(1000 * plan->timeout_s),
    };
    struct flight *flight = &state->flights[state->flight_count];
    flight->cell = *cell;
    flight->started_ms = (pab_wall_ns() - state->began_ns) / 1000000u;
    enum pab_status status = pab_worker_start(&launch, &flight->worker, err);
    state->flight_count += status == PAB_OK;
    return status;
}

static enum pab_status run_cell(struct state *state, const struct pab_cell *cell,
                                struct pab_error *err)
{
    char what[PAB_SPEC_MAX + PAB_NAME_MAX];
    cell_key(state, cell, what, sizeof(what));
    pab_progress_show(&state->progress, what);
    enum pab_status status = pab_journal_reserve(state->journal, err);
    if (status == PAB_OK) {
        status = start_cell(state, cell, err);
    }
    return status == PAB_OK ? wait_for_flights(state, false, err) : status;
}

/* Every round of a pass; each runs each cell once, in an order of its own. */
static enum pab_status run_pass(struct state *state, enum pab_pass pass, unsigned rounds,
                                struct pab_error *err)
{
    static struct pab_cell cells[PAB_PLAN_WORKLOADS_MAX * PAB_PLAN_BACKENDS_MAX];
    enum pab_status status = PAB_OK;
    for (unsigned round = 0; round < rounds; round++) {
        size_t count = pab_plan_round(state->plan, pass, round, cells);
        for (size_t i = 0; i < count && status == PAB_OK && !interrupted(state); i++) {
            if (is_wanted(state, &cells[i])) {
                status = run_cell(state, &cells[i], err);
            } else {
                pab_progress_step(&state->progress, weight_of(pass));
            }
        }
    }
    return status == PAB_OK ? wait_for_flights(state, true, err) : status;
}

static enum pab_status run_all(struct state *state, struct pab_error *err)
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
    enum pab_status status = probe_all(state, err);
    if (status == PAB_OK && state->result->backends_available > 0) {
        status = demand_all(state, err);
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
    struct state *state = calloc(1, sizeof(*state));
    PAB_CHECK(state != NULL);
    state->experiment = experiment;
    state->plan = experiment->plan;
    state->journal = experiment->journal;
    state->result = result;
    state->began_ns = pab_wall_ns();
    state->done = json_object();
    state->demand = calloc(experiment->plan->workload_count, sizeof(*state->demand));
    PAB_CHECK(state->demand != NULL);
    enum pab_status status = run_all(state, err);
    drop_flights(state);
    pab_progress_clear(&state->progress);
    json_decref(state->done);
    free(state->demand);
    free(state);
    return status;
}
