#include "harness/recorder/addresses.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256u
#define LEAF_PLACES    (PAB_ADDRESSES_REGION / PAB_ADDRESSES_GRAIN)
#define PAGE_PLACES    4096u
#define SLOT_BITS      30
#define SLOT_LAST      (((uint32_t)1 << SLOT_BITS) - 2)

/* Each is shared by as many copies as `owners` says. */
struct pab_addresses_leaf {
    uint32_t owners;
    uint32_t slots[LEAF_PLACES]; /* 1 + slot, domain above it; 0: no block begins there */
};

struct pab_addresses_page {
    uint32_t owners;
    uint64_t sizes[PAGE_PLACES];
};

bool pab_addresses_init(struct pab_addresses *names)
{
    *names = (struct pab_addresses){.capacity = FIRST_CAPACITY};
    names->places = calloc(names->capacity, sizeof(*names->places));
    return names->places != NULL;
}

/* --- from addresses to slots ------------------------------------------------------------------ */

static struct pab_addresses_place *find_place(const struct pab_addresses *names, uint64_t address)
{
    uint64_t key = address / PAB_ADDRESSES_REGION + 1;
    size_t mask = names->capacity - 1;
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (names->places[at].key != key && names->places[at].key != 0) {
        at = (at + 1) & mask;
    }
    return &names->places[at];
}

static bool widen(struct pab_addresses *names)
{
    struct pab_addresses wider = *names;
    wider.capacity = 2 * names->capacity;
    wider.places = calloc(wider.capacity, sizeof(*wider.places));
    if (wider.places == NULL) {
        return false;
    }
    for (size_t i = 0; i < names->capacity; i++) {
        if (names->places[i].key != 0) {
            uint64_t address = (names->places[i].key - 1) * PAB_ADDRESSES_REGION;
            *find_place(&wider, address) = names->places[i];
        }
    }
    free(names->places);
    *names = wider;
    return true;
}

static bool add_leaf(struct pab_addresses *names, uint64_t address)
{
    if (2 * names->used >= names->capacity && !widen(names)) {
        return false;
    }
    struct pab_addresses_leaf *leaf = calloc(1, sizeof(*leaf));
    if (leaf == NULL) {
        return false;
    }
    leaf->owners = 1;
    *find_place(names, address) =
        (struct pab_addresses_place){address / PAB_ADDRESSES_REGION + 1, leaf};
    names->used++;
    return true;
}

static bool own_leaf(struct pab_addresses_place *place)
{
    struct pab_addresses_leaf *own = malloc(sizeof(*own));
    if (own == NULL) {
        return false;
    }
    memcpy(own, place->leaf, sizeof(*own));
    own->owners = 1;
    place->leaf->owners--;
    place->leaf = own;
    return true;
}

/* Where the slot of this address stands, to be changed. NULL: no such array, or no memory. */
static inline uint32_t *slot_at(struct pab_addresses *names, uint64_t address)
{
    struct pab_addresses_place *place = find_place(names, address);
    if (place->leaf == NULL || (place->leaf->owners > 1 && !own_leaf(place))) {
        return NULL;
    }
    return &place->leaf->slots[address % PAB_ADDRESSES_REGION / PAB_ADDRESSES_GRAIN];
}

/* --- from slots to sizes, which only a fork needs --------------------------------------------- */

static bool make_page(struct pab_addresses *names, size_t index)
{
    if (index >= names->page_count) {
        size_t count = 2 * index + 16;
        struct pab_addresses_page **pages =
            realloc((void *)names->pages, count * sizeof(struct pab_addresses_page *));
        if (pages == NULL) {
            return false;
        }
        memset((void *)(pages + names->page_count), 0,
               (count - names->page_count) * sizeof(struct pab_addresses_page *));
        names->pages = pages;
        names->page_count = count;
    }
    struct pab_addresses_page *shared = names->pages[index];
    struct pab_addresses_page *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return false;
    }
    if (shared != NULL) {
        memcpy(own, shared, sizeof(*own));
        shared->owners--;
    }
    own->owners = 1;
    names->pages[index] = own;
    return true;
}

static inline uint64_t *size_at(struct pab_addresses *names, uint32_t slot)
{
    size_t index = slot / PAGE_PLACES;
    bool is_own = index < names->page_count && names->pages[index] != NULL &&
                  names->pages[index]->owners == 1;
    if (!is_own && !make_page(names, index)) {
        return NULL;
    }
    return &names->pages[index]->sizes[slot % PAGE_PLACES];
}

static void read_place(uint32_t place, struct pab_named *out)
{
    out->slot = (place & (((uint32_t)1 << SLOT_BITS) - 1)) - 1;
    out->domain = (uint8_t)(place >> SLOT_BITS);
}

/* --- both ------------------------------------------------------------------------------------- */

