/* tests/differential/program_sequences.c -- tuple and list. See program.h. */
#include "tests/differential/program.h"

#include "workloads/support/locals.h"

/* --- tuple ---------------------------------------------------------------------------------- */

static struct pab_object *new_tuple(struct program *p, uint32_t size)
{
    struct pab_object *tuple = pab_must(pab_tuple_new(size));
    for (uint32_t i = 0; i < size; i++) {
        pab_tuple_set_item(tuple, i, pab_new_ref(pick_any(p)));
    }
    return tuple;
}

static void tuple_make(struct program *p)
{
    keep(p, TUPLE, new_tuple(p, below(p, 1 + below(p, 30))));
}

/* Many of one size at once: what free lists take and give. */
static void tuple_many(struct program *p)
{
    uint32_t size = below(p, 23);
    uint32_t count = below(p, below(p, 20) == 0 ? 2100 : 60);
    struct pab_object *list = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < count; i++) {
        pab_list_push(list, new_tuple(p, size));
    }
    if (below(p, 2) == 0) {
        keep(p, LIST, list);
    } else {
        pab_decref(list);
    }
}

static void tuple_pack(struct program *p)
{
    struct pab_object *a = pick_any(p);
    struct pab_object *b = pick_any(p);
    keep(p, TUPLE, pab_tuple_pack(2, a, b));
}

static void tuple_get(struct program *p)
{
    struct pab_object *tuple = pick(p, TUPLE);
    uint32_t size = (uint32_t)pab_tuple_size(tuple);
    if (size > 0) {
        struct pab_object *item = pab_tuple_get_item(tuple, below(p, size));
        keep(p, TUPLE, pab_tuple_pack(1, item));
    }
}

static void tuple_slice(struct program *p)
{
    struct pab_object *tuple = pick(p, TUPLE);
    uint32_t size = (uint32_t)pab_tuple_size(tuple);
    uint32_t low = below(p, size + 1);
    keep(p, TUPLE, pab_tuple_get_slice(tuple, low, low + below(p, size + 2)));
}

static void tuple_concat(struct program *p)
{
    struct pab_object *a = pick(p, TUPLE);
    struct pab_object *b = pick(p, TUPLE);
    if (pab_tuple_size(a) + pab_tuple_size(b) < LENGTH_MAX) {
        keep(p, TUPLE, pab_tuple_concat(a, b));
    }
}

static void tuple_repeat(struct program *p)
{
    struct pab_object *tuple = pick(p, TUPLE);
    uint32_t times = below(p, 5);
    if (pab_tuple_size(tuple) * (pab_ssize)times < LENGTH_MAX) {
        keep(p, TUPLE, pab_tuple_repeat(tuple, times));
    }
}

/* --- list ----------------------------------------------------------------------------------- */

static bool has_room(struct pab_object *list)
{
    return pab_list_size(list) < LENGTH_MAX;
}

static void list_make(struct program *p)
{
    keep(p, LIST, new_list(p, below(p, 1 + below(p, 200))));
}

static void list_append(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    for (uint32_t left = 1 + below(p, 1 + below(p, 100)); left > 0 && has_room(list); left--) {
        pab_must_do(pab_list_append(list, pick_any(p)));
    }
    note(p, "size", pab_list_size(list));
}

static void list_insert(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    for (uint32_t left = 1 + below(p, 4); left > 0 && has_room(list); left--) {
        pab_ssize where = below(p, (uint32_t)pab_list_size(list) + 1);
        pab_must_do(pab_list_insert(list, where, pick_any(p)));
    }
}

static void list_pop(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    bool last = below(p, 2) == 0;
    for (uint32_t left = below(p, 1 + below(p, 150)); left > 0 && pab_list_size(list) > 0; left--) {
        pab_ssize index = last ? -1 : (pab_ssize)below(p, (uint32_t)pab_list_size(list));
        pab_decref(pab_must(pab_list_pop(list, index)));
    }
    note(p, "size", pab_list_size(list));
}

/* Whether the finalizer of an item may change the list, an index is taken at once. */
static void list_set(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    if (pab_list_size(list) > 0) {
        uint32_t index = below(p, (uint32_t)pab_list_size(list));
        pab_list_set_item(list, index, pab_new_ref(pick_any(p)));
    }
}

static void list_get(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    struct pab_object *other = pick(p, LIST);
    if (pab_list_size(list) > 0 && has_room(other)) {
        uint32_t index = below(p, (uint32_t)pab_list_size(list));
        pab_must_do(pab_list_append(other, pab_list_get_item(list, index)));
    }
}

