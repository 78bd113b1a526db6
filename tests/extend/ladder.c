/* workloads/ladder.c -- what a newcomer would write: blocks of rising size, given back in order. */
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/workload.h"

#include <string.h>

static const struct pab_param params[] = {
    {.name = "steps",
     .summary = "blocks, each 8 bytes larger than the last",
     .unit = "blocks",
     .value = 500,
     .min = 1,
     .max = 100000},
    {0},
};

static enum pab_status ladder_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    run->state = pab_inputs_take(run->inputs, run->params[0] * sizeof(void *));
    return PAB_OK;
}

static void ladder_body(struct pab_run *run)
{
    const struct pab_alloc *obj = &run->heap->domain[PAB_DOMAIN_OBJ];
    unsigned char **steps = run->state;
    uint64_t count = run->params[0];
    uint64_t sum = run->seed;
    pab_run_phase(run, PAB_PHASE_BUILD);
    for (uint64_t i = 0; i < count; i++) {
        size_t size = (size_t)(i + 1) * 8;
        steps[i] = obj->malloc(obj->ctx, size);
        memset(steps[i], (int)(i & 0x7f), size);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    for (uint64_t i = 0; i < count; i++) {
        sum = pab_checksum_add(sum, steps[i][i * 8]);
        obj->free(obj->ctx, steps[i]);
    }
    pab_run_phase(run, PAB_PHASE_END);
    run->op_count = count;
    run->checksum = sum;
}

const struct pab_workload pab_workload_ladder = {
    .name = "ladder",
    .summary = "a workload that a test adds",
    .models = "nothing: it shows what one more workload costs",
    .unit = "block",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .params = params,
    .setup = ladder_setup,
    .body = ladder_body,
};
