/* What a collection does with trash besides finalizers: weak references, legacy finalizers, saved
 * garbage, and its reports; on the toy client of gc_toy.h. */
#include "tests/unit/gc_toy_test.h"

#include <stddef.h>

/* --- weak references ------------------------------------------------------------------------ */

struct watch {
    struct pab_weakref head;
    int id;
};

static struct toy_log told;
static struct watch *dropped_when_told;

/* As a weak reference's owner would: the last reference goes. */
static void watch_release(struct watch *watch)
{
    if (--watch->head.base.refcnt == 0) {
        watch->head.base.type->dealloc(&watch->head.base);
    }
}

static void watch_dealloc(struct pab_object *self)
{
    struct watch *watch = (struct watch *)self;
    pab_gc_untrack(self);
    pab_gc_weakref_detach(&watch->head);
    if (watch->head.callback != NULL) {
        toy_decref((struct toy_node *)watch->head.callback);
    }
    pab_gc_free(&toy.gc, self, 0);
}

static int watch_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_weakref *weakref = (struct pab_weakref *)self;
    return weakref->callback == NULL ? 0 : visit(weakref->callback, arg);
}

static void watch_clear(struct pab_object *self)
{
    struct pab_weakref *weakref = (struct pab_weakref *)self;
    pab_gc_weakref_detach(weakref);
    struct pab_object *callback = weakref->callback;
    weakref->callback = NULL;
    if (callback != NULL) {
        toy_decref((struct toy_node *)callback);
    }
}

static void watch_notify(struct pab_object *self)
{
    struct watch *watch = (struct watch *)self;
    assert_null(watch->head.referent);
    assert_whole();
    toy_note(&told, watch->id);
    if (dropped_when_told == watch) {
        dropped_when_told = NULL;
        watch_release(watch);
    }
}

static const struct pab_type watch_type = {
    .name = "watch",
    .flags = PAB_TYPE_GC | PAB_TYPE_WEAKREF,
    .dealloc = watch_dealloc,
    .traverse = watch_traverse,
    .clear = watch_clear,
    .notify = watch_notify,
};

/* A weak reference to `referent`; `callback` is any node, here a token that there is one. */
static struct watch *watch_new(int id, struct toy_node *referent, struct toy_node *callback)
{
    struct watch *watch = pab_gc_malloc(&toy.gc, 0, sizeof(*watch));
    assert_non_null(watch);
    *watch = (struct watch){.head.base = {1, &watch_type}, .id = id};
    if (callback != NULL) {
        callback->base.refcnt++;
        watch->head.callback = &callback->base;
    }
    pab_gc_track(&toy.gc, watch);
    pab_gc_weakref_attach(&watch->head, &referent->base);
    return watch;
}

static int setup(void **state)
{
    (void)state;
    toy_begin();
    told.count = 0;
    dropped_when_told = NULL;
    return 0;
}

/* The list is plain, newest, ..., oldest, whatever is taken out of it. */
static void weaklist_order(void **state)
{
    (void)state;
    struct toy_node *node = toy_new(&toy_watched, 0);
    struct toy_node *callback = toy_new(&toy_plain, 1);
    struct watch *oldest = watch_new(1, node, callback);
    struct watch *middle = watch_new(2, node, callback);
    struct watch *plain = watch_new(3, node, NULL);
    struct watch *newest = watch_new(4, node, callback);
    struct watch *const order[] = {plain, newest, middle, oldest};
    struct pab_weakref *at = node->weakrefs;
    struct pab_weakref *prev = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        assert_ptr_equal(at, &order[i]->head);
        assert_ptr_equal(at->prev, prev);
        prev = at;
        at = at->next;
    }
    assert_null(at);
    watch_release(middle);
    assert_ptr_equal(newest->head.next, &oldest->head);
    watch_release(plain);
    assert_ptr_equal(node->weakrefs, &newest->head);
    pab_gc_weakref_detach(&newest->head);
    pab_gc_weakref_detach(&newest->head); /* no effect on a cleared one */
    assert_ptr_equal(node->weakrefs, &oldest->head);
    assert_null(oldest->head.prev);
    watch_release(oldest);
    assert_null(node->weakrefs);
    watch_release(newest);
    toy_decref(callback);
    toy_decref(node);
    assert_int_equal(toy.blocks, 0);
}

/* Objects in list order, the newest weak reference first; all are told before any finalizer. */
static void callbacks_before_finalizers(void **state)
{
    (void)state;
    struct toy_node *ring[2];
    make_ring(ring, &toy_watched, 2);
    struct toy_node *callback = toy_new(&toy_plain, 9);
    struct watch *watches[4];
    for (int i = 0; i < 4; i++) {
        watches[i] = watch_new(i, ring[i % 2], callback);
    }
    drop(ring, 2);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 2);
    assert_log(&told, IDS(2, 0, 3, 1));
    assert_log(&toy.finalized, IDS(0, 1));
    for (int i = 0; i < 4; i++) {
        assert_true(pab_gc_is_tracked(watches[i]));
        watch_release(watches[i]);
    }
    toy_decref(callback);
    assert_int_equal(toy.blocks, 0);
}

