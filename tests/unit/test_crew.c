/* workloads/support/crew.h, and the workloads on it: turns come in one order, tasks run at once where
 * they may, letters arrive in order, each member calls its own heap, and a result does not depend on
 * who was first. */
#include "allocators/spec.h"
#include "workloads/support/crew.h"
#include "workloads/support/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stage {
    struct pab_heap heap;
    struct pab_spec *spec;
    struct pab_inputs inputs;
    struct pab_run run;
    uint64_t params[PAB_PARAMS_MAX];
    struct pab_crew *crew;
};

static struct stage *stages[16]; /* that were opened; all are static */
static size_t stage_count;

/* The threads of a crew live as long as the process, and wait in the inputs: those stay. */
static void close_stage(struct stage *stage)
{
    for (struct pab_heap *heap = stage->heap.beside; heap != NULL; heap = heap->beside) {
        pab_heap_close(heap);
    }
    pab_heap_close(&stage->heap);
    pab_spec_destroy(stage->spec);
}

static int close_stages(void **state)
{
    (void)state;
    for (size_t i = 0; i < stage_count; i++) {
        close_stage(stages[i]);
    }
    return 0;
}

static void open_stage(struct stage *stage, const char *backend, uint64_t threads, bool at_once)
{
    struct pab_error err;
    if (stage->spec != NULL) {
        close_stage(stage);
    } else {
        assert_true(stage_count < ARRAY_COUNT(stages));
        stages[stage_count++] = stage;
    }
    memset(stage, 0, sizeof(*stage));
    assert_int_equal(pab_spec_parse(backend, &stage->spec, &err), PAB_OK);
    assert_int_equal(pab_heap_open(&stage->heap, stage->spec, &err), PAB_OK);
    assert_int_equal(pab_inputs_init(&stage->inputs, (size_t)1 << 30, &err), PAB_OK);
    stage->params[0] = threads;
    stage->run = (struct pab_run){
        .heap = &stage->heap,
        .spec = stage->spec,
        .inputs = &stage->inputs,
        .seed = 1,
        .params = stage->params,
        .at_once = at_once,
    };
}

static void open_crew(struct stage *stage, const char *backend, uint64_t threads, bool at_once,
                      enum pab_threading threading)
{
    struct pab_error err;
    open_stage(stage, backend, threads, at_once);
    assert_int_equal(pab_crew_new(&stage->run, threading, &stage->crew, &err), PAB_OK);
    assert_int_equal(pab_crew_size(stage->crew), threads);
}

/* --- turns ------------------------------------------------------------------------------------ */

#define STEPS 3

struct order {
    struct pab_crew *crew;
    unsigned seen[64];
    size_t count;
};

static void note_turns(void *arg, unsigned member)
{
    struct order *order = arg;
    for (unsigned i = 0; i < STEPS + member; i++) { /* later members have more to do */
        order->seen[order->count++] = member;
        pab_crew_pause(order->crew, member);
    }
}

static void turns_come_by_index(void **state)
{
    static const unsigned expected[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 2, 2};
    (void)state;
    static struct stage stage;
    open_crew(&stage, "system", 3, false, PAB_THREADING_SHARED);
    for (int body = 0; body < 200; body++) {
        struct order order = {.crew = stage.crew};
        pab_crew_run(stage.crew, &stage.run, note_turns, &order);
        assert_int_equal(order.count, ARRAY_COUNT(expected));
        assert_memory_equal(order.seen, expected, sizeof(expected));
    }
}

/* --- at once ---------------------------------------------------------------------------------- */

static void meet(void *arg, unsigned member)
{
    atomic_uint *there = arg;
    (void)member;
    atomic_fetch_add(there, 1);
    while (atomic_load(there) < 3) { /* in turns the first one would wait for ever */
    }
}

static void tasks_run_at_once_where_they_may(void **state)
{
    (void)state;
    static struct stage stage;
    static atomic_uint there;
    open_crew(&stage, "system", 3, true, PAB_THREADING_SHARED);
    pab_crew_run(stage.crew, &stage.run, meet, &there);
    assert_int_equal(there, 3);
}

static void overlap(void *arg, unsigned member)
{
    atomic_uint *inside = arg;
    (void)member;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(atomic_fetch_add(inside, 1), 0);
        atomic_fetch_sub(inside, 1);
    }
}

