/* allocators/mimalloc.c -- microsoft/mimalloc, by its own prefix. */
#include "allocators/dso.h"

static const char *const files[] = {"libmimalloc.so.3", "libmimalloc.so.2", NULL};

static const struct pab_dso_names names = {
    .malloc = "mi_malloc",
    .calloc = "mi_calloc",
    .realloc = "mi_realloc",
    .free = "mi_free",
    .usable_size = "mi_usable_size",
};

static enum pab_status mimalloc_open(struct pab_heap *heap, const struct pab_spec *spec,
                                     struct pab_error *err)
{
    (void)spec;
    return pab_dso_open(heap, files, "libmimalloc2.0", &names, err);
}

/* Options are numbered anew in each release; these are 2.0.9's (mimalloc.h, mi_option_t). */
enum { OPTION_PAGE_RESET = 11, OPTION_DECOMMIT_DELAY = 15, OPTION_ALLOW_DECOMMIT = 22 };

static void read_settings(const struct pab_heap *heap, int version, struct pab_identity *out)
{
    long (*option)(int) = NULL;
    *(void **)&option = pab_dso_symbol(heap, "mi_option_get");
    if (option == NULL || version != 209) {
        snprintf(out->settings, sizeof(out->settings), "not read back from this version");
        return;
    }
    snprintf(out->settings, sizeof(out->settings),
             "page_reset=%ld allow_decommit=%ld decommit_delay_ms=%ld", option(OPTION_PAGE_RESET),
             option(OPTION_ALLOW_DECOMMIT), option(OPTION_DECOMMIT_DELAY));
}

static enum pab_status mimalloc_probe(struct pab_heap *heap, struct pab_identity *out,
                                      struct pab_error *err)
{
    int (*version)(void) = NULL;
    *(void **)&version = pab_dso_symbol(heap, "mi_version");
    if (version == NULL) {
        return pab_fail(err, PAB_IDENTITY, "%s has no mi_version()", out->path);
    }
    /* 209 is 2.0.9: one decimal digit a part below 1000, two for the last parts from there on. */
    int number = version();
    int major = number < 1000 ? number / 100 : number / 10000;
    int minor = number < 1000 ? number / 10 % 10 : number / 100 % 100;
    int patch = number < 1000 ? number % 10 : number % 100;
    snprintf(out->version, sizeof(out->version), "mimalloc %d.%d.%d", major, minor, patch);
    read_settings(heap, number, out);
    return PAB_OK;
}

/* What mi_heap_visit_blocks() tells of one area (mimalloc.h: mi_heap_area_t). `used` is a number of
 * blocks, whatever the header says; the others are bytes. */
struct heap_area {
    void *blocks;
    size_t reserved, committed, used, block_size;
};

static bool add_area(const void *heap, const struct heap_area *area, void *block, size_t size,
                     void *arg)
{
    (void)heap;
    (void)block;
    (void)size;
    *(uint64_t *)arg += area->used;
    return true;
}

typedef bool (*area_visitor)(const void *heap, const struct heap_area *area, void *block,
                             size_t size, void *arg);

/* False where this build cannot visit. What the visit returns is not that: an empty heap gives false. */
static bool visit_areas(const struct pab_heap *heap, area_visitor visitor, void *arg)
{
    void *(*default_heap)(void) = NULL;
    bool (*visit)(const void *, bool, void *, void *) = NULL;
    *(void **)&default_heap = pab_dso_symbol(heap, "mi_heap_get_default");
    *(void **)&visit = pab_dso_symbol(heap, "mi_heap_visit_blocks");
    if (default_heap == NULL || visit == NULL) {
        return false;
    }
    (void)visit(default_heap(), false, (void *)(uintptr_t)visitor, arg);
    return true;
}

static uint64_t mimalloc_counter(struct pab_heap *heap)
{
    uint64_t used = 0;
    (void)visit_areas(heap, add_area, &used);
    return used;
}

static bool add_to_inventory(const void *heap, const struct heap_area *area, void *block,
                             size_t size, void *arg)
{
    (void)heap;
    (void)block;
    (void)size;
    struct pab_inventory *out = arg;
    uint64_t used = (uint64_t)area->used * area->block_size;
    uint64_t *unused = used > 0 ? &out->free_blocks_bytes : &out->free_pools_bytes;
    out->blocks_bytes += used;
    *unused += area->committed - used;
    out->slack_bytes += area->reserved - area->committed; /* never carved */
    return true;
}

/* Pages that belong to no size, and the headers of segments, it does not show. */
static bool mimalloc_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    return visit_areas(heap, add_to_inventory, out);
}

static void mimalloc_purge(struct pab_heap *heap)
{
    void (*collect)(bool) = NULL;
    *(void **)&collect = pab_dso_symbol(heap, "mi_collect");
    if (collect != NULL) {
        collect(true);
    }
}

const struct pab_backend pab_backend_mimalloc = {
    .name = "mimalloc",
    .summary = "mimalloc: size-segregated pages with sharded free lists",
    .package = "libmimalloc2.0",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_USABLE_SIZE | PAB_CAP_THREADS | PAB_CAP_RAW | PAB_CAP_DEFAULT | PAB_CAP_C_API,
    .open = mimalloc_open,
    .probe = mimalloc_probe,
    .counter = mimalloc_counter,
    .purge = mimalloc_purge,
    .inventory = mimalloc_inventory,
};
