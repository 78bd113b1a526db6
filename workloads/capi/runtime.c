/* workloads/capi/runtime.c -- start and stop, references, what is the same for every type. */
#include "workloads/capi/capi.h"
#include "workloads/capi/methods.h"
#include "workloads/capi/world.h"

#include <Python.h>

#include <stdlib.h>

static void die_out_of_memory(void) __attribute__((noreturn));

static void die_out_of_memory(void)
{
    fputs("pyobj: the allocator under test gave no memory\n", stderr);
    abort();
}

void (*pab_py_out_of_memory)(void) __attribute__((noreturn)) = die_out_of_memory;

/* --- start and stop ------------------------------------------------------------------------- */

enum pab_status pab_capi_start(struct pab_error *err)
{
    enum pab_status status = pab_world_start_interpreter(err);
    if (status == PAB_OK && (!pab_methods_find() || !pab_generators_prepare())) {
        status = pab_fail(err, PAB_UNAVAILABLE, "this CPython lacks a method of 3.11");
    }
    return status;
}

/* The interpreter keeps everything itself. */
size_t pab_py_storage_bytes(void)
{
    return 16;
}

void pab_py_start(struct pab_heap *heap, void *storage)
{
    (void)storage;
    struct pab_error err;
    PAB_CHECK(pab_capi_start(&err) == PAB_OK);
    PyType_ClearCache(); /* the names in it are to die in the interpreter's world */
    pab_world_begin(heap);
    pab_py_gc_set_threshold(pab_py_gc_options.threshold[0], pab_py_gc_options.threshold[1],
                            pab_py_gc_options.threshold[2]);
    pab_py_gc_enable(pab_py_gc_options.enabled);
}

/* A class is part of cycles, so it takes a collection to free it; its names go with it. The
 * cache of type attributes holds names, too. */
void pab_py_stop(void)
{
    pab_py_gc_unfreeze();
    pab_py_collect(PAB_GC_GENERATIONS - 1);
    pab_world_gc_end();
    PyType_ClearCache();
    pab_world_wind_up();
    pab_py_collect(PAB_GC_GENERATIONS - 1);
    pab_world_end();
}

const bool pab_py_free_lists_optional = false;

void pab_py_use_free_lists(bool use)
{
    PAB_CHECK(use);
}

int64_t pab_py_live_objects(void)
{
    return 0;
}

/* --- references ------------------------------------------------------------------------------ */

void pab_dealloc(struct pab_object *object)
{
    _Py_Dealloc((PyObject *)object);
}

struct pab_object *pab_none(void)
{
    return (struct pab_object *)Py_None;
}

struct pab_object *pab_bool(bool value)
{
    return (struct pab_object *)(value ? Py_True : Py_False);
}

/* --- generic --------------------------------------------------------------------------------- */

int64_t pab_object_hash(struct pab_object *object)
{
    return PyObject_Hash((PyObject *)object);
}

static bool compares(struct pab_object *a, struct pab_object *b, int operation)
{
    int result = PyObject_RichCompareBool((PyObject *)a, (PyObject *)b, operation);
    PAB_CHECK(result >= 0);
    return result != 0;
}

bool pab_object_equal(struct pab_object *a, struct pab_object *b)
{
    return compares(a, b, Py_EQ);
}

int pab_object_compare(struct pab_object *a, struct pab_object *b)
{
    return compares(a, b, Py_LT) ? -1 : !compares(a, b, Py_EQ);
}

struct pab_object *pab_object_str(struct pab_object *object)
{
    return (struct pab_object *)PyObject_Str((PyObject *)object);
}
