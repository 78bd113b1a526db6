/* tests/unit/test_pymalloc.c -- the rules for blocks and pools, one by one, by address. */
#include "tests/unit/pymalloc_fixture.h"

/* --- geometry --------------------------------------------------------------------------------- */

static void test_profiles_are_those_of_the_releases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t align, pool_kib, arena_kib;
        bool keep, mem, raw_zero, huge;
    } rows[] = {
        {"2.7", 16, 4, 256, false, false, true, false},
        {"3.6", 8, 4, 256, false, true, true, false},
        {"3.7", 16, 4, 256, false, true, false, false},
        {"3.8", 16, 4, 256, false, true, false, false},
        {"3.9", 16, 4, 256, true, true, false, false},
        {"3.10", 16, 16, 1024, true, true, false, false},
        {"3.11", 16, 16, 1024, true, true, false, false},
        {"3.12", 16, 16, 1024, true, true, false, false},
        {"3.13", 16, 16, 1024, true, true, false, false},
        {"3.14", 16, 16, 1024, true, true, false, false},
        {"3.15", 16, 16, 1024, true, true, false, true},
    };
    assert_int_equal(pab_pymalloc_profile_count(), ARRAY_COUNT(rows));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct pab_pymalloc_geometry *geometry = profile_geometry(rows[i].name);
        assert_int_equal(geometry->align, rows[i].align);
        assert_int_equal(geometry->threshold, 512);
        assert_int_equal(geometry->pool_bytes, rows[i].pool_kib * KIB);
        assert_int_equal(geometry->arena_bytes, rows[i].arena_kib * KIB);
        assert_int_equal(geometry->keep_last_arena, rows[i].keep);
        assert_int_equal(geometry->mem_is_pymalloc, rows[i].mem);
        assert_int_equal(geometry->raw_realloc_zero, rows[i].raw_zero);
        assert_int_equal(geometry->advise_hugepages, rows[i].huge);
    }
    assert_null(pab_pymalloc_profile_find("3.5"));
}

static void test_impossible_geometries_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct pab_pymalloc_geometry geometry;
        const char *word; /* the part at fault, named in the message */
    } rows[] = {
        {{.align = 4, .threshold = 512, .pool_bytes = 4096, .arena_bytes = 1 << 18}, "alignment"},
        {{.align = 16, .threshold = 40, .pool_bytes = 4096, .arena_bytes = 1 << 18}, "threshold"},
        {{.align = 8, .threshold = 1024, .pool_bytes = 4096, .arena_bytes = 1 << 18}, "threshold"},
        {{.align = 8, .threshold = 512, .pool_bytes = 5000, .arena_bytes = 1 << 18}, "power"},
        {{.align = 8, .threshold = 512, .pool_bytes = 1024, .arena_bytes = 1 << 18}, "two blocks"},
        {{.align = 8, .threshold = 512, .pool_bytes = 4096, .arena_bytes = 12288}, "arena"},
        {{.align = 8, .threshold = 512, .pool_bytes = 8192, .arena_bytes = 4096}, "hold a pool"},
        {{.align = 8, .threshold = 512, .pool_bytes = 0, .arena_bytes = 1 << 18}, "power"},
        {{.align = 8, .threshold = 512, .pool_bytes = 1 << 19, .arena_bytes = 1 << 20}, "power"},
        {{.align = 8, .threshold = 512, .pool_bytes = 4096, .arena_bytes = 0}, "arena"},
        {{.align = 8, .threshold = 512, .pool_bytes = 4096, .arena_bytes = 1u << 31}, "arena"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pab_error err = {0};
        assert_int_equal(pab_pymalloc_geometry_check(&rows[i].geometry, &err), PAB_USAGE);
        assert_non_null(strstr(err.text, rows[i].word));
    }
}

/* Takes blocks of one size until the second pool is begun; they lie side by side from offset 48. */
static size_t count_blocks_of_first_pool(const char *profile, size_t size)
{
    struct fixture fix;
    open_profile(&fix, profile);
    uintptr_t pool = (uintptr_t)take(&fix, size) - PAB_POOL_HEADER_BYTES;
    assert_int_equal(pool % fix.geometry.pool_bytes, 0);
    size_t count = 1;
    while ((uintptr_t)take(&fix, size) == pool + PAB_POOL_HEADER_BYTES + count * size) {
        count++;
    }
    close_fixture(&fix);
    return count;
}

static void test_blocks_per_pool(void **state)
{
    (void)state;
    static const unsigned of_16k[] = {1021, 510, 340, 255, 204, 170, 145, 127, 113, 102, 92,
                                      85,   78,  72,  68,  63,  60,  56,  53,  51,  48,  46,
                                      44,   42,  40,  39,  37,  36,  35,  34,  32,  31};
    static const unsigned of_4k[] = {253, 126, 84, 63, 50, 42, 36, 31, 28, 25, 23,
                                     21,  19,  18, 16, 15, 14, 14, 13, 12, 12, 11,
                                     11,  10,  10, 9,  9,  9,  8,  8,  8,  7};
    for (size_t class = 0; class < 32; class ++) {
        assert_int_equal(count_blocks_of_first_pool("3.11", 16 * (class + 1)), of_16k[class]);
        assert_int_equal(count_blocks_of_first_pool("3.9", 16 * (class + 1)), of_4k[class]);
    }
    assert_int_equal(count_blocks_of_first_pool("3.6", 8), (4096 - 48) / 8);
}

