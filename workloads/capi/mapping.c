/* workloads/capi/mapping.c -- dict, set, frozenset. Nothing here lets an exception arise: one asks
 * for memory that the workload did not ask for. */
#include "workloads/capi/methods.h"

#include <Python.h>

static PyObject *of(struct pab_object *object)
{
    return (PyObject *)object;
}

static struct pab_object *to(PyObject *object)
{
    return (struct pab_object *)object;
}

/* --- dict ------------------------------------------------------------------------------------- */

struct pab_object *pab_dict_new(void)
{
    return to(PyDict_New());
}

int pab_dict_set_item(struct pab_object *dict, struct pab_object *key, struct pab_object *value)
{
    return PyDict_SetItem(of(dict), of(key), of(value));
}

struct pab_object *pab_dict_get_item(struct pab_object *dict, struct pab_object *key)
{
    return to(PyDict_GetItemWithError(of(dict), of(key)));
}

int pab_dict_del_item(struct pab_object *dict, struct pab_object *key)
{
    return PyDict_Contains(of(dict), of(key)) == 1 ? PyDict_DelItem(of(dict), of(key)) : -1;
}

pab_ssize pab_dict_size(struct pab_object *dict)
{
    return PyDict_GET_SIZE(of(dict));
}

bool pab_dict_next(struct pab_object *dict, pab_ssize *position, struct pab_object **key,
                   struct pab_object **value)
{
    PyObject *found_key;
    PyObject *found_value;
    if (!PyDict_Next(of(dict), position, &found_key, &found_value)) {
        return false;
    }
    *key = to(found_key);
    *value = to(found_value);
    return true;
}

struct pab_object *pab_dict_copy(struct pab_object *dict)
{
    return to(PyDict_Copy(of(dict)));
}

int pab_dict_update(struct pab_object *dict, struct pab_object *other)
{
    return PyDict_Update(of(dict), of(other));
}

struct pab_object *pab_dict_pop(struct pab_object *dict, struct pab_object *key)
{
    return PyDict_Contains(of(dict), of(key)) == 1 ? to(_PyDict_Pop(of(dict), of(key), NULL))
                                                   : NULL;
}

struct pab_object *pab_dict_keys(struct pab_object *dict)
{
    return to(PyDict_Keys(of(dict)));
}

struct pab_object *pab_dict_items(struct pab_object *dict)
{
    return to(PyDict_Items(of(dict)));
}

void pab_dict_clear(struct pab_object *dict)
{
    PyDict_Clear(of(dict));
}

/* --- set -------------------------------------------------------------------------------------- */

struct pab_object *pab_set_new(struct pab_object *items)
{
    return to(PySet_New(of(items)));
}

struct pab_object *pab_frozenset_new(struct pab_object *items)
{
    return to(items == NULL ? PyFrozenSet_New(NULL)
                            : PyObject_CallOneArg((PyObject *)&PyFrozenSet_Type, of(items)));
}

int pab_set_add(struct pab_object *set, struct pab_object *key)
{
    return PySet_Add(of(set), of(key));
}

int pab_set_discard(struct pab_object *set, struct pab_object *key)
{
    return PySet_Discard(of(set), of(key));
}

bool pab_set_contains(struct pab_object *set, struct pab_object *key)
{
    return PySet_Contains(of(set), of(key)) == 1;
}

struct pab_object *pab_set_pop(struct pab_object *set)
{
    return PySet_GET_SIZE(of(set)) == 0 ? NULL : to(PySet_Pop(of(set)));
}

pab_ssize pab_set_size(struct pab_object *set)
{
    return PySet_GET_SIZE(of(set));
}

bool pab_set_next(struct pab_object *set, pab_ssize *position, struct pab_object **key)
{
    PyObject *found;
    Py_hash_t hash;
    if (!_PySet_NextEntry(of(set), position, &found, &hash)) {
        return false;
    }
    *key = to(found);
    return true;
}

struct pab_object *pab_set_copy(struct pab_object *set)
{
    return pab_method_call(PyFrozenSet_CheckExact(of(set)) ? PAB_METHOD_FROZENSET_COPY
                                                           : PAB_METHOD_SET_COPY,
                           set, NULL);
}

int pab_set_update(struct pab_object *set, struct pab_object *items)
{
    return _PySet_Update(of(set), of(items));
}

struct pab_object *pab_set_union(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Or(of(a), of(b)));
}

struct pab_object *pab_set_intersection(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_And(of(a), of(b)));
}

struct pab_object *pab_set_difference(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Subtract(of(a), of(b)));
}

struct pab_object *pab_set_symmetric_difference(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Xor(of(a), of(b)));
}

void pab_set_clear(struct pab_object *set)
{
    PySet_Clear(of(set));
}
