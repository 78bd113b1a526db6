/* The cycle collector, one behaviour a test, on toys (tests/conformance/collector). Where a
 * comment says [3.11], the expected values were printed by CPython 3.11 running
 * tests/unit/gc_vectors.py. */
#include "tests/unit/gc_toy_test.h"

#include <string.h>

static uint64_t collections_of(int generation)
{
    return pab_toys.gc.stats[generation].collections;
}

struct trigger_log {
    int generations[200];
    int allocations[200]; /* how many it took since the trigger before */
    size_t count;
    struct pab_toy *chain; /* keeps what was allocated */
};

/* Allocates live nodes until `triggers` collections have run. */
static void allocate_until(struct trigger_log *log, size_t triggers)
{
    int allocations = 0;
    while (log->count < triggers) {
        uint64_t middle = collections_of(1);
        uint64_t old = collections_of(2);
        uint64_t all = collections_of(0) + middle + old;
        struct pab_toy *node = pab_toy_new(&pab_toy_plain, 0);
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
    pab_toy_begin(NULL);
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
    pab_toy_begin(NULL);
    pab_toy_thresholds(5, 2, 2);
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
    pab_toy_begin(NULL);
    pab_toy_thresholds(0, 0, 0);
    struct trigger_log log = {0};
    for (int i = 0; i < 100; i++) {
        struct pab_toy *node = pab_toy_new(&pab_toy_plain, i);
        node->refs[0] = log.chain;
        log.chain = node;
    }
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 0);
    assert_int_equal(pab_toys.gc.long_lived_total, 100);
    assert_int_equal(pab_toys.gc.long_lived_pending, 0);
    pab_toy_thresholds(3, 1, 1);
    allocate_until(&log, ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_int_equal(log.generations[i], expected[i]);
    }
    assert_int_equal(pab_toys.gc.long_lived_total, 139);
    free_chain(log.chain);
}

/* [3.11] counts after collect(0), collect(1), collect(2). */
static void counters_follow_collections(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *node = pab_toy_new(&pab_toy_plain, 0);
    assert_counts(1, 0, 0);
    pab_gc_collect(&pab_toys.gc, 0);
    assert_counts(0, 1, 0);
    pab_gc_collect(&pab_toys.gc, 1);
    assert_counts(0, 0, 1);
    pab_gc_collect(&pab_toys.gc, 2);
    assert_counts(0, 0, 0);
    pab_toy_decref(node); /* a deallocation does not take the count below 0 */
    assert_counts(0, 0, 0);
    struct pab_toy *pair[2] = {pab_toy_new(&pab_toy_plain, 1), pab_toy_new(&pab_toy_plain, 2)};
    assert_counts(2, 0, 0);
    pab_toy_drop(pair, 2);
    assert_counts(0, 0, 0);
}

static void automatic_collection_can_be_off(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct trigger_log log = {0};
    pab_toy_thresholds(5, 2, 2);
    for (int round = 0; round < 2; round++) {
        pab_toys.gc.enabled = round == 1;
        pab_toys.gc.generations[0].threshold = round == 0 ? 5 : 0;
        for (int i = 0; i < 50; i++) {
            struct pab_toy *node = pab_toy_new(&pab_toy_plain, i);
            node->refs[0] = log.chain;
            log.chain = node;
        }
    }
    assert_counts(100, 0, 0);
    assert_int_equal(pab_toys.gc.stats[0].collections, 0);
    pab_toys.gc.enabled = false;
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 0); /* asking for one still works */
    assert_int_equal(pab_toys.gc.stats[0].collections, 1);
    assert_int_equal(pab_toys.gc.stats[0].visited, 100);
    free_chain(log.chain);
}

/* --- what is collected, in which order ---------------------------------------------------- */

