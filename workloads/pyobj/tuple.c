/* workloads/pyobj/tuple.c -- tuple, with its free lists by size (Objects/tupleobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

#include <stdarg.h>

static void tuple_dealloc(struct pab_object *self);

/* Last item first, as for lists: a collection's order rests on it. */
static int tuple_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_tuple *tuple = (struct pab_tuple *)self;
    for (pab_ssize i = tuple->size - 1; i >= 0; i--) {
        if (tuple->items[i] != NULL) {
            int stop = visit(tuple->items[i], arg);
            if (stop != 0) {
                return stop;
            }
        }
    }
    return 0;
}

static size_t tuple_spans(const struct pab_object *self, struct pab_gc_span *spans)
{
    const struct pab_tuple *tuple = (const struct pab_tuple *)self;
    spans[0] = (struct pab_gc_span){tuple->items + tuple->size - 1, (size_t)tuple->size, -1};
    return 1;
}

/* A tuple with a missing item is still being built: it stays tracked. */
static void tuple_untrack(struct pab_object *self)
{
    struct pab_tuple *tuple = (struct pab_tuple *)self;
    for (pab_ssize i = 0; i < tuple->size; i++) {
        if (tuple->items[i] == NULL || pab_may_be_tracked(tuple->items[i])) {
            return;
        }
    }
    pab_gc_untrack(self);
}

const struct pab_type pab_tuple_type = {
    .name = "tuple",
    .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_ALWAYS,
    .dealloc = tuple_dealloc,
    .traverse = tuple_traverse,
    .spans = tuple_spans,
    .untrack = tuple_untrack,
};

static bool tuple_park(struct pab_py *py, struct pab_tuple *tuple)
{
    struct pab_free_lists *lists = &py->free_lists;
    size_t index = (size_t)tuple->size - 1;
    if (index >= PAB_TUPLE_CACHE_SIZES || lists->tuple_count[index] >= PAB_TUPLE_CACHE_EACH ||
        lists->off) {
        return false;
    }
    tuple->items[0] = (struct pab_object *)lists->tuples[index];
    lists->tuples[index] = tuple;
    lists->tuple_count[index]++;
    return true;
}

/* Parks or frees the object itself; its items are gone. */
static void tuple_discard(struct pab_py *py, struct pab_tuple *tuple)
{
    pab_object_dead(py);
    if (!tuple_park(py, tuple)) {
        pab_gc_free(&py->gc, tuple, 0);
    }
}

static void tuple_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_tuple *tuple = (struct pab_tuple *)self;
    assert(tuple->size > 0);
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    for (pab_ssize i = tuple->size - 1; i >= 0; i--) {
        pab_xdecref(tuple->items[i]);
    }
    tuple_discard(py, tuple);
    pab_trash_end(py);
}

/* Items uninitialised, untracked; or NULL. Not for size 0. */
static struct pab_tuple *tuple_alloc(struct pab_py *py, pab_ssize size)
{
    assert(size > 0);
    struct pab_free_lists *lists = &py->free_lists;
    struct pab_tuple *tuple = NULL;
    if (size <= PAB_TUPLE_CACHE_REUSED) {
        tuple = lists->tuples[size - 1];
    }
    if (tuple != NULL) {
        lists->tuples[size - 1] = (struct pab_tuple *)tuple->items[0];
        lists->tuple_count[size - 1]--;
    } else {
        if ((size_t)size > PTRDIFF_MAX / sizeof(struct pab_object *) - 8) {
            return NULL;
        }
        tuple =
            pab_gc_malloc(&py->gc, 0, sizeof(*tuple) + (size_t)size * sizeof(struct pab_object *));
        if (tuple == NULL) {
            return NULL;
        }
        tuple->size = size;
    }
    pab_object_born(py, &tuple->base, &pab_tuple_type);
    return tuple;
}

static struct pab_object *empty_tuple(struct pab_py *py)
{
    return pab_new_ref((struct pab_object *)(void *)py->statics.empty_tuple);
}

struct pab_object *pab_tuple_new(pab_ssize size)
{
    assert(size >= 0);
    struct pab_py *py = pab_py();
    if (size == 0) {
        return empty_tuple(py);
    }
    struct pab_tuple *tuple = tuple_alloc(py, size);
    if (tuple == NULL) {
        return NULL;
    }
    for (pab_ssize i = 0; i < size; i++) {
        tuple->items[i] = NULL;
    }
    pab_gc_track(&py->gc, tuple);
    return &tuple->base;
}

