#include "harness/app/configuration.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* --- what can be had -------------------------------------------------------------------------- */

static bool is_pymalloc(const struct pab_spec *spec)
{
    return (spec->backend->caps & PAB_CAP_STACKS) != 0;
}

static bool is_system(const struct pab_spec *spec)
{
    return strcmp(spec->backend->name, "system") == 0;
}

/* Which file a library is, and nothing else, can be said of what a program is given. */
static enum pab_status check_keys(const struct pab_spec *spec, struct pab_error *err)
{
    for (size_t i = 0; i < spec->value_count; i++) {
        const struct pab_key *key = spec->values[i].key;
        bool is_said_anyway =
            strcmp(key->name, "attach") == 0 ||
            (strcmp(key->name, "level") == 0 && pab_spec_is(spec, "level", "raw"));
        if (key->kind != PAB_KEY_PATH && !is_said_anyway) {
            return pab_fail(err, PAB_USAGE,
                            "%s: a real program's allocators are as they were built: take away "
                            "%s=%s (`run` can set it)",
                            spec->id, key->name, spec->values[i].text);
        }
    }
    return PAB_OK;
}

enum pab_status pab_app_check_spec(const struct pab_spec *spec, struct pab_error *err)
{
    unsigned caps = spec->backend->caps;
    if ((caps & PAB_CAP_FAKE) != 0 || (!is_pymalloc(spec) && (caps & PAB_CAP_C_API) == 0)) {
        return pab_fail(err, PAB_USAGE,
                        "%s cannot be put below a real program: give pymalloc (the program as it "
                        "is), system, or a library that exports malloc",
                        spec->id);
    }
    enum pab_status status = check_keys(spec, err);
    return status == PAB_OK && spec->raw != NULL ? pab_app_check_spec(spec->raw, err) : status;
}

/* --- what it takes ---------------------------------------------------------------------------- */

/* pab_env_set. What a library needs to be preloaded we do ourselves. */
static void take_variable(void *arg, const char *name, const char *value)
{
    struct pab_app_configuration *out = arg;
    if (strcmp(name, "GLIBC_TUNABLES") == 0) {
        snprintf(out->tunables, sizeof(out->tunables), "%s", value);
    }
}

static enum pab_status find_libc(const char **path, struct pab_error *err)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    Dl_info where;
    if (libc == NULL || dladdr(dlsym(libc, "malloc"), &where) == 0) {
        return pab_fail(err, PAB_UNAVAILABLE, "this program's own libc.so.6 is not to be found");
    }
    *path = where.dli_fname;
    return PAB_OK;
}

/* The allocator that malloc() is to be: a file to preload, or none for libc's. */
static enum pab_status find_file(struct pab_app_configuration *out, const struct pab_spec *spec,
                                 const json_t *identity, struct pab_error *err)
{
    char real[PATH_MAX];
    struct stat status;
    const char *path = json_string_value(json_object_get(identity, "path"));
    bool is_libc = spec == NULL || is_system(spec);
    if (is_libc && find_libc(&path, err) != PAB_OK) {
        return PAB_UNAVAILABLE;
    }
    if (path == NULL || realpath(path, real) == NULL || stat(real, &status) != 0) {
        return pab_fail(err, PAB_UNAVAILABLE, "the file of %s is not there any more",
                        is_libc ? "libc" : spec->id);
    }
    out->inode = status.st_ino;
    out->device = status.st_dev;
    if (is_libc) {
        return PAB_OK;
    }
    if (strpbrk(real, " :") != NULL || strlen(real) >= sizeof(out->preload)) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "a library can be preloaded only from a path without blanks and colons, "
                        "not from %s",
                        real);
    }
    memcpy(out->preload, real, strlen(real) + 1);
    if (spec->backend->worker_env != NULL) {
        spec->backend->worker_env(spec, take_variable, out);
    }
    return PAB_OK;
}

enum pab_status pab_app_configure(struct pab_app_configuration *out, const struct pab_spec *spec,
                                  const json_t *backend, struct pab_error *err)
{
    *out = (struct pab_app_configuration){0};
    bool pools = is_pymalloc(spec);
    out->python = pools ? PAB_WITNESS_POOLS : PAB_WITNESS_MALLOC;
    out->python_malloc = pools ? NULL : "malloc";
    return find_file(out, pools ? spec->raw : spec,
                     json_object_get(backend, pools ? "raw" : "identity"), err);
}

void pab_app_configuration_preload(const struct pab_app_configuration *configuration, char *out,
                                   size_t size)
{
    const char *others = getenv("LD_PRELOAD");
    bool has_others = others != NULL && others[0] != '\0';
    bool has_own = configuration->preload[0] != '\0';
    snprintf(out, size, "%s%s%s", configuration->preload, has_own && has_others ? ":" : "",
             has_others ? others : "");
}

void pab_app_configuration_words(const struct pab_app_configuration *configuration, char *out,
                                 size_t size)
{
    bool is_bare = configuration->python_malloc == NULL && configuration->preload[0] == '\0';
    snprintf(out, size, "%s%s%s%s%s", is_bare ? "as it is" : "",
             configuration->python_malloc != NULL ? "PYTHONMALLOC=" : "",
             configuration->python_malloc != NULL ? configuration->python_malloc : "",
             configuration->preload[0] == '\0'      ? ""
             : configuration->python_malloc != NULL ? " LD_PRELOAD="
                                                    : "LD_PRELOAD=",
             configuration->preload);
}