/* [3.11] ring of 5: finalizers 0 1 2 3 4, collect() gives 5. */
static void ring_is_finalized_in_list_order(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *ring[5];
    pab_toy_ring(ring, &pab_toy_finalizing, 5);
    assert_list(0, IDS(0, 1, 2, 3, 4));
    pab_toy_drop(ring, 5);
    assert_int_equal(pab_toys.freed.count, 0);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 5);
    assert_log(&pab_toys.finalized, IDS(0, 1, 2, 3, 4));
    assert_int_equal(pab_toys.freed.count, 5);
    assert_int_equal(pab_toys.blocks, 0);
    assert_int_equal(pab_toys.gc.stats[2].collected, 5);
    assert_int_equal(pab_toys.gc.stats[2].visited, 5);
}

/* [3.11] a <-> b with b kept, c <-> d: c d now, b before a later, as the scan has turned them. */
static void kept_half_is_finalized_reordered(void **state)
{
    (void)state;
    enum { A, B, C, D };
    pab_toy_begin(NULL);
    struct pab_toy *n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = pab_toy_new(&pab_toy_finalizing, i);
    }
    for (int i = 0; i < 4; i++) {
        pab_toy_set(n[i], 0, n[i ^ 1]);
    }
    pab_toy_decref(n[A]);
    pab_toy_decref(n[C]);
    pab_toy_decref(n[D]);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 2);
    assert_log(&pab_toys.finalized, IDS(C, D));
    assert_list(2, IDS(B, A));
    pab_toy_decref(n[B]);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 2);
    assert_log(&pab_toys.finalized, IDS(C, D, B, A));
    assert_int_equal(pab_toys.blocks, 0);
}

/* [3.11] The four objects of allocators/gc/README.md: c -> b -> a, c held, d -> d. */
static void chain_is_reversed_once(void **state)
{
    (void)state;
    enum { A, B, C, D };
    pab_toy_begin(NULL);
    struct pab_toy *n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = pab_toy_new(&pab_toy_plain, i);
    }
    pab_toy_set(n[C], 0, n[B]);
    pab_toy_set(n[B], 0, n[A]);
    pab_toy_set(n[D], 0, n[D]);
    pab_toy_decref(n[A]);
    pab_toy_decref(n[B]);
    pab_toy_decref(n[D]);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_list(2, IDS(C, B, A));
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 0);
    assert_list(2, IDS(C, B, A));
    pab_toy_decref(n[C]);
    assert_log(&pab_toys.freed, IDS(D, C, B, A));
}

/* Generation g comes first, then 0, then 1; a referrer outside of the collected ones is a root. */
static void generations_merge_and_protect(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *old = pab_toy_new(&pab_toy_plain, 0);
    pab_gc_collect(&pab_toys.gc, 1);
    struct pab_toy *middle = pab_toy_new(&pab_toy_plain, 1);
    pab_gc_collect(&pab_toys.gc, 0);
    struct pab_toy *young = pab_toy_new(&pab_toy_plain, 2);
    assert_list(0, IDS(2));
    assert_list(1, IDS(1));
    assert_list(2, IDS(0));
    pab_toy_set(old, 0, old);
    pab_toy_set(old, 1, young);
    pab_toy_set(young, 0, young);
    pab_toy_decref(young);
    pab_toy_decref(old); /* trash now, but old trash holds the young object */
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 0);
    assert_list(1, IDS(1, 2));
    struct pab_toy *youngest = pab_toy_new(&pab_toy_plain, 3);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 2);
    assert_list(2, IDS(3, 1));
    pab_toy_decref(middle);
    pab_toy_decref(youngest);
    assert_int_equal(pab_toys.blocks, 0);
}

static void young_trash_is_found_by_every_generation(void **state)
{
    (void)state;
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        pab_toy_begin(NULL);
        struct pab_toy *ring[3];
        pab_toy_ring(ring, &pab_toy_plain, 3);
        pab_toy_set(ring[0], 1, ring[0]); /* a self loop and a doubled edge besides */
        pab_toy_set(ring[1], 1, ring[2]);
        pab_toy_drop(ring, 3);
        assert_int_equal(pab_gc_collect(&pab_toys.gc, generation), 3);
        assert_int_equal(pab_toys.gc.stats[generation].collected, 3);
        assert_int_equal(pab_toys.blocks, 0);
        assert_whole();
    }
}

