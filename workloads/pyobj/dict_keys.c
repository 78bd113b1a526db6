/* workloads/pyobj/dict_keys.c -- key tables: probing, sizes, free list. See dict_keys.h. */
#include "workloads/pyobj/dict_keys.h"

#include "workloads/pyobj/runtime.h"

#include <string.h>

enum { PERTURB_SHIFT = 5 };

static struct {
    struct pab_dict_keys head;
    signed char index[8];
} empty_table = {{.refcnt = 1, .log2_index_bytes = 3, .kind = PAB_KEYS_STR},
                 {-1, -1, -1, -1, -1, -1, -1, -1}};

struct pab_dict_keys *const pab_empty_keys = &empty_table.head;

/* --- the index ----------------------------------------------------------------------------- */

static inline pab_ssize index_get(const struct pab_dict_keys *keys, size_t slot)
{
    const void *indices = keys + 1;
    if (keys->log2_size < 8) {
        return ((const int8_t *)indices)[slot];
    }
    if (keys->log2_size < 16) {
        return ((const int16_t *)indices)[slot];
    }
    if (keys->log2_size < 32) {
        return ((const int32_t *)indices)[slot];
    }
    return ((const int64_t *)indices)[slot];
}

static inline void index_set(struct pab_dict_keys *keys, size_t slot, pab_ssize entry)
{
    void *indices = keys + 1;
    if (keys->log2_size < 8) {
        ((int8_t *)indices)[slot] = (int8_t)entry;
    } else if (keys->log2_size < 16) {
        ((int16_t *)indices)[slot] = (int16_t)entry;
    } else if (keys->log2_size < 32) {
        ((int32_t *)indices)[slot] = (int32_t)entry;
    } else {
        ((int64_t *)indices)[slot] = entry;
    }
}

/* CPython's probe sequence: every bit of the hash takes part before it becomes a plain walk. */
struct probe {
    size_t slot, mask, perturb;
};

static inline struct probe probe_start(const struct pab_dict_keys *keys, int64_t hash)
{
    size_t mask = pab_keys_slots(keys) - 1;
    return (struct probe){(size_t)hash & mask, mask, (size_t)hash};
}

static inline void probe_next(struct probe *probe)
{
    probe->perturb >>= PERTURB_SHIFT;
    probe->slot = (probe->slot * 5 + probe->perturb + 1) & probe->mask;
}

static bool same_text(struct pab_object *a, struct pab_object *b)
{
    struct pab_unicode *left = (struct pab_unicode *)a;
    struct pab_unicode *right = (struct pab_unicode *)b;
    return left->length == right->length && left->kind == right->kind &&
           memcmp(pab_unicode_chars(left), pab_unicode_chars(right),
                  (size_t)left->length * left->kind) == 0;
}

pab_ssize pab_keys_find_str(struct pab_dict_keys *keys, struct pab_object *key, int64_t hash)
{
    assert(pab_is_unicode(key));
    struct pab_str_entry *entries = pab_str_entries(keys);
    struct probe probe = probe_start(keys, hash);
    for (;;) {
        pab_ssize entry = index_get(keys, probe.slot);
        if (entry >= 0) {
            struct pab_object *other = entries[entry].key;
            if (other == key ||
                (((struct pab_unicode *)other)->hash == hash && same_text(other, key))) {
                return entry;
            }
        } else if (entry == PAB_INDEX_EMPTY) {
            return PAB_INDEX_EMPTY;
        }
        probe_next(&probe);
    }
}

static pab_ssize find_general(struct pab_dict_keys *keys, struct pab_object *key, int64_t hash)
{
    struct pab_entry *entries = pab_entries(keys);
    struct probe probe = probe_start(keys, hash);
    for (;;) {
        pab_ssize entry = index_get(keys, probe.slot);
        if (entry >= 0) {
            struct pab_entry *other = &entries[entry];
            if (other->key == key || (other->hash == hash && pab_object_equal(other->key, key))) {
                return entry;
            }
        } else if (entry == PAB_INDEX_EMPTY) {
            return PAB_INDEX_EMPTY;
        }
        probe_next(&probe);
    }
}

