/* tests/unit/test_pyobj_sequences.c -- bytearray, and what tuples, strs and dicts make out of one
 * another: requests and results as on CPython 3.11. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/dict_keys.h"
#include "workloads/pyobj/object.h"

/* --- bytearray ------------------------------------------------------------------------------ */

/* sys.getsizeof() - 56 while bytes are appended. */
static void test_bytearray_growth(void **state)
{
    struct fixture *f = *state;
    const size_t steps[] = {2, 5, 8, 12, 19, 27, 36, 46, 57, 70, 84, 100, 118, 138, 161, 187, 216};
    struct pab_object *array = pab_must(pab_bytearray_from_string(NULL, 0));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56);
    assert_int_equal(pab_bytearray_as_string(array)[0], 0);
    size_t next = 0;
    for (int i = 0; i < 200; i++) {
        bool full = (size_t)i + 1 >= (next == 0 ? 0 : steps[next - 1]);
        pab_must_do(pab_bytearray_append(array, (uint8_t)i));
        if (full) {
            assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, steps[next++]);
        }
        assert_int_equal(f->count, 0);
    }
    assert_int_equal(next, ARRAY_COUNT(steps));
    for (int i = 0; i < 200; i++) {
        assert_int_equal((uint8_t)pab_bytearray_as_string(array)[i], i);
    }
    pab_must_do(pab_bytearray_resize(array, 108)); /* half of 216: kept */
    assert_int_equal(f->count, 0);
    pab_must_do(pab_bytearray_resize(array, 107));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 108);
    pab_must_do(pab_bytearray_resize(array, 0));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 1);
    pab_must_do(pab_bytearray_resize(array, 99)); /* a long step: exact */
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 100);
    pab_must_do(pab_bytearray_resize(array, 113)); /* more than an eighth above 100 */
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 114);
    pab_must_do(pab_bytearray_resize(array, 128));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 128 + 16 + 6);
    pab_decref(array);
    const struct request gone[] = {{PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0},
                                   {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0}};
    assert_requests(f, 2, gone);
}

static void test_bytearray_values(void **state)
{
    struct fixture *f = *state;
    struct pab_object *array = pab_must(pab_bytearray_from_string("ab", 2));
    struct pab_object *bytes = pab_must(pab_bytes_from_string("cde", 3));
    const struct request expected[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56},
                                       {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 6}};
    fixture_forget(f);
    struct pab_object *sum = pab_must(pab_bytearray_concat(array, bytes));
    assert_requests(f, 2, expected);
    pab_must_do(pab_bytearray_extend(array, bytes));
    assert_true(pab_object_equal(array, sum));
    assert_false(pab_object_equal(array, bytes));
    pab_must_do(pab_bytearray_extend(sum, array));
    assert_int_equal(pab_bytearray_size(sum), 10);
    assert_memory_equal(pab_bytearray_as_string(sum), "abcdeabcde", 11);
    struct pab_object *same = pab_must(pab_bytes_from_string("abcde", 5));
    assert_true(pab_object_equal(array, same));
    assert_true(pab_object_equal(same, array));
    struct pab_object *all[] = {array, bytes, sum, same};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* --- tuple ---------------------------------------------------------------------------------- */

/* Takes the tuple; its items are small ints. */
static void assert_tuple(struct pab_object *tuple, pab_ssize size, const int *values)
{
    assert_int_equal(pab_tuple_size(pab_must(tuple)), size);
    for (pab_ssize i = 0; i < size; i++) {
        assert_true(pab_long_as_int64(pab_tuple_get_item(tuple, i)) == values[i]);
    }
    pab_decref(tuple);
}

