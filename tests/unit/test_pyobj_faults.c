/* tests/unit/test_pyobj_faults.c -- every allocation of a program over the whole object model is
 * made to fail in turn, once and from then on: no crash, no damage, no leak. */
#include "tests/unit/pyobj_test.h"

#include "allocators/decorate/faulty.h"

/* The program keeps all that it makes in one C array, so that it can stop anywhere. */
enum { KEPT_MAX = 512 };

struct program {
    struct pab_object *kept[KEPT_MAX];
    size_t count;
    bool failed; /* some call reported a lack of memory */
};

/* Passes a new reference on and keeps it; NULL is noted and replaced by None. */
static struct pab_object *keep(struct program *p, struct pab_object *object)
{
    if (object == NULL) {
        p->failed = true;
        object = pab_new_ref(pab_none());
    }
    assert_true(p->count < KEPT_MAX);
    p->kept[p->count++] = object;
    return object;
}

static void note(struct program *p, int status)
{
    p->failed |= status != 0;
}

static bool is_none(struct pab_object *object)
{
    return object == pab_none();
}

static void use_numbers(struct program *p)
{
    struct pab_object *big = keep(p, pab_long_from_int64(INT64_C(1) << 50));
    struct pab_object *other = keep(p, pab_long_from_int64(-123456789));
    struct pab_object *real = keep(p, pab_float_from_double(0.1));
    if (is_none(big) || is_none(other) || is_none(real)) {
        return;
    }
    keep(p, pab_long_add(big, other));
    keep(p, pab_long_subtract(big, other));
    keep(p, pab_long_multiply(big, other));
    keep(p, pab_long_floor_divide(big, other));
    keep(p, pab_long_remainder(big, other));
    keep(p, pab_object_str(big));
    keep(p, pab_object_str(real));
}

/* Long enough for Karatsuba, with all that divides and changes bits. */
static void use_long_numbers(struct program *p)
{
    static char digits[2001];
    memset(digits, '7', sizeof(digits) - 1);
    digits[0] = '-';
    struct pab_object *a = keep(p, pab_long_from_text(digits));
    struct pab_object *b = keep(p, pab_long_from_text(digits + 1200));
    struct pab_object *c = keep(p, pab_long_from_text(digits + 1100));
    struct pab_object *bits = keep(p, pab_long_from_int64(1000));
    if (is_none(a) || is_none(b) || is_none(c) || is_none(bits)) {
        return;
    }
    keep(p, pab_long_multiply(a, a));
    keep(p, pab_long_multiply(b, c));
    keep(p, pab_long_multiply(a, b));
    keep(p, pab_long_floor_divide(a, b));
    keep(p, pab_long_remainder(a, b));
    keep(p, pab_long_negative(a));
    keep(p, pab_long_lshift(a, bits));
    keep(p, pab_long_rshift(a, bits));
    keep(p, pab_long_and(a, b));
    keep(p, pab_long_or(b, a));
    keep(p, pab_long_xor(a, a));
}

static void use_strs(struct program *p)
{
    struct pab_object *ascii = keep(p, pab_unicode_from_utf8("one,two,three", 13));
    struct pab_object *wide =
        keep(p, pab_unicode_from_utf8("\xd0\x9f,\xf0\x9f\x98\x80,\xc3\x89", 10));
    struct pab_object *two = keep(p, pab_unicode_from_ascii("tw", 2));
    if (is_none(ascii) || is_none(wide) || is_none(two)) {
        return;
    }
    keep(p, pab_unicode_concat(ascii, wide));
    keep(p, pab_unicode_substring(wide, 1, 4));
    keep(p, pab_unicode_lower(wide));
    keep(p, pab_unicode_replace(ascii, two, wide));
    struct pab_object *pieces = keep(p, pab_unicode_split(wide, ','));
    if (!is_none(pieces)) {
        keep(p, pab_unicode_join(ascii, pieces));
    }
    int found = (int)pab_unicode_find(wide, two);
    assert_true(found == -1 || found == -2);
    p->failed |= found == -2;
    struct pab_object *sum = pab_unicode_from_ascii("sum", 3);
    for (int i = 0; i < 3 && sum != NULL; i++) {
        note(p, pab_unicode_append(&sum, i == 1 ? wide : ascii));
    }
    keep(p, sum);
    struct pab_object *bytes = keep(p, pab_unicode_encode(wide));
    if (!is_none(bytes)) {
        keep(p, pab_bytes_concat(bytes, bytes));
        keep(p, pab_bytes_decode(bytes));
    }
    keep(p, pab_unicode_repeat(wide, 3));
}

static void use_bytearrays(struct program *p)
{
    struct pab_object *array = keep(p, pab_bytearray_from_string("0123456789", 10));
    if (is_none(array)) {
        return;
    }
    for (int i = 0; i < 30; i++) {
        note(p, pab_bytearray_append(array, (uint8_t)i));
    }
    struct pab_object *sum = keep(p, pab_bytearray_concat(array, array));
    if (!is_none(sum)) {
        note(p, pab_bytearray_extend(array, sum));
        note(p, pab_bytearray_resize(sum, 1));
    }
}

