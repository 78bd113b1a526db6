/* harness/shadow/mirror.h -- an image of each real arena, for our pymalloc to keep its links in.
 * Depends on libc and allocators/os_pages.h.
 *
 *   real         0x7f31a2304000                      image: same offset within its slot
 *   |...........[=======arena=======].....|          |....[=======arena=======].......|
 *   ^ multiple of the arena's size                   ^ slot: twice the arena's size
 *
 * So real and image differ by one constant per arena, and agree in every offset that matters to
 * an allocator (modulo pool, modulo arena). Which constant, if any, holds for a real address is
 * found in two loads. Arenas need not be aligned; one may end where another begins within the same
 * arena-sized piece of the address space, so that each piece has two.
 */
#ifndef PAB_HARNESS_SHADOW_MIRROR_H
#define PAB_HARNESS_SHADOW_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAB_MIRROR_ARENAS_MAX 32768u

struct pab_mirror_slot {
    uintptr_t real;  /* where the arena really is; 0: vacant */
    uint32_t serial; /* how many arenas came before it */
};

/* The images of one allocator state, in a range of addresses of their own. */
struct pab_mirror {
    uintptr_t base;
    size_t span;
    size_t arena_bytes;
    unsigned slot_shift;
    uint32_t slot_count; /* in use or vacant; above them nothing was used yet */
    uint32_t vacant_count;
    uint32_t arena_count; /* ever */
    struct pab_mirror_slot slots[PAB_MIRROR_ARENAS_MAX];
    uint32_t vacant[PAB_MIRROR_ARENAS_MAX]; /* stack */
};

/* Fills a zeroed mirror for at most so many arenas at a time, fewer if there are no addresses for
 * more. All mirrors of a process have the same size of arenas. */
bool pab_mirror_open(struct pab_mirror *mirror, size_t arena_bytes, size_t arenas_max);

/* The image of a new arena, zeroed; NULL: no memory or addresses for it. */
void *pab_mirror_add(struct pab_mirror *mirror, uintptr_t real);
/* Forgets the arena with this image, and its contents. */
void pab_mirror_remove(struct pab_mirror *mirror, void *image);

/* The slot that an image's address lies in; NULL: in none of this mirror. */
const struct pab_mirror_slot *pab_mirror_slot_of(const struct pab_mirror *mirror,
                                                 const void *image);

/* One arena-sized piece of the address space. */
struct pab_mirror_piece {
    uint32_t ending;                     /* its first so many bytes are the end of an arena ... */
    uint32_t begun;                      /* ... and its last so many the beginning of one */
    uintptr_t ending_shift, begun_shift; /* image minus real */
};

enum {
    PAB_MIRROR_ADDRESS_BITS = 48,
    PAB_MIRROR_LEAF_BITS = 14,
    PAB_MIRROR_SHIFT_MIN = 18, /* arenas of 256 KiB */
    PAB_MIRROR_ROOTS = 1 << (PAB_MIRROR_ADDRESS_BITS - PAB_MIRROR_LEAF_BITS - PAB_MIRROR_SHIFT_MIN),
};

extern struct pab_mirror_map {
    unsigned shift;
    struct pab_mirror_piece *leaves[PAB_MIRROR_ROOTS];
} pab_mirror_map;

/* The image of a real address of any mirror; NULL: it lies in no arena. */
static inline void *pab_mirror_image(const void *real)
{
    uintptr_t address = (uintptr_t)real;
    uintptr_t number = address >> pab_mirror_map.shift;
    uintptr_t root = number >> PAB_MIRROR_LEAF_BITS;
    if (root >= PAB_MIRROR_ROOTS || pab_mirror_map.leaves[root] == NULL) {
        return NULL;
    }
    const struct pab_mirror_piece *piece =
        &pab_mirror_map.leaves[root][number & ((1u << PAB_MIRROR_LEAF_BITS) - 1)];
    uintptr_t size = (uintptr_t)1 << pab_mirror_map.shift;
    uintptr_t offset = address & (size - 1);
    if (size - offset <= piece->begun) {
        return (void *)(address + piece->begun_shift);
    }
    return offset < piece->ending ? (void *)(address + piece->ending_shift) : NULL;
}

#endif
