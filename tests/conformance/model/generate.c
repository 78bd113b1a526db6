#include "tests/conformance/model/generate.h"

#include <string.h>

#define DRAIN_CALLS  50000u
#define PHASE_LINES  20000u
#define CHURN_LINES  1500u
#define BURST_LEAST  200u
#define BURST_MOST   2000u
#define BURST_BYTES  (40u << 10) /* more than a slab or a pool of most allocators */
#define BURST_ARENAS (5u << 20)
#define HEAD         MODEL_SLOTS
#define FAIL_LINES   64u
#define PTRDIFF_OVER ((uint64_t)PTRDIFF_MAX + 1)

/* What one draw chooses. Weights are percent of the lines, rounded up to shares; what is
 * left over is MALLOC. */
enum choice {
    CHOOSE_MALLOC,
    CHOOSE_CALLOC,
    CHOOSE_REALLOC,
    CHOOSE_ALIGNED,
    CHOOSE_SPECIAL, /* reallocarray, sized free */
    CHOOSE_FREE,
    CHOOSE_REWRITE,
    CHOOSE_VERIFY,
    CHOOSE_BURST,
    CHOOSE_FAIL,
    CHOOSE_BAD_SIZE,
    CHOOSE_PURGE,
    CHOOSE_FORK,
    CHOOSE_RESPAWN,
    CHOOSE_HAND_OVER,
    CHOICES,
};

static const double weights[PAB_MODEL_PROFILES][CHOICES] = {
    [PAB_MODEL_PY] = {26, 8, 14, 0, 3, 31, 8, 5, 0.05, 1, 1, 0.05, 0.025, 0.025, 2},
    [PAB_MODEL_TINY] = {28, 8, 12, 0, 3, 34, 6, 5, 0.05, 0, 0.3, 0.05, 0, 0.025, 2},
    [PAB_MODEL_EDGES] = {26, 8, 20, 0, 4, 30, 4, 4, 0.05, 0, 0.5, 0.05, 0, 0.025, 2},
    [PAB_MODEL_LARGE] = {26, 10, 20, 0, 3, 32, 3, 3, 0, 0, 0.5, 0.3, 0, 0.025, 2},
    [PAB_MODEL_CHURN] = {34, 8, 8, 0, 2, 42, 2, 2, 0.1, 0, 0.3, 0.1, 0.025, 0.025, 2},
    [PAB_MODEL_ALIGNED] = {12, 4, 14, 20, 4, 30, 4, 5, 0.05, 0, 1, 0.1, 0, 0.025, 2},
    [PAB_MODEL_HOSTILE] = {24, 8, 16, 0, 4, 26, 4, 3, 0.05, 5, 8, 0.3, 0.025, 0.025, 2},
};

bool pab_model_profile_fails(enum pab_model_profile profile)
{
    return weights[profile][CHOOSE_FAIL] > 0;
}

static void spread_choices(struct model_generator *generator)
{
    size_t used = 0;
    bool is_shared = generator->is_free_running;
    memset(generator->choices, CHOOSE_MALLOC, sizeof(generator->choices));
    for (int choice = CHOOSE_CALLOC; choice < CHOICES; choice++) {
        double weight = weights[generator->profile][choice];
        bool is_left_out = (choice == CHOOSE_HAND_OVER && !is_shared) ||
                           (choice == CHOOSE_RESPAWN && (is_shared || generator->threads == 1)) ||
                           ((choice == CHOOSE_FAIL || choice == CHOOSE_FORK) && is_shared);
        size_t share =
            is_left_out || weight <= 0 ? 0 : (size_t)(weight * MODEL_CHOICES / 100 + 0.999);
        for (size_t i = 0; i < share && used < MODEL_CHOICES; i++) {
            generator->choices[used++] = (uint8_t)choice;
        }
    }
}

static void forget_all(struct model_generator *generator)
{
    generator->held_count = 0;
    generator->vacant_count = MODEL_SLOTS;
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        generator->vacant[i] = MODEL_SLOTS - 1 - i;
    }
    generator->older[HEAD] = generator->newer[HEAD] = HEAD;
    generator->near_last = HEAD;
}