static void use_lists(struct program *p)
{
    struct pab_object *list = keep(p, pab_list_new(0));
    struct pab_object *tuple = keep(p, pab_tuple_pack(3, pab_none(), pab_none(), pab_none()));
    if (is_none(list) || is_none(tuple)) {
        return;
    }
    for (int64_t i = 0; i < 700; i++) {
        struct pab_object *item = pab_long_from_int64(i * 7919 % 1009);
        note(p, item == NULL ? -1 : pab_list_append(list, item));
        pab_xdecref(item);
    }
    note(p, pab_list_sort(list));
    struct pab_object *copy = keep(p, pab_list_get_slice(list, 0, 100));
    keep(p, pab_list_concat(list, list));
    keep(p, pab_list_repeat(list, 2));
    keep(p, pab_list_as_tuple(list));
    keep(p, pab_tuple_get_slice(tuple, 1, 3));
    keep(p, pab_tuple_concat(tuple, tuple));
    keep(p, pab_tuple_repeat(tuple, 10));
    if (!is_none(copy)) {
        note(p, pab_list_extend(copy, copy));
        note(p, pab_list_insert(copy, 3, tuple));
        note(p, pab_list_set_slice(copy, 2, 30, tuple));
        note(p, pab_list_set_slice(copy, 1, 2, copy));
        while (pab_list_size(copy) > 0 && !p->failed) {
            struct pab_object *item = pab_list_pop(copy, pab_list_size(copy) % 2 == 0 ? 0 : -1);
            p->failed |= item == NULL;
            pab_xdecref(item);
        }
        note(p, pab_list_extend(copy, tuple));
    }
}

static void use_dicts(struct program *p)
{
    struct pab_object *dict = keep(p, pab_dict_new());
    if (is_none(dict)) {
        return;
    }
    for (int i = 0; i < 12; i++) {
        char name[] = {'k', (char)('a' + i)};
        struct pab_object *key = pab_unicode_from_ascii(name, 2);
        note(p, key == NULL ? -1 : pab_unicode_intern_in_place(&key));
        note(p, key == NULL ? -1 : pab_dict_set_item(dict, key, key));
        pab_xdecref(key);
    }
    struct pab_object *copy = keep(p, pab_dict_copy(dict));
    struct pab_object *fresh = keep(p, pab_dict_new());
    note(p, pab_dict_set_item(dict, pab_none(), dict));
    keep(p, pab_dict_copy(dict));
    keep(p, pab_dict_keys(dict));
    keep(p, pab_dict_items(dict));
    if (!is_none(copy) && !is_none(fresh)) {
        note(p, pab_dict_update(fresh, copy));
        note(p, pab_dict_update(fresh, dict));
    }
    pab_ssize size = pab_dict_size(dict);
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    while (size > 2 && pab_dict_next(dict, &position, &key, &value)) {
        if (!is_none(key)) {
            assert_int_equal(pab_dict_del_item(dict, key), 0);
            size--;
        }
    }
    keep(p, pab_dict_copy(dict));
    pab_dict_clear(dict);
}

static void use_sets(struct program *p)
{
    struct pab_object *list = keep(p, pab_list_new(0));
    for (int64_t i = 0; i < 30 && !is_none(list); i++) {
        struct pab_object *item = pab_long_from_int64(i * 1000);
        note(p, item == NULL ? -1 : pab_list_append(list, item));
        pab_xdecref(item);
    }
    struct pab_object *set = is_none(list) ? list : keep(p, pab_set_new(list));
    struct pab_object *frozen = keep(p, pab_frozenset_new(NULL));
    if (is_none(set) || is_none(frozen)) {
        return;
    }
    struct pab_object *few = keep(p, pab_set_new(frozen));
    if (!is_none(few)) {
        note(p, pab_set_add(few, frozen));
        keep(p, pab_set_difference(set, few));
        keep(p, pab_set_union(few, set));
        keep(p, pab_set_symmetric_difference(few, set));
        note(p, pab_set_update(few, list));
    }
    keep(p, pab_set_copy(set));
    keep(p, pab_set_intersection(set, set));
    keep(p, pab_frozenset_new(set));
    /* Keys that need no memory, into tables that may never grow: no search may be endless. */
    struct pab_object *small = keep(p, pab_set_new(NULL));
    for (int64_t i = 0; i < 60 && !is_none(small); i++) {
        struct pab_object *item = pab_long_from_int64(i);
        note(p, pab_set_add(small, item));
        pab_decref(item);
    }
    pab_set_clear(set);
}

static struct pab_object *pair_up(struct pab_object *self, struct pab_object *item)
{
    (void)self;
    return pab_tuple_pack(2, item, item);
}