/* Nothing in a cycle of tuples can be cleared: it is counted by every full collection. */
static void trash_that_cannot_be_cleared_stays(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *ring[2];
    pab_toy_ring(ring, &pab_toy_tuple, 2);
    pab_toy_drop(ring, 2);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 2);
    assert_list(1, IDS(0, 1));
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 0);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 2);
    assert_list(2, IDS(0, 1));
    pab_toy_set(ring[0], 0, NULL);
    assert_int_equal(pab_toys.blocks, 0);
}

/* --- tracking ----------------------------------------------------------------------------- */

static void untracking_follows_the_flags(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *outer = pab_toy_new(&pab_toy_tuple, 0);
    struct pab_toy *inner = pab_toy_new(&pab_toy_tuple, 1);
    struct pab_toy *dict = pab_toy_new(&pab_toy_dict, 2);
    struct pab_toy *leaf = pab_toy_new(&pab_toy_leaf, 3);
    pab_toy_set(outer, 0, inner); /* outer is asked first, while inner is still tracked */
    pab_toy_set(inner, 0, leaf);
    pab_toy_set(dict, 0, leaf);
    pab_gc_collect(&pab_toys.gc, 0);
    assert_false(pab_gc_is_tracked(inner));
    assert_true(pab_gc_is_tracked(outer));
    pab_gc_collect(&pab_toys.gc, 1);
    assert_false(pab_gc_is_tracked(outer));
    assert_true(pab_gc_is_tracked(dict)); /* only by a full collection */
    assert_int_equal(pab_toys.gc.long_lived_pending, 1);
    pab_gc_collect(&pab_toys.gc, 2);
    assert_false(pab_gc_is_tracked(dict));
    assert_int_equal(pab_toys.gc.long_lived_total, 0);
    assert_list(2, NO_IDS);
    pab_gc_untrack(dict); /* no effect on an untracked one */
    pab_toy_decref(leaf);
    pab_toy_decref(dict);
    pab_toy_decref(inner);
    pab_toy_decref(outer);
    assert_int_equal(pab_toys.blocks, 0);
}

/* Dicts are asked after all tuples, wherever they stand in the list. */
static void dicts_are_untracked_after_tuples(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *dict = pab_toy_new(&pab_toy_dict, 0);
    struct pab_toy *tuple = pab_toy_new(&pab_toy_tuple, 1);
    pab_toy_set(dict, 0, tuple);
    pab_gc_collect(&pab_toys.gc, 2);
    assert_false(pab_gc_is_tracked(tuple));
    assert_false(pab_gc_is_tracked(dict));
    pab_toy_decref(tuple);
    pab_toy_decref(dict);
}

static void untracked_referents_are_left_alone(void **state)
{
    (void)state;
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        pab_toy_begin(NULL);
        struct pab_toy *holder = pab_toy_new(&pab_toy_plain, 0);
        struct pab_toy *hidden = pab_toy_new(&pab_toy_plain, 1);
        pab_toy_set(holder, 0, hidden);
        pab_gc_untrack(hidden);
        assert_int_equal(pab_gc_collect(&pab_toys.gc, generation), 0);
        assert_int_equal(pab_gc_head_of(hidden)->prev, 0);
        assert_int_equal(pab_toys.gc.stats[generation].visited, 1);
        pab_gc_track(&pab_toys.gc, hidden);
        assert_list(0, IDS(1));
        pab_toy_decref(hidden);
        pab_toy_decref(holder);
        assert_int_equal(pab_toys.blocks, 0);
    }
}

