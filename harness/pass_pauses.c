/* harness/pass_pauses.c -- how long the cyclic collector stops the program: every collection of one
 * body, by its generation. With the memory parameters: what a full collection takes grows with the
 * heap. Nothing lies between the program and its allocator, so its own time is what it is. */
#include "allocators/clock.h"
#include "allocators/histogram.h"
#include "harness/figures.h"
#include "harness/pass.h"
#include "harness/runtime.h"

#include <math.h>
#include <string.h>

static struct {
    struct pab_clock clock;
    struct pab_histogram generations[PAB_GC_GENERATIONS];
    uint64_t began;
} pauses;

static void note_collection(const struct pab_gc_report *report)
{
    uint64_t now = pab_clock_read(&pauses.clock);
    if (report->done) {
        pab_histogram_add(&pauses.generations[report->generation],
                          pab_clock_net_ns(&pauses.clock, pauses.began, now));
    } else {
        pauses.began = pab_clock_read(&pauses.clock);
    }
}

/* What the collector itself counts is known for every runtime. */
static void tell_counts(const char *subject, int generation)
{
    struct pab_gc_stats total = pab_runtime_gc_total(generation);
    pab_figure(subject, "collected", (double)total.collected);
    pab_figure(subject, "uncollectable", (double)total.uncollectable);
    if (pab_runtime_counts_visits()) {
        pab_figure(subject, "visited", (double)total.visited);
    }
}

static void tell(bool is_timed, uint64_t body_ns)
{
    uint64_t total_ns = 0;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        const struct pab_histogram *histogram = &pauses.generations[i];
        char subject[PAB_NAME_MAX];
        snprintf(subject, sizeof(subject), "gen%d", i);
        if (is_timed) {
            PAB_CHECK(histogram->count == pab_runtime_gc_total(i).collections);
            pab_figures_histogram(subject, histogram);
            pab_figure(subject, "total_ns", (double)histogram->sum_ns);
            total_ns += histogram->sum_ns;
        } else {
            pab_figure(subject, "count", (double)pab_runtime_gc_total(i).collections);
        }
        tell_counts(subject, i);
    }
    pab_worker_figure("body_ns", (double)body_ns);
    if (is_timed && body_ns > 0) {
        pab_worker_figure("share_ppm", floor(1e6 * (double)total_ns / (double)body_ns));
    }
}

static void run_pauses(const struct pab_workload *workload, struct pab_run *run,
                       const struct pab_job *job)
{
    (void)job;
    memset(pauses.generations, 1, sizeof(pauses.generations)); /* their pages, before the body */
    memset(pauses.generations, 0, sizeof(pauses.generations));
    pab_clock_open(&pauses.clock);
    bool is_timed = pab_runtime_watch_collections(note_collection);
    uint64_t began = pab_clock_read(&pauses.clock);
    workload->body(run);
    uint64_t body_ns = pab_clock_net_ns(&pauses.clock, began, pab_clock_read(&pauses.clock));
    tell(is_timed, body_ns);
    pab_figures_clock(&pauses.clock);
    pab_worker_body(run, 0);
}

const struct pab_pass pab_pass_pauses = {
    .name = "pauses",
    .summary = "how long each collection stops the program, by generation",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_LARGE,
    .weight = 6,
    .patience = 1,
    .result = PAB_MESSAGE_FIGURE,
    .run = run_pauses,
};