/* Weak references that are trash themselves are cleared, not told. */
static void trash_is_not_told(void **state)
{
    (void)state;
    struct toy_node *node = toy_new(&toy_watched, 0);
    struct toy_node *callback = toy_new(&toy_plain, 1);
    struct watch *watch = watch_new(1, node, callback);
    toy_set(node, 0, node);
    callback->refs[0] = (struct toy_node *)watch; /* callback -> watch -> callback */
    toy_decref(callback);
    toy_decref(node);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 3);
    assert_int_equal(told.count, 0);
    assert_int_equal(toy.blocks, 0);
}

/* One that its callback kills counts as collected, the others move to the older generation. */
static void death_in_the_callback_counts(void **state)
{
    (void)state;
    struct toy_node *node = toy_new(&toy_watched, 0);
    struct toy_node *callback = toy_new(&toy_plain, 1);
    struct watch *survivor = watch_new(1, node, callback);
    dropped_when_told = watch_new(2, node, callback);
    toy_set(node, 0, node);
    toy_decref(node);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 2);
    assert_log(&told, IDS(2, 1));
    assert_int_equal(toy.gc.stats[0].collected, 2);
    assert_ptr_equal(toy_after(pab_gc_head_of(callback)), survivor);
    watch_release(survivor);
    toy_decref(callback);
    assert_int_equal(toy.blocks, 0);
}

/* --- uncollectable, saved ------------------------------------------------------------------- */

static struct toy_log garbage, reports;

static void keep_garbage(void *client, struct pab_object *object)
{
    (void)client;
    object->refcnt++;
    toy_note(&garbage, ((struct toy_node *)object)->id);
}

static void note_report(void *client, const struct pab_gc_report *report)
{
    (void)client;
    toy_note(&reports, report->done);
    toy_note(&reports, report->generation);
    toy_note(&reports, (int)report->collected);
    toy_note(&reports, (int)report->uncollectable);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 0); /* one at a time */
}

static int setup_garbage(void **state)
{
    garbage.count = 0;
    reports.count = 0;
    setup(state);
    toy.gc.keep_garbage = keep_garbage;
    toy.gc.report = note_report;
    return 0;
}

/* 0 <-> 1 -> 2, 3 <-> 3; 0 has a legacy finalizer: 0, 1 and 2 are uncollectable, and only 0 is
 * garbage by right. */
static void legacy_finalizers_hold_what_they_reach(void **state)
{
    (void)state;
    struct toy_node *nodes[4];
    for (int i = 0; i < 4; i++) {
        nodes[i] = toy_new(i == 0 ? &toy_legacy : &toy_finalizing, i);
    }
    toy_set(nodes[0], 0, nodes[1]);
    toy_set(nodes[1], 0, nodes[0]);
    toy_set(nodes[1], 1, nodes[2]);
    toy_set(nodes[3], 0, nodes[3]);
    drop(nodes, 4);
    assert_int_equal(pab_gc_collect(&toy.gc, 1), 4);
    assert_log(&garbage, IDS(0));
    assert_log(&toy.finalized, IDS(3));
    assert_log(&reports, IDS(false, 1, 0, 0, true, 1, 1, 3));
    assert_int_equal(toy.gc.stats[1].collected, 1);
    assert_int_equal(toy.gc.stats[1].uncollectable, 3);
    assert_list(2, IDS(0, 1, 2));
    toy_set(nodes[1], 0, NULL); /* what gc.garbage is for: break the cycle by hand */
    toy_decref(nodes[0]);
    assert_int_equal(toy.blocks, 0);
}

/* Nobody keeps garbage: it stays all the same, and is found again. */
static void uncollectable_without_garbage(void **state)
{
    (void)state;
    toy.gc.keep_garbage = NULL;
    struct toy_node *node;
    make_ring(&node, &toy_legacy, 1);
    toy_decref(node);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 1);
    assert_int_equal(pab_gc_collect(&toy.gc, 2), 1);
    assert_int_equal(toy.blocks, 1);
    toy_set(node, 0, NULL);
    assert_int_equal(toy.blocks, 0);
}

/* gc.DEBUG_SAVEALL: counted as collected, finalized, but kept whole. */
static void save_all_clears_nothing(void **state)
{
    (void)state;
    toy.gc.save_all = true;
    struct toy_node *ring[3];
    make_ring(ring, &toy_finalizing, 3);
    drop(ring, 3);
    assert_int_equal(pab_gc_collect(&toy.gc, 0), 3);
    assert_log(&garbage, IDS(0, 1, 2));
    assert_log(&toy.finalized, IDS(0, 1, 2));
    assert_list(1, IDS(0, 1, 2));
    assert_ptr_equal(ring[0]->refs[0], ring[1]);
    toy.gc.save_all = false;
    drop(ring, 3);
    assert_int_equal(pab_gc_collect(&toy.gc, 1), 3);
    assert_int_equal(toy.blocks, 0);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
