/* tests/unit/test_pyobj_requests.c -- what each object asks of which domain, against the sizes and
 * growth sequences that sys.getsizeof() and allocation hooks show on CPython 3.11. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/runtime.h"

static void test_int_sizes(void **state)
{
    struct fixture *f = *state;
    const struct {
        int64_t value;
        size_t size;
    } cases[] = {{257, 32},      {-6, 32},         {(1 << 30) - 1, 32},
                 {1 << 30, 32},  {-(1 << 30), 32}, {INT64_C(1) << 60, 36},
                 {INT64_MIN, 36}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pab_object *object = number(cases[i].value);
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, cases[i].size);
        pab_decref(object);
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0);
    }
    for (int64_t value = -5; value <= 256; value++) {
        struct pab_object *object = number(value);
        assert_ptr_equal(object, number(value));
        pab_decref(object);
        pab_decref(object);
    }
    assert_int_equal(f->count, 0);
}

/* A sum takes one digit more than its longer part, a product the digits of both. */
static void test_int_results_are_not_shrunk(void **state)
{
    struct fixture *f = *state;
    struct pab_object *two_digits = number(INT64_C(1) << 40);
    struct pab_object *one_digit = number(1000);
    fixture_forget(f);
    struct pab_object *sum = pab_long_add(two_digits, one_digit);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 24 + 4 * 3);
    struct pab_object *difference = pab_long_subtract(two_digits, one_digit);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 24 + 4 * 2);
    struct pab_object *product = pab_long_multiply(two_digits, two_digits);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 24 + 4 * 4);
    struct pab_object *zero = pab_long_subtract(two_digits, two_digits);
    assert_int_equal(f->count, 0);
    struct pab_object *all[] = {two_digits, one_digit, sum, difference, product, zero};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

static void test_str_sizes(void **state)
{
    struct fixture *f = *state;
    for (pab_ssize n = 1; n < 100; n++) {
        const size_t sizes[] = {49 + (size_t)n, 73 + (size_t)n, 74 + 2 * (size_t)n,
                                76 + 4 * (size_t)n};
        const uint32_t widest[] = {0x7f, 0xff, 0xffff, 0x10ffff};
        for (size_t kind = 0; kind < 4; kind++) {
            struct pab_object *str = pab_unicode_new(n, widest[kind]);
            assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, sizes[kind]);
            pab_decref(str);
            fixture_forget(f);
        }
        struct pab_object *bytes = pab_bytes_from_string(NULL, n);
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 33 + (size_t)n);
        pab_decref(bytes);
        fixture_forget(f);
    }
}

/* The decoder hopes for ASCII, widens once for each wider kind it meets, and cuts at the end. */
static void test_utf8_temporaries(void **state)
{
    struct fixture *f = *state;
    struct pab_object *str = text("h\xc3\xa9llo \xd0\x9f");
    const struct request expected[] = {
        {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 49 + 9}, {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 73 + 9},
        {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0},        {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 74 + 18},
        {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0},        {PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, 74 + 14},
    };
    assert_requests(f, ARRAY_COUNT(expected), expected);
    assert_int_equal(pab_unicode_length(str), 7);
    pab_decref(str);
}

/* s += t is a realloc to the exact size as long as nobody else can see s. */
static void test_append_in_place(void **state)
{
    struct fixture *f = *state;
    struct pab_object *str = text("0123456789"); /* 59 bytes */
    struct pab_object *x = text("x");
    fixture_forget(f);
    for (size_t size = 60; size <= 100; size++) {
        assert_int_equal(pab_unicode_append(&str, x), 0);
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_REALLOC, size);
    }
    struct pab_object *shared = pab_new_ref(str);
    assert_int_equal(pab_unicode_append(&str, x), 0);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 101);
    assert_int_equal(pab_unicode_length(shared), 51);
    pab_object_hash(str);
    assert_int_equal(pab_unicode_append(&str, x), 0);
    const struct request moved[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 102},
                                    {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0}};
    assert_requests(f, 2, moved);
    pab_decref(shared);
    pab_decref(str);
    pab_decref(x);
}

