/* tests/unit/test_pyobj_memory.c -- free lists, trashcan, orders of release, tracking, cycles and
 * interning, against what CPython 3.11 does with the same program. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/runtime.h"

/* --- a class whose instances say when they go ----------------------------------------------- */

enum { LOG_MAX = 16 };

static int64_t finalized[LOG_MAX];
static size_t finalized_count;
static struct pab_object *name_of_id;   /* set by the test that uses the log */
static struct pab_object *resurrection; /* where the next finalizer stores self, if a list */

static void log_finalizer(struct pab_object *self)
{
    struct pab_object *id = pab_must(pab_object_get_attr(self, name_of_id));
    assert_true(finalized_count < LOG_MAX);
    finalized[finalized_count++] = pab_long_as_int64(id);
    pab_decref(id);
    if (resurrection != NULL) {
        pab_must_do(pab_list_append(resurrection, self));
    }
}

static struct pab_object *logged_class(void)
{
    finalized_count = 0;
    resurrection = NULL;
    name_of_id = interned("id");
    return pab_must(pab_class_new("Logged", NULL, log_finalizer));
}

static struct pab_object *logged_new(struct pab_object *cls, int64_t id)
{
    struct pab_object *object = pab_must(pab_instance_new(cls));
    struct pab_object *value = number(id);
    pab_must_do(pab_object_set_attr(object, name_of_id, value));
    pab_decref(value);
    return object;
}

static void logged_done(struct pab_object *cls)
{
    pab_decref(cls);
    pab_decref(name_of_id);
}

static void assert_log(size_t count, const int64_t *expected)
{
    assert_int_equal(finalized_count, count);
    assert_memory_equal(finalized, expected, count * sizeof(*expected));
    finalized_count = 0;
}

static void set_attr(struct pab_object *object, const char *name, struct pab_object *value)
{
    struct pab_object *key = interned(name);
    pab_must_do(pab_object_set_attr(object, key, value));
    pab_decref(key);
}

/* --- free lists ----------------------------------------------------------------------------- */

static struct pab_object *make_float(void)
{
    return pab_must(pab_float_from_double(0.5));
}

static struct pab_object *make_list(void)
{
    return pab_must(pab_list_new(0));
}

static struct pab_object *make_dict(void)
{
    return pab_must(pab_dict_new());
}

static struct pab_object *make_pair(void)
{
    return pab_must(pab_tuple_pack(2, pab_none(), pab_none()));
}

/* `limit` dead objects are kept, the newest is the first to come back, the rest is freed. */
static void check_free_list(struct fixture *f, struct pab_object *(*make)(void), size_t limit)
{
    enum { EXTRA = 3 };
    static struct pab_object *objects[PAB_TUPLE_CACHE_EACH + EXTRA];
    for (size_t i = 0; i < limit + EXTRA; i++) {
        objects[i] = make();
    }
    fixture_forget(f);
    for (size_t i = 0; i < limit + EXTRA; i++) {
        pab_decref(objects[i]);
    }
    assert_int_equal(f->count, EXTRA);
    fixture_forget(f);
    for (size_t i = 0; i < limit; i++) {
        struct pab_object *object = make();
        assert_ptr_equal(object, objects[limit - 1 - i]);
        objects[limit - 1 - i] = object;
    }
    assert_int_equal(f->count, 0);
    for (size_t i = 0; i < limit; i++) {
        pab_decref(objects[i]);
    }
    fixture_forget(f);
    pab_gc_collect(pab_py_gc(), 2);
    assert_int_equal(f->count, limit);
}

static void test_free_lists(void **state)
{
    check_free_list(*state, make_float, 100);
    check_free_list(*state, make_list, 80);
    check_free_list(*state, make_dict, 80);
    check_free_list(*state, make_pair, 2000);
}

/* Switched off they give up what they hold, and then every object is asked for and given back. */
static void test_without_free_lists(void **state)
{
    struct fixture *f = *state;
    struct pab_object *(*const makers[])(void) = {make_float, make_list, make_dict, make_pair};
    for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
        pab_decref(makers[i]());
    }
    fixture_forget(f);
    pab_py_use_free_lists(false);
    assert_int_equal(f->count, ARRAY_COUNT(makers));
    for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
        for (int again = 0; again < 2; again++) {
            fixture_forget(f);
            pab_decref(makers[i]());
            assert_int_equal(f->count, 2);
        }
    }
    struct pab_object *key = interned("key");
    struct pab_object *dict = make_dict();
    pab_must_do(pab_dict_set_item(dict, key, pab_none()));
    fixture_forget(f);
    pab_decref(dict);
    assert_int_equal(f->count, 2); /* with its key table */
    pab_decref(key);
}

