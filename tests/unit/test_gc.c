/* The cycle collector, one behaviour a test, on the toy client of gc_toy.h. Where a comment says
 * [3.11], the expected values were printed by CPython 3.11 running tests/unit/gc_vectors.py. */
#include "tests/unit/gc_toy_test.h"

static uint64_t collections_of(int generation)
{
    return toy.gc.stats[generation].collections;
}

struct trigger_log {
    int generations[200];
    int allocations[200]; /* how many it took since the trigger before */
    size_t count;
    struct toy_node *chain; /* keeps what was allocated */
};

/* Allocates live nodes until `triggers` collections have run. */
static void allocate_until(struct trigger_log *log, size_t triggers)
{
    int allocations = 0;
    while (log->count < triggers) {
        uint64_t middle = collections_of(1);
        uint64_t old = collections_of(2);
        uint64_t all = collections_of(0) + middle + old;
        struct toy_node *node = toy_new(&toy_plain, 0);
        node->refs[0] = log->chain;
        log->chain = node;
        allocations++;
        if (collections_of(0) + collections_of(1) + collections_of(2) != all) {
            log->generations[log->count] = collections_of(2) != old      ? 2
                                           : collections_of(1) != middle ? 1
                                                                         : 0;
            log->allocations[log->count++] = allocations;
            allocations = 0;
        }
    }
}

/* --- when a collection runs --------------------------------------------------------------- */

/* [3.11] 700/10/10: generation 1 at triggers 12, 24, ..., 132; generation 2 first at 133. */
static void triggers_at_default_thresholds(void **state)
{
    (void)state;
    toy_begin();
    static struct trigger_log log;
    log = (struct trigger_log){0};
    allocate_until(&log, 134);
    for (int trigger = 1; trigger <= 134; trigger++) {
        int expected = trigger == 133 ? 2 : trigger % 12 == 0 ? 1 : 0;
        assert_int_equal(log.generations[trigger - 1], expected);
        assert_int_equal(log.allocations[trigger - 1], 701);
    }
    assert_whole();
    free_chain(log.chain);
}

/* [3.11] 5/2/2: every sixth allocation. */
static void triggers_at_small_thresholds(void **state)
{
    (void)state;
    static const int expected[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 2};
    toy_begin();
    set_thresholds(5, 2, 2);
    struct trigger_log log = {0};
    allocate_until(&log, ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_int_equal(log.generations[i], expected[i]);
        assert_int_equal(log.allocations[i], 6);
    }
    free_chain(log.chain);
}

/* 100 old objects. A trigger every 4 allocations; the new object is not tracked at that time.
 *   trigger    3   6   7         9   10
 *   pending   11  23  23 < 25   35   35 >= 25: full
 * Without the 25 % rule number 7 would be full. */
static void full_collection_waits_for_a_quarter(void **state)
{
    (void)state;
    static const int expected[] = {0, 0, 1, 0, 0, 1, 0, 0, 1, 2};
    toy_begin();
    set_thresholds(0, 0, 0);
    struct trigger_log log = {0};
    for (int i = 0; i < 100; i++) {
        struct toy_node *node = toy_new(&toy_plain, i);
        node->refs[0] = log.chain;
        log.chain = node;
    }
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 0);
    assert_int_equal(toy.gc.long_lived_total, 100);
    assert_int_equal(toy.gc.long_lived_pending, 0);
    set_thresholds(3, 1, 1);
    allocate_until(&log, ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_int_equal(log.generations[i], expected[i]);
    }
    assert_int_equal(toy.gc.long_lived_total, 139);
    free_chain(log.chain);
}

/* [3.11] counts after collect(0), collect(1), collect(2). */
static void counters_follow_collections(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *node = toy_new(&toy_plain, 0);
    assert_counts(1, 0, 0);
    pab_gc_collect(&toy.gc, 0);
    assert_counts(0, 1, 0);
    pab_gc_collect(&toy.gc, 1);
    assert_counts(0, 0, 1);
    pab_gc_collect(&toy.gc, 2);
    assert_counts(0, 0, 0);
    toy_decref(node); /* a deallocation does not take the count below 0 */
    assert_counts(0, 0, 0);
    struct toy_node *pair[2] = {toy_new(&toy_plain, 1), toy_new(&toy_plain, 2)};
    assert_counts(2, 0, 0);
    drop(pair, 2);
    assert_counts(0, 0, 0);
}

