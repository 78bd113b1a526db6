#include "tests/conformance/exhaustion/script.h"

#include "tests/conformance/support/pattern.h"

#include <inttypes.h>
#include <string.h>

#define WHOLE_BYTES ((size_t)16 << 10) /* up to here a block is written from end to end */
#define END_BYTES   ((size_t)4 << 10)
#define PIECE_BYTES ((size_t)64)
#define PIECES      16 /* between the ends */

/* Which offsets of a block are written: part number `index` of them, false when there is none. */
static bool part_of(size_t size, size_t index, size_t *from, size_t *to)
{
    if (size <= WHOLE_BYTES) {
        *from = 0;
        *to = size;
        return index == 0;
    }
    *from = index == PIECES ? size - END_BYTES : index * (size / PIECES);
    *to = *from + (index == 0 || index == PIECES ? END_BYTES : PIECE_BYTES);
    return index <= PIECES; /* parts may overlap: a byte belongs to its offset */
}

static bool wrong(struct pab_script *script, const struct pab_script_block *block, size_t offset,
                  const char *what)
{
    if (script->wrong[0] == '\0') {
        snprintf(script->wrong, sizeof(script->wrong),
                 "byte %zu of a block of %zu bytes %s (step %" PRIu64 ")", offset, block->asked,
                 what, script->steps);
    }
    return false;
}

static void write_block(struct pab_script *script, struct pab_script_block *block)
{
    size_t from;
    size_t to;
    block->usable = pab_subject_usable(script->subject, block->at, block->asked);
    block->key = pab_pattern_key(++script->owners, 1);
    for (size_t i = 0; part_of(block->usable, i, &from, &to); i++) {
        pab_pattern_fill(block->at, from, to, block->key);
    }
}

/* Whether what was written below `kept` is still there. */
static bool read_block(struct pab_script *script, const struct pab_script_block *block, size_t kept,
                       const char *when)
{
    size_t from;
    size_t to;
    size_t bad;
    for (size_t i = 0; part_of(block->usable, i, &from, &to); i++) {
        to = to < kept ? to : kept;
        if (from < to && !pab_pattern_holds(block->at, from, to, block->key, &bad)) {
            return wrong(script, block, bad, when);
        }
    }
    return true;
}

static bool is_zero(struct pab_script *script, const struct pab_script_block *block)
{
    size_t from;
    size_t to;
    size_t bad;
    for (size_t i = 0; part_of(block->asked, i, &from, &to); i++) {
        if (!pab_pattern_is_zero(block->at, from, to, &bad)) {
            return wrong(script, block, bad, "from calloc is not zero");
        }
    }
    return true;
}

/* --- one block ------------------------------------------------------------------------------- */

/* Half by malloc, the rest by calloc and, where C has it, posix_memalign. */
static void *take_somehow(struct pab_script *script, size_t size, bool *is_zeroed)
{
    const struct pab_subject *subject = script->subject;
    uint32_t how = pab_rng_below(&script->rng, 8);
    *is_zeroed = false;
    script->requests++;
    if (how == 0 && subject->is_c && subject->posix_memalign != NULL) {
        void *block = NULL;
        size_t align = (size_t)16 << pab_rng_below(&script->rng, 10);
        return subject->posix_memalign(&block, align, size) == 0 ? block : NULL;
    }
    if (how <= 3) {
        *is_zeroed = true;
        return pab_subject_calloc(subject, 1, size);
    }
    return pab_subject_malloc(subject, size);
}

/* block->at is what a request for `size` bytes gave. */
static bool note_taken(struct pab_script *script, struct pab_script_block *block, size_t size)
{
    block->asked = size;
    if (block->at == NULL) {
        script->nulls++;
    } else {
        write_block(script, block);
    }
    return true;
}

static bool take(struct pab_script *script, struct pab_script_block *block, size_t size)
{
    bool is_zeroed;
    block->at = take_somehow(script, size, &is_zeroed);
    block->asked = size;
    bool holds = block->at == NULL || !is_zeroed || is_zero(script, block);
    return note_taken(script, block, size) && holds;
}

static bool give(struct pab_script *script, struct pab_script_block *block)
{
    if (block->at == NULL) {
        return true;
    }
    bool holds = read_block(script, block, block->usable, "changed while it lived");
    script->requests++;
    pab_subject_free(script->subject, block->at);
    block->at = NULL;
    return holds;
}

static bool resize(struct pab_script *script, struct pab_script_block *block, size_t size)
{
    if (!read_block(script, block, block->usable, "changed while it lived")) {
        return false;
    }
    script->requests++;
    unsigned char *moved = pab_subject_realloc(script->subject, block->at, size);
    if (moved == NULL) {
        script->nulls++;
        return read_block(script, block, block->usable, "changed by a realloc that was refused");
    }
    size_t kept = size < block->asked ? size : block->asked;
    block->at = moved;
    bool holds = read_block(script, block, kept, "was lost by realloc");
    block->asked = size;
    write_block(script, block);
    return holds;
}

