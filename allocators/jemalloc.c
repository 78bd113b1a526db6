/* allocators/jemalloc.c -- jemalloc, by the names that Debian's build exports. */
#include "allocators/dso.h"

#include <string.h>

static const char *const files[] = {"libjemalloc.so.2", NULL};

static const struct pab_dso_names names = {
    .malloc = "malloc",
    .calloc = "calloc",
    .realloc = "realloc",
    .free = "free",
    .usable_size = "malloc_usable_size",
};

typedef int (*mallctl_fn)(const char *name, void *old, size_t *old_size, void *new, size_t size);

static enum pab_status jemalloc_open(struct pab_heap *heap, const struct pab_spec *spec,
                                     struct pab_error *err)
{
    (void)spec;
    return pab_dso_open(heap, files, "libjemalloc2", &names, err);
}

/* Reads one value of mallctl's tree; false when this build has no such name. */
static bool read_control(const struct pab_heap *heap, const char *name, void *out, size_t size)
{
    mallctl_fn mallctl = NULL;
    *(void **)&mallctl = pab_dso_symbol(heap, "mallctl");
    size_t got = size;
    return mallctl != NULL && mallctl(name, out, &got, NULL, 0) == 0 && got == size;
}

static enum pab_status jemalloc_probe(struct pab_heap *heap, struct pab_identity *out,
                                      struct pab_error *err)
{
    const char *version = NULL;
    if (!read_control(heap, "version", &version, sizeof(version))) {
        return pab_fail(err, PAB_IDENTITY, "%s does not answer mallctl(\"version\")", out->path);
    }
    ssize_t dirty_ms = 0;
    ssize_t muzzy_ms = 0;
    unsigned arenas = 0;
    bool background = false;
    (void)read_control(heap, "opt.dirty_decay_ms", &dirty_ms, sizeof(dirty_ms));
    (void)read_control(heap, "opt.muzzy_decay_ms", &muzzy_ms, sizeof(muzzy_ms));
    (void)read_control(heap, "opt.narenas", &arenas, sizeof(arenas));
    (void)read_control(heap, "background_thread", &background, sizeof(background));
    snprintf(out->version, sizeof(out->version), "jemalloc %.*s", (int)strcspn(version, "-"),
             version);
    snprintf(out->settings, sizeof(out->settings),
             "dirty_decay_ms=%zd muzzy_decay_ms=%zd narenas=%u background_thread=%s", dirty_ms,
             muzzy_ms, arenas, background ? "true" : "false");
    return PAB_OK;
}

static uint64_t jemalloc_counter(struct pab_heap *heap)
{
    uint64_t allocated = 0; /* bytes this thread ever took: moves at once, unlike the cached sums */
    (void)read_control(heap, "thread.allocated", &allocated, sizeof(allocated));
    return allocated;
}

/* 4096 stands for all arenas (jemalloc.h: MALLCTL_ARENAS_ALL). */
static void jemalloc_purge(struct pab_heap *heap)
{
    mallctl_fn mallctl = NULL;
    *(void **)&mallctl = pab_dso_symbol(heap, "mallctl");
    if (mallctl != NULL) {
        (void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
        (void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    }
}

static uint64_t read_size(const struct pab_heap *heap, const char *name)
{
    size_t value = 0;
    (void)read_control(heap, name, &value, sizeof(value));
    return value;
}

/* 4096 stands for all arenas here, too. What threads' caches hold counts as allocated. */
static bool jemalloc_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    mallctl_fn mallctl = NULL;
    *(void **)&mallctl = pab_dso_symbol(heap, "mallctl");
    uint64_t epoch = 1;
    size_t page = 0;
    bool has_stats = false;
    if (mallctl == NULL || mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0 ||
        !read_control(heap, "config.stats", &has_stats, sizeof(has_stats)) || !has_stats ||
        !read_control(heap, "arenas.page", &page, sizeof(page))) {
        return false;
    }
    uint64_t allocated = read_size(heap, "stats.allocated");
    uint64_t cached = read_size(heap, "stats.arenas.4096.tcache_bytes");
    out->blocks_bytes = allocated - cached;
    out->free_blocks_bytes = read_size(heap, "stats.active") - allocated + cached;
    out->free_pools_bytes = (read_size(heap, "stats.arenas.4096.pdirty") +
                             read_size(heap, "stats.arenas.4096.pmuzzy")) *
                            page;
    out->tables_bytes = read_size(heap, "stats.metadata");
    return true;
}

const struct pab_backend pab_backend_jemalloc = {
    .name = "jemalloc",
    .summary = "jemalloc: size-classed slabs in arenas, time-based purging",
    .package = "libjemalloc2",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_USABLE_SIZE | PAB_CAP_THREADS | PAB_CAP_RAW | PAB_CAP_DEFAULT | PAB_CAP_C_API,
    .worker_env = pab_dso_static_tls_env,
    .open = jemalloc_open,
    .probe = jemalloc_probe,
    .counter = jemalloc_counter,
    .purge = jemalloc_purge,
    .inventory = jemalloc_inventory,
};