static void automatic_collection_can_be_off(void **state)
{
    (void)state;
    toy_begin();
    struct trigger_log log = {0};
    set_thresholds(5, 2, 2);
    for (int round = 0; round < 2; round++) {
        toy.gc.enabled = round == 1;
        toy.gc.generations[0].threshold = round == 0 ? 5 : 0;
        for (int i = 0; i < 50; i++) {
            struct toy_node *node = toy_new(&toy_plain, i);
            node->refs[0] = log.chain;
            log.chain = node;
        }
    }
    assert_counts(100, 0, 0);
    assert_int_equal(toy.gc.stats[0].collections, 0);
    toy.gc.enabled = false;
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 0); /* asking for one still works */
    assert_int_equal(toy.gc.stats[0].collections, 1);
    assert_int_equal(toy.gc.stats[0].visited, 100);
    free_chain(log.chain);
}

/* --- what is collected, in which order ---------------------------------------------------- */

/* [3.11] ring of 5: finalizers 0 1 2 3 4, collect() gives 5. */
static void ring_is_finalized_in_list_order(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[5];
    make_ring(ring, &toy_finalizing, 5);
    assert_list(0, IDS(0, 1, 2, 3, 4));
    drop(ring, 5);
    assert_int_equal(toy.freed.count, 0);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 5);
    assert_log(&toy.finalized, IDS(0, 1, 2, 3, 4));
    assert_int_equal(toy.freed.count, 5);
    assert_int_equal(toy.blocks, 0);
    assert_int_equal(toy.gc.stats[2].collected, 5);
    assert_int_equal(toy.gc.stats[2].visited, 5);
}

/* [3.11] a <-> b with b kept, c <-> d: c d now, b before a later, as the scan has turned them. */
static void kept_half_is_finalized_reordered(void **state)
{
    (void)state;
    enum { A, B, C, D };
    toy_begin();
    struct toy_node *n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = toy_new(&toy_finalizing, i);
    }
    for (int i = 0; i < 4; i++) {
        toy_set(n[i], 0, n[i ^ 1]);
    }
    toy_decref(n[A]);
    toy_decref(n[C]);
    toy_decref(n[D]);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 2);
    assert_log(&toy.finalized, IDS(C, D));
    assert_list(2, IDS(B, A));
    toy_decref(n[B]);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 2);
    assert_log(&toy.finalized, IDS(C, D, B, A));
    assert_int_equal(toy.blocks, 0);
}

/* [3.11] The four objects of allocators/gc/README.md: c -> b -> a, c held, d -> d. */
static void chain_is_reversed_once(void **state)
{
    (void)state;
    enum { A, B, C, D };
    toy_begin();
    struct toy_node *n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = toy_new(&toy_plain, i);
    }
    toy_set(n[C], 0, n[B]);
    toy_set(n[B], 0, n[A]);
    toy_set(n[D], 0, n[D]);
    toy_decref(n[A]);
    toy_decref(n[B]);
    toy_decref(n[D]);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 1);
    assert_list(2, IDS(C, B, A));
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 0);
    assert_list(2, IDS(C, B, A));
    toy_decref(n[C]);
    assert_log(&toy.freed, IDS(D, C, B, A));
}

/* Generation g comes first, then 0, then 1; a referrer outside of the collected ones is a root. */
static void generations_merge_and_protect(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *old = toy_new(&toy_plain, 0);
    pab_gc_collect(&toy.gc, 1);
    struct toy_node *middle = toy_new(&toy_plain, 1);
    pab_gc_collect(&toy.gc, 0);
    struct toy_node *young = toy_new(&toy_plain, 2);
    assert_list(0, IDS(2));
    assert_list(1, IDS(1));
    assert_list(2, IDS(0));
    toy_set(old, 0, old);
    toy_set(old, 1, young);
    toy_set(young, 0, young);
    toy_decref(young);
    toy_decref(old); /* trash now, but old trash holds the young object */
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 0);
    assert_list(1, IDS(1, 2));
    struct toy_node *youngest = toy_new(&toy_plain, 3);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 2);
    assert_list(2, IDS(3, 1));
    toy_decref(middle);
    toy_decref(youngest);
    assert_int_equal(toy.blocks, 0);
}

static void young_trash_is_found_by_every_generation(void **state)
{
    (void)state;
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        toy_begin();
        struct toy_node *ring[3];
        make_ring(ring, &toy_plain, 3);
        toy_set(ring[0], 1, ring[0]); /* a self loop and a doubled edge besides */
        toy_set(ring[1], 1, ring[2]);
        drop(ring, 3);
        assert_int_equal(pab_gc_collect(&toy.gc, generation), 3);
        assert_int_equal(toy.gc.stats[generation].collected, 3);
        assert_int_equal(toy.blocks, 0);
        assert_whole();
    }
}

