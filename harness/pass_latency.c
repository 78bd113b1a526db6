/* harness/pass_latency.c -- how long each single allocator call takes, by its kind: one body, from
 * a process that has allocated nothing to an empty heap.
 *
 * With the memory parameters: the heap grows, is churned and given up at the size of a program.
 * What the tail consists of (pages taken from the system and given back, free lists searched and
 * merged) does not come up in the time pass's small heaps. */
#include "allocators/decorate/clocked.h"
#include "harness/figures.h"
#include "harness/pass.h"

static const char *const kind_names[PAB_CALL_COUNT] = {
    [PAB_CALL_MALLOC] = "malloc",
    [PAB_CALL_CALLOC] = "calloc",
    [PAB_CALL_REALLOC] = "realloc",
    [PAB_CALL_FREE] = "free",
};

static void run_latency(const struct pab_workload *workload, struct pab_run *run,
                        const struct pab_job *job)
{
    static struct pab_clocked clocked;
    (void)job;
    pab_clocked_attach(&clocked, run->heap);
    workload->body(run);
    pab_clocked_detach(&clocked);
    for (int call = 0; call < PAB_CALL_COUNT; call++) {
        const struct pab_histogram *histogram = &clocked.kinds[call];
        pab_figures_histogram(kind_names[call], histogram);
        if (histogram->count > 0) {
            pab_figure(kind_names[call], "mean_ns",
                       pab_clocked_mean_ns(&clocked, (enum pab_call)call));
        }
    }
    pab_figures_clock(&clocked.clock);
    pab_worker_body(run, clocked.hash);
}

const struct pab_pass pab_pass_latency = {
    .name = "latency",
    .summary = "how long every single call takes: median to maximum, by kind of call",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_LARGE | PAB_PASS_HOLDS_HASH,
    .weight = 10,
    .patience = 2,
    .result = PAB_MESSAGE_FIGURE,
    .run = run_latency,
};