static void test_tuples(void **state)
{
    struct fixture *f = *state;
    struct pab_object *empty = pab_tuple_new(0);
    struct pab_object *abc = pab_tuple_new(3);
    for (int i = 0; i < 3; i++) {
        pab_tuple_set_item(abc, i, number(i + 1));
    }
    fixture_forget(f);
    struct pab_object *same[] = {pab_tuple_get_slice(abc, -5, 9), pab_tuple_concat(abc, empty),
                                 pab_tuple_concat(empty, abc), pab_tuple_repeat(abc, 1)};
    for (size_t i = 0; i < ARRAY_COUNT(same); i++) {
        assert_ptr_equal(same[i], abc);
        pab_decref(same[i]);
    }
    struct pab_object *none[] = {pab_tuple_get_slice(abc, 2, 2), pab_tuple_get_slice(abc, 3, 1),
                                 pab_tuple_repeat(abc, 0), pab_tuple_repeat(abc, -7),
                                 pab_tuple_repeat(empty, 5)};
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        assert_ptr_equal(none[i], empty);
        pab_decref(none[i]);
    }
    assert_int_equal(f->count, 0);
    struct pab_object *slice = pab_tuple_get_slice(abc, 1, 9);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 40 + 8 * 2);
    assert_tuple(slice, 2, (const int[]){2, 3});
    fixture_forget(f);
    assert_tuple(pab_tuple_concat(abc, abc), 6, (const int[]){1, 2, 3, 1, 2, 3});
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 40 + 8 * 6);
    assert_tuple(pab_tuple_repeat(abc, 3), 9, (const int[]){1, 2, 3, 1, 2, 3, 1, 2, 3});
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 40 + 8 * 9);
    pab_decref(abc);
    pab_decref(empty);
}

/* --- str ------------------------------------------------------------------------------------ */

static void test_str_repeat(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *text;
        size_t head, width, length; /* in characters */
    } kinds[] = {{"abc", 49, 1, 3},
                 {"\xc3\xa9q", 73, 1, 2},
                 {"\xd0\x9f!", 74, 2, 2},
                 {"\xf0\x9f\x98\x80", 76, 4, 1}};
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        struct pab_object *str = text(kinds[k].text);
        fixture_forget(f);
        struct pab_object *again = pab_must(pab_unicode_repeat(str, 1));
        assert_ptr_equal(again, str);
        pab_decref(again);
        again = pab_must(pab_unicode_repeat(str, -3));
        assert_int_equal(pab_unicode_length(again), 0);
        assert_int_equal(f->count, 0);
        struct pab_object *many = pab_must(pab_unicode_repeat(str, 20));
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC,
                           kinds[k].head + 20 * kinds[k].length * kinds[k].width);
        for (pab_ssize i = 0; i < pab_unicode_length(many); i++) {
            assert_int_equal(pab_unicode_read_char(many, i),
                             pab_unicode_read_char(str, i % (pab_ssize)kinds[k].length));
        }
        pab_decref(many);
        pab_decref(str);
    }
}

static void assert_lower(const char *before, const char *after)
{
    struct pab_object *str = text(before);
    struct pab_object *lowered = pab_must(pab_unicode_lower(str));
    struct pab_object *expected = text(after);
    assert_true(pab_object_equal(lowered, expected));
    pab_decref(expected);
    pab_decref(lowered);
    pab_decref(str);
}

static void test_lower(void **state)
{
    (void)state;
    assert_lower("ABCxyz[@", "abcxyz[@");
    assert_lower("\xc3\x80\xc3\x97\xc3\x9f", "\xc3\xa0\xc3\x97\xc3\x9f"); /* not the times sign */
    assert_lower("\xc4\x80\xc5\x83\xc5\xbd", "\xc4\x81\xc5\x84\xc5\xbe");
    assert_lower("\xc5\xb8", "\xc3\xbf"); /* U+0178 becomes narrower */
    assert_lower("\xce\x86\xce\xa9\xcf\x98", "\xce\xac\xcf\x89\xcf\x99");
    assert_lower("\xd0\x81\xd0\x96\xd3\x80\xd4\xae", "\xd1\x91\xd0\xb6\xd3\x8f\xd4\xaf");
}

