/* workloads/threads_interpreters.c -- an interpreter for each thread, none of which waits for another.
 *
 * Since CPython 3.12 a subinterpreter may have a GIL and an object allocator of its own (PEP 684), and
 * since 3.14 concurrent.futures has a pool of them: objects are never shared, so that pymalloc, which
 * knows no threads, is called by one thread for each of its states. Each thread starts a runtime,
 * keeps records of requests, replaces one at each step and gives all up.
 *
 * pymalloc: a heap for each thread, above one raw allocator that all share. A library: one heap that
 * all threads call, which it must be made for.
 */
#include "workloads/support/crew.h"
#include "workloads/support/program.h"
#include "workloads/support/records.h"

enum { THREADS, LIVE, STEPS };

static const struct pab_param threads_interpreters_params[] = {
    PAB_CREW_PARAM,
    {"live", "records kept by all threads together", "records", 3000, 90000, PAB_CREW_MAX,
     100000000},
    {"steps", "records replaced, by all threads together", "records", 12000, 150000, PAB_CREW_MAX,
     1000000000},
    {0},
};

struct interpreter {
    struct pab_program py;
    struct pab_object *records;
};

struct threads_interpreters {
    const uint64_t *params;
    struct pab_crew *crew;
    struct pab_run *run;
    struct interpreter *interpreters[PAB_CREW_MAX];
};

static uint64_t share_of(const struct threads_interpreters *w, int param)
{
    return w->params[param] / w->params[THREADS];
}

#define TURN_STEPS 64 /* in turns, until the next one follows */

static void pause_after(struct threads_interpreters *w, unsigned member, uint64_t steps)
{
    if (steps % TURN_STEPS == 0) {
        pab_crew_pause(w->crew, member);
    }
}

static void build(void *state, unsigned member)
{
    struct threads_interpreters *w = state;
    struct interpreter *own = w->interpreters[member];
    pab_rng_seed(&own->py.rng, w->run->seed + member);
    own->py.sum = 0;
    pab_py_start(pab_crew_heap(w->crew, w->run, member), own->py.runtime);
    own->records = pab_must(pab_list_new(0));
    for (uint64_t i = 1; i <= share_of(w, LIVE); i++) {
        pab_list_push(own->records, pab_record_new(&own->py.rng));
        pause_after(w, member, i);
    }
}

static void work(void *state, unsigned member)
{
    struct threads_interpreters *w = state;
    struct interpreter *own = w->interpreters[member];
    uint32_t records = (uint32_t)share_of(w, LIVE);
    for (uint64_t i = 1; i <= share_of(w, STEPS); i++) {
        struct pab_object *record = pab_record_new(&own->py.rng);
        uint32_t index = pab_rng_below(&own->py.rng, records);
        own->py.sum =
            pab_checksum_add(own->py.sum, pab_record_replace(own->records, index, record));
        pause_after(w, member, i);
    }
}

static void drain(void *state, unsigned member)
{
    struct threads_interpreters *w = state;
    struct interpreter *own = w->interpreters[member];
    uint64_t i = 0;
    while (pab_list_size(own->records) > 0) {
        own->py.sum = pab_checksum_add(own->py.sum, pab_record_drop(own->records));
        pause_after(w, member, ++i);
    }
    pab_unbind(&own->records);
    pab_py_stop();
}

/* Sums of what the interpreters computed, so that it does not matter who was first. */
static void threads_interpreters_body(struct pab_run *run)
{
    struct threads_interpreters *w = run->state;
    unsigned size = pab_crew_size(w->crew);
    w->run = run;
    pab_run_phase(run, PAB_PHASE_BUILD);
    pab_crew_run(w->crew, run, build, w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    pab_crew_run(w->crew, run, work, w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_crew_run(w->crew, run, drain, w);
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = 0;
    for (unsigned i = 0; i < size; i++) {
        run->checksum += w->interpreters[i]->py.sum;
    }
    run->op_count = size * (share_of(w, LIVE) + share_of(w, STEPS));
}

static enum pab_status threads_interpreters_setup(struct pab_run *run, struct pab_error *err)
{
    struct threads_interpreters *w = pab_inputs_take(run->inputs, sizeof(*w));
    w->params = run->params;
    for (uint64_t i = 0; i < run->params[THREADS]; i++) {
        w->interpreters[i] = pab_crew_take(run->inputs, sizeof(struct interpreter));
        w->interpreters[i]->py.runtime = pab_crew_take(run->inputs, pab_py_storage_bytes());
    }
    run->state = w;
    return pab_crew_new(run, PAB_THREADING_HEAPS, &w->crew, err);
}

const struct pab_workload pab_workload_threads_interpreters = {
    .name = "threads_interpreters",
    .summary = "an interpreter with a heap of its own for each thread",
    .models = "Subinterpreters with a GIL of their own (CPython 3.12, PEP 684): each has its own "
              "state of pymalloc, and shares no object; what is larger than 512 bytes, and arenas, "
              "come from what all share. The mix of requests is our choice.",
    .unit = "one record made and dropped",
    .contract = PAB_WORKLOAD_CONTRACT,
    .threading = PAB_THREADING_HEAPS,
    .params = threads_interpreters_params,
    .setup = threads_interpreters_setup,
    .body = threads_interpreters_body,
};
