/* workloads/support/profile.c -- draws blocks, and lets them die in their turn.
 *
 * Time is the number of blocks made so far. What happens to a block next, a realloc or its free,
 * waits in a chain for the moment when so many were made; a slot is in one chain at a time. Several
 * happenings of one moment come youngest chain member first: a table of lives does not know more.
 */
#include "workloads/support/profile.h"

#include "allocators/os_pages.h"
#include "workloads/support/rng.h"
#include "workloads/support/scatter.h"
#include "workloads/trace/play.h"

#include <string.h>

/* --- the tables ----------------------------------------------------------------------------- */

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const uint32_t[]){__VA_ARGS__},                                                           \
            sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)                             \
    }
#define BLOCKS(domain, how, blocks, sizes, lives)                                                  \
    {                                                                                              \
        PAB_DOMAIN_##domain, PAB_PROFILE_##how, blocks, sizes, lives                               \
    }
#define RESIZED(domain, blocks, parts)                                                             \
    {                                                                                              \
        PAB_DOMAIN_##domain, PAB_PROFILE_RESIZED, blocks, parts,                                   \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }
#define PROFILE(name, rows, blocks, digest)                                                        \
    {                                                                                              \
        name, rows, ARRAY_COUNT(rows), blocks, digest                                              \
    }
#include "workloads/support/profiles.inc"

/* --- how long blocks live ------------------------------------------------------------------- */

/* Sums over the blocks of a profile. */
struct lives {
    uint64_t within, beyond; /* what of them is up to PAB_PROFILE_SHORT_LIFE, and the rest */
    uint32_t longest;
};

static void add_lives(struct lives *lives, uint32_t life, uint64_t blocks)
{
    uint32_t within = life < PAB_PROFILE_SHORT_LIFE ? life : PAB_PROFILE_SHORT_LIFE;
    lives->within += within * blocks;
    lives->beyond += (life - within) * blocks;
    lives->longest = life > lives->longest ? life : lives->longest;
}

static void add_resized(struct lives *lives, const struct pab_profile_row *row)
{
    uint32_t parts = row->sizes.count / PAB_RESIZED_FIELDS;
    for (uint32_t i = 0; i < parts; i++) {
        uint64_t first = (uint64_t)row->blocks * i / parts;
        uint64_t end = (uint64_t)row->blocks * (i + 1) / parts;
        add_lives(lives, row->sizes.at[i * PAB_RESIZED_FIELDS + PAB_RESIZED_LIFE], end - first);
    }
}

static struct lives lives_of(const struct pab_profile *profile)
{
    struct lives lives = {0};
    for (size_t i = 0; i < profile->row_count; i++) {
        const struct pab_profile_row *row = &profile->rows[i];
        for (uint32_t k = 0; k < row->lives.count; k += 2) {
            add_lives(&lives, row->lives.at[k], row->lives.at[k + 1]);
        }
        if (row->how == PAB_PROFILE_RESIZED) {
            add_resized(&lives, row);
        }
    }
    return lives;
}

#define PARTS_OF_ONE 256u /* of a block: what is alive on average is no whole number */

/* One block is made in each unit of time, so as many are alive as one lives on average (Little). */
struct pab_profile_stretch pab_profile_stretch(const struct pab_profile_wish *wish)
{
    uint64_t within = 0;
    uint64_t beyond = 0;
    for (size_t i = 0; i < wish->profile_count; i++) {
        struct lives lives = lives_of(&wish->profiles[i]);
        within += lives.within * PARTS_OF_ONE / wish->profiles[i].blocks;
        beyond += lives.beyond * PARTS_OF_ONE / wish->profiles[i].blocks;
    }
    uint64_t wished = (uint64_t)wish->live * PARTS_OF_ONE * wish->profile_count;
    PAB_CHECK(wished > within && beyond > 0);
    return (struct pab_profile_stretch){.factor = ((wished - within) << 16) / beyond};
}

/* --- one draw ------------------------------------------------------------------------------- */

struct block {
    uint64_t born, busy, life; /* the last two as stretched */
    uint64_t size;
    uint32_t first, peak, last; /* sizes */
    uint32_t resizes, resized;  /* all, and those that are done */
    uint32_t next;              /* slot in the chain, or of the free ones; 0: none, else slot + 1 */
    uint8_t domain;
    bool is_zeroed, is_alive;
};

struct draw {
    const struct pab_profile_wish *wish;
    struct pab_profile_stretch stretch;
    struct pab_rng rng;
    uint16_t *rows[PAB_PROFILE_COUNT]; /* of each profile: a block's row, block by block */
    uint64_t *words, *at;
    struct block *blocks; /* by slot */
    uint32_t *due;        /* by time: the first slot of a chain, or 0, as in block.next */
    uint32_t free_slots;  /* likewise */
    uint32_t slots;
    uint64_t blocks_made, blocks_all, events;
};

static void fill_rows(const struct pab_profile *profile, uint16_t *out)
{
    for (size_t i = 0; i < profile->row_count; i++) {
        for (uint32_t k = profile->rows[i].blocks; k > 0; k--) {
            *out++ = (uint16_t)i;
        }
    }
}

/* One of [value, blocks...], by the blocks. */
static uint32_t draw_of(struct draw *draw, const struct pab_profile_list *list, uint32_t blocks)
{
    uint32_t left = pab_rng_below(&draw->rng, blocks);
    uint32_t i = 0;
    while (left >= list->at[i + 1]) {
        left -= list->at[i + 1];
        i += 2;
    }
    return list->at[i];
}

static void draw_resized(struct draw *draw, const struct pab_profile_row *row, struct block *block)
{
    uint32_t part = pab_rng_below(&draw->rng, row->sizes.count / PAB_RESIZED_FIELDS);
    const uint32_t *fields = &row->sizes.at[(size_t)part * PAB_RESIZED_FIELDS];
    block->first = fields[PAB_RESIZED_FIRST];
    block->peak = fields[PAB_RESIZED_PEAK];
    block->last = fields[PAB_RESIZED_LAST];
    block->resizes = fields[PAB_RESIZED_TIMES];
    block->busy = pab_profile_life(draw->stretch, fields[PAB_RESIZED_BUSY]);
    block->life = pab_profile_life(draw->stretch, fields[PAB_RESIZED_LIFE]);
}

static void draw_block(struct draw *draw, struct block *block)
{
    size_t which = pab_rng_below(&draw->rng, (uint32_t)draw->wish->profile_count);
    const struct pab_profile *profile = &draw->wish->profiles[which];
    uint32_t member = pab_rng_below(&draw->rng, profile->blocks);
    const struct pab_profile_row *row = &profile->rows[draw->rows[which][member]];
    *block = (struct block){
        .domain = row->domain,
        .is_zeroed = row->how == PAB_PROFILE_CALLOC,
        .is_alive = true,
        .born = draw->blocks_made,
    };
    if (row->how == PAB_PROFILE_RESIZED) {
        draw_resized(draw, row, block);
    } else {
        block->first = draw_of(draw, &row->sizes, row->blocks);
        block->life = pab_profile_life(draw->stretch, draw_of(draw, &row->lives, row->blocks));
    }
    block->size = block->first;
}

/* --- events --------------------------------------------------------------------------------- */

static uint32_t take_slot(struct draw *draw)
{
    if (draw->free_slots == 0) {
        return draw->slots++;
    }
    uint32_t slot = draw->free_slots - 1;
    draw->free_slots = draw->blocks[slot].next;
    return slot;
}

static void free_block(struct draw *draw, uint32_t slot)
{
    struct block *block = &draw->blocks[slot];
    draw->at = pab_word_put_block(draw->at, PAB_WORD_FREE, block->domain, slot, block->size);
    draw->events++;
    block->is_alive = false;
    block->next = draw->free_slots;
    draw->free_slots = slot + 1;
}

/* In even steps up to the largest size; where that is not the last one, that comes at the end. */
static uint32_t size_after(const struct block *block, uint32_t resizes)
{
    uint32_t rises = block->resizes - (block->peak > block->last && block->resizes > 1);
    return resizes == block->resizes
               ? block->last
               : block->first +
                     (uint32_t)((uint64_t)(block->peak - block->first) * resizes / rises);
}

static void resize_block(struct draw *draw, uint32_t slot)
{
    struct block *block = &draw->blocks[slot];
    uint64_t size = size_after(block, ++block->resized);
    draw->at = pab_word_put_resize(draw->at, block->domain, slot, block->size, size);
    draw->events++;
    block->size = size;
}

/* How many blocks are made when the next thing happens to this one. */
static uint64_t next_time(const struct block *block)
{
    uint64_t age = block->resized < block->resizes
                       ? block->busy * (block->resized + 1) / block->resizes
                       : block->life;
    return block->born + 1 + age;
}

/* What comes after the last block is for the drain. */
static void await(struct draw *draw, uint32_t slot)
{
    uint64_t time = next_time(&draw->blocks[slot]);
    if (time < draw->blocks_all) {
        draw->blocks[slot].next = draw->due[time];
        draw->due[time] = slot + 1;
    }
}

/* All that is due now; false when the block is gone. */
static bool advance(struct draw *draw, uint32_t slot)
{
    struct block *block = &draw->blocks[slot];
    while (next_time(block) == draw->blocks_made) {
        if (block->resized == block->resizes) {
            free_block(draw, slot);
            return false;
        }
        resize_block(draw, slot);
    }
    return true;
}

static void make_block(struct draw *draw)
{
    uint32_t next = draw->due[draw->blocks_made];
    while (next != 0) {
        uint32_t slot = next - 1;
        next = draw->blocks[slot].next;
        if (advance(draw, slot)) {
            await(draw, slot);
        }
    }
    uint32_t slot = take_slot(draw);
    struct block *block = &draw->blocks[slot];
    draw_block(draw, block);
    draw->at = pab_word_put_block(draw->at, block->is_zeroed ? PAB_WORD_CALLOC : PAB_WORD_MALLOC,
                                  block->domain, slot, block->size);
    draw->events++;
    draw->blocks_made++;
    await(draw, slot);
}

static void drain(struct draw *draw)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, draw->slots, draw->wish->seed);
    uint32_t slot = 0;
    for (uint32_t left = draw->slots / 4 * 3; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &slot));
        if (draw->blocks[slot].is_alive) {
            free_block(draw, slot);
        }
    }
    for (slot = 0; slot < draw->slots; slot++) {
        if (draw->blocks[slot].is_alive) {
            free_block(draw, slot);
        }
    }
}

