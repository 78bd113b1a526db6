#include "allocators/decorate/debug.h"
#include "allocators/decorate/leaky.h"
#include "allocators/decorate/slow.h"
#include "allocators/dso.h"
#include "allocators/spec.h"

#include <string.h>

/* The proof takes this much and gives it back: enough to move every vendor's counter, little
 * enough not to shape the heap. */
#define PROOF_BLOCKS      64
#define PROOF_BLOCK_BYTES 512

enum pab_status pab_heap_expect_whole(const struct pab_heap *heap, struct pab_error *err)
{
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_alloc *table = &heap->domain[domain];
        if (table->calloc == NULL || table->realloc == NULL) {
            return pab_fail(err, PAB_UNAVAILABLE, "%s exports no %s(): Python needs it",
                            heap->backend->name, table->calloc == NULL ? "calloc" : "realloc");
        }
    }
    return PAB_OK;
}

static enum pab_status open_raw(struct pab_heap *heap, const struct pab_spec *spec,
                                struct pab_error *err)
{
    struct pab_spec *own = NULL;
    const struct pab_spec *raw_spec = spec->raw;
    if (raw_spec == NULL) {
        enum pab_status status = pab_spec_parse("system", &own, err);
        if (status != PAB_OK) {
            return status;
        }
        raw_spec = own;
    }
    enum pab_status status = PAB_NO_MEMORY;
    heap->raw = calloc(1, sizeof(*heap->raw));
    if (heap->raw == NULL) {
        pab_fail(err, status, "no memory for a heap");
    } else {
        status = pab_heap_open(heap->raw, raw_spec, err);
    }
    pab_spec_destroy(own);
    if (status == PAB_OK) { /* what stands above calls all of it */
        status = pab_heap_expect_whole(heap->raw, err);
        if (status != PAB_OK) {
            pab_heap_close(heap->raw);
        }
    }
    return status;
}

/* The hooks of the release that the spec stands for. */
static enum pab_status add_hooks(struct pab_heap *heap, const struct pab_spec *spec,
                                 struct pab_error *err)
{
    if (!pab_spec_is(spec, "hooks", "debug")) {
        return PAB_OK;
    }
    enum pab_status status = pab_heap_expect_whole(heap, err);
    if (status != PAB_OK) {
        return status;
    }
    const struct pab_spec_value *release = pab_spec_get(spec, "profile");
    heap->hooks = malloc(sizeof(*heap->hooks));
    if (heap->hooks == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for debug hooks");
    }
    pab_debug_attach(heap->hooks, heap, pab_debug_style_of(release == NULL ? NULL : release->text));
    return PAB_OK;
}

static enum pab_status add_dials(struct pab_heap *heap, const struct pab_spec *spec,
                                 struct pab_error *err)
{
    const struct pab_spec_value *leak = pab_spec_get(spec, "leak");
    const struct pab_spec_value *slow = pab_spec_get(spec, "slow");
    if (leak == NULL && slow == NULL) {
        return PAB_OK;
    }
    enum pab_status status = pab_heap_expect_whole(heap, err);
    if (status != PAB_OK) {
        return status;
    }
    heap->leaky = leak == NULL ? NULL : malloc(sizeof(*heap->leaky));
    heap->slow = slow == NULL ? NULL : malloc(sizeof(*heap->slow));
    if ((leak != NULL && heap->leaky == NULL) || (slow != NULL && heap->slow == NULL)) {
        free(heap->leaky);
        free(heap->slow);
        heap->leaky = NULL;
        heap->slow = NULL;
        return pab_fail(err, PAB_NO_MEMORY, "no memory for dials");
    }
    if (leak != NULL) {
        pab_leaky_attach(heap->leaky, heap, leak->number);
    }
    if (slow != NULL) {
        pab_slow_attach(heap->slow, heap, slow->number);
    }
    return PAB_OK;
}

static void take_off_decorators(struct pab_heap *heap)
{
    if (heap->slow != NULL) {
        pab_slow_detach(heap->slow);
    }
    if (heap->leaky != NULL) {
        pab_leaky_detach(heap->leaky);
    }
    if (heap->hooks != NULL) {
        pab_debug_detach(heap->hooks);
    }
}

static void free_decorators(struct pab_heap *heap)
{
    free(heap->slow);
    free(heap->leaky);
    free(heap->hooks);
    heap->slow = NULL;
    heap->leaky = NULL;
    heap->hooks = NULL;
}

static void close_raw(struct pab_heap *heap)
{
    if (heap->raw != NULL) {
        pab_heap_close(heap->raw);
        free(heap->raw);
        heap->raw = NULL;
    }
}

