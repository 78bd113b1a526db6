#include "harness/checks.h"

#include "harness/check_report.h"
#include "harness/sample.h"
#include "harness/self.h"

#include <fnmatch.h>
#include <string.h>

/* What an operation may take at most, on a busy machine. */
#define TIMEOUT_LEAST_S 60.0
#define TIMEOUT_OP_S    4e-6

static const char *const verdict_names[] = {
    [PAB_PASS] = "pass",
    [PAB_DEVIATION] = "deviation",
    [PAB_FAIL] = "fail",
    [PAB_SKIP] = "skip",
    [PAB_INFO] = "info",
};

/* --- what is to be run ---------------------------------------------------------------------- */

static const char *check_id(size_t index)
{
    return pab_check_at(index)->id;
}

/* A word that matches nothing would silently check less. */
static enum pab_status expect_check(void *arg, const char *word, struct pab_error *err)
{
    (void)arg;
    for (size_t i = 0; i < pab_check_count(); i++) {
        if (fnmatch(word, check_id(i), 0) == 0) {
            return PAB_OK;
        }
    }
    const char *near = pab_nearest(word, check_id, pab_check_count());
    return pab_fail(err, PAB_USAGE, "no check matches '%s'; %s%s%s", word,
                    near == NULL ? "`pyallocbench list checks` shows all" : "did you mean '",
                    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static enum pab_status choose_checks(struct pab_checks *checks, struct pab_error *err)
{
    const char *only = checks->request.only;
    if (only != NULL) {
        enum pab_status status = pab_for_words(only, "--only", expect_check, NULL, err);
        if (status != PAB_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < pab_check_count(); i++) {
        if (only == NULL || pab_globs_match(only, check_id(i))) {
            PAB_CHECK(checks->chosen_count < PAB_CHECKS_MAX);
            checks->chosen[checks->chosen_count++] = pab_check_at(i);
        }
    }
    return PAB_OK;
}

enum pab_status pab_checks_make(struct pab_checks *checks, const struct pab_checks_request *request,
                                struct pab_error *err)
{
    memset(checks, 0, sizeof(*checks));
    checks->request = *request;
    struct pab_request backends = {.backends = request->backends};
    if (request->oracle != NULL &&
        strlen(request->oracle) >= sizeof(((struct pab_job *)NULL)->oracle)) {
        return pab_fail(err, PAB_USAGE, "--oracle %.40s...: the path is too long", request->oracle);
    }
    enum pab_status status = pab_plan_backends(&checks->plan, &backends, err);
    if (status == PAB_OK) {
        status = choose_checks(checks, err);
    }
    if (status != PAB_OK) {
        pab_plan_fini(&checks->plan);
    }
    return status;
}

void pab_checks_fini(struct pab_checks *checks)
{
    pab_plan_fini(&checks->plan);
}

json_t *pab_checks_plan_json(const struct pab_checks *checks)
{
    return json_pack("{s:s, s:I, s:i, s:i, s:s}", "preset", "check", "seed",
                     (json_int_t)checks->request.seed, "rounds", 0, "memory_rounds", 0, "baseline",
                     checks->plan.specs[0]->id);
}

/* --- running -------------------------------------------------------------------------------- */

struct checking {
    const struct pab_checks *checks;
    json_t *record;
    struct pab_progress *progress;
    const volatile int *interrupted;
    struct pab_checks_result *result;
};

static void add_row(struct checking *checking, const char *array, json_t *row)
{
    json_t *rows = json_object_get(checking->record, array);
    if (rows == NULL) {
        rows = json_array();
        json_object_set_new(checking->record, array, rows);
    }
    json_array_append_new(rows, row);
    pab_progress_clear(checking->progress);
    pab_check_report_row(array, row);
}

/* Says where the worker is whenever that has changed. */
static void show_stage(struct checking *checking, const char *what, const struct pab_worker *worker,
                       char *shown, size_t size)
{
    char text[PAB_SPEC_MAX + PAB_NAME_MAX];
    snprintf(text, sizeof(text), "%s: %s", what, pab_worker_stage(worker));
    if (strcmp(text, shown) != 0) {
        bool has_figure = strchr(text, '%') != NULL;
        snprintf(shown, size, "%s", text);
        pab_progress_show(checking->progress, text);
        if (has_figure && !checking->progress->terminal && !checking->progress->quiet) {
            fprintf(stderr, "%s\n", text);
        }
    }
}

/* Runs one job to its end; the outcome is copied out. PAB_USAGE: a check refuses what was asked. */
static enum pab_status run_job(struct checking *checking, const struct pab_spec *spec,
                               const struct pab_job *job, struct pab_outcome *out,
                               struct pab_error *err)
{
    double ops_s = (double)job->ops * TIMEOUT_OP_S;
    double timeout_s = checking->checks->request.timeout_s;
    timeout_s = timeout_s > 0 ? timeout_s : TIMEOUT_LEAST_S + ops_s;
    struct pab_launch launch = {
        .spec = spec,
        .job = job,
        .timeout_ms =
            job->kind == PAB_JOB_PROBE ? PAB_PROBE_TIMEOUT_MS : (uint64_t)(1000 * timeout_s),
    };
    char shown[PAB_SPEC_MAX + PAB_NAME_MAX] = "";
    const char *what = job->kind == PAB_JOB_PROBE ? spec->id : job->subject;
    struct pab_worker *worker = NULL;
    enum pab_status status = pab_worker_start(&launch, &worker, err);
    if (status != PAB_OK) {
        return status;
    }
    while (pab_worker_state(worker) != PAB_WORKER_ENDED && *checking->interrupted == 0) {
        show_stage(checking, what, worker, shown, sizeof(shown));
        pab_workers_poll(&worker, 1, 100);
    }
    if (pab_worker_state(worker) == PAB_WORKER_ENDED) {
        *out = *pab_worker_outcome(worker);
        out->curve = NULL;
    }
    pab_worker_destroy(worker);
    if (*checking->interrupted == 0 && !out->ok && strcmp(out->kind, "usage") == 0) {
        return pab_fail(err, PAB_USAGE, "%s", out->message);
    }
    return PAB_OK;
}

static json_t *text_or_question(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_string("(not UTF-8)");
}

static json_t *check_row(const struct pab_spec *spec, const struct pab_check *check,
                         const struct pab_outcome *outcome)
{
    enum pab_verdict verdict = outcome->ok ? outcome->verdict.verdict : PAB_FAIL;
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:i}", "backend", spec->id, "check", check->id,
                            "verdict", verdict_names[verdict], "summary", check->summary,
                            "severity", (int)check->severity);
    json_object_set_new(row, "reason",
                        text_or_question(outcome->ok ? outcome->verdict.reason : outcome->message));
    json_object_set_new(row, "compared",
                        text_or_question(outcome->ok ? outcome->verdict.compared : ""));
    json_object_set_new(row, "detail",
                        text_or_question(outcome->ok ? outcome->verdict.detail : ""));
    json_object_set_new(row, "kind", outcome->ok ? json_null() : json_string(outcome->kind));
    return row;
}

static void make_check_job(const struct checking *checking, enum pab_job_kind kind,
                           const struct pab_spec *spec, const struct pab_check *check,
                           struct pab_job *out)
{
    const struct pab_checks_request *request = &checking->checks->request;
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    out->seed = request->seed;
    out->ops = request->ops;
    snprintf(out->backend, sizeof(out->backend), "%s", spec->id);
    snprintf(out->subject, sizeof(out->subject), "%s", check->id);
    snprintf(out->oracle, sizeof(out->oracle), "%s",
             request->oracle == NULL ? "" : request->oracle);
}

static enum pab_status run_check(struct checking *checking, const struct pab_spec *spec,
                                 const struct pab_check *check, size_t counts[PAB_VERDICT_COUNT],
                                 struct pab_error *err)
{
    static struct pab_job job;
    static struct pab_outcome outcome;
    make_check_job(checking, PAB_JOB_CHECK, spec, check, &job);
    enum pab_status status = run_job(checking, spec, &job, &outcome, err);
    if (status != PAB_OK || *checking->interrupted != 0) {
        return status;
    }
    counts[outcome.ok ? outcome.verdict.verdict : PAB_FAIL]++;
    add_row(checking, "checks", check_row(spec, check, &outcome));
    return PAB_OK;
}

/* The backend's verdict is that of its worst check; a check that was skipped says nothing. */
static void add_verdict(struct checking *checking, const struct pab_spec *spec,
                        const size_t counts[PAB_VERDICT_COUNT])
{
    enum pab_verdict verdict = counts[PAB_FAIL] > 0        ? PAB_FAIL
                               : counts[PAB_DEVIATION] > 0 ? PAB_DEVIATION
                               : counts[PAB_PASS] > 0      ? PAB_PASS
                                                           : PAB_SKIP;
    for (size_t i = 0; i < PAB_VERDICT_COUNT; i++) {
        checking->result->verdicts[i] += counts[i];
    }
    add_row(checking, "verdicts",
            json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "backend", spec->id, "verdict",
                      verdict_names[verdict], "passed", (int)counts[PAB_PASS], "deviations",
                      (int)counts[PAB_DEVIATION], "failed", (int)counts[PAB_FAIL], "skipped",
                      (int)counts[PAB_SKIP]));
}