static void test_class_boundaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_pymalloc_profile_count(); i++) {
        struct fixture fix;
        open_profile(&fix, pab_pymalloc_profile_at(i)->name);
        size_t align = fix.geometry.align;
        for (size_t size = 1; size <= 512; size++) {
            char *block = take(&fix, size);
            assert_int_equal((uintptr_t)block % align, 0);
            assert_int_equal(fix.table.usable_size(fix.table.ctx, block),
                             (size + align - 1) / align * align);
        }
        assert_int_equal(stats_of(&fix).raw_blocks, 0);
        char *raw[2] = {take(&fix, 513), take(&fix, 0)};
        assert_int_equal(fix.table.usable_size(fix.table.ctx, raw[0]), 12345);
        assert_int_equal(stats_of(&fix).raw_blocks, 2);
        assert_int_equal(stats_of(&fix).blocks, 514);
        give(&fix, raw[0]);
        give(&fix, raw[1]);
        assert_int_equal(stats_of(&fix).blocks, 512);
        close_fixture(&fix);
    }
}

/* --- pools ------------------------------------------------------------------------------------ */

static void test_last_freed_is_first_taken(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *block[5];
    for (size_t i = 0; i < 5; i++) {
        block[i] = take(&fix, 64);
    }
    give(&fix, block[1]);
    give(&fix, block[3]);
    give(&fix, block[0]);
    assert_ptr_equal(take(&fix, 64), block[0]);
    assert_ptr_equal(take(&fix, 50), block[3]);
    assert_ptr_equal(take(&fix, 49), block[1]);
    assert_ptr_equal(take(&fix, 64), block[4] + 64);
    close_fixture(&fix);
}

/* Whatever is carved ahead: blocks come one after the other, and no page is touched before a
 * block of it is next. */
static void test_carving_runs_ahead_within_a_page(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *start = (char *)take(&fix, 96) - 48;
    const struct pool *pool = pool_of(fix.pm, start + 48);
    for (size_t taken = 1; taken < 170; taken++) {
        uintptr_t page = (uintptr_t)pool->free / 4096;
        char *next = start + 48 + taken * 96;
        assert_ptr_equal(pool->free, next);
        for (char *link = pool->free; link != NULL; link = *(void **)link) {
            assert_ptr_equal(link, next);
            assert_int_equal((uintptr_t)link / 4096, page);
            next += 96;
        }
        assert_ptr_equal(next, start + (size_t)pool->virgin * 16);
        assert_ptr_equal(take(&fix, 96), start + 48 + taken * 96);
    }
    assert_null(pool->free); /* 170 blocks of 96 bytes are all that a pool holds */
    close_fixture(&fix);
}

static void test_pool_no_longer_full_comes_first(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.9");
    char *block[15]; /* 7 to a pool: two full pools and one with a single block */
    for (size_t i = 0; i < 15; i++) {
        block[i] = take(&fix, 512);
    }
    give(&fix, block[2]);
    give(&fix, block[9]);
    assert_ptr_equal(take(&fix, 512), block[9]);
    assert_ptr_equal(take(&fix, 512), block[2]);
    assert_ptr_equal(take(&fix, 512), block[14] + 512);
    close_fixture(&fix);
}

static void test_emptied_pool_keeps_class_and_chain(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *first = take(&fix, 32);
    char *second = take(&fix, 32);
    give(&fix, first);
    give(&fix, second); /* empty: its chain is second, first, third */
    assert_ptr_equal(take(&fix, 32), second);
    assert_ptr_equal(take(&fix, 32), first);
    give(&fix, first);
    give(&fix, second);
    assert_ptr_equal(take(&fix, 48), first); /* another class starts the pool afresh */
    assert_ptr_equal(take(&fix, 48), first + 48);
    close_fixture(&fix);
}

static void test_most_recently_emptied_pool_is_reused(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *of_pool[3] = {take(&fix, 16), take(&fix, 32), take(&fix, 48)};
    give(&fix, of_pool[0]);
    give(&fix, of_pool[2]);
    assert_ptr_equal(take(&fix, 512), of_pool[2]);
    assert_ptr_equal(take(&fix, 496), of_pool[0]);
    assert_ptr_equal(take(&fix, 480), of_pool[2] + fix.geometry.pool_bytes);
    close_fixture(&fix);
}

