/* workloads/pyobj/extension.c -- types of an extension module: PyType_Ready, tp_alloc, tp_free. */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static void extension_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    const struct pab_extension *extension =
        ((const struct pab_extension_type *)(const void *)self->type)->extension;
    if (extension->drop != NULL) {
        extension->drop(self);
    }
    pab_object_dead(py);
    if (extension->give != NULL) {
        extension->give(self, extension->size);
    } else {
        pab_obj_free(py, self);
    }
}

const struct pab_extension_type *pab_extension_ready(const struct pab_extension *extension)
{
    struct pab_py *py = pab_py();
    assert(extension->size >= sizeof(struct pab_object) && extension->size % 8 == 0);
    assert((extension->take == NULL) == (extension->give == NULL));
    size_t i = 0;
    while (i < PAB_EXTENSION_MAX && py->extensions[i].extension != NULL) {
        i++;
    }
    PAB_CHECK(i < PAB_EXTENSION_MAX);
    py->extensions[i] = (struct pab_extension_type){
        .type = {.name = extension->name, .dealloc = extension_dealloc},
        .extension = extension,
    };
    return &py->extensions[i];
}

struct pab_object *pab_extension_new(const struct pab_extension_type *type)
{
    struct pab_py *py = pab_py();
    const struct pab_extension *extension = type->extension;
    struct pab_object *self = extension->take != NULL ? extension->take(extension->size)
                                                      : pab_obj_malloc(py, extension->size);
    if (self != NULL) {
        memset(self, 0, extension->size);
        pab_object_born(py, self, &type->type);
    }
    return self;
}

/* --- the domains ---------------------------------------------------------------------------- */

void *pab_extension_raw_malloc(size_t size)
{
    const struct pab_alloc *raw = &pab_py()->raw;
    return size > PTRDIFF_MAX ? NULL : raw->malloc(raw->ctx, size);
}

void *pab_extension_raw_calloc(size_t count, size_t size)
{
    const struct pab_alloc *raw = &pab_py()->raw;
    assert(size != 0);
    return count > PTRDIFF_MAX / size ? NULL : raw->calloc(raw->ctx, count, size);
}

void *pab_extension_raw_realloc(void *block, size_t size)
{
    const struct pab_alloc *raw = &pab_py()->raw;
    return size > PTRDIFF_MAX ? NULL : raw->realloc(raw->ctx, block, size);
}

void pab_extension_raw_free(void *block)
{
    const struct pab_alloc *raw = &pab_py()->raw;
    raw->free(raw->ctx, block);
}

void *pab_extension_mem_malloc(size_t size)
{
    return pab_mem_malloc(pab_py(), size);
}

void *pab_extension_mem_realloc(void *block, size_t size)
{
    return pab_mem_realloc(pab_py(), block, size);
}

void pab_extension_mem_free(void *block)
{
    pab_mem_free(pab_py(), block);
}

void *pab_extension_obj_malloc(size_t size)
{
    return pab_obj_malloc(pab_py(), size);
}

void pab_extension_obj_free(void *block)
{
    pab_obj_free(pab_py(), block);
}
