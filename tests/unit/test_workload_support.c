/* What workloads draw their inputs with: memory, Zipf's law, scattered order, mixes, requests. */
#include "workloads/support/inputs.h"
#include "workloads/support/mix.h"
#include "workloads/support/replacements.h"
#include "workloads/support/rng.h"
#include "workloads/support/scatter.h"
#include "workloads/support/zipf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pab_inputs inputs;

static int open_inputs(void **state)
{
    (void)state;
    return pab_inputs_init(&inputs, (size_t)1 << 26, NULL) == PAB_OK ? 0 : -1;
}

static int close_inputs(void **state)
{
    (void)state;
    pab_inputs_fini(&inputs);
    return 0;
}

static void inputs_are_apart_zeroed_and_aligned(void **state)
{
    (void)state;
    unsigned char *before = NULL;
    for (size_t size = 1; size < 5000; size = size * 3 + 1) {
        unsigned char *taken = pab_inputs_take(&inputs, size);
        assert_int_equal((uintptr_t)taken % 16, 0);
        assert_true(before == NULL || taken > before);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(taken[i], 0);
        }
        memset(taken, 0xff, size);
        before = taken + size - 1;
    }
}

static void inputs_too_large_are_refused(void **state)
{
    (void)state;
    struct pab_inputs none;
    struct pab_error err;
    assert_int_equal(pab_inputs_init(&none, (size_t)1 << 56, &err), PAB_NO_MEMORY);
    assert_true(strlen(err.text) > 0);
}

/* Rank r is drawn about 1 / (r + 1) times as often as rank 0; no rank lies outside. */
static void zipf_keeps_its_law(void **state)
{
    (void)state;
    struct pab_rng rng;
    pab_rng_seed(&rng, 1);
    for (uint32_t count = 1; count <= 70000; count = count * 16 + 3) {
        struct pab_zipf zipf;
        pab_zipf_init(&zipf, count, &inputs);
        double drawn[4] = {0};
        for (int i = 0; i < 400000; i++) {
            uint32_t rank = pab_zipf_draw(&zipf, &rng);
            assert_true(rank < count);
            if (rank < ARRAY_COUNT(drawn)) {
                drawn[rank]++;
            }
        }
        for (uint32_t rank = 1; rank < ARRAY_COUNT(drawn) && rank < count; rank++) {
            double share = drawn[rank] / drawn[0] * (rank + 1);
            assert_true(share > 0.95 && share < 1.05);
        }
    }
}

static void scatter_gives_every_index_once(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 60000; count = count * 3 + 1) {
        unsigned char *seen = pab_inputs_take(&inputs, count);
        struct pab_scatter scatter;
        pab_scatter_init(&scatter, count, count);
        uint32_t index = 0;
        uint32_t before = 0;
        uint32_t given = 0;
        uint32_t neighbours = 0;
        while (pab_scatter_next(&scatter, &index)) {
            assert_true(index < count);
            assert_int_equal(seen[index], 0);
            seen[index] = 1;
            neighbours += given > 0 && index == before + 1;
            before = index;
            given++;
        }
        assert_int_equal(given, count);
        assert_true(count < 100 || neighbours < count / 20); /* it is no plain count */
    }
}

static void mix_gives_shares_as_asked(void **state)
{
    (void)state;
    struct pab_mix mix = {.filled = 0};
    pab_mix_add(&mix, 7, 192);
    pab_mix_add(&mix, 3, 64);
    assert_int_equal(mix.filled, PAB_MIX_SHARES);
    struct pab_rng rng;
    pab_rng_seed(&rng, 5);
    int sevens = 0;
    for (int i = 0; i < 40000; i++) {
        unsigned kind = pab_mix_draw(&mix, &rng);
        assert_true(kind == 7 || kind == 3);
        sevens += kind == 7;
    }
    assert_in_range(sevens, 29500, 30500);
}

/* The requests fill every slot once, drain every slot once, and ask for nothing below 24 bytes. */
static void replacements_cover_the_slots(void **state)
{
    (void)state;
    const uint32_t live = 5000;
    struct pab_replacements r;
    pab_replacements_draw(&r, live, 20000, 9, &inputs);
    unsigned char *drained = pab_inputs_take(&inputs, live);
    for (uint32_t i = 0; i < live; i++) {
        assert_int_equal(pab_replacement_slot(r.build[i]), i);
        assert_true(r.drain[i] < live);
        assert_int_equal(drained[r.drain[i]], 0);
        drained[r.drain[i]] = 1;
    }
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < r.count; i++) {
        assert_true(pab_replacement_slot(r.steady[i]) < live);
        bytes += r.sizes[pab_replacement_class(r.steady[i])];
    }
    assert_in_range(bytes / r.count, 60, 66); /* the measured mean is 63 */
    for (uint32_t class = 0; class < PAB_REPLACEMENT_CLASSES; class ++) {
        assert_true(r.sizes[class] >= 24);
        assert_true(class == 0 || r.sizes[class] >= r.sizes[class - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_apart_zeroed_and_aligned),
        cmocka_unit_test(inputs_too_large_are_refused),
        cmocka_unit_test(zipf_keeps_its_law),
        cmocka_unit_test(scatter_gives_every_index_once),
        cmocka_unit_test(mix_gives_shares_as_asked),
        cmocka_unit_test(replacements_cover_the_slots),
    };
    return cmocka_run_group_tests_name("workload_support", tests, open_inputs, close_inputs);
}
