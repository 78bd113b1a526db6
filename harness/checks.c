#include "harness/checks.h"

#include "harness/check_report.h"
#include "harness/check_rows.h"
#include "harness/check_self.h"
#include "harness/json_text.h"
#include "harness/sample.h"

#include <string.h>

/* Far more than any check takes on a busy machine: only a hang comes to its end. */
#define TIMEOUT_LEAST_S 60.0
#define TIMEOUT_LONG_S  (26 * 3600.0) /* of those that take hours */
#define TIMEOUT_OP_S    2e-5

#define HUNG_MOST 8 /* checks on one backend: then the rest of them is left out */

struct checking {
    const struct pab_checks *checks;
    json_t *record;
    const struct pab_checks_watch *watch;
    struct pab_checks_result *result;
    struct pab_check_asked asked;
};

static void add_row(struct checking *checking, const char *array, json_t *row)
{
    json_t *rows = json_object_get(checking->record, array);
    if (rows == NULL) {
        rows = json_array();
        json_object_set_new(checking->record, array, rows);
    }
    json_array_append_new(rows, row);
}

/* "35 % done" of a check that is long enough to say so, else "". */
static const char *share_done(const struct pab_check_task *task)
{
    const char *comma = strstr(pab_worker_stage(task->worker), ", ");
    return comma == NULL ? "" : comma + 2;
}

/* Not on a terminal: a line for each step that a long check makes. */
static void tell_steps(struct pab_check_task **running, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pab_check_task *task = running[i];
        const char *share = share_done(task);
        if (strcmp(share, task->told) != 0) {
            snprintf(task->told, sizeof(task->told), "%s", share);
            fprintf(stderr, "%s %s: %s\n", task->spec->id, task->job.subject, share);
        }
    }
}

static void show_tasks(void *arg, struct pab_check_task **running, size_t count)
{
    const struct checking *checking = arg;
    struct pab_progress *progress = checking->watch->progress;
    char text[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof(text); i++) {
        const char *share = share_done(running[i]);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s", i == 0 ? "" : ", ",
                                 running[i]->job.subject, share[0] == '\0' ? "" : " ", share);
    }
    pab_progress_show(progress, text);
    if (!progress->terminal && !progress->quiet) {
        tell_steps(running, count);
    }
}

/* Checks that cost no time, because nothing is run. */
static void skip_progress(const struct checking *checking, size_t count)
{
    while (count-- > 0) {
        pab_progress_skip(checking->watch->progress, 1);
    }
}

static void count_task(void *arg, struct pab_check_task *task)
{
    (void)task;
    const struct checking *checking = arg;
    pab_progress_step(checking->watch->progress, 1);
}

static void make_task(const struct checking *checking, enum pab_job_kind kind,
                      const struct pab_spec *spec, const struct pab_check *check,
                      struct pab_check_task *out)
{
    const struct pab_checks_request *request = &checking->checks->request;
    struct pab_job *job = &out->job;
    memset(out, 0, sizeof(*out));
    out->spec = spec;
    job->protocol = PAB_PROTOCOL;
    job->kind = kind;
    job->seed = request->seed;
    job->ops = request->ops;
    snprintf(job->backend, sizeof(job->backend), "%s", spec->id);
    if (check == NULL) {
        out->timeout_ms = PAB_PROBE_TIMEOUT_MS;
        return;
    }
    bool is_long = (check->flags & PAB_CHECK_LONG) != 0;
    double timeout_s =
        (is_long ? TIMEOUT_LONG_S : TIMEOUT_LEAST_S) + (double)job->ops * TIMEOUT_OP_S;
    timeout_s = request->timeout_s > 0 ? request->timeout_s : timeout_s;
    out->timeout_ms = (uint64_t)(1000 * timeout_s);
    out->is_alone = (check->flags & PAB_CHECK_ALONE) != 0;
    snprintf(job->subject, sizeof(job->subject), "%s", check->id);
    snprintf(job->oracle, sizeof(job->oracle), "%s",
             request->oracle == NULL ? "" : request->oracle);
    snprintf(job->replay, sizeof(job->replay), "%s",
             request->replay == NULL ? "" : request->replay);
    snprintf(job->corpus, sizeof(job->corpus), "%s",
             request->corpus == NULL ? "" : request->corpus);
}

/* Runs one job that no check's verdict comes from. */
static enum pab_status run_one(const struct checking *checking, struct pab_check_task *task,
                               struct pab_error *err)
{
    struct pab_check_pool pool = {.jobs = 1, .interrupted = checking->watch->interrupted};
    return pab_check_pool_run(&pool, task, 1, err);
}