void pab_model_generator_init(struct model_generator *generator, const struct pab_model_plan *plan,
                              unsigned stream)
{
    memset(generator, 0, sizeof(*generator));
    generator->profile = plan->profile;
    generator->threads = plan->threads > 0 ? plan->threads : 1;
    generator->is_free_running = plan->free_running;
    generator->next_drain = DRAIN_CALLS;
    pab_rng_seed(&generator->rng, plan->seed + stream * UINT64_C(0x9e3779b97f4a7c15));
    spread_choices(generator);
    forget_all(generator);
}

/* --- its view of the slots ------------------------------------------------------------------ */

static uint32_t take_slot(struct model_generator *generator, uint64_t size)
{
    assert(generator->vacant_count > 0);
    uint32_t slot = generator->vacant[--generator->vacant_count];
    generator->size[slot] = size;
    generator->place[slot] = generator->held_count;
    generator->held[generator->held_count++] = slot;
    uint32_t newest = generator->older[HEAD];
    generator->older[slot] = newest;
    generator->newer[slot] = HEAD;
    generator->newer[newest] = slot;
    generator->older[HEAD] = slot;
    return slot;
}

static void give_slot(struct model_generator *generator, uint32_t slot)
{
    assert(generator->held_count > 0);
    uint32_t last = generator->held[--generator->held_count];
    generator->held[generator->place[slot]] = last;
    generator->place[last] = generator->place[slot];
    uint32_t older = generator->older[slot];
    uint32_t newer = generator->newer[slot];
    generator->newer[older] = newer;
    generator->older[newer] = older;
    generator->near_last = newer != HEAD ? newer : older;
    generator->vacant[generator->vacant_count++] = slot;
}

static uint32_t any_held(const struct model_generator *generator, uint32_t random)
{
    return generator->held[pab_rng_scale(random, generator->held_count)];
}

/* Random 60 %, newest 20 %, oldest 10 %, 10 % beside the one freed last. */
static uint32_t pick_victim(const struct model_generator *generator, uint32_t random)
{
    uint32_t kind = random % 64;
    uint32_t near_last = generator->near_last;
    if (kind < 13) {
        return generator->older[HEAD];
    }
    if (kind < 19) {
        return generator->newer[HEAD];
    }
    bool is_held = near_last < MODEL_SLOTS && generator->place[near_last] < generator->held_count &&
                   generator->held[generator->place[near_last]] == near_last;
    return kind < 25 && is_held ? near_last : any_held(generator, random);
}

/* --- sizes ---------------------------------------------------------------------------------- */

/* Bounds of size classes as allocators have them: multiples of 8 to 1 KiB (16 n, and 16 n + 8
 * where a word lies before the block), then four to each doubling, and pages. */
static uint64_t draw_bound(uint64_t random, unsigned most_log2)
{
    uint64_t bound = 8 * (1 + (random >> 8) % 128);
    if (random % 4 == 0 && most_log2 > 10) {
        unsigned log2 = 10 + (unsigned)((random >> 20) % (most_log2 - 10));
        bound = (UINT64_C(1) << log2) + ((random >> 32) % 4 << (log2 - 2));
    }
    return bound + (random >> 40) % 3 - 1;
}

/* 2^from .. 2^to, small ones far oftener: the uniform share of the logarithm is squared, or raised
 * to the eighth where the largest would cost more than all others together. */
static uint64_t draw_wide(uint64_t random, unsigned from, unsigned to, unsigned squarings)
{
    uint64_t share = random & 0xFFFF;
    for (unsigned i = 0; i < squarings; i++) {
        share = share * share >> 16;
    }
    uint64_t log2_16 = ((uint64_t)(to - from) * share) + ((uint64_t)from << 16);
    uint64_t whole = log2_16 >> 16;
    uint64_t part = log2_16 & 0xFFFF;
    return (UINT64_C(1) << whole) + ((part << whole) >> 16);
}

static uint64_t draw_size_py(uint64_t random)
{
    uint32_t kind = random & 1023;
    random >>= 10;
    if (kind < 717) {
        return random % 513;
    }
    if (kind < 819) {
        return draw_bound(random, 13);
    }
    if (kind < 993) {
        return 500 + random % 3600;
    }
    bool is_huge = kind == 1023 && random % 4 == 0;
    return is_huge ? draw_wide(random >> 2, 16, 26, 3) : draw_wide(random, 12, 16, 1);
}

