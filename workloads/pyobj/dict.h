/* workloads/pyobj/dict.h -- what the parts of dict share. Internal to this folder. Depends on
 * runtime.h, dict_keys.h. */
#ifndef PAB_WORKLOADS_PYOBJ_DICT_H
#define PAB_WORKLOADS_PYOBJ_DICT_H

#include "workloads/pyobj/runtime.h"

static inline struct pab_dict *pab_as_dict(struct pab_object *object)
{
    assert(object->type == &pab_dict_type);
    return (struct pab_dict *)object;
}

static inline int64_t pab_key_hash(struct pab_object *key)
{
    return pab_is_unicode(key) ? pab_unicode_hash((struct pab_unicode *)key) : pab_object_hash(key);
}

/* Fills in `dict`, which may be NULL. Takes the reference to `keys` unless it is. Untracked. */
struct pab_dict *pab_dict_init(struct pab_py *py, struct pab_dict *dict, struct pab_dict_keys *keys,
                               struct pab_object **values);
/* The same for a new one, from the free list if it can be; or NULL. */
struct pab_dict *pab_dict_alloc(struct pab_dict_keys *keys, struct pab_object **values);
/* A table of its own for `dict`, of 2**log2_size slots; once general, always general. */
int pab_dict_resize(struct pab_dict *dict, unsigned log2_size, bool str_only);
/* dict[key] = value, for a dict that has a table. */
int pab_dict_insert(struct pab_dict *dict, struct pab_object *key, int64_t hash,
                    struct pab_object *value);

#endif
