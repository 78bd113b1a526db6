#include "harness/shadow/twin.h"

#include "allocators/os_pages.h"

#include <stdarg.h>
#include <string.h>

/* What our raw domain hands out, whatever is asked: its blocks are never used, except that a
 * realloc which leaves the pools copies up to 512 bytes into one. */
static _Alignas(16) unsigned char raw_block[512];

static const char *const kind_names[PAB_CALL_KINDS] = {"malloc", "calloc", "realloc", "free"};
static const char *const domain_names[PAB_DOMAIN_COUNT] = {"raw", "mem", "obj"};

/* --- the raw domain below ours ---------------------------------------------------------------- */

static void *answer_raw(const struct pab_twin *twin)
{
    return twin->call->result == NULL ? NULL : raw_block; /* it fails when CPython's failed */
}

static void *raw_malloc(void *ctx, size_t size)
{
    (void)size;
    return answer_raw(ctx);
}

static void *raw_calloc(void *ctx, size_t count, size_t size)
{
    (void)count;
    (void)size;
    return answer_raw(ctx);
}

/* Called with NULL or its last result for the table of arenas, with a real block otherwise. The
 * old table is kept: it is small, and doubles. */
static void *raw_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_twin *twin = ctx;
    if (ptr != NULL && ptr != twin->descriptors) {
        return answer_raw(twin);
    }
    void *grown = pab_pages_map(size);
    if (grown != NULL && ptr != NULL) {
        memcpy(grown, ptr, size / 2);
    }
    twin->descriptors = grown != NULL ? grown : twin->descriptors;
    return grown;
}

static void raw_free(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr;
}

/* --- arenas: ours follow CPython's ------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void complain(struct pab_twin *twin,
                                                           const char *format, ...)
{
    if (twin->complaint[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(twin->complaint, sizeof(twin->complaint), format, args);
        va_end(args);
    }
}

static const struct pab_arena_event *next_event(struct pab_call *call)
{
    return call->events_used < call->event_count ? &call->events[call->events_used++] : NULL;
}

static void note_node(struct pab_node_set *nodes, uintptr_t address)
{
    uintptr_t node = address >> nodes->shift;
    for (unsigned i = 0; i < nodes->count; i++) {
        if (nodes->seen[i] == node) {
            return;
        }
    }
    if (nodes->shift != 0 && nodes->count < ARRAY_COUNT(nodes->seen)) {
        nodes->seen[nodes->count++] = node;
    }
}

static void note_nodes(struct pab_twin *twin, uintptr_t arena)
{
    note_node(&twin->middle_nodes, arena);
    note_node(&twin->bottom_nodes, arena);
    if (arena % twin->geometry.arena_bytes != 0) {
        uintptr_t end = arena + twin->geometry.arena_bytes;
        note_node(&twin->middle_nodes, end);
        note_node(&twin->bottom_nodes, end);
    }
}

static void *follow_taken(void *ctx, size_t size)
{
    struct pab_twin *twin = ctx;
    const struct pab_arena_event *event = next_event(twin->call);
    if (event == NULL || !event->taken) {
        complain(twin, "ours takes an arena, CPython %s",
                 event == NULL ? "does not" : "releases one");
        return NULL;
    }
    if (event->size != size) {
        complain(twin, "CPython takes an arena of %zu bytes, ours one of %zu", event->size, size);
        return NULL;
    }
    if (event->arena == 0) {
        return NULL;
    }
    void *image = pab_mirror_add(&twin->mirror, event->arena);
    if (image == NULL) {
        snprintf(twin->record->stopped, sizeof(twin->record->stopped),
                 "no memory or addresses were left for the image of an arena");
        twin->stopped = true;
        twin->gave_up = true;
        return NULL;
    }
    note_nodes(twin, event->arena);
    twin->record->arenas_taken++;
    return image;
}

static void follow_released(void *ctx, void *image, size_t size)
{
    struct pab_twin *twin = ctx;
    const struct pab_arena_event *event = next_event(twin->call);
    const struct pab_mirror_slot *slot = pab_mirror_slot_of(&twin->mirror, image);
    PAB_CHECK(slot != NULL);
    if (event == NULL || event->taken) {
        complain(twin, "ours releases arena %u, CPython %s", slot->serial,
                 event == NULL ? "does not" : "takes one");
    } else if (event->arena != slot->real || event->size != size) {
        complain(twin, "ours releases arena %u, CPython another", slot->serial);
    }
    twin->record->arenas_released++;
    pab_mirror_remove(&twin->mirror, image);
}

/* --- findings --------------------------------------------------------------------------------- */

/* "arena 3, pool 12, offset 96" of an image, or "raw", or "NULL". */
static void tell_place(const struct pab_twin *twin, const void *image, char *out, size_t size)
{
    const struct pab_mirror_slot *slot = pab_mirror_slot_of(&twin->mirror, image);
    if (slot == NULL) {
        bool elsewhere = image != NULL && image != raw_block;
        snprintf(out, size, "%s",
                 elsewhere       ? "in another heap's arena"
                 : image == NULL ? "NULL"
                                 : "in the raw domain");
        return;
    }
    uintptr_t pool_mask = twin->geometry.pool_bytes - 1;
    uintptr_t arena_mask = twin->geometry.arena_bytes - 1;
    uintptr_t first = ((slot->real & arena_mask) + pool_mask) & ~pool_mask;
    uintptr_t slot_mask = 2 * twin->geometry.arena_bytes - 1;
    uintptr_t offset = ((uintptr_t)image & slot_mask) - first;
    snprintf(out, size, "at arena %u, pool %zu, offset %zu", slot->serial,
             (size_t)(offset / twin->geometry.pool_bytes), (size_t)(offset & pool_mask));
}

