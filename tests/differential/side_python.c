#include "tests/differential/side.h"

#include "workloads/capi/capi.h"

#include <Python.h>

const char *side_name(void)
{
    return "CPython " PY_VERSION;
}

static void *raw_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return PyMem_RawMalloc(size);
}

static void *raw_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return PyMem_RawCalloc(count, size);
}

static void *raw_realloc(void *ctx, void *block, size_t size)
{
    (void)ctx;
    return PyMem_RawRealloc(block, size);
}

static void raw_free(void *ctx, void *block)
{
    (void)ctx;
    PyMem_RawFree(block);
}

static void *object_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return PyObject_Malloc(size);
}

static void *object_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return PyObject_Calloc(count, size);
}

static void *object_realloc(void *ctx, void *block, size_t size)
{
    (void)ctx;
    return PyObject_Realloc(block, size);
}

static void object_free(void *ctx, void *block)
{
    (void)ctx;
    PyObject_Free(block);
}

/* mem and obj share one pymalloc. */
enum pab_status side_tables(struct pab_alloc *out, struct pab_error *err)
{
    const struct pab_alloc raw = {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free, NULL};
    const struct pab_alloc object = {NULL,           object_malloc, object_calloc,
                                     object_realloc, object_free,   NULL};
    out[PAB_DOMAIN_RAW] = raw;
    out[PAB_DOMAIN_MEM] = object;
    out[PAB_DOMAIN_OBJ] = object;
    return pab_capi_start(err);
}