enum pab_status pab_heap_open(struct pab_heap *heap, const struct pab_spec *spec,
                              struct pab_error *err)
{
    memset(heap, 0, sizeof(*heap));
    heap->backend = spec->backend;
    enum pab_status status = PAB_OK;
    if ((spec->backend->caps & PAB_CAP_STACKS) != 0) {
        status = open_raw(heap, spec, err);
        if (status != PAB_OK) {
            free(heap->raw); /* open_raw() left it closed */
            heap->raw = NULL;
            return status;
        }
        status = add_hooks(heap->raw, spec, err);
    }
    if (status == PAB_OK) {
        status = spec->backend->open(heap, spec, err);
    }
    if (status != PAB_OK) {
        close_raw(heap);
        return status;
    }
    memcpy(heap->bare, heap->domain, sizeof(heap->bare));
    status = add_hooks(heap, spec, err);
    if (status == PAB_OK) {
        status = add_dials(heap, spec, err);
    }
    if (status != PAB_OK) {
        pab_heap_close(heap);
    }
    return status;
}

void pab_heap_close(struct pab_heap *heap)
{
    take_off_decorators(heap);
    if (heap->backend->close != NULL) {
        heap->backend->close(heap);
    }
    free_decorators(heap);
    close_raw(heap);
}

/* --- identity ------------------------------------------------------------------------------- */

static enum pab_status expect_in(const struct pab_identity *object, const void *function,
                                 const char *name, struct pab_error *err)
{
    if (function == NULL) {
        return PAB_OK;
    }
    struct pab_identity where = {0};
    enum pab_status status = pab_dso_describe(function, &where, err);
    if (status == PAB_OK && (where.inode != object->inode || where.device != object->device)) {
        return pab_fail(err, PAB_IDENTITY, "its %s() lies in %s, not in %s", name, where.path,
                        object->path);
    }
    return status;
}

static enum pab_status prove_entries(const struct pab_heap *heap, const struct pab_identity *object,
                                     struct pab_error *err)
{
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_entry_points *entry = &heap->entry[domain];
        const struct {
            const char *name;
            const void *at;
        } functions[] = {
            {"malloc", (const void *)(uintptr_t)entry->malloc},
            {"calloc", (const void *)(uintptr_t)entry->calloc},
            {"realloc", (const void *)(uintptr_t)entry->realloc},
            {"free", (const void *)(uintptr_t)entry->free},
            {"usable_size", (const void *)(uintptr_t)entry->usable_size},
        };
        for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
            enum pab_status status = expect_in(object, functions[i].at, functions[i].name, err);
            if (status != PAB_OK) {
                return status;
            }
        }
    }
    return PAB_OK;
}

static uint64_t ask_counter(struct pab_heap *heap)
{
    return heap->backend->counter == NULL ? 0 : heap->backend->counter(heap);
}

/* Takes blocks through the obj domain and asks whether the vendor's count went up. Without a
 * counter the blocks are taken all the same: every heap starts its work from the same state. */
static enum pab_status prove_counter(struct pab_heap *heap, struct pab_error *err)
{
    const struct pab_alloc *obj = &heap->bare[PAB_DOMAIN_OBJ];
    void *blocks[PROOF_BLOCKS];
    uint64_t before = ask_counter(heap);
    size_t taken = 0;
    while (taken < PROOF_BLOCKS &&
           (blocks[taken] = obj->malloc(obj->ctx, PROOF_BLOCK_BYTES)) != NULL) {
        memset(blocks[taken++], 0x5a, PROOF_BLOCK_BYTES);
    }
    uint64_t after = ask_counter(heap);
    for (size_t i = 0; i < taken; i++) {
        obj->free(obj->ctx, blocks[i]);
    }
    if (taken < PROOF_BLOCKS) {
        return pab_fail(err, PAB_IDENTITY, "it gave NULL for %d bytes", PROOF_BLOCK_BYTES);
    }
    if (heap->backend->counter != NULL && after <= before) {
        return pab_fail(err, PAB_IDENTITY,
                        "its own count of memory in use did not move (%llu, then %llu) when %zu "
                        "blocks were taken",
                        (unsigned long long)before, (unsigned long long)after, taken);
    }
    return PAB_OK;
}

enum pab_status pab_heap_identify(struct pab_heap *heap, struct pab_identity *out,
                                  struct pab_error *err)
{
    memset(out, 0, sizeof(*out));
    const void *anchor = heap->anchor;
    bool built_in = anchor == NULL;
    if (built_in) {
        anchor = heap->backend;
    }
    enum pab_status status = pab_dso_describe(anchor, out, err);
    if (status == PAB_OK) {
        status = prove_entries(heap, out, err);
    }
    if (status == PAB_OK) {
        status = heap->backend->probe(heap, out, err);
    }
    if (status == PAB_OK) {
        status = prove_counter(heap, err);
    }
    if (status == PAB_OK) {
        snprintf(out->proof, sizeof(out->proof), "%s, %s%s",
                 built_in ? "built in" : "entry points lie in the object",
                 out->version[0] == '\0' ? "no vendor probe" : "vendor probe answered",
                 heap->backend->counter == NULL ? ", no counter to ask" : ", its counter moved");
    }
    return status;
}
