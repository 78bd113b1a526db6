/* tests/differential/vectors_triggers.c -- when a collection runs by itself, and what it leaves in
 * the counters (Modules/gcmodule.c@v3.11). */
#include "tests/differential/vectors.h"

static void expect_counts(int64_t young, int64_t middle, int64_t old)
{
    struct pab_gc_counts counts = pab_py_gc_count();
    expect("count 0", counts.count[0], young);
    expect("count 1", counts.count[1], middle);
    expect("count 2", counts.count[2], old);
}

static int64_t collections(int generation)
{
    return (int64_t)pab_py_gc_stats(generation).collections;
}

/* Adds live lists to `pool` until a collection runs: of which generation. */
static int next_trigger(struct pab_object *pool, int64_t *allocations)
{
    int64_t before[PAB_GC_GENERATIONS];
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        before[i] = collections(i);
    }
    for (*allocations = 1;; ++*allocations) {
        struct pab_object *list = new_list_of(NULL);
        pab_must_do(pab_list_append(pool, list));
        drop(&list);
        for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
            if (collections(i) != before[i]) {
                return i;
            }
        }
    }
}

static struct pab_object *new_pool(void)
{
    struct pab_object *pool = new_list_of(NULL);
    pab_py_collect(2);
    pab_py_gc_enable(true);
    return pool;
}

/* A long-lived list of `count` lists, and `triggers` collections after that. */
static void expect_triggers(struct pab_object *pool, const int *generations, int triggers,
                            int64_t each)
{
    for (int i = 0; i < triggers; i++) {
        int64_t allocations = 0;
        expect("generation", next_trigger(pool, &allocations), generations[i]);
        expect("allocations", allocations, each);
    }
    pab_py_gc_enable(false);
}

static void default_thresholds(void)
{
    enum { TRIGGERS = 134 };
    int generations[TRIGGERS];
    for (int i = 1; i <= TRIGGERS; i++) {
        generations[i - 1] = i == 133 ? 2 : i % 12 == 0 ? 1 : 0;
    }
    struct pab_object *pool = new_pool();
    expect_triggers(pool, generations, TRIGGERS, 701);
    drop(&pool);
}

static void small_thresholds(void)
{
    static const int generations[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 2};
    pab_py_gc_set_threshold(5, 2, 2);
    struct pab_object *pool = new_pool();
    expect_triggers(pool, generations, ARRAY_COUNT(generations), 6);
    drop(&pool);
}

/* 101 old objects, a trigger every 4 allocations; what is new is not tracked at that time.
 *   trigger    3   6   7         9   10
 *   pending   11  23  23 < 25   35   35 >= 25: full
 * Without the rule number 7 would be full. */
static void full_collection_waits_for_a_quarter(void)
{
    static const int generations[] = {0, 0, 1, 0, 0, 1, 0, 0, 1, 2};
    struct pab_object *pool = new_list_of(NULL);
    for (int i = 0; i < 100; i++) {
        struct pab_object *list = new_list_of(NULL);
        pab_must_do(pab_list_append(pool, list));
        drop(&list);
    }
    pab_py_collect(2);
    pab_py_gc_set_threshold(3, 1, 1);
    pab_py_gc_enable(true);
    expect_triggers(pool, generations, ARRAY_COUNT(generations), 4);
    drop(&pool);
}

static void threshold_zero_and_disable(void)
{
    struct pab_object *pool = new_pool();
    pab_py_gc_set_threshold(0, 10, 10);
    for (int i = 0; i < 2000; i++) {
        struct pab_object *list = new_list_of(NULL);
        pab_must_do(pab_list_append(pool, list));
        drop(&list);
        if (i == 1000) {
            pab_py_gc_enable(false);
            pab_py_gc_set_threshold(1, 1, 1);
        }
    }
    expect_counts(2000, 0, 0);
    expect("collections of generation 0", collections(0), 0);
    expect("collect()", pab_py_collect(0), 0); /* asking for one still works */
    expect_counts(0, 1, 0);
    drop(&pool);
}

static void counts_after_collections(void)
{
    struct pab_object *list = new_list_of(NULL);
    expect_counts(1, 0, 0);
    pab_py_collect(0);
    expect_counts(0, 1, 0);
    pab_py_collect(1);
    expect_counts(0, 0, 1);
    pab_py_collect(2);
    expect_counts(0, 0, 0);
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        expect("collections", collections(i), 1);
    }
    drop(&list);
}

/* What lies in a free list stays counted, and is not counted again; other deaths are taken off. */
static void parked_objects_stay_counted(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *list = new_list_of(NULL);
    struct pab_object *instance = pab_must(pab_instance_new(plain));
    expect_counts(2, 0, 0);
    drop(&instance);
    expect_counts(1, 0, 0);
    drop(&list);
    expect_counts(1, 0, 0);
    list = new_list_of(NULL);
    expect_counts(1, 0, 0);
    drop(&list);
    pab_py_collect(2);
    expect_counts(0, 0, 0);
    drop(&plain);
}

static void freezing_hides(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *a = new_numbered(plain, 1);
    struct pab_object *b = new_numbered(plain, 2);
    set_attribute(a, "other", b);
    set_attribute(b, "other", a);
    pab_py_collect(0);
    pab_py_gc_freeze();
    expect_counts(0, 0, 0);
    expect("freeze_count()", pab_py_gc_freeze_count(), 2);
    drop(&a);
    drop(&b);
    expect("collect()", pab_py_collect(2), 0);
    struct pab_object *c = new_numbered(plain, 3);
    pab_py_collect(2);
    pab_py_gc_unfreeze();
    expect("freeze_count()", pab_py_gc_freeze_count(), 0);
    EXPECT_LIST(2, 3, 1, 2);
    expect("collect()", pab_py_collect(2), 2);
    drop(&c);
    drop(&plain);
}

const struct vector vectors_triggers[] = {
    {"default_thresholds", default_thresholds},
    {"small_thresholds", small_thresholds},
    {"full_collection_waits_for_a_quarter", full_collection_waits_for_a_quarter},
    {"threshold_zero_and_disable", threshold_zero_and_disable},
    {"counts_after_collections", counts_after_collections},
    {"parked_objects_stay_counted", parked_objects_stay_counted},
    {"freezing_hides", freezing_hides},
    {NULL, NULL},
};
