/* harness/checks_plan.c -- a request for checks: judged before anything is started. */
#include "harness/checks.h"
#include "harness/job.h"
#include "harness/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLAY_CHECKS "MOD-*" /* who reads a replay file */
#define REPLAY_ONLY   "MOD-000"

/* What a check takes where it takes much. More at once would find the kernel at fault: it kills what
 * takes memory that is not there. */
#define JOB_BYTES (UINT64_C(320) << 20)

static unsigned own_jobs(void)
{
    struct pab_limits limits;
    pab_limits_read("", &limits);
    uint64_t jobs = limits.memory_bytes / JOB_BYTES;
    jobs = jobs < limits.cpus ? jobs : limits.cpus;
    jobs = jobs < PAB_CHECK_JOBS_MAX ? jobs : PAB_CHECK_JOBS_MAX;
    return jobs == 0 ? 1 : (unsigned)jobs;
}

static enum pab_status expect_fits(const char *option, const char *path, struct pab_error *err)
{
    if (path != NULL && strlen(path) >= PAB_JOB_PATH_MAX) {
        return pab_fail(err, PAB_USAGE, "%s %.40s...: the path is too long", option, path);
    }
    return PAB_OK;
}

static enum pab_status expect_replay(const struct pab_checks_request *request,
                                     struct pab_error *err)
{
    struct stat file;
    const char *path = request->replay;
    if (path == NULL) {
        return PAB_OK;
    }
    if (stat(path, &file) != 0 || (!S_ISDIR(file.st_mode) && access(path, R_OK) != 0)) {
        return pab_fail(err, PAB_USAGE, "--replay %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(file.st_mode)) {
        return pab_fail(err, PAB_USAGE, "--replay %s: it is %s", path,
                        S_ISDIR(file.st_mode) ? "a folder; --corpus takes one" : "no file");
    }
    return PAB_OK;
}

static enum pab_status expect_corpus(const struct pab_checks_request *request,
                                     struct pab_error *err)
{
    struct stat file;
    const char *path = request->corpus;
    if (path == NULL) {
        return PAB_OK;
    }
    if (stat(path, &file) != 0) {
        return pab_fail(err, PAB_USAGE, "--corpus %s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(file.st_mode)) {
        return pab_fail(err, PAB_USAGE, "--corpus %s: it is no folder", path);
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        return pab_fail(err, PAB_USAGE, "--corpus %s: %s", path, strerror(errno));
    }
    return PAB_OK;
}

/* What a file is for must be among the chosen checks. */
static enum pab_status expect_used(const struct pab_checks *checks, struct pab_error *err)
{
    const struct pab_check_selection *selection = &checks->selection;
    const struct pab_checks_request *request = &checks->request;
    bool has_replay = request->replay == NULL && request->corpus == NULL;
    bool has_oracle = request->oracle == NULL;
    for (size_t i = 0; i < selection->count; i++) {
        bool reads_replay = pab_globs_match(REPLAY_CHECKS, selection->chosen[i]->id);
        has_replay |= reads_replay;
        has_oracle |= selection->chosen[i]->admit != NULL && !reads_replay;
    }
    if (!has_oracle) {
        return pab_fail(err, PAB_USAGE, "--oracle %s: none of the chosen checks uses an oracle",
                        request->oracle);
    }
    if (!has_replay) {
        return pab_fail(err, PAB_USAGE, "%s: none of the chosen checks makes calls again",
                        request->replay != NULL ? "--replay" : "--corpus");
    }
    return PAB_OK;
}

enum pab_status pab_checks_make(struct pab_checks *checks, const struct pab_checks_request *request,
                                struct pab_error *err)
{
    memset(checks, 0, sizeof(*checks));
    checks->request = *request;
    if (request->jobs == 0) {
        checks->request.jobs = own_jobs();
    }
    if (request->replay != NULL && request->only == NULL) {
        checks->request.only = REPLAY_ONLY;
    }
    struct pab_request backends = {.backends = request->backends};
    enum pab_status status = expect_fits("--oracle", request->oracle, err);
    status = status != PAB_OK ? status : expect_fits("--replay", request->replay, err);
    status = status != PAB_OK ? status : expect_fits("--corpus", request->corpus, err);
    status = status != PAB_OK ? status : expect_replay(request, err);
    status = status != PAB_OK ? status : expect_corpus(request, err);
    status = status != PAB_OK ? status : pab_plan_backends(&checks->plan, &backends, err);
    if (status == PAB_OK) {
        status =
            pab_check_select(checks->request.only, request->with_long, &checks->selection, err);
    }
    status = status != PAB_OK ? status : expect_used(checks, err);
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
                     checks->plan.arms[0].id);
}
