/* tests/differential/vectors_cycles.c -- which cycles are found, and what finalizers do to them
 * (PEP 442; Lib/test/test_gc.py and test_finalization.py hold the behaviours). */
#include "tests/differential/vectors.h"

static struct pab_object *saved; /* an owned reference, for finalizers that resurrect */

static void save_self(struct pab_object *self)
{
    write_log(number_of(self));
    PAB_CHECK(saved == NULL);
    saved = pab_new_ref(self);
}

static void save_number_one(struct pab_object *self)
{
    if (number_of(self) == 1) {
        save_self(self);
    } else {
        write_log(number_of(self));
    }
}

/* Numbers 0 to count - 1, each with the next one as attribute `next`, the last with the first. */
static void make_ring(struct pab_object *class_object, int count)
{
    struct pab_object *first = new_numbered(class_object, 0);
    struct pab_object *last = pab_new_ref(first);
    for (int i = 1; i < count; i++) {
        struct pab_object *node = new_numbered(class_object, i);
        set_attribute(last, "next", node);
        pab_decref(last);
        last = node;
    }
    set_attribute(last, "next", first);
    pab_decref(last);
    pab_decref(first);
}

static void ring_of_five(void)
{
    struct pab_object *mortal = new_mortal_class();
    make_ring(mortal, 5);
    expect("collect()", pab_py_collect(2), 5);
    EXPECT_LOG(0, 1, 2, 3, 4);
    drop(&mortal);
}

/* a <-> b, c <-> d, and b is kept: the scan brings a back behind b. */
static void kept_half(void)
{
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *nodes[4];
    for (int i = 0; i < 4; i++) {
        nodes[i] = new_numbered(mortal, i);
    }
    for (int i = 0; i < 4; i++) {
        set_attribute(nodes[i], "other", nodes[i ^ 1]);
    }
    struct pab_object *keep = new_list_of(nodes[1]);
    for (int i = 0; i < 4; i++) {
        drop(&nodes[i]);
    }
    expect("collect()", pab_py_collect(2), 2);
    EXPECT_LOG(2, 3);
    drop(&keep);
    expect("collect()", pab_py_collect(2), 2);
    EXPECT_LOG(1, 0);
    drop(&mortal);
}

static void resurrecting_self_cycle(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Phoenix", NULL, save_self));
    make_ring(class_object, 1);
    expect("collect()", pab_py_collect(2), 0);
    EXPECT_LOG(0);
    expect("is_finalized()", pab_py_gc_is_finalized(saved), true);
    drop(&saved);
    expect("collect()", pab_py_collect(2), 1);
    drop(&class_object);
}

static void resurrecting_ring_of_four(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Phoenix", NULL, save_number_one));
    make_ring(class_object, 4);
    expect("collect()", pab_py_collect(2), 0);
    EXPECT_LOG(0, 1, 2, 3);
    EXPECT_LIST(2, 1, 2, 3, 0);
    drop(&saved);
    expect("collect()", pab_py_collect(2), 4);
    drop(&class_object);
}

/* One of a hundred objects comes back; the others are freed all the same. */
static void resurrection_blocks_no_other(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Phoenix", NULL, save_number_one));
    int64_t all[100];
    for (int i = 0; i < 100; i++) {
        struct pab_object *node = new_numbered(class_object, i);
        set_attribute(node, "next", node);
        drop(&node);
        all[i] = i;
    }
    expect("collect()", pab_py_collect(2), 99);
    expect_log_of("the order", all, 100);
    EXPECT_LIST(2, 1);
    drop(&saved);
    expect("collect()", pab_py_collect(2), 1);
    drop(&class_object);
}

static void cut_own_cycle(struct pab_object *self)
{
    write_log(number_of(self));
    set_attribute(self, "next", pab_none());
}

/* Freed by its reference count, so it is not among the collected. */
static void finalizer_breaks_its_own_cycle(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Cutting", NULL, cut_own_cycle));
    make_ring(class_object, 1);
    expect("collect()", pab_py_collect(2), 0);
    EXPECT_LOG(0);
    expect("collect()", pab_py_collect(2), 0);
    drop(&class_object);
}

