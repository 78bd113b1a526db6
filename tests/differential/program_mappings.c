/* tests/differential/program_mappings.c -- dict, set, frozenset. See program.h. */
#include "tests/differential/program.h"

#include "workloads/support/locals.h"

/* A key, or a tuple of keys. A new reference. */
static struct pab_object *new_key(struct program *p)
{
    return below(p, 4) == 0 ? pab_must(pab_tuple_pack(2, pick_key(p), pick_key(p)))
                            : pab_new_ref(pick_key(p));
}

/* --- dict ----------------------------------------------------------------------------------- */

static void dict_make(struct program *p)
{
    keep(p, DICT, pab_dict_new());
}

static bool has_room(struct pab_object *dict)
{
    return pab_dict_size(dict) < LENGTH_MAX;
}

/* Names first, so that tables for strs grow and later turn into tables for anything. */
static void dict_set(struct program *p)
{
    struct pab_object *dict = pick(p, DICT);
    bool names = below(p, 2) == 0;
    for (uint32_t left = 1 + below(p, 1 + below(p, 40)); left > 0 && has_room(dict); left--) {
        struct pab_object *key = names ? pab_new_ref(pick_name(p)) : new_key(p);
        pab_dict_store(dict, key, pab_new_ref(pick_any(p)));
    }
    note(p, "size", pab_dict_size(dict));
}

static void dict_fill(struct program *p)
{
    struct pab_object *dict = pab_must(pab_dict_new());
    uint32_t count = below(p, below(p, 10) == 0 ? 1500 : 100);
    for (uint32_t i = 0; i < count; i++) {
        pab_dict_store(dict, pab_int((int64_t)i * 37), pab_new_ref(pick_any(p)));
    }
    keep(p, DICT, dict);
}

static void dict_get(struct program *p)
{
    struct pab_object *value = pab_dict_get_item(pick(p, DICT), pick_key(p));
    note(p, "found", value != NULL);
}

static void dict_delete(struct program *p)
{
    struct pab_object *dict = pick(p, DICT);
    for (uint32_t left = below(p, 30); left > 0; left--) {
        note(p, "deleted", pab_dict_del_item(dict, pick_key(p)));
    }
}

static void dict_pop(struct program *p)
{
    struct pab_object *value = pab_dict_pop(pick(p, DICT), pick_key(p));
    note(p, "popped", value != NULL);
    pab_xdecref(value);
}

static void dict_copy(struct program *p)
{
    keep(p, DICT, pab_dict_copy(pick(p, DICT)));
}

static void dict_update(struct program *p)
{
    struct pab_object *dict =
        below(p, 3) == 0 ? pab_must(pab_dict_new()) : pab_new_ref(pick(p, DICT));
    struct pab_object *other = pick(p, DICT);
    if (has_room(dict)) {
        pab_must_do(pab_dict_update(dict, other));
    }
    keep(p, DICT, dict);
}

static void dict_lists(struct program *p)
{
    struct pab_object *dict = pick(p, DICT);
    keep(p, LIST, below(p, 2) == 0 ? pab_dict_keys(dict) : pab_dict_items(dict));
}

static void dict_walk(struct program *p)
{
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    struct pab_object *dict = pick(p, DICT);
    while (pab_dict_next(dict, &position, &key, &value)) {
        note(p, "key", pab_object_equal(key, value));
    }
}

static void dict_clear(struct program *p)
{
    pab_dict_clear(pick(p, DICT));
}

static void dict_many(struct program *p)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    for (uint32_t left = below(p, 120); left > 0; left--) {
        struct pab_object *dict = pab_must(pab_dict_new());
        for (uint32_t items = below(p, 3); items > 0; items--) {
            pab_must_do(pab_dict_set_item(dict, pick_name(p), pick_any(p)));
        }
        pab_list_push(list, dict);
    }
    keep(p, LIST, list);
}

/* --- set, frozenset ------------------------------------------------------------------------- */

static struct pab_object *pick_set(struct program *p)
{
    return pick(p, below(p, 3) == 0 ? FROZENSET : SET);
}

/* A list of keys, for set(list) and the like. */
static struct pab_object *new_keys(struct program *p)
{
    uint32_t size = below(p, 1 + below(p, below(p, 10) == 0 ? 600 : 40));
    struct pab_object *keys = pab_must(pab_list_new(size));
    uint32_t spread = 1 + below(p, 2000);
    for (uint32_t i = 0; i < size; i++) {
        struct pab_object *key = below(p, 4) == 0 ? new_key(p) : pab_int((int64_t)below(p, spread));
        pab_list_set_item(keys, i, key);
    }
    return keys;
}

