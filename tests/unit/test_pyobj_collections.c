/* tests/unit/test_pyobj_collections.c -- what the runtime tells of its collections. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/runtime.h"

enum { REPORTS_MAX = 16 };

static struct pab_gc_report told[REPORTS_MAX];
static size_t told_count;

static void note_collection(const struct pab_gc_report *report)
{
    assert_true(told_count < REPORTS_MAX);
    told[told_count++] = *report;
}

static struct pab_gc_stats total_since(int generation, const struct pab_gc_stats *before)
{
    struct pab_gc_stats now = pab_py_gc_total(generation);
    return (struct pab_gc_stats){
        .collections = now.collections - before[generation].collections,
        .collected = now.collected - before[generation].collected,
        .uncollectable = now.uncollectable - before[generation].uncollectable,
        .visited = now.visited - before[generation].visited,
    };
}

static void make_cycle(void)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    pab_must_do(pab_list_append(list, list));
    pab_decref(list);
}

/* A runtime that starts with somebody to tell tells before and after each, the last one of its stop
 * included, and the totals hold them all. */
static void test_collections_are_told(void **state)
{
    struct fixture *f = *state;
    struct pab_gc_stats before[PAB_GC_GENERATIONS];
    pab_py_stop();
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        before[i] = pab_py_gc_total(i);
    }
    told_count = 0;
    pab_py_on_collection = note_collection;
    pab_py_start(&f->heap, f->storage);
    struct pab_object *kept = pab_must(pab_list_new(0));
    make_cycle();
    make_cycle();
    assert_int_equal(pab_py_collect(0), 2);
    make_cycle();
    pab_decref(kept);
    assert_int_equal(pab_py_gc_total(0).collections, before[0].collections); /* not before stop */
    pab_py_stop();
    pab_py_on_collection = NULL;

    assert_int_equal(told_count, 4);
    assert_true(!told[0].done && told[1].done && !told[2].done && told[3].done);
    assert_int_equal(told[1].generation, 0);
    assert_int_equal(told[1].collected, 2);
    assert_int_equal(told[1].visited, 3);
    assert_int_equal(told[3].generation, 2);
    assert_int_equal(told[3].collected, 1);
    assert_int_equal(total_since(0, before).collections, 1);
    assert_int_equal(total_since(0, before).visited, 3);
    assert_int_equal(total_since(1, before).collections, 0);
    assert_int_equal(total_since(2, before).collections, 1);
    assert_int_equal(total_since(2, before).collected, 1);
    pab_py_start(&f->heap, f->storage);
    assert_null(pab_py_gc()->report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_collections_are_told),
    };
    return cmocka_run_group_tests_name("pyobj_collections", tests, NULL, NULL);
}