/* Back by reference count: young again, and marked. */
static void resurrection_by_count(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Phoenix", NULL, save_self));
    struct pab_object *node = new_numbered(class_object, 7);
    pab_py_collect(1);
    EXPECT_LIST(2, 7);
    drop(&node);
    EXPECT_LOG(7);
    EXPECT_LIST(0, 7);
    expect("is_finalized()", pab_py_gc_is_finalized(saved), true);
    drop(&saved);
    drop(&class_object);
}

static void collect_within(struct pab_object *self)
{
    write_log(number_of(self));
    write_log(pab_py_collect(2));
}

static void collecting_within_a_collection(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Collecting", NULL, collect_within));
    make_ring(class_object, 2);
    expect("collect()", pab_py_collect(0), 2);
    EXPECT_LOG(0, 0, 1, 0);
    expect("full collections", (int64_t)pab_py_gc_stats(2).collections, 0);
    drop(&class_object);
}

static struct pab_object *self_list(struct pab_object *unused)
{
    (void)unused;
    struct pab_object *list = new_list_of(NULL);
    pab_must_do(pab_list_append(list, list));
    return list;
}

static struct pab_object *self_dict(struct pab_object *unused)
{
    (void)unused;
    struct pab_object *dict = pab_must(pab_dict_new());
    struct pab_object *key = pab_must(pab_long_from_int64(1));
    pab_must_do(pab_dict_set_item(dict, key, dict));
    pab_decref(key);
    return dict;
}

static struct pab_object *self_instance(struct pab_object *class_object)
{
    struct pab_object *self = pab_must(pab_instance_new(class_object));
    set_attribute(self, "me", self);
    return self;
}

static struct pab_object *self_instance_with_dict(struct pab_object *class_object)
{
    struct pab_object *self = self_instance(class_object);
    pab_decref(pab_must(pab_object_dict(self)));
    return self;
}

static void ten_of(struct pab_object *(*make)(struct pab_object *), struct pab_object *class_object,
                   int64_t collected)
{
    for (int i = 0; i < 10; i++) {
        struct pab_object *object = make(class_object);
        drop(&object);
    }
    expect("collect()", pab_py_collect(2), collected);
}

static void ten_self_references(void)
{
    static const char *const slots[] = {"me", NULL};
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *slotted = pab_must(pab_class_new("Slotted", slots, NULL));
    ten_of(self_list, NULL, 10);
    ten_of(self_dict, NULL, 10);
    ten_of(self_instance, plain, 10);
    ten_of(self_instance, slotted, 10);
    ten_of(self_instance_with_dict, plain, 20);
    drop(&slotted);
    drop(&plain);
}

/* A tuple cannot be cleared; the list in it can. */
static void tuple_and_list(void)
{
    struct pab_object *list = new_list_of(NULL);
    struct pab_object *tuple = pab_must(pab_tuple_pack(1, list));
    pab_must_do(pab_list_append(list, tuple));
    drop(&tuple);
    drop(&list);
    expect("collect()", pab_py_collect(2), 2);
    expect("collect()", pab_py_collect(2), 0);
}

const struct vector vectors_cycles[] = {
    {"ring_of_five", ring_of_five},
    {"kept_half", kept_half},
    {"resurrecting_self_cycle", resurrecting_self_cycle},
    {"resurrecting_ring_of_four", resurrecting_ring_of_four},
    {"resurrection_blocks_no_other", resurrection_blocks_no_other},
    {"finalizer_breaks_its_own_cycle", finalizer_breaks_its_own_cycle},
    {"resurrection_by_count", resurrection_by_count},
    {"collecting_within_a_collection", collecting_within_a_collection},
    {"ten_self_references", ten_self_references},
    {"tuple_and_list", tuple_and_list},
    {NULL, NULL},
};
