/* workloads/threads_gil.c -- threads of one interpreter under its lock.
 *
 * A service with a pool of threads, as every CPython before the free-threaded builds runs it: one
 * runtime, one heap, and a lock that a thread holds while it runs bytecode. Each thread keeps
 * records of requests in a list of its own, and replaces one at each step; `handed` thousandths of
 * what it makes goes into the next thread's list, as through a queue, and so takes the place of a
 * record that was made by another thread: memory comes from one thread and is given back by
 * another, though never at the same time.
 *
 * The lock is handed over every `slice` steps, in a fixed order, by a mutex and conditions as
 * CPython's own. CPython does so when a thread waits for something, and else on demand after 5 ms
 * (sys.getswitchinterval(); Python/ceval_gil.h): a service that waits for its network is nearer to
 * the first, which is the default here; slice=100000 stands for computing threads.
 *
 *      thread 0   |#####......#####......#####
 *      thread 1   |.....######.....######.....        one at a time; what an allocator keeps for
 *                                                     each thread lies idle meanwhile
 */
#include "workloads/pyobj/threads.h"
#include "workloads/support/crew.h"
#include "workloads/support/program.h"
#include "workloads/support/records.h"

enum { THREADS, LIVE, STEPS, SLICE, HANDED };

static const struct pab_param threads_gil_params[] = {
    PAB_CREW_PARAM,
    {"live", "records kept by all threads together", "records", 3000, 90000, PAB_CREW_MAX,
     100000000},
    {"steps", "records replaced, by all threads together", "records", 12000, 150000, PAB_CREW_MAX,
     1000000000},
    {"slice", "steps until the lock is handed over", "steps", 50, 0, 1, 1000000000},
    {"handed", "share of records that go to the next thread", "1/1000", 200, 0, 0, 1000},
    {0},
};

struct threads_gil {
    struct pab_program py; /* its rng is member 0's */
    struct pab_crew *crew;
    /* Reset at the start of each body: */
    struct pab_object *records[PAB_CREW_MAX]; /* a list for each thread */
    struct pab_rng rngs[PAB_CREW_MAX];
};

static uint64_t share_of(const struct threads_gil *w, int param)
{
    return w->py.params[param] / w->py.params[THREADS];
}

static void enter(const struct threads_gil *w, unsigned member)
{
    if (member != 0) {
        pab_py_enter(w->py.runtime);
    }
}

static void leave(unsigned member)
{
    if (member != 0) {
        pab_py_leave();
    }
}

static void pause_after(struct threads_gil *w, unsigned member, uint64_t steps)
{
    if (steps % w->py.params[SLICE] == 0) {
        pab_crew_pause(w->crew, member);
    }
}

static void note(struct threads_gil *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static void build(void *state, unsigned member)
{
    struct threads_gil *w = state;
    enter(w, member);
    w->records[member] = pab_must(pab_list_new(0));
    for (uint64_t i = 1; i <= share_of(w, LIVE); i++) {
        pab_list_push(w->records[member], pab_record_new(&w->rngs[member]));
        pause_after(w, member, i);
    }
    leave(member);
}

static void work(void *state, unsigned member)
{
    struct threads_gil *w = state;
    struct pab_rng *rng = &w->rngs[member];
    unsigned next = (member + 1) % pab_crew_size(w->crew);
    uint32_t records = (uint32_t)share_of(w, LIVE);
    enter(w, member);
    for (uint64_t i = 1; i <= share_of(w, STEPS); i++) {
        struct pab_object *record = pab_record_new(rng);
        bool is_handed = pab_rng_below(rng, 1000) < w->py.params[HANDED];
        uint32_t index = pab_rng_below(rng, records);
        note(w, pab_record_replace(w->records[is_handed ? next : member], index, record));
        pause_after(w, member, i);
    }
    leave(member);
}

static void drain(void *state, unsigned member)
{
    struct threads_gil *w = state;
    enter(w, member);
    uint64_t i = 0;
    while (pab_list_size(w->records[member]) > 0) {
        note(w, pab_record_drop(w->records[member]));
        pause_after(w, member, ++i);
    }
    pab_unbind(&w->records[member]);
    leave(member);
}

static void threads_gil_body(struct pab_run *run)
{
    struct threads_gil *w = run->state;
    for (unsigned i = 0; i < pab_crew_size(w->crew); i++) {
        pab_rng_seed(&w->rngs[i], run->seed + i);
    }
    pab_program_begin(&w->py, run);
    pab_crew_run(w->crew, run, build, w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    pab_crew_run(w->crew, run, work, w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_crew_run(w->crew, run, drain, w);
    w->py.ops = pab_crew_size(w->crew) * (share_of(w, LIVE) + share_of(w, STEPS));
    pab_program_end(&w->py, run);
}

static enum pab_status threads_gil_setup(struct pab_run *run, struct pab_error *err)
{
    struct threads_gil *w = pab_program_new(run, sizeof(*w));
    return pab_crew_new(run, PAB_THREADING_TURNS, &w->crew, err);
}

const struct pab_workload pab_workload_threads_gil = {
    .name = "threads_gil",
    .summary = "threads of one interpreter that take turns under its lock",
    .models =
        "A pool of threads in one CPython with the GIL: one heap, called by many threads, one "
        "at a time (PEP 445: object and mem domain are called with the GIL held; "
        "Python/ceval_gil.h: it is handed over when a thread waits, else after 5 ms). How "
        "often is our choice: the parameter slice.",
    .unit = "one record made and dropped",
    .contract = PAB_WORKLOAD_CONTRACT,
    .threading = PAB_THREADING_TURNS,
    .params = threads_gil_params,
    .setup = threads_gil_setup,
    .body = threads_gil_body,
};
