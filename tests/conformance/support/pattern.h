/* tests/conformance/support/pattern.h -- what blocks are filled with. Depends on libc.
 *
 * Each byte depends on the block's owner, on its version and on its offset, so that two blocks
 * swapped, a shifted copy, a stale copy and an overlap all show, and a word at a time costs little.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_PATTERN_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The key of a block's content: never the same for two (owner, version) in practice. */
static inline uint64_t pab_pattern_key(uint64_t owner, uint64_t version)
{
    uint64_t mixed = (owner * 0x9e3779b97f4a7c15u) ^ (version * 0xd1b54a32d192ed03u);
    mixed ^= mixed >> 32;
    mixed *= 0xbf58476d1ce4e5b9u;
    return mixed ^ (mixed >> 29);
}

/* Bytes 8 * index and following, in memory order. */
static inline uint64_t pab_pattern_word(uint64_t key, size_t index)
{
    return key + (uint64_t)index * 0x9fb21c651e98df25u;
}

/* Fills [from, to) of a block, offsets from its start. */
void pab_pattern_fill(void *block, size_t from, size_t to, uint64_t key);

/* Whether [from, to) still holds; the first offset that does not in *bad (may be NULL). */
bool pab_pattern_holds(const void *block, size_t from, size_t to, uint64_t key, size_t *bad);

/* The byte that belongs at `offset`. */
unsigned char pab_pattern_byte(uint64_t key, size_t offset);

/* Whether [from, to) of a block is zero; the first offset that is not in *bad (may be NULL). */
bool pab_pattern_is_zero(const void *block, size_t from, size_t to, size_t *bad);

#endif