/* Opens it once and proves who it is. False: it is recorded why nothing can be checked. */
static enum pab_status probe(struct checking *checking, size_t index, bool *good,
                             struct pab_error *err)
{
    static struct pab_job job;
    static struct pab_outcome outcome;
    const struct pab_spec *spec = checking->checks->plan.specs[index];
    memset(&job, 0, sizeof(job));
    job.kind = PAB_JOB_PROBE;
    snprintf(job.backend, sizeof(job.backend), "%s", spec->id);
    enum pab_status status = run_job(checking, spec, &job, &outcome, err);
    if (status != PAB_OK || *checking->interrupted != 0) {
        return status;
    }
    *good = outcome.ok;
    bool is_missing = !outcome.ok && strcmp(outcome.kind, "unavailable") == 0;
    if (!outcome.ok && (!is_missing || checking->checks->plan.is_explicit[index])) {
        checking->result->backends_missing++;
        add_row(checking, "failures",
                pab_failure_to_json(&checking->checks->plan, NULL, spec->id, outcome.kind,
                                    outcome.message));
    }
    add_row(checking, "backends", pab_backend_to_json(spec, &outcome));
    return PAB_OK;
}

static enum pab_status run_backend(struct checking *checking, size_t index, struct pab_error *err)
{
    const struct pab_checks *checks = checking->checks;
    size_t counts[PAB_VERDICT_COUNT] = {0};
    bool good = false;
    enum pab_status status = probe(checking, index, &good, err);
    for (size_t i = 0; status == PAB_OK && i < checks->chosen_count; i++) {
        if (good && *checking->interrupted == 0) {
            status = run_check(checking, checks->plan.specs[index], checks->chosen[i], counts, err);
        }
        if (status == PAB_OK) {
            pab_progress_step(checking->progress, 1);
        }
    }
    if (status == PAB_OK && good && *checking->interrupted == 0) {
        add_verdict(checking, checks->plan.specs[index], counts);
    }
    return status;
}

