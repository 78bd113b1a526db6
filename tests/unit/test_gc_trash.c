/* What a collection does with trash besides finalizers: weak references, legacy finalizers, saved
 * garbage, and its reports; on toys (tests/conformance/collector). */
#include "tests/unit/gc_toy_test.h"

#include <stddef.h>

/* --- weak references ------------------------------------------------------------------------ */

static struct pab_toy *dropped_when_told;

static void note(struct pab_toy_log *log, int id)
{
    assert_true(log->count < PAB_TOY_LOG);
    log->ids[log->count++] = id;
}

static void when_told(struct pab_toy *watch)
{
    assert_null(pab_toy_weakref_get(watch));
    assert_whole();
    if (dropped_when_told == watch) {
        dropped_when_told = NULL;
        pab_toy_decref(watch);
    }
}

static int setup(void **state)
{
    (void)state;
    pab_toy_begin(NULL);
    pab_toys.on_told = when_told;
    dropped_when_told = NULL;
    return 0;
}

/* The list is plain, newest, ..., oldest, whatever is taken out of it. */
static void weaklist_order(void **state)
{
    (void)state;
    struct pab_toy *node = pab_toy_new(&pab_toy_watched, 0);
    struct pab_toy *callback = pab_toy_new(&pab_toy_plain, 1);
    struct pab_toy *oldest = pab_toy_weakref_new(1, node, callback);
    struct pab_toy *middle = pab_toy_weakref_new(2, node, callback);
    struct pab_toy *plain = pab_toy_weakref_new(3, node, NULL);
    struct pab_toy *newest = pab_toy_weakref_new(4, node, callback);
    struct pab_toy *const order[] = {plain, newest, middle, oldest};
    struct pab_weakref *at = node->weakrefs;
    struct pab_weakref *prev = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        assert_ptr_equal(at, &order[i]->weakref);
        assert_ptr_equal(at->prev, prev);
        prev = at;
        at = at->next;
    }
    assert_null(at);
    pab_toy_decref(middle);
    assert_ptr_equal(newest->weakref.next, &oldest->weakref);
    pab_toy_decref(plain);
    assert_ptr_equal(node->weakrefs, &newest->weakref);
    pab_gc_weakref_detach(&newest->weakref);
    pab_gc_weakref_detach(&newest->weakref); /* no effect on a cleared one */
    assert_ptr_equal(node->weakrefs, &oldest->weakref);
    assert_null(oldest->weakref.prev);
    pab_toy_decref(oldest);
    assert_null(node->weakrefs);
    pab_toy_decref(newest);
    pab_toy_decref(callback);
    pab_toy_decref(node);
    assert_int_equal(pab_toys.blocks, 0);
}

/* Objects in list order, the newest weak reference first; all are told before any finalizer. */
static void callbacks_before_finalizers(void **state)
{
    (void)state;
    struct pab_toy *ring[2];
    pab_toy_ring(ring, &pab_toy_watched, 2);
    struct pab_toy *callback = pab_toy_new(&pab_toy_plain, 9);
    struct pab_toy *watches[4];
    for (int i = 0; i < 4; i++) {
        watches[i] = pab_toy_weakref_new(i, ring[i % 2], callback);
    }
    pab_toy_drop(ring, 2);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 2);
    assert_log(&pab_toys.told, IDS(2, 0, 3, 1));
    assert_log(&pab_toys.finalized, IDS(0, 1));
    for (int i = 0; i < 4; i++) {
        assert_true(pab_gc_is_tracked(watches[i]));
        pab_toy_decref(watches[i]);
    }
    pab_toy_decref(callback);
    assert_int_equal(pab_toys.blocks, 0);
}

/* Weak references that are trash themselves are cleared, not told. */
static void trash_is_not_told(void **state)
{
    (void)state;
    struct pab_toy *node = pab_toy_new(&pab_toy_watched, 0);
    struct pab_toy *callback = pab_toy_new(&pab_toy_plain, 1);
    struct pab_toy *watch = pab_toy_weakref_new(1, node, callback);
    pab_toy_set(node, 0, node);
    callback->refs[0] = watch; /* callback -> watch -> callback */
    pab_toy_decref(callback);
    pab_toy_decref(node);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 3);
    assert_int_equal(pab_toys.told.count, 0);
    assert_int_equal(pab_toys.blocks, 0);
}

/* One that its callback kills counts as collected, the others move to the older generation. */
static void death_in_the_callback_counts(void **state)
{
    (void)state;
    struct pab_toy *node = pab_toy_new(&pab_toy_watched, 0);
    struct pab_toy *callback = pab_toy_new(&pab_toy_plain, 1);
    struct pab_toy *survivor = pab_toy_weakref_new(1, node, callback);
    dropped_when_told = pab_toy_weakref_new(2, node, callback);
    pab_toy_set(node, 0, node);
    pab_toy_decref(node);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 2);
    assert_log(&pab_toys.told, IDS(2, 1));
    assert_int_equal(pab_toys.gc.stats[0].collected, 2);
    assert_ptr_equal(pab_toy_after(pab_gc_head_of(callback)), survivor);
    pab_toy_decref(survivor);
    pab_toy_decref(callback);
    assert_int_equal(pab_toys.blocks, 0);
}

/* --- uncollectable, saved ------------------------------------------------------------------- */

static struct pab_toy_log garbage, reports;

