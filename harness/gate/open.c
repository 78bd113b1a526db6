/* harness/gate/open.c -- before anything is measured: whether there is something to compare. */
#include "harness/cmd.h"
#include "harness/gate/live.h"
#include "harness/runner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How an arm answered. */
struct answer {
    const struct pab_arm *arm;
    bool is_open, is_missing;
    char why[600];
};

/* A bare name may stand in one of the system's folders: the loader knows. */
static enum pab_status expect_file(const struct pab_spec *spec, struct pab_error *err)
{
    for (size_t i = 0; i < spec->value_count; i++) {
        const char *path = spec->values[i].text;
        if (spec->values[i].key->kind == PAB_KEY_PATH && strchr(path, '/') != NULL &&
            access(path, F_OK) != 0) {
            return pab_fail(err, PAB_USAGE, "%s: %s: name a library that is there", path,
                            strerror(errno));
        }
    }
    return spec->raw == NULL ? PAB_OK : expect_file(spec->raw, err);
}

enum pab_status pab_gate_expect_libraries(const struct pab_plan *plan, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < plan->arm_count && status == PAB_OK; i++) {
        status = expect_file(plan->arms[i].spec, err);
    }
    return status;
}

static enum pab_status ask(const struct pab_arm *arm, struct answer *out, struct pab_error *err)
{
    struct pab_job job = {.protocol = PAB_PROTOCOL, .kind = PAB_JOB_PROBE};
    struct pab_launch launch = {
        .spec = arm->spec, .job = &job, .binary = arm->binary, .timeout_ms = PAB_PROBE_TIMEOUT_MS};
    struct pab_worker *worker = NULL;
    snprintf(job.backend, sizeof(job.backend), "%s", arm->spec->id);
    enum pab_status status = pab_worker_run(&launch, NULL, &worker, err);
    if (status == PAB_OK) {
        const struct pab_outcome *outcome = pab_worker_outcome(worker);
        out->arm = arm;
        out->is_open = outcome->ok;
        out->is_missing = !outcome->ok && strcmp(outcome->kind, "unavailable") == 0;
        snprintf(out->why, sizeof(out->why), "%s: %s", outcome->kind, outcome->message);
        pab_worker_destroy(worker);
    }
    return status;
}

/* The first arm of that role that did not open (`missing_only`: is not there), or NULL. */
static const struct answer *first_closed(const struct answer *answers, size_t count,
                                         enum pab_role role, bool missing_only)
{
    for (size_t i = 0; i < count; i++) {
        bool is_closed = missing_only ? answers[i].is_missing : !answers[i].is_open;
        if (answers[i].arm->role == role && is_closed) {
            return &answers[i];
        }
    }
    return NULL;
}

static bool has_open(const struct answer *answers, size_t count, enum pab_role role)
{
    size_t i = 0;
    while (i < count && !(answers[i].is_open && answers[i].arm->role == role)) {
        i++;
    }
    return i < count;
}

static int refuse(struct pab_error *err, int code, const struct answer *closed, const char *rest)
{
    pab_fail(err, PAB_UNAVAILABLE, "%s is %s%s", closed->arm->id, closed->why, rest);
    return code;
}

/* Base may lack some of what head has: that is new. */
static int judge(const struct answer *answers, size_t count, struct pab_error *err)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += answers[i].is_missing;
    }
    const struct answer *base = first_closed(answers, count, PAB_ROLE_BASE, false);
    const struct answer *head = first_closed(answers, count, PAB_ROLE_HEAD, true);
    if (missing == count) {
        return refuse(err, PAB_EXIT_NOTHING, &answers[0],
                      "; none of the backends asked for is available here");
    }
    if (head != NULL) {
        return refuse(err, PAB_EXIT_FAILED, head, "; nothing was measured");
    }
    if (base == NULL || has_open(answers, count, PAB_ROLE_BASE)) {
        return PAB_EXIT_GOOD;
    }
    return refuse(err, base->is_missing ? PAB_EXIT_FAILED : PAB_EXIT_NOT_COMPARABLE, base,
                  "; base has no figure that head could be held to, and nothing was measured");
}

int pab_gate_open(const struct pab_plan *plan, struct pab_error *err)
{
    static struct answer answers[PAB_PLAN_BACKENDS_MAX];
    for (size_t i = 0; i < plan->arm_count; i++) {
        if (ask(&plan->arms[i], &answers[i], err) != PAB_OK) {
            return PAB_EXIT_ERROR;
        }
    }
    return judge(answers, plan->arm_count, err);
}
