/* harness/app/rounds.h -- a real program in rounds of random order, under every configuration.
 * Depends on app/attempt.h, journal.h, plan.h.
 *
 * Samples are rows as `run` makes them: each time the program ran it gives one of the pass time
 * (one operation is one run of it), one of the pass memory, and one of the pass app, whose
 * figures are only told. In every round the baseline runs once more, as the A/A control.
 */
#ifndef PAB_HARNESS_APP_ROUNDS_H
#define PAB_HARNESS_APP_ROUNDS_H

#include "harness/app/attempt.h"
#include "harness/journal.h"
#include "harness/plan.h"

struct pab_app {
    struct pab_plan plan; /* its one workload is the program */
    struct pab_workload workload;
    char name[PAB_NAME_MAX]; /* "app:NAME" */
    struct pab_program program;
    struct pab_app_configuration configurations[PAB_PLAN_BACKENDS_MAX];
    bool is_good[PAB_PLAN_BACKENDS_MAX]; /* available, and has not failed yet */
    struct pab_journal *journal;
    const volatile int *interrupted; /* a signal's number once one came */
    bool ignores_output, is_quiet;
    int stopped_by;  /* the signal that came while the program ran; 0: none */
    int exit_code;   /* of the rehearsal: all others must end so */
    uint64_t result; /* and must have printed this */
    struct pab_app_start {
        double cpu_ns, peak_bytes; /* of a program that does nothing; NAN: not known */
    } start[PAB_PLAN_BACKENDS_MAX];
    uint64_t instructions; /* of the program under the baseline; 0: not counted */
    char python[48];       /* the version of its first interpreter, or "": it is none */
    size_t failures, samples;
    uint64_t began_ns;
};

/* Sets plan.workloads to the program: "app:NAME". */
void pab_app_name(struct pab_app *app);

/* After the probe, whose rows the journal has: which configurations can be had, and what they take.
 * PAB_UNAVAILABLE: the baseline cannot. */
enum pab_status pab_app_find_configurations(struct pab_app *app, struct pab_error *err);

/* Runs the program once, not measured: what it gives, all others must give. PAB_IDENTITY and others
 * say in one line why it cannot be measured. */
enum pab_status pab_app_rehearse(struct pab_app *app, struct pab_error *err);

/* All rounds. PAB_OK also when a configuration failed; PAB_IO when results cannot be kept. */
enum pab_status pab_app_run_rounds(struct pab_app *app, struct pab_error *err);

static inline bool pab_app_is_interrupted(const struct pab_app *app)
{
    return app->stopped_by != 0 || *app->interrupted != 0;
}

#endif
