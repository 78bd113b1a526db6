#include "tests/conformance/model/interpret.h"

#include "allocators/os_pages.h"
#include "allocators/oscalls.h"
#include "tests/conformance/support/pattern.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWEEP_CALLS    5000u
#define SWEEP_SHARE    512u /* bytes of sweeps a call, where more is live than 5,000 calls pay for */
#define AHEAD          ((size_t)6) /* lines whose blocks are fetched before they are needed */
#define FORK_STRIDE    16u
#define SHUFFLE_STRIDE 7919u /* a prime: coprime to any count of blocks below it, and most above */

bool pab_model_world_open(struct model_world *world, const struct pab_subject *subject,
                          struct model_shadow *shadow, struct model_outcome *outcome,
                          size_t align_least)
{
    memset(world, 0, sizeof(*world));
    world->subject = subject;
    world->shadow = shadow;
    world->outcome = outcome;
    world->align_least = align_least;
    world->slots = pab_pages_map(MODEL_SLOTS * sizeof(*world->slots));
    world->burst = pab_pages_map(MODEL_BURST_MOST * sizeof(*world->burst));
    if (world->slots == NULL || world->burst == NULL) {
        return false;
    }
    world->next_sweep = SWEEP_CALLS;
    pab_model_learn_counters(world);
    (void)pab_model_shadow_take(shadow, world->slots, MODEL_SLOTS * sizeof(*world->slots));
    (void)pab_model_shadow_take(shadow, world, sizeof(*world));
    return true;
}

void pab_model_world_close(struct model_world *world)
{
    pab_model_shadow_give(world->shadow, world->slots, MODEL_SLOTS * sizeof(*world->slots));
    pab_model_shadow_give(world->shadow, world, sizeof(*world));
    pab_pages_release(world->slots, MODEL_SLOTS * sizeof(*world->slots));
    pab_pages_release(world->burst, MODEL_BURST_MOST * sizeof(*world->burst));
}

/* --- calls ---------------------------------------------------------------------------------- */

static bool has_room(const struct model_world *world, const struct model_request *request)
{
    return request->is_impossible || (request->size <= MODEL_LIVE_BYTES &&
                                      world->live_bytes + request->size <= MODEL_LIVE_BYTES);
}

static struct model_request request_of(const struct model_op *op)
{
    struct model_request request = {.call = op->call, .size = op->size};
    if (op->call == MODEL_CALLOC || op->call == MODEL_REALLOCARRAY) {
        request.is_impossible =
            __builtin_mul_overflow((size_t)op->count, (size_t)op->size, &request.size);
    }
    request.is_impossible |= request.size > PTRDIFF_MAX;
    return request;
}

static bool do_malloc(struct model_world *world, const struct model_op *op)
{
    struct model_block *block = &world->slots[op->slot];
    struct model_request request = request_of(op);
    if (block->at != NULL || !has_room(world, &request)) {
        return true;
    }
    errno = PAB_ERRNO_SENTINEL;
    void *given = NULL;
    if (op->call == MODEL_CALLOC) {
        request.is_zeroed = true;
        given = pab_subject_calloc(world->subject, op->count, op->size);
    } else {
        given = pab_subject_malloc(world->subject, op->size);
    }
    return pab_model_accept(world, block, given, &request);
}

static void *call_aligned(const struct model_world *world, const struct model_request *request)
{
    const struct pab_subject *subject = world->subject;
    if (request->call == MODEL_ALIGNED) {
        return subject->aligned_alloc(request->align, request->size);
    }
    void *given = NULL;
    int failed = subject->posix_memalign(&given, request->align, request->size);
    return failed == 0 ? given : NULL;
}

static bool do_aligned(struct model_world *world, const struct model_op *op)
{
    struct model_block *block = &world->slots[op->slot];
    struct model_request request = request_of(op);
    const struct pab_subject *subject = world->subject;
    bool is_posix = op->call == MODEL_POSIX;
    request.align = (size_t)1 << op->count;
    if (request.align < sizeof(void *)) {
        request.align = sizeof(void *);
    }
    if (!is_posix && !request.is_impossible) { /* others may be refused: C17 7.22.3.1 */
        request.size = (request.size + request.align - 1) & -request.align;
    }
    bool is_there = is_posix ? subject->posix_memalign != NULL : subject->aligned_alloc != NULL;
    if (block->at != NULL || !is_there || !has_room(world, &request)) {
        return true;
    }
    errno = PAB_ERRNO_SENTINEL;
    return pab_model_accept(world, block, call_aligned(world, &request), &request);
}