static void test_calloc_zeroes_what_was_asked(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    unsigned char *block = (unsigned char *)take(&fix, 64);
    memset(block, 0xa5, 64);
    give(&fix, block);
    unsigned char *zeroed = fix.table.calloc(fix.table.ctx, 25, 2);
    assert_ptr_equal(zeroed, block);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(zeroed[i], i < 50 ? 0 : 0xa5);
    }
    void *raw[2] = {fix.table.calloc(fix.table.ctx, 0, 8), fix.table.calloc(fix.table.ctx, 103, 5)};
    assert_int_equal(fix.raw_last_size, 515);
    assert_int_equal(stats_of(&fix).raw_blocks, 2);
    give(&fix, raw[0]);
    give(&fix, raw[1]);
    close_fixture(&fix);
}

/* --- realloc ---------------------------------------------------------------------------------- */

static void test_realloc_stays_above_three_quarters(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    static const struct {
        size_t held, size;
        bool stays;
    } rows[] = {
        {64, 64, true},    {64, 49, true},    {64, 48, false}, {64, 65, false},
        {512, 385, true},  {512, 384, false}, {16, 13, true},  {16, 12, false},
        {512, 513, false}, {32, 25, true},    {32, 24, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char *block = take(&fix, rows[i].held);
        memset(block, (int)i + 1, rows[i].held);
        char *moved = resize(&fix, block, rows[i].size);
        assert_int_equal(moved == block, rows[i].stays);
        size_t kept = rows[i].size < rows[i].held ? rows[i].size : rows[i].held;
        for (size_t at = 0; at < kept; at++) {
            assert_int_equal(moved[at], (int)i + 1);
        }
        give(&fix, moved);
    }
    close_fixture(&fix);
}

static void test_realloc_takes_before_it_gives(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *block = take(&fix, 16);
    assert_ptr_equal(resize(&fix, block, 8), block + 16); /* same class, yet another block */
    assert_ptr_equal(take(&fix, 16), block);
    close_fixture(&fix);
}

static void test_realloc_of_raw_stays_raw(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *block = take(&fix, 600);
    block = resize(&fix, block, 20);
    assert_false(owns_block(fix.pm, block));
    assert_int_equal(fix.raw_last_size, 20);
    block = resize(&fix, block, 0);
    assert_int_equal(fix.raw_last_size, 0);
    assert_int_equal(stats_of(&fix).raw_blocks, 1);
    give(&fix, block);
    assert_int_equal(stats_of(&fix).raw_blocks, 0);
    assert_int_equal(fix.raw_freed, 1);
    close_fixture(&fix);
}

static void test_realloc_to_zero(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.6");
    char *raw = resize(&fix, take(&fix, 40), 0); /* owned: a raw block of size 0 follows it */
    assert_false(owns_block(fix.pm, raw));
    assert_int_equal(fix.raw_last_size, 0);
    assert_int_equal(stats_of(&fix).blocks, 1);
    raw = resize(&fix, raw, 0); /* raw: up to 3.6 asks for 1, and falls back on the block itself */
    assert_int_equal(fix.raw_last_size, 1);
    fix.raw_fails = true;
    assert_ptr_equal(resize(&fix, raw, 0), raw);
    assert_null(resize(&fix, raw, 9));
    give(&fix, raw);
    close_fixture(&fix);

    open_profile(&fix, "3.8");
    raw = take(&fix, 600);
    fix.raw_fails = true;
    assert_null(resize(&fix, raw, 0));
    give(&fix, raw);
    close_fixture(&fix);
}

static void test_realloc_that_fails_leaves_the_block(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    char *block = take(&fix, 512);
    memset(block, 7, 512);
    fix.raw_fails = true;
    assert_null(resize(&fix, block, 513));
    assert_int_equal(block[511], 7);
    assert_int_equal(stats_of(&fix).blocks, 1);
    assert_true(owns_block(fix.pm, resize(&fix, NULL, 512)));
    give(&fix, NULL);
    assert_int_equal(stats_of(&fix).blocks, 2);
    close_fixture(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_are_those_of_the_releases),
        cmocka_unit_test(test_impossible_geometries_are_refused),
        cmocka_unit_test(test_blocks_per_pool),
        cmocka_unit_test(test_class_boundaries),
        cmocka_unit_test(test_last_freed_is_first_taken),
        cmocka_unit_test(test_carving_runs_ahead_within_a_page),
        cmocka_unit_test(test_pool_no_longer_full_comes_first),
        cmocka_unit_test(test_emptied_pool_keeps_class_and_chain),
        cmocka_unit_test(test_most_recently_emptied_pool_is_reused),
        cmocka_unit_test(test_calloc_zeroes_what_was_asked),
        cmocka_unit_test(test_realloc_stays_above_three_quarters),
        cmocka_unit_test(test_realloc_takes_before_it_gives),
        cmocka_unit_test(test_realloc_of_raw_stays_raw),
        cmocka_unit_test(test_realloc_to_zero),
        cmocka_unit_test(test_realloc_that_fails_leaves_the_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
