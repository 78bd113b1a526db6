/* workloads/capi/generator.c -- generators: a function of Python, called by vectorcall. */
#include "workloads/capi/methods.h"

#include <Python.h>

static const char source[] = "def generator(function, items):\n"
                             "    for item in items:\n"
                             "        yield function(item)\n";

static PyObject *generator;

bool pab_generators_prepare(void)
{
    if (generator != NULL) {
        return true;
    }
    PyObject *names = PyDict_New();
    PyObject *done = names == NULL ? NULL : PyRun_String(source, Py_file_input, names, names);
    if (done != NULL) {
        generator = Py_XNewRef(PyDict_GetItemString(names, "generator"));
    }
    PyErr_Clear();
    Py_XDECREF(done);
    Py_XDECREF(names);
    return generator != NULL;
}

struct pab_object *pab_generator_new(struct pab_object *function, struct pab_object *items)
{
    PyObject *arguments[] = {(PyObject *)function, (PyObject *)items};
    return (struct pab_object *)PyObject_Vectorcall(generator, arguments, 2, NULL);
}

struct pab_object *pab_object_iter(struct pab_object *items)
{
    return (struct pab_object *)PyObject_GetIter((PyObject *)items);
}

int pab_iterator_next(struct pab_object *iterator, struct pab_object **value)
{
    PyObject *next = PyIter_Next((PyObject *)iterator);
    if (next == NULL) {
        int status = PyErr_Occurred() == NULL ? 0 : -1;
        PyErr_Clear();
        return status;
    }
    *value = (struct pab_object *)next;
    return 1;
}
