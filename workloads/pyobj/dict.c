/* workloads/pyobj/dict.c -- dict, combined and split (Objects/dictobject.c@v3.11); dict_merge.c has
 * what makes dicts and lists out of dicts. */
#include "workloads/pyobj/dict.h"

#include <string.h>

static void dict_dealloc(struct pab_object *self);

/* Entry number `i`: its value, NULL where it was deleted; *key is set when there is a value. */
static struct pab_object *entry_at(struct pab_dict *dict, pab_ssize i, struct pab_object **key)
{
    assert(i < dict->keys->entry_count);
    if (dict->keys->kind == PAB_KEYS_GENERAL) {
        struct pab_entry *entry = &pab_entries(dict->keys)[i];
        *key = entry->key;
        return entry->value;
    }
    struct pab_str_entry *entry = &pab_str_entries(dict->keys)[i];
    *key = entry->key;
    return dict->values != NULL ? dict->values[i] : entry->value;
}

/* Value before key, entry by entry; str keys cannot be part of a cycle. */
static int dict_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_dict *dict = (struct pab_dict *)self;
    bool visit_keys = dict->keys->kind == PAB_KEYS_GENERAL;
    for (pab_ssize i = 0; i < dict->keys->entry_count; i++) {
        struct pab_object *key;
        struct pab_object *value = entry_at(dict, i, &key);
        int stop = value == NULL ? 0 : visit(value, arg);
        if (stop == 0 && value != NULL && visit_keys) {
            stop = visit(key, arg);
        }
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}

/* With keys that are no strs, values and keys are visited in turn: that is no span. */
static size_t dict_spans(const struct pab_object *self, struct pab_gc_span *spans)
{
    const struct pab_dict *dict = (const struct pab_dict *)self;
    struct pab_dict_keys *keys = dict->keys;
    size_t count = (size_t)keys->entry_count;
    if (dict->values != NULL) {
        spans[0] = (struct pab_gc_span){dict->values, count, 1};
        return 1;
    }
    if (keys->kind == PAB_KEYS_GENERAL || count == 0) { /* the empty table has no entries */
        return 0;
    }
    ptrdiff_t step = sizeof(struct pab_str_entry) / sizeof(struct pab_object *);
    spans[0] = (struct pab_gc_span){&pab_str_entries(keys)->value, count, step};
    return 1;
}

static void dict_untrack(struct pab_object *self)
{
    struct pab_dict *dict = (struct pab_dict *)self;
    for (pab_ssize i = 0; i < dict->keys->entry_count; i++) {
        struct pab_object *key;
        struct pab_object *value = entry_at(dict, i, &key);
        if (value != NULL && (pab_may_be_tracked(value) || pab_may_be_tracked(key))) {
            return;
        }
    }
    pab_gc_untrack(self);
}

const struct pab_type pab_dict_type = {
    .name = "dict",
    .flags = PAB_TYPE_GC | PAB_TYPE_UNTRACK_FULL,
    .dealloc = dict_dealloc,
    .traverse = dict_traverse,
    .spans = dict_spans,
    .clear = pab_dict_clear,
    .untrack = dict_untrack,
};

/* Values of a split table and the reference to the table. */
static void release_split(struct pab_dict_keys *keys, struct pab_object **values)
{
    for (pab_ssize i = 0; i < keys->entry_count; i++) {
        pab_xdecref(values[i]);
    }
    pab_values_free(values);
    pab_keys_decref(keys);
}

static void dict_release(struct pab_py *py, struct pab_dict *dict)
{
    struct pab_free_lists *lists = &py->free_lists;
    pab_object_dead(py);
    if (lists->dict_count < PAB_DICT_CACHE && !lists->off) {
        lists->dicts[lists->dict_count++] = dict;
    } else {
        pab_gc_free(&py->gc, dict, 0);
    }
}

