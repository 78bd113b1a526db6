/* workloads/threads_sharing.c -- blocks of several threads on one cache line.
 *
 *      |  block of 0  |  block of 1  |    64 bytes: each write of one thread takes the line
 *      +-----------------------------+    away from the other's CPU, though they share no object
 *
 * After E. Berger, K. McKinley, R. Blumofe, P. Wilson, "Hoard: a scalable memory allocator for
 * multithreaded applications" (ASPLOS 2000), section 2.2 and its programs cache-scratch and
 * cache-thrash. With `dealt`, one thread makes all blocks at first and deals them out one by one,
 * as one that hands work to a pool does: the sharing is its doing. The allocator's is what follows.
 * Each thread writes to its blocks in turn, and now and then gives one back and takes another: an
 * allocator that keeps freed blocks for whoever freed them hands neighbours of the others' out
 * again, for ever ("passive" sharing), one that takes them back to where they came from does not.
 * Without `dealt` each thread makes its own from the start; what shares then is the allocator's own
 * doing ("active").
 *
 * In Python: reference counts. Each use of an object writes to its head, and a free-threaded build
 * writes there from the thread that uses it.
 *
 * In turns the body counts the lines that live blocks of two threads have at the end of the steady
 * phase: whether an allocator shares is known without any clock.
 */
#include "workloads/support/crew.h"
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/support/tagged.h"

enum { THREADS, LIVE, STEPS, SIZE, WRITES, DEALT };

static const struct pab_param threads_sharing_params[] = {
    PAB_CREW_PARAM,
    {"live", "blocks held by all threads together", "blocks", 256, 1300000, PAB_CREW_MAX, 10000000},
    {"steps", "writes, by all threads together", "writes", 2000000, 8000000, PAB_CREW_MAX,
     1000000000},
    {"size", "one block, or a word less", "bytes", 32, 0, 16, 512},
    {"writes", "writes to blocks between two that are replaced", "writes", 100, 0, 1, 1000000},
    {"dealt", "whether one thread makes the first blocks of all", PAB_PARAM_WAYS, 1, 1, 0, 1},
    {0},
};

#define LINE_BYTES 64u
#define TURN_STEPS 64 /* in turns, until the next one follows */

struct hand {
    uint64_t **blocks;
    struct pab_rng rng;
    uint64_t sum;
};

struct threads_sharing {
    const uint64_t *params;
    const struct pab_run *run;
    struct pab_crew *crew;
    struct hand *hands[PAB_CREW_MAX];
    uint64_t *lines; /* room for a line and its owner, of every block */
};

static uint64_t blocks_each(const struct threads_sharing *w)
{
    uint64_t threads = w->params[THREADS];
    PAB_CHECK(threads > 0);
    return w->params[LIVE] / threads;
}

static uint64_t writes_each(const struct threads_sharing *w)
{
    return w->params[STEPS] / w->params[THREADS];
}

static const struct pab_alloc *domain_of(struct threads_sharing *w, unsigned member)
{
    return &pab_crew_heap(w->crew, w->run, member)->domain[PAB_DOMAIN_OBJ];
}

/* Of `size` bytes or a word less, as ints and floats are; by `member`, for the owner of `hand`. */
static uint64_t *make(struct threads_sharing *w, unsigned member, struct hand *hand)
{
    uint64_t random = pab_rng_next(&hand->rng);
    uint64_t size = w->params[SIZE];
    uint64_t less = random % 2 == 1 ? sizeof(uint64_t) : 0;
    return pab_tagged_new(domain_of(w, member), size - less, random);
}

static void deal(struct threads_sharing *w)
{
    for (uint64_t i = 0; i < blocks_each(w); i++) {
        for (uint64_t to = 0; to < w->params[THREADS]; to++) {
            w->hands[to]->blocks[i] = make(w, 0, w->hands[to]);
        }
    }
}

static void build(void *state, unsigned member)
{
    struct threads_sharing *w = state;
    struct hand *hand = w->hands[member];
    if (w->params[DEALT] != 0) {
        if (member == 0) {
            deal(w);
        }
        return;
    }
    for (uint64_t i = 0; i < blocks_each(w); i++) {
        hand->blocks[i] = make(w, member, hand);
        if (i % TURN_STEPS == 0) {
            pab_crew_pause(w->crew, member);
        }
    }
}

static void replace(struct threads_sharing *w, unsigned member, uint64_t index)
{
    struct hand *hand = w->hands[member];
    hand->sum += pab_tagged_free(domain_of(w, member), hand->blocks[index]);
    hand->blocks[index] = make(w, member, hand);
}