/* Appends and pops; checks that a realloc comes exactly where the capacity has to change. */
static void test_list_append_and_pop(void **state)
{
    struct fixture *f = *state;
    const size_t append_caps[] = {4, 8, 16, 24, 32, 40, 52, 64, 76, 92, 108};
    const size_t pop_caps[] = {64, 40, 24, 16, 12, 8, 4, 0};
    const pab_ssize pop_lengths[] = {53, 31, 19, 11, 7, 5, 1, 0};
    struct pab_object *list = pab_list_new(0);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56);
    size_t next = 0;
    for (size_t i = 0; i < 100; i++) {
        bool full = i == (next == 0 ? 0 : append_caps[next - 1]);
        pab_must_do(pab_list_append(list, pab_none()));
        if (full) {
            assert_one_request(f, PAB_DOMAIN_MEM, PAB_CALL_REALLOC, 8 * append_caps[next++]);
        }
        assert_int_equal(f->count, 0);
    }
    assert_int_equal(next, ARRAY_COUNT(append_caps));
    next = 0;
    for (pab_ssize length = 99; length >= 0; length--) {
        pab_decref(pab_must(pab_list_pop(list, -1)));
        size_t capacity = (size_t)((struct pab_list *)list)->allocated;
        if (next < ARRAY_COUNT(pop_lengths) && length == pop_lengths[next]) {
            assert_int_equal(capacity, pop_caps[next++]);
            assert_int_equal(f->count, 1);
        }
        if (f->count > 0) { /* at lengths 3 and 2 to the same 8 items */
            assert_one_request(f, PAB_DOMAIN_MEM, PAB_CALL_REALLOC, 8 * capacity);
        }
    }
    assert_int_equal(next, ARRAY_COUNT(pop_lengths));
    pab_decref(list); /* the 1-byte buffer goes, the list itself is parked */
    assert_one_request(f, PAB_DOMAIN_MEM, PAB_CALL_FREE, 0);
}

static void test_list_extend(void **state)
{
    struct fixture *f = *state;
    const pab_ssize caps[] = {4, 8, 12, 12, 12, 16, 16, 12, 12, 16, 16, 16, 16, 20};
    for (size_t n = 0; n < ARRAY_COUNT(caps); n++) {
        struct pab_object *four = pab_list_new(4);
        struct pab_object *more = pab_list_new((pab_ssize)n);
        struct pab_object *fresh = pab_list_new(0);
        for (pab_ssize i = 0; i < 4; i++) {
            pab_list_set_item(four, i, pab_new_ref(pab_none()));
        }
        for (size_t i = 0; i < n; i++) {
            pab_list_set_item(more, (pab_ssize)i, pab_new_ref(pab_none()));
        }
        pab_must_do(pab_list_extend(four, more));
        pab_must_do(pab_list_extend(fresh, more));
        assert_int_equal(((struct pab_list *)four)->allocated, caps[n]);
        assert_int_equal(((struct pab_list *)fresh)->allocated, (n + 1) / 2 * 2);
        pab_decref(four);
        pab_decref(more);
        pab_decref(fresh);
    }
    assert_true(f->count > 0);
}

/* Inserts keys until the table has grown through all of `sizes`, as getsizeof would show them. */
static void check_dict_growth(struct fixture *f, bool strs, const size_t *sizes, size_t count)
{
    const size_t inserts[] = {1, 6, 11, 22, 43, 86, 171, 342};
    struct pab_object *dict = pab_dict_new();
    struct pab_object *keys = pab_list_new(0);
    for (int64_t i = 0; i < 400; i++) {
        struct pab_object *key = number(1000 + i);
        if (strs) {
            struct pab_object *str = pab_must(pab_object_str(key));
            pab_decref(key);
            key = str;
        }
        append_new(keys, key);
    }
    size_t next = 0;
    for (size_t i = 1; i <= 400; i++) {
        fixture_forget(f);
        struct pab_object *key = pab_list_get_item(keys, (pab_ssize)i - 1);
        pab_must_do(pab_dict_set_item(dict, key, pab_none()));
        if (next < count && i == inserts[next]) {
            assert_int_equal(f->requests[0].domain, PAB_DOMAIN_OBJ);
            assert_int_equal(f->requests[0].call, PAB_CALL_MALLOC);
            assert_int_equal(f->requests[0].size + 64, sizes[next++]);
        } else {
            assert_int_equal(f->count, 0);
        }
    }
    assert_int_equal(next, count);
    pab_decref(dict);
    pab_decref(keys);
}

static void test_dict_growth(void **state)
{
    const size_t str_sizes[] = {184, 272, 464, 832, 1584, 3328, 6576, 13056};
    const size_t other_sizes[] = {224, 352, 632, 1168, 2264, 4688, 9304, 18512};
    check_dict_growth(*state, true, str_sizes, ARRAY_COUNT(str_sizes));
    check_dict_growth(*state, false, other_sizes, ARRAY_COUNT(other_sizes));
}

