/* harness/experiment_probe.c -- before anything is measured: who the backends are, and what the
 * workloads ask for. */
#include "harness/check_rows.h"
#include "harness/experiment_state.h"
#include "harness/threads.h"
#include "workloads/trace/replay.h"

#include <string.h>

#define DEMAND_PATIENCE 10 /* exact accounting is slower than the cell that --timeout is for */

/* --- failures ------------------------------------------------------------------------------- */

void pab_experiment_say(const struct pab_experiment_state *state, const char *where,
                        const struct pab_outcome *outcome)
{
    pab_progress_clear(&state->progress);
    fprintf(stderr, "pyallocbench: %s: %s: %s\n", where, outcome->kind, outcome->message);
}

json_t *pab_experiment_failure(struct pab_experiment_state *state, const struct pab_cell *cell,
                               size_t spec, const struct pab_outcome *outcome)
{
    const char *backend = state->plan->arms[spec].id;
    char where[PAB_SPEC_MAX + PAB_NAME_MAX + 32];
    if (cell != NULL) {
        snprintf(where, sizeof(where), "%s on %s%s", state->plan->workloads[cell->workload].id,
                 backend, cell->is_control ? ", the control" : "");
        bool *bad = cell->is_control
                        ? &state->control_bad[cell->workload]
                        : &state->cell_bad[pab_pass_index(cell->pass)][cell->workload][spec];
        *bad = true;
    } else {
        snprintf(where, sizeof(where), "backend %s", backend);
    }
    pab_experiment_say(state, where, outcome);
    state->result->failures++;
    return pab_failure_to_json(state->plan, cell, backend, outcome->kind, outcome->message);
}

void pab_experiment_set_failure(struct pab_outcome *outcome, const char *kind, const char *message)
{
    outcome->ok = false;
    snprintf(outcome->kind, sizeof(outcome->kind), "%s", kind);
    snprintf(outcome->message, sizeof(outcome->message), "%s", message);
}

/* --- probing backends ----------------------------------------------------------------------- */

struct pab_job pab_experiment_job(const struct pab_experiment_state *state, enum pab_job_kind kind,
                                  const char *backend, const char *subject)
{
    struct pab_job job = {.protocol = PAB_PROTOCOL, .kind = kind, .seed = state->plan->seed};
    snprintf(job.backend, sizeof(job.backend), "%s", backend);
    snprintf(job.subject, sizeof(job.subject), "%s", subject);
    return job;
}

void pab_experiment_set_workload(struct pab_job *job, const struct pab_workload *workload)
{
    snprintf(job->subject, sizeof(job->subject), "%s", workload->name);
    if (workload->recording != NULL) {
        snprintf(job->replay, sizeof(job->replay), "%s", workload->recording->path);
        job->replay_digest = workload->recording->digest;
    }
}

/* Runs one job alone; the outcome is copied out (without its curve and series). */
static enum pab_status run_alone(struct pab_experiment_state *state, const struct pab_arm *arm,
                                 const struct pab_job *job, struct pab_outcome *out,
                                 struct pab_error *err)
{
    struct pab_launch launch = {
        .spec = arm->spec, .job = job, .binary = arm->binary, .timeout_ms = PAB_PROBE_TIMEOUT_MS};
    struct pab_worker *worker = NULL;
    enum pab_status status = pab_worker_run(&launch, state->experiment->interrupted, &worker, err);
    if (status == PAB_OK) {
        *out = *pab_worker_outcome(worker);
        out->curve = NULL;
        out->series = NULL;
        pab_worker_destroy(worker);
    }
    return status;
}

static enum pab_status run_preflight(struct pab_experiment_state *state, size_t index, bool *good,
                                     struct pab_error *err)
{
    const struct pab_arm *arm = &state->plan->arms[index];
    for (size_t i = 0; i < pab_check_count() && !pab_experiment_interrupted(state); i++) {
        const struct pab_check *check = pab_check_at(i);
        if ((check->flags & PAB_CHECK_PREFLIGHT) == 0) {
            continue;
        }
        struct pab_outcome outcome;
        struct pab_job job = pab_experiment_job(state, PAB_JOB_CHECK, arm->spec->id, check->id);
        enum pab_status status = run_alone(state, arm, &job, &outcome, err);
        if (status != PAB_OK || pab_experiment_interrupted(state)) {
            return status;
        }
        enum pab_verdict verdict = outcome.ok ? outcome.verdict.verdict : PAB_FAIL;
        if (outcome.ok && verdict == PAB_FAIL) {
            char message[512];
            snprintf(message, sizeof(message), "%s (%s): %.300s", check->id, check->summary,
                     outcome.verdict.reason);
            pab_experiment_set_failure(&outcome, "preflight", message);
        }
        status =
            pab_journal_add_one(state->journal, "checks",
                                json_pack("{s:s, s:s, s:s, s:s}", "backend", arm->id, "check",
                                          check->id, "verdict", pab_verdict_name(verdict), "reason",
                                          outcome.ok ? outcome.verdict.reason : outcome.message),
                                err);
        if (status == PAB_OK && verdict == PAB_FAIL) {
            *good = false;
            return pab_journal_add_one(state->journal, "failures",
                                       pab_experiment_failure(state, NULL, index, &outcome), err);
        }
        if (status != PAB_OK) {
            return status;
        }
    }
    return PAB_OK;
}

