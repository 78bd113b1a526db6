/* What the collector does with finalizers: PEP 442, on the toy client of gc_toy.h. [3.11]: expected
 * values printed by CPython 3.11 running tests/unit/gc_vectors.py. */
#include "tests/unit/gc_toy_test.h"

static void save_self(struct toy_node *self)
{
    assert_null(toy.saved);
    self->base.refcnt++;
    toy.saved = self;
}

static void drop_saved(void)
{
    struct toy_node *saved = toy.saved;
    toy.saved = NULL;
    toy_decref(saved);
}

/* [3.11] self-cycle: collect() 0 with one finalizer; dropped again: 1 and no call. */
static void resurrection_of_a_self_cycle(void **state)
{
    (void)state;
    toy_begin();
    toy.on_finalize = save_self;
    struct toy_node *node;
    make_ring(&node, &toy_finalizing, 1);
    drop(&node, 1);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 0);
    assert_log(&toy.finalized, IDS(0));
    assert_true(pab_gc_is_finalized(node));
    assert_list(1, IDS(0));
    drop_saved();
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 1);
    assert_log(&toy.finalized, IDS(0));
    assert_int_equal(toy.blocks, 0);
}

static void save_number_one(struct toy_node *self)
{
    if (self->id == 1) {
        save_self(self);
    }
}

/* [3.11] ring of 4, number 1 resurrects itself: 4 finalizers, collect() 0; next 4, no calls. */
static void resurrection_carries_the_ring(void **state)
{
    (void)state;
    toy_begin();
    toy.on_finalize = save_number_one;
    struct toy_node *ring[4];
    make_ring(ring, &toy_finalizing, 4);
    drop(ring, 4);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 0);
    assert_log(&toy.finalized, IDS(0, 1, 2, 3));
    assert_list(2, IDS(1, 2, 3, 0));
    drop_saved();
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 4);
    assert_log(&toy.finalized, IDS(0, 1, 2, 3));
    assert_int_equal(toy.blocks, 0);
}

static void resurrection_does_not_block_the_others(void **state)
{
    (void)state;
    toy_begin();
    toy.on_finalize = save_number_one;
    struct toy_node *nodes[20];
    for (int i = 0; i < 20; i++) {
        nodes[i] = toy_new(&toy_finalizing, i);
        toy_set(nodes[i], 0, nodes[i]);
    }
    drop(nodes, 20);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 19);
    assert_int_equal(toy.blocks, 1);
    assert_list(2, IDS(1));
    drop_saved();
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 1);
}

static void cut_own_cycle(struct toy_node *self)
{
    toy_set(self, 0, NULL);
}

/* [3.11] A finalizer that breaks its own cycle: freed by refcount, so not counted. */
static void finalizer_that_frees_its_object(void **state)
{
    (void)state;
    toy_begin();
    toy.on_finalize = cut_own_cycle;
    struct toy_node *node;
    make_ring(&node, &toy_finalizing, 1);
    drop(&node, 1);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 0);
    assert_log(&toy.finalized, IDS(0));
    assert_log(&toy.freed, IDS(0));
    assert_int_equal(toy.blocks, 0);
    assert_whole();
}

static void finalizer_by_refcount_runs_once(void **state)
{
    (void)state;
    toy_begin();
    toy.on_finalize = save_self;
    struct toy_node *node = toy_new(&toy_finalizing, 7);
    pab_gc_collect(&toy.gc, 0);
    toy_decref(node);
    assert_log(&toy.finalized, IDS(7));
    assert_int_equal(node->base.refcnt, 1);
    assert_true(pab_gc_is_finalized(node));
    assert_list(0, IDS(7)); /* resurrected ones are young again */
    toy.on_finalize = NULL;
    drop_saved();
    assert_log(&toy.finalized, IDS(7));
    assert_int_equal(toy.blocks, 0);
}

/* Without a header there is no bit: such a type's finalizer runs at every death. */
static void finalizer_without_header_runs_again(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node leaf = {.base = {.refcnt = 0, .type = &toy_leaf}, .id = 3};
    toy.on_finalize = save_self;
    assert_true(pab_gc_finalize_from_dealloc(&leaf.base));
    toy.saved = NULL;
    leaf.base.refcnt = 0;
    toy.on_finalize = NULL;
    assert_false(pab_gc_finalize_from_dealloc(&leaf.base));
    assert_log(&toy.finalized, IDS(3, 3));
}

static intptr_t nested_result;

static void collect_again(struct toy_node *self)
{
    (void)self;
    nested_result = pab_gc_collect(&toy.gc, 2);
}

static void collecting_while_collecting_does_nothing(void **state)
{
    (void)state;
    toy_begin();
    nested_result = -1;
    toy.on_finalize = collect_again;
    struct toy_node *ring[3];
    make_ring(ring, &toy_finalizing, 3);
    drop(ring, 3);
    assert_int_equal(pab_gc_collect(&toy.gc, 1), 3);
    assert_int_equal(nested_result, 0);
    assert_int_equal(toy.gc.stats[2].collections, 0);
    assert_int_equal(toy.finalized.count, 3);
}

static struct toy_node *spawned;

static void spawn_ten(struct toy_node *self)
{
    (void)self;
    for (int i = 0; i < 10; i++) {
        struct toy_node *node = toy_new(&toy_plain, 100 + i);
        node->refs[0] = spawned;
        spawned = node;
    }
    assert_whole();
}

/* Allocations of a finalizer pass the threshold, but wait: the next one after it collects. */
static void finalizer_may_allocate_past_the_threshold(void **state)
{
    (void)state;
    toy_begin();
    set_thresholds(5, 10, 10);
    spawned = NULL;
    toy.on_finalize = spawn_ten;
    struct toy_node *ring[2];
    make_ring(ring, &toy_finalizing, 2);
    drop(ring, 2);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 2);
    assert_int_equal(toy.gc.stats[0].collections, 1);
    assert_counts(18, 1, 0); /* 20 new, 2 gone */
    struct toy_node *node = toy_new(&toy_plain, 200);
    assert_int_equal(toy.gc.stats[0].collections, 2);
    assert_counts(0, 2, 0);
    toy_decref(node);
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
        cmocka_unit_test(collecting_while_collecting_does_nothing),
        cmocka_unit_test(finalizer_may_allocate_past_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