static void freezing_hides_and_unfreezing_returns(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *ring[2];
    pab_toy_ring(ring, &pab_toy_plain, 2);
    pab_gc_collect(&pab_toys.gc, 1);
    struct pab_toy *young = pab_toy_new(&pab_toy_plain, 5);
    pab_toy_drop(ring, 2);
    pab_gc_freeze(&pab_toys.gc);
    assert_counts(0, 0, 0);
    assert_list(3, IDS(5, 0, 1));
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 0);
    struct pab_toy *later = pab_toy_new(&pab_toy_plain, 6);
    pab_gc_collect(&pab_toys.gc, 1);
    pab_gc_unfreeze(&pab_toys.gc);
    assert_list(3, NO_IDS);
    assert_list(2, IDS(6, 5, 0, 1));
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 2);
    assert_list(2, IDS(6, 5));
    pab_toy_decref(young);
    pab_toy_decref(later);
    assert_int_equal(pab_toys.blocks, 0);
}

/* --- memory ------------------------------------------------------------------------------- */

static void exhausted_heap_changes_nothing(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *node = pab_toy_new(&pab_toy_plain, 0);
    pab_gc_untrack(node);
    pab_toys.refuse = true;
    assert_null(pab_gc_malloc(&pab_toys.gc, 0, 64));
    assert_null(pab_gc_malloc(&pab_toys.gc, 16, (size_t)PTRDIFF_MAX - 20));
    assert_null(pab_gc_realloc(&pab_toys.gc, node, 128));
    assert_counts(1, 0, 0);
    pab_toys.refuse = false;
    assert_null(pab_gc_realloc(&pab_toys.gc, node, (size_t)PTRDIFF_MAX));
    assert_int_equal(node->base.refcnt, 1);
    node = pab_gc_realloc(&pab_toys.gc, node, 4096);
    assert_non_null(node);
    assert_ptr_equal(node->base.type, &pab_toy_plain);
    assert_false(pab_gc_is_tracked(node));
    assert_counts(1, 0, 0);
    pab_toy_decref(node);
    assert_int_equal(pab_toys.blocks, 0);
}

static void collector_asks_for_no_memory(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *ring[50];
    pab_toy_ring(ring, &pab_toy_finalizing, 50);
    pab_toy_drop(ring, 50);
    pab_toys.refuse = true;
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 50);
    assert_int_equal(pab_toys.blocks, 0);
}

static void presize_lies_before_the_header(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *ring[3];
    pab_toy_ring(ring, &pab_toy_wide, 3);
    for (int i = 0; i < 3; i++) {
        const unsigned char *before = (const unsigned char *)pab_gc_head_of(ring[i]) - 16;
        for (int k = 0; k < 16; k++) {
            assert_int_equal(before[k], 0);
        }
    }
    pab_toy_drop(ring, 3);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 3);
    assert_int_equal(pab_toys.blocks, 0);
}

static int free_lists_cleared;

static void clear_free_lists(void *client)
{
    assert_ptr_equal(client, &free_lists_cleared);
    assert_true(pab_toys.gc.collecting);
    free_lists_cleared++;
}

static void free_lists_are_cleared_by_full_collections(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    free_lists_cleared = 0;
    pab_toys.gc.clear_free_lists = clear_free_lists;
    pab_toys.gc.client = &free_lists_cleared;
    pab_gc_collect(&pab_toys.gc, 0);
    pab_gc_collect(&pab_toys.gc, 1);
    assert_int_equal(free_lists_cleared, 0);
    pab_gc_collect(&pab_toys.gc, 2);
    assert_int_equal(free_lists_cleared, 1);
}

/* A leaf is no container: neither the subtraction nor the scan looks for its header. */
static void objects_without_header_are_passed_by(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *leaf = pab_toy_new(&pab_toy_leaf, 0);
    struct pab_toy *holders[2] = {pab_toy_new(&pab_toy_plain, 1), pab_toy_new(&pab_toy_spanned, 2)};
    struct pab_toy *loop = pab_toy_new(&pab_toy_plain, 3);
    pab_toy_set(loop, 0, loop); /* something to search for, so that holders are asked */
    for (int i = 0; i < 2; i++) {
        pab_toy_set(holders[i], 0, leaf);
    }
    pab_toy_decref(loop);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_int_equal(leaf->base.refcnt, 3);
    pab_toy_drop(holders, 2);
    pab_toy_decref(leaf);
    assert_int_equal(pab_toys.blocks, 0);
}