/* NULL from realloc: the block must be as it was. */
static bool stay(struct model_world *world, struct model_block *block,
                 const struct model_block *old, const struct model_request *request)
{
    *block = *old;
    block->last_call = (uint8_t)request->call;
    world->live_bytes += old->usable;
    world->live_blocks++;
    world->gone_count--; /* it was not freed after all */
    if (!pab_model_shadow_take(world->shadow, old->at, old->usable)) {
        return pab_model_broke(world, "REA-006",
                               "a realloc to %zu bytes failed, and the block of "
                               "%zu is no longer its own",
                               request->size, old->size);
    }
    world->at_stake = "REA-006";
    bool is_whole = pab_model_verify(world, block, "after a realloc that failed");
    world->at_stake = NULL;
    return is_whole;
}

static void *call_realloc(const struct model_world *world, const struct model_op *op, void *old,
                          size_t size)
{
    const struct pab_subject *subject = world->subject;
    errno = PAB_ERRNO_SENTINEL;
    return op->call == MODEL_REALLOCARRAY ? subject->reallocarray(old, op->count, op->size)
                                          : pab_subject_realloc(subject, old, size);
}

static bool do_realloc(struct model_world *world, const struct model_op *op)
{
    struct model_block *block = &world->slots[op->slot];
    struct model_request request = request_of(op);
    bool is_array = op->call == MODEL_REALLOCARRAY;
    if (!has_room(world, &request) || (is_array && world->subject->reallocarray == NULL)) {
        return true;
    }
    if (request.size == 0 && !request.is_impossible && world->subject->is_c) {
        if (is_array) {
            return true; /* C leaves it open whether the block is freed; REA-008 asks */
        }
        request.size = 1;
    }
    if (block->at == NULL) {
        return pab_model_accept(world, block, call_realloc(world, op, NULL, request.size),
                                &request);
    }
    struct model_block old = *block;
    if (!pab_model_verify(world, &old, "before realloc")) {
        return false;
    }
    pab_model_forget(world, block);
    void *given = call_realloc(world, op, old.at, request.size);
    if (given == NULL) {
        int error = errno;
        bool is_whole = stay(world, block, &old, &request);
        errno = error;
        struct model_block unused;
        return is_whole && pab_model_accept(world, &unused, NULL, &request);
    }
    request.kept = old.size < request.size ? old.size : request.size;
    request.key = old.key;
    return pab_model_accept(world, block, given, &request);
}

static bool do_free(struct model_world *world, const struct model_op *op)
{
    struct model_block *block = &world->slots[op->slot];
    return block->at == NULL || pab_model_release(world, block, op->call);
}

static bool do_verify(struct model_world *world, const struct model_op *op)
{
    struct model_block *block = &world->slots[op->slot];
    if (block->at == NULL) {
        return true;
    }
    if (!pab_model_verify(world, block, "when it was read")) {
        return false;
    }
    if (op->call == MODEL_REWRITE) {
        uint64_t owner = (uint64_t)world->stream << 32 | op->slot;
        block->key = pab_pattern_key(owner, ++world->serial);
        pab_pattern_fill(block->at, 0, block->usable, block->key);
    }
    return true;
}

/* --- bursts --------------------------------------------------------------------------------- */

static bool burst_take(struct model_world *world, uint32_t index, size_t size)
{
    struct model_block *block = &world->burst[index];
    struct model_request request = {.call = MODEL_BURST, .size = size};
    if (block->at != NULL || !has_room(world, &request)) {
        return true;
    }
    world->calls++;
    errno = PAB_ERRNO_SENTINEL;
    return pab_model_accept(world, block, pab_subject_malloc(world->subject, size), &request);
}

static bool burst_give(struct model_world *world, uint32_t index)
{
    if (world->burst[index].at == NULL) {
        return true;
    }
    world->calls++;
    return pab_model_release(world, &world->burst[index], MODEL_FREE);
}

/* Which block is freed at step i of n. */
static uint32_t burst_victim(enum model_order order, uint32_t i, uint32_t count)
{
    switch (order) {
    case MODEL_FIFO:
        return i;
    case MODEL_SHUFFLED:
        return (uint32_t)((uint64_t)i * SHUFFLE_STRIDE % count);
    default:
        return count - 1 - i;
    }
}

