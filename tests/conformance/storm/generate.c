/* Random calls with the shapes that bring an allocator into its corners: bursts that fill a class,
 * drains in every order, churn in ranges of every size, and sizes that crowd around borders. */
#include "tests/conformance/storm/internal.h"

#include <string.h>

/* --- sizes ---------------------------------------------------------------------------------- */

enum size_kind { SIZE_TYPICAL, SIZE_ANY, SIZE_BORDER, SIZE_THRESHOLD, SIZE_ZERO, SIZE_RAW };

#define RAW_LEAST 513u
#define RAW_MOST  (STORM_SIZE_MOST - 3) /* a resize adds up to 3 */

/* Shares of 256, in the order of enum size_kind. */
static const uint8_t size_shares[PAB_STORM_MIX_COUNT][6] = {
    [PAB_STORM_MIXED] = {148, 72, 20, 6, 3, 7},
    [PAB_STORM_DRAINS] = {100, 150, 4, 0, 0, 2},
    [PAB_STORM_BORDERS] = {0, 24, 144, 64, 8, 16},
};

static uint16_t draw_size(const struct storm_generator *generator, uint32_t random)
{
    uint32_t value = random >> 8 & 0xFFFu;
    switch ((enum size_kind)generator->size_kinds[random & 0xFFu]) {
    case SIZE_TYPICAL:
        return (uint16_t)(16 + (value * 112 >> 12));
    case SIZE_ANY:
        return (uint16_t)(1 + (value * 512 >> 12));
    case SIZE_BORDER: /* of 8 bytes, so of every class of any profile */
        return (uint16_t)(8 * (1 + (value >> 2) % 64) + (value & 3u) - 1);
    case SIZE_THRESHOLD:
        return (uint16_t)(505 + (value & 15u));
    case SIZE_ZERO:
        return 0;
    case SIZE_RAW:
        return (uint16_t)(RAW_LEAST + (value * (RAW_MOST - RAW_LEAST) >> 12));
    }
    return 1;
}

/* A block of `held` bytes grows a little, shrinks to about the three quarters of its class where
 * realloc begins to move it, or gets any size. */
static uint16_t draw_new_size(const struct storm_generator *generator, uint16_t held,
                              uint32_t random)
{
    unsigned class_bytes = (held + 15u) & ~15u;
    unsigned nudge = random >> 20 & 3u;
    switch (random >> 22 & 3u) {
    case 0:
        return (uint16_t)(class_bytes < 16 ? nudge : class_bytes * 3 / 4 + nudge - 1);
    case 1:
        return (uint16_t)(class_bytes > RAW_MOST ? RAW_LEAST : class_bytes + nudge);
    default:
        return draw_size(generator, random);
    }
}

/* --- calls ---------------------------------------------------------------------------------- */

static void put(struct storm_generator *generator, enum storm_call call, uint32_t slot,
                uint16_t size)
{
    assert(generator->count < STORM_BATCH && slot < STORM_SLOTS);
    generator->held[slot] = call == STORM_FREE ? STORM_EMPTY : size;
    generator->ops[generator->count++] = (struct storm_op){slot, size, (uint8_t)call, 0};
}

static void put_take(struct storm_generator *generator, uint32_t slot, uint16_t size, bool zeroed)
{
    put(generator, zeroed ? STORM_CALLOC : STORM_MALLOC, slot, size);
}

/* --- phases --------------------------------------------------------------------------------- */

enum phase_kind { PHASE_CHURN, PHASE_FILL, PHASE_DRAIN, PHASE_RESIZE, PHASE_COUNT };

/* One random number decides a step: 17 bits the slot, 8 whether anything is done, 3 what, the top
 * 24 the size. */
static void step_churn(struct storm_generator *generator)
{
    const struct storm_phase *phase = &generator->phase;
    uint64_t random = pab_rng_next(&generator->rng);
    uint32_t slot = phase->first + ((uint32_t)random & phase->mask);
    uint8_t chance = (uint8_t)(random >> 20);
    unsigned what = random >> 28 & 7u;
    uint16_t held = generator->held[slot];
    if (held == STORM_EMPTY) {
        if (chance <= phase->take_share) {
            put_take(generator, slot, draw_size(generator, (uint32_t)(random >> 40)), what == 0);
        }
    } else if (chance <= phase->give_share) {
        if (what < 2) {
            put(generator, STORM_REALLOC, slot,
                draw_new_size(generator, held, (uint32_t)(random >> 40)));
        } else {
            put(generator, STORM_FREE, slot, 0);
        }
    }
}

static void step_fill(struct storm_generator *generator)
{
    const struct storm_phase *phase = &generator->phase;
    uint32_t slot = phase->first + (phase->done & phase->mask);
    if (generator->held[slot] == STORM_EMPTY) {
        uint64_t random = pab_rng_next(&generator->rng);
        uint16_t size = phase->size != STORM_EMPTY ? phase->size
                                                   : draw_size(generator, (uint32_t)(random >> 40));
        put_take(generator, slot, size, (random & 15u) == 0);
    }
}

static void step_drain(struct storm_generator *generator)
{
    const struct storm_phase *phase = &generator->phase;
    uint32_t slot = phase->first + (phase->done * phase->stride & phase->mask);
    if (slot % phase->every == 0 && generator->held[slot] != STORM_EMPTY) {
        put(generator, STORM_FREE, slot, 0);
    }
}