/* Tuples of 20 are parked and never reused; larger ones are not even parked. */
static void test_tuple_of_20_quirk(void **state)
{
    struct fixture *f = *state;
    const size_t requests[] = {0, 1, 2}; /* of a new tuple and its death, sizes 19, 20, 21 */
    for (pab_ssize size = 19; size <= 21; size++) {
        pab_decref(pab_tuple_new(size));
        fixture_forget(f);
        pab_decref(pab_tuple_new(size));
        assert_int_equal(f->count, requests[size - 19]);
    }
}

/* Parked containers stay counted in generation 0; only their real end takes them off. */
static void test_parked_objects_stay_counted(void **state)
{
    (void)state;
    struct pab_gc *gc = pab_py_gc();
    pab_gc_collect(gc, 2);
    int before = gc->generations[0].count;
    for (int i = 0; i < 5; i++) {
        pab_decref(pab_list_new(0));
    }
    assert_int_equal(gc->generations[0].count, before + 1);
    pab_decref(pab_tuple_new(30));
    assert_int_equal(gc->generations[0].count, before + 1);
}

/* --- trashcan ------------------------------------------------------------------------------- */

enum { DEPTH = 1000000 };

static struct pab_object *wrap(int shape, struct pab_object *cls, struct pab_object *name,
                               struct pab_object *inner)
{
    struct pab_object *outer;
    if (shape == 0) {
        outer = pab_must(pab_list_new(1));
        pab_list_set_item(outer, 0, inner);
        return outer;
    }
    if (shape == 1) {
        outer = pab_must(pab_tuple_new(1));
        pab_tuple_set_item(outer, 0, inner);
        return outer;
    }
    if (shape == 2) {
        outer = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(outer, name, inner));
    } else {
        outer = pab_must(pab_instance_new(cls));
        pab_must_do(pab_object_set_attr(outer, name, inner));
    }
    pab_decref(inner);
    return outer;
}

static void test_deep_nests_die(void **state)
{
    struct fixture *f = *state;
    struct pab_object *cls = pab_must(pab_class_new("Link", NULL, NULL));
    struct pab_object *name = interned("next");
    pab_py_gc()->enabled = false;
    for (int shape = 0; shape < 4; shape++) {
        int64_t before = pab_py_live_objects();
        int64_t blocks = f->live_blocks;
        struct pab_object *nest = pab_new_ref(pab_none());
        for (int i = 0; i < DEPTH; i++) {
            nest = wrap(shape, cls, name, nest);
        }
        assert_true(f->live_blocks > blocks + DEPTH / 2);
        pab_decref(nest);
        assert_int_equal(pab_py_live_objects(), before);
        assert_true(f->live_blocks < blocks + 10000); /* but for the free lists */
    }
    pab_decref(cls);
    pab_decref(name);
}

/* What the trashcan put off is as good as dead: a weak reference to it no longer gives it away. */
static struct pab_object *weakref_to_last;
static bool last_was_gone;

static void look_for_last(struct pab_object *self)
{
    (void)self;
    last_was_gone = pab_weakref_get(weakref_to_last) == pab_none();
}

static void test_put_off_is_gone(void **state)
{
    (void)state;
    struct pab_object *last_class = pab_must(pab_class_new("Last", NULL, NULL));
    struct pab_object *witness_class = pab_must(pab_class_new("Witness", NULL, look_for_last));
    struct pab_object *last = pab_must(pab_instance_new(last_class));
    weakref_to_last = pab_must(pab_weakref_new(last, NULL));
    struct pab_object *nest = wrap(0, NULL, NULL, last);
    for (int depth = PAB_TRASH_DEPTH - 2; depth >= 0; depth--) {
        struct pab_object *outer = pab_must(pab_list_new(0));
        if (depth == PAB_TRASH_DEPTH - 2) { /* released when `last` has just been put off */
            append_new(outer, pab_must(pab_instance_new(witness_class)));
        }
        append_new(outer, nest);
        nest = outer;
    }
    last_was_gone = false;
    pab_decref(nest);
    assert_true(last_was_gone);
    assert_ptr_equal(pab_weakref_get(weakref_to_last), pab_none());
    pab_decref(weakref_to_last);
    pab_decref(witness_class);
    pab_decref(last_class);
}

