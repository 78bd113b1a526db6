/* workloads/capi/class.c -- classes, instances, functions, weak references. */
#include "workloads/capi/world.h"
#include "workloads/pyobj/pyobj.h"

#include <Python.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_object.h>
#include <internal/pycore_pystate.h>
#include <structmember.h>

#define FUNCTIONS_MAX 64

static struct {
    PyMethodDef functions[FUNCTIONS_MAX]; /* of each callback: lives as long as its functions */
    size_t function_count;
} classes;

static PyObject *of(struct pab_object *object)
{
    return (PyObject *)object;
}

static struct pab_object *to(PyObject *object)
{
    return (struct pab_object *)object;
}

/* --- classes ---------------------------------------------------------------------------------- */

/* {'__slots__': (name, ...)} or {}. The interned slot names are the interpreter's for ever: they
 * must not die in the program's world, which does not know them. */
static PyObject *class_namespace(const char *const *slots)
{
    PyObject *namespace = PyDict_New();
    if (namespace == NULL || slots == NULL) {
        return namespace;
    }
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names != NULL && slots[i] != NULL; i++) {
        PyObject *name = PyUnicode_InternFromString(slots[i]);
        PAB_CHECK(name != NULL && PyList_Append(names, name) == 0); /* the reference is kept */
    }
    PAB_CHECK(names != NULL && PyDict_SetItemString(namespace, "__slots__", names) == 0);
    Py_DECREF(names);
    return namespace;
}

struct pab_object *pab_class_new(const char *name, const char *const *slots,
                                 pab_finalizer finalizer)
{
    pab_world_leave();
    PyObject *class_object = NULL;
    PyObject *namespace = class_namespace(slots);
    if (namespace != NULL) {
        PyObject *text = PyUnicode_FromString("workload");
        PAB_CHECK(text != NULL && PyDict_SetItemString(namespace, "__module__", text) == 0);
        Py_DECREF(text);
        class_object = PyObject_CallFunction((PyObject *)&PyType_Type, "s(O)N", name,
                                             (PyObject *)&PyBaseObject_Type, namespace);
    }
    if (class_object != NULL && finalizer != NULL) {
        ((PyTypeObject *)class_object)->tp_finalize = (destructor)finalizer;
    }
    PyType_ClearCache(); /* the names in it are to die in this world */
    pab_world_return_with_residents();
    return to(class_object);
}

struct pab_object *pab_instance_new(struct pab_object *class_object)
{
    return to(PyObject_CallNoArgs(of(class_object)));
}

/* --- attributes ------------------------------------------------------------------------------- */

/* A look-up leaves a reference to the name in the interpreter's cache of type attributes, until
 * another name takes the place; places go by address. A watched run gives it back at once, so
 * that a name dies when the program lets go of it. */
static void forget_name(PyObject *object, PyObject *name)
{
    if (!pab_world_is_watched()) {
        return;
    }
    PyInterpreterState *interpreter = _PyInterpreterState_GET();
    size_t place = (Py_TYPE(object)->tp_version_tag ^ (size_t)((uintptr_t)name >> 3)) %
                   ARRAY_COUNT(interpreter->type_cache.hashtable);
    struct type_cache_entry *entry = &interpreter->type_cache.hashtable[place];
    if (entry->name == name) {
        entry->name = Py_NewRef(Py_None);
        Py_DECREF(name);
    }
}

/* Where an instance with slots keeps this one; NULL: there is no such slot. */
static PyObject **find_slot(PyObject *object, PyObject *name)
{
    if (Py_TYPE(object)->tp_dictoffset != 0) {
        return NULL;
    }
    PyObject *descriptor = _PyType_Lookup(Py_TYPE(object), name);
    PAB_CHECK(descriptor != NULL && Py_IS_TYPE(descriptor, &PyMemberDescr_Type));
    Py_ssize_t offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    return (PyObject **)(void *)((char *)object + offset);
}

/* Reading an empty slot in the usual way raises an exception. */
static PyObject *find_attribute(PyObject *object, PyObject *name)
{
    PyObject **slot = find_slot(object, name);
    PyObject *value = slot == NULL ? NULL : Py_XNewRef(*slot);
    if (slot == NULL) {
        _PyObject_LookupAttr(object, name, &value);
    }
    return value;
}

static bool has_attribute(PyObject *object, PyObject *name)
{
    PyObject *value = find_attribute(object, name);
    Py_XDECREF(value);
    return value != NULL;
}

/* The class's shared table neither has the name nor room for it. */
static bool is_beyond_shared(PyObject *object, PyObject *name)
{
    const PyDictKeysObject *keys = ((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys;
    if (keys == NULL || *_PyObject_ValuesPointer(object) == NULL || keys->dk_usable > 0) {
        return false;
    }
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
    for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
        if (entries[i].me_key == name) {
            return false;
        }
    }
    return true;
}

/* What it does before it fails must be done, but its exception asks for memory: the name goes into
 * the shared table, or the instance gets a dict since there is no room. */
static int delete_missing(PyObject *object, PyObject *name)
{
    if (is_beyond_shared(object, name)) {
        Py_XDECREF(PyObject_GenericGetDict(object, NULL));
        return -1;
    }
    pab_world_leave();
    int status = PyObject_SetAttr(object, name, NULL);
    PyErr_Clear();
    pab_world_return();
    return status;
}

int pab_object_set_attr(struct pab_object *object, struct pab_object *name,
                        struct pab_object *value)
{
    int status = 0;
    if (value == NULL && !has_attribute(of(object), of(name))) {
        status = delete_missing(of(object), of(name));
    } else {
        status = PyObject_SetAttr(of(object), of(name), of(value));
    }
    forget_name(of(object), of(name));
    return status;
}

struct pab_object *pab_object_get_attr(struct pab_object *object, struct pab_object *name)
{
    PyObject *value = find_attribute(of(object), of(name));
    forget_name(of(object), of(name));
    return to(value);
}

struct pab_object *pab_object_dict(struct pab_object *object)
{
    return to(PyObject_GenericGetDict(of(object), NULL));
}

/* --- functions, weak references --------------------------------------------------------------- */

static PyMethodDef *function_of(PyCFunction callback)
{
    for (size_t i = 0; i < classes.function_count; i++) {
        if (classes.functions[i].ml_meth == callback) {
            return &classes.functions[i];
        }
    }
    PAB_CHECK(classes.function_count < FUNCTIONS_MAX);
    PyMethodDef *function = &classes.functions[classes.function_count++];
    *function = (PyMethodDef){.ml_name = "callback", .ml_meth = callback, .ml_flags = METH_O};
    return function;
}

struct pab_object *pab_function_new(pab_callback function, struct pab_object *self)
{
    return to(PyCFunction_New(function_of((PyCFunction)function), of(self)));
}

struct pab_object *pab_weakref_new(struct pab_object *object, struct pab_object *callback)
{
    return to(PyWeakref_NewRef(of(object), of(callback)));
}

struct pab_object *pab_weakref_get(struct pab_object *weakref)
{
    return to(PyWeakref_GET_OBJECT(of(weakref)));
}
