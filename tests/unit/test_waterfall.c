/* The waterfall: steps that add up whatever comes in, and inventories that account for what a heap
 * holds, against counts of our own and the system's word on pages. */
#include "allocators/os_pages.h"
#include "allocators/spec.h"
#include "harness/waterfall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static uint64_t sum_of(const struct pab_waterfall *steps)
{
    return steps->payload_bytes + steps->rounding_bytes + steps->headers_bytes +
           steps->free_blocks_bytes + steps->free_pools_bytes + steps->slack_bytes +
           steps->tables_bytes + steps->raw_heap_bytes + steps->other_bytes -
           steps->not_resident_bytes;
}

/* --- the steps ------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (*state >> 33) % 1000 * 4096;
}

static void steps_always_add_up(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        struct pab_waterfall_input input = {
            .live_bytes = next_random(&random),
            .usable_bytes = i % 5 == 0 ? 0 : next_random(&random),
            .growth_bytes = next_random(&random) * (1 + (uint64_t)i % 7),
            .has_own = i % 3 != 0,
            .has_raw = i % 2 != 0,
        };
        struct pab_inventory *inventories[] = {&input.own, &input.raw};
        for (size_t j = 0; j < ARRAY_COUNT(inventories); j++) {
            *inventories[j] = (struct pab_inventory){next_random(&random), next_random(&random),
                                                     next_random(&random), next_random(&random),
                                                     next_random(&random), next_random(&random)};
        }
        struct pab_waterfall steps = pab_waterfall_make(&input);
        assert_int_equal(sum_of(&steps), input.growth_bytes);
        assert_int_equal(steps.payload_bytes, input.live_bytes);
    }
}

/* 100 asked for, in blocks of 110; the pools' heap has 60 of them and lies on one that holds 65. */
static void each_byte_has_its_step(void **state)
{
    (void)state;
    struct pab_waterfall_input input = {
        .live_bytes = 100,
        .usable_bytes = 110,
        .growth_bytes = 150,
        .has_own = true,
        .has_raw = true,
        .own = {60, 4, 8, 3, 1, 6},
        .raw = {55, 5, 5, 0, 0, 2},
    };
    struct pab_waterfall steps = pab_waterfall_make(&input);
    assert_int_equal(steps.rounding_bytes, 10);
    assert_int_equal(steps.headers_bytes, 0);
    assert_int_equal(steps.free_blocks_bytes, 4);
    assert_int_equal(steps.free_pools_bytes, 8);
    assert_int_equal(steps.slack_bytes, 3);
    assert_int_equal(steps.tables_bytes, 1);
    assert_int_equal(steps.raw_heap_bytes, 15);    /* 65 less the 50 that are not in pools */
    assert_int_equal(steps.not_resident_bytes, 8); /* as both say */
    assert_int_equal(steps.other_bytes, 150 + 8 - 141);
    assert_int_equal(steps.unexplained_bytes, 150 + 8 - 141);

    input.growth_bytes = 120; /* less than what they say is there */
    steps = pab_waterfall_make(&input);
    assert_int_equal(steps.other_bytes, 0);
    assert_int_equal(steps.not_resident_bytes, 141 - 120);
    assert_int_equal(steps.unexplained_bytes, 141 - 120 - 8);

    input.has_own = input.has_raw = false;
    steps = pab_waterfall_make(&input);
    assert_int_equal(steps.other_bytes, 10);
    assert_int_equal(steps.free_blocks_bytes + steps.raw_heap_bytes, 0);

    struct pab_waterfall_input alone = {.live_bytes = 100,
                                        .usable_bytes = 110,
                                        .growth_bytes = 150,
                                        .has_own = true,
                                        .own = {.blocks_bytes = 128}};
    assert_int_equal(pab_waterfall_make(&alone).headers_bytes, 18);
}

/* --- inventories ---------------------------------------------------------------------------- */

static void pages_are_resident_when_touched(void **state)
{
    (void)state;
    size_t page = pab_pages_size();
    enum { PAGES = 5000, TOUCHED = 4097 }; /* more than are asked about at once */
    char *start = pab_pages_map(PAGES * page);
    assert_non_null(start);
    assert_int_equal(pab_pages_resident(start, PAGES * page), 0);
    for (size_t i = 0; i < TOUCHED; i++) {
        start[i * page] = 1;
    }
    /* Huge pages may bring more of them; none brings fewer. */
    assert_true(pab_pages_resident(start, PAGES * page) >= TOUCHED * page);
    assert_int_equal(pab_pages_resident(start, 1), page);
    pab_pages_decommit(start, PAGES * page);
    assert_int_equal(pab_pages_resident(start, PAGES * page), 0);
    pab_pages_release(start, PAGES * page);
    assert_int_equal(pab_pages_resident(start, page + 1), 2 * page); /* nobody can tell */
}