/* --- orders --------------------------------------------------------------------------------- */

static void test_release_orders(void **state)
{
    (void)state;
    struct pab_object *cls = logged_class();
    struct pab_object *list = pab_list_new(0);
    struct pab_object *tuple = pab_tuple_new(4);
    struct pab_object *dict = pab_dict_new();
    for (int64_t i = 0; i < 4; i++) {
        struct pab_object *key = number(100 + i);
        struct pab_object *value = logged_new(cls, i);
        append_new(list, logged_new(cls, i));
        pab_tuple_set_item(tuple, i, logged_new(cls, i));
        pab_must_do(pab_dict_set_item(dict, key, value));
        pab_decref(key);
        pab_decref(value);
    }
    pab_decref(list);
    assert_log(4, (int64_t[]){3, 2, 1, 0});
    pab_decref(tuple);
    assert_log(4, (int64_t[]){3, 2, 1, 0});
    pab_decref(dict);
    assert_log(4, (int64_t[]){0, 1, 2, 3});
    list = pab_list_new(0);
    for (int64_t i = 0; i < 6; i++) {
        append_new(list, logged_new(cls, i));
    }
    pab_must_do(pab_list_set_slice(list, 1, 4, NULL));
    assert_log(3, (int64_t[]){3, 2, 1});
    pab_must_do(pab_list_clear(list));
    assert_log(3, (int64_t[]){5, 4, 0});
    pab_decref(list);
    logged_done(cls);
}

/* Attributes go in the order in which the class met them, slots sorted by name; owner first. */
static void test_attribute_orders(void **state)
{
    (void)state;
    const char *const slots[] = {"z", "a", "m", NULL};
    const char *const names[] = {"c", "a", "b"};
    struct pab_object *cls = logged_class();
    struct pab_object *owner = logged_new(cls, 99);
    for (int64_t i = 0; i < 3; i++) {
        struct pab_object *value = logged_new(cls, i);
        set_attr(owner, names[i], value);
        pab_decref(value);
    }
    pab_decref(owner);
    assert_log(4, (int64_t[]){99, 0, 1, 2});
    struct pab_object *slotted = pab_must(pab_class_new("Slotted", slots, NULL));
    owner = pab_must(pab_instance_new(slotted));
    for (int64_t i = 0; i < 3; i++) {
        struct pab_object *value = logged_new(cls, slots[i][0]);
        set_attr(owner, slots[i], value);
        pab_decref(value);
    }
    pab_decref(owner);
    assert_log(3, (int64_t[]){'a', 'm', 'z'});
    pab_decref(slotted);
    logged_done(cls);
}

/* --- tracking ------------------------------------------------------------------------------- */

