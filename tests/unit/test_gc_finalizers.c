/* What the collector does with finalizers: PEP 442, on toys (tests/conformance/collector).
 * [3.11]: expected values printed by CPython 3.11 running tests/unit/gc_vectors.py. */
#include "tests/unit/gc_toy_test.h"

static void save_self(struct pab_toy *self)
{
    assert_null(pab_toys.saved);
    self->base.refcnt++;
    pab_toys.saved = self;
}

static void drop_saved(void)
{
    struct pab_toy *saved = pab_toys.saved;
    pab_toys.saved = NULL;
    pab_toy_decref(saved);
}

/* [3.11] self-cycle: collect() 0 with one finalizer; dropped again: 1 and no call. */
static void resurrection_of_a_self_cycle(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_finalize = save_self;
    struct pab_toy *node;
    pab_toy_ring(&node, &pab_toy_finalizing, 1);
    pab_toy_drop(&node, 1);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 0);
    assert_log(&pab_toys.finalized, IDS(0));
    assert_true(pab_gc_is_finalized(node));
    assert_list(1, IDS(0));
    drop_saved();
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_log(&pab_toys.finalized, IDS(0));
    assert_int_equal(pab_toys.blocks, 0);
}

static void save_number_one(struct pab_toy *self)
{
    if (self->id == 1) {
        save_self(self);
    }
}

/* [3.11] ring of 4, number 1 resurrects itself: 4 finalizers, collect() 0; next 4, no calls. */
static void resurrection_carries_the_ring(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_finalize = save_number_one;
    struct pab_toy *ring[4];
    pab_toy_ring(ring, &pab_toy_finalizing, 4);
    pab_toy_drop(ring, 4);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 0);
    assert_log(&pab_toys.finalized, IDS(0, 1, 2, 3));
    assert_list(2, IDS(1, 2, 3, 0));
    drop_saved();
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 4);
    assert_log(&pab_toys.finalized, IDS(0, 1, 2, 3));
    assert_int_equal(pab_toys.blocks, 0);
}

static void resurrection_does_not_block_the_others(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_finalize = save_number_one;
    struct pab_toy *nodes[20];
    for (int i = 0; i < 20; i++) {
        nodes[i] = pab_toy_new(&pab_toy_finalizing, i);
        pab_toy_set(nodes[i], 0, nodes[i]);
    }
    pab_toy_drop(nodes, 20);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 19);
    assert_int_equal(pab_toys.blocks, 1);
    assert_list(2, IDS(1));
    drop_saved();
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
}

static void cut_own_cycle(struct pab_toy *self)
{
    pab_toy_set(self, 0, NULL);
}

/* [3.11] A finalizer that breaks its own cycle: freed by refcount, so not counted. */
static void finalizer_that_frees_its_object(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_finalize = cut_own_cycle;
    struct pab_toy *node;
    pab_toy_ring(&node, &pab_toy_finalizing, 1);
    pab_toy_drop(&node, 1);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 0);
    assert_log(&pab_toys.finalized, IDS(0));
    assert_log(&pab_toys.freed, IDS(0));
    assert_int_equal(pab_toys.blocks, 0);
    assert_whole();
}

static void finalizer_by_refcount_runs_once(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_finalize = save_self;
    struct pab_toy *node = pab_toy_new(&pab_toy_finalizing, 7);
    pab_gc_collect(&pab_toys.gc, 0);
    pab_toy_decref(node);
    assert_log(&pab_toys.finalized, IDS(7));
    assert_int_equal(node->base.refcnt, 1);
    assert_true(pab_gc_is_finalized(node));
    assert_list(0, IDS(7)); /* resurrected ones are young again */
    pab_toys.on_finalize = NULL;
    drop_saved();
    assert_log(&pab_toys.finalized, IDS(7));
    assert_int_equal(pab_toys.blocks, 0);
}

/* Without a header there is no bit: such a type's finalizer runs at every death. */
static void finalizer_without_header_runs_again(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy leaf = {.base = {.refcnt = 0, .type = &pab_toy_leaf}, .id = 3};
    pab_toys.on_finalize = save_self;
    assert_true(pab_gc_finalize_from_dealloc(&leaf.base));
    pab_toys.saved = NULL;
    leaf.base.refcnt = 0;
    pab_toys.on_finalize = NULL;
    assert_false(pab_gc_finalize_from_dealloc(&leaf.base));
    assert_log(&pab_toys.finalized, IDS(3, 3));
}

/* A type without one dies as it is. */
static void no_finalizer_to_run(void **state)
{
    (void)state;
    struct pab_toy toy = {.base = {.refcnt = 0, .type = &pab_toy_plain}, .id = 3};
    assert_false(pab_gc_finalize_from_dealloc(&toy.base));
    assert_int_equal(toy.base.refcnt, 0);
}

static intptr_t nested_result;

static void collect_again(struct pab_toy *self)
{
    (void)self;
    nested_result = pab_gc_collect(&pab_toys.gc, 2);
}

static void collecting_while_collecting_does_nothing(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    nested_result = -1;
    pab_toys.on_finalize = collect_again;
    struct pab_toy *ring[3];
    pab_toy_ring(ring, &pab_toy_finalizing, 3);
    pab_toy_drop(ring, 3);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 1), 3);
    assert_int_equal(nested_result, 0);
    assert_int_equal(pab_toys.gc.stats[2].collections, 0);
    assert_int_equal(pab_toys.finalized.count, 3);
}

static struct pab_toy *spawned;

static void spawn_ten(struct pab_toy *self)
{
    (void)self;
    for (int i = 0; i < 10; i++) {
        struct pab_toy *node = pab_toy_new(&pab_toy_plain, 100 + i);
        node->refs[0] = spawned;
        spawned = node;
    }
    assert_whole();
}

/* Allocations of a finalizer pass the threshold, but wait: the next one after it collects. */
static void finalizer_may_allocate_past_the_threshold(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toy_thresholds(5, 10, 10);
    spawned = NULL;
    pab_toys.on_finalize = spawn_ten;
    struct pab_toy *ring[2];
    pab_toy_ring(ring, &pab_toy_finalizing, 2);
    pab_toy_drop(ring, 2);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 2);
    assert_int_equal(pab_toys.gc.stats[0].collections, 1);
    assert_counts(18, 1, 0); /* 20 new, 2 gone */
    struct pab_toy *node = pab_toy_new(&pab_toy_plain, 200);
    assert_int_equal(pab_toys.gc.stats[0].collections, 2);
    assert_counts(0, 2, 0);
    pab_toy_decref(node);
    free_chain(spawned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resurrection_of_a_self_cycle),
        cmocka_unit_test(resurrection_carries_the_ring),
        cmocka_unit_test(resurrection_does_not_block_the_others),
        cmocka_unit_test(finalizer_that_frees_its_object),
        cmocka_unit_test(finalizer_by_refcount_runs_once),
        cmocka_unit_test(finalizer_without_header_runs_again),
        cmocka_unit_test(no_finalizer_to_run),
        cmocka_unit_test(collecting_while_collecting_does_nothing),
        cmocka_unit_test(finalizer_may_allocate_past_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
