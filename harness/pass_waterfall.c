/* harness/pass_waterfall.c -- at the call at which most bytes are live: from what is asked for to what
 * the process grew by. RSS is read first and to the page, then the allocators are asked. */
#include "allocators/decorate/meter.h"
#include "harness/pass.h"
#include "harness/self.h"
#include "harness/waterfall.h"

static struct {
    struct pab_meter meter;
    struct pab_heap *heap;
    struct pab_waterfall_input at_peak;
    uint64_t r0_bytes;
    bool was_there;
} waterfall;

static bool take_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    return heap != NULL && heap->backend->inventory != NULL && heap->backend->inventory(heap, out);
}

/* A heap and those beside it. */
static bool take_inventories(struct pab_heap *heap, struct pab_inventory *out)
{
    bool is_told = true;
    for (; heap != NULL; heap = heap->beside) {
        struct pab_inventory one = {0};
        is_told = take_inventory(heap, &one) && is_told;
        out->blocks_bytes += one.blocks_bytes;
        out->free_blocks_bytes += one.free_blocks_bytes;
        out->free_pools_bytes += one.free_pools_bytes;
        out->slack_bytes += one.slack_bytes;
        out->tables_bytes += one.tables_bytes;
        out->absent_bytes += one.absent_bytes;
    }
    return is_told;
}

static void look_at_peak(void *arg, uint64_t calls, uint64_t usable_bytes)
{
    (void)arg;
    (void)calls;
    if (waterfall.was_there) {
        return; /* as many calls again: no peak */
    }
    waterfall.was_there = true;
    struct pab_waterfall_input *at = &waterfall.at_peak;
    uint64_t rss_bytes = pab_rss_exact_bytes();
    at->growth_bytes = rss_bytes > waterfall.r0_bytes ? rss_bytes - waterfall.r0_bytes : 0;
    at->usable_bytes = usable_bytes;
    at->has_own = take_inventories(waterfall.heap, &at->own);
    at->has_raw = take_inventory(waterfall.heap->raw, &at->raw); /* one, which all stand on */
}

static void tell(const struct pab_waterfall_input *input)
{
    struct pab_waterfall steps = pab_waterfall_make(input);
    const struct {
        const char *name;
        uint64_t bytes;
    } figures[] = {
        {"payload_bytes", steps.payload_bytes},
        {"rounding_bytes", steps.rounding_bytes},
        {"headers_bytes", steps.headers_bytes},
        {"free_blocks_bytes", steps.free_blocks_bytes},
        {"free_pools_bytes", steps.free_pools_bytes},
        {"slack_bytes", steps.slack_bytes},
        {"tables_bytes", steps.tables_bytes},
        {"raw_heap_bytes", steps.raw_heap_bytes},
        {"other_bytes", steps.other_bytes},
        {"not_resident_bytes", steps.not_resident_bytes},
        {"rss_growth_bytes", input->growth_bytes},
        {"unexplained_bytes", steps.unexplained_bytes},
    };
    for (size_t i = 0; i < ARRAY_COUNT(figures); i++) {
        pab_worker_figure(figures[i].name, (double)figures[i].bytes);
    }
    pab_worker_figure("is_told", input->has_own ? 1 : 0);
}

/* Blocks hold at least what they were asked for, or this is not the moment of the peak. A runtime of
 * its own has its peak elsewhere. */
static void expect_room(const struct pab_waterfall_input *input, unsigned caps)
{
    if ((caps & PAB_CAP_RUNTIME) == 0 && input->usable_bytes > 0 &&
        input->usable_bytes < input->live_bytes) {
        struct pab_error err;
        pab_fail(&err, PAB_BAD_DATA,
                 "at the peak its blocks hold %llu bytes by usable_size, but were asked for %llu",
                 (unsigned long long)input->usable_bytes, (unsigned long long)input->live_bytes);
        pab_worker_refuse("requests", &err);
    }
}

static void run_waterfall(const struct pab_workload *workload, struct pab_run *run,
                          const struct pab_job *job)
{
    waterfall.heap = run->heap;
    waterfall.at_peak.live_bytes = job->peak_live_bytes;
    pab_meter_attach(&waterfall.meter, run->heap);
    pab_meter_set_tick(&waterfall.meter, job->peak_calls, look_at_peak, NULL);
    waterfall.r0_bytes = pab_rss_exact_bytes();
    workload->body(run);
    pab_meter_detach(&waterfall.meter);
    struct pab_error err;
    if (waterfall.r0_bytes == 0) {
        pab_fail(&err, PAB_UNAVAILABLE, "this system has no /proc/self/smaps_rollup to read");
        pab_worker_refuse("unavailable", &err);
    }
    if (!waterfall.was_there) {
        pab_fail(&err, PAB_BAD_DATA, "the body ended before call %llu, where its peak is to be",
                 (unsigned long long)job->peak_calls);
        pab_worker_refuse("internal", &err);
    }
    expect_room(&waterfall.at_peak, run->heap->backend->caps);
    tell(&waterfall.at_peak);
    pab_worker_body(run, waterfall.meter.hash);
}

const struct pab_pass pab_pass_waterfall = {
    .name = "waterfall",
    .summary = "at the peak, from bytes asked for to RSS: rounding, headers, free, not resident",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_LARGE | PAB_PASS_HOLDS_HASH,
    .weight = 6,
    .patience = 1,
    .result = PAB_MESSAGE_FIGURE,
    .run = run_waterfall,
};
