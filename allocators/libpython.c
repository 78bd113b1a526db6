/* allocators/libpython.c -- CPython's own three domains out of a shared libpython: the oracle. */
#include "allocators/libpython.h"

#include "allocators/dso.h"
#include "allocators/spec.h"

#include <string.h>

static const struct pab_key keys[] = {
    {.name = "path",
     .summary = "a shared libpython (default: the system's libpython3.11)",
     .kind = PAB_KEY_PATH},
    {0},
};

/* 0 bytes as they are: CPython takes such a block from the raw domain, a byte from a pool. */
static const struct pab_dso_names domain_names[PAB_DOMAIN_COUNT] = {
    [PAB_DOMAIN_RAW] = {"PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawRealloc", "PyMem_RawFree",
                        NULL, true, false},
    [PAB_DOMAIN_MEM] = {"PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_Free", NULL, true,
                        false},
    [PAB_DOMAIN_OBJ] = {"PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyObject_Free",
                        NULL, true, false},
};

/* Up to 3.11 the allocator works before the interpreter is started; from 3.12 its state belongs
 * to an interpreter (Objects/obmalloc.c). Asking by symbol avoids parsing a version. */
static bool needs_interpreter(const struct pab_heap *heap)
{
    return pab_dso_symbol(heap, "PyUnstable_Object_GC_NewWithExtraData") != NULL;
}

enum pab_status pab_libpython_load(struct pab_heap *heap, const char *file, struct pab_error *err)
{
    const char *const files[] = {file, NULL};
    void *handle = NULL;
    enum pab_status status = pab_dso_load(files, "libpython3.11", PAB_BIND_PROCESS, &handle, err);
    for (int domain = 0; status == PAB_OK && domain < PAB_DOMAIN_COUNT; domain++) {
        status = pab_dso_bind(heap, (enum pab_domain)domain, handle, &domain_names[domain], err);
    }
    return status;
}

static enum pab_status libpython_open(struct pab_heap *heap, const struct pab_spec *spec,
                                      struct pab_error *err)
{
    const struct pab_spec_value *path = pab_spec_get(spec, "path");
    enum pab_status status =
        pab_libpython_load(heap, path == NULL ? PAB_LIBPYTHON_FILE : path->text, err);
    if (status == PAB_OK && needs_interpreter(heap)) {
        void (*initialize)(int) = NULL;
        *(void **)&initialize = pab_dso_symbol(heap, "Py_InitializeEx");
        if (initialize == NULL) {
            return pab_fail(err, PAB_UNAVAILABLE, "it has no Py_InitializeEx()");
        }
        initialize(0);
        heap->is_of_one_thread = true; /* no other one has an interpreter's state */
    }
    return status;
}

enum pab_status pab_libpython_probe(struct pab_heap *heap, struct pab_identity *out,
                                    struct pab_error *err)
{
    const char *(*version)(void) = NULL;
    *(void **)&version = pab_dso_symbol(heap, "Py_GetVersion");
    if (version == NULL) {
        return pab_fail(err, PAB_IDENTITY, "%s has no Py_GetVersion()", out->path);
    }
    if (pab_libpython_is_free_threaded(version())) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "%s is a free-threaded build: it has mimalloc in place of pymalloc",
                        out->path);
    }
    snprintf(out->version, sizeof(out->version), "CPython %.*s", (int)strcspn(version(), " "),
             version());
    return PAB_OK;
}

uint64_t pab_libpython_counter(struct pab_heap *heap)
{
    intptr_t (*blocks)(void) = NULL;
    *(void **)&blocks = pab_dso_symbol(heap, "_Py_GetAllocatedBlocks");
    if (blocks == NULL) { /* 3.12 renamed it */
        *(void **)&blocks = pab_dso_symbol(heap, "_Py_GetGlobalAllocatedBlocks");
    }
    return blocks == NULL ? 0 : (uint64_t)blocks();
}

const struct pab_backend pab_backend_libpython = {
    .name = "libpython",
    .summary = "CPython's own PyObject_Malloc and friends out of a shared libpython",
    .package = "libpython3.11",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_DEFAULT,
    .keys = keys,
    .open = libpython_open,
    .probe = pab_libpython_probe,
    .counter = pab_libpython_counter,
};
