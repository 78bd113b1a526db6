#include "allocators/decorate/counting.h"

#include "allocators/os_pages.h"

/* The side table: open addressing, linear probing, no tombstones (Knuth, TAOCP 6.4, algorithm R:
 * a removal moves later members of the same run back into the gap). */
struct pab_counting_entry {
    uintptr_t block; /* 0: free slot */
    uint64_t tag;    /* requested size << 2 | domain */
};

#define TABLE_SIZE_FIRST ((size_t)1 << 16)
#define TAG_DOMAIN_BITS  2
static_assert(PAB_DOMAIN_COUNT <= 1 << TAG_DOMAIN_BITS, "a tag has two bits for the domain");

static size_t home_slot(const struct pab_counting *counting, uintptr_t block)
{
    uint64_t mixed = (uint64_t)block * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 20) & (counting->table_size - 1);
}

/* The slot of `block`, or the free one where it would go. */
static struct pab_counting_entry *find_entry(const struct pab_counting *counting, uintptr_t block)
{
    size_t slot = home_slot(counting, block);
    while (counting->table[slot].block != block && counting->table[slot].block != 0) {
        slot = (slot + 1) & (counting->table_size - 1);
    }
    return &counting->table[slot];
}

static struct pab_counting_entry *table_new(size_t size)
{
    return (struct pab_counting_entry *)pab_pages_map(size * sizeof(struct pab_counting_entry));
}

static bool table_grow(struct pab_counting *counting)
{
    struct pab_counting_entry *old = counting->table;
    size_t old_size = counting->table_size;
    struct pab_counting_entry *grown = table_new(2 * old_size);
    if (grown == NULL) {
        return false;
    }
    counting->table = grown;
    counting->table_size = 2 * old_size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].block != 0) {
            *find_entry(counting, old[i].block) = old[i];
        }
    }
    pab_pages_release(old, old_size * sizeof(*old));
    return true;
}

/* One more block can be counted. Asked before the heap is: what cannot be counted is not taken. */
static bool table_has_room(struct pab_counting *counting)
{
    if ((counting->counts.live_blocks + 1) * 3 <= counting->table_size * 2 ||
        table_grow(counting)) {
        return true;
    }
    if (counting->on_full != NULL) {
        counting->on_full();
    }
    return false;
}

static void table_remove(struct pab_counting *counting, struct pab_counting_entry *entry)
{
    size_t mask = counting->table_size - 1;
    size_t gap = (size_t)(entry - counting->table);
    for (size_t slot = (gap + 1) & mask; counting->table[slot].block != 0;
         slot = (slot + 1) & mask) {
        size_t home = home_slot(counting, counting->table[slot].block);
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            counting->table[gap] = counting->table[slot];
            gap = slot;
        }
    }
    counting->table[gap].block = 0;
}

/* --- accounting --------------------------------------------------------------------------- */

static void count_request(struct pab_counting_layer *layer, enum pab_call call, size_t size,
                          const void *ptr)
{
    struct pab_counts *counts = &layer->owner->counts;
    counts->calls[layer->domain][call]++;
    counts->calls_total++;
    counts->hash = pab_request_hash(counts->hash, layer->domain, call, size, ptr != NULL);
}

static void count_block(struct pab_counting_layer *layer, const void *ptr, size_t size)
{
    struct pab_counting *counting = layer->owner;
    struct pab_counts *counts = &counting->counts;
    struct pab_counting_entry *entry = find_entry(counting, (uintptr_t)ptr);
    PAB_CHECK(entry->block == 0); /* else the heap gave a live block out again */
    entry->block = (uintptr_t)ptr;
    entry->tag = ((uint64_t)size << TAG_DOMAIN_BITS) | (uint64_t)layer->domain;
    counts->sizes.blocks[layer->domain][pab_size_class(size)]++;
    counts->live_blocks++;
    if (counts->live_blocks > counts->peak_blocks) {
        counts->peak_blocks = counts->live_blocks;
    }
    counts->domain_live_bytes[layer->domain] += size;
    counts->live_bytes += size;
    if (counts->live_bytes > counts->peak_bytes) {
        counts->peak_bytes = counts->live_bytes;
        counts->peak_calls = counts->calls_total;
    }
}

static void uncount_block(struct pab_counting_layer *layer, const void *ptr)
{
    struct pab_counting *counting = layer->owner;
    struct pab_counting_entry *entry = find_entry(counting, (uintptr_t)ptr);
    PAB_CHECK(entry->block != 0); /* else it was never taken, or freed before */
    PAB_CHECK((entry->tag & ((1u << TAG_DOMAIN_BITS) - 1)) == (uint64_t)layer->domain);
    uint64_t size = entry->tag >> TAG_DOMAIN_BITS;
    counting->counts.live_blocks--;
    counting->counts.live_bytes -= size;
    counting->counts.domain_live_bytes[layer->domain] -= size;
    table_remove(counting, entry);
}

