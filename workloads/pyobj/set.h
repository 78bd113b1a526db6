/* workloads/pyobj/set.h -- the hash table under set and frozenset (Objects/setobject.c@v3.11).
 * Internal to this folder and to its tests. Depends on runtime.h.
 *
 *   slot     empty: key NULL      deleted: a key that is no object, hash -1      else: key, hash
 *   probing  10 slots in a row (where the table does not end before), then a jump by the hash
 *   adding   into the last deleted slot that the search came by, else into the empty one at its end
 *   full     at 3/5 of the slots, deleted ones included
 */
#ifndef PAB_WORKLOADS_PYOBJ_SET_H
#define PAB_WORKLOADS_PYOBJ_SET_H

#include "workloads/pyobj/runtime.h"

static inline bool pab_is_set(const struct pab_object *object)
{
    return object->type == &pab_set_type || object->type == &pab_frozenset_type;
}

static inline struct pab_set *pab_as_set(struct pab_object *object)
{
    assert(pab_is_set(object));
    return (struct pab_set *)object;
}

/* A set of `type` with the items of a list, tuple, set or frozenset, or empty for NULL. */
struct pab_set *pab_set_make(const struct pab_type *type, struct pab_object *items);
/* The next key from slot *position on, in table order; NULL at the end. */
struct pab_set_entry *pab_set_next_entry(struct pab_set *set, pab_ssize *position);
bool pab_set_has_entry(struct pab_set *set, struct pab_object *key, int64_t hash);
/* A new reference to `key` is taken if it is not there already. */
int pab_set_add_entry(struct pab_set *set, struct pab_object *key, int64_t hash);
bool pab_set_discard_entry(struct pab_set *set, struct pab_object *key, int64_t hash);
/* A table for its keys alone, with room to grow. */
int pab_set_rebuild(struct pab_set *set);

#endif
