/* harness/checks.h -- runs conformance checks on backends. Depends on plan.h, progress.h, runner.h.
 *
 * Every check runs in a worker of its own on a freshly opened heap; a crash or a hang in it is the
 * verdict FAIL with its reason, and the next check goes on.
 */
#ifndef PAB_HARNESS_CHECKS_H
#define PAB_HARNESS_CHECKS_H

#include "harness/plan.h"
#include "harness/progress.h"
#include "harness/runner.h"

struct pab_checks_request {
    const char *backends, *only, *oracle; /* NULL: the default */
    uint64_t seed;
    uint64_t ops;     /* 0: each check's own choice */
    double timeout_s; /* for one check; 0: by ops */
};

#define PAB_CHECKS_MAX 512

struct pab_checks {
    struct pab_plan plan; /* its backends alone */
    const struct pab_check *chosen[PAB_CHECKS_MAX];
    size_t chosen_count;
    struct pab_checks_request request;
};

/* Turns a request into what is to be run, or says which word of it is wrong. */
enum pab_status pab_checks_make(struct pab_checks *checks, const struct pab_checks_request *request,
                                struct pab_error *err);
void pab_checks_fini(struct pab_checks *checks);

/* The plan as a document's header has it; a new object. */
json_t *pab_checks_plan_json(const struct pab_checks *checks);

struct pab_checks_result {
    size_t verdicts[PAB_VERDICT_COUNT];
    size_t backends_missing; /* named by the user, and not available or broken */
};

/* Who looks on: what is shown meanwhile, and a signal's number once one came. */
struct pab_checks_watch {
    struct pab_progress *progress;
    const volatile int *interrupted;
};

/* Runs them, reports every row as it comes (check_report.h) and adds it to `record`.
 * PAB_USAGE when a check refuses what was asked for; PAB_OK also when checks fail or `interrupted`
 * ends it early. */
enum pab_status pab_checks_run(const struct pab_checks *checks, json_t *record,
                               const struct pab_checks_watch *watch,
                               struct pab_checks_result *result, struct pab_error *err);

#endif
