/* tests/unit/test_pymalloc_check.c -- the walk over a whole heap finds what is wrong with it. */
#include "tests/unit/pymalloc_fixture.h"

struct planted {
    struct tiny tiny;
    struct pool *used;      /* two blocks out, the rest of seven free */
    struct arena *arena[2]; /* usable: the first has fewer free pools */
};

static void plant_count(struct planted *at)
{
    at->used->count++;
}

static void plant_cycle(struct planted *at)
{
    void **second = *(void **)at->used->free;
    *second = at->used->free;
}

static void plant_stray_link(struct planted *at)
{
    *(void **)at->used->free = (char *)at->used->free + 8;
}

static void plant_class(struct planted *at)
{
    at->used->class = 20;
}

static void plant_lost_pool(struct planted *at)
{
    at->tiny.fix.pm->used[31] = NULL;
}

static void plant_arena_number(struct planted *at)
{
    at->used->arena_low ^= 1;
}

static void plant_free_pools(struct planted *at)
{
    at->arena[1]->free_pools--;
}

static void plant_arena_order(struct planted *at)
{
    struct arena *few = at->arena[0];
    struct arena *many = at->arena[1];
    at->tiny.fix.pm->usable = many;
    many->prev = NULL;
    many->next = few;
    few->prev = many;
    few->next = NULL;
}

static void plant_finger(struct planted *at)
{
    at->tiny.fix.pm->last_with_free[1] = NULL;
}

static void plant_empty_list(struct planted *at)
{
    at->arena[1]->empty = at->arena[1]->empty->next;
}

static void plant_wild_list(struct planted *at)
{
    at->used->next = (struct pool *)0x1000;
}

static void plant_arena_count(struct planted *at)
{
    at->tiny.fix.pm->arenas_now++;
}

/* --- more of pools ----------------------------------------------------------------------------- */

static char *start_of(const struct planted *at, const struct pool *pool)
{
    return (char *)pool_start(at->tiny.fix.pm, pool);
}

static struct pool *pool_at(const struct planted *at, size_t arena, size_t pool)
{
    return pool_of(at->tiny.fix.pm, at->tiny.block[arena][pool][0]);
}

static void plant_link_below(struct planted *at)
{
    at->used->free = start_of(at, at->used);
}

static void plant_link_above(struct planted *at)
{
    at->used->free = start_of(at, at->used) + at->tiny.fix.geometry.pool_bytes;
}

static void plant_class_out_of_range(struct planted *at)
{
    at->used->class = 200;
}

static void plant_carved_too_little(struct planted *at)
{
    at->used->virgin = 0;
}

static void plant_carved_too_much(struct planted *at)
{
    at->used->virgin = UINT16_MAX;
}

static void plant_full_with_room(struct planted *at)
{
    at->used->free = NULL;
    at->used->virgin = (uint16_t)(at->used->virgin - 32);
}

static void plant_list_off_the_table(struct planted *at)
{
    at->used->next = (struct pool *)((char *)at->used + 8);
}

static void plant_empty_pool_of_a_later_arena(struct planted *at)
{
    at->arena[0]->empty = pool_at(at, 1, 0);
}

static void plant_empty_pool_of_an_earlier_arena(struct planted *at)
{
    at->arena[1]->empty = pool_at(at, 0, 0);
}

static void plant_empty_pool_in_use(struct planted *at)
{
    at->arena[1]->empty = pool_at(at, 1, 3);
}

static void plant_empty_cycle(struct planted *at)
{
    at->arena[1]->empty->next->next = at->arena[1]->empty;
}

static void plant_list_of_next_class(struct planted *at)
{
    struct pab_pymalloc *pm = at->tiny.fix.pm;
    pm->used[30] = pm->used[31];
}

static void plant_list_with_an_empty_pool(struct planted *at)
{
    at->tiny.fix.pm->used[31] = pool_at(at, 0, 0);
}

static void plant_list_with_a_full_pool(struct planted *at)
{
    at->tiny.fix.pm->used[31] = pool_at(at, 2, 1);
}

static void plant_list_link_back(struct planted *at)
{
    at->used->prev = at->used;
}

/* --- more of arenas ---------------------------------------------------------------------------- */

static void plant_base(struct planted *at)
{
    at->arena[1]->base -= 16 * at->tiny.fix.geometry.arena_bytes;
}

static void plant_total_pools(struct planted *at)
{
    at->arena[1]->total_pools++;
}

static void plant_bump_below(struct planted *at)
{
    at->arena[1]->bump = at->arena[1]->base - at->tiny.fix.geometry.pool_bytes;
}

static void plant_bump_above(struct planted *at)
{
    at->arena[1]->bump += at->tiny.fix.geometry.pool_bytes;
}

static void plant_bump_between(struct planted *at)
{
    at->arena[1]->bump -= 16;
}

static void plant_usable_off_the_vector(struct planted *at)
{
    at->tiny.fix.pm->usable = (struct arena *)((char *)at->arena[0] + 8);
}

static void plant_usable_behind_the_vector(struct planted *at)
{
    at->arena[1]->next = at->tiny.fix.pm->arenas + at->tiny.fix.pm->arena_capacity;
}

