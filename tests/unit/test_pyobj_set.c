/* tests/unit/test_pyobj_set.c -- set and frozenset: growth, order and results as CPython 3.11 shows
 * them, random programs against arrays of flags, tracking, cycles, weak references. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/set.h"
#include "workloads/support/rng.h"

static size_t slots(struct pab_object *set)
{
    return (size_t)((struct pab_set *)set)->mask + 1;
}

static void add(struct pab_object *set, int64_t value)
{
    struct pab_object *key = number(value);
    pab_must_do(pab_set_add(set, key));
    pab_decref(key);
}

static bool discard(struct pab_object *set, int64_t value)
{
    struct pab_object *key = number(value);
    bool was_there = pab_set_discard(set, key) == 1;
    pab_decref(key);
    return was_there;
}

static bool contains(struct pab_object *set, int64_t value)
{
    struct pab_object *key = number(value);
    bool is_there = pab_set_contains(set, key);
    pab_decref(key);
    return is_there;
}

/* set(range(start, end, step)), by adding */
static struct pab_object *range_set(int64_t start, int64_t end, int64_t step)
{
    struct pab_object *set = pab_must(pab_set_new(NULL));
    for (int64_t i = start; i < end; i += step) {
        add(set, i);
    }
    return set;
}

/* The keys in table order. */
static void assert_order(struct pab_object *set, size_t count, const int64_t *expected)
{
    pab_ssize position = 0;
    struct pab_object *key;
    for (size_t i = 0; i < count; i++) {
        assert_true(pab_set_next(set, &position, &key));
        assert_true(pab_long_as_int64(key) == expected[i]);
    }
    assert_false(pab_set_next(set, &position, &key));
    assert_int_equal(pab_set_size(set), count);
}

/* --- requests ------------------------------------------------------------------------------- */

static void test_growth(void **state)
{
    struct fixture *f = *state;
    const struct {
        int count;
        size_t slots;
    } steps[] = {{5, 32}, {19, 128}, {77, 512}, {307, 2048}, {1229, 8192}};
    struct pab_object *set = pab_must(pab_set_new(NULL));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 216);
    size_t next = 0;
    for (int i = 0; i < 1300; i++) {
        struct pab_object *key = number(i);
        fixture_forget(f);
        pab_must_do(pab_set_add(set, key));
        if (next < ARRAY_COUNT(steps) && i + 1 == steps[next].count) {
            assert_int_equal(slots(set), steps[next].slots);
            assert_int_equal(f->requests[0].size, 16 * steps[next].slots);
            assert_int_equal(f->requests[0].domain, PAB_DOMAIN_MEM);
            assert_int_equal(f->count, next == 0 ? 1 : 2); /* the first table is in the object */
            next++;
        } else {
            assert_int_equal(f->count, 0);
        }
        pab_decref(key);
    }
    assert_int_equal(next, ARRAY_COUNT(steps));
    struct pab_object *last = number(1299);
    fixture_forget(f);
    pab_set_discard(set, last); /* nothing is given back */
    assert_int_equal(slots(set), 8192);
    pab_decref(last);
    fixture_forget(f);
    pab_set_clear(set);
    assert_int_equal(slots(set), 8);
    assert_int_equal(f->requests[f->count - 1].domain, PAB_DOMAIN_MEM);
    pab_decref(set);
}

/* Above 50,000 keys a table doubles. */
static void test_growth_of_large_sets(void **state)
{
    (void)state;
    struct pab_object *set = range_set(0, 78642, 1);
    assert_int_equal(slots(set), 131072);
    add(set, 78642);
    assert_int_equal(slots(set), 262144);
    pab_decref(set);
}

/* Two sets of n: sizes of the union's table, from sys.getsizeof(). */
static void test_union_makes_room_once(void **state)
{
    struct fixture *f = *state;
    const struct {
        int64_t count;
        size_t slots;
    } cases[] = {{2, 8}, {3, 16}, {5, 32}, {10, 64}, {40, 256}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t n = cases[i].count;
        struct pab_object *a = range_set(0, n, 1);
        struct pab_object *b = range_set(n, 2 * n, 1);
        fixture_forget(f);
        struct pab_object *both = pab_must(pab_set_union(a, b));
        assert_int_equal(slots(both), cases[i].slots);
        assert_int_equal(pab_set_size(both), 2 * n);
        assert_true(f->count <= 4); /* the object, the copy's table, the larger one, one free */
        pab_decref(both);
        pab_decref(a);
        pab_decref(b);
    }
}