/* --- all of them ---------------------------------------------------------------------------- */

#define WORDS_OF_BLOCK 4u /* at most, on average over all; two are usual */

/* What is needed until the words are known lies in mappings of its own. */
static bool map_all(struct draw *draw)
{
    bool is_mapped = true;
    for (size_t i = 0; i < draw->wish->profile_count; i++) {
        draw->rows[i] = pab_pages_map(draw->wish->profiles[i].blocks * sizeof(*draw->rows[i]));
        is_mapped = is_mapped && draw->rows[i] != NULL;
    }
    size_t blocks = (size_t)draw->blocks_all;
    draw->words = pab_pages_map(blocks * WORDS_OF_BLOCK * sizeof(*draw->words));
    draw->blocks = pab_pages_map(blocks * sizeof(*draw->blocks));
    draw->due = pab_pages_map(blocks * sizeof(*draw->due));
    return is_mapped && draw->words != NULL && draw->blocks != NULL && draw->due != NULL;
}

static void unmap(void *start, size_t bytes)
{
    if (start != NULL) {
        pab_pages_release(start, bytes);
    }
}

static void unmap_all(struct draw *draw)
{
    size_t blocks = (size_t)draw->blocks_all;
    for (size_t i = 0; i < draw->wish->profile_count; i++) {
        unmap(draw->rows[i], draw->wish->profiles[i].blocks * sizeof(*draw->rows[i]));
    }
    unmap(draw->words, blocks * WORDS_OF_BLOCK * sizeof(*draw->words));
    unmap(draw->blocks, blocks * sizeof(*draw->blocks));
    unmap(draw->due, blocks * sizeof(*draw->due));
}

