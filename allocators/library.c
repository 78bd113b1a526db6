/* allocators/library.c -- any allocator in a shared object of the user's. */
#include "allocators/dso.h"
#include "allocators/spec.h"

#include <dlfcn.h>
#include <string.h>

static const struct pab_key keys[] = {
    {.name = "path", .summary = "the shared object: library:./mine.so", .kind = PAB_KEY_PATH},
    {.name = "attach",
     .summary = "dlopen: privately; preload: in place of the process's malloc",
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
};

static const char *library_path(const struct pab_spec *spec)
{
    return pab_spec_get(spec, "path")->text;
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
        set(arg, "LD_PRELOAD", library_path(spec));
    }
}

static enum pab_status library_open(struct pab_heap *heap, const struct pab_spec *spec,
                                    struct pab_error *err)
{
    const char *path = library_path(spec);
    char here[512]; /* dlopen() looks for a bare name in the system's folders only */
    snprintf(here, sizeof(here), "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    const char *const files[] = {here, path, NULL};
    return pab_dso_open(heap, files, NULL, &names, err);
}

/* A preload that the loader could not use is only a line on stderr and exit status 0: so ask
 * whether the process's malloc really is the library's. */
static enum pab_status library_probe(struct pab_heap *heap, struct pab_identity *out,
                                     struct pab_error *err)
{
    const char *preload = getenv("LD_PRELOAD");
    bool attached =
        preload != NULL && preload[0] != '\0' &&
        dlsym(RTLD_DEFAULT, "malloc") == (void *)(uintptr_t)heap->entry[PAB_DOMAIN_OBJ].malloc;
    if (preload != NULL && preload[0] != '\0' && !attached) {
        return pab_fail(err, PAB_IDENTITY, "LD_PRELOAD=%s did not take: malloc is another's",
                        preload);
    }
    snprintf(out->settings, sizeof(out->settings), "attach=%s", attached ? "preload" : "dlopen");
    return PAB_OK;
}

const struct pab_backend pab_backend_library = {
    .name = "library",
    .summary = "any allocator in a shared object: library:FILE.so",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_THREADS | PAB_CAP_RAW,
    .keys = keys,
    .worker_env = library_worker_env,
    .check_spec = library_check_spec,
    .open = library_open,
    .probe = library_probe,
};