/* Opens it once and proves who it is. Not good: it is recorded why nothing can be checked. */
static enum pab_status probe(struct checking *checking, size_t index, json_t **row, bool *good,
                             struct pab_error *err)
{
    static struct pab_check_task task;
    const struct pab_plan *plan = &checking->checks->plan;
    const struct pab_spec *spec = plan->arms[index].spec;
    make_task(checking, PAB_JOB_MANIFEST, spec, NULL, &task);
    enum pab_status status = run_one(checking, &task, err);
    if (status != PAB_OK || !task.is_done) {
        return status;
    }
    const struct pab_outcome *outcome = &task.outcome;
    *good = outcome->ok;
    bool is_missing = !outcome->ok && strcmp(outcome->kind, "unavailable") == 0;
    if (!outcome->ok && (!is_missing || plan->arms[index].is_explicit)) {
        checking->result->backends_missing++;
        add_row(checking, "failures",
                pab_failure_to_json(plan, NULL, spec->id, outcome->kind, outcome->message));
    }
    *row = pab_backend_to_json(&plan->arms[index], outcome);
    json_object_set_new(*row, "manifest",
                        outcome->ok ? json_string(outcome->manifest.text) : json_null());
    return PAB_OK;
}

/* Where most checks hang, each would only cost its alarm. */
static void leave_out_for_hangs(const struct checking *checking, const struct pab_check *check,
                                const struct pab_spec *spec, json_t *rows)
{
    if (*checking->watch->interrupted == 0) {
        char reason[64];
        snprintf(reason, sizeof(reason), "left out after %d checks that hung", HUNG_MOST);
        json_array_append_new(rows,
                              pab_check_row_left_out(check, spec->id, reason, &checking->asked));
    }
}

/* Runs the chosen checks; the row of each that came to its end, in the order of the catalogue. */
static enum pab_status run_checks(struct checking *checking, const struct pab_spec *spec,
                                  const char *version, json_t *rows, struct pab_error *err)
{
    const struct pab_check_selection *selection = &checking->checks->selection;
    struct pab_check_task *tasks = calloc(selection->count, sizeof(*tasks));
    PAB_CHECK(tasks != NULL);
    size_t count = 0;
    for (size_t i = 0; i < selection->count; i++) {
        if (!selection->is_left_out[i]) {
            make_task(checking, PAB_JOB_CHECK, spec, selection->chosen[i], &tasks[count++]);
        }
    }
    skip_progress(checking, selection->count - count);
    struct pab_check_pool pool = {
        .jobs = checking->checks->request.jobs,
        .hung_most = HUNG_MOST,
        .interrupted = checking->watch->interrupted,
        .ended = count_task,
        .look = show_tasks,
        .arg = checking,
    };
    enum pab_status status = pab_check_pool_run(&pool, tasks, count, err);
    size_t task = 0;
    for (size_t i = 0; i < selection->count; i++) {
        const struct pab_check *check = selection->chosen[i];
        if (selection->is_left_out[i]) {
            json_array_append_new(rows,
                                  pab_check_row_left_out(
                                      check, spec->id,
                                      "takes minutes or hours: --long, or --only with its whole id",
                                      &checking->asked));
        } else if (!tasks[task++].is_done) {
            leave_out_for_hangs(checking, check, spec, rows);
        } else {
            json_array_append_new(
                rows, pab_check_row(check, &tasks[task - 1], version, &checking->asked));
        }
    }
    free(tasks);
    return status;
}

/* --- a backend ------------------------------------------------------------------------------ */

static void add_verdict(struct checking *checking, const char *backend, json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_t *verdict = pab_check_verdict_row(backend, rows);
    json_object_set_new(verdict, "complete", json_boolean(*checking->watch->interrupted == 0));
    size_t *counts = checking->result->verdicts;
    counts[PAB_PASS] += (size_t)pab_json_count(verdict, "passed");
    counts[PAB_DEVIATION] += (size_t)pab_json_count(verdict, "deviations");
    counts[PAB_FAIL] += (size_t)pab_json_count(verdict, "failed");
    counts[PAB_SKIP] += (size_t)pab_json_count(verdict, "skipped");
    counts[PAB_INFO] += (size_t)pab_json_count(verdict, "infos");
    checking->result->known += (size_t)pab_json_count(verdict, "known");
    json_array_foreach(rows, index, row)
    {
        add_row(checking, "checks", json_incref(row));
    }
    add_row(checking, "verdicts", verdict);
    pab_check_report_rows(rows, verdict, checking->watch->is_verbose);
}