static uint64_t draw_size(struct model_generator *generator)
{
    uint64_t random = pab_rng_next(&generator->rng);
    switch (generator->profile) {
    case PAB_MODEL_TINY:
        return random % 64 == 0 ? draw_bound(random >> 6, 10) : (random >> 6) % 65;
    case PAB_MODEL_EDGES:
        return draw_bound(random, random % 64 == 4 ? 18 : 13);
    case PAB_MODEL_LARGE:
        return random % 512 == 0 ? draw_wide(random >> 9, 20, 26, 3)
                                 : draw_wide(random >> 9, 12, 20, 2);
    case PAB_MODEL_CHURN:
        return random % 8 == 0 ? draw_bound(random >> 3, 12) : (random >> 3) % 513;
    default:
        return draw_size_py(random);
    }
}

/* What realloc goes to: the same class, a little more or less, any size, or over a threshold. */
static uint64_t draw_resize(struct model_generator *generator, uint64_t old)
{
    static const uint32_t thresholds[] = {256, 512, 1024, 4096, 14336, 32768, 65536, 131072};
    uint64_t random = pab_rng_next(&generator->rng);
    uint32_t kind = (uint32_t)(random % 10);
    random >>= 8;
    if (kind < 3 && old > 0) {
        return ((old - 1) & ~UINT64_C(15)) + 1 + random % 16;
    }
    if (kind < 6) {
        uint64_t delta = 1 + (random >> 1) % 16;
        return (random & 1) == 0 ? old + delta : old - (delta < old ? delta : old);
    }
    if (kind < 7) {
        uint32_t most = generator->profile == PAB_MODEL_TINY ? 2 : ARRAY_COUNT(thresholds);
        return thresholds[(random >> 2) % most] + random % 3 - 1;
    }
    return draw_size(generator);
}

/* --- lines ---------------------------------------------------------------------------------- */

static struct model_op *emit(struct model_generator *generator, enum model_call call, uint32_t slot,
                             uint64_t size)
{
    struct model_op *op = &generator->ops[generator->count++];
    *op = (struct model_op){
        .size = size, .slot = slot, .call = (uint8_t)call, .thread = (uint8_t)generator->thread};
    return op;
}

/* The product first, then how it is split. */
static void emit_split(struct model_generator *generator, enum model_call call, uint32_t slot,
                       uint64_t random)
{
    static const uint16_t counts[] = {1, 1, 1, 2, 3, 8, 16, 100};
    uint64_t product = generator->size[slot];
    uint16_t count = counts[random % ARRAY_COUNT(counts)];
    uint64_t each = product / count;
    generator->size[slot] = each * count;
    emit(generator, call, slot, each)->count = count;
}

static void emit_taking(struct model_generator *generator, enum choice choice, uint64_t random)
{
    uint32_t slot = take_slot(generator, draw_size(generator));
    uint64_t size = generator->size[slot];
    if (choice == CHOOSE_CALLOC) {
        emit_split(generator, MODEL_CALLOC, slot, random);
    } else if (choice == CHOOSE_ALIGNED) {
        enum model_call call = (random & 1) == 0 ? MODEL_ALIGNED : MODEL_POSIX;
        uint64_t rare = (random >> 8) % 1024;
        uint16_t log2 = (uint16_t)(rare == 0   ? 17 + (random >> 20) % 9
                                   : rare < 64 ? 12 + (random >> 20) % 5
                                               : 3 + (random >> 20) % 9);
        emit(generator, call, slot, size)->count = log2;
    } else if (choice == CHOOSE_MALLOC && random % 64 == 0) {
        emit(generator, MODEL_REALLOC, slot, size); /* of no block */
    } else {
        emit(generator, MODEL_MALLOC, slot, size);
    }
}

