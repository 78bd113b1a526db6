/* tests/differential/vectors_orders.c -- in which order references are released, what a list looks
 * like after a collection, and what is tracked. */
#include "tests/differential/vectors.h"

/* --- release order ---------------------------------------------------------------------------- */

static void list_and_tuple_release_backwards(void)
{
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *list = new_list_of(NULL);
    struct pab_object *tuple = pab_must(pab_tuple_new(4));
    for (int i = 0; i < 4; i++) {
        struct pab_object *item = new_numbered(mortal, i);
        pab_must_do(pab_list_append(list, item));
        drop(&item);
        pab_tuple_set_item(tuple, i, new_numbered(mortal, 10 + i));
    }
    drop(&list);
    EXPECT_LOG(3, 2, 1, 0);
    drop(&tuple);
    EXPECT_LOG(13, 12, 11, 10);
    drop(&mortal);
}

static void slice_releases_backwards(void)
{
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *list = new_list_of(NULL);
    for (int i = 0; i < 5; i++) {
        struct pab_object *item = new_numbered(mortal, i);
        pab_must_do(pab_list_append(list, item));
        drop(&item);
    }
    pab_must_do(pab_list_set_slice(list, 1, 4, NULL));
    EXPECT_LOG(3, 2, 1);
    drop(&list);
    EXPECT_LOG(4, 0);
    drop(&mortal);
}

static void dict_releases_in_order(void)
{
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *dict = pab_must(pab_dict_new());
    for (int i = 0; i < 3; i++) {
        struct pab_object *key = new_numbered(mortal, i);
        struct pab_object *value = new_numbered(mortal, 10 + i);
        pab_must_do(pab_dict_set_item(dict, key, value));
        drop(&value);
        drop(&key);
    }
    drop(&dict);
    EXPECT_LOG(0, 10, 1, 11, 2, 12);
    drop(&mortal);
}

static void give_numbered(struct pab_object *owner, const char *name, struct pab_object *mortal,
                          int64_t number)
{
    struct pab_object *value = new_numbered(mortal, number);
    set_attribute(owner, name, value);
    drop(&value);
}

/* Values in the order in which the class learned the names, slots in that of their names. */
static void instances_release_after_themselves(void)
{
    static const char *const slots[] = {"z", "a", "m", "number", NULL};
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *owner_class = pab_must(pab_class_new("Owner", NULL, note_death));
    struct pab_object *owner = new_numbered(owner_class, 0);
    give_numbered(owner, "c", mortal, 3);
    give_numbered(owner, "a", mortal, 1);
    give_numbered(owner, "b", mortal, 2);
    drop(&owner);
    EXPECT_LOG(0, 3, 1, 2);
    struct pab_object *slotted_class = pab_must(pab_class_new("Slotted", slots, note_death));
    owner = new_numbered(slotted_class, 0);
    give_numbered(owner, "z", mortal, 26);
    give_numbered(owner, "a", mortal, 1);
    give_numbered(owner, "m", mortal, 13);
    drop(&owner);
    EXPECT_LOG(0, 1, 13, 26);
    drop(&slotted_class);
    drop(&owner_class);
    drop(&mortal);
}

/* A chain dies from its head on, however deep: the trashcan comes before the finalizer. */
static void deep_chain_keeps_its_order(void)
{
    enum { DEPTH = 200 };
    int64_t expected[DEPTH];
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *chain = pab_new_ref(pab_none());
    for (int i = DEPTH - 1; i >= 0; i--) {
        struct pab_object *node = new_numbered(mortal, i);
        set_attribute(node, "next", chain);
        drop(&chain);
        chain = node;
        expected[i] = i;
    }
    drop(&chain);
    expect_log_of("the order", expected, DEPTH);
    drop(&mortal);
}

/* --- the order of a list -------------------------------------------------------------------- */

/* a <- b <- c and a <- d, of which c alone is held: turned around once, and stable from then on. */
static void chain_is_reversed_once(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *a = new_numbered(plain, 1);
    struct pab_object *b = new_numbered(plain, 2);
    struct pab_object *c = new_numbered(plain, 3);
    struct pab_object *d = new_numbered(plain, 4);
    set_attribute(b, "next", a);
    set_attribute(c, "next", b);
    set_attribute(d, "next", d);
    drop(&a);
    drop(&b);
    drop(&d);
    EXPECT_LIST(0, 1, 2, 3, 4);
    expect("collect()", pab_py_collect(2), 1);
    EXPECT_LIST(2, 3, 2, 1);
    expect("collect()", pab_py_collect(2), 0);
    EXPECT_LIST(2, 3, 2, 1);
    drop(&c);
    drop(&plain);
}