static bool do_burst(struct model_world *world, const struct model_op *op)
{
    uint32_t count = op->slot;
    bool holds = true;
    if (op->size > MODEL_LIVE_BYTES) {
        return true;
    }
    world->burst_count = count;
    for (uint32_t i = 0; i < count && holds; i++) {
        holds = burst_take(world, i, op->size);
    }
    if (op->count == MODEL_ALTERNATE) {
        for (uint32_t i = 0; i < count && holds; i += 2) {
            holds = burst_give(world, i);
        }
        for (uint32_t i = 0; i < count && holds; i += 2) {
            holds = burst_take(world, i, op->size);
        }
    }
    for (uint32_t i = 0; i < count && holds; i++) {
        holds = burst_give(world, burst_victim(op->count, i, count));
    }
    for (uint32_t i = 0; i < count && holds && op->count == MODEL_SHUFFLED; i++) {
        holds = burst_give(world, i); /* what a stride that divides the count has left out */
    }
    world->burst_count = holds ? 0 : count;
    return holds;
}

/* --- all blocks ----------------------------------------------------------------------------- */

bool pab_model_sweep(struct model_world *world, const char *when)
{
    uint64_t left = world->live_blocks;
    for (uint32_t i = 0; i < MODEL_SLOTS && left > 0; i++) {
        if (world->slots[i].at != NULL) {
            left--;
            if (!pab_model_verify(world, &world->slots[i], when)) {
                return false;
            }
        }
    }
    world->sweeps++;
    uint64_t pause = world->live_bytes / SWEEP_SHARE;
    world->next_sweep = world->calls + (pause < SWEEP_CALLS ? SWEEP_CALLS : pause);
    return true;
}

bool pab_model_empty(struct model_world *world)
{
    if (!pab_model_sweep(world, "in the sweep before all is freed")) {
        return false;
    }
    for (uint32_t i = 0; i < MODEL_SLOTS && world->live_blocks > 0; i++) {
        if (world->slots[i].at != NULL) {
            world->calls++;
            if (!pab_model_release(world, &world->slots[i], MODEL_FREE)) {
                return false;
            }
        }
    }
    return true;
}

/* --- the world around ----------------------------------------------------------------------- */

void pab_model_close_window(struct model_world *world)
{
    if (world->window_end != 0) {
        struct pab_oscalls_seen seen;
        pab_oscalls_stop(&seen);
        world->failed += seen.failed;
        world->had_window |= seen.failed > 0;
        world->window_end = 0;
    }
}

/* Only calls that bring memory: those are the ones that a program can see fail. */
static void open_window(struct model_world *world, const struct model_op *op)
{
    if (!world->can_fail_kernel || op->count == 0 || op->slot == 0) {
        return;
    }
    pab_model_close_window(world);
    pab_oscalls_fail(&(struct pab_oscalls_plan){
        .calls = PAB_OSCALL_MMAP | PAB_OSCALL_MREMAP | PAB_OSCALL_MPROTECT | PAB_OSCALL_BRK,
        .first = 1,
        .count = op->count,
    });
    world->window_end = world->line + op->slot;
}

/* The child reads all that it inherits, frees some of it and takes more; the parent's blocks stay
 * as they are. */
static bool child_lives(struct model_world *world)
{
    bool holds = pab_model_sweep(world, "by a forked child");
    for (uint32_t slot = 0; slot < MODEL_SLOTS && holds; slot += FORK_STRIDE) {
        struct model_op op = {.slot = slot, .call = MODEL_FREE};
        bool is_held = world->slots[slot].at != NULL;
        holds = do_free(world, &op);
        op = (struct model_op){.slot = slot, .size = slot % 1024, .call = MODEL_MALLOC};
        holds = holds && (!is_held || do_malloc(world, &op));
    }
    return holds;
}

