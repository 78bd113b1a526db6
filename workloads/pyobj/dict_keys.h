/* workloads/pyobj/dict_keys.h -- key tables of dicts and classes (Objects/dictobject.c@v3.11).
 * Internal to this folder and to its tests. Depends on object.h.
 *
 *      32 bytes        2**log2_size indices of 1, 2, 4 or 8 bytes      usable entries, in order
 *   +----------------+----------------------------------------------+--------------------------
 *   | header         | empty, dummy, or the number of an entry       | key value | key value ...
 *   +----------------+----------------------------------------------+--------------------------
 *
 * Entries are 16 bytes as long as every key is a str (whose hash lies in the str), else 24. A
 * split table belongs to a class: it holds the names only, each dict or instance has an array of
 * values of its own, in the same order.
 */
#ifndef PAB_WORKLOADS_PYOBJ_DICT_KEYS_H
#define PAB_WORKLOADS_PYOBJ_DICT_KEYS_H

#include "workloads/pyobj/object.h"

enum pab_keys_kind {
    PAB_KEYS_GENERAL, /* 24-byte entries */
    PAB_KEYS_STR,     /* 16-byte entries */
    PAB_KEYS_SPLIT,   /* 16-byte entries, values elsewhere */
};

enum {
    PAB_KEYS_MIN_LOG2 = 3,    /* smallest table: 8 slots, 5 entries */
    PAB_KEYS_SHARED_LOG2 = 6, /* a class's table: 64 slots ... */
    PAB_KEYS_SHARED_MAX = 30, /* ... of which 30 names are used at most */
    PAB_INDEX_EMPTY = -1,
    PAB_INDEX_DUMMY = -2, /* a deleted entry: the probe goes on */
};

struct pab_dict_keys {
    pab_ssize refcnt;
    uint8_t log2_size;
    uint8_t log2_index_bytes; /* of the whole index */
    uint8_t kind;
    uint32_t version; /* CPython's specialiser: kept for the size */
    pab_ssize usable; /* entries that may still be added */
    pab_ssize entry_count;
};
static_assert(sizeof(struct pab_dict_keys) == 32, "PyDictKeysObject");

struct pab_str_entry {
    struct pab_object *key, *value;
};

struct pab_entry {
    int64_t hash;
    struct pab_object *key, *value;
};

/* The table of every empty dict: constant, never counted, always full. */
extern struct pab_dict_keys *const pab_empty_keys;

static inline size_t pab_keys_slots(const struct pab_dict_keys *keys)
{
    return (size_t)1 << keys->log2_size;
}

static inline pab_ssize pab_keys_capacity(unsigned log2_size)
{
    return (pab_ssize)(((size_t)2 << log2_size) / 3);
}

static inline void *pab_keys_entries(struct pab_dict_keys *keys)
{
    return (char *)(keys + 1) + ((size_t)1 << keys->log2_index_bytes);
}

static inline struct pab_str_entry *pab_str_entries(struct pab_dict_keys *keys)
{
    assert(keys->kind != PAB_KEYS_GENERAL);
    return pab_keys_entries(keys);
}

static inline struct pab_entry *pab_entries(struct pab_dict_keys *keys)
{
    assert(keys->kind == PAB_KEYS_GENERAL);
    return pab_keys_entries(keys);
}

/* A table of 2**log2_size slots in the obj domain, from the free list if it can be; NULL. */
struct pab_dict_keys *pab_keys_new(unsigned log2_size, bool str_only);
/* The table of a new class. */
struct pab_dict_keys *pab_keys_new_shared(void);
void pab_keys_decref(struct pab_dict_keys *keys);
/* Gives the block back, or parks it; the references in it were moved away. */
void pab_keys_release_block(struct pab_dict_keys *keys);
size_t pab_keys_bytes(const struct pab_dict_keys *keys); /* of the block */

/* Number of the entry of `key`, or PAB_INDEX_EMPTY. */
pab_ssize pab_keys_find(struct pab_dict_keys *keys, struct pab_object *key, int64_t hash);
pab_ssize pab_keys_find_str(struct pab_dict_keys *keys, struct pab_object *key, int64_t hash);
/* Enters entry number `entry` in the first free slot of the probe sequence of `hash`. */
void pab_keys_set_index(struct pab_dict_keys *keys, int64_t hash, pab_ssize entry);
/* Marks the slot that holds entry number `entry` as deleted. */
void pab_keys_delete_index(struct pab_dict_keys *keys, int64_t hash, pab_ssize entry);
/* Fills the index of a fresh table from its entries. */
void pab_keys_build_index(struct pab_dict_keys *keys);
/* The entry of `name` in a shared table, added if there is room; else PAB_INDEX_EMPTY. */
pab_ssize pab_keys_add_shared(struct pab_dict_keys *keys, struct pab_object *name);
/* Names in a shared table and those that may come: the length of a values array. */
static inline pab_ssize pab_keys_shared_length(const struct pab_dict_keys *keys)
{
    return keys->entry_count + keys->usable;
}
/* log2 of the table for `wish` entries, with the over-rounding of 3.10 - 3.12. */
unsigned pab_keys_log2_for(pab_ssize wish);

/* --- values of a split table -----------------------------------------------------------------
 * One mem block: [order of insertion, one byte each, growing downwards][count][prefix bytes]
 * before the array, then the values in the order of the shared names. */

struct pab_object **pab_values_new(pab_ssize length); /* all NULL; or NULL */
void pab_values_free(struct pab_object **values);

static inline uint8_t *pab_values_count(struct pab_object **values)
{
    return (uint8_t *)values - 2;
}

static inline pab_ssize pab_values_nth(struct pab_object **values, pab_ssize position)
{
    return ((uint8_t *)values)[-3 - position];
}

void pab_values_add_order(struct pab_object **values, pab_ssize entry);
void pab_values_delete_order(struct pab_object **values, pab_ssize entry);

#endif
