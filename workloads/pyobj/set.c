/* workloads/pyobj/set.c -- set and frozenset: the table, what puts keys in and takes them out
 * (Objects/setobject.c@v3.11). set_operations.c has what makes sets out of sets. */
#include "workloads/pyobj/set.h"

#include <string.h>

enum {
    LINEAR_PROBES = 9, /* after the first slot */
    PERTURB_SHIFT = 5,
    LARGE_SET = 50000, /* from here on tables double rather than grow fourfold */
};

static struct pab_object deleted_marker;
#define DELETED (&deleted_marker)

static inline bool is_key(const struct pab_set_entry *entry)
{
    return entry->key != NULL && entry->key != DELETED;
}

/* --- memory management --------------------------------------------------------------------- */

static int set_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while ((entry = pab_set_next_entry((struct pab_set *)self, &position)) != NULL) {
        int stop = visit(entry->key, arg);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}

/* Releases `used` keys of a table that no set has any more, or never will again. */
static void release_keys(struct pab_set_entry *table, pab_ssize used)
{
    for (struct pab_set_entry *entry = table; used > 0; entry++) {
        if (is_key(entry)) {
            used--;
            pab_decref(entry->key);
        }
    }
}

static void set_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_set *set = (struct pab_set *)self;
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    if (set->weak_references != NULL) {
        pab_weakrefs_clear(self);
    }
    release_keys(set->table, set->used);
    if (set->table != set->small) {
        pab_mem_free(py, set->table);
    }
    pab_object_dead(py);
    pab_gc_free(&py->gc, self, 0);
    pab_trash_end(py);
}

static void empty_table(struct pab_set *set)
{
    memset(set->small, 0, sizeof(set->small));
    set->table = set->small;
    set->mask = PAB_SET_SMALL - 1;
    set->fill = 0;
    set->used = 0;
    set->hash = -1;
}

/* The set is empty before the first key is released. */
void pab_set_clear(struct pab_object *object)
{
    struct pab_set *set = pab_as_set(object);
    struct pab_set_entry *table = set->table;
    pab_ssize used = set->used;
    struct pab_set_entry copy[PAB_SET_SMALL];
    bool was_small = table == set->small;
    if (was_small) {
        memcpy(copy, table, sizeof(copy));
    }
    empty_table(set);
    release_keys(was_small ? copy : table, used);
    if (!was_small) {
        pab_mem_free(pab_py(), table);
    }
}

const struct pab_type pab_set_type = {
    .name = "set",
    .flags = PAB_TYPE_GC,
    .weaklist_offset = offsetof(struct pab_set, weak_references),
    .dealloc = set_dealloc,
    .traverse = set_traverse,
    .clear = pab_set_clear,
};

const struct pab_type pab_frozenset_type = {
    .name = "frozenset",
    .flags = PAB_TYPE_GC,
    .weaklist_offset = offsetof(struct pab_set, weak_references),
    .dealloc = set_dealloc,
    .traverse = set_traverse,
    .clear = pab_set_clear,
};

/* --- probing ------------------------------------------------------------------------------- */

struct probe {
    size_t slot, mask, perturb;
};

static inline struct probe probe_start(const struct pab_set *set, int64_t hash)
{
    size_t mask = (size_t)set->mask;
    return (struct probe){(size_t)hash & mask, mask, (size_t)hash};
}

/* How many slots to look at from here, side by side. */
static inline int probe_length(const struct probe *probe)
{
    return probe->slot + LINEAR_PROBES <= probe->mask ? LINEAR_PROBES + 1 : 1;
}

static inline void probe_jump(struct probe *probe)
{
    probe->perturb >>= PERTURB_SHIFT;
    probe->slot = (probe->slot * 5 + 1 + probe->perturb) & probe->mask;
}

/* The slot that holds `key`, or the empty one that ends the search for it. *deleted becomes the
 * last deleted slot on the way; it stays as it was when there is none. */
static struct pab_set_entry *find(struct pab_set *set, struct pab_object *key, int64_t hash,
                                  struct pab_set_entry **deleted)
{
    struct probe probe = probe_start(set, hash);
    for (;;) {
        struct pab_set_entry *entry = &set->table[probe.slot];
        for (int left = probe_length(&probe); left > 0; left--, entry++) {
            if (entry->key == NULL ||
                (entry->hash == hash && (entry->key == key || pab_object_equal(entry->key, key)))) {
                return entry;
            }
            if (entry->key == DELETED) {
                *deleted = entry;
            }
        }
        probe_jump(&probe);
    }
}

