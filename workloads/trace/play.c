#include "workloads/trace/play.h"

#include "workloads/pyobj/pyobj.h"
#include "workloads/support/rng.h"

#include <limits.h>
#include <string.h>

#define STRIDE     4096u
#define WORD       sizeof(uint64_t)
#define LOOK_AHEAD 8 /* words: some 100 ns, as long as memory takes to answer */

/* --- touching ------------------------------------------------------------------------------- */

static inline uint64_t own_word(uint32_t slot)
{
    return (slot + (uint64_t)1) * 0x9e3779b97f4a7c15u;
}

/* Of all bytes but those of the own word. */
static inline unsigned char own_byte(uint32_t slot)
{
    return (unsigned char)(slot * 37u + 11u);
}

static inline uint64_t load(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, WORD);
    return word;
}

static inline void store(unsigned char *at, uint64_t word)
{
    memcpy(at, &word, WORD);
}

/* Blocks of PAB_TINY_MAX + 1 bytes to PAB_SMALL_MAX. */
static inline void fill_small(unsigned char *block, uint32_t slot, size_t size)
{
    memset(block, own_byte(slot), size);
    store(block, own_word(slot));
}

static void fill_tiny(unsigned char *block, uint32_t slot, size_t size)
{
    memset(block, own_byte(slot), size);
    if (size >= WORD) {
        store(block, own_word(slot));
    }
}

/* What a page's worth further on is written to, from the first such place at `from` or later. */
static void fill_strides(unsigned char *block, uint32_t slot, size_t from, size_t size)
{
    size_t first = (from + STRIDE - 1) / STRIDE * STRIDE;
    for (size_t at = first; at + WORD <= size; at += STRIDE) {
        store(block + at, own_word(slot) ^ at);
    }
}

static void fill_large(unsigned char *block, uint32_t slot, size_t size)
{
    store(block, own_word(slot));
    store(block + WORD, own_word(slot));
    fill_strides(block, slot, STRIDE, size);
}

/* What a realloc gained; where nothing was, the own word as well. */
static void fill_gain(unsigned char *block, uint32_t slot, size_t old, size_t size)
{
    size_t wholly = size < PAB_SMALL_MAX ? size : PAB_SMALL_MAX;
    if (old < WORD) {
        fill_tiny(block, slot, wholly);
    } else if (old < wholly) {
        memset(block + old, own_byte(slot), wholly - old);
    } else if (size > WORD && size <= PAB_SMALL_MAX && old > PAB_SMALL_MAX) {
        memset(block + WORD, own_byte(slot), size - WORD); /* its middle was never written */
    }
    if (size > PAB_SMALL_MAX) {
        fill_strides(block, slot, old < STRIDE ? STRIDE : old - (WORD - 1), size);
    }
}

static uint64_t read_tiny(const unsigned char *block, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, block, size < WORD ? size : WORD);
    return word;
}

/* The bytes of a tiny block behind its word. */
static uint64_t read_tail(const unsigned char *block, size_t size)
{
    return size <= WORD ? 0 : load(block + size - WORD) >> 8 * (2 * WORD - size);
}

/* How those differ from the own byte. */
static uint64_t lost_tail(const unsigned char *block, uint32_t slot, size_t size)
{
    uint64_t own = own_byte(slot) * (UINT64_MAX / UCHAR_MAX);
    return size <= WORD ? 0 : read_tail(block, size) ^ own >> 8 * (2 * WORD - size);
}

static size_t last_stride(size_t size)
{
    return (size - WORD) / STRIDE * STRIDE;
}

/* How the last word that was written to a large block differs from what it was. */
static uint64_t lost_stride(const unsigned char *block, uint32_t slot, size_t size)
{
    size_t last = last_stride(size);
    return load(block + last) ^ own_word(slot) ^ last;
}

/* Of what a realloc had to keep: the own word, and the last that was written. */
static uint64_t read_kept(const unsigned char *block, uint32_t slot, size_t old, size_t size)
{
    size_t kept = old < size ? old : size;
    if (kept <= PAB_TINY_MAX) {
        return read_tiny(block, kept) + (old <= PAB_SMALL_MAX ? lost_tail(block, slot, kept) : 0);
    }
    size_t last = old <= PAB_SMALL_MAX ? kept - WORD : last_stride(kept);
    return pab_checksum_add(load(block), load(block + last));
}

/* --- calls ---------------------------------------------------------------------------------- */

