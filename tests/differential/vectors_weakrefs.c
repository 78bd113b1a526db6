/* tests/differential/vectors_weakrefs.c -- weak references: who is told, when, in which order
 * (Lib/test/test_weakref.py and test_gc.py hold the behaviours). */
#include "tests/differential/vectors.h"

static struct pab_object *watcher; /* an owned weak reference that a callback may drop */

/* Callbacks write the number that they hold as their self. */
static struct pab_object *tell(struct pab_object *self, struct pab_object *weakref)
{
    expect("the referent is None", pab_weakref_get(weakref) == pab_none(), true);
    write_log(pab_long_as_int64(self));
    return pab_new_ref(pab_none());
}

static struct pab_object *tell_and_drop(struct pab_object *self, struct pab_object *weakref)
{
    drop(&watcher);
    return tell(self, weakref);
}

static struct pab_object *watch_with(pab_callback callback, struct pab_object *object,
                                     int64_t number)
{
    struct pab_object *self = pab_must(pab_long_from_int64(number));
    struct pab_object *function = pab_must(pab_function_new(callback, self));
    struct pab_object *weakref = pab_must(pab_weakref_new(object, function));
    drop(&function);
    drop(&self);
    return weakref;
}

static struct pab_object *watch(struct pab_object *object, int64_t number)
{
    return watch_with(tell, object, number);
}

/* Three callbacks and one weak reference without, made in between. */
static void watch_four_times(struct pab_object *object, struct pab_object **weakrefs)
{
    weakrefs[0] = watch(object, 1);
    weakrefs[1] = watch(object, 2);
    weakrefs[2] = pab_must(pab_weakref_new(object, NULL));
    weakrefs[3] = watch(object, 3);
}

static void drop_all(struct pab_object **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        drop(&objects[i]);
    }
}

static void newest_first_after_the_finalizer(void)
{
    struct pab_object *weakrefs[4];
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *object = new_numbered(mortal, 0);
    watch_four_times(object, weakrefs);
    drop(&object);
    EXPECT_LOG(0, 3, 2, 1);
    drop_all(weakrefs, 4);
    drop(&mortal);
}

static void newest_first_before_the_finalizer_in_a_cycle(void)
{
    struct pab_object *weakrefs[4];
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *object = new_numbered(mortal, 0);
    watch_four_times(object, weakrefs);
    set_attribute(object, "me", object);
    drop(&object);
    expect("collect()", pab_py_collect(2), 1);
    EXPECT_LOG(3, 2, 1, 0);
    drop_all(weakrefs, 4);
    drop(&mortal);
}

static void callbacks_of_the_first_then_of_the_second(void)
{
    struct pab_object *mortal = new_mortal_class();
    struct pab_object *a = new_numbered(mortal, 100);
    struct pab_object *b = new_numbered(mortal, 200);
    struct pab_object *weakrefs[] = {watch(a, 1), watch(b, 2), watch(a, 3), watch(b, 4)};
    set_attribute(a, "other", b);
    set_attribute(b, "other", a);
    drop(&a);
    drop(&b);
    expect("collect()", pab_py_collect(2), 2);
    EXPECT_LOG(3, 1, 4, 2, 100, 200);
    drop_all(weakrefs, ARRAY_COUNT(weakrefs));
    drop(&mortal);
}

static void plain_one_is_shared(void)
{
    struct pab_object *set = pab_must(pab_set_new(NULL));
    struct pab_object *told = watch(set, 1);
    struct pab_object *a = pab_must(pab_weakref_new(set, NULL));
    struct pab_object *b = pab_must(pab_weakref_new(set, NULL));
    expect("the same", a == b, true);
    expect("its referent", pab_weakref_get(a) == set, true);
    drop(&set);
    EXPECT_LOG(1);
    expect("its referent is None", pab_weakref_get(b) == pab_none(), true);
    drop(&a);
    drop(&b);
    drop(&told);
}

