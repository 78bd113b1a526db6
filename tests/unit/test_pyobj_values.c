/* tests/unit/test_pyobj_values.c -- results: arithmetic against __int128, strs against arrays of
 * characters, random programs on lists and dicts against naive models, order of sorting. */
#include "tests/unit/pyobj_test.h"

#include "workloads/support/rng.h"

__extension__ typedef __int128 int128;

static struct pab_rng rng;

static uint64_t below(uint64_t bound)
{
    return pab_rng_next(&rng) % bound;
}

/* --- int, float ----------------------------------------------------------------------------- */

static int128 floor_of(int128 a, int128 b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Takes `object`. Values are compared modulo 2**64, which is what as_int64 gives. */
static void assert_value(struct pab_object *object, int128 expected)
{
    assert_non_null(object);
    assert_true(pab_long_as_int64(object) == (int64_t)(uint64_t)expected);
    pab_decref(object);
}

static int64_t random_int(void)
{
    int64_t value = (int64_t)(pab_rng_next(&rng) >> below(64));
    return below(2) == 0 ? value : -(value & INT64_MAX);
}

static void test_arithmetic(void **state)
{
    (void)state;
    pab_rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t x = random_int();
        int64_t y = random_int();
        int64_t divisor = random_int() % ((1 << 30) - 1);
        divisor = divisor == 0 ? 7 : divisor;
        struct pab_object *a = number(x);
        struct pab_object *b = number(y);
        struct pab_object *d = number(divisor);
        assert_value(pab_new_ref(a), x);
        assert_value(pab_long_add(a, b), (int128)x + y);
        assert_value(pab_long_subtract(a, b), (int128)x - y);
        assert_value(pab_long_multiply(a, b), (int128)x * y);
        assert_value(pab_long_floor_divide(a, d), floor_of(x, divisor));
        assert_value(pab_long_remainder(a, d), x - floor_of(x, divisor) * divisor);
        assert_int_equal(pab_object_compare(a, b) < 0, x < y);
        assert_int_equal(pab_object_equal(a, b), x == y);
        pab_decref(a);
        pab_decref(b);
        pab_decref(d);
    }
}

static void assert_text(struct pab_object *str, const char *expected)
{
    struct pab_object *other = text(expected);
    assert_non_null(str);
    assert_true(pab_object_equal(str, other));
    assert_true(pab_object_hash(str) == pab_object_hash(other));
    pab_decref(other);
    pab_decref(str);
}

/* PYTHONHASHSEED=0 python3.11 -c "print(hash('abc'))" and so on: each way to end a text. */
static void test_hashes_are_those_of_seed_0(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t hash;
    } known[] = {
        {"", 0},
        {"a", 4644417185603328019},
        {"ab", 6148830537548944441},
        {"abc", -4594863902769663758},
        {"abcd", -2030606670787596663},
        {"abcde", 2674923165546153122},
        {"abcdefg", 7904145750247929094},
        {"abcdefgh", 4574395652268504554},
        {"abcdefghi", -532774252720507163},
        {"abcdefghijklmno", 2293029479765367930},
        {"abcdefghijklmnop", -7712962755478248686},
        {"abcdefghijklmnopq", 7044894726457044172},
        {"\xd0\x9f\xd1\x80", -4524007526720642138},
        {"\xf0\x9f\x98\x80z", 983113927133669128},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        struct pab_object *str = text(known[i].text);
        assert_true(pab_object_hash(str) == known[i].hash);
        pab_decref(str);
    }
}

static void test_number_to_str(void **state)
{
    (void)state;
    pab_rng_seed(&rng, 2);
    for (int i = 0; i < 2000; i++) {
        int64_t value = random_int();
        char expected[32];
        snprintf(expected, sizeof(expected), "%lld", (long long)value);
        struct pab_object *object = number(value);
        assert_text(pab_object_str(object), expected);
        pab_decref(object);
    }
    const struct {
        double value;
        const char *repr; /* as python3 -c 'print(repr(value))' prints it */
    } floats[] = {{1, "1.0"},
                  {0.1, "0.1"},
                  {1e15, "1000000000000000.0"},
                  {1e16, "1e+16"},
                  {1e-4, "0.0001"},
                  {1e-5, "1e-05"},
                  {1.0 / 3, "0.3333333333333333"},
                  {5e-324, "5e-324"},
                  {-1234.5, "-1234.5"},
                  {0x1p-44, "5.684341886080802e-14"},
                  {-0x1p-957, "-8.209073602596753e-289"},
                  {0x1p-1022, "2.2250738585072014e-308"},
                  {0x1p-1023, "1.1125369292536007e-308"},
                  {0x1p-24, "5.960464477539063e-08"},
                  {3e-320, "3e-320"},
                  {0x1p+70, "1.1805916207174113e+21"},
                  {-0.0, "-0.0"}};
    for (size_t i = 0; i < ARRAY_COUNT(floats); i++) {
        struct pab_object *object = pab_must(pab_float_from_double(floats[i].value));
        assert_text(pab_object_str(object), floats[i].repr);
        pab_decref(object);
    }
}