static inline void *have(void *block)
{
    if (__builtin_expect(block == NULL, 0)) {
        pab_py_out_of_memory();
    }
    return block;
}

static inline void *take(const struct pab_alloc *table, size_t size)
{
    return have(table->malloc(table->ctx, size));
}

static inline void *take_zeroed(const struct pab_alloc *table, size_t size)
{
    return have(table->calloc(table->ctx, 1, size));
}

static void *resize(const struct pab_alloc *table, struct pab_play *play, uint32_t slot,
                    const uint64_t sizes[2])
{
    size_t old = (size_t)sizes[0];
    size_t size = (size_t)sizes[1];
    unsigned char *block = have(table->realloc(table->ctx, play->blocks[slot], size));
    play->sum = pab_checksum_add(play->sum, read_kept(block, slot, old, size));
    fill_gain(block, slot, old, size);
    return block;
}

/* The less frequent kinds. */
static const uint64_t *play_rare(struct pab_play *play, uint64_t word, const uint64_t *at)
{
    const struct pab_alloc *table = &play->tables[pab_word_domain(word)];
    uint32_t slot = pab_word_slot(word);
    size_t size = pab_word_size(word);
    unsigned char *block = play->blocks[slot];
    switch ((enum pab_word_kind)pab_word_kind(word)) {
    case PAB_WORD_MALLOC_TINY:
        block = take(table, size);
        fill_tiny(block, slot, size);
        break;
    case PAB_WORD_CALLOC_TINY:
        block = take_zeroed(table, size);
        play->sum += read_tiny(block, size) | read_tail(block, size);
        fill_tiny(block, slot, size);
        break;
    case PAB_WORD_FREE_TINY:
        play->sum =
            pab_checksum_add(play->sum, read_tiny(block, size) + lost_tail(block, slot, size));
        table->free(table->ctx, block);
        break;
    case PAB_WORD_MALLOC_LARGE:
        block = take(table, (size_t)*at);
        fill_large(block, slot, (size_t)*at++);
        break;
    case PAB_WORD_CALLOC_LARGE:
        block = take_zeroed(table, (size_t)*at);
        play->sum += load(block) | load(block + last_stride((size_t)*at));
        fill_large(block, slot, (size_t)*at++);
        break;
    case PAB_WORD_FREE_LARGE:
        play->sum =
            pab_checksum_add(play->sum, load(block) + lost_stride(block, slot, (size_t)*at++));
        table->free(table->ctx, block);
        break;
    case PAB_WORD_REALLOC:
        block = resize(table, play, slot, at);
        at += 2;
        break;
    default:
        PAB_CHECK(false); /* words.c makes no other */
    }
    play->blocks[slot] = block;
    return at;
}

/* What a program gives back it has just used: its block's first line is in the cache, here as there.
 * `ahead` may be anything; a block that is not there yet costs nothing. */
static inline void look_ahead(const struct pab_play *play, const uint64_t *at)
{
    __builtin_prefetch(play->blocks[pab_word_slot(at[LOOK_AHEAD]) & play->mask]);
    __builtin_prefetch(&play->blocks[pab_word_slot(at[PAB_PLAY_AHEAD - 1]) & play->mask], 1);
}

const uint64_t *pab_play(struct pab_play *play, const uint64_t *at, const uint64_t *end)
{
    uint64_t sum = play->sum;
    while (at < end) {
        look_ahead(play, at);
        uint64_t word = *at++;
        const struct pab_alloc *table = &play->tables[pab_word_domain(word)];
        uint32_t slot = pab_word_slot(word);
        size_t size = pab_word_size(word);
        unsigned char *block = NULL;
        switch ((enum pab_word_kind)pab_word_kind(word)) {
        case PAB_WORD_MALLOC:
            block = take(table, size);
            fill_small(block, slot, size);
            play->blocks[slot] = block;
            break;
        case PAB_WORD_CALLOC:
            block = take_zeroed(table, size);
            sum += load(block) | load(block + size - WORD);
            fill_small(block, slot, size);
            play->blocks[slot] = block;
            break;
        case PAB_WORD_FREE:
            block = play->blocks[slot];
            sum = pab_checksum_add(sum, load(block) ^ load(block + size - WORD));
            table->free(table->ctx, block);
            break;
        case PAB_WORD_THREAD:
            play->thread = slot;
            play->sum = sum;
            return at;
        default:
            play->sum = sum;
            at = play_rare(play, word, at);
            sum = play->sum;
            break;
        }
    }
    play->sum = sum;
    return at;
}
