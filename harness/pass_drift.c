/* harness/pass_drift.c -- many bodies in one process, each with random numbers of its own: what is
 * still resident after each of them, and does that grow? A heap is empty between bodies, so all
 * that stays is the allocator's; what it keeps for the next body is no drift, what it cannot use
 * again is.
 */
#include "harness/drift.h"
#include "harness/pass.h"
#include "harness/self.h"

#include <math.h>

#define BODIES                                                                                     \
    48 /* of which the first 12, in which heaps find their size, do not count for slopes */
#define WARM 12
static_assert(BODIES - WARM <= PAB_DRIFT_POINTS_MAX && BODIES <= PAB_SERIES_MAX, "it fits");

static struct {
    uint64_t base_bytes;
    uint64_t kept[BODIES]; /* resident after the body, above base_bytes */
} drift;

static uint64_t kept_bytes(void)
{
    uint64_t bytes = pab_rss_exact_bytes();
    return bytes > drift.base_bytes ? bytes - drift.base_bytes : 0;
}

/* Slopes may be negative, figures may not: a process that shrinks does not drift. */
static void tell(void)
{
    uint64_t most = 0;
    for (int i = 0; i < BODIES; i++) {
        most = drift.kept[i] > most ? drift.kept[i] : most;
    }
    struct pab_drift found = pab_drift_of(drift.kept + WARM, BODIES - WARM);
    pab_worker_figure("bodies", BODIES);
    pab_worker_figure("first_bytes", (double)drift.kept[0]);
    pab_worker_figure("warm_bytes", (double)drift.kept[WARM]);
    pab_worker_figure("last_bytes", (double)drift.kept[BODIES - 1]);
    pab_worker_figure("most_bytes", (double)most);
    pab_worker_figure("slope_bytes", fmax(0, round(found.slope)));
    pab_worker_figure("slope_upper_bytes", fmax(0, round(found.upper)));
    pab_worker_series("kept", drift.kept, BODIES);
}

static void run_drift(const struct pab_workload *workload, struct pab_run *run,
                      const struct pab_job *job)
{
    (void)job;
    for (int i = 0; i < BODIES; i++) {
        drift.kept[i] = 1; /* its pages are there then */
    }
    drift.base_bytes = pab_rss_exact_bytes();
    for (int i = 0; i < BODIES; i++) {
        run->seed = job->seed + (uint64_t)i;
        workload->body(run);
        if (run->heap->backend->reset != NULL) {
            run->heap->backend->reset(run->heap);
        }
        drift.kept[i] = kept_bytes();
        if (i == 0) {
            pab_worker_body(run, 0); /* only this one has a checksum that is known */
        }
    }
    tell();
}

const struct pab_pass pab_pass_drift = {
    .name = "drift",
    .summary = "48 bodies in one process: what stays resident after each, its slope and a bound",
    .contract = PAB_PASS_CONTRACT,
    .weight = 12,
    .patience = 4,
    .result = PAB_MESSAGE_FIGURE,
    .run = run_drift,
};
