/* workloads/support/locals.h -- local variables of the Python code that a workload acts out.
 *
 * Depends on pyobj.h. The order in which an interpreter makes and drops objects decides which
 * block is reused next, so it is kept (CPython 3.11, Python/ceval.c): an operation makes its
 * result, then drops its operands; STORE_FAST drops what the variable held before, last of all.
 */
#ifndef PAB_WORKLOADS_SUPPORT_LOCALS_H
#define PAB_WORKLOADS_SUPPORT_LOCALS_H

#include "workloads/pyobj/pyobj.h"

#include <string.h>

/* variable = value; takes the reference. A variable starts at NULL: not bound yet. */
static inline void pab_store(struct pab_object **variable, struct pab_object *value)
{
    struct pab_object *old = *variable;
    *variable = value;
    pab_xdecref(old);
}

/* del variable */
static inline void pab_unbind(struct pab_object **variable)
{
    pab_store(variable, NULL);
}

static inline struct pab_object *pab_int(int64_t value)
{
    return pab_must(pab_long_from_int64(value));
}

/* A name, as the compiler interns those of attributes, and programs their keys. */
static inline struct pab_object *pab_name(const char *ascii)
{
    struct pab_object *name = pab_must(pab_unicode_from_ascii(ascii, (pab_ssize)strlen(ascii)));
    pab_must_do(pab_unicode_intern_in_place(&name));
    return name;
}

/* list.append(item); takes the reference, unlike PyList_Append. */
static inline void pab_list_push(struct pab_object *list, struct pab_object *item)
{
    pab_must_do(pab_list_append(list, item));
    pab_decref(item);
}

/* dict[key] = value; takes both references, unlike PyDict_SetItem. */
static inline void pab_dict_store(struct pab_object *dict, struct pab_object *key,
                                  struct pab_object *value)
{
    pab_must_do(pab_dict_set_item(dict, key, value));
    pab_decref(value);
    pab_decref(key);
}

#endif