/* Nothing in a cycle of tuples can be cleared: it is counted by every full collection. */
static void trash_that_cannot_be_cleared_stays(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[2];
    make_ring(ring, &toy_tuple, 2);
    drop(ring, 2);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 2);
    assert_list(1, IDS(0, 1));
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 0);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 2);
    assert_list(2, IDS(0, 1));
    toy_set(ring[0], 0, NULL);
    assert_int_equal(toy.blocks, 0);
}

/* --- tracking ----------------------------------------------------------------------------- */

static void untracking_follows_the_flags(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *outer = toy_new(&toy_tuple, 0);
    struct toy_node *inner = toy_new(&toy_tuple, 1);
    struct toy_node *dict = toy_new(&toy_dict, 2);
    struct toy_node *leaf = toy_new(&toy_leaf, 3);
    toy_set(outer, 0, inner); /* outer is asked first, while inner is still tracked */
    toy_set(inner, 0, leaf);
    toy_set(dict, 0, leaf);
    pab_gc_collect(&toy.gc, 0);
    assert_false(pab_gc_is_tracked(inner));
    assert_true(pab_gc_is_tracked(outer));
    pab_gc_collect(&toy.gc, 1);
    assert_false(pab_gc_is_tracked(outer));
    assert_true(pab_gc_is_tracked(dict)); /* only by a full collection */
    assert_int_equal(toy.gc.long_lived_pending, 1);
    pab_gc_collect(&toy.gc, 2);
    assert_false(pab_gc_is_tracked(dict));
    assert_int_equal(toy.gc.long_lived_total, 0);
    assert_list(2, NO_IDS);
    pab_gc_untrack(dict); /* no effect on an untracked one */
    toy_decref(leaf);
    toy_decref(dict);
    toy_decref(inner);
    toy_decref(outer);
    assert_int_equal(toy.blocks, 0);
}

/* Dicts are asked after all tuples, wherever they stand in the list. */
static void dicts_are_untracked_after_tuples(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *dict = toy_new(&toy_dict, 0);
    struct toy_node *tuple = toy_new(&toy_tuple, 1);
    toy_set(dict, 0, tuple);
    pab_gc_collect(&toy.gc, 2);
    assert_false(pab_gc_is_tracked(tuple));
    assert_false(pab_gc_is_tracked(dict));
    toy_decref(tuple);
    toy_decref(dict);
}

static void untracked_referents_are_left_alone(void **state)
{
    (void)state;
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        toy_begin();
        struct toy_node *holder = toy_new(&toy_plain, 0);
        struct toy_node *hidden = toy_new(&toy_plain, 1);
        toy_set(holder, 0, hidden);
        pab_gc_untrack(hidden);
        assert_int_equal(pab_gc_collect(&toy.gc, generation), 0);
        assert_int_equal(pab_gc_head_of(hidden)->prev, 0);
        assert_int_equal(toy.gc.stats[generation].visited, 1);
        pab_gc_track(&toy.gc, hidden);
        assert_list(0, IDS(1));
        toy_decref(hidden);
        toy_decref(holder);
        assert_int_equal(toy.blocks, 0);
    }
}

static void freezing_hides_and_unfreezing_returns(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[2];
    make_ring(ring, &toy_plain, 2);
    pab_gc_collect(&toy.gc, 1);
    struct toy_node *young = toy_new(&toy_plain, 5);
    drop(ring, 2);
    pab_gc_freeze(&toy.gc);
    assert_counts(0, 0, 0);
    assert_list(3, IDS(5, 0, 1));
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 0);
    struct toy_node *later = toy_new(&toy_plain, 6);
    pab_gc_collect(&toy.gc, 1);
    pab_gc_unfreeze(&toy.gc);
    assert_list(3, NO_IDS);
    assert_list(2, IDS(6, 5, 0, 1));
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 2);
    assert_list(2, IDS(6, 5));
    toy_decref(young);
    toy_decref(later);
    assert_int_equal(toy.blocks, 0);
}

/* --- memory ------------------------------------------------------------------------------- */

static void exhausted_heap_changes_nothing(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *node = toy_new(&toy_plain, 0);
    pab_gc_untrack(node);
    toy.refuse = true;
    assert_null(pab_gc_malloc(&toy.gc, 0, 64));
    assert_null(pab_gc_malloc(&toy.gc, 16, (size_t)PTRDIFF_MAX - 20));
    assert_null(pab_gc_realloc(&toy.gc, node, 128));
    assert_counts(1, 0, 0);
    toy.refuse = false;
    assert_null(pab_gc_realloc(&toy.gc, node, (size_t)PTRDIFF_MAX));
    assert_int_equal(node->base.refcnt, 1);
    node = pab_gc_realloc(&toy.gc, node, 4096);
    assert_non_null(node);
    assert_ptr_equal(node->base.type, &toy_plain);
    assert_false(pab_gc_is_tracked(node));
    assert_counts(1, 0, 0);
    toy_decref(node);
    assert_int_equal(toy.blocks, 0);
}

