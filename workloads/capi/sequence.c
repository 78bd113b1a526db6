/* workloads/capi/sequence.c -- tuple and list. */
#include "workloads/capi/methods.h"

#include <Python.h>

#include <stdarg.h>

static PyObject *of(struct pab_object *object)
{
    return (PyObject *)object;
}

static struct pab_object *to(PyObject *object)
{
    return (struct pab_object *)object;
}

/* --- tuple ------------------------------------------------------------------------------------ */

struct pab_object *pab_tuple_new(pab_ssize size)
{
    return to(PyTuple_New(size));
}

void pab_tuple_set_item(struct pab_object *tuple, pab_ssize index, struct pab_object *item)
{
    PyTuple_SET_ITEM(of(tuple), index, of(item));
}

struct pab_object *pab_tuple_get_item(struct pab_object *tuple, pab_ssize index)
{
    return to(PyTuple_GET_ITEM(of(tuple), index));
}

pab_ssize pab_tuple_size(struct pab_object *tuple)
{
    return PyTuple_GET_SIZE(of(tuple));
}

struct pab_object *pab_tuple_pack(size_t count, ...)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    if (tuple == NULL) {
        return NULL;
    }
    va_list items;
    va_start(items, count);
    for (size_t i = 0; i < count; i++) {
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, Py_NewRef(va_arg(items, PyObject *)));
    }
    va_end(items);
    return to(tuple);
}

struct pab_object *pab_tuple_get_slice(struct pab_object *tuple, pab_ssize low, pab_ssize high)
{
    return to(PyTuple_GetSlice(of(tuple), low, high));
}

struct pab_object *pab_tuple_concat(struct pab_object *a, struct pab_object *b)
{
    return to(PySequence_Concat(of(a), of(b)));
}

struct pab_object *pab_tuple_repeat(struct pab_object *tuple, pab_ssize count)
{
    return to(PySequence_Repeat(of(tuple), count));
}

/* --- list ------------------------------------------------------------------------------------- */

struct pab_object *pab_list_new(pab_ssize size)
{
    return to(PyList_New(size));
}

pab_ssize pab_list_size(struct pab_object *list)
{
    return PyList_GET_SIZE(of(list));
}

struct pab_object *pab_list_get_item(struct pab_object *list, pab_ssize index)
{
    return to(PyList_GET_ITEM(of(list), index));
}

void pab_list_set_item(struct pab_object *list, pab_ssize index, struct pab_object *item)
{
    PyList_SetItem(of(list), index, of(item));
}

int pab_list_append(struct pab_object *list, struct pab_object *item)
{
    return PyList_Append(of(list), of(item));
}

int pab_list_insert(struct pab_object *list, pab_ssize where, struct pab_object *item)
{
    return PyList_Insert(of(list), where, of(item));
}

struct pab_object *pab_list_pop(struct pab_object *list, pab_ssize index)
{
    return pab_method_call(PAB_METHOD_LIST_POP, list, pab_index_argument(index));
}

/* None is never the last reference. */
static int status_of(struct pab_object *none)
{
    pab_xdecref(none);
    return none == NULL ? -1 : 0;
}

int pab_list_extend(struct pab_object *list, struct pab_object *sequence)
{
    return status_of(to(_PyList_Extend((PyListObject *)list, of(sequence))));
}

struct pab_object *pab_list_get_slice(struct pab_object *list, pab_ssize low, pab_ssize high)
{
    return to(PyList_GetSlice(of(list), low, high));
}

int pab_list_set_slice(struct pab_object *list, pab_ssize low, pab_ssize high,
                       struct pab_object *items)
{
    return PyList_SetSlice(of(list), low, high, of(items));
}

struct pab_object *pab_list_concat(struct pab_object *a, struct pab_object *b)
{
    return to(PySequence_Concat(of(a), of(b)));
}

struct pab_object *pab_list_repeat(struct pab_object *list, pab_ssize count)
{
    return to(PySequence_Repeat(of(list), count));
}

void pab_list_reverse(struct pab_object *list)
{
    PyList_Reverse(of(list));
}

int pab_list_sort(struct pab_object *list)
{
    return PyList_Sort(of(list));
}

int pab_list_clear(struct pab_object *list)
{
    return status_of(pab_method_call(PAB_METHOD_LIST_CLEAR, list, NULL));
}

struct pab_object *pab_list_as_tuple(struct pab_object *list)
{
    return to(PyList_AsTuple(of(list)));
}
