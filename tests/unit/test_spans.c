/* A type that has spans() tells by them what traverse() visits, in the same order: a collection
 * goes by the spans where there are any, and its order is CPython's. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/object.h"

enum { REFERENCES_MAX = 64 };

struct references {
    size_t count;
    struct pab_object *list[REFERENCES_MAX];
};

/* Without classes: they are no GC objects, so no collection is about them. */
static int take_reference(struct pab_object *referent, void *arg)
{
    struct references *references = arg;
    if (referent->type != &pab_class_type) {
        assert_true(references->count < REFERENCES_MAX);
        references->list[references->count++] = referent;
    }
    return 0;
}

/* How many references `object` has, the same by both ways. */
static size_t references_agree(struct pab_object *object)
{
    struct references visited = {0};
    struct references spanned = {0};
    struct pab_gc_span spans[PAB_GC_SPANS_MAX];
    object->type->traverse(object, take_reference, &visited);
    size_t count = object->type->spans(object, spans);
    assert_true(count > 0 && count <= PAB_GC_SPANS_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < spans[i].count; k++) {
            struct pab_object *referent = spans[i].first[(ptrdiff_t)k * spans[i].step];
            if (referent != NULL) {
                (void)take_reference(referent, &spanned);
            }
        }
    }
    assert_int_equal(spanned.count, visited.count);
    for (size_t i = 0; i < visited.count; i++) {
        assert_ptr_equal(spanned.list[i], visited.list[i]);
    }
    return visited.count;
}

static void test_sequences(void **state)
{
    (void)state;
    struct pab_object *list = pab_list_new(0);
    for (int i = 0; i < 20; i++) {
        append_new(list, number(1000 + i));
    }
    assert_int_equal(references_agree(list), 20);
    struct pab_object *tuple = pab_list_as_tuple(list);
    assert_int_equal(references_agree(tuple), 20);
    pab_decref(tuple);
    tuple = pab_tuple_new(3); /* still being built */
    pab_tuple_set_item(tuple, 1, number(1000));
    assert_int_equal(references_agree(tuple), 1);
    pab_decref(tuple);
    pab_decref(list);
}

static void set_new(struct pab_object *object, const char *name, struct pab_object *value)
{
    struct pab_object *key = interned(name);
    int status = object->type == &pab_dict_type ? pab_dict_set_item(object, key, value)
                                                : pab_object_set_attr(object, key, value);
    assert_int_equal(status, 0);
    pab_decref(key);
    pab_decref(value);
}

static void test_dicts(void **state)
{
    (void)state;
    struct pab_object *dict = pab_dict_new();
    set_new(dict, "a", number(1000));
    set_new(dict, "b", number(1001));
    set_new(dict, "c", number(1002));
    struct pab_object *key = interned("b");
    assert_int_equal(pab_dict_del_item(dict, key), 0);
    pab_decref(key);
    assert_int_equal(references_agree(dict), 2);
    struct pab_object *other = number(2000);
    struct pab_gc_span spans[PAB_GC_SPANS_MAX];
    assert_int_equal(pab_dict_set_item(dict, other, other), 0);
    assert_int_equal(dict->type->spans(dict, spans), 0); /* keys are visited now */
    pab_decref(other);
    pab_decref(dict);
}

/* Values first; then, when somebody has asked for it, the dict that adopted them. */
static void test_instances(void **state)
{
    (void)state;
    static const char *const slots[] = {"z", "a", "m", NULL};
    struct pab_object *cls = pab_class_new("Node", NULL, NULL);
    struct pab_object *node = pab_instance_new(cls);
    struct pab_object *second = pab_instance_new(cls);
    set_new(node, "x", number(1000));
    set_new(node, "y", number(1001));
    set_new(second, "y", number(1002));
    assert_int_equal(references_agree(node), 2);
    assert_int_equal(references_agree(second), 1);
    struct pab_object *dict = pab_object_dict(node);
    assert_int_equal(references_agree(node), 1);
    assert_int_equal(references_agree(dict), 2);
    pab_decref(dict);
    pab_decref(second);
    pab_decref(node);
    pab_decref(cls);
    cls = pab_class_new("Slotted", slots, NULL);
    node = pab_instance_new(cls);
    set_new(node, "z", number(1000));
    set_new(node, "a", number(1001));
    assert_int_equal(references_agree(node), 2);
    pab_decref(node);
    pab_decref(cls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sequences, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_dicts, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_instances, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("spans", tests, NULL, NULL);
}