static void test_tracking(void **state)
{
    (void)state;
    struct pab_gc *gc = pab_py_gc();
    struct pab_object *name = interned("name");
    struct pab_object *list = pab_list_new(0);
    struct pab_object *atoms = pab_tuple_pack(2, name, name);
    struct pab_object *nested = pab_tuple_pack(1, list);
    struct pab_object *dict = pab_dict_new();
    struct pab_object *empty = pab_tuple_new(0);
    assert_false(pab_gc_is_tracked(empty));
    assert_true(pab_gc_is_tracked(list) && pab_gc_is_tracked(atoms) && pab_gc_is_tracked(nested));
    assert_false(pab_gc_is_tracked(dict));
    pab_must_do(pab_dict_set_item(dict, name, name));
    assert_false(pab_gc_is_tracked(dict));
    pab_must_do(pab_dict_set_item(dict, name, atoms));
    assert_true(pab_gc_is_tracked(dict));
    pab_gc_collect(gc, 0);
    assert_false(pab_gc_is_tracked(atoms));
    assert_true(pab_gc_is_tracked(nested) && pab_gc_is_tracked(dict));
    pab_gc_collect(gc, 2);
    assert_false(pab_gc_is_tracked(dict));
    pab_must_do(pab_dict_set_item(dict, atoms, name)); /* an untracked tuple changes nothing */
    assert_false(pab_gc_is_tracked(dict));
    struct pab_object *all[] = {name, list, atoms, nested, dict, empty};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* --- cycles --------------------------------------------------------------------------------- */

static void make_self_cycle(int shape, struct pab_object *cls, struct pab_object *name)
{
    struct pab_object *object;
    if (shape == 0) {
        object = pab_list_new(0);
        pab_must_do(pab_list_append(object, object));
    } else if (shape == 1) {
        object = pab_dict_new();
        pab_must_do(pab_dict_set_item(object, name, object));
    } else {
        object = pab_must(pab_instance_new(cls));
        pab_must_do(pab_object_set_attr(object, name, object));
        if (shape == 3) {
            pab_decref(pab_must(pab_object_dict(object)));
        }
    }
    pab_decref(object);
}

static void test_self_cycles(void **state)
{
    struct fixture *f = *state;
    const char *const slots[] = {"me", NULL};
    const intptr_t found[] = {10, 10, 10, 20, 10};
    struct pab_object *name = interned("me");
    for (int shape = 0; shape < 5; shape++) {
        struct pab_object *cls = pab_must(pab_class_new("C", shape == 4 ? slots : NULL, NULL));
        pab_gc_collect(pab_py_gc(), 2);
        int64_t before = f->live_blocks;
        for (int i = 0; i < 10; i++) {
            make_self_cycle(shape, cls, name);
        }
        assert_true(f->live_blocks >= before + 10);
        assert_int_equal(pab_gc_collect(pab_py_gc(), 2), found[shape]);
        assert_int_equal(f->live_blocks, before);
        pab_decref(cls);
    }
    pab_decref(name);
}

static void make_ring(struct pab_object *cls, int64_t count)
{
    struct pab_object *first = logged_new(cls, 0);
    struct pab_object *last = pab_new_ref(first);
    for (int64_t i = 1; i < count; i++) {
        struct pab_object *next = logged_new(cls, i);
        set_attr(last, "next", next);
        pab_decref(last);
        last = next;
    }
    set_attr(last, "next", first);
    pab_decref(last);
    pab_decref(first);
}

static void test_ring_with_finalizers(void **state)
{
    (void)state;
    struct pab_object *cls = logged_class();
    make_ring(cls, 5);
    assert_int_equal(finalized_count, 0);
    assert_int_equal(pab_gc_collect(pab_py_gc(), 2), 5);
    assert_log(5, (int64_t[]){0, 1, 2, 3, 4});
    logged_done(cls);
}

/* A finalizer runs once in a life, however often its object comes back. */
static void test_resurrection(void **state)
{
    (void)state;
    struct pab_object *cls = logged_class();
    struct pab_object *haven = pab_list_new(0);
    make_ring(cls, 4);
    resurrection = haven;
    assert_int_equal(pab_gc_collect(pab_py_gc(), 2), 0);
    assert_log(4, (int64_t[]){0, 1, 2, 3});
    pab_must_do(pab_list_clear(haven));
    assert_int_equal(pab_gc_collect(pab_py_gc(), 2), 4);
    assert_int_equal(finalized_count, 0);
    pab_decref(logged_new(cls, 7)); /* and by reference count */
    assert_log(1, (int64_t[]){7});
    assert_int_equal(pab_list_size(haven), 1);
    assert_true(pab_gc_is_tracked(pab_list_get_item(haven, 0)));
    resurrection = NULL;
    pab_decref(haven);
    assert_int_equal(finalized_count, 0);
    logged_done(cls);
}

/* What was frozen and then dropped is found when the runtime stops, by the fixture's last line. */
static void test_frozen_garbage(void **state)
{
    (void)state;
    struct pab_object *list = pab_must(pab_list_new(0));
    pab_must_do(pab_list_append(list, list));
    pab_py_gc_freeze();
    pab_decref(list);
    assert_int_equal(pab_py_collect(2), 0);
    assert_int_equal(pab_py_gc_freeze_count(), 1);
}

/* --- interning ------------------------------------------------------------------------------ */

static void test_interned_strs_are_mortal(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->live_blocks, 0);
    struct pab_object *one = interned("a name");
    struct pab_object *same = interned("a name");
    assert_ptr_equal(one, same);
    assert_int_equal(one->refcnt, 2);
    struct pab_object *dict = &pab_py_current->statics.interned.base;
    assert_int_equal(pab_dict_size(dict), 1);
    pab_decref(one);
    pab_decref(same);
    assert_int_equal(pab_dict_size(dict), 0);
    assert_int_equal(f->live_blocks, 1); /* the table of the interned dict */
    struct pab_object *again = interned("a name");
    assert_int_equal(again->refcnt, 1);
    pab_decref(again);
}