/* Requests that no allocator can serve: over PTRDIFF_MAX, and products that wrap. */
static void emit_bad_size(struct model_generator *generator, uint64_t random)
{
    unsigned shift = (unsigned)((random >> 8) % 16);
    uint16_t count = (uint16_t)(UINT32_C(1) << shift);
    uint64_t huge = (random & 1) == 0 ? UINT64_MAX - (random >> 40) % 16384
                                      : PTRDIFF_OVER + (random >> 40) % 16384;
    uint64_t wrapping =
        shift == 0 ? huge : (UINT64_C(1) << (64 - shift)) + ((random >> 40) & 0xFFF);
    bool has_block = generator->held_count > 0;
    uint32_t block = has_block ? any_held(generator, (uint32_t)(random >> 32)) : 0;
    uint32_t empty = generator->vacant[generator->vacant_count - 1];
    switch ((random >> 1) % 5) {
    case 0:
        emit(generator, MODEL_REALLOC, block, huge);
        break;
    case 1:
        emit(generator, MODEL_CALLOC, empty, wrapping)->count = count;
        break;
    case 2:
        emit(generator, MODEL_REALLOCARRAY, block, wrapping)->count = count;
        break;
    case 3:
        emit(generator, MODEL_POSIX, empty, huge)->count = (uint16_t)(4 + shift);
        break;
    default:
        emit(generator, MODEL_MALLOC, empty, huge);
    }
}

/* One in 16 fills several arenas, one in 16 slabs of 64 KiB. */
static void emit_burst(struct model_generator *generator, uint64_t random)
{
    uint64_t size = generator->profile == PAB_MODEL_TINY ? random % 65 : random % 513;
    uint32_t kind = (random >> 40) % 16;
    if (kind == 0) {
        size = 256 + size / 2;
    } else if (random % 8 == 7) {
        size = 512 + (random >> 8) % 3584;
    }
    uint32_t blocks = 2 * BURST_BYTES / ((uint32_t)size + 16);
    blocks = blocks < BURST_LEAST ? BURST_LEAST : blocks > BURST_MOST ? BURST_MOST : blocks;
    if (kind == 0) {
        blocks = BURST_ARENAS / (uint32_t)size;
    } else if (kind == 1 && size < 64) {
        blocks *= 5;
    }
    emit(generator, MODEL_BURST, blocks, size)->count = (random >> 32) % MODEL_ORDERS;
}

static void emit_resize(struct model_generator *generator, enum choice choice, uint64_t random)
{
    uint32_t slot = any_held(generator, (uint32_t)(random >> 32));
    uint64_t size = draw_resize(generator, generator->size[slot]);
    generator->size[slot] = size;
    if (choice == CHOOSE_SPECIAL) {
        emit_split(generator, MODEL_REALLOCARRAY, slot, random >> 8);
    } else {
        emit(generator, MODEL_REALLOC, slot, size);
    }
}

static void emit_freeing(struct model_generator *generator, enum choice choice, uint64_t random)
{
    uint32_t slot = pick_victim(generator, (uint32_t)(random >> 32));
    give_slot(generator, slot);
    emit(generator, choice == CHOOSE_SPECIAL ? MODEL_FREE_SIZED : MODEL_FREE, slot, 0);
}

static void emit_hand_over(struct model_generator *generator, uint64_t random)
{
    if ((random & 4096) == 0 && generator->vacant_count > 1) {
        emit(generator, MODEL_TAKE, take_slot(generator, 0), 0);
        return;
    }
    uint32_t slot = any_held(generator, (uint32_t)(random >> 32));
    give_slot(generator, slot);
    emit(generator, MODEL_GIVE, slot, 0)->count = (uint16_t)((random >> 13) % generator->threads);
}

/* One in 16, or what it costs would be most of the run: a process or a purge takes as long as
 * thousands of calls. */
static void emit_rare(struct model_generator *generator, enum choice choice, uint64_t random)
{
    uint32_t place = (uint32_t)(random >> 32);
    if ((random >> 12) % 16 != 0) {
        emit(generator, MODEL_VERIFY, place % MODEL_SLOTS, 0);
    } else if (choice == CHOOSE_PURGE) {
        emit(generator, MODEL_PURGE, 0, 0);
    } else {
        emit(generator, MODEL_FORK, 0, 0);
    }
}

