#include "tests/conformance/model/shadow.h"

#include "allocators/os_pages.h"

#include <pthread.h>
#include <string.h>

#define PAGES_BYTES  ((size_t)1 << 30) /* addresses alone; leaves for 60 GiB of blocks */
#define PAGES_LEAST  ((size_t)1 << 26)
#define LEAF_GRAINS  (SHADOW_LEAF_BYTES / 8)
#define ADDRESS_BITS 48

static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

bool pab_model_shadow_open(struct model_shadow *shadow, bool is_shared)
{
    memset(shadow, 0, sizeof(*shadow));
    size_t granted = PAGES_BYTES;
    shadow->pages = pab_pages_reserve(&granted, PAGES_LEAST);
    if (shadow->pages == NULL || !pab_pages_commit(shadow->pages, granted)) {
        return false;
    }
    shadow->pages_bytes = granted;
    shadow->is_shared = is_shared;
    return true;
}

void pab_model_shadow_close(struct model_shadow *shadow)
{
    pab_pages_release(shadow->pages, shadow->pages_bytes);
    memset(shadow, 0, sizeof(*shadow));
}

/* Zeroed pages for *place, unless another thread has brought them meanwhile. No call to the kernel:
 * those may be failing on purpose right now. */
static void *grow(struct model_shadow *shadow, void **place, size_t bytes)
{
    pthread_mutex_lock(&growing);
    void *found = *place;
    if (found == NULL) {
        PAB_CHECK(bytes <= shadow->pages_bytes - shadow->pages_used);
        found = shadow->pages + shadow->pages_used;
        shadow->pages_used += bytes;
        __atomic_store_n(place, found, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&growing);
    return found;
}

static inline struct model_leaf *leaf_of(struct model_shadow *shadow, uintptr_t address)
{
    PAB_CHECK(address >> ADDRESS_BITS == 0);
    void **place = (void **)&shadow->branches[address >> 34];
    struct model_branch *branch = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (branch == NULL) {
        branch = grow(shadow, place, sizeof(*branch));
    }
    place = (void **)&branch->leaves[(address >> 20) % SHADOW_FAN_OUT];
    struct model_leaf *leaf = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    return leaf != NULL ? leaf : grow(shadow, place, sizeof(*leaf));
}

static inline uint64_t set_bits(const struct model_shadow *shadow, uint64_t *word, uint64_t mask)
{
    if (shadow->is_shared) {
        return __atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask;
    }
    uint64_t before = *word & mask;
    *word |= mask;
    return before;
}

static inline void clear_bits(const struct model_shadow *shadow, uint64_t *word, uint64_t mask)
{
    if (shadow->is_shared) {
        __atomic_fetch_and(word, ~mask, __ATOMIC_RELAXED);
    } else {
        *word &= ~mask;
    }
}

/* Bits [from, to) of a word; to <= 64, from < to. */
static inline uint64_t mask_of(size_t from, size_t to)
{
    return (~UINT64_C(0) << from) & (~UINT64_C(0) >> (64 - to));
}

/* Sets or clears the bits of [at, at + bytes), a leaf and a word at a time; which were set. */
static inline uint64_t mark(struct model_shadow *shadow, const void *at, size_t bytes, bool taking)
{
    uintptr_t grain = (uintptr_t)at / 8;
    uintptr_t end = ((uintptr_t)at + (bytes == 0 ? 1 : bytes) + 7) / 8;
    uint64_t met = 0;
    while (grain < end) {
        struct model_leaf *leaf = leaf_of(shadow, grain * 8);
        size_t first = grain % LEAF_GRAINS;
        size_t last = end - grain < LEAF_GRAINS - first ? first + (end - grain) : LEAF_GRAINS;
        grain += last - first;
        while (first < last) {
            size_t bit = first % 64;
            size_t stop = last - first < 64 - bit ? bit + (last - first) : 64;
            uint64_t mask = mask_of(bit, stop);
            if (taking) {
                met |= set_bits(shadow, &leaf->words[first / 64], mask);
            } else {
                clear_bits(shadow, &leaf->words[first / 64], mask);
            }
            first += stop - bit;
        }
    }
    return met;
}

bool pab_model_shadow_take(struct model_shadow *shadow, const void *at, size_t bytes)
{
    return mark(shadow, at, bytes, true) == 0;
}

void pab_model_shadow_give(struct model_shadow *shadow, const void *at, size_t bytes)
{
    mark(shadow, at, bytes, false);
}
