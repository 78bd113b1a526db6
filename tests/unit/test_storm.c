/* tests/unit/test_storm.c -- the storm's own parts, without an oracle: calls, listings, mirrors. */
#include "tests/conformance/storm/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct storm_generator first, second;

/* --- calls ---------------------------------------------------------------------------------- */

static void test_same_seed_same_calls(void **state)
{
    (void)state;
    pab_storm_generator_init(&first, PAB_STORM_MIXED, 7);
    pab_storm_generator_init(&second, PAB_STORM_MIXED, 7);
    for (int i = 0; i < 20; i++) {
        pab_storm_generate(&first);
        pab_storm_generate(&second);
        assert_int_equal(first.count, STORM_BATCH);
        assert_memory_equal(first.ops, second.ops, sizeof(first.ops));
    }
    pab_storm_generator_init(&second, PAB_STORM_MIXED, 8);
    pab_storm_generate(&second);
    pab_storm_generator_init(&first, PAB_STORM_MIXED, 7);
    pab_storm_generate(&first);
    assert_memory_not_equal(first.ops, second.ops, sizeof(first.ops));
}

/* Every call is one that a program could make, and none is passed over: a storm of n operations
 * makes n calls. */
static void expect_calls_that_fit(enum pab_storm_mix mix)
{
    static bool held[STORM_SLOTS];
    size_t by_call[4] = {0};
    memset(held, 0, sizeof(held));
    pab_storm_generator_init(&first, mix, 1);
    for (int batch = 0; batch < 100; batch++) {
        pab_storm_generate(&first);
        for (size_t i = 0; i < first.count; i++) {
            const struct storm_op *op = &first.ops[i];
            bool takes = op->call == STORM_MALLOC || op->call == STORM_CALLOC;
            assert_true(op->slot < STORM_SLOTS);
            assert_int_equal(held[op->slot], !takes);
            assert_true(op->size <= STORM_SIZE_MOST);
            held[op->slot] = op->call != STORM_FREE;
            by_call[op->call]++;
        }
    }
    for (size_t call = 0; call < ARRAY_COUNT(by_call); call++) {
        assert_true(by_call[call] > 1000);
    }
}

static void test_calls_fit(void **state)
{
    (void)state;
    for (int mix = 0; mix < PAB_STORM_MIX_COUNT; mix++) {
        expect_calls_that_fit((enum pab_storm_mix)mix);
    }
}

/* --- listings ------------------------------------------------------------------------------- */

static void test_listing_reads_back(void **state)
{
    (void)state;
    struct storm_op ops[] = {
        {0, 64, STORM_MALLOC, 0},  {1, 64, STORM_MALLOC, 0},  {2, 64, STORM_MALLOC, 0},
        {2, 48, STORM_REALLOC, 0}, {9, 100, STORM_CALLOC, 0}, {2, 0, STORM_FREE, 0},
        {1, 0, STORM_FREE, 0},     {0, 0, STORM_FREE, 0},     {1, 0, STORM_FREE, 0},
    };
    struct storm_list list = {ops, ARRAY_COUNT(ops)};
    struct pab_storm_plan plan = {.arenas = PAB_STORM_UNALIGNED, .seed = 4};
    struct pab_oracle oracle = {.version = "3.11.2"};
    char *text = pab_storm_listing_write(&plan, &oracle, &list);
    assert_non_null(text);
    assert_string_equal(text, "# 9 calls on which CPython 3.11.2 and ours differ\n"
                              "arenas unaligned\nseed 4\n"
                              "malloc 64 b0..b2\nrealloc 48 b2\ncalloc 100 b9\nfree b2..b0\n"
                              "free b1\n");
    struct pab_storm_plan read_plan = {0};
    struct storm_list read;
    struct pab_error err;
    assert_int_equal(pab_storm_listing_read(text, &read_plan, &read, &err), PAB_OK);
    assert_int_equal(read_plan.arenas, PAB_STORM_UNALIGNED);
    assert_int_equal(read_plan.seed, 4);
    assert_int_equal(read.count, ARRAY_COUNT(ops));
    assert_memory_equal(read.ops, ops, sizeof(ops));
    free(read.ops);
    free(text);
}

static void test_listing_refuses_other_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "# nothing\n",
        "malloc b0\n",
        "malloc 64\n",
        "malloc 64 b0 b1\n",
        "free 64 b0\n",
        "malloc 64 b0..b70000\n",
        "arenas round\n",
        "seed x\n",
        "sbrk 64 b0\n",
        "malloc 99999 b0\n",
        "malloc -1 b0\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct pab_storm_plan plan = {0};
        struct storm_list list;
        struct pab_error err;
        assert_int_equal(pab_storm_listing_read(bad[i], &plan, &list, &err), PAB_USAGE);
    }
}