/* --- str against arrays of characters -------------------------------------------------------- */

enum { MODEL_MAX = 400 };

struct model {
    uint32_t chars[MODEL_MAX];
    pab_ssize length;
};

static void random_model(struct model *m, pab_ssize max_length)
{
    const uint32_t alphabets[][4] = {{'a', 'b', 'A', ','},
                                     {'a', 0xe9, 0xc9, ','},
                                     {'a', 0x41f, ',', 0xe9},
                                     {'a', 0x1f600, ',', 'b'}};
    const uint32_t *alphabet = alphabets[below(4)];
    m->length = (pab_ssize)below((uint64_t)max_length + 1);
    for (pab_ssize i = 0; i < m->length; i++) {
        m->chars[i] = alphabet[below(4)];
    }
}

static struct pab_object *str_of(const struct model *m)
{
    uint32_t widest = 0;
    for (pab_ssize i = 0; i < m->length; i++) {
        widest = m->chars[i] > widest ? m->chars[i] : widest;
    }
    char utf8[4 * MODEL_MAX];
    char *out = utf8;
    for (pab_ssize i = 0; i < m->length; i++) {
        uint32_t c = m->chars[i];
        if (c < 0x80) {
            *out++ = (char)c;
        } else if (c < 0x800) {
            *out++ = (char)(0xc0 | c >> 6);
            *out++ = (char)(0x80 | (c & 63));
        } else {
            *out++ = (char)(0xf0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 63));
            *out++ = (char)(0x80 | (c >> 6 & 63));
            *out++ = (char)(0x80 | (c & 63));
        }
    }
    return pab_must(pab_unicode_from_utf8(utf8, out - utf8));
}

/* Takes `str`. Equal, and in the narrowest kind, which equality of hashes would miss. */
static void assert_model(struct pab_object *str, const struct model *m)
{
    assert_non_null(str);
    assert_int_equal(pab_unicode_length(str), m->length);
    for (pab_ssize i = 0; i < m->length; i++) {
        assert_int_equal(pab_unicode_read_char(str, i), m->chars[i]);
    }
    struct pab_object *again = str_of(m);
    assert_true(pab_object_equal(str, again));
    assert_true(pab_object_hash(str) == pab_object_hash(again));
    pab_decref(again);
    pab_decref(str);
}

static void model_add(struct model *m, const uint32_t *chars, pab_ssize length)
{
    assert_true(m->length + length <= MODEL_MAX);
    memcpy(m->chars + m->length, chars, (size_t)length * sizeof(*chars));
    m->length += length;
}

static pab_ssize model_find(const struct model *m, pab_ssize start, const struct model *part)
{
    for (pab_ssize i = start; i + part->length <= m->length; i++) {
        if (memcmp(m->chars + i, part->chars, (size_t)part->length * sizeof(uint32_t)) == 0) {
            return i;
        }
    }
    return -1;
}

static void model_replace(const struct model *m, const struct model *from, const struct model *to,
                          struct model *out)
{
    out->length = 0;
    pab_ssize at = 0;
    for (pab_ssize hit; from->length > 0 && (hit = model_find(m, at, from)) >= 0;) {
        model_add(out, m->chars + at, hit - at);
        model_add(out, to->chars, to->length);
        at = hit + from->length;
    }
    for (; from->length == 0 && at < m->length; at++) {
        model_add(out, to->chars, to->length);
        model_add(out, m->chars + at, 1);
    }
    if (from->length == 0) {
        model_add(out, to->chars, to->length);
    }
    model_add(out, m->chars + at, m->length - at);
}

static void check_split(struct pab_object *str, const struct model *m)
{
    struct pab_object *pieces = pab_must(pab_unicode_split(str, ','));
    struct pab_object *comma = text(",");
    pab_ssize start = 0;
    pab_ssize piece = 0;
    for (pab_ssize i = 0; i <= m->length; i++) {
        if (i == m->length || m->chars[i] == ',') {
            struct model expected = {.length = 0};
            model_add(&expected, m->chars + start, i - start);
            assert_model(pab_new_ref(pab_list_get_item(pieces, piece++)), &expected);
            start = i + 1;
        }
    }
    assert_int_equal(pab_list_size(pieces), piece);
    assert_model(pab_unicode_join(comma, pieces), m);
    pab_decref(comma);
    pab_decref(pieces);
}