static void step_resize(struct storm_generator *generator)
{
    const struct storm_phase *phase = &generator->phase;
    uint32_t slot = phase->first + (phase->done & phase->mask);
    uint16_t held = generator->held[slot];
    if (held != STORM_EMPTY) {
        uint64_t random = pab_rng_next(&generator->rng);
        put(generator, STORM_REALLOC, slot,
            draw_new_size(generator, held, (uint32_t)(random >> 40)));
    }
}

static void (*const steps[PHASE_COUNT])(struct storm_generator *generator) = {
    [PHASE_CHURN] = step_churn,
    [PHASE_FILL] = step_fill,
    [PHASE_DRAIN] = step_drain,
    [PHASE_RESIZE] = step_resize,
};

/* Shares of 256, in the order of enum phase_kind. */
static const uint8_t phase_shares[PAB_STORM_MIX_COUNT][PHASE_COUNT] = {
    [PAB_STORM_MIXED] = {124, 56, 52, 24},
    [PAB_STORM_DRAINS] = {24, 112, 116, 4},
    [PAB_STORM_BORDERS] = {96, 40, 24, 96},
};

static unsigned draw_kind(struct storm_generator *generator)
{
    uint32_t drawn = pab_rng_below(&generator->rng, 256);
    unsigned kind = 0;
    while (drawn >= phase_shares[generator->mix][kind]) {
        drawn -= phase_shares[generator->mix][kind++];
    }
    return kind;
}

/* Upwards, downwards, or scattered; all slots of the range, or every few. */
static void plan_drain(struct storm_generator *generator)
{
    struct storm_phase *phase = &generator->phase;
    static const uint32_t everies[] = {1, 1, 1, 1, 2, 3, 7, 13};
    uint32_t order = pab_rng_below(&generator->rng, 4);
    if (order == 1) {
        phase->stride = UINT32_MAX; /* -1: first in, last out */
        phase->done = 1;
        phase->total++;
    } else if (order > 1) {
        phase->stride = 0x9E3779B1u; /* odd, so it visits each slot once */
    }
    phase->every = everies[pab_rng_below(&generator->rng, ARRAY_COUNT(everies))];
}

/* Mostly ranges of 64 to some thousand slots, where blocks come back soon; now and then a large
 * part or all of them, which leaves arenas of every fullness behind. */
static uint32_t draw_range_bits(struct storm_generator *generator)
{
    uint32_t drawn = pab_rng_below(&generator->rng, 32);
    return drawn < 2 ? STORM_SLOT_BITS - drawn : 6 + pab_rng_below(&generator->rng, 8);
}

/* Of two shares that are all, a phase acts on every slot it draws; else it grows or shrinks. */
static uint8_t draw_share(struct storm_generator *generator)
{
    uint32_t drawn = pab_rng_below(&generator->rng, 256);
    return (uint8_t)(drawn % 3 == 0 ? 64 + drawn / 2 : 255);
}

static void start_phase(struct storm_generator *generator)
{
    struct storm_phase *phase = &generator->phase;
    uint32_t count = 1u << draw_range_bits(generator);
    *phase = (struct storm_phase){
        .kind = draw_kind(generator),
        .mask = count - 1,
        .first = pab_rng_below(&generator->rng, STORM_SLOTS / count) * count,
        .total = count,
        .stride = 1,
        .every = 1,
        .size = STORM_EMPTY,
    };
    switch ((enum phase_kind)phase->kind) {
    case PHASE_CHURN:
        phase->total = 512 + pab_rng_below(&generator->rng, 32768);
        phase->give_share = draw_share(generator);
        phase->take_share = draw_share(generator);
        break;
    case PHASE_FILL:
        if (pab_rng_below(&generator->rng, 4) != 0) {
            phase->size = draw_size(generator, (uint32_t)(pab_rng_next(&generator->rng) >> 40));
        }
        break;
    case PHASE_DRAIN:
        plan_drain(generator);
        break;
    default:
        break;
    }
}

void pab_storm_generator_init(struct storm_generator *generator, enum pab_storm_mix mix,
                              uint64_t seed)
{
    memset(generator, 0, sizeof(*generator));
    memset(generator->held, 0xFF, sizeof(generator->held));
    generator->mix = mix;
    pab_rng_seed(&generator->rng, seed);
    unsigned filled = 0;
    for (unsigned kind = 0; kind < ARRAY_COUNT(size_shares[mix]); kind++) {
        memset(generator->size_kinds + filled, (int)kind, size_shares[mix][kind]);
        filled += size_shares[mix][kind];
    }
    PAB_CHECK(filled == ARRAY_COUNT(generator->size_kinds));
}

void pab_storm_generate(struct storm_generator *generator)
{
    struct storm_phase *phase = &generator->phase;
    generator->count = 0;
    while (generator->count < STORM_BATCH) {
        if (phase->done == phase->total) {
            start_phase(generator);
        }
        void (*step)(struct storm_generator *) = steps[phase->kind];
        while (phase->done < phase->total && generator->count < STORM_BATCH) {
            step(generator);
            phase->done++;
        }
    }
}
