/* allocators/cpython.c -- CPython itself: workloads run on the interpreter's own objects and
 * collector, over its own allocator. The tables are libpython's, as in libpython.c; the object
 * model comes in a module that is built where CPython's headers are, and that the worker asks. */
#include "allocators/dso.h"
#include "allocators/libpython.h"
#include "allocators/spec.h"

#include <string.h>
#include <unistd.h>

#define MODULE_FILE "libpab_capi.so"

/* Beside this program. */
static enum pab_status find_module(char *path, size_t size, struct pab_error *err)
{
    ssize_t length = readlink("/proc/self/exe", path, size - sizeof(MODULE_FILE));
    if (length <= 0) {
        return pab_fail(err, PAB_IO, "cannot read /proc/self/exe");
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash == NULL ? path : slash + 1, MODULE_FILE, sizeof(MODULE_FILE));
    if (access(path, R_OK) != 0) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "it was not built: install the Debian package libpython3.11-dev, then "
                        "build again");
    }
    return PAB_OK;
}

/* The interpreter lives on blocks from before any hooks; its own come with PYTHONMALLOC. And it
 * calls its own tables: a dial on ours would be turned in vain. */
static enum pab_status cpython_check_spec(const struct pab_spec *spec, struct pab_error *err)
{
    static const char *const dials[] = {"slow", "leak"};
    for (size_t i = 0; i < ARRAY_COUNT(dials); i++) {
        if (pab_spec_get(spec, dials[i]) != NULL) {
            return pab_fail(err, PAB_USAGE,
                            "cpython takes no %s=: the interpreter calls its own functions; "
                            "libpython:%s=N has the same allocator",
                            dials[i], dials[i]);
        }
    }
    if (pab_spec_is(spec, "hooks", "debug")) {
        return pab_fail(err, PAB_USAGE,
                        "cpython takes no hooks=debug: they must stand before an interpreter "
                        "starts; libpython:hooks=debug shows what they cost");
    }
    return PAB_OK;
}

static enum pab_status cpython_open(struct pab_heap *heap, const struct pab_spec *spec,
                                    struct pab_error *err)
{
    (void)spec;
    char path[4096];
    const char *const files[] = {path, NULL};
    void *module = NULL;
    enum pab_status status = find_module(path, sizeof(path), err);
    if (status == PAB_OK) {
        status = pab_libpython_load(heap, PAB_LIBPYTHON_FILE, err);
    }
    if (status == PAB_OK) {
        status = pab_dso_load(files, "libpython3.11", PAB_BIND_PROCESS, &module, err);
    }
    heap->state = module; /* symbols are looked up in it and in libpython, which it needs */
    return status;
}

const struct pab_backend pab_backend_cpython = {
    .name = "cpython",
    .summary = "CPython 3.11 itself: its objects, its collector, its allocator",
    .package = "libpython3.11-dev",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_RUNTIME,
    .check_spec = cpython_check_spec,
    .open = cpython_open,
    .probe = pab_libpython_probe,
    .counter = pab_libpython_counter,
};