/* A list is walked with an iterator, which is an object of 48 bytes. */
static void test_sequences_need_an_iterator(void **state)
{
    struct fixture *f = *state;
    struct pab_object *list = pab_list_new(0);
    append_new(list, number(3));
    append_new(list, number(3));
    struct pab_object *tuple = pab_list_as_tuple(list);
    const struct request expected[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 216},
                                       {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 48},
                                       {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0}};
    fixture_forget(f);
    struct pab_object *a = pab_must(pab_set_new(list));
    assert_requests(f, ARRAY_COUNT(expected), expected);
    fixture_forget(f);
    struct pab_object *b = pab_must(pab_frozenset_new(tuple));
    assert_requests(f, ARRAY_COUNT(expected), expected);
    assert_true(pab_object_equal(a, b));
    assert_int_equal(pab_set_size(a), 1);
    struct pab_object *all[] = {list, tuple, a, b};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* --- order ---------------------------------------------------------------------------------- */

/* list(s) in Python after the same calls; most keys share the slot they would like. */
static void test_order_is_cpythons(void **state)
{
    (void)state;
    struct pab_object *set = range_set(0, 384, 32);
    assert_order(set, 12, (const int64_t[]){0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352});
    for (int64_t key = 0; key < 128; key += 32) {
        assert_true(discard(set, key));
    }
    add(set, 7);
    add(set, 4096);
    add(set, 3);
    struct pab_object *real = pab_must(pab_float_from_double(1.5));
    pab_must_do(pab_set_add(set, real));
    pab_decref(real);
    add(set, -1);
    add(set, -2);
    add(set, INT64_C(1) << 61);
    const int64_t popped[] = {INT64_C(1) << 61, 0, 4096, 128, 160, 192, 224};
    const int64_t behind_the_search = 8192; /* would like slot 0 */
    for (size_t i = 0; i < ARRAY_COUNT(popped); i++) {
        if (i == 6) {
            add(set, behind_the_search);
        }
        struct pab_object *key = pab_set_pop(set);
        assert_non_null(key);
        if (i == 1) {
            assert_true(pab_float_as_double(key) == 1.5);
        } else {
            assert_true(pab_long_as_int64(key) == popped[i]);
        }
        pab_decref(key);
    }
    pab_decref(set);
}

/* Keys that all want every 32nd slot: ten are tried side by side, then comes a jump. */
static void test_order_of_collisions(void **state)
{
    (void)state;
    const int64_t keys[] = {256,  512, 224,  992, 1536, 896,  960,
                            1312, 768, 1600, 416, 192,  1920, 32};
    const int64_t order[] = {256,  512, 1536, 224, 992, 896, 960,
                             1312, 768, 1600, 192, 32,  416, 1920};
    struct pab_object *set = pab_must(pab_set_new(NULL));
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        add(set, keys[i]);
    }
    assert_order(set, ARRAY_COUNT(order), order);
    pab_decref(set);
}

/* Of two sets of one size, the right one gives an intersection its order. */
static void test_order_of_intersection(void **state)
{
    (void)state;
    struct pab_object *up = range_set(0, 24, 8);
    struct pab_object *down = pab_must(pab_set_new(NULL));
    for (int64_t key = 16; key >= 0; key -= 8) {
        add(down, key);
    }
    struct pab_object *both = pab_must(pab_set_intersection(up, down));
    assert_order(both, 3, (const int64_t[]){16, 8, 0});
    pab_decref(both);
    both = pab_must(pab_set_intersection(down, up));
    assert_order(both, 3, (const int64_t[]){0, 8, 16});
    pab_decref(both);
    pab_decref(up);
    pab_decref(down);
}