/* In a phase that grows half of what would free a block takes one; the other way round in one
 * that shrinks. */
static enum choice lean(const struct model_generator *generator, enum choice choice,
                        uint64_t random)
{
    bool takes = choice == CHOOSE_MALLOC || choice == CHOOSE_CALLOC || choice == CHOOSE_ALIGNED;
    bool is_turned = (random & (1u << 31)) != 0;
    if (generator->held_count == 0) {
        bool needs_one = !takes && choice != CHOOSE_BURST && choice != CHOOSE_FAIL &&
                         choice != CHOOSE_BAD_SIZE && choice != CHOOSE_PURGE &&
                         choice != CHOOSE_FORK && choice != CHOOSE_RESPAWN;
        return needs_one ? CHOOSE_MALLOC : choice;
    }
    if (generator->vacant_count <= 1 && takes) {
        return CHOOSE_FREE;
    }
    if (generator->is_growing) {
        return choice == CHOOSE_FREE && is_turned ? CHOOSE_MALLOC : choice;
    }
    return takes && is_turned ? CHOOSE_FREE : choice;
}

static void emit_choice(struct model_generator *generator, enum choice choice, uint64_t random)
{
    switch (choice) {
    case CHOOSE_REALLOC:
        emit_resize(generator, choice, random);
        break;
    case CHOOSE_SPECIAL:
        if ((random & 4096) == 0) {
            emit_resize(generator, choice, random);
        } else {
            emit_freeing(generator, choice, random);
        }
        break;
    case CHOOSE_FREE:
        emit_freeing(generator, choice, random);
        break;
    case CHOOSE_REWRITE:
    case CHOOSE_VERIFY:
        emit(generator, choice == CHOOSE_REWRITE ? MODEL_REWRITE : MODEL_VERIFY,
             any_held(generator, (uint32_t)(random >> 32)), 0);
        break;
    case CHOOSE_BURST:
        emit_burst(generator, pab_rng_next(&generator->rng));
        break;
    case CHOOSE_FAIL:
        emit(generator, MODEL_FAIL, 1 + (uint32_t)(random >> 32) % FAIL_LINES, 0)->count =
            (uint16_t)(1 + (random >> 16) % 4);
        break;
    case CHOOSE_BAD_SIZE:
        emit_bad_size(generator, pab_rng_next(&generator->rng));
        break;
    case CHOOSE_RESPAWN:
        emit(generator, MODEL_RESPAWN,
             1 + pab_rng_scale((uint32_t)(random >> 32), generator->threads - 1), 0);
        break;
    case CHOOSE_PURGE:
    case CHOOSE_FORK:
        emit_rare(generator, choice, random);
        break;
    case CHOOSE_HAND_OVER:
        emit_hand_over(generator, random);
        break;
    default:
        emit_taking(generator, choice, random >> 12);
    }
}

static void turn_phase(struct model_generator *generator)
{
    bool is_churn = generator->profile == PAB_MODEL_CHURN;
    generator->is_growing = !generator->is_growing;
    generator->phase_end = generator->lines + (is_churn ? CHURN_LINES : PHASE_LINES);
}

/* Bits of a draw: 0..11 the choice, 12..31 how, 32..63 the slot. */
void pab_model_generate(struct model_generator *generator)
{
    generator->count = 0;
    while (generator->count < MODEL_BATCH) {
        uint64_t random = pab_rng_next(&generator->rng);
        if (generator->lines == generator->phase_end) {
            turn_phase(generator);
        }
        if (!generator->is_free_running && generator->threads > 1 && (random >> 20 & 31) == 0) {
            generator->thread = (unsigned)(random >> 25) % generator->threads;
        }
        if (generator->calls >= generator->next_drain) {
            generator->next_drain = generator->calls + DRAIN_CALLS;
            forget_all(generator);
            emit(generator, MODEL_DRAIN, 0, 0);
        } else {
            enum choice choice = generator->choices[random % MODEL_CHOICES];
            emit_choice(generator, lean(generator, choice, random), random);
        }
        generator->lines++;
        generator->calls += pab_model_op_calls(&generator->ops[generator->count - 1]);
    }
}
