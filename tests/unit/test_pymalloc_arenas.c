/* tests/unit/test_pymalloc_arenas.c -- the rules for arenas; storms. */
#include "tests/unit/pymalloc_fixture.h"
#include "workloads/support/rng.h"

#define STORM_SLOTS 3000
#define STORM_OPS   60000

/* --- arenas ----------------------------------------------------------------------------------- */

/* Takes a block that needs a new pool, tells its arena, and gives it back. */
static size_t next_arena(struct tiny *tiny)
{
    char *block = take(&tiny->fix, 16);
    size_t arena = (size_t)(block - tiny->fix.region) / tiny->fix.geometry.arena_bytes;
    give(&tiny->fix, block);
    return arena;
}

static void test_fullest_arena_first(void **state)
{
    (void)state;
    struct tiny tiny;
    open_tiny(&tiny, true);
    give_pool(&tiny, 0, 0);
    assert_int_equal(next_arena(&tiny), 0);
    give_pool(&tiny, 1, 0); /* one free pool each: the later comes in front */
    assert_int_equal(next_arena(&tiny), 1);
    give_pool(&tiny, 1, 1); /* 1 has two now, 0 has one */
    assert_int_equal(next_arena(&tiny), 0);
    give_pool(&tiny, 0, 1); /* two each: the one that just got there is in front */
    assert_int_equal(next_arena(&tiny), 0);
    give_pool(&tiny, 2, 3);
    give_pool(&tiny, 2, 2);
    assert_int_equal(next_arena(&tiny), 2);
    give_pool(&tiny, 2, 1); /* three: behind both with two, whose order stays */
    assert_int_equal(next_arena(&tiny), 0);
    close_fixture(&tiny.fix);
}

static void test_last_arena_is_kept_since_3_9(void **state)
{
    (void)state;
    struct tiny tiny;
    open_tiny(&tiny, true);
    for (size_t pool = 0; pool < TINY_POOLS; pool++) {
        give_pool(&tiny, 1, pool);
    }
    assert_int_equal(tiny.fix.arenas_freed, 0); /* alone in the list: kept, wholly free */
    for (size_t pool = 0; pool < TINY_POOLS; pool++) {
        give_pool(&tiny, 0, pool);
    }
    assert_int_equal(tiny.fix.arenas_freed, 1);
    assert_ptr_equal(tiny.fix.arena_last_freed, tiny.fix.region); /* 0, not the kept 1 */
    for (size_t pool = 0; pool < TINY_POOLS; pool++) {
        give_pool(&tiny, 2, pool);
    }
    assert_int_equal(stats_of(&tiny.fix).arenas_now, 1);
    assert_int_equal(next_arena(&tiny), 1);
    close_fixture(&tiny.fix);
}

static void test_every_free_arena_is_released_before_3_9(void **state)
{
    (void)state;
    struct tiny tiny;
    open_tiny(&tiny, false);
    for (size_t arena = 0; arena < TINY_ARENAS; arena++) {
        for (size_t pool = 0; pool < TINY_POOLS; pool++) {
            assert_int_equal(tiny.fix.arenas_freed, arena);
            give_pool(&tiny, arena, pool);
        }
    }
    assert_int_equal(tiny.fix.arenas_freed, TINY_ARENAS);
    assert_int_equal(stats_of(&tiny.fix).arenas_bytes, 0);
    assert_int_equal(next_arena(&tiny), TINY_ARENAS); /* a new one */
    close_fixture(&tiny.fix);
}

static void test_unaligned_arena_loses_a_pool(void **state)
{
    (void)state;
    struct fixture fix;
    open_fixture(&fix, profile_geometry("3.11"), 4 * KIB);
    const char *first_pool = fix.region + fix.geometry.pool_bytes;
    size_t pools = 0;
    while (fix.arenas_taken < 2) {
        char *block = take(&fix, 512);
        if (fix.arenas_taken == 1 && (uintptr_t)block % fix.geometry.pool_bytes == 48) {
            assert_ptr_equal(block, first_pool + pools * fix.geometry.pool_bytes + 48);
            pools++;
        }
    }
    assert_int_equal(pools, 63);
    assert_int_equal(stats_of(&fix).alignment_bytes, 2 * fix.geometry.pool_bytes);
    expect_stats_sum(&fix);
    close_fixture(&fix);
}

static void test_arena_of_one_pool_follows_the_tail_rule(void **state)
{
    (void)state;
    for (int keep = 0; keep <= 1; keep++) {
        struct fixture fix;
        open_fixture(&fix,
                     &(struct pab_pymalloc_geometry){.align = 8,
                                                     .threshold = 256,
                                                     .pool_bytes = 4 * KIB,
                                                     .arena_bytes = 4 * KIB,
                                                     .keep_last_arena = keep != 0},
                     0);
        char *one = take(&fix, 8);
        char *two = take(&fix, 16);
        give(&fix, one);
        assert_int_equal(fix.arenas_freed, keep != 0 ? 0 : 1);
        give(&fix, two);
        assert_int_equal(fix.arenas_freed, keep != 0 ? 1 : 2);
        close_fixture(&fix);
    }
}