bool pab_addresses_add(struct pab_addresses *names, uint64_t address, const struct pab_named *block)
{
    uint32_t *slot = slot_at(names, address);
    if (slot == NULL && find_place(names, address)->key == 0 && add_leaf(names, address)) {
        slot = slot_at(names, address);
    }
    uint64_t *size = size_at(names, block->slot);
    if (slot == NULL || size == NULL || block->slot > SLOT_LAST) {
        return false;
    }
    *slot = (block->slot + 1) | (uint32_t)block->domain << SLOT_BITS;
    *size = block->size;
    names->live++;
    return true;
}

bool pab_addresses_take(struct pab_addresses *names, uint64_t address, struct pab_named *out)
{
    uint32_t *slot = slot_at(names, address);
    if (slot == NULL || *slot == 0) {
        return false;
    }
    read_place(*slot, out);
    *slot = 0;
    names->live--;
    return true;
}

void pab_addresses_expect(const struct pab_addresses *names, uint64_t address)
{
    const struct pab_addresses_leaf *leaf = find_place(names, address)->leaf;
    if (leaf != NULL) {
        __builtin_prefetch(&leaf->slots[address % PAB_ADDRESSES_REGION / PAB_ADDRESSES_GRAIN], 1);
    }
}

uint64_t pab_addresses_size(const struct pab_addresses *names, uint32_t slot)
{
    return names->pages[slot / PAGE_PLACES]->sizes[slot % PAGE_PLACES];
}

bool pab_addresses_copy(const struct pab_addresses *from, struct pab_addresses *to)
{
    *to = *from;
    to->places = malloc(from->capacity * sizeof(*to->places));
    to->pages = malloc((from->page_count + 1) * sizeof(struct pab_addresses_page *));
    if (to->places == NULL || to->pages == NULL) {
        free(to->places);
        free((void *)to->pages);
        *to = (struct pab_addresses){0};
        return false;
    }
    memcpy(to->places, from->places, from->capacity * sizeof(*to->places));
    for (size_t i = 0; i < to->capacity; i++) {
        if (to->places[i].leaf != NULL) {
            to->places[i].leaf->owners++;
        }
    }
    for (size_t i = 0; i < to->page_count; i++) {
        to->pages[i] = from->pages[i];
        if (to->pages[i] != NULL) {
            to->pages[i]->owners++;
        }
    }
    return true;
}

static void drop_leaf(struct pab_addresses_leaf *leaf)
{
    if (leaf != NULL && --leaf->owners == 0) {
        free(leaf);
    }
}

static void drop_pages(struct pab_addresses *names)
{
    for (size_t i = 0; i < names->page_count; i++) {
        if (names->pages[i] != NULL && --names->pages[i]->owners == 0) {
            free(names->pages[i]);
        }
    }
    free((void *)names->pages);
}

void pab_addresses_fini(struct pab_addresses *names)
{
    for (size_t i = 0; i < names->capacity; i++) {
        drop_leaf(names->places[i].leaf);
    }
    drop_pages(names);
    free(names->places);
    *names = (struct pab_addresses){0};
}

/* --- all of them ------------------------------------------------------------------------------ */

static int compare_places(const void *left, const void *right)
{
    uint64_t a = ((const struct pab_addresses_place *)left)->key;
    uint64_t b = ((const struct pab_addresses_place *)right)->key;
    return a < b ? -1 : a > b;
}

/* Of `from` into `to`, under new slots. */
static bool move_leaf(struct pab_addresses *from, const struct pab_addresses_place *place,
                      struct pab_addresses *to, pab_addresses_visit visit, void *arg)
{
    uint64_t address = (place->key - 1) * PAB_ADDRESSES_REGION;
    for (unsigned i = 0; i < LEAF_PLACES; i++, address += PAB_ADDRESSES_GRAIN) {
        if (place->leaf->slots[i] != 0) {
            struct pab_named block;
            read_place(place->leaf->slots[i], &block);
            block.size = pab_addresses_size(from, block.slot);
            if (!visit(arg, &block) || !pab_addresses_add(to, address, &block)) {
                return false;
            }
        }
    }
    return true;
}

bool pab_addresses_renumber(struct pab_addresses *names, pab_addresses_visit visit, void *arg)
{
    struct pab_addresses fresh;
    if (!pab_addresses_init(&fresh)) {
        return false;
    }
    /* Sorted, it is a list and no longer a table. */
    qsort(names->places, names->capacity, sizeof(*names->places), compare_places);
    bool good = true;
    for (size_t i = names->capacity - names->used; good && i < names->capacity; i++) {
        good = move_leaf(names, &names->places[i], &fresh, visit, arg);
    }
    pab_addresses_fini(names);
    *names = fresh;
    return good;
}