struct pab_object *pab_tuple_pack(size_t count, ...)
{
    struct pab_py *py = pab_py();
    if (count == 0) {
        return empty_tuple(py);
    }
    struct pab_tuple *tuple = tuple_alloc(py, (pab_ssize)count);
    if (tuple == NULL) {
        return NULL;
    }
    va_list items;
    va_start(items, count);
    for (size_t i = 0; i < count; i++) {
        tuple->items[i] = pab_new_ref(va_arg(items, struct pab_object *));
    }
    va_end(items);
    pab_gc_track(&py->gc, tuple);
    return &tuple->base;
}

/* A tuple of `first` and then `second`, of which each may be empty. */
static struct pab_object *tuple_of(struct pab_object *const *first, pab_ssize first_count,
                                   struct pab_object *const *second, pab_ssize second_count)
{
    struct pab_py *py = pab_py();
    if (first_count + second_count == 0) {
        return empty_tuple(py);
    }
    struct pab_tuple *tuple = tuple_alloc(py, first_count + second_count);
    if (tuple == NULL) {
        return NULL;
    }
    for (pab_ssize i = 0; i < first_count; i++) {
        tuple->items[i] = pab_new_ref(first[i]);
    }
    for (pab_ssize i = 0; i < second_count; i++) {
        tuple->items[first_count + i] = pab_new_ref(second[i]);
    }
    pab_gc_track(&py->gc, tuple);
    return &tuple->base;
}

/* The items are looked up after the allocation, whose collection may have changed the list: of a
 * longer one the tuple takes the beginning, a shorter one asks for a shorter tuple. */
struct pab_object *pab_list_as_tuple(struct pab_object *object)
{
    assert(object->type == &pab_list_type);
    struct pab_py *py = pab_py();
    struct pab_list *list = (struct pab_list *)object;
    while (list->size > 0) {
        struct pab_tuple *tuple = tuple_alloc(py, list->size);
        if (tuple == NULL) {
            return NULL;
        }
        if (tuple->size <= list->size) {
            for (pab_ssize i = 0; i < tuple->size; i++) {
                tuple->items[i] = pab_new_ref(list->items[i]);
            }
            pab_gc_track(&py->gc, tuple);
            return &tuple->base;
        }
        tuple_discard(py, tuple);
    }
    return empty_tuple(py);
}

static inline struct pab_tuple *as_tuple(struct pab_object *object)
{
    assert(object->type == &pab_tuple_type);
    return (struct pab_tuple *)object;
}

struct pab_object *pab_tuple_get_slice(struct pab_object *object, pab_ssize low, pab_ssize high)
{
    struct pab_tuple *tuple = as_tuple(object);
    low = low < 0 ? 0 : low;
    high = high > tuple->size ? tuple->size : high;
    high = high < low ? low : high;
    if (low == 0 && high == tuple->size) {
        return pab_new_ref(object);
    }
    return tuple_of(tuple->items + low, high - low, NULL, 0);
}

struct pab_object *pab_tuple_concat(struct pab_object *a, struct pab_object *b)
{
    struct pab_tuple *left = as_tuple(a);
    struct pab_tuple *right = as_tuple(b);
    if (left->size == 0 || right->size == 0) {
        return pab_new_ref(left->size == 0 ? b : a);
    }
    return tuple_of(left->items, left->size, right->items, right->size);
}

struct pab_object *pab_tuple_repeat(struct pab_object *object, pab_ssize count)
{
    struct pab_py *py = pab_py();
    struct pab_tuple *tuple = as_tuple(object);
    pab_ssize size;
    if (tuple->size == 0 || count == 1) {
        return pab_new_ref(object);
    }
    if (count <= 0) {
        return empty_tuple(py);
    }
    if (__builtin_mul_overflow(tuple->size, count, &size)) {
        return NULL;
    }
    struct pab_tuple *result = tuple_alloc(py, size);
    if (result == NULL) {
        return NULL;
    }
    for (pab_ssize i = 0, from = 0; i < size; i++) {
        result->items[i] = pab_new_ref(tuple->items[from]);
        from = from + 1 == tuple->size ? 0 : from + 1;
    }
    pab_gc_track(&py->gc, result);
    return &result->base;
}

void pab_tuple_set_item(struct pab_object *object, pab_ssize index, struct pab_object *item)
{
    assert(object->type == &pab_tuple_type);
    struct pab_tuple *tuple = (struct pab_tuple *)object;
    assert(index >= 0 && index < tuple->size);
    struct pab_object *old = tuple->items[index];
    tuple->items[index] = item;
    pab_xdecref(old);
}

struct pab_object *pab_tuple_get_item(struct pab_object *object, pab_ssize index)
{
    assert(object->type == &pab_tuple_type);
    struct pab_tuple *tuple = (struct pab_tuple *)object;
    assert(index >= 0 && index < tuple->size);
    return tuple->items[index];
}

pab_ssize pab_tuple_size(struct pab_object *object)
{
    assert(object->type == &pab_tuple_type);
    return ((struct pab_tuple *)object)->size;
}