/* One generator over another; both are run to their end, or until memory is out. */
static void use_generators(struct program *p)
{
    struct pab_object *list = keep(p, pab_list_new(0));
    struct pab_object *function = keep(p, pab_function_new(pair_up, NULL));
    if (is_none(list) || is_none(function)) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        note(p, pab_list_append(list, function));
    }
    struct pab_object *inner = keep(p, pab_generator_new(function, list));
    struct pab_object *outer = is_none(inner) ? inner : keep(p, pab_generator_new(function, inner));
    if (is_none(outer)) {
        return;
    }
    struct pab_object *value;
    int status;
    while ((status = pab_iterator_next(outer, &value)) == 1) {
        keep(p, value);
    }
    note(p, status);
    assert_int_equal(pab_iterator_next(outer, &value), 0);
}

static const struct pab_extension extension = {.name = "extension", .size = 24};

static void use_extensions(struct program *p)
{
    const struct pab_extension_type *type = pab_extension_ready(&extension);
    keep(p, pab_extension_new(type));
    keep(p, pab_extension_new(type));
}

static void use_instances(struct program *p, struct pab_object *cls)
{
    struct pab_object *object = keep(p, pab_instance_new(cls));
    if (is_none(object)) {
        return;
    }
    for (int i = 0; i < 32; i++) {
        char text_of_name[] = {'a', 't', (char)('a' + i)};
        struct pab_object *name = pab_unicode_from_ascii(text_of_name, 3);
        note(p, name == NULL ? -1 : pab_object_set_attr(object, name, object));
        pab_xdecref(name);
    }
    struct pab_object *second = keep(p, pab_instance_new(cls));
    struct pab_object *dict = is_none(second) ? second : keep(p, pab_object_dict(second));
    if (!is_none(dict)) {
        note(p, pab_dict_set_item(dict, pab_none(), second));
        keep(p, pab_dict_copy(dict));
    }
}

static int told;

static struct pab_object *count_call(struct pab_object *self, struct pab_object *weakref)
{
    assert_null(self);
    assert_true(is_none(pab_weakref_get(weakref)));
    told++;
    return pab_new_ref(pab_none());
}

/* A dying object that cannot get the memory to call its callbacks clears its weak references. */
static void use_weakrefs(struct program *p)
{
    struct pab_object *set = pab_set_new(NULL);
    struct pab_object *function = keep(p, pab_function_new(count_call, NULL));
    if (set == NULL || is_none(function)) {
        p->failed = true;
        pab_xdecref(set);
        return;
    }
    struct pab_object *weakrefs[3];
    for (int i = 0; i < 3; i++) {
        weakrefs[i] = keep(p, pab_weakref_new(set, i == 1 ? NULL : function));
    }
    bool all = !is_none(weakrefs[0]) && !is_none(weakrefs[2]);
    told = 0;
    pab_decref(set);
    p->failed |= all && told < 2;
    assert_true(!all || told == 2 || told == 0);
    for (int i = 0; i < 3; i++) {
        assert_true(is_none(weakrefs[i]) || is_none(pab_weakref_get(weakrefs[i])));
    }
}

static int64_t finalizer_runs;

static void count_finalizer(struct pab_object *self)
{
    assert_true(self->refcnt >= 1);
    finalizer_runs++;
}

/* The whole program; false when some allocation failed. */
static bool program_run(void)
{
    static struct program p;
    memset(&p, 0, sizeof(p));
    struct pab_object *plain = pab_class_new("Plain", NULL, count_finalizer);
    p.failed |= plain == NULL;
    use_numbers(&p);
    use_long_numbers(&p);
    use_strs(&p);
    use_bytearrays(&p);
    use_lists(&p);
    use_dicts(&p);
    use_sets(&p);
    use_weakrefs(&p);
    use_generators(&p);
    use_extensions(&p);
    if (plain != NULL) {
        use_instances(&p, plain);
        use_instances(&p, plain);
    }
    while (p.count > 0) {
        pab_decref(p.kept[--p.count]);
    }
    pab_xdecref(plain);
    return !p.failed;
}

static void sweep(struct fixture *f, enum pab_fault fault)
{
    static struct pab_faulty faulty; /* outlives a failed assertion */
    bool whole = false;
    uint64_t n = 0;
    pab_py_stop();
    pab_faulty_attach(&faulty, &f->heap);
    for (; !whole; n++) {
        pab_py_start(&f->heap, f->storage);
        pab_py_gc()->generations[0].threshold = 20;
        pab_faulty_arm(&faulty, n, fault);
        whole = program_run();
        /* Every failure of the heap was reported by some function, and none was made up. */
        assert_int_equal(whole, faulty.failed == 0);
        pab_py_stop();
        assert_int_equal(f->live_blocks, 0);
        assert_int_equal(pab_py_live_objects(), 0);
    }
    assert_true(n > 700);
    pab_faulty_detach(&faulty);
    pab_py_start(&f->heap, f->storage);
}

static void test_each_failure_once(void **state)
{
    sweep(*state, PAB_FAULT_ONCE);
    assert_true(finalizer_runs > 0);
}

static void test_each_failure_lasting(void **state)
{
    sweep(*state, PAB_FAULT_LASTING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_each_failure_once),
        PYOBJ_TEST(test_each_failure_lasting),
    };
    return cmocka_run_group_tests_name("pyobj_faults", tests, NULL, NULL);
}