/* Deleting gives nothing back. A table that is full is replaced by one for the keys of that moment,
 * which may be smaller: 1024 slots take 682 entries, deleted ones included. */
static void test_dict_shrinks_when_full(void **state)
{
    enum { KEYS = 400, ENTRIES = 682 };
    struct fixture *f = *state;
    struct pab_object *dict = pab_dict_new();
    struct pab_object *keys = pab_list_new(0);
    for (int64_t i = 0; i < KEYS; i++) {
        struct pab_object *value = number(1000 + i);
        append_new(keys, pab_must(pab_object_str(value)));
        pab_decref(value);
        pab_must_do(pab_dict_set_item(dict, pab_list_get_item(keys, i), pab_none()));
    }
    fixture_forget(f);
    for (pab_ssize i = 0; i < KEYS; i++) {
        assert_int_equal(pab_dict_del_item(dict, pab_list_get_item(keys, i)), 0);
    }
    struct pab_object *key = pab_list_get_item(keys, 0);
    for (int i = KEYS; i < ENTRIES; i++) {
        pab_must_do(pab_dict_set_item(dict, key, pab_none()));
        assert_int_equal(pab_dict_del_item(dict, key), 0);
    }
    assert_int_equal(f->count, 0);
    pab_must_do(pab_dict_set_item(dict, key, pab_none()));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0); /* a parked one of 8 slots serves */
    for (pab_ssize i = 1; i < 5; i++) {
        pab_must_do(pab_dict_set_item(dict, pab_list_get_item(keys, i), pab_none()));
    }
    assert_int_equal(f->count, 0);
    pab_must_do(pab_dict_set_item(dict, pab_list_get_item(keys, 5), pab_none()));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 272 - 64); /* as the 6th key ever */
    pab_decref(dict);
    pab_decref(keys);
}

/* 3.10 - 3.12 round a wish of 1..7 entries up to 16 slots. */
static void test_dict_over_rounding(void **state)
{
    struct fixture *f = *state;
    struct pab_object *dict = pab_dict_new();
    struct pab_object *key = interned("key");
    pab_must_do(pab_dict_set_item(dict, key, key));
    fixture_forget(f);
    pab_must_do(pab_dict_set_item(dict, pab_none(), key));
    assert_int_equal(f->requests[0].size, 32 + 16 + 10 * 24);
    pab_decref(dict);
    pab_decref(key);
}

/* sys.getsizeof() of the values arrays of the first instances of a class. */
static void test_instance_values_shrink(void **state)
{
    struct fixture *f = *state;
    const size_t sizes[] = {264, 256, 248, 240, 232, 224, 216, 200, 192,
                            184, 176, 168, 160, 152, 144, 128, 120};
    struct pab_object *cls = pab_must(pab_class_new("Plain", NULL, NULL));
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 768);
    for (size_t i = 0; i < 40; i++) {
        struct pab_object *object = pab_must(pab_instance_new(cls));
        size_t values = i < ARRAY_COUNT(sizes) ? sizes[i] : f->requests[1].size;
        const struct request expected[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 56},
                                           {PAB_DOMAIN_MEM, PAB_CALL_MALLOC, values}};
        assert_requests(f, 2, expected);
        assert_true(i < 28 || values == 16);
        pab_decref(object);
        fixture_forget(f);
    }
    pab_decref(cls);
}

static void test_slotted_sizes(void **state)
{
    struct fixture *f = *state;
    const char *const slots[] = {"z", "a", "m", NULL};
    for (size_t count = 0; count <= 3; count++) {
        struct pab_object *cls = pab_must(pab_class_new("Slotted", slots + 3 - count, NULL));
        assert_int_equal(f->count, 0);
        struct pab_object *object = pab_must(pab_instance_new(cls));
        assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 32 + 8 * count);
        pab_decref(object);
        pab_decref(cls);
        fixture_forget(f);
    }
}