static const struct pab_check *first_with_admit(const struct pab_checks *checks)
{
    for (size_t i = 0; i < checks->chosen_count; i++) {
        if (checks->chosen[i]->admit != NULL) {
            return checks->chosen[i];
        }
    }
    return NULL;
}

/* Has a named oracle judged for every backend while nothing is printed yet. */
static enum pab_status admit_oracle(struct checking *checking, struct pab_error *err)
{
    const struct pab_checks *checks = checking->checks;
    if (checks->request.oracle == NULL) {
        return PAB_OK;
    }
    static struct pab_job job;
    static struct pab_outcome outcome;
    const struct pab_check *check = first_with_admit(checks);
    if (check == NULL) {
        return pab_fail(err, PAB_USAGE, "--oracle %s: none of the chosen checks uses an oracle",
                        checks->request.oracle);
    }
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < checks->plan.spec_count; i++) {
        const struct pab_spec *spec = checks->plan.specs[i];
        if (*checking->interrupted == 0) {
            make_check_job(checking, PAB_JOB_ADMIT, spec, check, &job);
            status = run_job(checking, spec, &job, &outcome, err);
        }
    }
    return status;
}

enum pab_status pab_checks_run(const struct pab_checks *checks, json_t *record,
                               const struct pab_checks_watch *watch,
                               struct pab_checks_result *result, struct pab_error *err)
{
    struct checking checking = {checks, record, watch->progress, watch->interrupted, result};
    memset(result, 0, sizeof(*result));
    watch->progress->unit = "checks";
    pab_progress_expect(watch->progress, checks->plan.spec_count * checks->chosen_count, 1);
    enum pab_status status = admit_oracle(&checking, err);
    for (size_t i = 0; status == PAB_OK && i < checks->plan.spec_count; i++) {
        if (*watch->interrupted == 0) {
            status = run_backend(&checking, i, err);
        }
    }
    pab_progress_clear(watch->progress);
    return status;
}