pab_ssize pab_keys_find(struct pab_dict_keys *keys, struct pab_object *key, int64_t hash)
{
    if (keys->kind == PAB_KEYS_GENERAL) {
        return find_general(keys, key, hash);
    }
    /* No other type here equals a str. */
    return pab_is_unicode(key) ? pab_keys_find_str(keys, key, hash) : PAB_INDEX_EMPTY;
}

void pab_keys_set_index(struct pab_dict_keys *keys, int64_t hash, pab_ssize entry)
{
    struct probe probe = probe_start(keys, hash);
    while (index_get(keys, probe.slot) >= 0) {
        probe_next(&probe);
    }
    index_set(keys, probe.slot, entry);
}

void pab_keys_delete_index(struct pab_dict_keys *keys, int64_t hash, pab_ssize entry)
{
    struct probe probe = probe_start(keys, hash);
    while (index_get(keys, probe.slot) != entry) {
        assert(index_get(keys, probe.slot) != PAB_INDEX_EMPTY);
        probe_next(&probe);
    }
    index_set(keys, probe.slot, PAB_INDEX_DUMMY);
}

void pab_keys_build_index(struct pab_dict_keys *keys)
{
    for (pab_ssize i = 0; i < keys->entry_count; i++) {
        int64_t hash = keys->kind == PAB_KEYS_GENERAL
                           ? pab_entries(keys)[i].hash
                           : ((struct pab_unicode *)pab_str_entries(keys)[i].key)->hash;
        pab_keys_set_index(keys, hash, i);
    }
}

/* --- tables -------------------------------------------------------------------------------- */

unsigned pab_keys_log2_for(pab_ssize wish)
{
    assert(wish >= 0 && wish < PTRDIFF_MAX / 64);
    uint64_t bits = (((uint64_t)wish | 8) - 1) | 7;
    return (unsigned)(64 - __builtin_clzll(bits));
}

static size_t entry_bytes(unsigned kind)
{
    return kind == PAB_KEYS_GENERAL ? sizeof(struct pab_entry) : sizeof(struct pab_str_entry);
}

static size_t keys_bytes(unsigned log2_size, unsigned log2_index_bytes, unsigned kind)
{
    return sizeof(struct pab_dict_keys) + ((size_t)1 << log2_index_bytes) +
           entry_bytes(kind) * (size_t)pab_keys_capacity(log2_size);
}

size_t pab_keys_bytes(const struct pab_dict_keys *keys)
{
    return keys_bytes(keys->log2_size, keys->log2_index_bytes, keys->kind);
}

struct pab_dict_keys *pab_keys_new(unsigned log2_size, bool str_only)
{
    struct pab_py *py = pab_py();
    struct pab_free_lists *lists = &py->free_lists;
    unsigned kind = str_only ? PAB_KEYS_STR : PAB_KEYS_GENERAL;
    unsigned widening = log2_size < 8 ? 0 : log2_size < 16 ? 1 : log2_size < 32 ? 2 : 3;
    unsigned log2_index_bytes = log2_size + widening;
    assert(log2_size >= PAB_KEYS_MIN_LOG2 && log2_size < 58);
    struct pab_dict_keys *keys;
    if (log2_size == PAB_KEYS_MIN_LOG2 && str_only && lists->keys_count > 0) {
        keys = lists->keys[--lists->keys_count];
    } else {
        keys = pab_obj_malloc(py, keys_bytes(log2_size, log2_index_bytes, kind));
        if (keys == NULL) {
            return NULL;
        }
    }
    keys->refcnt = 1;
    keys->log2_size = (uint8_t)log2_size;
    keys->log2_index_bytes = (uint8_t)log2_index_bytes;
    keys->kind = (uint8_t)kind;
    keys->version = 0;
    keys->usable = pab_keys_capacity(log2_size);
    keys->entry_count = 0;
    memset(keys + 1, 0xff, (size_t)1 << log2_index_bytes);
    memset(pab_keys_entries(keys), 0, entry_bytes(kind) * (size_t)keys->usable);
    return keys;
}