static void test_renumber_counts_by_first_use(void **state)
{
    (void)state;
    struct storm_op ops[] = {{700, 8, STORM_MALLOC, 0},
                             {3, 8, STORM_MALLOC, 0},
                             {700, 0, STORM_FREE, 0},
                             {65535, 8, STORM_MALLOC, 0}};
    static const uint32_t expected[] = {0, 1, 0, 2};
    struct storm_list list = {ops, ARRAY_COUNT(ops)};
    pab_storm_list_renumber(&list);
    for (size_t i = 0; i < ARRAY_COUNT(ops); i++) {
        assert_int_equal(ops[i].slot, expected[i]);
    }
}

/* --- mirrors -------------------------------------------------------------------------------- */

#define ARENA ((size_t)256 << 10)

static void test_regions_give_alike(void **state)
{
    (void)state;
    for (int arenas = 0; arenas < PAB_STORM_ARENAS_COUNT; arenas++) {
        struct storm_region a;
        struct storm_region b;
        assert_true(pab_storm_region_open(&a, ARENA, (enum pab_storm_arenas)arenas, 5));
        assert_true(pab_storm_region_open(&b, ARENA, (enum pab_storm_arenas)arenas, 5));
        unsigned char *last = NULL;
        for (int i = 0; i < 50; i++) {
            unsigned char *from_a = pab_storm_region_alloc(&a, ARENA);
            unsigned char *from_b = pab_storm_region_alloc(&b, ARENA);
            assert_int_equal(from_a == NULL, from_b == NULL);
            if (from_a != NULL) {
                assert_int_equal(from_a - a.base, from_b - b.base);
                assert_int_equal((uintptr_t)from_a % ARENA != 0, arenas == PAB_STORM_UNALIGNED);
                last = from_a;
            }
        }
        assert_int_equal(a.refused > 0, arenas == PAB_STORM_FAILING);
        assert_int_equal(a.history, b.history);
        pab_storm_region_free(&a, last, ARENA);
        assert_int_not_equal(a.history, b.history);
    }
}

static void test_region_names_places(void **state)
{
    (void)state;
    struct storm_region region;
    char where[96];
    assert_true(pab_storm_region_open(&region, ARENA, PAB_STORM_UNALIGNED, 3));
    (void)pab_storm_region_alloc(&region, ARENA);
    unsigned char *arena = pab_storm_region_alloc(&region, ARENA);
    unsigned char *pool = arena + (-(uintptr_t)arena & 4095);
    pab_storm_region_where(&region, pool + 48, 4096, where, sizeof(where));
    assert_string_equal(where, "arena 1, pool 0, offset 48");
    pab_storm_region_where(&region, pool + 8192 + 80, 4096, where, sizeof(where));
    assert_string_equal(where, "arena 1, pool 2, offset 80");
    pab_storm_region_where(&region, &region, 4096, where, sizeof(where));
    assert_string_equal(where, "raw");
}

/* Against a plain table of which arena lies where. */
static void test_pages_find_their_mirror(void **state)
{
    (void)state;
    static struct storm_pages pages;
    static uintptr_t arenas[200];
    struct pab_rng rng;
    pab_rng_seed(&rng, 1);
    memset(&pages, 0, sizeof(pages));
    for (int round = 0; round < 3000; round++) {
        uint32_t place = pab_rng_below(&rng, ARRAY_COUNT(arenas));
        if (arenas[place] != 0) {
            pab_storm_pages_drop(&pages, arenas[place], ARENA);
            assert_true(pab_storm_pages_offset(&pages, (void *)arenas[place]) == SIZE_MAX);
            arenas[place] = 0;
        } else { /* by odd pages: arenas lie between each other's own multiples */
            arenas[place] = ((uintptr_t)place + 1) * ARENA * 2;
            arenas[place] += (uintptr_t)pab_rng_below(&rng, 64) << 12;
            pab_storm_pages_add(&pages, arenas[place], place, ARENA);
        }
        uint32_t other = pab_rng_below(&rng, ARRAY_COUNT(arenas));
        uintptr_t inside = arenas[other] + pab_rng_below(&rng, ARENA);
        if (arenas[other] != 0) {
            assert_int_equal(pab_storm_pages_offset(&pages, (void *)inside),
                             other * ARENA + (inside - arenas[other]));
            assert_true(pab_storm_pages_offset(&pages, (void *)(arenas[other] - 1)) == SIZE_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_calls),
        cmocka_unit_test(test_calls_fit),
        cmocka_unit_test(test_listing_reads_back),
        cmocka_unit_test(test_listing_refuses_other_text),
        cmocka_unit_test(test_renumber_counts_by_first_use),
        cmocka_unit_test(test_regions_give_alike),
        cmocka_unit_test(test_region_names_places),
        cmocka_unit_test(test_pages_find_their_mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