/* Once a run, on the first backend that answers. */
static enum pab_status test_detector(struct checking *checking, const struct pab_spec *spec,
                                     struct pab_error *err)
{
    if (json_object_get(checking->record, "detector") != NULL) {
        return PAB_OK;
    }
    pab_progress_show(checking->watch->progress, "does the detector see?");
    enum pab_status status = pab_self_run(spec, checking->watch->interrupted, err);
    if (status == PAB_OK && *checking->watch->interrupted == 0) {
        int count = (int)pab_self_check_count();
        json_object_set_new(
            checking->record, "detector",
            json_pack("{s:s, s:i, s:i}", "backend", spec->id, "read_right", count, "of", count));
    }
    return status;
}

static enum pab_status run_backend(struct checking *checking, size_t index, struct pab_error *err)
{
    const struct pab_checks *checks = checking->checks;
    const struct pab_spec *spec = checks->plan.arms[index].spec;
    json_t *backend = NULL;
    bool good = false;
    enum pab_status status = probe(checking, index, &backend, &good, err);
    if (status == PAB_OK && good) {
        status = test_detector(checking, spec, err);
    }
    if (status != PAB_OK || *checking->watch->interrupted != 0) {
        json_decref(backend);
        return status;
    }
    add_row(checking, "backends", backend);
    pab_progress_clear(checking->watch->progress);
    pab_check_report_backend(backend);
    if (!good) {
        skip_progress(checking, checks->selection.count);
        return PAB_OK;
    }
    json_t *rows = json_array();
    const json_t *identity = json_object_get(backend, "identity");
    status = run_checks(checking, spec, pab_json_text(identity, "version"), rows, err);
    pab_progress_clear(checking->watch->progress);
    add_verdict(checking, spec->id, rows);
    json_decref(rows);
    return status;
}

/* --- all of them ---------------------------------------------------------------------------- */

static bool was_judged_before(const struct pab_check_selection *selection, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (selection->chosen[i]->admit == selection->chosen[index]->admit) {
            return true;
        }
    }
    return false;
}

/* Has the files that the user named judged for every backend while nothing is printed yet. */
static enum pab_status admit_files(struct checking *checking, struct pab_error *err)
{
    static struct pab_check_task task;
    const struct pab_checks_request *request = &checking->checks->request;
    const struct pab_check_selection *selection = &checking->checks->selection;
    const struct pab_plan *plan = &checking->checks->plan;
    bool has_files = request->oracle != NULL || request->replay != NULL || request->corpus != NULL;
    for (size_t i = 0; has_files && i < selection->count; i++) {
        if (selection->chosen[i]->admit == NULL || was_judged_before(selection, i)) {
            continue;
        }
        for (size_t spec = 0; spec < plan->arm_count; spec++) {
            make_task(checking, PAB_JOB_ADMIT, plan->arms[spec].spec, selection->chosen[i], &task);
            enum pab_status status = run_one(checking, &task, err);
            if (status != PAB_OK || !task.is_done) {
                return status;
            }
            if (!task.outcome.ok && strcmp(task.outcome.kind, "usage") == 0) {
                return pab_fail(err, PAB_USAGE, "%s", task.outcome.message);
            }
        }
    }
    return PAB_OK;
}

static struct pab_check_asked what_was_asked(const struct pab_checks_request *request)
{
    return (struct pab_check_asked){
        .seed = request->seed,
        .ops = request->ops,
        .timeout_s = request->timeout_s,
        .oracle = request->oracle,
        .replay = request->replay,
        .corpus = request->corpus,
        .is_strict = request->is_strict,
    };
}

enum pab_status pab_checks_run(const struct pab_checks *checks, json_t *record,
                               const struct pab_checks_watch *watch,
                               struct pab_checks_result *result, struct pab_error *err)
{
    struct checking checking = {
        .checks = checks,
        .record = record,
        .watch = watch,
        .result = result,
        .asked = what_was_asked(&checks->request),
    };
    memset(result, 0, sizeof(*result));
    json_object_set_new(record, "not_applicable",
                        json_integer((json_int_t)checks->selection.not_applicable));
    json_object_set_new(record, "ops",
                        checks->request.ops == 0 ? json_null()
                                                 : json_integer((json_int_t)checks->request.ops));
    watch->progress->unit = "check";
    pab_progress_expect(watch->progress, checks->plan.arm_count * checks->selection.count, 1);
    enum pab_status status = admit_files(&checking, err);
    for (size_t i = 0; status == PAB_OK && i < checks->plan.arm_count; i++) {
        if (*watch->interrupted == 0) {
            status = run_backend(&checking, i, err);
        }
    }
    pab_progress_clear(watch->progress);
    return status;
}
