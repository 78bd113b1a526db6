/* harness/plan_rounds.c -- which cells a round has, and in which order. */
#include "harness/plan.h"
#include "harness/threads.h"
#include "workloads/support/rng.h"

bool pab_plan_has(const struct pab_plan *plan, const struct pab_pass *pass)
{
    return (plan->passes >> pab_pass_index(pass) & 1u) != 0;
}

unsigned pab_plan_rounds(const struct pab_plan *plan, const struct pab_pass *pass)
{
    if ((pass->flags & PAB_PASS_ROUNDS) != 0) {
        return plan->rounds;
    }
    return (pass->flags & PAB_PASS_ONCE) != 0 ? 1 : plan->memory_rounds;
}

/* Fisher and Yates. */
static void shuffle(size_t *items, size_t count, struct pab_rng *rng)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = pab_rng_below(rng, (uint32_t)i);
        size_t swapped = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swapped;
    }
}

/* The arms of one workload in this round; `arm_count` stands for the control. */
static size_t arms_of(const struct pab_plan *plan, const struct pab_pass *pass, unsigned round,
                      size_t workload, size_t *out)
{
    size_t count = 0;
    if ((pass->flags & PAB_PASS_ONE_THREAD) != 0 &&
        pab_threads_of(&plan->workloads[workload]) > 1) {
        return 0;
    }
    for (size_t i = 0; i < plan->arm_count; i++) {
        if ((plan->left_out[workload] >> i & 1u) == 0) {
            out[count++] = i;
        }
    }
    bool has_control = pass == &pab_pass_time && plan->control_every != 0 &&
                       round % plan->control_every == 0 &&
                       (plan->left_out[workload] >> plan->baseline & 1u) == 0;
    if (has_control) {
        out[count++] = plan->arm_count;
    }
    return count;
}

size_t pab_plan_round(const struct pab_plan *plan, const struct pab_pass *pass, unsigned round,
                      struct pab_cell *out)
{
    bool is_ours = plan->shard_count == 0 || round % plan->shard_count == plan->shard_index;
    if (!is_ours || (pass == &pab_pass_time && round < plan->first_round)) {
        return 0;
    }
    struct pab_rng rng;
    pab_rng_seed(&rng, plan->seed ^ ((uint64_t)(pab_pass_index(pass) + 1) << 56) ^
                           ((uint64_t)round << 24));
    size_t workloads[PAB_PLAN_WORKLOADS_MAX];
    const size_t workload_count = plan->workload_count;
    for (size_t w = 0; w < workload_count; w++) {
        workloads[w] = w;
    }
    shuffle(workloads, workload_count, &rng);
    size_t count = 0;
    for (size_t w = 0; w < workload_count; w++) {
        size_t arms[PAB_PLAN_BACKENDS_MAX + 1];
        size_t arm_count = arms_of(plan, pass, round, workloads[w], arms);
        shuffle(arms, arm_count, &rng);
        for (size_t i = 0; i < arm_count; i++, count++) {
            bool is_control = arms[i] == plan->arm_count;
            out[count] = (struct pab_cell){
                .pass = pass,
                .round = round,
                .position = (unsigned)count,
                .workload = workloads[w],
                .arm = is_control ? plan->baseline : arms[i],
                .is_control = is_control,
                .pad_bytes = (pass->flags & PAB_PASS_STILL) != 0 ? 0 : pab_rng_below(&rng, 4096),
            };
        }
    }
    return count;
}