/* "call 24533, obj malloc(48): CPython's block is at ..., ours ...". */
static void tell_difference(struct pab_twin *twin, const char *real_place, const char *our_place)
{
    struct pab_record *record = twin->record;
    const struct pab_call *call = twin->call;
    char size[32] = "";
    char places[160] = "";
    if (call->kind != PAB_CALL_FREE) {
        snprintf(size, sizeof(size), "%zu", call->size);
    }
    if (call->kind != PAB_CALL_FREE && strcmp(real_place, our_place) != 0) {
        snprintf(places, sizeof(places), "%sCPython's block is %s, ours %s",
                 twin->complaint[0] == '\0' ? "" : "; ", real_place, our_place);
    }
    snprintf(record->mismatch, sizeof(record->mismatch), "call %llu, %s %s(%s): %s%s",
             (unsigned long long)pab_record_calls(record) + 1, domain_names[call->domain],
             kind_names[call->kind], size, twin->complaint, places);
    snprintf(record->stopped, sizeof(record->stopped),
             "after a mismatch the heaps differ for good");
}

__attribute__((noinline, cold)) static bool differ(struct pab_twin *twin, const void *ours,
                                                   const void *image)
{
    struct pab_record *record = twin->record;
    const struct pab_call *call = twin->call;
    if (call->events_used < call->event_count) {
        const struct pab_arena_event *event = &call->events[call->events_used];
        complain(twin, "CPython %s an arena, ours does not", event->taken ? "takes" : "releases");
    }
    char real_place[64];
    char our_place[64];
    tell_place(twin, call->result != NULL && image == NULL ? raw_block : image, real_place,
               sizeof(real_place));
    tell_place(twin, ours, our_place, sizeof(our_place));
    if (record->mismatches++ == 0) {
        tell_difference(twin, real_place, our_place);
    }
    twin->stopped = true;
    return false;
}

/* Judges a finished call. */
static inline bool settle(struct pab_twin *twin, const void *ours)
{
    const struct pab_call *call = twin->call;
    if (twin->gave_up) {
        return false;
    }
    const void *image = pab_mirror_image(call->result);
    const void *expected = image;
    if (image != NULL) {
        twin->record->in_pools++;
    } else if (call->result != NULL) {
        twin->record->raw++;
        expected = raw_block;
    } else {
        twin->record->failed++;
    }
    if (ours == expected && call->events_used == call->event_count && twin->complaint[0] == '\0') {
        return true;
    }
    return differ(twin, ours, image);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* The image of a block of this heap; a raw block stands for itself. */
static void *image_or_raw(const void *block)
{
    void *image = pab_mirror_image(block);
    return image != NULL ? image : (void *)(uintptr_t)block;
}

bool pab_twin_malloc(struct pab_twin *twin, struct pab_call *call)
{
    twin->call = call;
    return settle(twin, twin->ours.malloc(twin->ours.ctx, call->size));
}

bool pab_twin_calloc(struct pab_twin *twin, struct pab_call *call, size_t count, size_t size)
{
    twin->call = call;
    return settle(twin, twin->ours.calloc(twin->ours.ctx, count, size));
}

bool pab_twin_realloc(struct pab_twin *twin, struct pab_call *call)
{
    twin->call = call;
    void *block = image_or_raw(call->block);
    return settle(twin, twin->ours.realloc(twin->ours.ctx, block, call->size));
}

bool pab_twin_free(struct pab_twin *twin, struct pab_call *call)
{
    twin->call = call;
    twin->ours.free(twin->ours.ctx, image_or_raw(call->block));
    if (call->events_used == call->event_count && twin->complaint[0] == '\0') {
        return true;
    }
    return differ(twin, NULL, NULL);
}

bool pab_twin_owns(const struct pab_twin *twin, const void *block)
{
    const void *image = pab_mirror_image(block);
    return image != NULL && pab_mirror_slot_of(&twin->mirror, image) != NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

struct pab_twin *pab_twin_create(const struct pab_pymalloc_geometry *geometry,
                                 struct pab_record *record, const unsigned map_shifts[2],
                                 size_t arenas_max)
{
    struct pab_twin *twin = pab_pages_map(sizeof(*twin));
    if (twin == NULL || !pab_mirror_open(&twin->mirror, geometry->arena_bytes, arenas_max)) {
        return NULL;
    }
    twin->geometry = *geometry;
    twin->record = record;
    twin->middle_nodes.shift = map_shifts[0];
    twin->bottom_nodes.shift = map_shifts[1];
    const struct pab_alloc raw = {
        .ctx = twin,
        .malloc = raw_malloc,
        .calloc = raw_calloc,
        .realloc = raw_realloc,
        .free = raw_free,
    };
    const struct pab_arena_source source = {
        .ctx = twin,
        .alloc = follow_taken,
        .free = follow_released,
        .base = twin->mirror.base,
        .span = twin->mirror.span,
    };
    if (pab_pymalloc_create(&twin->pm, geometry, &raw, &source, NULL) != PAB_OK) {
        return NULL;
    }
    twin->ours = pab_pymalloc_table(twin->pm);
    return twin;
}
