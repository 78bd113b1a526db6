#include "tests/conformance/model/world.h"

#include "allocators/os_pages.h"
#include "tests/conformance/support/pattern.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define ADDRESS_BITS 48
#define NEAR_BYTES   64

static const char *const call_names[MODEL_CALLS] = {
    [MODEL_MALLOC] = "malloc",         [MODEL_CALLOC] = "calloc",
    [MODEL_REALLOC] = "realloc",       [MODEL_REALLOCARRAY] = "reallocarray",
    [MODEL_ALIGNED] = "aligned_alloc", [MODEL_POSIX] = "posix_memalign",
    [MODEL_BURST] = "malloc",
};

/* --- findings ------------------------------------------------------------------------------- */

bool pab_model_broke(struct model_world *world, const char *statement, const char *format, ...)
{
    struct model_outcome *outcome = world->outcome;
    if (__atomic_exchange_n(&outcome->has_broken, 1, __ATOMIC_ACQ_REL) == 0) {
        va_list args;
        va_start(args, format);
        snprintf(outcome->statement, sizeof(outcome->statement), "%s", statement);
        vsnprintf(outcome->text, sizeof(outcome->text), format, args);
        va_end(args);
    }
    return false;
}

void pab_model_note_errno(struct model_world *world, const char *statement, const char *what,
                          int found)
{
    struct model_outcome *outcome = world->outcome;
    if (__atomic_fetch_add(&outcome->errno_wrong, 1, __ATOMIC_RELAXED) == 0) {
        snprintf(outcome->errno_first, sizeof(outcome->errno_first), "%s: errno %d after %s",
                 statement, found, what);
    }
}

uint32_t pab_model_slot_of(const struct model_world *world, const struct model_block *block)
{
    bool is_slot = block >= world->slots && block < world->slots + MODEL_SLOTS;
    return is_slot ? (uint32_t)(block - world->slots)
                   : MODEL_SLOTS + (uint32_t)(block - world->burst);
}

static size_t extent(const struct model_block *block)
{
    return block->usable > 0 ? block->usable : 1;
}

/* "slot 12" or "block 5 of the burst". */
static const char *name_of(const struct model_world *world, const struct model_block *block,
                           char *out, size_t size)
{
    uint32_t slot = pab_model_slot_of(world, block);
    if (slot < MODEL_SLOTS) {
        snprintf(out, size, "slot %" PRIu32, slot);
    } else {
        snprintf(out, size, "block %" PRIu32 " of a burst", slot - MODEL_SLOTS);
    }
    return out;
}

/* The block freed last whose bytes lie at `at` or end shortly before it. */
static void describe_gone(const struct model_world *world, uintptr_t at, char *out, size_t size)
{
    out[0] = '\0';
    uint64_t known = world->gone_count < SHADOW_GONE ? world->gone_count : SHADOW_GONE;
    for (uint64_t i = 1; i <= known; i++) {
        const struct model_gone *gone = &world->gone[(world->gone_count - i) % SHADOW_GONE];
        if (at >= gone->at && at < gone->at + gone->bytes + NEAR_BYTES) {
            snprintf(out, size,
                     "; %" PRIu64 " calls before, slot %" PRIu32 " freed %zu bytes that begin "
                     "%zu before this one",
                     world->calls - gone->call, gone->slot, gone->bytes, (size_t)(at - gone->at));
            return;
        }
    }
}

static bool other_bytes(struct model_world *world, const struct model_block *block, size_t bad,
                        const char *when)
{
    char name[48];
    char gone[160];
    describe_gone(world, (uintptr_t)block->at + bad, gone, sizeof(gone));
    return pab_model_broke(
        world, world->at_stake != NULL ? world->at_stake : "PRE-001",
        "byte %zu of a live block of %zu bytes (%zu usable, %s) was changed: 0x%02x, not 0x%02x, "
        "seen %s%s",
        bad, block->size, block->usable, name_of(world, block, name, sizeof(name)), block->at[bad],
        pab_pattern_byte(block->key, bad), when, gone);
}

bool pab_model_verify(struct model_world *world, const struct model_block *block, const char *when)
{
    size_t bad = 0;
    world->bytes += block->usable;
    if (__builtin_expect(!pab_pattern_holds(block->at, 0, block->usable, block->key, &bad), 0)) {
        return other_bytes(world, block, bad, when);
    }
    return true;
}

/* --- whose bytes ---------------------------------------------------------------------------- */

static const struct model_block *search(const struct model_block *blocks, size_t count,
                                        const struct model_block *fresh)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_block *other = &blocks[i];
        if (other != fresh && other->at != NULL && other->at < fresh->at + extent(fresh) &&
            fresh->at < other->at + extent(other)) {
            return other;
        }
    }
    return NULL;
}