static void list_extend(struct program *p)
{
    struct pab_object *list = below(p, 3) == 0 ? pab_must(pab_list_new(below(p, 2) == 0 ? 0 : 4))
                                               : pab_new_ref(pick(p, LIST));
    if (pab_list_size(list) == 4) {
        for (int i = 0; i < 4; i++) {
            pab_list_set_item(list, i, pab_new_ref(pab_none()));
        }
    }
    struct pab_object *more = pick(p, below(p, 2) == 0 ? LIST : TUPLE);
    if (has_room(list)) {
        pab_must_do(pab_list_extend(list, more));
    }
    keep(p, LIST, list);
}

static void list_slice(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    uint32_t size = (uint32_t)pab_list_size(list);
    uint32_t low = below(p, size + 1);
    keep(p, LIST, pab_list_get_slice(list, low, low + below(p, size + 2)));
}

static void list_set_slice(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    uint32_t size = (uint32_t)pab_list_size(list);
    uint32_t low = below(p, size + 1);
    uint32_t high = low + below(p, size - low + 1);
    struct pab_object *items = below(p, 2) == 0 ? pick(p, LIST) : pick(p, TUPLE);
    pab_must_do(pab_list_set_slice(list, low, high, has_room(list) ? items : NULL));
    note(p, "size", pab_list_size(list));
}

static void list_delete_slice(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    uint32_t size = (uint32_t)pab_list_size(list);
    uint32_t low = below(p, size + 1);
    pab_must_do(pab_list_set_slice(list, low, low + below(p, size - low + 1), NULL));
    note(p, "size", pab_list_size(list));
}

static void list_concat(struct program *p)
{
    struct pab_object *a = pick(p, LIST);
    struct pab_object *b = pick(p, LIST);
    if (has_room(a) && has_room(b)) {
        keep(p, LIST, pab_list_concat(a, b));
    }
}

static void list_repeat(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    uint32_t times = below(p, 5);
    if (pab_list_size(list) * (pab_ssize)times < LENGTH_MAX) {
        keep(p, LIST, pab_list_repeat(list, times));
    }
}

/* Items that have an order among themselves: ints, floats, names or texts. */
static struct pab_object *sortable(struct program *p, uint32_t kind, uint32_t i)
{
    switch (kind) {
    case 0:
        return pab_int((int64_t)below(p, 1000000));
    case 1:
        return pab_int(below(p, 10) == 0 ? (int64_t)below(p, 1000) : (int64_t)i);
    case 2:
        return pab_must(pab_float_from_double((double)below(p, 1000) / 16));
    case 3:
        return pab_new_ref(pick_name(p));
    default:
        return pab_int(-(int64_t)i);
    }
}

static void list_sort(struct program *p)
{
    uint32_t kind = below(p, 5);
    uint32_t size = below(p, below(p, 10) == 0 ? 3000 : 120);
    struct pab_object *list = pab_must(pab_list_new(size));
    for (uint32_t i = 0; i < size; i++) {
        pab_list_set_item(list, i, sortable(p, kind, i));
    }
    pab_must_do(pab_list_sort(list));
    if (below(p, 3) == 0) {
        pab_list_reverse(list);
    }
    for (uint32_t i = 0; i < size && kind < 2; i++) {
        note(p, "item", pab_long_as_int64(pab_list_get_item(list, i)));
    }
    keep(p, LIST, list);
}

static void list_clear(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    pab_must_do(pab_list_clear(list));
    note(p, "size", pab_list_size(list));
}

static void list_as_tuple(struct program *p)
{
    struct pab_object *list = pick(p, LIST);
    if (below(p, 2) == 0) {
        pab_list_reverse(list);
    }
    keep(p, TUPLE, pab_list_as_tuple(list));
}

static void list_many(struct program *p)
{
    uint32_t count = below(p, 120);
    struct pab_object *list = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < count; i++) {
        pab_list_push(list,
                      below(p, 3) == 0 ? new_list(p, below(p, 4)) : pab_must(pab_list_new(0)));
    }
    keep(p, LIST, list);
}

const struct operation sequence_operations[] = {
    {"tuple_make", tuple_make, 6},
    {"tuple_many", tuple_many, 2},
    {"tuple_pack", tuple_pack, 3},
    {"tuple_get", tuple_get, 2},
    {"tuple_slice", tuple_slice, 3},
    {"tuple_concat", tuple_concat, 3},
    {"tuple_repeat", tuple_repeat, 2},
    {"list_make", list_make, 6},
    {"list_append", list_append, 8},
    {"list_insert", list_insert, 4},
    {"list_pop", list_pop, 5},
    {"list_set", list_set, 4},
    {"list_get", list_get, 3},
    {"list_extend", list_extend, 5},
    {"list_slice", list_slice, 4},
    {"list_set_slice", list_set_slice, 4},
    {"list_delete_slice", list_delete_slice, 3},
    {"list_concat", list_concat, 3},
    {"list_repeat", list_repeat, 2},
    {"list_sort", list_sort, 3},
    {"list_clear", list_clear, 1},
    {"list_as_tuple", list_as_tuple, 3},
    {"list_many", list_many, 1},
    {0},
};
