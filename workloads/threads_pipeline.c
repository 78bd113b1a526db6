/* workloads/threads_pipeline.c -- what one thread makes, the next one gives back.
 *
 *      thread 0 --batch--> thread 1 --batch--> ... --batch--> thread 0
 *
 * Each thread fills a batch with blocks, sends it on, takes the batch that was sent to it, and
 * gives its blocks back: so every block is freed by another thread than took it, and an allocator
 * that keeps blocks for the thread that freed them, or locks the one they came from, shows it. The
 * pattern of C. Lever and D. Boreham, "malloc() performance in a multithreaded Linux environment"
 * (USENIX 2000), whose test is known as xmalloc; here with fixed work, and without a lock that
 * all threads share: a batch goes through a mailbox between the two. One thread alone sends to itself.
 *
 * In Python: a queue between threads of a free-threaded build. `live` blocks stay for the whole body
 * as the heap of such a program, and are given back at its end by the next thread, too.
 */
#include "workloads/support/crew.h"
#include "workloads/support/inputs.h"
#include "workloads/support/replacements.h"
#include "workloads/support/rng.h"
#include "workloads/support/tagged.h"

enum { THREADS, LIVE, STEPS, BATCH };

static const struct pab_param threads_pipeline_params[] = {
    PAB_CREW_PARAM,
    {"live", "blocks that stay, of all threads together", "blocks", 20000, 800000, PAB_CREW_MAX,
     10000000},
    {"steps", "blocks sent on, by all threads together", "blocks", 150000, 2000000, PAB_CREW_MAX,
     500000000},
    {"batch", "blocks sent together", "blocks", 512, 0, 1, 65536},
    {0},
};

/* More than can be under way: being filled, waiting, being emptied. */
#define BATCHES (PAB_MAILBOX_ROOM + 2)

struct stage {
    void **kept;
    void **batches[BATCHES];
    struct pab_mailbox *inbox;
    struct pab_rng rng;
    uint64_t sum;
};

struct threads_pipeline {
    const uint64_t *params;
    const struct pab_run *run;
    struct pab_crew *crew;
    struct pab_replacements replacements; /* its sizes */
    struct stage *stages[PAB_CREW_MAX];
};

static struct stage *next_of(struct threads_pipeline *w, unsigned member)
{
    return w->stages[(member + 1) % w->params[THREADS]];
}

static uint64_t kept_each(const struct threads_pipeline *w)
{
    return w->params[LIVE] / w->params[THREADS];
}

/* Whole batches, at least one. */
static uint64_t batches_each(const struct threads_pipeline *w)
{
    uint64_t count = w->params[STEPS] / w->params[THREADS] / w->params[BATCH];
    return count == 0 ? 1 : count;
}

static const struct pab_alloc *domain_of(struct threads_pipeline *w, unsigned member)
{
    return &pab_crew_heap(w->crew, w->run, member)->domain[PAB_DOMAIN_OBJ];
}

static void fill(struct threads_pipeline *w, unsigned member, void **blocks, uint64_t count)
{
    const struct pab_alloc *obj = domain_of(w, member);
    struct pab_rng *rng = &w->stages[member]->rng;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t random = pab_rng_next(rng);
        blocks[i] =
            pab_tagged_new(obj, w->replacements.sizes[random % PAB_REPLACEMENT_CLASSES], random);
    }
}

static void empty(struct threads_pipeline *w, unsigned member, void **blocks, uint64_t count)
{
    const struct pab_alloc *obj = domain_of(w, member);
    uint64_t *sum = &w->stages[member]->sum;
    for (uint64_t i = 0; i < count; i++) {
        *sum = pab_checksum_add(*sum, pab_tagged_free(obj, blocks[i]));
    }
}

static void build(void *state, unsigned member)
{
    struct threads_pipeline *w = state;
    struct stage *stage = w->stages[member];
    pab_rng_seed(&stage->rng, w->run->seed + member);
    stage->sum = 0;
    fill(w, member, stage->kept, kept_each(w));
}

static void work(void *state, unsigned member)
{
    struct threads_pipeline *w = state;
    struct stage *stage = w->stages[member];
    uint64_t size = w->params[BATCH];
    for (uint64_t i = 0; i < batches_each(w); i++) {
        void **batch = stage->batches[i % BATCHES];
        fill(w, member, batch, size);
        pab_mailbox_post(w->crew, member, next_of(w, member)->inbox, batch);
        empty(w, member, pab_mailbox_take(w->crew, member, stage->inbox), size);
        pab_crew_pause(w->crew, member);
    }
}

static void drain(void *state, unsigned member)
{
    struct threads_pipeline *w = state;
    empty(w, member, next_of(w, member)->kept, kept_each(w));
}

static void threads_pipeline_body(struct pab_run *run)
{
    struct threads_pipeline *w = run->state;
    uint64_t threads = w->params[THREADS];
    w->run = run;
    pab_run_phase(run, PAB_PHASE_BUILD);
    pab_crew_run(w->crew, run, build, w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    pab_crew_run(w->crew, run, work, w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_crew_run(w->crew, run, drain, w);
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = 0;
    for (uint64_t i = 0; i < threads; i++) {
        run->checksum += w->stages[i]->sum;
    }
    run->op_count = 2 * threads * (kept_each(w) + batches_each(w) * w->params[BATCH]);
}

static struct stage *stage_new(const struct threads_pipeline *w, struct pab_inputs *inputs)
{
    struct stage *stage = pab_crew_take(inputs, sizeof(*stage));
    stage->kept = pab_crew_take(inputs, kept_each(w) * sizeof(*stage->kept));
    for (size_t i = 0; i < BATCHES; i++) {
        stage->batches[i] = pab_crew_take(inputs, w->params[BATCH] * sizeof(*stage->batches[i]));
    }
    stage->inbox = pab_mailbox_new(inputs);
    return stage;
}

static enum pab_status threads_pipeline_setup(struct pab_run *run, struct pab_error *err)
{
    struct threads_pipeline *w = pab_inputs_take(run->inputs, sizeof(*w));
    w->params = run->params;
    pab_replacements_draw(&w->replacements, 1, 1, run->seed, run->inputs);
    for (uint64_t i = 0; i < run->params[THREADS]; i++) {
        w->stages[i] = stage_new(w, run->inputs);
    }
    run->state = w;
    return pab_crew_new(run, PAB_THREADING_SHARED, &w->crew, err);
}

const struct pab_workload pab_workload_threads_pipeline = {
    .name = "threads_pipeline",
    .summary = "every block is given back by another thread than took it",
    .models =
        "A queue between threads of a free-threaded CPython (3.13t), whose objects die in the "
        "thread that drops them last: producers and consumers after Lever and Boreham (USENIX "
        "2000), with sizes measured in four programs on 3.11.2.",
    .unit = "one malloc or free",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .threading = PAB_THREADING_SHARED,
    .params = threads_pipeline_params,
    .setup = threads_pipeline_setup,
    .body = threads_pipeline_body,
};