/* What a set can be made of. A new reference. */
static struct pab_object *new_source(struct program *p)
{
    uint32_t what = below(p, 3);
    if (what == 0) {
        return pab_new_ref(pick_set(p));
    }
    struct pab_object *keys = new_keys(p);
    if (what == 1) {
        struct pab_object *tuple = pab_must(pab_list_as_tuple(keys));
        pab_decref(keys);
        return tuple;
    }
    return keys;
}

static void note_set(struct program *p, struct pab_object *set)
{
    pab_ssize position = 0;
    struct pab_object *key;
    while (pab_set_next(set, &position, &key)) {
        note(p, "key", pab_object_hash(key));
    }
}

static void set_make(struct program *p)
{
    struct pab_object *source = new_source(p);
    bool frozen = below(p, 3) == 0;
    struct pab_object *set = pab_must(frozen ? pab_frozenset_new(source) : pab_set_new(source));
    pab_decref(source);
    note_set(p, set);
    keep(p, frozen ? FROZENSET : SET, set);
}

static void set_add(struct program *p)
{
    struct pab_object *set = pick(p, SET);
    for (uint32_t left = 1 + below(p, 40); left > 0 && pab_set_size(set) < LENGTH_MAX; left--) {
        struct pab_object *key = below(p, 2) == 0 ? new_key(p) : new_int(p);
        pab_must_do(pab_set_add(set, key));
        pab_decref(key);
    }
    note(p, "size", pab_set_size(set));
}

static void set_discard(struct program *p)
{
    struct pab_object *set = pick(p, SET);
    for (uint32_t left = below(p, 20); left > 0; left--) {
        struct pab_object *key = below(p, 2) == 0 ? new_key(p) : pab_int((int64_t)below(p, 300));
        note(p, "discarded", pab_set_discard(set, key));
        pab_decref(key);
    }
}

static void set_pop(struct program *p)
{
    struct pab_object *set = pick(p, SET);
    for (uint32_t left = below(p, 20); left > 0; left--) {
        struct pab_object *key = pab_set_pop(set);
        note(p, "popped", key == NULL ? 0 : pab_object_hash(key));
        pab_xdecref(key);
    }
}

static void set_contains(struct program *p)
{
    note(p, "contains", pab_set_contains(pick_set(p), pick_key(p)));
}

static void set_copy(struct program *p)
{
    bool frozen = below(p, 3) == 0;
    enum kind kind = frozen ? FROZENSET : SET;
    keep(p, kind, pab_set_copy(pick(p, kind)));
}

static void set_update(struct program *p)
{
    struct pab_object *set = pick(p, SET);
    struct pab_object *source = new_source(p);
    if (pab_set_size(set) < LENGTH_MAX) {
        pab_must_do(pab_set_update(set, source));
    }
    pab_decref(source);
    note_set(p, set);
}

/* The result is of the left one's type. */
static void set_operate(struct program *p)
{
    static struct pab_object *(*const functions[])(struct pab_object *, struct pab_object *) = {
        pab_set_union, pab_set_intersection, pab_set_difference, pab_set_symmetric_difference};
    enum kind kind = below(p, 3) == 0 ? FROZENSET : SET;
    struct pab_object *a = pick(p, kind);
    struct pab_object *b = pick_set(p);
    uint32_t which = below(p, ARRAY_COUNT(functions));
    if (pab_set_size(a) + pab_set_size(b) < LENGTH_MAX) {
        struct pab_object *result = pab_must(functions[which](a, b));
        note_set(p, result);
        keep(p, kind, result);
    }
}

static void set_clear(struct program *p)
{
    pab_set_clear(pick(p, SET));
}

const struct operation mapping_operations[] = {
    {"dict_make", dict_make, 3},       {"dict_set", dict_set, 10},
    {"dict_fill", dict_fill, 3},       {"dict_get", dict_get, 3},
    {"dict_delete", dict_delete, 4},   {"dict_pop", dict_pop, 3},
    {"dict_copy", dict_copy, 4},       {"dict_update", dict_update, 4},
    {"dict_lists", dict_lists, 3},     {"dict_walk", dict_walk, 2},
    {"dict_clear", dict_clear, 1},     {"dict_many", dict_many, 1},
    {"set_make", set_make, 5},         {"set_add", set_add, 6},
    {"set_discard", set_discard, 3},   {"set_pop", set_pop, 3},
    {"set_contains", set_contains, 2}, {"set_copy", set_copy, 3},
    {"set_update", set_update, 4},     {"set_operate", set_operate, 8},
    {"set_clear", set_clear, 1},       {0},
};