/* --- the script ------------------------------------------------------------------------------ */

/* Mostly sizes of objects, then of buffers, few of large arrays. */
static size_t draw_size(struct pab_script *script)
{
    static const uint32_t most[32] = {1u << 20, 128u << 10, 128u << 10, 8u << 10,
                                      8u << 10, 8u << 10,   8u << 10,   8u << 10};
    uint32_t limit = most[pab_rng_below(&script->rng, ARRAY_COUNT(most))];
    return 1 + (size_t)pab_rng_below(&script->rng, limit == 0 ? 512 : limit);
}

static bool fill_group(struct pab_script *script, struct pab_script_block *group)
{
    size_t size = 16 * (17 + (size_t)pab_rng_below(&script->rng, 16));
    for (size_t i = 0; i < PAB_SCRIPT_GROUP; i++) {
        if (!take(script, &group[i], size)) {
            return false;
        }
    }
    return true;
}

static bool free_group(struct pab_script *script, struct pab_script_block *group)
{
    bool downwards = pab_rng_below(&script->rng, 2) == 0;
    for (size_t i = 0; i < PAB_SCRIPT_GROUP; i++) {
        if (!give(script, &group[downwards ? PAB_SCRIPT_GROUP - 1 - i : i])) {
            return false;
        }
    }
    return true;
}

/* What a refused call left incomplete is freed as if it were whole. */
static bool is_empty(const struct pab_script_block *group)
{
    for (size_t i = 0; i < PAB_SCRIPT_GROUP; i++) {
        if (group[i].at != NULL) {
            return false;
        }
    }
    return true;
}

/* Huge blocks only come and go: to copy them or to clear them would cost more than the rest. Debug
 * hooks write every byte, so theirs are smaller. */
static bool step_huge(struct pab_script *script)
{
    struct pab_script_block *block = &script->huge[pab_rng_below(&script->rng, PAB_SCRIPT_HUGE)];
    size_t unit = script->subject->heap->hooks == NULL ? (size_t)1 << 20 : (size_t)1 << 14;
    size_t size = (64 + pab_rng_below(&script->rng, 128)) * unit;
    if (block->at != NULL) {
        return give(script, block);
    }
    script->requests++;
    block->at = pab_subject_malloc(script->subject, size);
    return note_taken(script, block, size);
}

static bool step(struct pab_script *script)
{
    uint32_t what = pab_rng_below(&script->rng, 128);
    if (what == 0) {
        return step_huge(script);
    }
    if (what < 4) {
        struct pab_script_block *group =
            script->groups[pab_rng_below(&script->rng, PAB_SCRIPT_GROUPS)];
        return is_empty(group) ? fill_group(script, group) : free_group(script, group);
    }
    struct pab_script_block *block = &script->slots[pab_rng_below(&script->rng, PAB_SCRIPT_SLOTS)];
    size_t size = draw_size(script);
    if (block->at == NULL) {
        return take(script, block, size);
    }
    return what < 48 ? resize(script, block, size) : give(script, block);
}

void pab_script_init(struct pab_script *script, const struct pab_subject *subject, uint64_t seed)
{
    memset(script, 0, sizeof(*script));
    script->subject = subject;
    pab_rng_seed(&script->rng, seed);
}

bool pab_script_run(struct pab_script *script, uint64_t steps)
{
    struct pab_heap *heap = script->subject->heap;
    for (uint64_t i = 0; i < steps; i++) {
        script->steps++;
        if (!step(script)) {
            return false;
        }
        if (i == steps / 2 && heap->backend->purge != NULL) {
            heap->backend->purge(heap);
        }
    }
    return true;
}

static bool read_all(struct pab_script *script, const struct pab_script_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].at != NULL &&
            !read_block(script, &blocks[i], blocks[i].usable, "changed while it lived")) {
            return false;
        }
    }
    return true;
}

bool pab_script_sweep(struct pab_script *script)
{
    bool holds = read_all(script, script->slots, PAB_SCRIPT_SLOTS) &&
                 read_all(script, script->huge, PAB_SCRIPT_HUGE);
    for (size_t i = 0; holds && i < PAB_SCRIPT_GROUPS; i++) {
        holds = read_all(script, script->groups[i], PAB_SCRIPT_GROUP);
    }
    return holds;
}

bool pab_script_drain(struct pab_script *script)
{
    bool holds = true;
    for (size_t i = 0; holds && i < PAB_SCRIPT_SLOTS; i++) {
        holds = give(script, &script->slots[i]);
    }
    for (size_t i = 0; holds && i < PAB_SCRIPT_HUGE; i++) {
        holds = give(script, &script->huge[i]);
    }
    for (size_t i = 0; holds && i < PAB_SCRIPT_GROUPS; i++) {
        holds = free_group(script, script->groups[i]);
    }
    return holds;
}