/* A bit was set: the table of blocks says whether two blocks really meet. Worlds of several
 * threads cannot look into each other's tables, and need not: no malloc packs so close. */
static bool confirm_meeting(struct model_world *world, const struct model_block *fresh,
                            const char *call)
{
    char name[48];
    const struct model_block *other = search(world->slots, MODEL_SLOTS, fresh);
    if (other == NULL) {
        other = search(world->burst, world->burst_count, fresh);
    }
    if (other == NULL && (uintptr_t)fresh->at % 8 != 0 && !world->shadow->is_shared) {
        return true;
    }
    if (other == NULL) {
        return pab_model_broke(
            world, world->shadow->is_shared ? "MAL-009" : "MAL-010",
            "%s(%zu) gave %zu bytes of which some are %s", call, fresh->size, fresh->usable,
            world->shadow->is_shared ? "a live block of another thread" : "memory of the harness");
    }
    bool is_behind = fresh->at >= other->at;
    size_t distance = (size_t)(is_behind ? fresh->at - other->at : other->at - fresh->at);
    return pab_model_broke(
        world, "MAL-009",
        "%s(%zu) gave a block (%zu usable) that begins %zu bytes %s the live block of %zu bytes "
        "(%zu usable) of %s: they overlap",
        call, fresh->size, fresh->usable, distance, is_behind ? "behind the start of" : "before",
        other->size, other->usable, name_of(world, other, name, sizeof(name)));
}

void pab_model_forget(struct model_world *world, const struct model_block *block)
{
    pab_model_shadow_give(world->shadow, block->at, block->usable);
    world->gone[world->gone_count++ % SHADOW_GONE] = (struct model_gone){
        .at = (uintptr_t)block->at,
        .bytes = block->usable,
        .slot = pab_model_slot_of(world, block),
        .call = world->calls,
    };
    world->live_bytes -= block->usable;
    world->live_blocks--;
}

static void count_live(struct model_world *world, const struct model_block *block)
{
    world->live_blocks++;
    world->live_bytes += block->usable;
    if (world->live_blocks > world->high_live) {
        world->high_live = world->live_blocks;
    }
    if (world->live_bytes > world->high_bytes) {
        world->high_bytes = world->live_bytes;
    }
}

void pab_model_adopt(struct model_world *world, struct model_block *block,
                     const struct model_block *from)
{
    *block = *from;
    count_live(world, block);
}

void pab_model_hand_over(struct model_world *world, struct model_block *block)
{
    world->live_bytes -= block->usable;
    world->live_blocks--;
    block->at = NULL;
}

/* --- what a call gave ----------------------------------------------------------------------- */

/* The largest power of two that fits in the size, at most what every block has. */
static size_t promised_align(const struct model_world *world, size_t size)
{
    if (size >= world->align_least) {
        return world->align_least;
    }
    return size == 0 ? 1 : (size_t)1 << (63 - __builtin_clzll(size));
}

/* Whether the system has no such memory for anybody. */
static bool system_refuses(size_t bytes)
{
    void *pages = pab_pages_map(bytes);
    if (pages != NULL) {
        pab_pages_release(pages, bytes);
    }
    return pages == NULL;
}

static bool got_null(struct model_world *world, const struct model_request *request)
{
    const char *call = call_names[request->call];
    if (world->subject->is_c && errno != ENOMEM && request->call != MODEL_POSIX) {
        pab_model_note_errno(world, "MAL-005", call, errno);
    }
    if (request->is_impossible) {
        return true;
    }
    if (world->window_end != 0) {
        world->refused++;
        return true;
    }
    if (system_refuses(2 * request->size + 2 * request->align + (1u << 20))) {
        return true;
    }
    return pab_model_broke(world, world->had_window ? "OOM-05" : "MAL-001",
                           "%s gave NULL for %zu bytes with %" PRIu64 " bytes live%s", call,
                           request->size, world->live_bytes,
                           world->had_window ? ": calls to the kernel failed before, they no "
                                               "longer do"
                                             : ", and the system has memory");
}

static bool refuse_impossible(struct model_world *world, const struct model_request *request)
{
    static const char *const statements[MODEL_CALLS] = {
        [MODEL_MALLOC] = "MAL-004",       [MODEL_CALLOC] = "CAL-004", [MODEL_REALLOC] = "MAL-004",
        [MODEL_REALLOCARRAY] = "REA-013", [MODEL_ALIGNED] = "ALN-08", [MODEL_POSIX] = "ALN-08",
    };
    return pab_model_broke(world, statements[request->call],
                           "%s gave a block for a size over PTRDIFF_MAX or a product that wraps "
                           "(to %zu)",
                           call_names[request->call], request->size);
}