/* Over four times as many keys on the left: a copy, which makes its table at once. */
static void test_difference_of_unlike_sizes(void **state)
{
    struct fixture *f = *state;
    struct pab_object *many = range_set(0, 200, 1);
    struct pab_object *few = range_set(0, 49, 1);
    fixture_forget(f);
    struct pab_object *rest = pab_must(pab_set_difference(many, few));
    assert_int_equal(f->count, 2);
    assert_int_equal(pab_set_size(rest), 151);
    pab_decref(rest);
    add(few, 49);
    fixture_forget(f);
    rest = pab_must(pab_set_difference(many, few));
    assert_int_equal(f->count, 1 + 1 + 2 + 2); /* by adding: tables of 32, 128, 512 slots */
    assert_int_equal(pab_set_size(rest), 150);
    pab_decref(rest);
    pab_decref(many);
    pab_decref(few);
}

static void test_frozenset_hash(void **state)
{
    (void)state;
    struct pab_object *set = range_set(1, 4, 1);
    struct pab_object *frozen = pab_must(pab_frozenset_new(set));
    struct pab_object *empty = pab_must(pab_frozenset_new(NULL));
    assert_true(pab_object_hash(frozen) == INT64_C(-272375401224217160));
    assert_true(pab_object_hash(empty) == INT64_C(133146708735736));
    struct pab_object *again = pab_must(pab_frozenset_new(frozen));
    assert_ptr_equal(again, frozen);
    pab_decref(again);
    again = pab_must(pab_set_copy(frozen));
    assert_ptr_equal(again, frozen);
    pab_decref(again);
    again = pab_must(pab_set_union(frozen, frozen)); /* an operation makes a new one */
    assert_ptr_not_equal(again, frozen);
    assert_ptr_equal(again->type, &pab_frozenset_type);
    assert_true(pab_object_equal(again, set));
    assert_true(pab_object_hash(again) == pab_object_hash(frozen));
    pab_must_do(pab_set_add(set, frozen)); /* a set as a key */
    assert_true(pab_set_contains(set, again));
    assert_false(pab_set_contains(set, empty));
    struct pab_object *all[] = {again, empty, frozen, set};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* --- random programs against arrays of flags -------------------------------------------------- */

enum { KEYS = 300, SETS = 4 };

static struct pab_rng rng;

static uint64_t below(uint64_t bound)
{
    return pab_rng_next(&rng) % bound;
}

/* Spread so that many share a slot. */
static int64_t key_of(int i)
{
    return i % 3 == 0 ? (int64_t)i << 12 : i;
}

static void assert_model(struct pab_object *set, const bool *model)
{
    pab_ssize count = 0;
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(contains(set, key_of(i)), model[i]);
        count += model[i];
    }
    assert_int_equal(pab_set_size(set), count);
    assert_true(((struct pab_set *)set)->fill >= count);
    pab_ssize seen = 0;
    pab_ssize position = 0;
    struct pab_object *key;
    while (pab_set_next(set, &position, &key)) {
        seen++;
    }
    assert_int_equal(seen, count);
}

static struct pab_object *operate(uint64_t operation, struct pab_object *a, struct pab_object *b)
{
    switch (operation) {
    case 0:
        return pab_set_union(a, b);
    case 1:
        return pab_set_intersection(a, b);
    case 2:
        return pab_set_difference(a, b);
    default:
        return pab_set_symmetric_difference(a, b);
    }
}

static bool operate_model(uint64_t operation, bool a, bool b)
{
    return operation == 0 ? a || b : operation == 1 ? a && b : operation == 2 ? a && !b : a != b;
}

struct world {
    struct pab_object *sets[SETS];
    bool model[SETS][KEYS];
};

/* Adds, discards, pops: runs of them, so that deleted slots gather. */
static void change_keys(struct world *w, size_t which)
{
    uint64_t kind = below(4);
    for (uint64_t left = below(KEYS); left > 0; left--) {
        int i = (int)below(KEYS);
        if (kind < 2) {
            add(w->sets[which], key_of(i));
            w->model[which][i] = true;
        } else if (kind == 2) {
            assert_int_equal(discard(w->sets[which], key_of(i)), w->model[which][i]);
            w->model[which][i] = false;
        } else {
            struct pab_object *key = pab_set_pop(w->sets[which]);
            if (key == NULL) {
                return;
            }
            int64_t value = pab_long_as_int64(key);
            i = (int)(value >= KEYS ? value >> 12 : value);
            assert_true(w->model[which][i]);
            w->model[which][i] = false;
            pab_decref(key);
        }
    }
}