static void test_str_functions(void **state)
{
    (void)state;
    pab_rng_seed(&rng, 3);
    for (int i = 0; i < 3000; i++) {
        static struct model a, b, c, out;
        random_model(&a, 30);
        random_model(&b, 3);
        random_model(&c, 4);
        struct pab_object *left = str_of(&a);
        struct pab_object *part = str_of(&b);
        struct pab_object *value = str_of(&c);
        assert_int_equal(pab_unicode_find(left, part), model_find(&a, 0, &b));
        model_replace(&a, &b, &c, &out);
        assert_model(pab_unicode_replace(left, part, value), &out);
        out = a;
        model_add(&out, b.chars, b.length);
        assert_model(pab_unicode_concat(left, part), &out);
        model_add(&out, c.chars, c.length);
        struct pab_object *sum = pab_unicode_concat(left, part);
        pab_must_do(pab_unicode_append(&sum, value));
        assert_model(sum, &out);
        pab_ssize start = (pab_ssize)below(32);
        pab_ssize end = (pab_ssize)below(32);
        out.length = 0;
        for (pab_ssize k = start; k < end && k < a.length; k++) {
            model_add(&out, &a.chars[k], 1);
        }
        assert_model(pab_unicode_substring(left, start, end), &out);
        check_split(left, &a);
        struct pab_object *bytes = pab_must(pab_unicode_encode(left));
        assert_model(pab_bytes_decode(bytes), &a);
        struct pab_object *all[] = {bytes, left, part, value};
        for (size_t k = 0; k < ARRAY_COUNT(all); k++) {
            pab_decref(all[k]);
        }
    }
    struct pab_object *upper = text("AbC \xc3\x89 \xd0\x9f");
    assert_text(pab_unicode_lower(upper), "abc \xc3\xa9 \xd0\xbf");
    pab_decref(upper);
}

/* --- random programs ------------------------------------------------------------------------- */

enum { ITEMS_MAX = 300 };

static void assert_list(struct pab_object *list, const int64_t *items, size_t count)
{
    assert_int_equal(pab_list_size(list), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pab_long_as_int64(pab_list_get_item(list, (pab_ssize)i)), items[i]);
    }
}

static void test_random_list(void **state)
{
    (void)state;
    static int64_t items[ITEMS_MAX];
    size_t count = 0;
    struct pab_object *list = pab_list_new(0);
    pab_rng_seed(&rng, 4);
    for (int64_t step = 0; step < 5000; step++) {
        size_t low = below(count + 1);
        size_t high = low + below(count - low + 1);
        size_t rest = count - high;
        if (below(3) != 0 && count < ITEMS_MAX) {
            struct pab_object *item = number(step);
            pab_must_do(pab_list_insert(list, (pab_ssize)low, item));
            pab_decref(item);
            memmove(items + low + 1, items + low, (count - low) * sizeof(*items));
            items[low] = step;
            count++;
        } else if (low < count && below(2) == 0) {
            struct pab_object *item = pab_must(pab_list_pop(list, (pab_ssize)low));
            assert_int_equal(pab_long_as_int64(item), items[low]);
            pab_decref(item);
            memmove(items + low, items + low + 1, (count - low - 1) * sizeof(*items));
            count--;
        } else if (below(20) == 0) {
            pab_must_do(pab_list_set_slice(list, (pab_ssize)low, (pab_ssize)high, NULL));
            memmove(items + low, items + high, rest * sizeof(*items));
            count = low + rest;
        }
        assert_list(list, items, count);
    }
    pab_decref(list);
}

enum { KEYS = 200 };

struct entry {
    int key;
    int64_t value;
};

/* Order of insertion, replaced values keep their place. */
static void assert_dict(struct pab_object *dict, struct pab_object **keys,
                        const struct entry *entries, size_t count)
{
    pab_ssize position = 0;
    size_t seen = 0;
    struct pab_object *key;
    struct pab_object *value;
    while (pab_dict_next(dict, &position, &key, &value)) {
        assert_true(seen < count);
        assert_true(pab_object_equal(key, keys[entries[seen].key]));
        assert_int_equal(pab_long_as_int64(value), entries[seen++].value);
    }
    assert_int_equal(seen, count);
    assert_int_equal(pab_dict_size(dict), count);
}

