#include "allocators/dso.h"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- the domain table over a library's functions: one tail jump a call ---------------------- */

/* The size rule of PEP 445 over C's: zero bytes are asked for as one. */
static inline size_t at_least_one(size_t size)
{
    return size + (size == 0);
}

static void *dso_malloc(void *ctx, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    return entry->malloc(at_least_one(size));
}

static void *dso_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    if (count == 0 || size == 0) {
        count = 1;
        size = 1;
    }
    return entry->calloc(count, size);
}

static void *dso_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    return entry->realloc(ptr, at_least_one(size));
}

static void *dso_malloc_as_is(void *ctx, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    return entry->malloc(size);
}

static void *dso_calloc_as_is(void *ctx, size_t count, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    return entry->calloc(count, size);
}

static void *dso_realloc_as_is(void *ctx, void *ptr, size_t size)
{
    const struct pab_entry_points *entry = ctx;
    return entry->realloc(ptr, size);
}

static void dso_free(void *ctx, void *ptr)
{
    const struct pab_entry_points *entry = ctx;
    entry->free(ptr);
}

static size_t dso_usable_size(void *ctx, const void *ptr)
{
    const struct pab_entry_points *entry = ctx;
    return entry->usable_size((void *)ptr);
}

/* --- loading -------------------------------------------------------------------------------- */

/* A sanitizer's runtime has to be reached by everyone and refuses objects bound to themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SELF_FLAG 0
#else
#define SELF_FLAG RTLD_DEEPBIND
#endif

/* An allocator in C++ brings that language's library, which takes memory for itself from the first
 * malloc that it finds. That must be the process's: what the library keeps is no part of the heap,
 * and what one malloc gave it must not reach another's free. */
static void load_cxx_apart(const char *file)
{
    void *present = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
    if (present != NULL) {
        dlclose(present); /* the process's own C library, say: it brings nothing */
    } else {
        (void)dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL); /* none: nobody needs it */
    }
}

enum pab_status pab_dso_load(const char *const *files, const char *package,
                             enum pab_dso_binding binding, void **handle, struct pab_error *err)
{
    int flags = RTLD_NOW | RTLD_LOCAL | (binding == PAB_BIND_SELF ? SELF_FLAG : 0);
    char why[256] = "no name given";
    for (; *files != NULL; files++) {
        load_cxx_apart(*files);
        *handle = dlopen(*files, flags);
        if (*handle != NULL) {
            return PAB_OK;
        }
        snprintf(why, sizeof(why), "%s", dlerror());
    }
    return pab_fail(err, PAB_UNAVAILABLE, "cannot load it: %s%s%s%s", why,
                    package == NULL ? "" : " (Debian package ", package == NULL ? "" : package,
                    package == NULL ? "" : ")");
}

static const struct link_map *map_of(void *handle)
{
    const struct link_map *map = NULL;
    return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? map : NULL;
}

/* dlsym() also looks into what the object was linked with: its libc has a malloc, too. */
static void *own_symbol(void *handle, const char *name)
{
    void *symbol = name == NULL ? NULL : dlsym(handle, name);
    Dl_info info;
    const struct link_map *holder = NULL;
    bool known = symbol != NULL && dladdr1(symbol, &info, (void **)&holder, RTLD_DL_LINKMAP) != 0;
    return known && holder == map_of(handle) ? symbol : NULL;
}

/* Stores the address of a function, or NULL where the allocator may be without it. */
static enum pab_status take(void *handle, const char *name, bool may_lack, void *slot,
                            struct pab_error *err)
{
    void *symbol = own_symbol(handle, name);
    memcpy(slot, &symbol, sizeof(symbol)); /* a function pointer, by POSIX's leave */
    if (symbol == NULL && !may_lack) {
        const struct link_map *map = map_of(handle);
        return pab_fail(err, PAB_UNAVAILABLE, "%s exports no %s(): it is no allocator",
                        map != NULL ? map->l_name : "the object", name);
    }
    return PAB_OK;
}

