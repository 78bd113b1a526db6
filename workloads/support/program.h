/* workloads/support/program.h -- what every workload of Python code does around its own part.
 * Depends on workload.h, inputs.h, rng.h, scatter.h, pyobj.h.
 */
#ifndef PAB_WORKLOADS_SUPPORT_PROGRAM_H
#define PAB_WORKLOADS_SUPPORT_PROGRAM_H

#include "workloads/pyobj/pyobj.h"
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

/* The first member of such a workload's state, named `py`. */
struct pab_program {
    void *runtime; /* storage of the object model */
    const uint64_t *params;
    /* Reset at the start of each body: */
    struct pab_rng rng;
    uint64_t ops, sum; /* operations done; checksum of what was computed */
};

/* For setup(): the state, `size` zeroed bytes that begin with a struct pab_program. */
static inline void *pab_program_new(struct pab_run *run, size_t size)
{
    struct pab_program *program = pab_inputs_take(run->inputs, size);
    program->runtime = pab_inputs_take(run->inputs, pab_py_storage_bytes());
    program->params = run->params;
    run->state = program;
    return program;
}

/* Opens a body: the same random numbers each time, an empty runtime, the build phase. */
static inline void pab_program_begin(struct pab_program *program, struct pab_run *run)
{
    pab_rng_seed(&program->rng, run->seed);
    program->ops = 0;
    program->sum = 0;
    pab_py_start(run->heap, program->runtime);
    pab_run_phase(run, PAB_PHASE_BUILD);
}

/* How most drains begin, as a service after its peak: three quarters of what lies in a list of
 * `count` give way to None, in scattered order. */
static inline void pab_program_scatter(struct pab_program *program, struct pab_object *list,
                                       uint64_t count, uint64_t seed)
{
    struct pab_scatter scatter;
    uint32_t index;
    pab_scatter_init(&scatter, count, seed);
    for (uint64_t left = count * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        pab_list_set_item(list, index, pab_new_ref(pab_none()));
        program->ops++;
    }
}

/* Closes it: the runtime ends, and with it every block; the figures go to the harness. */
static inline void pab_program_end(const struct pab_program *program, struct pab_run *run)
{
    pab_py_stop();
    pab_run_phase(run, PAB_PHASE_END);
    run->op_count = program->ops;
    run->checksum = program->sum;
}

#endif
