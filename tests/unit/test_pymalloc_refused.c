/* tests/unit/test_pymalloc_refused.c -- the system refuses addresses or pages at every place where
 * pymalloc asks for some: the request is met otherwise, nothing is half made, the next one works.
 * The functions of os_pages.h are wrapped by the linker. */
#include "tests/unit/pymalloc_fixture.h"

#define NEVER SIZE_MAX

/* Calls left before the one that fails; and those after it. */
static struct {
    size_t maps, reserves, commits;
} left = {NEVER, NEVER, NEVER};

#define SYMBOL(name) __asm__(#name)

/* What `--wrap` makes of a function: calls of it arrive here, and from here at it. */
void *real_map(size_t bytes) SYMBOL(__real_pab_pages_map);
void *wrapped_map(size_t bytes) SYMBOL(__wrap_pab_pages_map);
void *real_reserve(size_t *bytes, size_t least) SYMBOL(__real_pab_pages_reserve);
void *wrapped_reserve(size_t *bytes, size_t least) SYMBOL(__wrap_pab_pages_reserve);
bool real_commit(void *start, size_t bytes) SYMBOL(__real_pab_pages_commit);
bool wrapped_commit(void *start, size_t bytes) SYMBOL(__wrap_pab_pages_commit);

static bool refuses(size_t *calls)
{
    if (*calls == NEVER) {
        return false;
    }
    *calls -= *calls > 0;
    return *calls == 0;
}

void *wrapped_map(size_t bytes)
{
    return refuses(&left.maps) ? NULL : real_map(bytes);
}

void *wrapped_reserve(size_t *bytes, size_t least)
{
    return refuses(&left.reserves) ? NULL : real_reserve(bytes, least);
}

bool wrapped_commit(void *start, size_t bytes)
{
    return !refuses(&left.commits) && real_commit(start, bytes);
}

/* The n-th call fails, and all after it. */
static void fail_maps(size_t n)
{
    left.maps = n;
}

static void fail_reserves(size_t n)
{
    left.reserves = n;
}

static void fail_commits(size_t n)
{
    left.commits = n;
}

static void fail_nothing(void)
{
    left.maps = left.reserves = left.commits = NEVER;
}

/* A raw domain of C's functions, which cannot say what is usable. */
static struct pab_alloc plain_raw(struct fixture *fix)
{
    return (struct pab_alloc){fix, raw_malloc, raw_calloc, raw_realloc, raw_free, NULL};
}

static enum pab_status create(struct fixture *fix, const struct pab_pymalloc_geometry *geometry,
                              struct pab_error *err)
{
    struct pab_alloc raw = plain_raw(fix);
    return pab_pymalloc_create(&fix->pm, geometry, &raw, NULL, err);
}

static void expect_refusal(const char *word)
{
    struct fixture fix = {0};
    struct pab_error err = {0};
    assert_int_equal(create(&fix, profile_geometry("3.11"), &err), PAB_NO_MEMORY);
    if (strstr(err.text, word) == NULL) {
        fail_msg("expected '%s' in '%s'", word, err.text);
    }
    fail_nothing();
}

static void test_create_without_addresses(void **state)
{
    (void)state;
    fail_maps(1);
    expect_refusal("state");
    fail_reserves(1);
    expect_refusal("for arenas");
    fail_reserves(2);
    expect_refusal("for arenas");
    fail_reserves(3);
    expect_refusal("for pool entries");
    struct fixture fix = {0};
    assert_int_equal(create(&fix, profile_geometry("3.11"), NULL), PAB_OK);
    fix.table = pab_pymalloc_table(fix.pm);
    assert_null(fix.table.usable_size);
    give(&fix, take(&fix, 100));
    pab_pymalloc_destroy(fix.pm);
    pab_pymalloc_destroy(NULL);
}

static void test_create_with_a_bad_source(void **state)
{
    (void)state;
    struct fixture fix = {0};
    struct pab_error err = {0};
    struct pab_alloc raw = plain_raw(&fix);
    const struct pab_arena_source bad[] = {
        {.base = 0, .span = 1 << 20},
        {.base = UINTPTR_MAX - 100, .span = 1 << 20},
        {.base = 1 << 20, .span = 100},
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(
            pab_pymalloc_create(&fix.pm, profile_geometry("3.11"), &raw, &bad[i], &err), PAB_USAGE);
        assert_non_null(strstr(err.text, "holds no pool"));
    }
    struct pab_pymalloc_geometry geometry = *profile_geometry("3.11");
    geometry.threshold = 0;
    assert_int_equal(create(&fix, &geometry, &err), PAB_USAGE);
}