/* A backend of the default set that is not installed is no failure: it is skipped and said so. */
static enum pab_status skip_unavailable(struct pab_experiment_state *state, size_t spec,
                                        const struct pab_outcome *outcome)
{
    pab_progress_clear(&state->progress);
    fprintf(stderr, "pyallocbench: skipping backend %s: %s\n", state->plan->arms[spec].id,
            outcome->message);
    return PAB_OK;
}

static enum pab_status probe_backend(struct pab_experiment_state *state, size_t index,
                                     struct pab_error *err)
{
    const struct pab_arm *arm = &state->plan->arms[index];
    struct pab_outcome outcome;
    struct pab_job job = pab_experiment_job(state, PAB_JOB_PROBE, arm->spec->id, "");
    enum pab_status status = run_alone(state, arm, &job, &outcome, err);
    if (status != PAB_OK || pab_experiment_interrupted(state)) {
        return status;
    }
    bool good = outcome.ok;
    bool missing = !good && strcmp(outcome.kind, "unavailable") == 0;
    if (missing && !arm->is_explicit) {
        status = skip_unavailable(state, index, &outcome);
    } else if (!good) {
        status = pab_journal_add_one(state->journal, "failures",
                                     pab_experiment_failure(state, NULL, index, &outcome), err);
    } else {
        status = run_preflight(state, index, &good, err);
    }
    if (status != PAB_OK || pab_experiment_interrupted(state)) {
        return status;
    }
    state->backend_good[index] = good;
    state->result->backends_broken += !good && !missing;
    if (!good && outcome.ok) {
        pab_experiment_set_failure(&outcome, "preflight", "it failed a pre-flight check");
    }
    return pab_journal_add_one(state->journal, "backends", pab_backend_to_json(arm, &outcome), err);
}

json_t *pab_experiment_known(const struct pab_experiment_state *state, const char *array,
                             const char *id)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(pab_journal_array(state->journal, array), index, item)
    {
        const char *name = json_string_value(json_object_get(item, "id"));
        if (name != NULL && strcmp(name, id) == 0) {
            return item;
        }
    }
    return NULL;
}

enum pab_status pab_experiment_probe(struct pab_experiment_state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0;
         status == PAB_OK && i < state->plan->arm_count && !pab_experiment_interrupted(state);
         i++) {
        const json_t *known = pab_experiment_known(state, "backends", state->plan->arms[i].id);
        pab_progress_show(&state->progress, "proving what each backend is");
        if (known == NULL) {
            status = probe_backend(state, i, err);
        } else {
            const char *what = json_string_value(json_object_get(known, "status"));
            state->backend_good[i] = what != NULL && strcmp(what, "ok") == 0;
            state->result->backends_broken += what != NULL && strcmp(what, "failed") == 0;
        }
        state->result->backends_available += state->backend_good[i];
    }
    return status;
}

/* --- demand --------------------------------------------------------------------------------- */

struct demand_job {
    const struct pab_planned_workload *planned;
    struct pab_spec *spec;
    bool large; /* the memory pass's parameters, not the time pass's */
    struct pab_demand_known *known;
};