static void work(void *state, unsigned member)
{
    struct threads_sharing *w = state;
    uint64_t **blocks = w->hands[member]->blocks;
    uint64_t steps = writes_each(w);
    uint64_t live = blocks_each(w);
    uint64_t writes = w->params[WRITES];
    uint64_t left = writes;
    uint64_t next = 0; /* to be replaced */
    for (uint64_t i = 0, at = 0; i < steps; i++, at = at + 1 == live ? 0 : at + 1) {
        volatile uint64_t *head = blocks[at]; /* each write is to be made, as a reference count's */
        *head += 1;
        if (--left == 0) {
            left = writes;
            replace(w, member, next % live);
            if (++next % TURN_STEPS == 0) {
                pab_crew_pause(w->crew, member);
            }
        }
    }
}

static void drain(void *state, unsigned member)
{
    struct threads_sharing *w = state;
    struct hand *hand = w->hands[member];
    const struct pab_alloc *obj = domain_of(w, member);
    for (uint64_t i = 0; i < blocks_each(w); i++) {
        hand->sum += pab_tagged_free(obj, hand->blocks[i]);
        if (i % TURN_STEPS == 0) {
            pab_crew_pause(w->crew, member);
        }
    }
}

/* Shell's, in place: the library's takes memory from the heap that is measured. */
static void sort(uint64_t *values, uint64_t count)
{
    for (uint64_t gap = count / 2; gap > 0; gap = gap * 4 / 9) {
        for (uint64_t i = gap; i < count; i++) {
            uint64_t value = values[i];
            uint64_t at = i;
            for (; at >= gap && values[at - gap] > value; at -= gap) {
                values[at] = values[at - gap];
            }
            values[at] = value;
        }
    }
}

/* Lines that hold the first bytes of live blocks of two threads or more. */
static uint64_t shared_lines(const struct threads_sharing *w)
{
    uint64_t threads = w->params[THREADS];
    uint64_t count = 0;
    for (uint64_t member = 0; member < threads; member++) {
        for (uint64_t i = 0; i < blocks_each(w); i++) {
            uintptr_t line = (uintptr_t)w->hands[member]->blocks[i] / LINE_BYTES;
            w->lines[count++] = line * PAB_CREW_MAX + member;
        }
    }
    sort(w->lines, count);
    uint64_t shared = 0;
    uint64_t last = UINT64_MAX; /* the last line that counts already */
    for (uint64_t i = 1; i < count; i++) {
        uint64_t line = w->lines[i] / PAB_CREW_MAX;
        bool is_neighbour =
            line == w->lines[i - 1] / PAB_CREW_MAX && w->lines[i] != w->lines[i - 1];
        if (is_neighbour && line != last) {
            shared++;
            last = line;
        }
    }
    return shared;
}

static void threads_sharing_body(struct pab_run *run)
{
    struct threads_sharing *w = run->state;
    uint64_t threads = w->params[THREADS];
    w->run = run;
    for (uint64_t i = 0; i < threads; i++) {
        pab_rng_seed(&w->hands[i]->rng, run->seed + i);
        w->hands[i]->sum = 0;
    }
    pab_run_phase(run, PAB_PHASE_BUILD);
    pab_crew_run(w->crew, run, build, w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    pab_crew_run(w->crew, run, work, w);
    if (!run->at_once) {
        run->count_name = "shared_lines";
        run->count = shared_lines(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_crew_run(w->crew, run, drain, w);
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = 0;
    for (uint64_t i = 0; i < threads; i++) {
        run->checksum += w->hands[i]->sum;
    }
    run->op_count = threads * writes_each(w);
}

static enum pab_status threads_sharing_setup(struct pab_run *run, struct pab_error *err)
{
    struct threads_sharing *w = pab_inputs_take(run->inputs, sizeof(*w));
    uint64_t threads = run->params[THREADS];
    w->params = run->params;
    for (uint64_t i = 0; i < threads; i++) {
        w->hands[i] = pab_crew_take(run->inputs, sizeof(*w->hands[i]));
        w->hands[i]->blocks =
            pab_crew_take(run->inputs, blocks_each(w) * sizeof(*w->hands[i]->blocks));
    }
    size_t bytes = threads * blocks_each(w) * sizeof(*w->lines);
    w->lines = pab_inputs_take(run->inputs, bytes);
    memset(w->lines, 0xff, bytes); /* resident before the body, which is to gain none for it */
    run->state = w;
    return pab_crew_new(run, PAB_THREADING_SHARED, &w->crew, err);
}

const struct pab_workload pab_workload_threads_sharing = {
    .name = "threads_sharing",
    .summary = "threads write to blocks of their own that may lie on one cache line",
    .models =
        "Objects of a free-threaded CPython (3.13t) whose reference counts are written by the "
        "threads that use them: cache-scratch and cache-thrash of Hoard (ASPLOS 2000), with one "
        "thread that deals the first objects out to all.",
    .unit = "one write to a block",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .threading = PAB_THREADING_SHARED,
    .params = threads_sharing_params,
    .setup = threads_sharing_setup,
    .body = threads_sharing_body,
};
