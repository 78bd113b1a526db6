/* workloads/pyobj/list.c -- list: item buffers in the mem domain, CPython's growth rule and
 * order of release (Objects/listobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static void list_dealloc(struct pab_object *self);

static inline struct pab_list *as_list(struct pab_object *object)
{
    assert(object->type == &pab_list_type);
    return (struct pab_list *)object;
}

static int list_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_list *list = (struct pab_list *)self;
    for (pab_ssize i = list->size - 1; i >= 0; i--) {
        if (list->items[i] != NULL) {
            int stop = visit(list->items[i], arg);
            if (stop != 0) {
                return stop;
            }
        }
    }
    return 0;
}

static size_t list_spans(const struct pab_object *self, struct pab_gc_span *spans)
{
    const struct pab_list *list = (const struct pab_list *)self;
    if (list->size == 0) {
        return 0;
    }
    spans[0] = (struct pab_gc_span){list->items + list->size - 1, (size_t)list->size, -1};
    return 1;
}

/* The list is empty before the first item is released, for a finalizer may look at it. */
static void list_empty(struct pab_object *self)
{
    struct pab_list *list = (struct pab_list *)self;
    struct pab_object **items = list->items;
    pab_ssize i = list->size;
    if (items == NULL) {
        return;
    }
    list->items = NULL;
    list->size = 0;
    list->allocated = 0;
    while (--i >= 0) {
        pab_xdecref(items[i]);
    }
    pab_mem_free(pab_py(), items);
}

const struct pab_type pab_list_type = {
    .name = "list",
    .flags = PAB_TYPE_GC,
    .dealloc = list_dealloc,
    .traverse = list_traverse,
    .spans = list_spans,
    .clear = list_empty,
};

/* Parks or frees the object itself; its buffer is gone. */
static void list_release(struct pab_py *py, struct pab_list *list)
{
    struct pab_free_lists *lists = &py->free_lists;
    pab_object_dead(py);
    if (lists->list_count < PAB_LIST_CACHE && !lists->off) {
        lists->lists[lists->list_count++] = list;
    } else {
        pab_gc_free(&py->gc, list, 0);
    }
}

static void list_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_list *list = (struct pab_list *)self;
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    if (list->items != NULL) {
        for (pab_ssize i = list->size - 1; i >= 0; i--) {
            pab_xdecref(list->items[i]);
        }
        pab_mem_free(py, list->items);
    }
    list_release(py, list);
    pab_trash_end(py);
}

/* An untracked list without a buffer; or NULL. */
static struct pab_list *list_alloc(struct pab_py *py)
{
    struct pab_free_lists *lists = &py->free_lists;
    struct pab_list *list = lists->list_count > 0
                                ? lists->lists[--lists->list_count]
                                : pab_gc_malloc(&py->gc, 0, sizeof(struct pab_list));
    if (list == NULL) {
        return NULL;
    }
    pab_object_born(py, &list->base, &pab_list_type);
    list->size = 0;
    list->items = NULL;
    list->allocated = 0;
    return list;
}

struct pab_object *pab_list_new(pab_ssize size)
{
    assert(size >= 0);
    struct pab_py *py = pab_py();
    struct pab_list *list = list_alloc(py);
    if (list == NULL) {
        return NULL;
    }
    if (size > 0) {
        list->items = pab_mem_calloc(py, (size_t)size, sizeof(struct pab_object *));
        if (list->items == NULL) {
            list_release(py, list);
            return NULL;
        }
        list->size = size;
        list->allocated = size;
    }
    pab_gc_track(&py->gc, list);
    return &list->base;
}

static bool list_too_long(size_t size)
{
    return size > PTRDIFF_MAX / sizeof(struct pab_object *);
}

/* An empty list with room for exactly `capacity` items: slices, copies, sums. */
static struct pab_list *list_new_exact(pab_ssize capacity)
{
    struct pab_py *py = pab_py();
    struct pab_list *list = (struct pab_list *)pab_list_new(0);
    if (list == NULL || capacity == 0) {
        return list;
    }
    if (!list_too_long((size_t)capacity)) {
        list->items = pab_mem_malloc(py, (size_t)capacity * sizeof(struct pab_object *));
    }
    if (list->items == NULL) {
        pab_decref(&list->base);
        return NULL;
    }
    list->allocated = capacity;
    return list;
}

pab_ssize pab_list_size(struct pab_object *list)
{
    return as_list(list)->size;
}

struct pab_object *pab_list_get_item(struct pab_object *list, pab_ssize index)
{
    assert(index >= 0 && index < as_list(list)->size);
    return as_list(list)->items[index];
}

void pab_list_set_item(struct pab_object *list, pab_ssize index, struct pab_object *item)
{
    assert(index >= 0 && index < as_list(list)->size);
    struct pab_object *old = as_list(list)->items[index];
    as_list(list)->items[index] = item;
    pab_xdecref(old);
}

/* --- growth -------------------------------------------------------------------------------- */