static void under_the_gil_nothing_runs_at_once(void **state)
{
    (void)state;
    static struct stage stage;
    static atomic_uint inside;
    open_crew(&stage, "system", 4, true, PAB_THREADING_TURNS);
    pab_crew_run(stage.crew, &stage.run, overlap, &inside);
}

/* --- letters ---------------------------------------------------------------------------------- */

#define LETTERS 1000

struct post {
    struct pab_crew *crew;
    struct pab_mailbox *box;
    int values[LETTERS];
};

static void send_or_receive(void *arg, unsigned member)
{
    struct post *post = arg;
    for (int i = 0; i < LETTERS; i++) {
        if (member == 0) {
            post->values[i] = i;
            pab_mailbox_post(post->crew, member, post->box, &post->values[i]);
        } else {
            const int *letter = pab_mailbox_take(post->crew, member, post->box);
            assert_ptr_equal(letter, &post->values[i]);
            assert_int_equal(*letter, i);
        }
    }
}

static void letters_arrive_in_order(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        static struct stage stage;
        static struct post post;
        open_crew(&stage, "system", 2, at_once != 0, PAB_THREADING_SHARED);
        post = (struct post){.crew = stage.crew, .box = pab_mailbox_new(&stage.inputs)};
        pab_crew_run(stage.crew, &stage.run, send_or_receive, &post);
        assert_int_equal(post.values[LETTERS - 1], LETTERS - 1);
    }
}

/* --- heaps of their own ----------------------------------------------------------------------- */

struct taken {
    struct stage *stage;
    void *blocks[3];
};

static void take_one(void *arg, unsigned member)
{
    struct taken *taken = arg;
    struct pab_heap *heap = pab_crew_heap(taken->stage->crew, &taken->stage->run, member);
    const struct pab_alloc *obj = &heap->domain[PAB_DOMAIN_OBJ];
    taken->blocks[member] = obj->malloc(obj->ctx, 48);
    assert_non_null(taken->blocks[member]);
}

static void give_one(void *arg, unsigned member)
{
    struct taken *taken = arg;
    struct pab_heap *heap = pab_crew_heap(taken->stage->crew, &taken->stage->run, member);
    const struct pab_alloc *obj = &heap->domain[PAB_DOMAIN_OBJ];
    obj->free(obj->ctx, taken->blocks[member]);
}

/* Each heap holds one block of its member: whether it is called straight or through the run's. */
static void each_member_has_its_heap(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        static struct stage stage;
        open_crew(&stage, "pymalloc", 3, at_once != 0, PAB_THREADING_HEAPS);
        struct taken taken = {.stage = &stage};
        int heaps = 0;
        pab_crew_run(stage.crew, &stage.run, take_one, &taken);
        for (struct pab_heap *heap = &stage.heap; heap != NULL; heap = heap->beside) {
            assert_int_equal(heap->backend->counter(heap), 1);
            heaps++;
        }
        assert_int_equal(heaps, 3);
        pab_crew_run(stage.crew, &stage.run, give_one, &taken);
        for (struct pab_heap *heap = &stage.heap; heap != NULL; heap = heap->beside) {
            assert_int_equal(heap->backend->counter(heap), 0);
        }
    }
}

/* --- the workloads ---------------------------------------------------------------------------- */

static uint64_t checksum_of(const struct pab_workload *workload, uint64_t threads, bool at_once)
{
    static struct stage stage;
    struct pab_error err;
    bool is_shared = workload->threading == PAB_THREADING_SHARED;
    open_stage(&stage, is_shared ? "system" : "pymalloc", threads, at_once);
    for (size_t i = 1; workload->params[i].name != NULL; i++) {
        stage.params[i] = workload->params[i].value;
    }
    assert_int_equal(workload->setup(&stage.run, &err), PAB_OK);
    workload->body(&stage.run);
    uint64_t first = stage.run.checksum;
    assert_true(stage.run.op_count > 0);
    workload->body(&stage.run);
    assert_int_equal(stage.run.checksum, first);
    return first;
}

