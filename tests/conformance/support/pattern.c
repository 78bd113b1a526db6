#include "tests/conformance/support/pattern.h"

#include <string.h>

unsigned char pab_pattern_byte(uint64_t key, size_t offset)
{
    uint64_t word = pab_pattern_word(key, offset / 8);
    unsigned char bytes[8];
    memcpy(bytes, &word, sizeof(bytes));
    return bytes[offset % 8];
}

/* Bytes before the first whole word, whole words, bytes after the last. */
void pab_pattern_fill(void *block, size_t from, size_t to, uint64_t key)
{
    unsigned char *bytes = block;
    for (; from < to && from % 8 != 0; from++) {
        bytes[from] = pab_pattern_byte(key, from);
    }
    size_t index = from / 8;
    for (; from + 8 <= to; from += 8, index++) {
        uint64_t word = pab_pattern_word(key, index);
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

/* The words of [from, to), both multiples of 8; whether all are right. No early way out: that
 * lets the compiler take several at once. */
static bool words_hold(const unsigned char *bytes, size_t from, size_t to, uint64_t key)
{
    uint64_t wrong = 0;
    size_t index = from / 8;
    for (; from < to; from += 8, index++) {
        uint64_t word;
        memcpy(&word, bytes + from, 8);
        wrong |= word ^ pab_pattern_word(key, index);
    }
    return wrong == 0;
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