/* What a caller's own source keeps, and which of its pages are there, is not the heap's to say. */
static void test_inventory_of_another_source(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *one = take(&fix, 100);
    struct pab_inventory held = {.absent_bytes = 1};
    pab_pymalloc_inventory_read(fix.pm, &held);
    assert_int_equal(held.blocks_bytes, 112);
    assert_int_equal(held.blocks_bytes + held.free_blocks_bytes + held.free_pools_bytes +
                         held.slack_bytes,
                     fix.geometry.arena_bytes);
    assert_int_equal(held.tables_bytes, 0);
    assert_int_equal(held.absent_bytes, 0);
    give(&fix, one);
    close_fixture(&fix);
}

static void test_failing_arena_falls_to_raw(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    fix.arenas_fail = true;
    char *raw = take(&fix, 100);
    assert_int_equal(fix.raw_taken, 1);
    assert_int_equal(fix.raw_last_size, 100);
    void *zeroed = fix.table.calloc(fix.table.ctx, 10, 10);
    assert_int_equal(stats_of(&fix).raw_blocks, 2);
    fix.raw_fails = true;
    assert_null(fix.table.malloc(fix.table.ctx, 100));
    assert_null(fix.table.calloc(fix.table.ctx, 10, 10));
    assert_int_equal(stats_of(&fix).raw_blocks, 2);
    fix.raw_fails = false;
    fix.arenas_fail = false;
    assert_true(owns_block(fix.pm, take(&fix, 100)));
    give(&fix, raw);
    assert_int_equal(stats_of(&fix).raw_blocks, 1);
    give(&fix, zeroed);
    close_fixture(&fix);
}

static void test_descriptors_double_from_16(void **state)
{
    (void)state;
    struct tiny tiny;
    open_tiny(&tiny, true);
    assert_int_equal(tiny.fix.raw_last_size, 16 * 48);
    while (tiny.fix.arenas_taken < 17) {
        take(&tiny.fix, 512);
    }
    assert_int_equal(tiny.fix.raw_last_size, 32 * 48);
    assert_int_equal(tiny.fix.raw_resized, 2);
    expect_stats_sum(&tiny.fix);
    close_fixture(&tiny.fix);
}

/* --- everything at once --------------------------------------------------------------------- */

struct shadow {
    unsigned char *block;
    size_t size;
    unsigned char fill;
};

static void expect_fill(const struct shadow *slot, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(slot->block[i], slot->fill);
    }
}

static void storm_step(struct fixture *fix, struct shadow *slot, struct pab_rng *rng)
{
    size_t size = pab_rng_below(rng, 16) == 0 ? pab_rng_below(rng, 900) : pab_rng_below(rng, 513);
    size_t keep = size < slot->size ? size : slot->size;
    expect_fill(slot, slot->size);
    if (slot->block == NULL) {
        slot->block = (unsigned char *)take(fix, size);
    } else if (pab_rng_below(rng, 3) == 0) {
        slot->block = (unsigned char *)resize(fix, slot->block, size);
        expect_fill(slot, keep);
    } else {
        give(fix, slot->block);
        *slot = (struct shadow){0};
        return;
    }
    slot->size = size;
    slot->fill = (unsigned char)pab_rng_next(rng);
    memset(slot->block, slot->fill, size);
}

static void storm(struct fixture *fix, uint64_t seed)
{
    static struct shadow slots[STORM_SLOTS];
    memset(slots, 0, sizeof(slots));
    struct pab_rng rng;
    pab_rng_seed(&rng, seed);
    size_t ops = PAB_CHECK_LEVEL >= 3 ? STORM_OPS / 20 : STORM_OPS;
    for (size_t op = 0; op < ops; op++) {
        storm_step(fix, &slots[pab_rng_below(&rng, STORM_SLOTS)], &rng);
        if (op % (ops / 8) == 0) {
            expect_sound(fix);
            expect_stats_sum(fix);
        }
    }
    size_t live = 0;
    for (size_t i = 0; i < STORM_SLOTS; i++) {
        live += slots[i].block != NULL;
    }
    assert_int_equal(stats_of(fix).blocks, live);
    for (size_t i = 0; i < STORM_SLOTS; i++) {
        give(fix, slots[i].block);
    }
    assert_int_equal(stats_of(fix).blocks, 0);
    assert_int_equal(stats_of(fix).arenas_now, fix->geometry.keep_last_arena ? 1 : 0);
}

static void test_storm_on_every_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_pymalloc_profile_count(); i++) {
        struct fixture fix;
        open_fixture(&fix, &pab_pymalloc_profile_at(i)->geometry, i % 2 == 0 ? 0 : 8 * KIB);
        storm(&fix, i + 1);
        close_fixture(&fix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fullest_arena_first),
        cmocka_unit_test(test_last_arena_is_kept_since_3_9),
        cmocka_unit_test(test_every_free_arena_is_released_before_3_9),
        cmocka_unit_test(test_unaligned_arena_loses_a_pool),
        cmocka_unit_test(test_arena_of_one_pool_follows_the_tail_rule),
        cmocka_unit_test(test_inventory_of_another_source),
        cmocka_unit_test(test_failing_arena_falls_to_raw),
        cmocka_unit_test(test_descriptors_double_from_16),
        cmocka_unit_test(test_storm_on_every_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