static bool do_fork(struct model_world *world)
{
    if (world->shadow->is_shared) {
        return true; /* other threads are in the middle of calls that only they can end */
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should it hang, the alarm ends only its parent */
        _exit(child_lives(world) ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return true; /* no process was to be had */
    }
    if (WIFSIGNALED(status)) {
        return pab_model_broke(world, "THR-09",
                               "a forked child that frees what it inherited died "
                               "of SIG%s",
                               sigabbrev_np(WTERMSIG(status)));
    }
    return __atomic_load_n(&world->outcome->has_broken, __ATOMIC_ACQUIRE) == 0;
}

static void do_purge(struct model_world *world)
{
    struct pab_heap *heap = world->subject->heap;
    heap = heap->backend->purge == NULL && heap->raw != NULL ? heap->raw : heap;
    if (heap->backend->purge != NULL && !world->shadow->is_shared) {
        heap->backend->purge(heap);
    }
}

static bool do_drain(struct model_world *world)
{
    return pab_model_empty(world) && (world->shadow->is_shared || pab_model_settle(world));
}

/* --- lines ---------------------------------------------------------------------------------- */

/* Size classes are taken as 64 steps: 16 bytes wide up to 512, then half a doubling. */
static unsigned class_of(uint64_t size)
{
    if (size <= 512) {
        return (unsigned)((size + 15) / 16);
    }
    unsigned log2 = 63 - (unsigned)__builtin_clzll(size);
    unsigned step = 33 + 2 * (log2 - 9) + (unsigned)(size >> (log2 - 1) & 1);
    return step < 63 ? step : 63;
}

static void cover(struct model_world *world, const struct model_op *op)
{
    const struct model_block *block = &world->slots[op->slot % MODEL_SLOTS];
    unsigned size_class = class_of(block->size);
    unsigned bit = (size_class * 16 + op->call % 16) * 16 + block->last_call % 16;
    world->triples[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool do_line(struct model_world *world, const struct model_op *op)
{
    switch ((enum model_call)op->call) {
    case MODEL_MALLOC:
    case MODEL_CALLOC:
        return do_malloc(world, op);
    case MODEL_ALIGNED:
    case MODEL_POSIX:
        return do_aligned(world, op);
    case MODEL_REALLOC:
    case MODEL_REALLOCARRAY:
        return do_realloc(world, op);
    case MODEL_FREE:
    case MODEL_FREE_SIZED:
        return do_free(world, op);
    case MODEL_REWRITE:
    case MODEL_VERIFY:
        return do_verify(world, op);
    case MODEL_BURST:
        return do_burst(world, op);
    case MODEL_SWEEP:
        return pab_model_sweep(world, "in a sweep");
    case MODEL_DRAIN:
        return do_drain(world);
    case MODEL_FORK:
        return do_fork(world);
    case MODEL_FAIL:
        open_window(world, op);
        return true;
    case MODEL_PURGE:
        do_purge(world);
        return true;
    default:
        return true;
    }
}

static inline void fetch(const struct model_world *world, const struct model_op *op)
{
    const struct model_block *block = &world->slots[op->slot % MODEL_SLOTS];
    __builtin_prefetch(block->at);
}

bool pab_model_do(struct model_world *world, const struct model_op *ops, size_t count)
{
    bool holds = true;
    for (size_t i = 0; i < count && holds; i++) {
        if (i + 2 * AHEAD < count) {
            __builtin_prefetch(&world->slots[ops[i + 2 * AHEAD].slot % MODEL_SLOTS]);
            fetch(world, &ops[i + AHEAD]);
        }
        assert(pab_model_op_is_valid(&ops[i]));
        world->line++;
        world->calls++;
        if (!world->shadow->is_shared) {
            world->outcome->lines = world->line; /* should the process die in it */
        }
        if (world->window_end != 0 && world->line >= world->window_end) {
            pab_model_close_window(world);
        }
        cover(world, &ops[i]);
        holds = do_line(world, &ops[i]);
        if (holds && world->calls >= world->next_sweep) {
            holds = pab_model_sweep(world, "in a sweep");
        }
    }
    return holds;
}

void pab_model_report(struct model_world *world)
{
    struct model_outcome *outcome = world->outcome;
    uint64_t triples = 0;
    for (size_t i = 0; i < MODEL_TRIPLE_WORDS; i++) {
        triples += (uint64_t)__builtin_popcountll(world->triples[i]);
    }
    outcome->calls += world->calls;
    outcome->bytes += world->bytes;
    outcome->sweeps += world->sweeps;
    outcome->drains += world->drains;
    outcome->refused += world->refused;
    outcome->failed += world->failed;
    outcome->high_live += world->high_live;
    outcome->triples = triples > outcome->triples ? triples : outcome->triples;
}