static void collector_asks_for_no_memory(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[50];
    make_ring(ring, &toy_finalizing, 50);
    drop(ring, 50);
    toy.refuse = true;
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 50);
    assert_int_equal(toy.blocks, 0);
}

static void presize_lies_before_the_header(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[3];
    make_ring(ring, &toy_wide, 3);
    for (int i = 0; i < 3; i++) {
        const unsigned char *before = (const unsigned char *)pab_gc_head_of(ring[i]) - 16;
        for (int k = 0; k < 16; k++) {
            assert_int_equal(before[k], 0);
        }
    }
    drop(ring, 3);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 3);
    assert_int_equal(toy.blocks, 0);
}

static int free_lists_cleared;

static void clear_free_lists(void *client)
{
    assert_ptr_equal(client, &free_lists_cleared);
    assert_true(toy.gc.collecting);
    free_lists_cleared++;
}

static void free_lists_are_cleared_by_full_collections(void **state)
{
    (void)state;
    toy_begin();
    free_lists_cleared = 0;
    toy.gc.clear_free_lists = clear_free_lists;
    toy.gc.client = &free_lists_cleared;
    pab_gc_collect(&toy.gc, 0);
    pab_gc_collect(&toy.gc, 1);
    assert_int_equal(free_lists_cleared, 0);
    pab_gc_collect(&toy.gc, 2);
    assert_int_equal(free_lists_cleared, 1);
}

/* --- the checker finds damage ------------------------------------------------------------- */

static void assert_damage(uintptr_t *word, uintptr_t value)
{
    uintptr_t good = *word;
    *word = value;
    struct pab_error err = {.status = PAB_OK};
    assert_int_equal(pab_gc_check(&toy.gc, &err), PAB_BAD_DATA);
    assert_true(strlen(err.text) > 0);
    *word = good;
    assert_whole();
}

static void check_reports_damage(void **state)
{
    (void)state;
    toy_begin();
    struct toy_node *ring[4];
    make_ring(ring, &toy_plain, 4);
    struct pab_gc_head *heads[4];
    for (int i = 0; i < 4; i++) {
        heads[i] = pab_gc_head_of(ring[i]);
    }
    assert_whole();
    assert_damage(&heads[1]->next, 0);
    assert_damage(&heads[1]->next, heads[1]->next | 1);
    assert_damage(&heads[1]->prev, heads[1]->prev | 2);
    assert_damage(&heads[1]->prev, (uintptr_t)heads[3]);
    assert_damage(&heads[3]->next, (uintptr_t)heads[1]); /* a loop that misses the end */
    assert_damage(&heads[0]->next, (uintptr_t)heads[2]); /* one left out */
    assert_damage((uintptr_t *)&ring[2]->base.refcnt, 0);
    assert_damage((uintptr_t *)&ring[2]->base.type, (uintptr_t)&toy_leaf);
    assert_damage((uintptr_t *)&toy.gc.long_lived_total, UINTPTR_MAX);
    assert_damage(&toy.gc.permanent.next, (uintptr_t)heads[0]); /* in two lists */
    toy.gc.generations[1].count = -1;
    assert_int_equal(pab_gc_check(&toy.gc, NULL), PAB_BAD_DATA);
    toy.gc.generations[1].count = 0;
    drop(ring, 4);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triggers_at_default_thresholds),
        cmocka_unit_test(triggers_at_small_thresholds),
        cmocka_unit_test(full_collection_waits_for_a_quarter),
        cmocka_unit_test(counters_follow_collections),
        cmocka_unit_test(automatic_collection_can_be_off),
        cmocka_unit_test(ring_is_finalized_in_list_order),
        cmocka_unit_test(kept_half_is_finalized_reordered),
        cmocka_unit_test(chain_is_reversed_once),
        cmocka_unit_test(generations_merge_and_protect),
        cmocka_unit_test(young_trash_is_found_by_every_generation),
        cmocka_unit_test(trash_that_cannot_be_cleared_stays),
        cmocka_unit_test(untracking_follows_the_flags),
        cmocka_unit_test(dicts_are_untracked_after_tuples),
        cmocka_unit_test(untracked_referents_are_left_alone),
        cmocka_unit_test(freezing_hides_and_unfreezing_returns),
        cmocka_unit_test(exhausted_heap_changes_nothing),
        cmocka_unit_test(collector_asks_for_no_memory),
        cmocka_unit_test(presize_lies_before_the_header),
        cmocka_unit_test(free_lists_are_cleared_by_full_collections),
        cmocka_unit_test(check_reports_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