static void test_arenas_are_whole_pages(void **state)
{
    (void)state;
    struct fixture fix = {0};
    struct pab_error err = {0};
    const struct pab_pymalloc_geometry half_a_page = {
        .align = 8, .threshold = 256, .pool_bytes = KIB, .arena_bytes = 2 * KIB};
    assert_int_equal(create(&fix, &half_a_page, &err), PAB_USAGE);
    assert_non_null(strstr(err.text, "whole pages"));
}

/* Of the default source: an arena takes three commits, of its place in the stack of released
 * arenas, of its bytes, of its pools' entries; each is refused in turn. */
static void test_arena_without_pages(void **state)
{
    (void)state;
    for (size_t refused = 1; refused <= 3; refused++) {
        struct fixture fix = {0};
        assert_int_equal(create(&fix, profile_geometry("3.11"), NULL), PAB_OK);
        fix.table = pab_pymalloc_table(fix.pm);
        fail_commits(refused);
        char *raw = take(&fix, 100);
        assert_int_equal(fix.raw_taken, 1);
        void *zeroed = fix.table.calloc(fix.table.ctx, 2, 50);
        assert_int_equal(fix.raw_taken, 2);
        expect_sound(&fix);
        assert_int_equal(stats_of(&fix).arenas_now, 0);
        fail_nothing();
        char *block = take(&fix, 100);
        assert_true(owns_block(fix.pm, block));
        give(&fix, raw);
        give(&fix, zeroed);
        give(&fix, block);
        expect_sound(&fix);
        pab_pymalloc_destroy(fix.pm);
    }
}

/* The range is at its end. */
static void test_no_address_left(void **state)
{
    (void)state;
    struct fixture fix = {0};
    assert_int_equal(create(&fix, profile_geometry("3.11"), NULL), PAB_OK);
    fix.table = pab_pymalloc_table(fix.pm);
    fix.pm->range.end = fix.pm->range.bump;
    give(&fix, take(&fix, 100));
    assert_int_equal(fix.raw_taken, 1);
    fix.pm->range.end = fix.pm->range.base + fix.pm->range.reserved_bytes / 2;
    pab_pymalloc_destroy(fix.pm);
}

/* The vector of arenas cannot grow: no memory for it, or as many as a pool can tell apart. */
static void test_no_descriptor(void **state)
{
    (void)state;
    struct fixture fix;
    open_profile(&fix, "3.11");
    fix.raw_fails = true;
    assert_null(fix.table.malloc(fix.table.ctx, 100));
    fix.raw_fails = false;
    if (PAB_CHECK_LEVEL < 3) { /* a walk over so many that are not there would find it out */
        fix.pm->arena_capacity = ARENA_COUNT_MAX;
        give(&fix, take(&fix, 100));
        assert_int_equal(fix.raw_taken, 1);
        fix.pm->arena_capacity = 0;
    }
    assert_true(owns_block(fix.pm, take(&fix, 100)));
    close_fixture(&fix);
}

/* An arena that is not aligned loses its only pool, so it is given back at once. */
static void test_arena_without_a_pool(void **state)
{
    (void)state;
    struct fixture fix;
    const struct pab_pymalloc_geometry one_pool = {
        .align = 16, .threshold = 512, .pool_bytes = 4 * KIB, .arena_bytes = 4 * KIB};
    open_fixture(&fix, &one_pool, 16);
    give(&fix, take(&fix, 100));
    assert_int_equal(fix.raw_taken, 1);
    assert_int_equal(fix.arenas_taken, 1);
    assert_int_equal(fix.arenas_freed, 1);
    close_fixture(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_without_addresses),
        cmocka_unit_test(test_create_with_a_bad_source),
        cmocka_unit_test(test_arenas_are_whole_pages),
        cmocka_unit_test(test_arena_without_pages),
        cmocka_unit_test(test_no_address_left),
        cmocka_unit_test(test_no_descriptor),
        cmocka_unit_test(test_arena_without_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
