/* harness/collector.h -- the settings of the collector that a spec asks for. Depends on plan.h,
 * pyobj.h.
 *
 * With other settings a workload collects at other moments: it frees in another order, so it asks
 * for blocks otherwise, and a checksum that counts collections differs. What must come out of a
 * workload, and what it asks for, therefore belongs to (workload, settings): its *variants*. The
 * baseline's is the first, the workload's own row in the document.
 */
#ifndef PAB_HARNESS_COLLECTOR_H
#define PAB_HARNESS_COLLECTOR_H

#include "harness/plan.h"
#include "workloads/pyobj/pyobj.h"

/* From the keys gc and gc.threshold*; a profile from 3.13 on begins with 2000 new objects. */
struct pab_gc_options pab_gc_options_of(const struct pab_spec *spec);

#define PAB_GC_TEXT_MAX 48

/* "700,10,10", or "off", whatever the thresholds: settings of equal text act alike. */
void pab_gc_options_format(const struct pab_gc_options *options, char out[PAB_GC_TEXT_MAX]);

/* The different settings among the specs of a plan. */
struct pab_gc_variants {
    struct pab_gc_options options[PAB_PLAN_BACKENDS_MAX];
    size_t count;
    size_t of_spec[PAB_PLAN_BACKENDS_MAX]; /* which one a spec of the plan runs under */
};

void pab_gc_variants_find(struct pab_gc_variants *out, const struct pab_plan *plan);

/* "system", under these settings: whom demand is measured on. New, or NULL. */
struct pab_spec *pab_gc_demand_spec(const struct pab_gc_options *options, struct pab_error *err);

#endif
