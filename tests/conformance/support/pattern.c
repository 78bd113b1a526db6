#include "tests/conformance/support/pattern.h"

#include <string.h>

unsigned char pab_pattern_byte(uint64_t key, size_t offset)
{
    uint64_t word = pab_pattern_word(key, offset / 8);
    unsigned char bytes[8];
    memcpy(bytes, &word, sizeof(bytes));
    return bytes[offset % 8];
}

/* Four pairs of words at a time: as vectors of the width that every CPU of the two architectures
 * has, so that a word costs an addition and no multiplication. */
typedef uint64_t pair __attribute__((vector_size(16)));

struct pairs {
    pair a, b, c, d;
};

#define PAIRS_BYTES (sizeof(struct pairs))

static inline pair pair_from(uint64_t key, size_t index)
{
    return (pair){pab_pattern_word(key, index), pab_pattern_word(key, index + 1)};
}

static inline struct pairs pairs_from(uint64_t key, size_t index)
{
    return (struct pairs){pair_from(key, index), pair_from(key, index + 2),
                          pair_from(key, index + 4), pair_from(key, index + 6)};
}

static inline void pairs_advance(struct pairs *words)
{
    const uint64_t step = pab_pattern_word(0, PAIRS_BYTES / 8);
    words->a += step;
    words->b += step;
    words->c += step;
    words->d += step;
}

/* Bytes before the first whole word, whole words, bytes after the last. */
void pab_pattern_fill(void *block, size_t from, size_t to, uint64_t key)
{
    unsigned char *bytes = block;
    for (; from < to && from % 8 != 0; from++) {
        bytes[from] = pab_pattern_byte(key, from);
    }
    if (to - from >= PAIRS_BYTES && from < to) {
        struct pairs words = pairs_from(key, from / 8);
        for (; to - from >= PAIRS_BYTES; from += PAIRS_BYTES) {
            memcpy(bytes + from, &words, PAIRS_BYTES);
            pairs_advance(&words);
        }
    }
    for (; from < to && to - from >= 8; from += 8) {
        uint64_t word = pab_pattern_word(key, from / 8);
        memcpy(bytes + from, &word, 8);
    }
    for (; from < to; from++) {
        bytes[from] = pab_pattern_byte(key, from);
    }
}

static bool byte_holds(const unsigned char *bytes, size_t offset, uint64_t key, size_t *bad)
{
    bool holds = bytes[offset] == pab_pattern_byte(key, offset);
    if (!holds && bad != NULL) {
        *bad = offset;
    }
    return holds;
}

/* The words of [from, to), both multiples of 8; whether all are right. No early way out: a
 * difference is rare, and whoever hears of it looks for the byte. */
static bool words_hold(const unsigned char *bytes, size_t from, size_t to, uint64_t key)
{
    pair wrong = {0, 0};
    if (to - from >= PAIRS_BYTES) {
        struct pairs words = pairs_from(key, from / 8);
        for (; to - from >= PAIRS_BYTES; from += PAIRS_BYTES) {
            struct pairs found;
            memcpy(&found, bytes + from, PAIRS_BYTES);
            wrong |= (found.a ^ words.a) | (found.b ^ words.b);
            wrong |= (found.c ^ words.c) | (found.d ^ words.d);
            pairs_advance(&words);
        }
    }
    uint64_t rest = wrong[0] | wrong[1];
    for (; from < to; from += 8) {
        uint64_t word;
        memcpy(&word, bytes + from, 8);
        rest |= word ^ pab_pattern_word(key, from / 8);
    }
    return rest == 0;
}

bool pab_pattern_holds(const void *block, size_t from, size_t to, uint64_t key, size_t *bad)
{
    const unsigned char *bytes = block;
    for (; from < to && from % 8 != 0; from++) {
        if (!byte_holds(bytes, from, key, bad)) {
            return false;
        }
    }
    if (from + 8 <= to) {
        size_t end = to - to % 8;
        if (words_hold(bytes, from, end, key)) {
            from = end;
        }
    }
    for (; from < to; from++) {
        if (!byte_holds(bytes, from, key, bad)) {
            return false;
        }
    }
    return true;
}

bool pab_pattern_is_zero(const void *block, size_t from, size_t to, size_t *bad)
{
    const unsigned char *bytes = block;
    size_t at = from;
    for (; at < to && at % 8 != 0 && bytes[at] == 0; at++) {
    }
    uint64_t found = 0;
    for (; at % 8 == 0 && at + 8 <= to && found == 0; at += 8) {
        memcpy(&found, bytes + at, 8);
    }
    at = found != 0 ? at - 8 : at;
    for (; at < to; at++) {
        if (bytes[at] != 0) {
            if (bad != NULL) {
                *bad = at;
            }
            return false;
        }
    }
    return true;
}