static uint64_t held_bytes(const struct pab_inventory *inventory)
{
    return inventory->blocks_bytes + inventory->free_blocks_bytes + inventory->free_pools_bytes +
           inventory->slack_bytes;
}

static struct {
    const char *name;
    uint64_t value;
} wanted;

static void find_stat(void *arg, const char *name, uint64_t value)
{
    (void)arg;
    wanted.value = strcmp(name, wanted.name) == 0 ? value : wanted.value;
}

static uint64_t stat_named(struct pab_heap *heap, const char *name)
{
    wanted.name = name;
    heap->backend->stats(heap, find_stat, NULL);
    return wanted.value;
}

enum { BLOCKS = 30000, BLOCK_BYTES = 500 };

static void take_all(struct pab_alloc *obj, void **blocks)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = obj->malloc(obj->ctx, BLOCK_BYTES);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
}

static void pymalloc_accounts_for_its_arenas(void **state)
{
    (void)state;
    static void *blocks[BLOCKS];
    struct pab_spec *spec = NULL;
    struct pab_heap heap;
    assert_int_equal(pab_spec_parse("pymalloc:arena=256K", &spec, NULL), PAB_OK);
    assert_int_equal(pab_heap_open(&heap, spec, NULL), PAB_OK);
    struct pab_alloc *obj = &heap.domain[PAB_DOMAIN_OBJ];
    struct pab_inventory full = {0};
    take_all(obj, blocks);
    assert_true(heap.backend->inventory(&heap, &full));
    assert_int_equal(full.blocks_bytes, BLOCKS * (uint64_t)512);
    assert_int_equal(held_bytes(&full), stat_named(&heap, "arenas_bytes"));
    assert_true(full.absent_bytes < MIB); /* all blocks were written to */

    for (size_t i = 0; i < BLOCKS; i++) {
        obj->free(obj->ctx, blocks[i]);
    }
    struct pab_inventory empty = {0};
    assert_true(heap.backend->inventory(&heap, &empty));
    assert_int_equal(empty.blocks_bytes, 0);
    assert_int_equal(held_bytes(&empty), held_bytes(&full)); /* the addresses stay */
    assert_true(empty.absent_bytes > held_bytes(&full) - 2 * MIB);
    pab_heap_close(&heap);
    pab_spec_destroy(spec);
}

/* What each allocator says that it handed out is at least what was taken, and not much more. */
static void inventories_hold_what_was_taken(void **state)
{
    (void)state;
    static const char *const specs[] = {"system", "mimalloc"};
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct pab_spec *spec = NULL;
        struct pab_heap heap;
        struct pab_inventory before = {0};
        struct pab_inventory after = {0};
        assert_int_equal(pab_spec_parse(specs[i], &spec, NULL), PAB_OK);
        if (pab_heap_open(&heap, spec, NULL) == PAB_OK) {
            struct pab_inventory emptied = {0};
            struct pab_alloc *obj = &heap.domain[PAB_DOMAIN_OBJ];
            (void)heap.backend->inventory(&heap, &before);
            take_all(obj, blocks);
            assert_true(heap.backend->inventory(&heap, &after));
            uint64_t taken = after.blocks_bytes - before.blocks_bytes;
            assert_true(taken >= (uint64_t)BLOCKS * BLOCK_BYTES);
            assert_true(taken <= (uint64_t)BLOCKS * BLOCK_BYTES * 5 / 4);
            for (size_t j = 0; j < BLOCKS; j++) {
                obj->free(obj->ctx, blocks[j]);
            }
            assert_true(heap.backend->inventory(&heap, &emptied));
            assert_true(emptied.blocks_bytes < before.blocks_bytes + MIB);
            pab_heap_close(&heap);
        }
        pab_spec_destroy(spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_always_add_up),
        cmocka_unit_test(each_byte_has_its_step),
        cmocka_unit_test(pages_are_resident_when_touched),
        cmocka_unit_test(pymalloc_accounts_for_its_arenas),
        cmocka_unit_test(inventories_hold_what_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
