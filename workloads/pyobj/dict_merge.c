/* workloads/pyobj/dict_merge.c -- copies and updates of dicts, lists of their keys and items
 * (Objects/dictobject.c@v3.11). */
#include "workloads/pyobj/dict.h"

#include <string.h>

/* --- clones -------------------------------------------------------------------------------- */

/* Keeps sharing the keys; comes from the heap, not from the free list. */
static struct pab_object *copy_split(struct pab_dict *dict)
{
    struct pab_py *py = pab_py();
    pab_ssize length = pab_keys_shared_length(dict->keys);
    struct pab_object **values = pab_values_new(length);
    if (values == NULL) {
        return NULL;
    }
    struct pab_dict *copy =
        pab_dict_init(py, pab_gc_malloc(&py->gc, 0, sizeof(*copy)), dict->keys, values);
    if (copy == NULL) {
        pab_values_free(values);
        return NULL;
    }
    dict->keys->refcnt++;
    copy->used = dict->used;
    for (pab_ssize i = 0; i < dict->used; i++) {
        pab_values_add_order(values, pab_values_nth(dict->values, i));
    }
    for (pab_ssize i = 0; i < dict->keys->entry_count; i++) {
        if (dict->values[i] != NULL) {
            values[i] = pab_new_ref(dict->values[i]);
        }
    }
    if (pab_gc_is_tracked(dict)) {
        pab_gc_track(&py->gc, copy);
    }
    return &copy->base;
}

/* The table, byte for byte: holes and all. */
static struct pab_dict_keys *clone_keys(struct pab_dict_keys *keys)
{
    struct pab_dict_keys *clone = pab_obj_malloc(pab_py(), pab_keys_bytes(keys));
    if (clone == NULL) {
        return NULL;
    }
    memcpy(clone, keys, pab_keys_bytes(keys));
    clone->refcnt = 1;
    for (pab_ssize i = 0; i < clone->entry_count; i++) {
        struct pab_str_entry entry;
        if (clone->kind == PAB_KEYS_GENERAL) {
            entry = (struct pab_str_entry){pab_entries(clone)[i].key, pab_entries(clone)[i].value};
        } else {
            entry = pab_str_entries(clone)[i];
        }
        if (entry.value != NULL) {
            pab_incref(entry.key);
            pab_incref(entry.value);
        }
    }
    return clone;
}

static struct pab_object *copy_clone(struct pab_dict *dict)
{
    struct pab_dict_keys *keys = clone_keys(dict->keys);
    if (keys == NULL) {
        return NULL;
    }
    struct pab_dict *copy = pab_dict_alloc(keys, NULL);
    if (copy == NULL) {
        pab_keys_decref(keys);
        return NULL;
    }
    copy->used = dict->used;
    if (pab_gc_is_tracked(dict)) {
        pab_gc_track(pab_py_gc(), copy);
    }
    return &copy->base;
}

/* --- update -------------------------------------------------------------------------------- */

/* Entry by entry, after room was made once for both: few keys are expected to be there. */
static int insert_all(struct pab_dict *dict, struct pab_dict *other)
{
    if (pab_keys_capacity(dict->keys->log2_size) < other->used) {
        unsigned log2_size = pab_keys_log2_for(((dict->used + other->used) * 3 + 1) / 2);
        if (pab_dict_resize(dict, log2_size, other->keys->kind != PAB_KEYS_GENERAL) != 0) {
            return -1;
        }
    }
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    int status = 0;
    while (status == 0 && pab_dict_next(&other->base, &position, &key, &value)) {
        status = pab_dict_insert(dict, key, pab_key_hash(key), value);
    }
    return status;
}

/* A table without holes that would not be made smaller: an empty dict takes it over as it is. */
static bool worth_cloning(struct pab_dict *dict)
{
    unsigned log2_size = dict->keys->log2_size;
    return dict->values == NULL && dict->used == dict->keys->entry_count &&
           (log2_size == PAB_KEYS_MIN_LOG2 || pab_keys_capacity(log2_size - 1) < dict->used);
}

static int update_by_clone(struct pab_dict *dict, struct pab_dict *other)
{
    struct pab_dict_keys *keys = clone_keys(other->keys);
    if (keys == NULL) {
        return -1;
    }
    pab_keys_decref(dict->keys);
    dict->keys = keys;
    if (dict->values != NULL) {
        pab_values_free(dict->values);
        dict->values = NULL;
    }
    dict->used = other->used;
    if (pab_gc_is_tracked(other) && !pab_gc_is_tracked(dict)) {
        pab_gc_track(pab_py_gc(), dict);
    }
    return 0;
}

int pab_dict_update(struct pab_object *object, struct pab_object *from)
{
    struct pab_dict *dict = pab_as_dict(object);
    struct pab_dict *other = pab_as_dict(from);
    if (dict == other || other->used == 0) {
        return 0;
    }
    return dict->used == 0 && worth_cloning(other) ? update_by_clone(dict, other)
                                                   : insert_all(dict, other);
}

/* --- copy ---------------------------------------------------------------------------------- */

/* A table with many holes is not cloned. */
static struct pab_object *copy_merge(struct pab_dict *dict)
{
    struct pab_dict *copy = pab_dict_alloc(pab_empty_keys, NULL);
    if (copy != NULL && insert_all(copy, dict) != 0) {
        pab_decref(&copy->base);
        return NULL;
    }
    return (struct pab_object *)copy;
}

struct pab_object *pab_dict_copy(struct pab_object *object)
{
    struct pab_dict *dict = pab_as_dict(object);
    if (dict->used == 0) {
        return pab_dict_new();
    }
    if (dict->values != NULL) {
        return copy_split(dict);
    }
    return dict->used >= dict->keys->entry_count * 2 / 3 ? copy_clone(dict) : copy_merge(dict);
}

/* --- lists --------------------------------------------------------------------------------- */

/* make() gives a list of so many places for the entries; once more, if a collection in it changed
 * the dict. */
static struct pab_object *make_places(struct pab_object *dict,
                                      struct pab_object *(*make)(pab_ssize count))
{
    for (;;) {
        pab_ssize count = pab_as_dict(dict)->used;
        struct pab_object *list = make(count);
        if (list == NULL || count == pab_as_dict(dict)->used) {
            return list;
        }
        pab_decref(list);
    }
}

struct pab_object *pab_dict_keys(struct pab_object *dict)
{
    struct pab_object *list = make_places(dict, pab_list_new);
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    for (pab_ssize i = 0; list != NULL && pab_dict_next(dict, &position, &key, &value); i++) {
        pab_list_set_item(list, i, pab_new_ref(key));
    }
    return list;
}

/* A list of `count` pairs that have no items yet. */
static struct pab_object *new_pairs(pab_ssize count)
{
    struct pab_object *list = pab_list_new(count);
    for (pab_ssize i = 0; list != NULL && i < count; i++) {
        struct pab_object *pair = pab_tuple_new(2);
        if (pair == NULL) {
            pab_decref(list);
            return NULL;
        }
        pab_list_set_item(list, i, pair);
    }
    return list;
}

/* All memory is asked for first. */
struct pab_object *pab_dict_items(struct pab_object *dict)
{
    struct pab_object *list = make_places(dict, new_pairs);
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    for (pab_ssize i = 0; list != NULL && pab_dict_next(dict, &position, &key, &value); i++) {
        struct pab_object *pair = pab_list_get_item(list, i);
        pab_tuple_set_item(pair, 0, pab_new_ref(key));
        pab_tuple_set_item(pair, 1, pab_new_ref(value));
    }
    return list;
}
