#include "harness/threads.h"

#include <sched.h>

static bool is_safe(const struct pab_spec *spec)
{
    return (spec->backend->caps & PAB_CAP_THREADS) != 0;
}

const char *pab_threads_unfit(const struct pab_workload *workload, const struct pab_spec *spec)
{
    unsigned caps = spec->backend->caps;
    if (workload->threading == PAB_THREADING_NONE) {
        return NULL;
    }
    if ((caps & PAB_CAP_RUNTIME) != 0) {
        return "its interpreter runs one thread here";
    }
    if (workload->threading == PAB_THREADING_TURNS) {
        return NULL;
    }
    if (workload->threading == PAB_THREADING_HEAPS && (caps & PAB_CAP_INSTANCES) != 0) {
        return spec->raw == NULL || is_safe(spec->raw)
                   ? NULL
                   : "it stands on what is not made for calls of several threads at once";
    }
    if (!is_safe(spec)) {
        return "not made for calls of several threads at once";
    }
    return pab_spec_is(spec, "hooks", "debug") ? "its debug hooks count calls without a lock"
                                               : NULL;
}

void pab_threads_leave_out(struct pab_plan *plan)
{
    for (size_t w = 0; w < plan->workload_count; w++) {
        for (size_t i = 0; i < plan->arm_count; i++) {
            if (pab_threads_unfit(plan->workloads[w].workload, plan->arms[i].spec) != NULL) {
                plan->left_out[w] |= (uint32_t)1 << i;
            }
        }
    }
}

/* "skipping threads_larson: only one thread ...: pymalloc, null"; a line for each reason. */
static void say_of(const struct pab_plan *plan, const struct pab_workload *workload)
{
    const char *said = NULL;
    for (size_t i = 0; i < plan->arm_count; i++) {
        const char *why = pab_threads_unfit(workload, plan->arms[i].spec);
        if (why != NULL && why != said) {
            fprintf(stderr, "%spyallocbench: skipping %s: %s: %s", said == NULL ? "" : "\n",
                    workload->name, why, plan->arms[i].id);
            said = why;
        } else if (why != NULL) {
            fprintf(stderr, ", %s", plan->arms[i].id);
        }
    }
    fputs(said == NULL ? "" : "\n", stderr);
}

void pab_threads_say(const struct pab_plan *plan)
{
    for (size_t w = 0; w < plan->workload_count; w++) {
        const struct pab_workload *workload = plan->workloads[w].workload;
        if (w == 0 || plan->workloads[w - 1].workload != workload) {
            say_of(plan, workload);
        }
    }
}

unsigned pab_threads_of(const struct pab_planned_workload *planned)
{
    return planned->workload->threading == PAB_THREADING_NONE ? 1 : (unsigned)planned->params[0];
}

/* CPUs that this process may use; 0 where it cannot be told. */
static unsigned own_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 0;
}

void pab_threads_describe(const struct pab_plan *plan, size_t workload, json_t *row)
{
    const struct pab_planned_workload *planned = &plan->workloads[workload];
    bool is_at_once = pab_threading_at_once(planned->workload->threading);
    unsigned threads = pab_threads_of(planned);
    unsigned cpus = own_cpus();
    json_t *left_out = json_array();
    for (size_t i = 0; i < plan->arm_count; i++) {
        const char *why = pab_threads_unfit(planned->workload, plan->arms[i].spec);
        if (why != NULL) {
            json_array_append_new(
                left_out, json_pack("{s:s, s:s}", "backend", plan->arms[i].id, "reason", why));
        }
    }
    json_object_set_new(row, "threads", json_integer(threads));
    json_object_set_new(row, "clock", json_string(is_at_once ? "wall" : "cpu"));
    json_object_set_new(row, "oversubscribed",
                        json_boolean(is_at_once && cpus > 0 && threads > cpus));
    json_object_set_new(row, "left_out", left_out);
}