static void make_blocks(struct draw *draw, uint64_t until)
{
    while (draw->blocks_made < until) {
        make_block(draw);
        PAB_CHECK((uint64_t)(draw->at - draw->words) < draw->blocks_all * WORDS_OF_BLOCK);
    }
}

static void draw_all(struct draw *draw, struct pab_inputs *inputs, struct pab_profile_requests *out)
{
    for (size_t i = 0; i < draw->wish->profile_count; i++) {
        fill_rows(&draw->wish->profiles[i], draw->rows[i]);
    }
    draw->at = draw->words;
    make_blocks(draw, out->build_blocks);
    out->steady_at = (size_t)(draw->at - draw->words);
    make_blocks(draw, draw->blocks_all);
    out->drain_at = (size_t)(draw->at - draw->words);
    drain(draw);
    out->count = (size_t)(draw->at - draw->words);
    uint64_t *kept = pab_inputs_take(inputs, (out->count + PAB_PLAY_AHEAD) * sizeof(*kept));
    memcpy(kept, draw->words, out->count * sizeof(*kept));
    out->words = kept;
    out->slots = draw->slots;
    out->events = draw->events;
}

static uint64_t longest_life(const struct draw *draw)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < draw->wish->profile_count; i++) {
        struct lives lives = lives_of(&draw->wish->profiles[i]);
        longest = lives.longest > longest ? lives.longest : longest;
    }
    return pab_profile_life(draw->stretch, longest);
}

enum pab_status pab_profile_draw(const struct pab_profile_wish *wish, struct pab_inputs *inputs,
                                 struct pab_profile_requests *out, struct pab_error *err)
{
    PAB_CHECK(wish->profile_count >= 1 && wish->profile_count <= PAB_PROFILE_COUNT);
    struct draw draw = {.wish = wish, .stretch = pab_profile_stretch(wish)};
    *out = (struct pab_profile_requests){.build_blocks = (uint32_t)longest_life(&draw) + 1};
    draw.blocks_all = (uint64_t)out->build_blocks + wish->steps;
    pab_rng_seed(&draw.rng, wish->seed);
    enum pab_status status = PAB_OK;
    if (map_all(&draw)) {
        draw_all(&draw, inputs, out);
    } else {
        status = pab_fail(err, PAB_NO_MEMORY,
                          "the system grants no memory to draw %llu blocks; give profiles fewer "
                          "(-p profiles.live=N, -p profiles.steps=N)",
                          (unsigned long long)draw.blocks_all);
    }
    unmap_all(&draw);
    return status;
}
