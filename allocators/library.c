/* allocators/library.c -- any allocator in a shared object of the user's. */
#include "allocators/dso.h"
#include "allocators/spec.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

static const struct pab_key keys[] = {
    {.name = "path", .summary = "the shared object: library:./mine.so", .kind = PAB_KEY_PATH},
    {.name = "attach",
     .summary = "dlopen: privately, bound to itself; preload: in place of the process's malloc",
     .kind = PAB_KEY_CHOICE,
     .choices = "dlopen|preload"},
    {0},
};

static const struct pab_dso_names names = {
    .malloc = "malloc",
    .calloc = "calloc",
    .realloc = "realloc",
    .free = "free",
    .usable_size = "malloc_usable_size",
    .may_lack = true,
};

/* What open() did, for probe(), which is not told the spec. One heap a worker. */
static struct {
    bool is_preload;
} library;

/* dlopen() and LD_PRELOAD look for a bare name in the system's folders; a file here comes first. */
static void library_file(const struct pab_spec *spec, char *out, size_t size)
{
    const char *path = pab_spec_get(spec, "path")->text;
    bool is_here = strchr(path, '/') == NULL && access(path, F_OK) == 0;
    snprintf(out, size, "%s%s", is_here ? "./" : "", path);
}

static bool is_preload(const struct pab_spec *spec)
{
    const struct pab_spec_value *attach = pab_spec_get(spec, "attach");
    return attach != NULL && strcmp(attach->text, "preload") == 0;
}

static enum pab_status library_check_spec(const struct pab_spec *spec, struct pab_error *err)
{
    if (pab_spec_get(spec, "path") == NULL) {
        return pab_fail(err, PAB_USAGE, "library needs a file: library:./mine.so");
    }
    return PAB_OK;
}

static void library_worker_env(const struct pab_spec *spec, pab_env_set set, void *arg)
{
    pab_dso_static_tls_env(spec, set, arg);
    if (is_preload(spec)) {
        char file[PAB_SPEC_MAX + 2];
        library_file(spec, file, sizeof(file));
        set(arg, "LD_PRELOAD", file);
    }
}

static enum pab_status library_open(struct pab_heap *heap, const struct pab_spec *spec,
                                    struct pab_error *err)
{
    char file[PAB_SPEC_MAX + 2];
    library_file(spec, file, sizeof(file));
    const char *const files[] = {file, NULL};
    void *handle = NULL;
    library.is_preload = is_preload(spec);
    enum pab_status status = pab_dso_load(
        files, NULL, library.is_preload ? PAB_BIND_PROCESS : PAB_BIND_SELF, &handle, err);
    for (int domain = 0; status == PAB_OK && domain < PAB_DOMAIN_COUNT; domain++) {
        status = pab_dso_bind(heap, (enum pab_domain)domain, handle, &names, err);
    }
    return status;
}

/* A preload that the loader could not use is only a line on stderr and exit status 0: so ask
 * whether the process's malloc really is the library's. */
static enum pab_status library_probe(struct pab_heap *heap, struct pab_identity *out,
                                     struct pab_error *err)
{
    const void *process_malloc = dlsym(RTLD_DEFAULT, "malloc");
    const void *own_malloc = (const void *)(uintptr_t)heap->entry[PAB_DOMAIN_OBJ].malloc;
    if (library.is_preload && process_malloc != own_malloc) {
        return pab_fail(err, PAB_IDENTITY, "the preload did not take: malloc is another's");
    }
    snprintf(out->settings, sizeof(out->settings), "attach=%s",
             library.is_preload ? "preload" : "dlopen");
    return PAB_OK;
}

const struct pab_backend pab_backend_library = {
    .name = "library",
    .summary = "any allocator in a shared object: library:FILE.so",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_THREADS | PAB_CAP_RAW | PAB_CAP_C_API,
    .keys = keys,
    .worker_env = library_worker_env,
    .check_spec = library_check_spec,
    .open = library_open,
    .probe = library_probe,
};
