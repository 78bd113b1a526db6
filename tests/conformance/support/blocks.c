#include "tests/conformance/support/blocks.h"

#include <inttypes.h>
#include <string.h>

void pab_blocks_init(struct pab_blocks *blocks, struct pab_check_run *run,
                     const struct pab_subject *subject)
{
    memset(blocks, 0, sizeof(*blocks));
    blocks->run = run;
    blocks->subject = subject;
}

void pab_block_adopt(struct pab_blocks *blocks, struct pab_block *block, void *at, size_t asked)
{
    block->at = at;
    block->asked = asked;
    block->usable = pab_subject_usable(blocks->subject, at, asked);
    if (block->usable < asked) { /* USZ-02 says so */
        block->usable = asked;
    }
    block->call = ++blocks->calls;
    block->key = pab_pattern_key(block->call, blocks->run->seed);
    block->home = blocks->subject;
    pab_pattern_fill(at, 0, block->usable, block->key);
}

bool pab_block_take(struct pab_blocks *blocks, struct pab_block *block, size_t size)
{
    void *at = pab_subject_malloc(blocks->subject, size);
    if (at == NULL) {
        return pab_wrong(blocks->run, "malloc(%zu) gave NULL", size);
    }
    pab_block_adopt(blocks, block, at, size);
    return true;
}

bool pab_block_take_zeroed(struct pab_blocks *blocks, struct pab_block *block, size_t count,
                           size_t size)
{
    size_t bad = 0;
    void *at = pab_subject_calloc(blocks->subject, count, size);
    if (at == NULL) {
        return pab_wrong(blocks->run, "calloc(%zu, %zu) gave NULL", count, size);
    }
    if (!pab_pattern_is_zero(at, 0, count * size, &bad)) {
        return pab_wrong(blocks->run, "byte %zu of calloc(%zu, %zu) is not zero (seed %" PRIu64 ")",
                         bad, count, size, blocks->run->seed);
    }
    pab_block_adopt(blocks, block, at, count * size);
    return true;
}

/* The live block beside or over `address`, other than `but`: the one whose nearest byte is least
 * far away. */
static const struct pab_block *nearest(const struct pab_blocks *blocks, uintptr_t address,
                                       const struct pab_block *but)
{
    const struct pab_block *best = NULL;
    uintptr_t least = UINTPTR_MAX;
    for (size_t i = 0; i < blocks->count; i++) {
        const struct pab_block *other = &blocks->table[i];
        uintptr_t start = (uintptr_t)other->at;
        uintptr_t end = start + other->usable;
        uintptr_t away = address < start ? start - address : address >= end ? address - end + 1 : 0;
        if (other->at != NULL && other != but && away < least) {
            best = other;
            least = away;
        }
    }
    return best;
}

static void explain(struct pab_blocks *blocks, const struct pab_block *block, size_t bad)
{
    const unsigned char *byte = block->at + bad;
    const struct pab_block *other = nearest(blocks, (uintptr_t)byte, block);
    pab_detail(blocks->run,
               "the block: [%p, +%zu), %zu asked for, made or resized by call %" PRIu64,
               (void *)block->at, block->usable, block->asked, block->call);
    pab_detail(blocks->run, "found at byte %zu: %02x, written: %02x", bad, *byte,
               pab_pattern_byte(block->key, bad));
    if (other != NULL) {
        ptrdiff_t away = other->at - byte;
        bool covers = away <= 0 && away + (ptrdiff_t)other->usable > 0;
        pab_detail(blocks->run,
                   "%s live block: [%p, +%zu), %zu asked for, made or resized by call %" PRIu64,
                   covers ? "over that byte lies a" : "nearest", (void *)other->at, other->usable,
                   other->asked, other->call);
    }
    pab_detail(blocks->run, "calls made before it was seen: %" PRIu64, blocks->calls);
}

bool pab_block_holds(struct pab_blocks *blocks, const struct pab_block *block, size_t from,
                     size_t to, const char *when)
{
    size_t bad = 0;
    if (pab_pattern_holds(block->at, from, to, block->key, &bad)) {
        return true;
    }
    if (blocks->run->reason[0] == '\0') {
        pab_wrong(
            blocks->run,
            "byte %zu of a block of %zu bytes (%zu usable) was changed by another block or by "
            "the allocator: 0x%02x, not 0x%02x; seen %s, after %" PRIu64
            " calls with seed %" PRIu64,
            bad, block->asked, block->usable, block->at[bad], pab_pattern_byte(block->key, bad),
            when, blocks->calls, blocks->run->seed);
        explain(blocks, block, bad);
    }
    return false;
}

bool pab_block_resize(struct pab_blocks *blocks, struct pab_block *block, size_t size)
{
    size_t kept = size < block->asked ? size : block->asked;
    size_t before = block->asked;
    size_t bad = 0;
    void *at = pab_subject_realloc(block->home, block->at, size);
    if (at == NULL) {
        return pab_wrong(blocks->run, "realloc of a block of %zu bytes to %zu gave NULL", before,
                         size);
    }
    block->at = at;
    block->asked = size;
    block->usable = pab_subject_usable(block->home, at, size);
    block->usable = block->usable < size ? size : block->usable;
    block->call = ++blocks->calls;
    if (!pab_pattern_holds(at, 0, kept, block->key, &bad)) {
        return pab_wrong(blocks->run,
                         "byte %zu was lost by realloc from %zu to %zu bytes: 0x%02x, not 0x%02x "
                         "(call %" PRIu64 ", seed %" PRIu64 ")",
                         bad, before, size, block->at[bad], pab_pattern_byte(block->key, bad),
                         blocks->calls, blocks->run->seed);
    }
    pab_pattern_fill(at, kept, block->usable, block->key);
    return true;
}

bool pab_blocks_hold(struct pab_blocks *blocks, const struct pab_block *first, size_t count,
                     const char *when)
{
    for (size_t i = 0; i < count; i++) {
        if (first[i].at != NULL && !pab_block_holds(blocks, &first[i], 0, first[i].usable, when)) {
            return false;
        }
    }
    return true;
}

bool pab_block_drop(struct pab_blocks *blocks, struct pab_block *block, const char *when)
{
    if (!pab_block_holds(blocks, block, 0, block->usable, when)) {
        return false;
    }
    pab_subject_free(block->home, block->at);
    block->at = NULL;
    blocks->calls++;
    return true;
}

bool pab_blocks_drop(struct pab_blocks *blocks, struct pab_block *first, size_t count,
                     const char *when)
{
    for (size_t i = 0; i < count; i++) {
        if (first[i].at != NULL && !pab_block_drop(blocks, &first[i], when)) {
            return false;
        }
    }
    return true;
}