/* Enters a key that is not there into a table that has neither room problems nor deleted slots. */
static void insert_clean(struct pab_set *set, struct pab_set_entry key)
{
    struct probe probe = probe_start(set, key.hash);
    for (;;) {
        struct pab_set_entry *entry = &set->table[probe.slot];
        for (int left = probe_length(&probe); left > 0; left--, entry++) {
            if (entry->key == NULL) {
                *entry = key;
                return;
            }
        }
        probe_jump(&probe);
    }
}

struct pab_set_entry *pab_set_next_entry(struct pab_set *set, pab_ssize *position)
{
    while (*position <= set->mask) {
        struct pab_set_entry *entry = &set->table[(*position)++];
        if (is_key(entry)) {
            return entry;
        }
    }
    return NULL;
}

/* --- growth -------------------------------------------------------------------------------- */

/* Moves the keys into the least table of more than `minimum` slots. */
static int set_resize(struct pab_set *set, pab_ssize minimum)
{
    struct pab_py *py = pab_py();
    struct pab_set_entry *old = set->table;
    struct pab_set_entry copy[PAB_SET_SMALL];
    size_t old_slots = (size_t)set->mask + 1;
    size_t slots = PAB_SET_SMALL;
    bool was_small = old == set->small;
    while (slots <= (size_t)minimum) {
        slots <<= 1;
    }
    if (slots > PAB_SET_SMALL) {
        struct pab_set_entry *table = pab_mem_malloc(py, slots * sizeof(*table));
        if (table == NULL) {
            return -1;
        }
        set->table = table;
    } else if (was_small && set->fill == set->used) {
        return 0;
    } else {
        set->table = set->small;
    }
    if (was_small) {
        memcpy(copy, old, sizeof(copy));
        old = copy;
    }
    memset(set->table, 0, slots * sizeof(*set->table));
    set->mask = (pab_ssize)slots - 1;
    set->fill = set->used;
    for (size_t i = 0; i < old_slots; i++) {
        if (is_key(&old[i])) {
            insert_clean(set, old[i]);
        }
    }
    if (!was_small) {
        pab_mem_free(py, old);
    }
    return 0;
}

int pab_set_rebuild(struct pab_set *set)
{
    return set_resize(set, set->used * (set->used > LARGE_SET ? 2 : 4));
}

static inline bool is_full(const struct pab_set *set, pab_ssize fill)
{
    return fill * 5 >= set->mask * 3;
}

/* --- keys ---------------------------------------------------------------------------------- */

static inline int64_t hash_of(struct pab_object *key)
{
    return pab_is_unicode(key) ? pab_unicode_hash((struct pab_unicode *)key) : pab_object_hash(key);
}

bool pab_set_has_entry(struct pab_set *set, struct pab_object *key, int64_t hash)
{
    struct pab_set_entry *deleted = NULL;
    return find(set, key, hash, &deleted)->key != NULL;
}

/* A key stays in a table that could not grow, as in CPython; but never in the last empty slot, for
 * a search ends at one. */
int pab_set_add_entry(struct pab_set *set, struct pab_object *key, int64_t hash)
{
    struct pab_set_entry *deleted = NULL;
    struct pab_set_entry *entry = find(set, key, hash, &deleted);
    if (entry->key != NULL) {
        return 0;
    }
    set->used++;
    if (deleted != NULL) {
        *deleted = (struct pab_set_entry){pab_new_ref(key), hash};
        return 0;
    }
    *entry = (struct pab_set_entry){pab_new_ref(key), hash};
    set->fill++;
    if (!is_full(set, set->fill) || pab_set_rebuild(set) == 0) {
        return 0;
    }
    if (set->fill > set->mask) {
        *entry = (struct pab_set_entry){NULL, 0};
        set->used--;
        set->fill--;
        pab_decref(key);
    }
    return -1;
}

bool pab_set_discard_entry(struct pab_set *set, struct pab_object *key, int64_t hash)
{
    struct pab_set_entry *deleted = NULL;
    struct pab_set_entry *entry = find(set, key, hash, &deleted);
    struct pab_object *old = entry->key;
    if (old == NULL) {
        return false;
    }
    *entry = (struct pab_set_entry){DELETED, -1};
    set->used--;
    pab_decref(old);
    return true;
}

int pab_set_add(struct pab_object *set, struct pab_object *key)
{
    assert(set->type == &pab_set_type);
    return pab_set_add_entry(pab_as_set(set), key, hash_of(key));
}

int pab_set_discard(struct pab_object *set, struct pab_object *key)
{
    assert(set->type == &pab_set_type);
    return pab_set_discard_entry(pab_as_set(set), key, hash_of(key));
}