static void check_random_dict(struct pab_object *dict, struct pab_object **keys, int key_count)
{
    static struct entry entries[KEYS];
    size_t count = 0;
    for (int64_t step = 0; step < 6000; step++) {
        int key = (int)below((uint64_t)key_count);
        size_t at = 0;
        while (at < count && entries[at].key != key) {
            at++;
        }
        struct pab_object *found = pab_dict_get_item(dict, keys[key]);
        assert_int_equal(found != NULL, at < count);
        if (below(2) == 0) {
            assert_int_equal(pab_dict_del_item(dict, keys[key]), at < count ? 0 : -1);
            count -= at < count;
            memmove(entries + at, entries + at + 1,
                    (count - (at < count ? at : count)) * sizeof(*entries));
        } else {
            struct pab_object *value = number(step);
            pab_must_do(pab_dict_set_item(dict, keys[key], value));
            pab_decref(value);
            count += at == count;
            entries[at] = (struct entry){key, step};
        }
        if (step % 50 == 0) {
            assert_dict(dict, keys, entries, count);
            struct pab_object *copy = pab_must(pab_dict_copy(dict));
            assert_dict(copy, keys, entries, count);
            assert_true(pab_object_equal(copy, dict));
            pab_decref(copy);
        }
    }
    pab_dict_clear(dict);
    assert_int_equal(pab_dict_size(dict), 0);
}

/* Dicts of strs, of ints, of both, and the split dict of an instance. */
static void test_random_dicts(void **state)
{
    (void)state;
    static struct pab_object *keys[KEYS];
    struct pab_object *cls = pab_must(pab_class_new("C", NULL, NULL));
    pab_rng_seed(&rng, 5);
    for (int mode = 0; mode < 4; mode++) {
        for (int i = 0; i < KEYS; i++) {
            keys[i] = number((int64_t)i * 8192 - 1000);
            if (mode == 0 || mode == 3 || (mode == 2 && i % 2 == 0)) {
                struct pab_object *str = pab_must(pab_object_str(keys[i]));
                pab_decref(keys[i]);
                keys[i] = str;
            }
        }
        struct pab_object *object = pab_must(pab_instance_new(cls));
        struct pab_object *dict = mode == 3 ? pab_must(pab_object_dict(object)) : pab_dict_new();
        check_random_dict(dict, keys, KEYS);
        pab_decref(dict);
        pab_decref(object);
        object = pab_must(pab_instance_new(cls));
        dict = pab_must(pab_object_dict(object));
        check_random_dict(dict, keys, 20); /* few enough to stay split */
        pab_decref(dict);
        pab_decref(object);
        for (int i = 0; i < KEYS; i++) {
            pab_decref(keys[i]);
        }
    }
    pab_decref(cls);
}

/* Floats, told apart by their addresses: equal ones keep their order. */
static void test_sort_is_stable(void **state)
{
    (void)state;
    pab_rng_seed(&rng, 6);
    for (int round = 0; round < 60; round++) {
        size_t count = below(3000);
        uint64_t values = 1 + below(2) * 40 + below(2) * 100000;
        struct pab_object *list = pab_list_new(0);
        for (size_t i = 0; i < count; i++) {
            append_new(list, pab_must(pab_float_from_double((double)(below(values)))));
        }
        struct pab_object *before = pab_must(pab_list_get_slice(list, 0, (pab_ssize)count));
        pab_must_do(pab_list_sort(list));
        assert_int_equal(pab_list_size(list), count);
        struct pab_object *position_of = pab_dict_new();
        for (size_t i = 0; i < count; i++) {
            struct pab_object *address =
                number((int64_t)(intptr_t)pab_list_get_item(before, (pab_ssize)i));
            struct pab_object *position = number((int64_t)i);
            pab_must_do(pab_dict_set_item(position_of, address, position));
            pab_decref(address);
            pab_decref(position);
        }
        int64_t last_position = -1;
        for (size_t i = 0; i < count; i++) {
            struct pab_object *item = pab_list_get_item(list, (pab_ssize)i);
            struct pab_object *address = number((int64_t)(intptr_t)item);
            struct pab_object *position = pab_dict_get_item(position_of, address);
            assert_non_null(position);
            int order =
                i == 0 ? -1 : pab_object_compare(pab_list_get_item(list, (pab_ssize)i - 1), item);
            assert_true(order <= 0);
            assert_true(order < 0 || last_position < pab_long_as_int64(position));
            last_position = pab_long_as_int64(position);
            pab_decref(address);
        }
        pab_decref(position_of);
        pab_decref(before);
        pab_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_arithmetic),
        PYOBJ_TEST(test_number_to_str),
        PYOBJ_TEST(test_hashes_are_those_of_seed_0),
        PYOBJ_TEST(test_str_functions),
        PYOBJ_TEST(test_random_list),
        PYOBJ_TEST(test_random_dicts),
        PYOBJ_TEST(test_sort_is_stable),
    };
    return cmocka_run_group_tests_name("pyobj_values", tests, NULL, NULL);
}