static void keep_garbage(void *client, struct pab_object *object)
{
    (void)client;
    object->refcnt++;
    note(&garbage, ((struct pab_toy *)object)->id);
}

static void note_report(void *client, const struct pab_gc_report *report)
{
    (void)client;
    note(&reports, report->done);
    note(&reports, report->generation);
    note(&reports, (int)report->collected);
    note(&reports, (int)report->uncollectable);
    note(&reports, (int)report->visited);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 0); /* one at a time */
}

static int setup_garbage(void **state)
{
    garbage.count = 0;
    reports.count = 0;
    setup(state);
    pab_toys.gc.keep_garbage = keep_garbage;
    pab_toys.gc.report = note_report;
    return 0;
}

/* 0 <-> 1 -> 2, 3 <-> 3; 0 has a legacy finalizer: 0, 1 and 2 are uncollectable, and only 0 is
 * garbage by right. */
static void legacy_finalizers_hold_what_they_reach(void **state)
{
    (void)state;
    struct pab_toy *nodes[4];
    for (int i = 0; i < 4; i++) {
        nodes[i] = pab_toy_new(i == 0 ? &pab_toy_legacy : &pab_toy_finalizing, i);
    }
    pab_toy_set(nodes[0], 0, nodes[1]);
    pab_toy_set(nodes[1], 0, nodes[0]);
    pab_toy_set(nodes[1], 1, nodes[2]);
    pab_toy_set(nodes[3], 0, nodes[3]);
    pab_toy_drop(nodes, 4);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 1), 4);
    assert_log(&garbage, IDS(0));
    assert_log(&pab_toys.finalized, IDS(3));
    assert_log(&reports, IDS(false, 1, 0, 0, 0, true, 1, 1, 3, 4));
    assert_int_equal(pab_toys.gc.stats[1].collected, 1);
    assert_int_equal(pab_toys.gc.stats[1].uncollectable, 3);
    assert_list(2, IDS(0, 1, 2));
    pab_toy_set(nodes[1], 0, NULL); /* what gc.garbage is for: break the cycle by hand */
    pab_toy_decref(nodes[0]);
    assert_int_equal(pab_toys.blocks, 0);
}

/* Nobody keeps garbage: it stays all the same, and is found again. */
static void uncollectable_without_garbage(void **state)
{
    (void)state;
    pab_toys.gc.keep_garbage = NULL;
    struct pab_toy *node;
    pab_toy_ring(&node, &pab_toy_legacy, 1);
    pab_toy_decref(node);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_int_equal(pab_toys.blocks, 1);
    pab_toy_set(node, 0, NULL);
    assert_int_equal(pab_toys.blocks, 0);
}

/* gc.DEBUG_SAVEALL: counted as collected, finalized, but kept whole. */
static void save_all_clears_nothing(void **state)
{
    (void)state;
    pab_toys.gc.save_all = true;
    struct pab_toy *ring[3];
    pab_toy_ring(ring, &pab_toy_finalizing, 3);
    pab_toy_drop(ring, 3);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 3);
    assert_log(&garbage, IDS(0, 1, 2));
    assert_log(&pab_toys.finalized, IDS(0, 1, 2));
    assert_list(1, IDS(0, 1, 2));
    assert_ptr_equal(ring[0]->refs[0], ring[1]);
    pab_toys.gc.save_all = false;
    pab_toy_drop(ring, 3);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 1), 3);
    assert_int_equal(pab_toys.blocks, 0);
}

/* Uncollectable ones are handed over in all by then, the one without a legacy finalizer, too; and
 * whoever keeps no garbage leaves the trash where it is. */
static void save_all_and_legacy(void **state)
{
    (void)state;
    pab_toys.gc.save_all = true;
    struct pab_toy *leaf = pab_toy_new(&pab_toy_leaf, 2);
    struct pab_toy *nodes[2] = {pab_toy_new(&pab_toy_legacy, 0), pab_toy_new(&pab_toy_plain, 1)};
    pab_toy_set(nodes[0], 0, nodes[1]);
    pab_toy_set(nodes[1], 0, nodes[0]);
    pab_toy_set(nodes[0], 1, leaf);
    pab_toy_drop(nodes, 2);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 0), 2);
    assert_log(&garbage, IDS(0, 1));
    pab_toy_drop(nodes, 2); /* the garbage's references */
    pab_toys.gc.keep_garbage = NULL;
    pab_toy_set(nodes[0], 0, NULL);
    assert_int_equal(pab_toys.blocks, 1);
    struct pab_toy *loop;
    pab_toy_ring(&loop, &pab_toy_plain, 1);
    pab_toy_decref(loop);
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    assert_ptr_equal(loop->refs[0], loop);
    pab_toys.gc.save_all = false;
    assert_int_equal(pab_gc_collect(&pab_toys.gc, 2), 1);
    pab_toy_decref(leaf);
    assert_int_equal(pab_toys.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(weaklist_order, setup),
        cmocka_unit_test_setup(callbacks_before_finalizers, setup),
        cmocka_unit_test_setup(trash_is_not_told, setup),
        cmocka_unit_test_setup(death_in_the_callback_counts, setup),
        cmocka_unit_test_setup(legacy_finalizers_hold_what_they_reach, setup_garbage),
        cmocka_unit_test_setup(uncollectable_without_garbage, setup_garbage),
        cmocka_unit_test_setup(save_all_clears_nothing, setup_garbage),
        cmocka_unit_test_setup(save_all_and_legacy, setup_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