static void dict_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_dict *dict = (struct pab_dict *)self;
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    if (dict->values != NULL) {
        release_split(dict->keys, dict->values);
    } else {
        pab_keys_decref(dict->keys);
    }
    dict_release(py, dict);
    pab_trash_end(py);
}

struct pab_dict *pab_dict_init(struct pab_py *py, struct pab_dict *dict, struct pab_dict_keys *keys,
                               struct pab_object **values)
{
    if (dict != NULL) {
        pab_object_born(py, &dict->base, &pab_dict_type);
        dict->used = 0;
        dict->version = 0;
        dict->keys = keys;
        dict->values = values;
    }
    return dict;
}

struct pab_dict *pab_dict_alloc(struct pab_dict_keys *keys, struct pab_object **values)
{
    struct pab_py *py = pab_py();
    struct pab_free_lists *lists = &py->free_lists;
    struct pab_dict *dict = lists->dict_count > 0
                                ? lists->dicts[--lists->dict_count]
                                : pab_gc_malloc(&py->gc, 0, sizeof(struct pab_dict));
    return pab_dict_init(py, dict, keys, values);
}

/* `dict` may have come out of memory that was not there. */
static struct pab_object *as_object(struct pab_dict *dict)
{
    return dict == NULL ? NULL : &dict->base;
}

struct pab_object *pab_dict_new(void)
{
    return as_object(pab_dict_alloc(pab_empty_keys, NULL));
}

struct pab_object *pab_dict_new_split(struct pab_dict_keys *keys, struct pab_object **values)
{
    assert(keys->kind == PAB_KEYS_SPLIT);
    pab_ssize used = 0;
    bool track = false; /* decided first: the allocation may collect, and untrack a tuple */
    for (pab_ssize i = 0; i < keys->entry_count; i++) {
        used += values[i] != NULL;
        track |= values[i] != NULL && pab_may_be_tracked(values[i]);
    }
    struct pab_dict *dict = pab_dict_alloc(keys, values);
    if (dict == NULL) {
        return NULL;
    }
    keys->refcnt++;
    dict->used = used;
    if (track) {
        pab_gc_track(pab_py_gc(), dict);
    }
    return &dict->base;
}

/* --- growth -------------------------------------------------------------------------------- */

/* Moves the entries of a split table, in this dict's own order, into the fresh `to`. */
static void move_split(struct pab_dict *dict, struct pab_dict_keys *to)
{
    struct pab_dict_keys *from = dict->keys;
    for (pab_ssize i = 0; i < dict->used; i++) {
        pab_ssize place = pab_values_nth(dict->values, i);
        struct pab_object *key = pab_new_ref(pab_str_entries(from)[place].key);
        struct pab_object *value = dict->values[place];
        assert(value != NULL);
        if (to->kind == PAB_KEYS_GENERAL) {
            pab_entries(to)[i] = (struct pab_entry){((struct pab_unicode *)key)->hash, key, value};
        } else {
            pab_str_entries(to)[i] = (struct pab_str_entry){key, value};
        }
    }
}

/* Moves the entries that are left, without the holes. */
static void move_combined(struct pab_dict_keys *from, struct pab_dict_keys *to)
{
    pab_ssize out = 0;
    for (pab_ssize i = 0; i < from->entry_count; i++) {
        if (from->kind == PAB_KEYS_GENERAL) {
            struct pab_entry entry = pab_entries(from)[i];
            if (entry.value != NULL) {
                pab_entries(to)[out++] = entry;
            }
            continue;
        }
        struct pab_str_entry entry = pab_str_entries(from)[i];
        if (entry.value == NULL) {
            continue;
        }
        if (to->kind == PAB_KEYS_GENERAL) {
            int64_t hash = ((struct pab_unicode *)entry.key)->hash;
            pab_entries(to)[out++] = (struct pab_entry){hash, entry.key, entry.value};
        } else {
            pab_str_entries(to)[out++] = entry;
        }
    }
}

