/* allocators/tcmalloc.c -- gperftools' tcmalloc (the minimal flavour: no profilers inside). */
#include "allocators/dso.h"

static const char *const files[] = {"libtcmalloc_minimal.so.4", NULL};

static const struct pab_dso_names names = {
    .malloc = "tc_malloc",
    .calloc = "tc_calloc",
    .realloc = "tc_realloc",
    .free = "tc_free",
    .usable_size = "tc_malloc_size",
};

static enum pab_status tcmalloc_open(struct pab_heap *heap, const struct pab_spec *spec,
                                     struct pab_error *err)
{
    (void)spec;
    return pab_dso_open(heap, files, "libtcmalloc-minimal4", &names, err);
}

/* A number of MallocExtension's property tree; 0 when it has none of that name. */
static uint64_t read_property(const struct pab_heap *heap, const char *property)
{
    int (*get)(const char *, size_t *) = NULL;
    *(void **)&get = pab_dso_symbol(heap, "MallocExtension_GetNumericProperty");
    size_t value = 0;
    return get != NULL && get(property, &value) != 0 ? value : 0;
}

/* The rate has no C name; these are the C++ ABI's of MallocExtension::instance() and of its
 * implementation's GetMemoryReleaseRate(). Negative: not to be asked. */
static double read_release_rate(const struct pab_heap *heap)
{
    void *(*instance)(void) = NULL;
    double (*rate)(void *) = NULL;
    *(void **)&instance = pab_dso_symbol(heap, "_ZN15MallocExtension8instanceEv");
    *(void **)&rate = pab_dso_symbol(heap, "_ZN22TCMallocImplementation20GetMemoryReleaseRateEv");
    return instance != NULL && rate != NULL ? rate(instance()) : -1.0;
}

static enum pab_status tcmalloc_probe(struct pab_heap *heap, struct pab_identity *out,
                                      struct pab_error *err)
{
    const char *(*version)(int *, int *, const char **) = NULL;
    *(void **)&version = pab_dso_symbol(heap, "tc_version");
    if (version == NULL) {
        return pab_fail(err, PAB_IDENTITY, "%s has no tc_version()", out->path);
    }
    int major = 0;
    int minor = 0;
    const char *patch = "";
    const char *name = version(&major, &minor, &patch);
    snprintf(out->version, sizeof(out->version), "%s", name);
    snprintf(out->settings, sizeof(out->settings),
             "max_total_thread_cache_bytes=%llu release_rate=%g",
             (unsigned long long)read_property(heap, "tcmalloc.max_total_thread_cache_bytes"),
             read_release_rate(heap));
    return PAB_OK;
}

static uint64_t tcmalloc_counter(struct pab_heap *heap)
{
    return read_property(heap, "generic.current_allocated_bytes");
}

static void tcmalloc_purge(struct pab_heap *heap)
{
    void (*mark_idle)(void) = NULL;
    void (*release)(void) = NULL;
    *(void **)&mark_idle = pab_dso_symbol(heap, "MallocExtension_MarkThreadIdle");
    *(void **)&release = pab_dso_symbol(heap, "MallocExtension_ReleaseFreeMemory");
    if (mark_idle != NULL) {
        mark_idle(); /* empties this thread's cache */
    }
    if (release != NULL) {
        release();
    }
}

static bool tcmalloc_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    uint64_t unmapped = read_property(heap, "tcmalloc.pageheap_unmapped_bytes");
    out->blocks_bytes = read_property(heap, "generic.current_allocated_bytes");
    out->free_blocks_bytes = read_property(heap, "tcmalloc.central_cache_free_bytes") +
                             read_property(heap, "tcmalloc.transfer_cache_free_bytes") +
                             read_property(heap, "tcmalloc.thread_cache_free_bytes");
    out->free_pools_bytes = read_property(heap, "tcmalloc.pageheap_free_bytes") + unmapped;
    out->absent_bytes = unmapped;
    return pab_dso_symbol(heap, "MallocExtension_GetNumericProperty") != NULL;
}

const struct pab_backend pab_backend_tcmalloc = {
    .name = "tcmalloc",
    .summary = "gperftools tcmalloc: thread caches over central free lists and spans",
    .package = "libtcmalloc-minimal4",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_USABLE_SIZE | PAB_CAP_THREADS | PAB_CAP_RAW | PAB_CAP_DEFAULT | PAB_CAP_C_API,
    .open = tcmalloc_open,
    .probe = tcmalloc_probe,
    .counter = tcmalloc_counter,
    .purge = tcmalloc_purge,
    .inventory = tcmalloc_inventory,
};
