/* harness/sample.h -- outcomes of workers as the document's JSON. Depends on runner.h, plan.h. */
#ifndef PAB_HARNESS_SAMPLE_H
#define PAB_HARNESS_SAMPLE_H

#include "harness/collector.h"
#include "harness/footprint.h"
#include "harness/plan.h"
#include "harness/runner.h"

/* What a workload asks of any allocator under one variant's settings, from its demand pass. */
struct pab_demand_known {
    struct pab_demand time;                      /* with the time pass's parameters */
    struct pab_demand memory;                    /* with the memory pass's */
    struct pab_curve_point curve[PAB_CURVE_MAX]; /* q of the memory parameters */
    size_t curve_count;
};

json_t *pab_backend_to_json(const struct pab_arm *arm, const struct pab_outcome *outcome);
/* `demand` has a place for each variant. */
json_t *pab_workload_to_json(const struct pab_planned_workload *planned,
                             const struct pab_gc_variants *variants,
                             const struct pab_demand_known *demand);
/* Reads back what pab_workload_to_json() wrote (--resume); false when it is not all there. */
bool pab_workload_from_json(const json_t *json, const struct pab_gc_variants *variants,
                            struct pab_demand_known *demand);

struct pab_sample_context {
    const struct pab_plan *plan;
    const struct pab_cell *cell;
    const struct pab_demand_known *demand;
    uint64_t started_ms; /* since the run began */
};

json_t *pab_sample_to_json(const struct pab_sample_context *context,
                           const struct pab_outcome *outcome);
json_t *pab_timeline_to_json(const struct pab_sample_context *context,
                             const struct pab_outcome *outcome);
/* `cell` NULL: the failure is the backend's; workload, pass and round are null then. */
json_t *pab_failure_to_json(const struct pab_plan *plan, const struct pab_cell *cell,
                            const char *backend, const char *kind, const char *message);

#endif