/* Ends a call that takes memory. `replaced`: the block that the new one stands for, or NULL. */
static void *finish_request(struct pab_counting_layer *layer, const void *replaced, void *block,
                            size_t size)
{
    struct pab_counting *counting = layer->owner;
    if (block == NULL) {
        counting->counts.failed++;
    } else {
        if (replaced != NULL) {
            uncount_block(layer, replaced);
        }
        count_block(layer, block, size);
    }
    pab_ticker_advance(&counting->ticker, counting->counts.calls_total,
                       counting->counts.live_bytes);
    return block;
}

/* --- the tables --------------------------------------------------------------------------- */

static void *counting_malloc(void *ctx, size_t size)
{
    struct pab_counting_layer *layer = (struct pab_counting_layer *)ctx;
    count_request(layer, PAB_CALL_MALLOC, size, NULL);
    bool has_room = table_has_room(layer->owner);
    void *block = has_room ? layer->inner.malloc(layer->inner.ctx, size) : NULL;
    return finish_request(layer, NULL, block, size);
}

static void *counting_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_counting_layer *layer = (struct pab_counting_layer *)ctx;
    count_request(layer, PAB_CALL_CALLOC, count * size, NULL);
    bool has_room = table_has_room(layer->owner);
    void *block = has_room ? layer->inner.calloc(layer->inner.ctx, count, size) : NULL;
    return finish_request(layer, NULL, block, count * size);
}

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_counting_layer *layer = (struct pab_counting_layer *)ctx;
    count_request(layer, PAB_CALL_REALLOC, size, ptr);
    bool has_room = ptr != NULL || table_has_room(layer->owner);
    void *block = has_room ? layer->inner.realloc(layer->inner.ctx, ptr, size) : NULL;
    return finish_request(layer, ptr, block, size);
}

static void counting_free(void *ctx, void *ptr)
{
    struct pab_counting_layer *layer = (struct pab_counting_layer *)ctx;
    struct pab_counting *counting = layer->owner;
    count_request(layer, PAB_CALL_FREE, 0, ptr);
    if (ptr != NULL) {
        uncount_block(layer, ptr);
    }
    layer->inner.free(layer->inner.ctx, ptr);
    pab_ticker_advance(&counting->ticker, counting->counts.calls_total,
                       counting->counts.live_bytes);
}

static size_t counting_usable_size(void *ctx, const void *ptr)
{
    const struct pab_counting_layer *layer = (const struct pab_counting_layer *)ctx;
    return layer->inner.usable_size(layer->inner.ctx, ptr);
}

enum pab_status pab_counting_attach(struct pab_counting *counting, struct pab_heap *heap,
                                    struct pab_error *err)
{
    *counting = (struct pab_counting){
        .counts.hash = PAB_REQUEST_HASH_INIT,
        .heap = heap,
        .table = table_new(TABLE_SIZE_FIRST),
        .table_size = TABLE_SIZE_FIRST,
    };
    if (counting->table == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for the table that counts live blocks");
    }
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_counting_layer *layer = &counting->layers[i];
        *layer = (struct pab_counting_layer){heap->domain[i], counting, (enum pab_domain)i};
        heap->domain[i] = (struct pab_alloc){
            .ctx = layer,
            .malloc = counting_malloc,
            .calloc = counting_calloc,
            .realloc = counting_realloc,
            .free = counting_free,
            .usable_size = layer->inner.usable_size == NULL ? NULL : counting_usable_size,
        };
    }
    return PAB_OK;
}

void pab_counting_detach(struct pab_counting *counting)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(counting->heap->domain[i].ctx == &counting->layers[i]); /* else another is on top */
        counting->heap->domain[i] = counting->layers[i].inner;
    }
    pab_pages_release(counting->table, counting->table_size * sizeof(*counting->table));
    counting->table = NULL;
}

void pab_counting_set_tick(struct pab_counting *counting, uint64_t calls, pab_tick tick, void *arg)
{
    pab_ticker_set(&counting->ticker, counting->counts.calls_total, calls, tick, arg);
}

void pab_counting_on_full(struct pab_counting *counting, void (*on_full)(void))
{
    counting->on_full = on_full;
}

size_t pab_counting_requested(const struct pab_counting *counting, const void *ptr)
{
    const struct pab_counting_entry *entry = find_entry(counting, (uintptr_t)ptr);
    PAB_CHECK(ptr != NULL && entry->block != 0);
    return (size_t)(entry->tag >> TAG_DOMAIN_BITS);
}