/* One body under exact accounting. The curve that stays is that of the last call. */
static enum pab_status demand_once(struct pab_experiment_state *state,
                                   const struct demand_job *asked, struct pab_outcome *outcome,
                                   struct pab_error *err)
{
    const struct pab_planned_workload *planned = asked->planned;
    struct pab_demand_known *known = asked->known;
    struct pab_job job = pab_experiment_job(state, PAB_JOB_DEMAND, asked->spec->id, "");
    pab_experiment_set_workload(&job, planned->workload);
    memcpy(job.params, asked->large ? planned->memory_params : planned->params, sizeof(job.params));
    struct pab_launch launch = {
        .spec = asked->spec,
        .job = &job,
        .timeout_ms = (uint64_t)(1000 * DEMAND_PATIENCE * state->plan->timeout_s),
    };
    struct pab_worker *worker = NULL;
    enum pab_status status = pab_worker_run(&launch, state->experiment->interrupted, &worker, err);
    if (status == PAB_OK) {
        *outcome = *pab_worker_outcome(worker);
        *(asked->large ? &known->memory : &known->time) = outcome->demand;
        known->curve_count = outcome->curve_count;
        memcpy(known->curve, outcome->curve, known->curve_count * sizeof(known->curve[0]));
        outcome->curve = NULL;
        pab_worker_destroy(worker);
    }
    return status;
}

/* What a workload asks for under one variant's settings, with both sets of parameters. */
static enum pab_status demand_of_variant(struct pab_experiment_state *state, size_t index,
                                         size_t variant, struct pab_outcome *outcome,
                                         struct pab_error *err)
{
    struct demand_job asked = {
        .planned = &state->plan->workloads[index],
        .spec = pab_gc_demand_spec(&state->variants.options[variant], err),
        .known = &pab_experiment_demand_of(state, index)[variant],
    };
    if (asked.spec == NULL) {
        return err->status;
    }
    enum pab_status status = demand_once(state, &asked, outcome, err);
    bool same = memcmp(asked.planned->params, asked.planned->memory_params,
                       sizeof(asked.planned->params)) == 0;
    if (status == PAB_OK && outcome->ok && same) {
        asked.known->memory = asked.known->time;
    } else if (status == PAB_OK && outcome->ok) {
        asked.large = true;
        status = demand_once(state, &asked, outcome, err);
    }
    if (status == PAB_OK && outcome->ok &&
        (asked.known->time.end_blocks != 0 || asked.known->memory.end_blocks != 0)) {
        pab_experiment_set_failure(outcome, "internal", "it leaves blocks behind");
    }
    pab_spec_destroy(asked.spec);
    return status;
}

/* `is_new`: the journal does not have it yet. */
static enum pab_status demand_of(struct pab_experiment_state *state, size_t index, bool is_new,
                                 struct pab_error *err)
{
    const struct pab_planned_workload *planned = &state->plan->workloads[index];
    struct pab_outcome outcome = {.ok = true};
    enum pab_status status = PAB_OK;
    char what[PAB_NAME_MAX + 32];
    snprintf(what, sizeof(what), "demand of %s", planned->id);
    pab_progress_show(&state->progress, what);
    for (size_t i = 0; i < state->variants.count && status == PAB_OK && outcome.ok &&
                       !pab_experiment_interrupted(state);
         i++) {
        status = demand_of_variant(state, index, i, &outcome, err);
    }
    if (status != PAB_OK || pab_experiment_interrupted(state)) {
        return status;
    }
    state->workload_good[index] = outcome.ok;
    if (outcome.ok && !is_new) {
        return PAB_OK;
    }
    if (outcome.ok) {
        json_t *row =
            pab_workload_to_json(planned, &state->variants, pab_experiment_demand_of(state, index));
        pab_threads_describe(state->plan, index, row);
        return pab_journal_add_one(state->journal, "workloads", row, err);
    }
    char where[PAB_NAME_MAX + 16];
    snprintf(where, sizeof(where), "workload %s", planned->id);
    pab_experiment_say(state, where, &outcome);
    state->result->failures++;
    json_t *row = pab_failure_to_json(state->plan, NULL, "system", outcome.kind, outcome.message);
    json_object_set_new(row, "workload", json_string(planned->id));
    json_object_set_new(row, "backend", json_null());
    return pab_journal_add_one(state->journal, "failures", row, err);
}

enum pab_status pab_experiment_demand(struct pab_experiment_state *state, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0;
         status == PAB_OK && i < state->plan->workload_count && !pab_experiment_interrupted(state);
         i++) {
        const struct pab_planned_workload *planned = &state->plan->workloads[i];
        const json_t *json = pab_experiment_known(state, "workloads", planned->id);
        if (json != NULL && planned->age_percent == 0) { /* no journal has the sizes of litter */
            state->workload_good[i] =
                pab_workload_from_json(json, &state->variants, pab_experiment_demand_of(state, i));
        } else {
            status = demand_of(state, i, json == NULL, err);
        }
    }
    return status;
}