/* The demand pass takes turns, the time pass does not: one is held to the other. */
static void results_are_those_of_any_order(void **state)
{
    (void)state;
    int tried = 0;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        for (uint64_t threads = 1; workload->threading != PAB_THREADING_NONE && threads <= 3;
             threads++) {
            assert_string_equal(workload->params[0].name, "threads");
            assert_int_equal(checksum_of(workload, threads, false),
                             checksum_of(workload, threads, true));
            tried++;
        }
    }
    assert_true(tried > 0);
}

/* --- lines that two threads share ------------------------------------------------------------- */

/* Where the next block comes from. */
struct lot {
    _Alignas(64) unsigned char bytes[1 << 20];
    size_t used;
    void *freed; /* the last one first */
};

static struct lot lots[2];
static atomic_uint lot_owners;
static _Thread_local unsigned own_lot; /* plus one */
static bool keeps_freed;

static struct lot *lot_of_caller(void)
{
    if (own_lot == 0) {
        own_lot = 1 + atomic_fetch_add(&lot_owners, 1);
        assert_true(own_lot <= 2);
    }
    return &lots[own_lot - 1];
}

/* Freed blocks go to whoever frees them. */
static void *lot_malloc(void *ctx, size_t size)
{
    (void)ctx;
    struct lot *lot = lot_of_caller();
    void *block = lot->freed;
    if (block != NULL) {
        lot->freed = *(void **)block;
        return block;
    }
    block = lot->bytes + lot->used;
    lot->used += (size + 31) / 32 * 32;
    assert_true(lot->used <= sizeof(lot->bytes));
    return block;
}

static void lot_free(void *ctx, void *block)
{
    (void)ctx;
    struct lot *lot = lot_of_caller();
    if (keeps_freed) {
        *(void **)block = lot->freed;
        lot->freed = block;
    }
}

/* Of 128 lines with two blocks of 32 bytes each. `writes`: between two replacements. */
static uint64_t lines_shared(bool keeps, uint64_t writes, bool dealt)
{
    static struct stage stage;
    struct pab_error err;
    const struct pab_workload *workload = pab_workload_find("threads_sharing");
    assert_non_null(workload);
    const uint64_t params[] = {2, 256, 5120, 32, writes, dealt ? 1 : 0};
    open_stage(&stage, "system", 2, false);
    memcpy(stage.params, params, sizeof(params));
    memset(lots, 0, sizeof(lots));
    keeps_freed = keeps;
    atomic_store(&lot_owners, 0);
    own_lot = 0;
    stage.heap.domain[PAB_DOMAIN_OBJ].malloc = lot_malloc;
    stage.heap.domain[PAB_DOMAIN_OBJ].free = lot_free;
    assert_int_equal(workload->setup(&stage.run, &err), PAB_OK);
    workload->body(&stage.run);
    assert_string_equal(stage.run.count_name, "shared_lines");
    return stage.run.count;
}

/* Without a clock: who hands a line of two threads out again, and who does not. */
static void sharing_is_told_from_keeping_apart(void **state)
{
    (void)state;
    assert_int_equal(lines_shared(false, 100000, true), 128); /* as dealt: none replaced */
    assert_int_equal(lines_shared(true, 10, true), 128);      /* each has its half for ever */
    assert_int_equal(lines_shared(false, 10, true), 0);       /* all replaced, from lots apart */
    assert_int_equal(lines_shared(true, 10, false), 0);       /* nothing was dealt */
}

static void one_thread_alone_is_refused_more(void **state)
{
    (void)state;
    static struct stage stage;
    struct pab_error err;
    open_stage(&stage, "system", 2, false);
    stage.run.one_thread = true;
    assert_int_equal(pab_crew_new(&stage.run, PAB_THREADING_SHARED, &stage.crew, &err),
                     PAB_UNAVAILABLE);
    assert_non_null(strstr(err.text, "one thread alone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_come_by_index),
        cmocka_unit_test(tasks_run_at_once_where_they_may),
        cmocka_unit_test(under_the_gil_nothing_runs_at_once),
        cmocka_unit_test(letters_arrive_in_order),
        cmocka_unit_test(each_member_has_its_heap),
        cmocka_unit_test(results_are_those_of_any_order),
        cmocka_unit_test(sharing_is_told_from_keeping_apart),
        cmocka_unit_test(one_thread_alone_is_refused_more),
    };
    return cmocka_run_group_tests(tests, NULL, close_stages);
}