/* A needle and what replaces it, of one length and of two, when the text has to become wider. */
static void test_replace_temporaries(void **state)
{
    struct fixture *f = *state;
    struct pab_object *str = text("\xd0\x9fyxyx"); /* 2 bytes each */
    struct pab_object *needle = text("yx");
    struct pab_object *wide[] = {text("\xf0\x9f\x98\x80\x30"), text("\xf0\x9f\x98\x80")};
    const struct request same_length[] = {{PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 4},
                                          {PAB_DOMAIN_MEM, PAB_CALL_FREE, 0},
                                          {PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 20},
                                          {PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 8}};
    const struct request other_length[] = {{PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 4},
                                           {PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 20},
                                           {PAB_DOMAIN_MEM, PAB_CALL_FREE, 0},
                                           {PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 8}};
    const struct request *expected[] = {same_length, other_length};
    for (size_t i = 0; i < 2; i++) {
        fixture_forget(f);
        struct pab_object *replaced = pab_must(pab_unicode_replace(str, needle, wide[i]));
        assert_int_equal(f->count, 7);
        f->count = 4;
        assert_requests(f, 4, expected[i]);
        assert_int_equal(pab_unicode_length(replaced), i == 0 ? 5 : 3);
        pab_decref(replaced);
        pab_decref(wide[i]);
    }
    pab_decref(needle);
    pab_decref(str);
}

/* --- dict ----------------------------------------------------------------------------------- */

static void set_number(struct pab_object *dict, int64_t key, int64_t value)
{
    struct pab_object *k = number(key);
    struct pab_object *v = number(value);
    pab_must_do(pab_dict_set_item(dict, k, v));
    pab_decref(k);
    pab_decref(v);
}

/* dict((i, i) for i in range(start, end)), with keys and values that are small ints */
static struct pab_object *range_dict(int start, int end)
{
    struct pab_object *dict = pab_must(pab_dict_new());
    for (int i = start; i < end; i++) {
        set_number(dict, i, i);
    }
    return dict;
}

/* Updates `dict` and checks that this asks for one key table, of a dict of sys.getsizeof() so much
 * in all. Takes `other`. */
static void assert_update(struct fixture *f, struct pab_object *dict, struct pab_object *other,
                          size_t size)
{
    fixture_forget(f);
    pab_must_do(pab_dict_update(dict, other));
    assert_true(f->count >= 1);
    f->count = 1;
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, size - 64);
    pab_decref(other);
}

/* A table without holes is taken over as it is, unless a smaller one would do; a dict that has
 * keys makes room once. */
static void test_dict_update(void **state)
{
    struct fixture *f = *state;
    struct pab_object *ten = range_dict(0, 10);
    struct pab_object *fresh = pab_must(pab_dict_new());
    fixture_forget(f);
    pab_must_do(pab_dict_update(fresh, fresh));
    pab_must_do(pab_dict_update(ten, fresh));
    pab_must_do(pab_dict_update(ten, ten));
    assert_int_equal(f->count, 0);
    assert_update(f, fresh, pab_new_ref(ten), 352);
    assert_true(pab_object_equal(fresh, ten));
    pab_dict_clear(fresh);
    assert_update(f, ten, range_dict(0, 12), 1168); /* room for 22, but most were there */
    assert_int_equal(pab_dict_size(ten), 12);
    assert_update(f, fresh, pab_new_ref(ten), 632);
    assert_true(pab_object_equal(fresh, ten));
    struct pab_object *one = range_dict(100, 101);
    assert_update(f, one, range_dict(0, 60), 2264);
    assert_int_equal(pab_dict_size(one), 61);
    pab_decref(one);
    one = range_dict(100, 101);
    assert_update(f, one, range_dict(0, 20), 1168);
    assert_int_equal(pab_dict_size(one), 21);
    struct pab_object *all[] = {ten, fresh, one};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

static void test_dict_pop_keys_items(void **state)
{
    struct fixture *f = *state;
    struct pab_object *dict = range_dict(0, 4);
    struct pab_object *two = number(2);
    fixture_forget(f);
    struct pab_object *value = pab_dict_pop(dict, two);
    assert_true(value != NULL && pab_long_as_int64(value) == 2);
    assert_null(pab_dict_pop(dict, two));
    assert_int_equal(f->count, 0);
    pab_decref(value);
    struct pab_object *keys = pab_must(pab_dict_keys(dict));
    const struct request list[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56},
                                   {PAB_DOMAIN_MEM, PAB_CALL_CALLOC, 24}};
    assert_requests(f, 2, list);
    pab_decref(keys);
    fixture_forget(f);
    struct pab_object *items = pab_must(pab_dict_items(dict)); /* the list is a parked one */
    const struct request pairs[] = {{PAB_DOMAIN_MEM, PAB_CALL_CALLOC, 24},
                                    {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56},
                                    {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56},
                                    {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56}};
    assert_requests(f, 4, pairs);
    const int expected[] = {0, 1, 3};
    for (int i = 0; i < 3; i++) {
        struct pab_object *pair = pab_list_get_item(items, i);
        assert_true(pab_long_as_int64(pab_tuple_get_item(pair, 0)) == expected[i]);
        assert_true(pab_long_as_int64(pab_tuple_get_item(pair, 1)) == expected[i]);
    }
    pab_decref(items);
    pab_decref(two);
    pab_decref(dict);
}