int pab_dict_resize(struct pab_dict *dict, unsigned log2_size, bool str_only)
{
    struct pab_dict_keys *old = dict->keys;
    struct pab_dict_keys *fresh =
        pab_keys_new(log2_size, str_only && old->kind != PAB_KEYS_GENERAL);
    if (fresh == NULL) {
        return -1;
    }
    assert(fresh->usable >= dict->used);
    if (dict->values != NULL) {
        move_split(dict, fresh);
    } else {
        move_combined(old, fresh);
    }
    fresh->usable -= dict->used;
    fresh->entry_count = dict->used;
    pab_keys_build_index(fresh);
    dict->keys = fresh;
    if (dict->values != NULL) {
        struct pab_object **values = dict->values;
        dict->values = NULL;
        pab_keys_decref(old);
        pab_values_free(values);
    } else if (old != pab_empty_keys) {
        pab_keys_release_block(old);
    }
    return 0;
}

static int dict_grow(struct pab_dict *dict, bool str_only)
{
    return pab_dict_resize(dict, pab_keys_log2_for(dict->used * 3), str_only);
}

/* --- insertion ----------------------------------------------------------------------------- */

static inline void maintain_tracking(struct pab_dict *dict, struct pab_object *key,
                                     struct pab_object *value)
{
    if (!pab_gc_is_tracked(dict) && (pab_may_be_tracked(key) || pab_may_be_tracked(value))) {
        pab_gc_track(pab_py_gc(), dict);
    }
}

/* Adds an entry that is not there, in a table that has room. Takes both references. */
static void add_entry(struct pab_dict *dict, struct pab_object *key, int64_t hash,
                      struct pab_object *value)
{
    struct pab_dict_keys *keys = dict->keys;
    pab_ssize entry = keys->entry_count;
    assert(keys->usable > 0);
    pab_keys_set_index(keys, hash, entry);
    if (keys->kind == PAB_KEYS_GENERAL) {
        pab_entries(keys)[entry] = (struct pab_entry){hash, key, value};
    } else if (dict->values != NULL) {
        pab_str_entries(keys)[entry].key = key;
        pab_values_add_order(dict->values, entry);
        dict->values[entry] = value;
    } else {
        pab_str_entries(keys)[entry] = (struct pab_str_entry){key, value};
    }
    dict->used++;
    keys->usable--;
    keys->entry_count++;
}

/* Puts a new value where the key is already. Takes the reference; the old value goes last. */
static void replace_value(struct pab_dict *dict, pab_ssize entry, struct pab_object *value)
{
    struct pab_object **place;
    if (dict->values != NULL) {
        place = &dict->values[entry];
        if (*place == NULL) {
            pab_values_add_order(dict->values, entry);
            dict->used++;
        }
    } else if (dict->keys->kind == PAB_KEYS_GENERAL) {
        place = &pab_entries(dict->keys)[entry].value;
    } else {
        place = &pab_str_entries(dict->keys)[entry].value;
    }
    struct pab_object *old = *place;
    *place = value;
    pab_xdecref(old);
}

int pab_dict_insert(struct pab_dict *dict, struct pab_object *key, int64_t hash,
                    struct pab_object *value)
{
    if (dict->keys->kind != PAB_KEYS_GENERAL && !pab_is_unicode(key) &&
        dict_grow(dict, false) != 0) {
        return -1;
    }
    pab_ssize entry = pab_keys_find(dict->keys, key, hash);
    maintain_tracking(dict, key, value);
    if (entry >= 0) {
        replace_value(dict, entry, pab_new_ref(value));
        return 0;
    }
    if (dict->keys->usable <= 0 && dict_grow(dict, true) != 0) {
        return -1;
    }
    add_entry(dict, pab_new_ref(key), hash, pab_new_ref(value));
    return 0;
}

