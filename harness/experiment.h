/* harness/experiment.h -- carries a plan out. Depends on plan.h, journal.h, runner.h.
 *
 *   probe     every backend opens, proves its identity and passes the pre-flight checks
 *   demand    every workload runs once under exact accounting: q(t), checksum, request hash
 *   time      rounds of all cells in random order, each in a process of its own
 *   memory    the same; while a worker only waits to see what was given back, others run
 *
 * What fails is recorded with its reason, is not tried again, and leaves the others alone.
 */
#ifndef PAB_HARNESS_EXPERIMENT_H
#define PAB_HARNESS_EXPERIMENT_H

#include "harness/journal.h"
#include "harness/plan.h"

struct pab_experiment {
    const struct pab_plan *plan;
    struct pab_journal *journal;
    const volatile int *interrupted; /* a signal's number once one came */
    bool quiet;
};

struct pab_experiment_result {
    size_t failures;           /* rows of failures[] that count against the exit code */
    size_t backends_available; /* passed the probe */
    size_t backends_broken;    /* are here, but crashed, hung or were wrong in it */
    size_t samples;
};

/* PAB_OK also when cells failed; PAB_IO when results cannot be kept (the run stops there). What
 * the journal already holds is not measured again. */
enum pab_status pab_experiment_run(const struct pab_experiment *experiment,
                                   struct pab_experiment_result *result, struct pab_error *err);

#endif