enum pab_status pab_dso_bind(struct pab_heap *heap, enum pab_domain domain, void *handle,
                             const struct pab_dso_names *names, struct pab_error *err)
{
    PAB_CHECK(handle != NULL);
    struct pab_entry_points *entry = &heap->entry[domain];
    enum pab_status status = take(handle, names->malloc, false, &entry->malloc, err);
    if (status == PAB_OK) {
        status = take(handle, names->calloc, names->may_lack, &entry->calloc, err);
    }
    if (status == PAB_OK) {
        status = take(handle, names->realloc, names->may_lack, &entry->realloc, err);
    }
    if (status == PAB_OK) {
        status = take(handle, names->free, false, &entry->free, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    void *usable_size = own_symbol(handle, names->usable_size);
    memcpy(&entry->usable_size, &usable_size, sizeof(usable_size));
    heap->anchor = map_of(handle)->l_ld;
    heap->state = handle;
    heap->domain[domain] = (struct pab_alloc){
        .ctx = entry,
        .malloc = names->zero_as_is ? dso_malloc_as_is : dso_malloc,
        .calloc = entry->calloc == NULL ? NULL
                  : names->zero_as_is   ? dso_calloc_as_is
                                        : dso_calloc,
        .realloc = entry->realloc == NULL ? NULL
                   : names->zero_as_is    ? dso_realloc_as_is
                                          : dso_realloc,
        .free = dso_free,
        .usable_size = entry->usable_size == NULL ? NULL : dso_usable_size,
    };
    return PAB_OK;
}

enum pab_status pab_dso_open(struct pab_heap *heap, const char *const *files, const char *package,
                             const struct pab_dso_names *names, struct pab_error *err)
{
    void *handle = NULL;
    enum pab_status status = pab_dso_load(files, package, PAB_BIND_PROCESS, &handle, err);
    for (int domain = 0; status == PAB_OK && domain < PAB_DOMAIN_COUNT; domain++) {
        status = pab_dso_bind(heap, (enum pab_domain)domain, handle, names, err);
    }
    return status;
}

void *pab_dso_symbol(const struct pab_heap *heap, const char *name)
{
    return dlsym(heap->state, name);
}

void pab_dso_static_tls_env(const struct pab_spec *spec, pab_env_set set, void *arg)
{
    (void)spec;
    set(arg, "GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384");
}

/* --- who is it? ----------------------------------------------------------------------------- */

struct description {
    uintptr_t address;
    struct pab_identity *out;
    bool found;
};

static bool object_holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && address - begin < header->p_memsz) {
            return true;
        }
    }
    return false;
}

/* Copies the GNU build id out of a note segment as hex. */
static void read_build_id(const unsigned char *note, size_t size, char *out, size_t out_size)
{
    const unsigned char *end = note + size;
    while ((size_t)(end - note) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header;
        memcpy(&header, note, sizeof(header));
        const unsigned char *name = note + sizeof(header);
        const unsigned char *data = name + ((header.n_namesz + 3u) & ~3u);
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
            memcmp(name, "GNU", 4) == 0) {
            for (size_t i = 0; i < header.n_descsz && 2 * i + 2 < out_size; i++) {
                snprintf(out + 2 * i, 3, "%02x", data[i]);
            }
            return;
        }
        note = data + ((header.n_descsz + 3u) & ~3u);
    }
}

/* Initial-exec TLS needs room that was set aside when the process started: a library built for
 * it is another configuration than one that is not (DF_STATIC_TLS). */
static const char *tls_model(const ElfW(Dyn) * dynamic, bool has_tls)
{
    if (!has_tls) {
        return "none";
    }
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_FLAGS && (dynamic->d_un.d_val & DF_STATIC_TLS) != 0) {
            return "initial-exec";
        }
    }
    return "global-dynamic";
}

static int describe_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct description *wanted = arg;
    if (!object_holds(info, wanted->address)) {
        return 0;
    }
    wanted->found = true;
    bool has_tls = false;
    const ElfW(Dyn) *dynamic = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const void *at = (const void *)(info->dlpi_addr + header->p_vaddr);
        if (header->p_type == PT_NOTE) {
            read_build_id(at, header->p_memsz, wanted->out->build_id,
                          sizeof(wanted->out->build_id));
        } else if (header->p_type == PT_TLS) {
            has_tls = header->p_memsz > 0;
        } else if (header->p_type == PT_DYNAMIC) {
            dynamic = at;
        }
    }
    snprintf(wanted->out->tls_model, sizeof(wanted->out->tls_model), "%s",
             tls_model(dynamic, has_tls));
    return 1;
}

enum pab_status pab_dso_describe(const void *address, struct pab_identity *out,
                                 struct pab_error *err)
{
    Dl_info info;
    const struct link_map *map = NULL;
    if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL) {
        return pab_fail(err, PAB_IDENTITY, "the loader knows no object at %p", address);
    }
    /* In its list the executable has no name; a library's may be relative to this folder. */
    const char *name = map->l_name[0] == '\0' ? "/proc/self/exe" : map->l_name;
    char resolved[PATH_MAX]; /* no block of malloc: that may be what is to be measured */
    bool is_absolute = name == map->l_name && name[0] == '/';
    const char *path = is_absolute ? name : realpath(name, resolved);
    struct stat file;
    if (path == NULL || stat(path, &file) != 0) {
        return pab_fail(err, PAB_IDENTITY, "cannot stat %s", info.dli_fname);
    }
    snprintf(out->path, sizeof(out->path), "%s", path);
    out->inode = (uint64_t)file.st_ino;
    out->device = (uint64_t)file.st_dev;
    out->size_bytes = (uint64_t)file.st_size;
    out->modified_s = (uint64_t)file.st_mtime;
    struct description wanted = {.address = (uintptr_t)address, .out = out};
    dl_iterate_phdr(describe_object, &wanted);
    return PAB_OK;
}