/* CPython's PyObject_GC_Del: whoever frees a tracked object leaves no hole in its list. */
static void a_tracked_object_can_be_freed(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *toys[3];
    for (int i = 0; i < 3; i++) {
        toys[i] = pab_toy_new(&pab_toy_plain, i);
    }
    pab_gc_free(&pab_toys.gc, toys[1], 0);
    assert_list(0, IDS(0, 2));
    assert_counts(2, 0, 0);
    pab_toy_decref(toys[0]);
    pab_toy_decref(toys[2]);
    assert_int_equal(pab_toys.blocks, 0);
}

static void add_id(void *arg, struct pab_object *object)
{
    int *digits = arg;
    *digits = *digits * 10 + ((struct pab_toy *)object)->id;
}

static void lists_can_be_visited(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    struct pab_toy *toys[3];
    for (int i = 0; i < 3; i++) {
        toys[i] = pab_toy_new(&pab_toy_plain, i + 1);
    }
    int digits = 0;
    pab_gc_visit_list(&pab_toys.gc.generations[0].head, add_id, &digits);
    assert_int_equal(digits, 123);
    pab_gc_visit_list(&pab_toys.gc.permanent, add_id, &digits);
    assert_int_equal(digits, 123);
    pab_toy_drop(toys, 3);
}

/* --- the checker finds damage ------------------------------------------------------------- */

static void assert_damage(uintptr_t *word, uintptr_t value)
{
    uintptr_t good = *word;
    *word = value;
    struct pab_error err = {.status = PAB_OK};
    assert_int_equal(pab_gc_check(&pab_toys.gc, &err), PAB_BAD_DATA);
    assert_true(strlen(err.text) > 0);
    *word = good;
    assert_whole();
}

static void check_reports_damage(void **state)
{
    (void)state;
    static const struct pab_type blind = {.name = "blind", .flags = PAB_TYPE_GC};
    pab_toy_begin(NULL);
    struct pab_toy *ring[4];
    pab_toy_ring(ring, &pab_toy_plain, 4);
    struct pab_gc_head *heads[4];
    for (int i = 0; i < 4; i++) {
        heads[i] = pab_gc_head_of(ring[i]);
    }
    assert_whole();
    assert_damage(&heads[1]->next, 0);
    assert_damage(&heads[1]->next, heads[1]->next | 1);
    assert_damage(&heads[1]->next, heads[1]->next | 4);
    assert_damage(&heads[1]->prev, heads[1]->prev | 2);
    assert_damage(&heads[1]->prev, (uintptr_t)heads[3]);
    assert_damage(&heads[3]->next, (uintptr_t)heads[1]); /* a loop that misses the end */
    assert_damage(&heads[0]->next, (uintptr_t)heads[2]); /* one left out */
    assert_damage((uintptr_t *)&ring[2]->base.refcnt, 0);
    assert_damage((uintptr_t *)&ring[2]->base.type, (uintptr_t)&pab_toy_leaf);
    assert_damage((uintptr_t *)&ring[2]->base.type, (uintptr_t)&blind);
    assert_damage((uintptr_t *)&ring[2]->base.type, 0);
    assert_damage((uintptr_t *)&pab_toys.gc.long_lived_total, UINTPTR_MAX);
    assert_damage((uintptr_t *)&pab_toys.gc.long_lived_pending, UINTPTR_MAX);
    assert_damage(&pab_toys.gc.permanent.next, (uintptr_t)heads[0]); /* in two lists */
    pab_toys.gc.generations[1].count = -1;
    assert_int_equal(pab_gc_check(&pab_toys.gc, NULL), PAB_BAD_DATA);
    pab_toys.gc.generations[1].count = 0;
    pab_toy_drop(ring, 4);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 4);
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
        cmocka_unit_test(objects_without_header_are_passed_by),
        cmocka_unit_test(a_tracked_object_can_be_freed),
        cmocka_unit_test(lists_can_be_visited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
