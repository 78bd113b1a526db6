#include "workloads/capi/methods.h"

#include <Python.h>

static const struct {
    PyTypeObject *type; /* NULL: of the module gc */
    const char *name;
} places[PAB_METHOD_COUNT] = {
    [PAB_METHOD_LIST_POP] = {&PyList_Type, "pop"},
    [PAB_METHOD_LIST_CLEAR] = {&PyList_Type, "clear"},
    [PAB_METHOD_STR_LOWER] = {&PyUnicode_Type, "lower"},
    [PAB_METHOD_BYTEARRAY_APPEND] = {&PyByteArray_Type, "append"},
    [PAB_METHOD_SET_COPY] = {&PySet_Type, "copy"},
    [PAB_METHOD_FROZENSET_COPY] = {&PyFrozenSet_Type, "copy"},
    [PAB_METHOD_GC_COLLECT] = {NULL, "collect"},
    [PAB_METHOD_GC_FREEZE] = {NULL, "freeze"},
    [PAB_METHOD_GC_UNFREEZE] = {NULL, "unfreeze"},
};

static struct {
    PyObject *found[PAB_METHOD_COUNT];
    bool all;
} methods;

bool pab_methods_find(void)
{
    if (methods.all) {
        return true;
    }
    PyObject *gc = PyImport_ImportModule("gc");
    for (int i = 0; i < PAB_METHOD_COUNT; i++) {
        PyObject *owner = places[i].type == NULL ? gc : (PyObject *)places[i].type;
        methods.found[i] = owner == NULL ? NULL : PyObject_GetAttrString(owner, places[i].name);
        if (methods.found[i] == NULL) {
            PyErr_Clear();
            return false;
        }
    }
    Py_DECREF(gc);
    methods.all = true;
    return true;
}

struct pab_object *pab_method_call(enum pab_method method, struct pab_object *self,
                                   struct pab_object *argument)
{
    PyObject *arguments[2];
    size_t count = 0;
    if (self != NULL) {
        arguments[count++] = (PyObject *)self;
    }
    if (argument != NULL) {
        arguments[count++] = (PyObject *)argument;
    }
    PyObject *result = PyObject_Vectorcall(methods.found[method], arguments, count, NULL);
    if (result == NULL) {
        PyErr_Clear();
    }
    return (struct pab_object *)result;
}

struct pab_object *pab_index_argument(pab_ssize value)
{
    static struct {
        PyLongObject head;
        digit more[2];
    } number;
    size_t left = value < 0 ? 0 - (size_t)value : (size_t)value;
    Py_ssize_t count = 0;
    for (; left > 0; left >>= PyLong_SHIFT) {
        number.head.ob_digit[count++] = (digit)(left & PyLong_MASK);
    }
    Py_SET_SIZE((PyVarObject *)&number.head, value < 0 ? -count : count);
    Py_SET_TYPE((PyObject *)&number.head, &PyLong_Type);
    Py_SET_REFCNT((PyObject *)&number.head, 1000);
    return (struct pab_object *)&number.head;
}