bool pab_set_contains(struct pab_object *set, struct pab_object *key)
{
    return pab_set_has_entry(pab_as_set(set), key, hash_of(key));
}

/* The search goes on where the last one ended, so that emptying a set takes linear time. */
struct pab_object *pab_set_pop(struct pab_object *object)
{
    struct pab_set *set = pab_as_set(object);
    assert(object->type == &pab_set_type);
    if (set->used == 0) {
        return NULL;
    }
    pab_ssize slot = set->finger & set->mask;
    while (!is_key(&set->table[slot])) {
        slot = slot == set->mask ? 0 : slot + 1;
    }
    struct pab_object *key = set->table[slot].key;
    set->table[slot] = (struct pab_set_entry){DELETED, -1};
    set->used--;
    set->finger = slot + 1;
    return key;
}

pab_ssize pab_set_size(struct pab_object *set)
{
    return pab_as_set(set)->used;
}

bool pab_set_next(struct pab_object *set, pab_ssize *position, struct pab_object **key)
{
    struct pab_set_entry *entry = pab_set_next_entry(pab_as_set(set), position);
    if (entry != NULL) {
        *key = entry->key;
    }
    return entry != NULL;
}

/* --- many keys ----------------------------------------------------------------------------- */

/* All keys of `other`, few of which are expected to be there: room is made once, for both. An
 * empty set of the same table size becomes an exact copy, slot by slot. */
static int merge(struct pab_set *set, struct pab_set *other)
{
    if (other == set || other->used == 0) {
        return 0;
    }
    if (is_full(set, set->fill + other->used) &&
        set_resize(set, (set->used + other->used) * 2) != 0) {
        return -1;
    }
    bool was_empty = set->fill == 0;
    bool same_slots = set->mask == other->mask && other->fill == other->used;
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while ((entry = pab_set_next_entry(other, &position)) != NULL) {
        if (!was_empty) {
            if (pab_set_add_entry(set, entry->key, entry->hash) != 0) {
                return -1;
            }
            continue;
        }
        pab_incref(entry->key);
        if (same_slots) {
            set->table[position - 1] = *entry;
        } else {
            insert_clean(set, *entry);
        }
        set->fill++;
        set->used++;
    }
    return 0;
}

enum { ITERATOR_BYTES = 32 }; /* of a list's or tuple's iterator, without its GC header */

/* CPython walks a sequence with an iterator object. Nothing can collect while it lives, so nobody
 * ever sees what is in it. */
static int add_sequence(struct pab_set *set, struct pab_object *sequence)
{
    struct pab_py *py = pab_py();
    void *iterator = pab_gc_malloc(&py->gc, 0, ITERATOR_BYTES);
    if (iterator == NULL) {
        return -1;
    }
    bool is_tuple = sequence->type == &pab_tuple_type;
    pab_ssize size = is_tuple ? pab_tuple_size(sequence) : pab_list_size(sequence);
    int status = 0;
    for (pab_ssize i = 0; i < size && status == 0; i++) {
        struct pab_object *key =
            is_tuple ? pab_tuple_get_item(sequence, i) : pab_list_get_item(sequence, i);
        status = pab_set_add_entry(set, key, hash_of(key));
    }
    pab_gc_free(&py->gc, iterator, 0);
    return status;
}

int pab_set_update(struct pab_object *object, struct pab_object *items)
{
    struct pab_set *set = pab_as_set(object);
    return pab_is_set(items) ? merge(set, pab_as_set(items)) : add_sequence(set, items);
}

/* --- making -------------------------------------------------------------------------------- */

struct pab_set *pab_set_make(const struct pab_type *type, struct pab_object *items)
{
    struct pab_py *py = pab_py();
    struct pab_set *set = pab_gc_malloc(&py->gc, 0, sizeof(*set));
    if (set == NULL) {
        return NULL;
    }
    pab_object_born(py, &set->base, type);
    empty_table(set);
    set->finger = 0;
    set->weak_references = NULL;
    pab_gc_track(&py->gc, set);
    if (items != NULL && pab_set_update(&set->base, items) != 0) {
        pab_decref(&set->base);
        return NULL;
    }
    return set;
}

struct pab_object *pab_set_new(struct pab_object *items)
{
    return (struct pab_object *)pab_set_make(&pab_set_type, items);
}

struct pab_object *pab_frozenset_new(struct pab_object *items)
{
    if (items != NULL && items->type == &pab_frozenset_type) {
        return pab_new_ref(items);
    }
    return (struct pab_object *)pab_set_make(&pab_frozenset_type, items);
}