/* A weak reference that is trash with its referent has nobody to tell. */
static void trash_is_not_told(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *object = new_numbered(plain, 0);
    struct pab_object *weakref = watch(object, 1);
    set_attribute(object, "watcher", weakref);
    set_attribute(object, "me", object);
    drop(&weakref);
    drop(&object);
    expect("collect()", pab_py_collect(2), 3); /* the function is trash as well */
    EXPECT_NO_LOG();
    drop(&plain);
}

/* One that dies with its owner first is not told either. */
static void dead_ones_are_not_told(void)
{
    struct pab_object *set = pab_must(pab_set_new(NULL));
    struct pab_object *weakref = watch(set, 1);
    drop(&weakref);
    drop(&set);
}

static void death_in_the_callback_counts(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *object = new_numbered(plain, 0);
    set_attribute(object, "me", object);
    watcher = watch_with(tell_and_drop, object, 1);
    drop(&object);
    expect("collect()", pab_py_collect(2), 2);
    EXPECT_LOG(1);
    drop(&plain);
}

/* What was told lives on in the older generation, behind what survived. */
static void told_ones_grow_older(void)
{
    struct pab_object *plain = pab_must(pab_class_new("Plain", NULL, NULL));
    struct pab_object *object = new_numbered(plain, 0);
    set_attribute(object, "me", object);
    struct pab_object *weakref = watch(object, 1);
    drop(&object);
    expect("collect()", pab_py_collect(0), 1);
    EXPECT_LOG(1);
    expect("tracked", pab_py_gc_is_tracked(weakref), true);
    expect("collect()", pab_py_collect(1), 0);
    drop(&weakref);
    drop(&plain);
}

static struct pab_object *phoenix;

static void come_back(struct pab_object *self)
{
    write_log(number_of(self));
    phoenix = pab_new_ref(self);
}

/* By reference count the finalizer comes first: what it saves is still referred to. In a cycle its
 * weak references are gone before. */
static void resurrection_and_weakrefs(void)
{
    struct pab_object *class_object = pab_must(pab_class_new("Phoenix", NULL, come_back));
    struct pab_object *object = new_numbered(class_object, 0);
    struct pab_object *weakref = watch(object, 1);
    drop(&object);
    EXPECT_LOG(0);
    expect("still referred to", pab_weakref_get(weakref) == phoenix, true);
    drop(&phoenix);
    EXPECT_LOG(1);
    drop(&weakref);
    object = new_numbered(class_object, 2);
    weakref = watch(object, 3);
    set_attribute(object, "me", object);
    drop(&object);
    expect("collect()", pab_py_collect(2), 0);
    EXPECT_LOG(3, 2);
    expect("no longer referred to", pab_weakref_get(weakref) == pab_none(), true);
    drop(&weakref);
    drop(&phoenix);
    expect("collect()", pab_py_collect(2), 1);
    drop(&class_object);
}

/* function -> list -> function: the function cannot be cleared, the list can. */
static void functions_in_cycles(void)
{
    struct pab_object *list = new_list_of(NULL);
    struct pab_object *function = pab_must(pab_function_new(tell, list));
    struct pab_object *weakref = watch(function, 1);
    pab_must_do(pab_list_append(list, function));
    drop(&function);
    drop(&list);
    expect("collect()", pab_py_collect(2), 2);
    EXPECT_LOG(1);
    drop(&weakref);
}

const struct vector vectors_weakrefs[] = {
    {"newest_first_after_the_finalizer", newest_first_after_the_finalizer},
    {"newest_first_before_the_finalizer_in_a_cycle", newest_first_before_the_finalizer_in_a_cycle},
    {"callbacks_of_the_first_then_of_the_second", callbacks_of_the_first_then_of_the_second},
    {"plain_one_is_shared", plain_one_is_shared},
    {"trash_is_not_told", trash_is_not_told},
    {"dead_ones_are_not_told", dead_ones_are_not_told},
    {"death_in_the_callback_counts", death_in_the_callback_counts},
    {"told_ones_grow_older", told_ones_grow_older},
    {"resurrection_and_weakrefs", resurrection_and_weakrefs},
    {"functions_in_cycles", functions_in_cycles},
    {NULL, NULL},
};
