/* harness/runner.h -- starts worker processes and classifies how they end. Depends on outcome.h, pass.h.
 *
 * A worker is exec'd afresh, in a process group of its own, with the environment that its backend
 * asks for. Whatever it does - crash, hang, print, stop early - becomes a pab_outcome.
 */
#ifndef PAB_HARNESS_RUNNER_H
#define PAB_HARNESS_RUNNER_H

#include "harness/outcome.h"
#include "harness/pass.h"

struct pab_worker;

struct pab_launch {
    const struct pab_spec *spec;
    const struct pab_job *job;
    const struct pab_pass *pass; /* of a job of kind PASS; else NULL */
    const char *binary;          /* whose worker; NULL or empty: this program's */
    uint64_t pad_bytes;          /* length of an environment variable: where stacks begin is luck */
    uint64_t timeout_ms;         /* until LINGER or DONE; but not while we are stopped ourselves */
};

/* Starts one. PAB_IO when processes or pipes are not to be had. */
enum pab_status pab_worker_start(const struct pab_launch *launch, struct pab_worker **out,
                                 struct pab_error *err);

#define PAB_PROBE_TIMEOUT_MS                                                                       \
    10000 /* opening a library, a small check: hangs, if not done by then */

enum pab_worker_state {
    PAB_WORKER_RUNNING,
    PAB_WORKER_LINGERING, /* only waits for its last readings: others may run meanwhile */
    PAB_WORKER_ENDED,
};

#define PAB_WORKERS_MAX 64 /* alive at once: one that runs, the others lingering */

/* Lets `count` workers report for at most `wait_ms`; returns early when one changes its state or
 * a signal arrives. */
void pab_workers_poll(struct pab_worker **workers, size_t count, int wait_ms);
enum pab_worker_state pab_worker_state(const struct pab_worker *worker);
/* What it said last that it does. */
const char *pab_worker_stage(const struct pab_worker *worker);

/* Of an ended worker. */
const struct pab_outcome *pab_worker_outcome(const struct pab_worker *worker);

/* Whether a lingering worker's measurement is complete but for its later looks. */
bool pab_worker_has_measured(const struct pab_worker *worker);
/* What such a worker has told so far, as a good outcome; it is destroyed next. */
const struct pab_outcome *pab_worker_cut_short(struct pab_worker *worker);

/* Kills it if it still lives, and frees it. */
void pab_worker_destroy(struct pab_worker *worker);

/* Start, wait, and take the outcome: for jobs that run alone. `interrupted` (may be NULL) ends
 * the wait early; the outcome is then not ok. Free with pab_worker_destroy(). */
enum pab_status pab_worker_run(const struct pab_launch *launch, const volatile int *interrupted,
                               struct pab_worker **out, struct pab_error *err);

/* Opens a backend in a worker and has it prove who it is: the outcome of a probe. */
enum pab_status pab_worker_probe(const struct pab_spec *spec, struct pab_worker **out,
                                 struct pab_error *err);

#endif