static void plant_usable_unused(struct planted *at)
{
    at->tiny.fix.pm->usable = at->tiny.fix.pm->unused;
}

static void plant_usable_full(struct planted *at)
{
    at->tiny.fix.pm->usable = &at->tiny.fix.pm->arenas[2];
}

static void plant_usable_link_back(struct planted *at)
{
    at->arena[1]->prev = NULL;
}

static void plant_usable_lost(struct planted *at)
{
    at->tiny.fix.pm->usable = NULL;
    at->tiny.fix.pm->last_with_free[1] = NULL;
    at->tiny.fix.pm->last_with_free[2] = NULL;
}

static void plant_finger_too_many(struct planted *at)
{
    at->tiny.fix.pm->last_with_free[3] = at->arena[1];
}

static void plant_unused_in_use(struct planted *at)
{
    at->tiny.fix.pm->unused = at->arena[0];
}

static void plant_unused_off_the_vector(struct planted *at)
{
    at->tiny.fix.pm->unused = (struct arena *)((char *)at->tiny.fix.pm->unused + 8);
}

static void plant_unused_cycle(struct planted *at)
{
    at->tiny.fix.pm->unused->next = at->tiny.fix.pm->unused;
}

static void plant_unused_lost(struct planted *at)
{
    at->tiny.fix.pm->unused = NULL;
}

static void plant_high_water(struct planted *at)
{
    at->tiny.fix.pm->arenas_high = 0;
}

static void plant_ever(struct planted *at)
{
    at->tiny.fix.pm->arenas_ever = 0;
}

static void open_planted(struct planted *at)
{
    open_tiny(&at->tiny, true);
    give_pool(&at->tiny, 0, 0);
    give_pool(&at->tiny, 1, 0);
    give_pool(&at->tiny, 1, 1);
    for (size_t i = 2; i < POOL_BLOCKS; i++) {
        give(&at->tiny.fix, at->tiny.block[2][0][i]);
    }
    at->used = pool_of(at->tiny.fix.pm, at->tiny.block[2][0][0]);
    at->arena[0] = at->tiny.fix.pm->usable;
    at->arena[1] = at->arena[0]->next;
    expect_sound(&at->tiny.fix);
}

static const struct {
    void (*plant)(struct planted *at);
    const char *word;
} rows[] = {
    {plant_count, "blocks out"},
    {plant_cycle, "twice"},
    {plant_stray_link, "leads to"},
    {plant_link_below, "leads to"},
    {plant_link_above, "leads to"},
    {plant_class, "between blocks"},
    {plant_class_out_of_range, "has class 200"},
    {plant_carved_too_little, "between blocks"},
    {plant_carved_too_much, "between blocks"},
    {plant_full_with_room, "room to carve"},
    {plant_lost_pool, "listed"},
    {plant_wild_list, "is no pool"},
    {plant_list_off_the_table, "is no pool"},
    {plant_list_of_next_class, "of class 31"},
    {plant_list_with_an_empty_pool, "empty"},
    {plant_list_with_a_full_pool, "full"},
    {plant_list_link_back, "wrongly linked"},
    {plant_arena_number, "says arena"},
    {plant_free_pools, "free pools"},
    {plant_empty_list, "shorter"},
    {plant_empty_cycle, "longer"},
    {plant_empty_pool_of_a_later_arena, "one that is not"},
    {plant_empty_pool_of_an_earlier_arena, "one that is not"},
    {plant_empty_pool_in_use, "one that is not"},
    {plant_base, "bounds"},
    {plant_total_pools, "bounds"},
    {plant_bump_below, "bounds"},
    {plant_bump_above, "bounds"},
    {plant_bump_between, "bounds"},
    {plant_arena_order, "behind one"},
    {plant_finger, "not on record"},
    {plant_finger_too_many, "listed"},
    {plant_usable_off_the_vector, "one that is not"},
    {plant_usable_behind_the_vector, "one that is not"},
    {plant_usable_unused, "one that is not"},
    {plant_usable_full, "one that is not"},
    {plant_usable_link_back, "wrongly linked"},
    {plant_usable_lost, "0 listed"},
    {plant_unused_in_use, "descriptors"},
    {plant_unused_off_the_vector, "descriptors"},
    {plant_unused_cycle, "descriptors"},
    {plant_unused_lost, "do not fit"},
    {plant_arena_count, "do not fit"},
    {plant_high_water, "do not fit"},
    {plant_ever, "do not fit"},
};

static void test_check_finds_planted_corruption(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static struct planted at; /* its heap is left as it is: beyond repair */
        open_planted(&at);
        rows[i].plant(&at);
        struct pab_error err = {0};
        assert_int_equal(pab_pymalloc_check(at.tiny.fix.pm, &err), PAB_BAD_DATA);
        if (strstr(err.text, rows[i].word) == NULL) {
            fail_msg("row %zu: expected '%s' in '%s'", i, rows[i].word, err.text);
        }
        free(at.tiny.fix.pm->arenas);
        pab_pages_release(at.tiny.fix.mapping, 2 * at.tiny.fix.region_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_finds_planted_corruption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