static void combine(struct world *w, size_t a, size_t b)
{
    uint64_t operation = below(4);
    size_t into = below(SETS);
    struct pab_object *result = pab_must(operate(operation, w->sets[a], w->sets[b]));
    for (int i = 0; i < KEYS; i++) {
        w->model[into][i] = operate_model(operation, w->model[a][i], w->model[b][i]);
    }
    pab_decref(w->sets[into]);
    w->sets[into] = result;
    assert_model(result, w->model[into]);
}

static void test_random_sets(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof(w));
    pab_rng_seed(&rng, 7);
    for (size_t i = 0; i < SETS; i++) {
        w.sets[i] = pab_must(pab_set_new(NULL));
    }
    for (int step = 0; step < 1500; step++) {
        size_t a = below(SETS);
        size_t b = below(SETS);
        if (step % 3 != 0) {
            change_keys(&w, a);
        } else if (below(4) == 0) {
            pab_must_do(pab_set_update(w.sets[a], w.sets[b]));
            for (int i = 0; i < KEYS; i++) {
                w.model[a][i] |= w.model[b][i];
            }
        } else {
            combine(&w, a, b);
        }
        assert_model(w.sets[a], w.model[a]);
        assert_int_equal(pab_object_equal(w.sets[a], w.sets[b]),
                         memcmp(w.model[a], w.model[b], sizeof(w.model[a])) == 0);
        if (step % 97 == 0) {
            pab_set_clear(w.sets[a]);
            memset(w.model[a], 0, sizeof(w.model[a]));
        }
    }
    for (size_t i = 0; i < SETS; i++) {
        pab_decref(w.sets[i]);
    }
}

/* --- memory management ----------------------------------------------------------------------- */

static void test_cycle_through_set(void **state)
{
    (void)state;
    struct pab_object *cls = pab_must(pab_class_new("C", NULL, NULL));
    struct pab_object *object = pab_must(pab_instance_new(cls));
    struct pab_object *set = pab_must(pab_set_new(NULL));
    struct pab_object *name = interned("members");
    assert_true(pab_py_gc_is_tracked(set)); /* even an empty one */
    pab_must_do(pab_set_add(set, object));
    pab_must_do(pab_object_set_attr(object, name, set));
    pab_decref(name);
    pab_decref(set);
    pab_decref(object);
    assert_int_equal(pab_py_collect(2), 2);
    pab_decref(cls);
}

/* Frozensets in one another: neither recursion nor leak. */
static void test_deep_nest(void **state)
{
    struct fixture *f = *state;
    int64_t before = f->live_blocks;
    struct pab_object *nest = pab_must(pab_frozenset_new(NULL));
    for (int depth = 0; depth < 100000; depth++) {
        struct pab_object *tuple = pab_must(pab_tuple_pack(1, nest));
        pab_decref(nest);
        nest = pab_must(pab_frozenset_new(tuple));
        pab_decref(tuple);
    }
    pab_decref(nest);
    pab_py_collect(2);
    assert_int_equal(f->live_blocks, before);
}

static void test_weak_reference(void **state)
{
    (void)state;
    struct pab_object *set = range_set(0, 3, 1);
    struct pab_object *weakref = pab_must(pab_weakref_new(set, NULL));
    assert_ptr_equal(pab_weakref_get(weakref), set);
    pab_decref(set);
    assert_ptr_equal(pab_weakref_get(weakref), pab_none());
    pab_decref(weakref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_growth),
        PYOBJ_TEST(test_growth_of_large_sets),
        PYOBJ_TEST(test_union_makes_room_once),
        PYOBJ_TEST(test_sequences_need_an_iterator),
        PYOBJ_TEST(test_order_is_cpythons),
        PYOBJ_TEST(test_order_of_collisions),
        PYOBJ_TEST(test_order_of_intersection),
        PYOBJ_TEST(test_difference_of_unlike_sizes),
        PYOBJ_TEST(test_frozenset_hash),
        PYOBJ_TEST(test_random_sets),
        PYOBJ_TEST(test_cycle_through_set),
        PYOBJ_TEST(test_deep_nest),
        PYOBJ_TEST(test_weak_reference),
    };
    return cmocka_run_group_tests_name("pyobj_set", tests, NULL, NULL);
}
