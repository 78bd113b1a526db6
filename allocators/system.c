/* allocators/system.c -- the C library's malloc, as the process has it. */
#include "allocators/dso.h"

#include <malloc.h>

static const char *const files[] = {"libc.so.6", NULL};

static const struct pab_dso_names names = {
    .malloc = "malloc",
    .calloc = "calloc",
    .realloc = "realloc",
    .free = "free",
    .usable_size = "malloc_usable_size",
};

static enum pab_status system_open(struct pab_heap *heap, const struct pab_spec *spec,
                                   struct pab_error *err)
{
    (void)spec;
    return pab_dso_open(heap, files, "libc6", &names, err);
}

static enum pab_status system_probe(struct pab_heap *heap, struct pab_identity *out,
                                    struct pab_error *err)
{
    const char *(*version)(void) = NULL;
    *(void **)&version = pab_dso_symbol(heap, "gnu_get_libc_version");
    if (version == NULL) {
        return pab_fail(err, PAB_IDENTITY, "%s is not the GNU C library", out->path);
    }
    const char *tunables = getenv("GLIBC_TUNABLES");
    snprintf(out->version, sizeof(out->version), "glibc %s", version());
    snprintf(out->settings, sizeof(out->settings), "GLIBC_TUNABLES=%s",
             tunables == NULL ? "" : tunables);
    return PAB_OK;
}

static uint64_t system_counter(struct pab_heap *heap)
{
    struct mallinfo2 (*info)(void) = NULL;
    *(void **)&info = pab_dso_symbol(heap, "mallinfo2");
    return info == NULL ? 0 : info().uordblks;
}

static void system_purge(struct pab_heap *heap)
{
    int (*trim)(size_t) = NULL;
    *(void **)&trim = pab_dso_symbol(heap, "malloc_trim");
    if (trim != NULL) {
        trim(0);
    }
}

/* Blocks that a thread's cache holds count as handed out: glibc does not tell them apart. */
static bool system_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    struct mallinfo2 (*info)(void) = NULL;
    *(void **)&info = pab_dso_symbol(heap, "mallinfo2");
    if (info == NULL) {
        return false;
    }
    struct mallinfo2 now = info();
    out->blocks_bytes = now.uordblks + now.hblkhd;
    out->free_blocks_bytes = now.fordblks - now.keepcost;
    out->free_pools_bytes = now.keepcost; /* the top, which could be trimmed */
    return true;
}

const struct pab_backend pab_backend_system = {
    .name = "system",
    .summary = "the C library's malloc (glibc: ptmalloc with thread caches)",
    .package = "libc6",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_USABLE_SIZE | PAB_CAP_THREADS | PAB_CAP_RAW | PAB_CAP_DEFAULT | PAB_CAP_C_API,
    .open = system_open,
    .probe = system_probe,
    .counter = system_counter,
    .purge = system_purge,
    .inventory = system_inventory,
};
