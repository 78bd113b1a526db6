/* harness/pass_memory.c -- one body under RSS readings at ticks and phases, then what is given back
 * after the drain. */
#include "allocators/decorate/meter.h"
#include "harness/pass.h"
#include "harness/runtime.h"
#include "harness/self.h"

#include <string.h>

static struct {
    struct pab_meter meter;
    struct pab_memory_sample sample;
    struct pab_curve_point points[PAB_CURVE_MAX];
    size_t count;
    uint64_t began_ns;
    size_t stat_count; /* told so far */
} memory;

static void record_point(void *arg, uint64_t calls, uint64_t usable_bytes)
{
    (void)arg;
    if (memory.count < PAB_CURVE_MAX) {
        memory.points[memory.count++] = (struct pab_curve_point){
            .calls = calls,
            .t_ns = pab_wall_ns() - memory.began_ns,
            .bytes = pab_rss_bytes(),
            .usable = usable_bytes,
        };
    }
}

static void record_phase(struct pab_run *run, enum pab_phase phase)
{
    (void)run;
    memory.sample.phases[phase] = (struct pab_phase_note){
        .calls = memory.meter.calls,
        .t_ns = pab_wall_ns() - memory.began_ns,
        .bytes = pab_rss_bytes(),
    };
}

static uint64_t highest_point(void)
{
    uint64_t highest = memory.sample.r0_bytes;
    for (size_t i = 0; i < memory.count; i++) {
        highest = memory.points[i].bytes > highest ? memory.points[i].bytes : highest;
    }
    return highest;
}

/* The counts of all heaps that stand side by side, added up by name. */
static struct {
    const char *names[PAB_STATS_MAX];
    uint64_t values[PAB_STATS_MAX];
    size_t count;
} structure;

static void add_count(void *arg, const char *name, uint64_t value)
{
    (void)arg;
    size_t i = 0;
    while (i < structure.count && strcmp(structure.names[i], name) != 0) {
        i++;
    }
    if (i < PAB_STATS_MAX) {
        structure.names[i] = name;
        structure.values[i] += value;
        structure.count += i == structure.count;
    }
}

static void send_stat(void *arg, const char *name, uint64_t value)
{
    (void)arg;
    struct pab_stat_note note = {.value = value};
    struct pab_error err;
    if (memory.stat_count++ == PAB_STATS_MAX) {
        pab_fail(&err, PAB_BAD_DATA, "the backend has more than %d counts to tell", PAB_STATS_MAX);
        pab_worker_refuse("internal", &err);
    }
    snprintf(note.name, sizeof(note.name), "%s", name);
    pab_worker_send(PAB_MESSAGE_STAT, &note, sizeof(note));
}

static void send_structure(struct pab_heap *heap)
{
    if (heap->backend->stats != NULL && heap->beside == NULL) {
        heap->backend->stats(heap, send_stat, NULL);
        return;
    }
    for (; heap != NULL && heap->backend->stats != NULL; heap = heap->beside) {
        heap->backend->stats(heap, add_count, NULL);
    }
    for (size_t i = 0; i < structure.count; i++) {
        send_stat(NULL, structure.names[i], structure.values[i]);
    }
}

/* How often it collected, and how many objects that took: the same on every backend. */
static void send_collections(void)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        struct pab_gc_stats total = pab_runtime_gc_total(i);
        const struct {
            const char *what;
            uint64_t value;
            bool known;
        } counts[] = {
            {"collections", total.collections, true},
            {"collected", total.collected, true},
            {"visited", total.visited, pab_runtime_counts_visits()},
        };
        for (size_t j = 0; j < ARRAY_COUNT(counts); j++) {
            char name[PAB_NAME_MAX];
            snprintf(name, sizeof(name), "gc.gen%d.%s", i, counts[j].what);
            if (counts[j].known) {
                send_stat(NULL, name, counts[j].value);
            }
        }
    }
}

static void watch_body(const struct pab_workload *workload, struct pab_run *run,
                       const struct pab_job *job)
{
    struct pab_memory_sample *sample = &memory.sample;
    run->on_phase = record_phase;
    pab_meter_attach(&memory.meter, run->heap);
    pab_meter_set_tick(&memory.meter, job->tick_calls, record_point, NULL);
    memset(memory.points, 1, sizeof(memory.points)); /* its pages belong to R0, not to the body */
    struct pab_faults before = pab_faults_read();
    sample->peak_exact = pab_peak_rss_reset();
    sample->r0_bytes = pab_rss_bytes();
    memory.began_ns = pab_wall_ns();
    workload->body(run);
    sample->drain_rss_bytes = pab_rss_bytes();
    record_point(NULL, memory.meter.calls, memory.meter.live_usable_bytes); /* how it ends */
    uint64_t peak_bytes = sample->peak_exact ? pab_peak_rss_bytes() : 0;
    uint64_t seen_bytes = highest_point();
    sample->peak_rss_bytes = peak_bytes > seen_bytes ? peak_bytes : seen_bytes;
    struct pab_faults after = pab_faults_read();
    sample->minor_faults = after.minor - before.minor;
    sample->major_faults = after.major - before.major;
    sample->calls = memory.meter.calls;
    sample->request_hash = memory.meter.hash;
    pab_meter_detach(&memory.meter);
}

/* Looks again some time after the drain: what does the allocator give back by itself, without
 * being called? Only waits, so other cells may run meanwhile. */
static void watch_retention(const struct pab_job *job, uint64_t drained_ns)
{
    bool lingering = false;
    for (uint32_t i = 0; i < job->retain_count; i++) {
        struct pab_retained retained = {.after_ms = job->retain_ms[i],
                                        .rss_bytes = memory.sample.drain_rss_bytes};
        if (job->retain_ms[i] > 0) {
            if (!lingering) {
                pab_worker_send(PAB_MESSAGE_LINGER, NULL, 0);
                lingering = true;
            }
            pab_sleep_until_ns(drained_ns + job->retain_ms[i] * 1000000u);
            retained.rss_bytes = pab_rss_bytes();
        }
        pab_worker_send(PAB_MESSAGE_RETAINED, &retained, sizeof(retained));
    }
}

static void run_memory(const struct pab_workload *workload, struct pab_run *run,
                       const struct pab_job *job)
{
    watch_body(workload, run, job);
    uint64_t drained_ns = pab_wall_ns();
    memory.sample.checksum = run->checksum;
    memory.sample.op_count = run->op_count;
    pab_worker_send(PAB_MESSAGE_MEMORY, &memory.sample, sizeof(memory.sample));
    pab_worker_send(PAB_MESSAGE_CURVE, memory.points, memory.count * sizeof(memory.points[0]));
    send_structure(run->heap);
    if ((workload->flags & PAB_WORKLOAD_DIRECT) == 0) {
        send_collections();
    }
    if (run->count_name != NULL) {
        send_stat(NULL, run->count_name, run->count);
    }
    watch_retention(job, drained_ns);
}

const struct pab_pass pab_pass_memory = {
    .name = "memory",
    .summary = "RSS over one body, its peak, and what is given back afterwards",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_BY_DEFAULT | PAB_PASS_LARGE | PAB_PASS_HOLDS_HASH,
    .weight = 8,
    .patience = 1,
    .result = PAB_MESSAGE_MEMORY,
    .run = run_memory,
};