static void test_shared_objects(void **state)
{
    struct fixture *f = *state;
    struct pab_object *pairs[][2] = {
        {text(""), text("")},
        {text("x"), text("x")},
        {text("\xc3\xa9"), text("\xc3\xa9")},
        {pab_bytes_from_string("", 0), pab_bytes_from_string("", 0)},
        {pab_bytes_from_string("y", 1), pab_bytes_from_string("y", 1)},
        {pab_tuple_new(0), pab_tuple_new(0)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        assert_ptr_equal(pairs[i][0], pairs[i][1]);
        pab_decref(pairs[i][0]);
        pab_decref(pairs[i][1]);
    }
    assert_int_equal(f->live_blocks, 0);
}

/* --- operands that a finalizer changes ------------------------------------------------------ */

static struct pab_object *shrinking; /* the list that the next finalizer empties but for 3 items */

static void shrink_finalizer(struct pab_object *self)
{
    (void)self;
    pab_must_do(pab_list_set_slice(shrinking, 3, pab_list_size(shrinking), NULL));
}

/* [1000 .. 1029], and garbage whose finalizer shrinks it within the next allocation. */
static struct pab_object *list_about_to_shrink(struct pab_object *cls)
{
    pab_py_gc_enable(false);
    struct pab_object *list = pab_must(pab_list_new(0));
    for (int i = 0; i < 30; i++) {
        append_new(list, number(1000 + i));
    }
    struct pab_object *garbage = pab_must(pab_instance_new(cls));
    struct pab_object *name = interned("me");
    pab_must_do(pab_object_set_attr(garbage, name, garbage));
    pab_decref(name);
    pab_decref(garbage);
    shrinking = list;
    pab_py_gc_set_threshold(1, 10, 10);
    pab_py_gc_enable(true);
    return list;
}

static struct pab_object *second_to_20th(struct pab_object *list)
{
    return pab_list_get_slice(list, 1, 20);
}

static struct pab_object *twice(struct pab_object *list)
{
    return pab_list_repeat(list, 2);
}

static struct pab_object *with_itself(struct pab_object *list)
{
    return pab_list_concat(list, list);
}

static void test_operands_shrink(void **state)
{
    (void)state;
    static const struct {
        struct pab_object *(*make)(struct pab_object *list);
        pab_ssize size;
        int64_t values[6];
    } cases[] = {
        {pab_list_as_tuple, 3, {1000, 1001, 1002}},
        {second_to_20th, 2, {1001, 1002}},
        {twice, 6, {1000, 1001, 1002, 1000, 1001, 1002}},
        {with_itself, 6, {1000, 1001, 1002, 1000, 1001, 1002}},
    };
    struct pab_object *cls = pab_must(pab_class_new("Shrinks", NULL, shrink_finalizer));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pab_object *list = list_about_to_shrink(cls);
        struct pab_object *made = pab_must(cases[i].make(list));
        pab_py_gc_enable(false);
        assert_int_equal(pab_list_size(list), 3);
        bool is_tuple = made->type == &pab_tuple_type;
        assert_int_equal(is_tuple ? pab_tuple_size(made) : pab_list_size(made), cases[i].size);
        for (pab_ssize j = 0; j < cases[i].size; j++) {
            struct pab_object *item =
                is_tuple ? pab_tuple_get_item(made, j) : pab_list_get_item(made, j);
            assert_int_equal(pab_long_as_int64(item), cases[i].values[j]);
        }
        pab_decref(made);
        pab_decref(list);
        pab_py_collect(2); /* empties the free lists, so that the next list must be allocated */
    }
    pab_decref(cls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_free_lists),
        PYOBJ_TEST(test_without_free_lists),
        PYOBJ_TEST(test_tuple_of_20_quirk),
        PYOBJ_TEST(test_parked_objects_stay_counted),
        PYOBJ_TEST(test_deep_nests_die),
        PYOBJ_TEST(test_put_off_is_gone),
        PYOBJ_TEST(test_release_orders),
        PYOBJ_TEST(test_attribute_orders),
        PYOBJ_TEST(test_tracking),
        PYOBJ_TEST(test_self_cycles),
        PYOBJ_TEST(test_ring_with_finalizers),
        PYOBJ_TEST(test_resurrection),
        PYOBJ_TEST(test_frozen_garbage),
        PYOBJ_TEST(test_interned_strs_are_mortal),
        PYOBJ_TEST(test_shared_objects),
        PYOBJ_TEST(test_operands_shrink),
    };
    return cmocka_run_group_tests_name("pyobj_memory", tests, NULL, NULL);
}