/* Over-allocates by an eighth, in steps of 4, unless that is further from the wish than the
 * wish from the present size. Size 0 asks for realloc(buffer, 0): 3.11 keeps a 1-byte block. */
int pab_list_resize(struct pab_list *list, pab_ssize size)
{
    if (list->allocated >= size && size >= list->allocated >> 1) {
        assert(list->items != NULL || size == 0);
        list->size = size;
        return 0;
    }
    size_t wish = (size_t)size;
    size_t capacity = (wish + (wish >> 3) + 6) & ~(size_t)3;
    if (size - list->size > (pab_ssize)(capacity - wish)) {
        capacity = (wish + 3) & ~(size_t)3;
    }
    if (size == 0) {
        capacity = 0;
    }
    if (list_too_long(capacity)) {
        return -1;
    }
    struct pab_object **items =
        pab_mem_realloc(pab_py(), list->items, capacity * sizeof(struct pab_object *));
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->size = size;
    list->allocated = (pab_ssize)capacity;
    return 0;
}

int pab_list_append(struct pab_object *object, struct pab_object *item)
{
    struct pab_list *list = as_list(object);
    pab_ssize size = list->size;
    assert(item != NULL);
    if (__builtin_expect(list->allocated > size, 1)) {
        list->size = size + 1;
    } else if (pab_list_resize(list, size + 1) != 0) {
        return -1;
    }
    list->items[size] = pab_new_ref(item);
    return 0;
}

static pab_ssize clamp(pab_ssize value, pab_ssize low, pab_ssize high)
{
    return value < low ? low : value > high ? high : value;
}

int pab_list_insert(struct pab_object *object, pab_ssize where, struct pab_object *item)
{
    struct pab_list *list = as_list(object);
    pab_ssize size = list->size;
    if (pab_list_resize(list, size + 1) != 0) {
        return -1;
    }
    where = clamp(where < 0 ? where + size : where, 0, size);
    memmove(&list->items[where + 1], &list->items[where],
            (size_t)(size - where) * sizeof(struct pab_object *));
    list->items[where] = pab_new_ref(item);
    return 0;
}

struct pab_object *pab_list_pop(struct pab_object *object, pab_ssize index)
{
    struct pab_list *list = as_list(object);
    index = index < 0 ? index + list->size : index;
    assert(index >= 0 && index < list->size);
    struct pab_object *item = list->items[index];
    if (index == list->size - 1) {
        return pab_list_resize(list, index) == 0 ? item : NULL;
    }
    pab_incref(item);
    if (pab_list_set_slice(object, index, index + 1, NULL) != 0) {
        pab_decref(item);
        return NULL;
    }
    return item;
}

/* Room for the first items of a list that has no buffer: rounded up to even. */
static int list_preallocate(struct pab_list *list, pab_ssize size)
{
    size_t capacity = ((size_t)size + 1) & ~(size_t)1;
    if (list_too_long(capacity)) {
        return -1;
    }
    struct pab_object **items = pab_mem_malloc(pab_py(), capacity * sizeof(struct pab_object *));
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->size = size;
    list->allocated = (pab_ssize)capacity;
    return 0;
}

/* The items of a list or tuple, borrowed. */
static struct pab_object **sequence_items(struct pab_object *sequence, pab_ssize *size)
{
    if (sequence->type == &pab_tuple_type) {
        *size = ((struct pab_tuple *)sequence)->size;
        return ((struct pab_tuple *)sequence)->items;
    }
    *size = as_list(sequence)->size;
    return as_list(sequence)->items;
}

int pab_list_extend(struct pab_object *object, struct pab_object *sequence)
{
    struct pab_list *list = as_list(object);
    pab_ssize size = list->size;
    pab_ssize count;
    sequence_items(sequence, &count);
    if (count == 0) {
        return 0;
    }
    int status =
        list->items == NULL ? list_preallocate(list, count) : pab_list_resize(list, size + count);
    if (status != 0) {
        return -1;
    }
    /* Only now: the list may be its own source, and its buffer have moved. */
    pab_ssize ignored;
    struct pab_object **from = sequence_items(sequence, &ignored);
    for (pab_ssize i = 0; i < count; i++) {
        list->items[size + i] = pab_new_ref(from[i]);
    }
    return 0;
}

/* --- slices -------------------------------------------------------------------------------- */

/* Adds to `result`, which has the room, up to `count` items from `low` on: what `list` still has
 * after the allocation of `result`. */
static inline void list_take(struct pab_list *result, const struct pab_list *list, pab_ssize low,
                             pab_ssize count)
{
    assert(result->size + count <= result->allocated);
    struct pab_object **from = list->items;
    struct pab_object **to = result->items + result->size;
    pab_ssize end = low + count < list->size ? low + count : list->size;
    pab_ssize taken = end > low ? end - low : 0;
    for (pab_ssize i = 0; i < taken; i++) {
        to[i] = pab_new_ref(from[low + i]);
    }
    result->size += taken;
}

