/* harness/checks.h -- runs conformance checks on backends. Depends on check_select.h, plan.h,
 * progress.h.
 *
 * Every check runs in a worker of its own on a freshly opened heap, several side by side; a crash
 * or a hang in one is the verdict FAIL with its reason, and the others go on.
 */
#ifndef PAB_HARNESS_CHECKS_H
#define PAB_HARNESS_CHECKS_H

#include "harness/check_select.h"
#include "harness/plan.h"
#include "harness/progress.h"

#define PAB_CHECK_JOBS_MAX 64

struct pab_checks_request {
    const char *backends, *only;          /* NULL: the default */
    const char *oracle, *replay, *corpus; /* NULL: none; files and a folder */
    uint64_t seed;
    uint64_t ops;     /* 0: each check's own choice */
    double timeout_s; /* for one check; 0: by ops */
    unsigned jobs;    /* workers at once; 0: as many as CPUs and memory allow */
    bool with_long;   /* those that take minutes or hours, too */
    bool is_strict;   /* known findings are failures like any other */
};

struct pab_checks {
    struct pab_plan plan; /* its backends alone */
    struct pab_check_selection selection;
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
    size_t known;            /* of the failures: findings (harness/check.h) */
    size_t backends_missing; /* named by the user, and not available or broken */
};

/* Who looks on: what is shown meanwhile, and a signal's number once one came. */
struct pab_checks_watch {
    struct pab_progress *progress;
    const volatile int *interrupted;
    bool is_verbose; /* every row is shown */
};

/* Runs them, shows each backend's as it is complete (check_report.h) and adds all to `record`.
 * PAB_USAGE when a check refuses what was asked for, PAB_IO when the machinery cannot be trusted:
 * then no verdict was given. PAB_OK also when checks fail or `interrupted` ends it early. */
enum pab_status pab_checks_run(const struct pab_checks *checks, json_t *record,
                               const struct pab_checks_watch *watch,
                               struct pab_checks_result *result, struct pab_error *err);

#endif