/* The last item is seen first, so it comes back first. */
static void list_items_come_back_backwards(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *items[3];
    for (int i = 0; i < 3; i++) {
        items[i] = new_numbered(plain, i);
    }
    struct pab_object *list = new_list_of(NULL);
    for (int i = 0; i < 3; i++) {
        pab_must_do(pab_list_append(list, items[i]));
        drop(&items[i]);
    }
    pab_py_collect(2);
    EXPECT_LIST(2, 2, 1, 0);
    drop(&list);
    drop(&plain);
}

static void generations_are_merged_behind(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *oldest = new_numbered(plain, 1);
    pab_py_collect(1);
    struct pab_object *middle = new_numbered(plain, 2);
    pab_py_collect(0);
    struct pab_object *young = new_numbered(plain, 3);
    EXPECT_LIST(0, 3);
    EXPECT_LIST(1, 2);
    EXPECT_LIST(2, 1);
    pab_py_collect(2);
    EXPECT_LIST(2, 1, 3, 2);
    drop(&young);
    drop(&middle);
    drop(&oldest);
    drop(&plain);
}

/* --- what is tracked ------------------------------------------------------------------------ */

static void expect_tracked(const char *what, struct pab_object *object, bool tracked)
{
    expect(what, pab_py_gc_is_tracked(object), tracked);
}

static void containers_are_tracked(void)
{
    static const char *const no_slots[] = {NULL};
    struct pab_object *class_object = pab_must(pab_class_new("Empty", no_slots, NULL));
    struct pab_object *instance = pab_must(pab_instance_new(class_object));
    struct pab_object *list = new_list_of(NULL);
    struct pab_object *set = pab_must(pab_set_new(NULL));
    struct pab_object *weakref = pab_must(pab_weakref_new(set, NULL));
    struct pab_object *number = pab_must(pab_long_from_int64(1000));
    struct pab_object *empty = pab_must(pab_tuple_new(0));
    expect_tracked("list", list, true);
    expect_tracked("set", set, true);
    expect_tracked("instance", instance, true);
    expect_tracked("weakref", weakref, true);
    expect_tracked("int", number, false);
    expect_tracked("()", empty, false);
    drop(&empty);
    drop(&number);
    drop(&weakref);
    drop(&set);
    drop(&list);
    drop(&instance);
    drop(&class_object);
}

/* The inner tuple was moved behind the outer one, and is untracked too late for it. */
static void nested_tuples_take_two_passes(void)
{
    struct pab_object *number = pab_must(pab_long_from_int64(1));
    struct pab_object *inner = pab_must(pab_tuple_pack(1, number));
    struct pab_object *outer = pab_must(pab_tuple_pack(1, inner));
    struct pab_object *inner_borrowed = inner;
    drop(&inner);
    expect_tracked("inner", inner_borrowed, true);
    pab_py_collect(0);
    expect_tracked("inner", inner_borrowed, false);
    expect_tracked("outer", outer, true);
    pab_py_collect(1);
    expect_tracked("outer", outer, false);
    drop(&outer);
    drop(&number);
}

static void dicts_are_untracked_by_full_collections(void)
{
    struct pab_object *number = pab_must(pab_long_from_int64(1));
    struct pab_object *dict = pab_must(pab_dict_new());
    struct pab_object *list = new_list_of(NULL);
    pab_must_do(pab_dict_set_item(dict, number, number));
    expect_tracked("dict of atoms", dict, false);
    pab_must_do(pab_dict_set_item(dict, number, list));
    expect_tracked("dict of a list", dict, true);
    pab_must_do(pab_dict_set_item(dict, number, number));
    pab_py_collect(1);
    expect_tracked("dict after collect(1)", dict, true);
    pab_py_collect(2);
    expect_tracked("dict after collect(2)", dict, false);
    drop(&list);
    drop(&dict);
    drop(&number);
}

const struct vector vectors_orders[] = {
    {"list_and_tuple_release_backwards", list_and_tuple_release_backwards},
    {"slice_releases_backwards", slice_releases_backwards},
    {"dict_releases_in_order", dict_releases_in_order},
    {"instances_release_after_themselves", instances_release_after_themselves},
    {"deep_chain_keeps_its_order", deep_chain_keeps_its_order},
    {"chain_is_reversed_once", chain_is_reversed_once},
    {"list_items_come_back_backwards", list_items_come_back_backwards},
    {"generations_are_merged_behind", generations_are_merged_behind},
    {"containers_are_tracked", containers_are_tracked},
    {"nested_tuples_take_two_passes", nested_tuples_take_two_passes},
    {"dicts_are_untracked_by_full_collections", dicts_are_untracked_by_full_collections},
    {NULL, NULL},
};