struct pab_dict_keys *pab_keys_new_shared(void)
{
    struct pab_dict_keys *keys = pab_keys_new(PAB_KEYS_SHARED_LOG2, true);
    if (keys != NULL) {
        keys->kind = PAB_KEYS_SPLIT;
        keys->usable = PAB_KEYS_SHARED_MAX;
    }
    return keys;
}

void pab_keys_release_block(struct pab_dict_keys *keys)
{
    struct pab_py *py = pab_py();
    struct pab_free_lists *lists = &py->free_lists;
    if (keys->log2_size == PAB_KEYS_MIN_LOG2 && keys->kind != PAB_KEYS_GENERAL &&
        lists->keys_count < PAB_DICT_CACHE && !lists->off) {
        lists->keys[lists->keys_count++] = keys;
    } else {
        pab_obj_free(py, keys);
    }
}

/* In the order of insertion, key before value. */
static void release_entries(struct pab_dict_keys *keys)
{
    for (pab_ssize i = 0; i < keys->entry_count; i++) {
        if (keys->kind == PAB_KEYS_GENERAL) {
            struct pab_entry *entry = &pab_entries(keys)[i];
            pab_xdecref(entry->key);
            pab_xdecref(entry->value);
        } else {
            struct pab_str_entry *entry = &pab_str_entries(keys)[i];
            pab_xdecref(entry->key);
            pab_xdecref(entry->value);
        }
    }
}

void pab_keys_decref(struct pab_dict_keys *keys)
{
    if (keys == pab_empty_keys) {
        return;
    }
    assert(keys->refcnt > 0);
    if (--keys->refcnt == 0) {
        release_entries(keys);
        pab_keys_release_block(keys);
    }
}

pab_ssize pab_keys_add_shared(struct pab_dict_keys *keys, struct pab_object *name)
{
    assert(keys->kind == PAB_KEYS_SPLIT);
    int64_t hash = pab_unicode_hash((struct pab_unicode *)name);
    pab_ssize entry = pab_keys_find_str(keys, name, hash);
    if (entry != PAB_INDEX_EMPTY || keys->usable <= 0) {
        return entry;
    }
    entry = keys->entry_count;
    pab_keys_set_index(keys, hash, entry);
    pab_str_entries(keys)[entry].key = pab_new_ref(name);
    keys->usable--;
    keys->entry_count++;
    return entry;
}

/* --- values -------------------------------------------------------------------------------- */

struct pab_object **pab_values_new(pab_ssize length)
{
    assert(length >= 1 && length <= PAB_KEYS_SHARED_MAX);
    size_t prefix = ((size_t)length + 2 + 7) & ~(size_t)7;
    unsigned char *block =
        pab_mem_malloc(pab_py(), prefix + (size_t)length * sizeof(struct pab_object *));
    if (block == NULL) {
        return NULL;
    }
    struct pab_object **values = (struct pab_object **)(void *)(block + prefix);
    block[prefix - 1] = (unsigned char)prefix;
    *pab_values_count(values) = 0;
    for (pab_ssize i = 0; i < length; i++) {
        values[i] = NULL;
    }
    return values;
}

void pab_values_free(struct pab_object **values)
{
    unsigned char *start = (unsigned char *)values;
    pab_mem_free(pab_py(), start - start[-1]);
}

void pab_values_add_order(struct pab_object **values, pab_ssize entry)
{
    uint8_t *count = pab_values_count(values);
    assert(*count + 2 < ((uint8_t *)values)[-1]);
    count[-1 - *count] = (uint8_t)entry;
    ++*count;
}

void pab_values_delete_order(struct pab_object **values, pab_ssize entry)
{
    uint8_t *count = pab_values_count(values);
    int position = 0;
    while (count[-1 - position] != entry) {
        position++;
        assert(position < *count);
    }
    for (; position < *count - 1; position++) {
        count[-1 - position] = count[-2 - position];
    }
    --*count;
}