/* --- a dict that a finalizer makes larger while a list of its entries is made --------------- */

static struct pab_object *growing;

static void grow(struct pab_object *self)
{
    (void)self;
    for (int i = 100; i < 110; i++) {
        set_number(growing, i, i);
    }
}

/* The next allocation of a container collects, and that calls grow(). */
static void arm_growth(struct pab_object *cls)
{
    pab_py_gc_enable(false);
    struct pab_object *trash = pab_must(pab_instance_new(cls));
    struct pab_object *name = interned("me");
    pab_must_do(pab_object_set_attr(trash, name, trash));
    pab_decref(name);
    pab_decref(trash);
    pab_py_gc_set_threshold(1, 10, 10);
    pab_py_gc_enable(true);
}

static void test_dict_grows_under_its_list(void **state)
{
    (void)state;
    static struct pab_object *(*const list_of[])(struct pab_object *) = {pab_dict_keys,
                                                                         pab_dict_items};
    struct pab_object *cls = pab_must(pab_class_new("Growing", NULL, grow));
    for (size_t i = 0; i < ARRAY_COUNT(list_of); i++) {
        growing = range_dict(0, 4);
        arm_growth(cls);
        struct pab_object *list = pab_must(list_of[i](growing));
        pab_py_gc_set_threshold(700, 10, 10);
        assert_int_equal(pab_dict_size(growing), 14);
        assert_int_equal(pab_list_size(list), 14);
        assert_non_null(pab_list_get_item(list, 13));
        pab_decref(list);
        pab_decref(growing);
        pab_py_collect(2); /* parks no list: the next one is a new allocation */
    }
    pab_decref(cls);
}

/* The dict of an instance shares keys: popping leaves it so, taking over a table ends it. */
static void test_split_dict(void **state)
{
    (void)state;
    struct pab_object *cls = pab_must(pab_class_new("C", NULL, NULL));
    struct pab_object *object = pab_must(pab_instance_new(cls));
    struct pab_object *name = interned("name");
    pab_must_do(pab_object_set_attr(object, name, cls));
    struct pab_object *dict = pab_must(pab_object_dict(object));
    assert_ptr_equal(pab_dict_pop(dict, name), cls);
    pab_decref(cls);
    assert_int_equal(pab_dict_size(dict), 0);
    assert_non_null(((struct pab_dict *)dict)->values);
    struct pab_object *other = range_dict(0, 3);
    pab_must_do(pab_dict_update(dict, other));
    assert_null(((struct pab_dict *)dict)->values);
    assert_true(pab_object_equal(dict, other));
    struct pab_object *all[] = {other, dict, name, object, cls};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_bytearray_growth),
        PYOBJ_TEST(test_bytearray_values),
        PYOBJ_TEST(test_tuples),
        PYOBJ_TEST(test_str_repeat),
        PYOBJ_TEST(test_lower),
        PYOBJ_TEST(test_replace_temporaries),
        PYOBJ_TEST(test_dict_update),
        PYOBJ_TEST(test_dict_pop_keys_items),
        PYOBJ_TEST(test_dict_grows_under_its_list),
        PYOBJ_TEST(test_split_dict),
    };
    return cmocka_run_group_tests_name("pyobj_sequences", tests, NULL, NULL);
}