static bool has_good_shape(struct model_world *world, const struct model_block *block,
                           const struct model_request *request)
{
    const char *call = call_names[request->call];
    uintptr_t address = (uintptr_t)block->at;
    size_t align = request->align != 0 ? request->align : promised_align(world, request->size);
    if (__builtin_expect((address & (align - 1)) != 0, 0)) {
        return pab_model_broke(world, request->align != 0 ? "ALN-01" : "MAL-007",
                               "%s(%zu) gave an address that is %zu past a multiple of %zu", call,
                               request->size, (size_t)(address & (align - 1)), align);
    }
    if (__builtin_expect(block->usable < request->size, 0)) {
        return pab_model_broke(world, "USZ-02", "usable_size of %s(%zu) is %zu", call,
                               request->size, block->usable);
    }
    if (address >> ADDRESS_BITS != 0 || block->usable >> ADDRESS_BITS != 0) {
        return pab_model_broke(world, "MAL-001", "%s(%zu) gave no address, or claims %zu bytes",
                               call, request->size, block->usable);
    }
    if (__builtin_expect(!pab_model_shadow_take(world->shadow, block->at, block->usable), 0)) {
        return confirm_meeting(world, block, call);
    }
    return true;
}

/* What calloc or realloc promises of the content. */
static bool has_good_content(struct model_world *world, const struct model_block *block,
                             const struct model_request *request)
{
    size_t bad = 0;
    world->bytes += request->kept;
    if (request->is_zeroed && !pab_pattern_is_zero(block->at, 0, request->size, &bad)) {
        return pab_model_broke(world, "CAL-001", "byte %zu of calloc's %zu is 0x%02x, not 0", bad,
                               request->size, block->at[bad]);
    }
    if (request->kept > 0 && !pab_pattern_holds(block->at, 0, request->kept, request->key, &bad)) {
        bool has_shrunk = request->kept == request->size;
        return pab_model_broke(world, has_shrunk ? "REA-003" : "REA-002",
                               "%s to %zu bytes lost byte %zu of the %zu that it must keep: "
                               "0x%02x, not 0x%02x",
                               call_names[request->call], request->size, bad, request->kept,
                               block->at[bad], pab_pattern_byte(request->key, bad));
    }
    return true;
}

bool pab_model_accept(struct model_world *world, struct model_block *block, void *given,
                      const struct model_request *request)
{
    if (__builtin_expect(given == NULL, 0)) {
        return got_null(world, request);
    }
    if (request->is_impossible) {
        return refuse_impossible(world, request);
    }
    struct model_block fresh = {
        .at = given,
        .size = request->size,
        .usable = pab_subject_usable(world->subject, given, request->size),
        .is_sizable = request->align == 0 && request->key == 0,
        .last_call = (uint8_t)request->call,
    };
    uint32_t slot = pab_model_slot_of(world, block);
    uint64_t owner = (uint64_t)world->stream << 32 | slot;
    fresh.key = request->key != 0 ? request->key : pab_pattern_key(owner, ++world->serial);
    *block = fresh;
    if (!has_good_shape(world, block, request) || !has_good_content(world, block, request)) {
        return false;
    }
    pab_pattern_fill(block->at, request->kept, block->usable, block->key);
    count_live(world, block);
    return true;
}

static void free_block(const struct pab_subject *subject, const struct model_block *block,
                       enum model_call call)
{
    bool is_sized = call == MODEL_FREE_SIZED && subject->is_c && block->size > 0;
    if (is_sized && block->is_sizable && subject->free_sized != NULL) {
        subject->free_sized(block->at, block->size);
    } else {
        pab_subject_free(subject, block->at);
    }
}

bool pab_model_release(struct model_world *world, struct model_block *block, enum model_call call)
{
    if (!pab_model_verify(world, block, "when it was freed")) {
        return false;
    }
    size_t usable = pab_subject_usable(world->subject, block->at, block->size);
    if (usable != block->usable) {
        return pab_model_broke(world, "USZ-04",
                               "usable_size of a block of %zu bytes was %zu, and is %zu when freed",
                               block->size, block->usable, usable);
    }
    pab_model_forget(world, block);
    errno = PAB_ERRNO_SENTINEL;
    free_block(world->subject, block, call);
    if (errno != PAB_ERRNO_SENTINEL && world->subject->is_c) {
        pab_model_note_errno(world, "FRE-02", "free", errno);
    }
    block->at = NULL;
    block->last_call = (uint8_t)call;
    return true;
}
