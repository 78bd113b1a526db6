/* workloads/threads_larson.c -- threads that replace blocks at random, and inherit each other's.
 *
 * The pattern of P. Larson and M. Krishnan, "Memory allocation for long-running server applications"
 * (ISMM 1998): each thread replaces blocks in a table of its own; after a while the table goes on to
 * the next thread, which gives back, one by one, what another one took. There a thread ends and a
 * new one inherits; here the threads of a pool do, so that what an allocator keeps for a thread
 * stays with it. The work is fixed and time is the result: not the other way round, which makes a
 * fast allocator do more work and need more memory.
 *
 * Straight on the backend, without objects: what a free-threaded CPython (3.13t and later, which
 * replaces pymalloc by mimalloc: it calls the allocator from all threads at once) asks of it, less
 * the reference counts and locks of its objects.
 */
#include "workloads/support/crew.h"
#include "workloads/support/inputs.h"
#include "workloads/support/replacements.h"
#include "workloads/support/rng.h"
#include "workloads/support/tagged.h"

enum { THREADS, LIVE, STEPS, ROUNDS };

static const struct pab_param threads_larson_params[] = {
    PAB_CREW_PARAM,
    {"live", "blocks held by all threads together", "blocks", 20000, 800000, PAB_CREW_MAX,
     10000000},
    {"steps", "blocks replaced, by all threads together", "blocks", 150000, 2000000, PAB_CREW_MAX,
     500000000},
    {"rounds", "how often the tables go on to the next thread", "rounds", 8, 0, 1, 1000},
    {0},
};

struct table {
    void **blocks;
    struct pab_rng rng;
    uint64_t sum;
};

struct threads_larson {
    const uint64_t *params;
    const struct pab_run *run;
    struct pab_crew *crew;
    struct pab_replacements replacements; /* its sizes */
    struct table *tables[PAB_CREW_MAX];
    uint64_t round;
};

#define TURN_STEPS 64 /* in turns, until the next one follows */

static uint32_t blocks_each(const struct threads_larson *w)
{
    return (uint32_t)(w->params[LIVE] / w->params[THREADS]);
}

/* In one round. */
static uint64_t steps_each(const struct threads_larson *w)
{
    return w->params[STEPS] / (w->params[THREADS] * w->params[ROUNDS]);
}

static const struct pab_alloc *domain_of(struct threads_larson *w, unsigned member)
{
    return &pab_crew_heap(w->crew, w->run, member)->domain[PAB_DOMAIN_OBJ];
}

/* The table that this member has in this round. */
static struct table *table_of(struct threads_larson *w, unsigned member)
{
    return w->tables[(member + w->round) % w->params[THREADS]];
}

static void *draw(struct threads_larson *w, struct table *table, const struct pab_alloc *obj)
{
    uint64_t random = pab_rng_next(&table->rng);
    return pab_tagged_new(obj, w->replacements.sizes[random % PAB_REPLACEMENT_CLASSES], random);
}

static void build(void *state, unsigned member)
{
    struct threads_larson *w = state;
    struct table *table = table_of(w, member);
    const struct pab_alloc *obj = domain_of(w, member);
    pab_rng_seed(&table->rng, w->run->seed + member);
    table->sum = 0;
    for (uint32_t i = 0; i < blocks_each(w); i++) {
        table->blocks[i] = draw(w, table, obj);
        if (i % TURN_STEPS == 0) {
            pab_crew_pause(w->crew, member);
        }
    }
}

static void work(void *state, unsigned member)
{
    struct threads_larson *w = state;
    struct table *table = table_of(w, member);
    const struct pab_alloc *obj = domain_of(w, member);
    uint64_t steps = steps_each(w);
    for (uint64_t i = 0; i < steps; i++) {
        void **slot = &table->blocks[pab_rng_below(&table->rng, blocks_each(w))];
        table->sum += pab_tagged_free(obj, *slot);
        *slot = draw(w, table, obj);
        if (i % TURN_STEPS == 0) {
            pab_crew_pause(w->crew, member);
        }
    }
}

static void drain(void *state, unsigned member)
{
    struct threads_larson *w = state;
    struct table *table = table_of(w, member);
    const struct pab_alloc *obj = domain_of(w, member);
    for (uint32_t i = 0; i < blocks_each(w); i++) {
        table->sum = pab_checksum_add(table->sum, pab_tagged_free(obj, table->blocks[i]));
        if (i % TURN_STEPS == 0) {
            pab_crew_pause(w->crew, member);
        }
    }
}

static void threads_larson_body(struct pab_run *run)
{
    struct threads_larson *w = run->state;
    const uint64_t threads = w->params[THREADS];
    const uint64_t rounds = w->params[ROUNDS];
    PAB_CHECK(threads > 0 && rounds > 0);
    w->run = run;
    w->round = 0;
    pab_run_phase(run, PAB_PHASE_BUILD);
    pab_crew_run(w->crew, run, build, w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (; w->round < rounds; w->round++) {
        pab_crew_run(w->crew, run, work, w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_crew_run(w->crew, run, drain, w);
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = 0;
    for (uint64_t i = 0; i < threads; i++) {
        run->checksum += w->tables[i]->sum;
    }
    run->op_count = 2 * threads * (blocks_each(w) + rounds * steps_each(w));
}

static enum pab_status threads_larson_setup(struct pab_run *run, struct pab_error *err)
{
    struct threads_larson *w = pab_inputs_take(run->inputs, sizeof(*w));
    w->params = run->params;
    pab_replacements_draw(&w->replacements, 1, 1, run->seed, run->inputs);
    for (uint64_t i = 0; i < run->params[THREADS]; i++) {
        w->tables[i] = pab_crew_take(run->inputs, sizeof(*w->tables[i]));
        w->tables[i]->blocks =
            pab_crew_take(run->inputs, blocks_each(w) * sizeof(*w->tables[i]->blocks));
    }
    run->state = w;
    return pab_crew_new(run, PAB_THREADING_SHARED, &w->crew, err);
}

const struct pab_workload pab_workload_threads_larson = {
    .name = "threads_larson",
    .summary = "threads replace blocks at random and inherit each other's tables",
    .models =
        "A free-threaded CPython (3.13t: mimalloc serves mem and object domain, called by all "
        "threads at once) as a server: the pattern of Larson and Krishnan (ISMM 1998), with "
        "sizes measured in four programs on 3.11.2. Who replaces what is our choice.",
    .unit = "one malloc or free",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .threading = PAB_THREADING_SHARED,
    .params = threads_larson_params,
    .setup = threads_larson_setup,
    .body = threads_larson_body,
};