struct pab_object *pab_list_get_slice(struct pab_object *object, pab_ssize low, pab_ssize high)
{
    struct pab_list *list = as_list(object);
    low = clamp(low, 0, list->size);
    high = clamp(high, low, list->size);
    struct pab_list *slice = list_new_exact(high - low);
    if (slice == NULL) {
        return NULL;
    }
    list_take(slice, list, low, high - low);
    return &slice->base;
}

enum { RECYCLE_ON_STACK = 8 };

/* Makes the slice [low, high) `count` long; its old items are in `recycle` already. */
static int slice_fit(struct pab_list *list, pab_ssize low, pab_ssize high, pab_ssize count,
                     struct pab_object **recycle)
{
    pab_ssize growth = count - (high - low);
    pab_ssize size = list->size;
    size_t tail_bytes = (size_t)(size - high) * sizeof(struct pab_object *);
    if (growth < 0) {
        struct pab_object **items = list->items;
        memmove(&items[high + growth], &items[high], tail_bytes);
        if (pab_list_resize(list, size + growth) != 0) {
            memmove(&items[high], &items[high + growth], tail_bytes);
            memcpy(&items[low], recycle, (size_t)(high - low) * sizeof(struct pab_object *));
            return -1;
        }
    } else if (growth > 0) {
        if (pab_list_resize(list, size + growth) != 0) {
            return -1;
        }
        memmove(&list->items[high + growth], &list->items[high], tail_bytes);
    }
    return 0;
}

/* The old items are released last, from the end, when the list is whole again. */
static int slice_replace(struct pab_list *list, pab_ssize low, pab_ssize high,
                         struct pab_object **items, pab_ssize count)
{
    struct pab_object *on_stack[RECYCLE_ON_STACK];
    struct pab_object **recycle = on_stack;
    struct pab_py *py = pab_py();
    pab_ssize old_count = high - low;
    size_t old_bytes = (size_t)old_count * sizeof(struct pab_object *);
    if (old_bytes > sizeof(on_stack)) {
        recycle = pab_mem_malloc(py, old_bytes);
        if (recycle == NULL) {
            return -1;
        }
    }
    if (old_count > 0) {
        memcpy(recycle, &list->items[low], old_bytes);
    }
    int status = slice_fit(list, low, high, count, recycle);
    if (status == 0) {
        for (pab_ssize i = 0; i < count; i++) {
            list->items[low + i] = pab_new_ref(items[i]);
        }
        for (pab_ssize i = old_count - 1; i >= 0; i--) {
            pab_xdecref(recycle[i]);
        }
    }
    if (recycle != on_stack) {
        pab_mem_free(py, recycle);
    }
    return status;
}

int pab_list_set_slice(struct pab_object *object, pab_ssize low, pab_ssize high,
                       struct pab_object *items)
{
    struct pab_list *list = as_list(object);
    if (items == object) {
        struct pab_object *copy = pab_list_get_slice(object, 0, list->size);
        if (copy == NULL) {
            return -1;
        }
        int status = pab_list_set_slice(object, low, high, copy);
        pab_decref(copy);
        return status;
    }
    pab_ssize count = 0;
    struct pab_object **from = items == NULL ? NULL : sequence_items(items, &count);
    low = clamp(low, 0, list->size);
    high = clamp(high, low, list->size);
    if (list->size - (high - low) + count == 0) {
        list_empty(object);
        return 0;
    }
    return slice_replace(list, low, high, from, count);
}

struct pab_object *pab_list_concat(struct pab_object *a, struct pab_object *b)
{
    struct pab_list *left = as_list(a);
    struct pab_list *right = as_list(b);
    pab_ssize left_size = left->size;
    pab_ssize right_size = right->size;
    struct pab_list *sum = list_new_exact(left_size + right_size);
    if (sum == NULL) {
        return NULL;
    }
    list_take(sum, left, 0, left_size);
    list_take(sum, right, 0, right_size);
    return &sum->base;
}

struct pab_object *pab_list_repeat(struct pab_object *object, pab_ssize count)
{
    struct pab_list *list = as_list(object);
    pab_ssize each = list->size;
    pab_ssize size;
    count = count < 0 ? 0 : count;
    if (__builtin_mul_overflow(each, count, &size)) {
        return NULL;
    }
    struct pab_list *result = list_new_exact(size);
    if (result == NULL) {
        return NULL;
    }
    for (; each > 0 && count > 0; count--) {
        list_take(result, list, 0, each);
    }
    return &result->base;
}

void pab_list_reverse(struct pab_object *object)
{
    struct pab_list *list = as_list(object);
    for (pab_ssize low = 0, high = list->size - 1; low < high; low++, high--) {
        struct pab_object *item = list->items[low];
        list->items[low] = list->items[high];
        list->items[high] = item;
    }
}

int pab_list_clear(struct pab_object *list)
{
    list_empty(&as_list(list)->base);
    return 0;
}