/* Timsort's temporary: the shorter run, once it has more than 256 pointers. */
static void test_sort_temporary(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 256; run <= 257; run++) {
        struct pab_object *list = pab_list_new(0);
        for (int64_t i = 0; i < 2 * run; i++) { /* two interleaving runs */
            append_new(list, number(1000 + (i < run ? 2 * i + 1 : 2 * (i - run))));
        }
        fixture_forget(f);
        pab_must_do(pab_list_sort(list));
        if (run == 256) {
            assert_int_equal(f->count, 0);
        } else {
            const struct request expected[] = {{PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 2056},
                                               {PAB_DOMAIN_MEM, PAB_CALL_FREE, 0}};
            assert_requests(f, 2, expected);
        }
        pab_decref(list);
    }
}

static struct pab_object *same(struct pab_object *self, struct pab_object *item)
{
    (void)self;
    return pab_new_ref(item);
}

/* sys.getsizeof(): 224 and 48. The iterator comes with the first value and goes with the last. */
static void test_generator_sizes(void **state)
{
    struct fixture *f = *state;
    struct pab_object *function = pab_function_new(same, NULL);
    struct pab_object *list = pab_list_new(1);
    pab_list_set_item(list, 0, number(7));
    struct pab_object *value;
    fixture_forget(f);
    struct pab_object *generator = pab_generator_new(function, list);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 224);
    assert_int_equal(pab_iterator_next(generator, &value), 1);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 48);
    assert_int_equal(pab_long_as_int64(value), 7);
    pab_decref(value);
    assert_int_equal(pab_iterator_next(generator, &value), 0);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0);
    assert_int_equal(pab_iterator_next(generator, &value), 0);
    assert_int_equal(list->refcnt, 1); /* a frame that has returned holds nothing */
    assert_int_equal(f->count, 0);
    pab_decref(generator);
    assert_one_request(f, PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0);
    pab_decref(list);
    pab_decref(function);
}

static int drops;

static void count_drop(struct pab_object *self)
{
    (void)self;
    drops++;
}

static void *take_from_mem(size_t size)
{
    return pab_extension_mem_malloc(size);
}

static void give_to_mem(void *memory, size_t size)
{
    assert_int_equal(size, 40);
    pab_extension_mem_free(memory);
}

static void test_extension_sizes(void **state)
{
    struct fixture *f = *state;
    const struct pab_extension plain = {.name = "plain", .size = 40, .drop = count_drop};
    const struct pab_extension pooled = {
        .name = "pooled", .size = 40, .take = take_from_mem, .give = give_to_mem};
    drops = 0;
    pab_decref(pab_extension_new(pab_extension_ready(&plain)));
    const struct request two[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 40},
                                  {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0}};
    assert_requests(f, 2, two);
    assert_int_equal(drops, 1);
    fixture_forget(f);
    pab_decref(pab_extension_new(pab_extension_ready(&pooled)));
    const struct request other[] = {{PAB_DOMAIN_MEM, PAB_CALL_MALLOC, 40},
                                    {PAB_DOMAIN_MEM, PAB_CALL_FREE, 0}};
    assert_requests(f, 2, other);
}

/* An absurd length is refused before the allocator hears of it. */
static void test_absurd_sizes(void **state)
{
    struct fixture *f = *state;
    assert_null(pab_unicode_new(PTRDIFF_MAX - 10, 127));
    assert_null(pab_unicode_new(PTRDIFF_MAX / 4, 0x10ffff));
    assert_null(pab_tuple_new(PTRDIFF_MAX / 8));
    assert_int_equal(f->count, 0);
    assert_null(pab_list_new(PTRDIFF_MAX / 4)); /* the list itself comes and goes */
    for (size_t i = 0; i < f->count; i++) {
        assert_int_equal(f->requests[i].domain, PAB_DOMAIN_OBJ);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_int_sizes),          PYOBJ_TEST(test_int_results_are_not_shrunk),
        PYOBJ_TEST(test_str_sizes),          PYOBJ_TEST(test_utf8_temporaries),
        PYOBJ_TEST(test_append_in_place),    PYOBJ_TEST(test_list_append_and_pop),
        PYOBJ_TEST(test_list_extend),        PYOBJ_TEST(test_dict_growth),
        PYOBJ_TEST(test_dict_over_rounding), PYOBJ_TEST(test_instance_values_shrink),
        PYOBJ_TEST(test_slotted_sizes),      PYOBJ_TEST(test_sort_temporary),
        PYOBJ_TEST(test_generator_sizes),    PYOBJ_TEST(test_extension_sizes),
        PYOBJ_TEST(test_absurd_sizes),       PYOBJ_TEST(test_dict_shrinks_when_full),
    };
    return cmocka_run_group_tests_name("pyobj_requests", tests, NULL, NULL);
}
