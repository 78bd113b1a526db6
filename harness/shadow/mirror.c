#include "harness/shadow/mirror.h"

#include "allocators/os_pages.h"

#include <assert.h>
#include <sys/resource.h>

#define SLOTS_MIN 16u

struct pab_mirror_map pab_mirror_map;

static struct pab_mirror_piece *piece_at(uintptr_t address)
{
    uintptr_t number = address >> pab_mirror_map.shift;
    uintptr_t root = number >> PAB_MIRROR_LEAF_BITS;
    if (root >= PAB_MIRROR_ROOTS) {
        return NULL;
    }
    struct pab_mirror_piece **leaf = &pab_mirror_map.leaves[root];
    if (*leaf == NULL) {
        *leaf = pab_pages_map(sizeof(**leaf) << PAB_MIRROR_LEAF_BITS);
    }
    return *leaf == NULL ? NULL : *leaf + (number & ((1u << PAB_MIRROR_LEAF_BITS) - 1));
}

/* What a mirror may reserve: under `ulimit -v` an eighth of it, the rest is the program's. */
static size_t range_bytes(size_t wish)
{
    struct rlimit limit;
    bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return limited && limit.rlim_cur / 8 < wish ? limit.rlim_cur / 8 : wish;
}

bool pab_mirror_open(struct pab_mirror *mirror, size_t arena_bytes, size_t arenas_max)
{
    assert((arena_bytes & (arena_bytes - 1)) == 0);
    assert(arena_bytes >= (size_t)1 << PAB_MIRROR_SHIFT_MIN);
    assert(arenas_max <= PAB_MIRROR_ARENAS_MAX);
    pab_mirror_map.shift = (unsigned)__builtin_ctzl(arena_bytes);
    size_t slot_bytes = 2 * arena_bytes;
    size_t bytes = range_bytes(arenas_max * slot_bytes);
    size_t least = SLOTS_MIN * slot_bytes;
    void *start = bytes < least ? NULL : pab_pages_reserve(&bytes, least);
    if (start == NULL) {
        return false;
    }
    mirror->arena_bytes = arena_bytes;
    mirror->slot_shift = pab_mirror_map.shift + 1;
    mirror->base = ((uintptr_t)start + slot_bytes - 1) & ~(slot_bytes - 1);
    mirror->span = (bytes - (mirror->base - (uintptr_t)start)) & ~(slot_bytes - 1);
    return true;
}

static uintptr_t slot_start(const struct pab_mirror *mirror, size_t slot)
{
    return mirror->base + (slot << mirror->slot_shift);
}

/* Commits a slot in full, though an arena is half of it: neighbours then share one mapping. */
static bool take_slot(struct pab_mirror *mirror, size_t *slot)
{
    if (mirror->vacant_count > 0) {
        *slot = mirror->vacant[--mirror->vacant_count];
        return true;
    }
    *slot = mirror->slot_count;
    size_t slot_bytes = (size_t)1 << mirror->slot_shift;
    if (*slot >= mirror->span >> mirror->slot_shift ||
        !pab_pages_commit((void *)slot_start(mirror, *slot), slot_bytes)) {
        return false;
    }
    mirror->slot_count++;
    return true;
}

static void enter_in_map(uintptr_t real, size_t arena_bytes, uintptr_t shift, bool present)
{
    uintptr_t tail = real & (arena_bytes - 1);
    struct pab_mirror_piece *first = piece_at(real);
    struct pab_mirror_piece *second = piece_at(real + arena_bytes);
    assert(first != NULL && second != NULL);
    first->begun = present ? (uint32_t)(arena_bytes - tail) : 0;
    first->begun_shift = shift;
    if (tail != 0) {
        second->ending = present ? (uint32_t)tail : 0;
        second->ending_shift = shift;
    }
}

void *pab_mirror_add(struct pab_mirror *mirror, uintptr_t real)
{
    size_t slot = 0;
    if (piece_at(real) == NULL || piece_at(real + mirror->arena_bytes) == NULL ||
        !take_slot(mirror, &slot)) {
        return NULL;
    }
    mirror->slots[slot] = (struct pab_mirror_slot){real, mirror->arena_count++};
    uintptr_t image = slot_start(mirror, slot) + (real & (mirror->arena_bytes - 1));
    enter_in_map(real, mirror->arena_bytes, image - real, true);
    return (void *)image;
}

void pab_mirror_remove(struct pab_mirror *mirror, void *image)
{
    size_t slot = ((uintptr_t)image - mirror->base) >> mirror->slot_shift;
    assert(slot < mirror->slot_count && mirror->slots[slot].real != 0);
    enter_in_map(mirror->slots[slot].real, mirror->arena_bytes, 0, false);
    mirror->slots[slot].real = 0;
    mirror->vacant[mirror->vacant_count++] = (uint32_t)slot;
    pab_pages_decommit((void *)slot_start(mirror, slot), (size_t)1 << mirror->slot_shift);
}

const struct pab_mirror_slot *pab_mirror_slot_of(const struct pab_mirror *mirror, const void *image)
{
    uintptr_t offset = (uintptr_t)image - mirror->base;
    if (offset >= mirror->span) {
        return NULL;
    }
    const struct pab_mirror_slot *slot = &mirror->slots[offset >> mirror->slot_shift];
    return slot->real != 0 ? slot : NULL;
}
