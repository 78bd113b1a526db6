/* workloads/capi/extension.c -- types written in C: static types with slots of their own. */
#include "workloads/capi/world.h"
#include "workloads/pyobj/pyobj.h"

#include <Python.h>

#include <string.h>

#define TYPES_MAX 32 /* of all workloads of the process */

struct pab_extension_type {
    PyTypeObject type;
    const struct pab_extension *extension; /* NULL: an unused place */
};

static struct pab_extension_type types[TYPES_MAX];

static const struct pab_extension *extension_of(PyTypeObject *type)
{
    return ((struct pab_extension_type *)type)->extension;
}

static PyObject *alloc(PyTypeObject *type, Py_ssize_t count)
{
    (void)count;
    const struct pab_extension *extension = extension_of(type);
    PyObject *self = extension->take(extension->size);
    if (self == NULL) {
        return NULL;
    }
    memset(self, 0, extension->size);
    return PyObject_Init(self, type);
}

static void dealloc(PyObject *self)
{
    const struct pab_extension *extension = extension_of(Py_TYPE(self));
    if (extension->drop != NULL) {
        extension->drop((struct pab_object *)self);
    }
    if (extension->give != NULL) {
        extension->give(self, extension->size);
    } else {
        PyObject_Free(self);
    }
}

/* What PyType_Ready makes belongs to the interpreter, as the type does, for ever. */
const struct pab_extension_type *pab_extension_ready(const struct pab_extension *extension)
{
    size_t i = 0;
    while (i < TYPES_MAX && types[i].extension != NULL && types[i].extension != extension) {
        i++;
    }
    PAB_CHECK(i < TYPES_MAX);
    struct pab_extension_type *place = &types[i];
    if (place->extension == NULL) {
        place->extension = extension;
        place->type = (PyTypeObject){
            PyVarObject_HEAD_INIT(NULL, 0).tp_name = extension->name,
            .tp_basicsize = (Py_ssize_t)extension->size,
            .tp_dealloc = dealloc,
            .tp_flags = Py_TPFLAGS_DEFAULT,
            .tp_alloc = extension->take == NULL ? NULL : alloc,
        };
        pab_world_leave();
        PAB_CHECK(PyType_Ready(&place->type) == 0);
        pab_world_return();
    }
    return place;
}

struct pab_object *pab_extension_new(const struct pab_extension_type *type)
{
    PyTypeObject *python = (PyTypeObject *)(uintptr_t)&type->type;
    return (struct pab_object *)python->tp_alloc(python, 0);
}

/* --- the domains ------------------------------------------------------------------------------ */

/* The interpreter's own raw blocks stay where they are: only the program's go to its heap. */
static const struct pab_alloc *raw_table(void)
{
    return &pab_world_heap()->domain[PAB_DOMAIN_RAW];
}

void *pab_extension_raw_malloc(size_t size)
{
    return size > PTRDIFF_MAX ? NULL : raw_table()->malloc(raw_table()->ctx, size);
}

void *pab_extension_raw_calloc(size_t count, size_t size)
{
    assert(size != 0);
    return count > PTRDIFF_MAX / size ? NULL : raw_table()->calloc(raw_table()->ctx, count, size);
}

void *pab_extension_raw_realloc(void *block, size_t size)
{
    return size > PTRDIFF_MAX ? NULL : raw_table()->realloc(raw_table()->ctx, block, size);
}

void pab_extension_raw_free(void *block)
{
    raw_table()->free(raw_table()->ctx, block);
}

void *pab_extension_mem_malloc(size_t size)
{
    return PyMem_Malloc(size);
}

void *pab_extension_mem_realloc(void *block, size_t size)
{
    return PyMem_Realloc(block, size);
}

void pab_extension_mem_free(void *block)
{
    PyMem_Free(block);
}

void *pab_extension_obj_malloc(size_t size)
{
    return PyObject_Malloc(size);
}

void pab_extension_obj_free(void *block)
{
    PyObject_Free(block);
}