/* The first key decides which kind of table a dict gets. */
static int dict_insert_first(struct pab_dict *dict, struct pab_object *key, int64_t hash,
                             struct pab_object *value)
{
    struct pab_dict_keys *keys = pab_keys_new(PAB_KEYS_MIN_LOG2, pab_is_unicode(key));
    if (keys == NULL) {
        return -1;
    }
    maintain_tracking(dict, key, value);
    dict->keys = keys;
    add_entry(dict, pab_new_ref(key), hash, pab_new_ref(value));
    return 0;
}

int pab_dict_set_item(struct pab_object *object, struct pab_object *key, struct pab_object *value)
{
    struct pab_dict *dict = pab_as_dict(object);
    int64_t hash = pab_key_hash(key);
    return dict->keys == pab_empty_keys ? dict_insert_first(dict, key, hash, value)
                                        : pab_dict_insert(dict, key, hash, value);
}

struct pab_object *pab_dict_set_default(struct pab_object *object, struct pab_object *key)
{
    struct pab_object *value = pab_dict_get_item(object, key);
    if (value != NULL) {
        return value;
    }
    return pab_dict_set_item(object, key, key) == 0 ? key : NULL;
}

/* --- lookup, deletion ---------------------------------------------------------------------- */

struct pab_object *pab_dict_get_item(struct pab_object *object, struct pab_object *key)
{
    struct pab_dict *dict = pab_as_dict(object);
    pab_ssize entry = pab_keys_find(dict->keys, key, pab_key_hash(key));
    struct pab_object *found;
    return entry < 0 ? NULL : entry_at(dict, entry, &found);
}

/* Takes the entry of `key` out: its value, whose reference is the caller's; or NULL. */
static struct pab_object *entry_remove(struct pab_dict *dict, struct pab_object *key)
{
    struct pab_dict_keys *keys = dict->keys;
    int64_t hash = pab_key_hash(key);
    pab_ssize entry = pab_keys_find(keys, key, hash);
    struct pab_object *old_key = NULL;
    struct pab_object *value = entry < 0 ? NULL : entry_at(dict, entry, &old_key);
    if (value == NULL) {
        return NULL;
    }
    dict->used--;
    if (dict->values != NULL) {
        dict->values[entry] = NULL;
        pab_values_delete_order(dict->values, entry);
        return value;
    }
    pab_keys_delete_index(keys, hash, entry);
    if (keys->kind == PAB_KEYS_GENERAL) {
        pab_entries(keys)[entry] = (struct pab_entry){0};
    } else {
        pab_str_entries(keys)[entry] = (struct pab_str_entry){0};
    }
    pab_decref(old_key);
    return value;
}

int pab_dict_del_item(struct pab_object *dict, struct pab_object *key)
{
    struct pab_object *value = entry_remove(pab_as_dict(dict), key);
    if (value == NULL) {
        return -1;
    }
    pab_decref(value);
    return 0;
}

struct pab_object *pab_dict_pop(struct pab_object *dict, struct pab_object *key)
{
    return entry_remove(pab_as_dict(dict), key);
}

pab_ssize pab_dict_size(struct pab_object *dict)
{
    return pab_as_dict(dict)->used;
}

bool pab_dict_next(struct pab_object *object, pab_ssize *position, struct pab_object **key,
                   struct pab_object **value)
{
    struct pab_dict *dict = pab_as_dict(object);
    if (dict->values != NULL) {
        if (*position >= dict->used) {
            return false;
        }
        *value = entry_at(dict, pab_values_nth(dict->values, (*position)++), key);
        return true;
    }
    while (*position < dict->keys->entry_count) {
        *value = entry_at(dict, (*position)++, key);
        if (*value != NULL) {
            return true;
        }
    }
    return false;
}

/* The dict is empty before anything is released. */
void pab_dict_clear(struct pab_object *object)
{
    struct pab_dict *dict = pab_as_dict(object);
    struct pab_dict_keys *keys = dict->keys;
    struct pab_object **values = dict->values;
    dict->keys = pab_empty_keys;
    dict->values = NULL;
    dict->used = 0;
    if (values != NULL) {
        release_split(keys, values);
    } else {
        pab_keys_decref(keys);
    }
}
