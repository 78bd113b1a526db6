/* The requests of `profiles` have the sizes and lives of the programs that were recorded. */
#include "tests/unit/profile_samples.h"
#include "workloads/support/rng.h"
#include "workloads/trace/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SMALL       512u
#define CLASSES     256u /* of sizes: 16 bytes wide up to SMALL, then a quarter of an octave */
#define KINDS       3u   /* enum pab_profile_how */
#define SIZE_CELLS  (PAB_DOMAIN_COUNT * KINDS * (SMALL + 1 + CLASSES))
#define LIFE_GROUPS (PAB_DOMAIN_COUNT * CLASSES)

static unsigned class_of(uint32_t size)
{
    if (size <= SMALL) {
        return ((size == 0 ? 1 : size) + 15) / 16;
    }
    unsigned octave = 31u - (unsigned)__builtin_clz(size);
    return SMALL / 16 + 1 + 4 * (octave - 9) + (size >> (octave - 2) & 3);
}

static unsigned life_group(const struct pab_made *block)
{
    return block->domain * CLASSES + class_of(block->first);
}

static unsigned size_cell(const struct pab_made *block)
{
    unsigned size = block->first <= SMALL ? block->first : SMALL + class_of(block->first);
    size = block->how == PAB_PROFILE_RESIZED ? 0 : size; /* these are means of parts */
    return (block->domain * KINDS + block->how) * (SMALL + 1 + CLASSES) + size;
}

/* --- how far one is from the other ------------------------------------------------------------ */

/* Chi-square of all (domain, way of making, size), in standard deviations from what it should be.
 * Cells where less than ten are expected are taken together. */
static double size_distance(const struct pab_sample *source, const struct pab_sample *drawn)
{
    static double expected[SIZE_CELLS], observed[SIZE_CELLS];
    memset(expected, 0, sizeof(expected));
    memset(observed, 0, sizeof(observed));
    for (uint32_t i = 0; i < source->count; i++) {
        expected[size_cell(&source->blocks[i])] += (double)drawn->count / source->count;
    }
    for (uint32_t i = 0; i < drawn->count; i++) {
        observed[size_cell(&drawn->blocks[i])] += 1;
    }
    double sum = 0;
    double freedom = 0;
    double rest_expected = 1e-9;
    double rest_observed = 0;
    for (unsigned i = 0; i < SIZE_CELLS; i++) {
        if (expected[i] >= 10) {
            sum += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
            freedom++;
        } else {
            rest_expected += expected[i];
            rest_observed += observed[i];
        }
    }
    sum += (rest_observed - rest_expected) * (rest_observed - rest_expected) / rest_expected;
    return (sum - freedom) / sqrt(2 * freedom);
}

static int order_of_lives(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Lives of the blocks of a group, or of all, in order. */
static uint32_t sorted_lives(const struct pab_sample *sample, unsigned group, uint64_t *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sample->count; i++) {
        if (group == LIFE_GROUPS || life_group(&sample->blocks[i]) == group) {
            out[count++] = sample->blocks[i].life;
        }
    }
    qsort(out, count, sizeof(*out), order_of_lives);
    return count;
}

/* Kolmogorov's and Smirnov's distance of two sorted rows. */
static double distance(const uint64_t *a, uint32_t a_count, const uint64_t *b, uint32_t b_count)
{
    double worst = 0;
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < a_count && k < b_count) {
        uint64_t life = a[i] < b[k] ? a[i] : b[k];
        while (i < a_count && a[i] == life) {
            i++;
        }
        while (k < b_count && b[k] == life) {
            k++;
        }
        worst = fmax(worst, fabs((double)i / a_count - (double)k / b_count));
    }
    return worst;
}

/* What chance explains, once in a thousand groups. */
static double chance(uint32_t count)
{
    return 1.95 / sqrt(count);
}

/* Of the lives of one group: what is beyond chance. */
static double life_distance(const struct pab_sample *source, const struct pab_sample *drawn,
                            unsigned group)
{
    static uint64_t a[PAB_SAMPLE_MAX], b[PAB_SAMPLE_MAX];
    uint32_t a_count = sorted_lives(source, group, a);
    uint32_t b_count = sorted_lives(drawn, group, b);
    return distance(a, a_count, b, b_count) - chance(b_count);
}

/* Of the groups that have a fiftieth of the blocks or more. */
static double worst_life_distance(const struct pab_sample *source, const struct pab_sample *drawn)
{
    double worst = 0;
    uint32_t blocks[LIFE_GROUPS] = {0};
    for (uint32_t i = 0; i < drawn->count; i++) {
        blocks[life_group(&drawn->blocks[i])]++;
    }
    for (unsigned group = 0; group < LIFE_GROUPS; group++) {
        if (blocks[group] >= drawn->count / 50) {
            worst = fmax(worst, life_distance(source, drawn, group));
        }
    }
    return worst;
}

/* Of resized blocks: how many standard errors lie between the means of their last sizes, or of how
 * often they were resized. */
static double resized_distance(const struct pab_sample *source, const struct pab_sample *drawn,
                               bool of_size)
{
    double sum[2] = {0};
    double squares = 0;
    double count[2] = {0};
    const struct pab_sample *both[] = {source, drawn};
    for (unsigned which = 0; which < 2; which++) {
        for (uint32_t i = 0; i < both[which]->count; i++) {
            const struct pab_made *block = &both[which]->blocks[i];
            if (block->how == PAB_PROFILE_RESIZED) {
                double value = of_size ? block->last : block->resizes;
                sum[which] += value;
                squares += which == 0 ? value * value : 0;
                count[which]++;
            }
        }
    }
    double mean = sum[0] / count[0];
    double deviation = sqrt(squares / count[0] - mean * mean);
    return fabs(sum[1] / count[1] - mean) / (deviation / sqrt(count[1]));
}

/* --- the tests -------------------------------------------------------------------------------- */

static struct pab_sample source, drawn;

static struct pab_made *new_blocks(void)
{
    struct pab_made *blocks = calloc(PAB_SAMPLE_MAX, sizeof(*blocks));
    assert_non_null(blocks);
    return blocks;
}

static int set_up(void **state)
{
    (void)state;
    source.blocks = new_blocks();
    drawn.blocks = new_blocks();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(source.blocks);
    free(drawn.blocks);
    return 0;
}

#define SIZES_MAX   4.0  /* standard deviations */
#define RESIZED_MAX 4.0  /* standard errors */
#define LIVES_MAX   0.01 /* beyond chance: lives are the means of parts */
#define GROUPS_MAX  0.05

struct distances {
    double sizes, lives, groups, times, resized;
};

static struct distances compare(const char *what)
{
    struct distances out = {
        .sizes = size_distance(&source, &drawn),
        .lives = life_distance(&source, &drawn, LIFE_GROUPS),
        .groups = worst_life_distance(&source, &drawn),
        .times = resized_distance(&source, &drawn, false),
        .resized = resized_distance(&source, &drawn, true),
    };
    print_message("%s: sizes %.2f, lives %.4f, by size %.4f, resizes %.2f, to %.2f\n", what,
                  out.sizes, out.lives, out.groups, out.times, out.resized);
    return out;
}

static void expect_alike(const struct distances *distances)
{
    assert_true(distances->sizes < SIZES_MAX);
    assert_true(distances->lives < LIVES_MAX);
    assert_true(distances->groups < GROUPS_MAX);
    assert_true(distances->times < RESIZED_MAX);
    assert_true(distances->resized < RESIZED_MAX);
}

static void runs_have_the_sizes_and_lives(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAB_PROFILE_COUNT; i++) {
        pab_sample_source(&pab_profiles[i], &source);
        pab_sample_run(i + 1, pab_sample_mean_live(&source), &drawn);
        struct distances distances = compare(pab_profiles[i].name);
        expect_alike(&distances);
    }
}

/* --- tables that are wrong -------------------------------------------------------------------- */

#define ROWS_MAX    512u
#define NUMBERS_MAX 65536u

static struct {
    struct pab_profile_row rows[ROWS_MAX];
    struct pab_profile table;
    uint32_t numbers[4 * NUMBERS_MAX];
    uint32_t used;
} wrong;

static void copy_table(const struct pab_profile *profile)
{
    memset(&wrong, 0, sizeof(wrong));
    assert_true(profile->row_count <= ROWS_MAX);
    memcpy(wrong.rows, profile->rows, profile->row_count * sizeof(wrong.rows[0]));
    wrong.table = *profile;
    wrong.table.rows = wrong.rows;
}

/* A list of its own, to be changed. */
static uint32_t *own_list(struct pab_profile_list *list)
{
    uint32_t *own = &wrong.numbers[wrong.used];
    wrong.used += list->count;
    assert_true(wrong.used <= ARRAY_COUNT(wrong.numbers));
    memcpy(own, list->at, list->count * sizeof(*own));
    list->at = own;
    return own;
}

/* Each size is one more. */
static void spoil_sizes(struct pab_profile_row *row)
{
    uint32_t *sizes = own_list(&row->sizes);
    for (uint32_t i = 0; row->how != PAB_PROFILE_RESIZED && i < row->sizes.count; i += 2) {
        sizes[i]++;
    }
}

/* A block that dies at once lives until one other is made. */
static void spoil_lives(struct pab_profile_row *row)
{
    if (row->how != PAB_PROFILE_RESIZED) {
        uint32_t *lives = own_list(&row->lives);
        lives[0] += lives[0] == 0;
    }
}

/* Every second one is resized once more. */
static void spoil_times(struct pab_profile_row *row)
{
    uint32_t *parts = own_list(&row->sizes);
    uint32_t step = 2 * PAB_RESIZED_FIELDS;
    for (uint32_t i = 0; row->how == PAB_PROFILE_RESIZED && i < row->sizes.count; i += step) {
        parts[i + PAB_RESIZED_TIMES]++;
    }
}

static void spoil_each(void (*spoil)(struct pab_profile_row *row))
{
    for (size_t i = 0; i < wrong.table.row_count; i++) {
        spoil(&wrong.rows[i]);
    }
}

/* The lives of all rows, in each of them: what a table has that knows sizes and lives, each for
 * itself. */
static void part_sizes_from_lives(void)
{
    static uint32_t all[NUMBERS_MAX];
    uint32_t count = 0;
    uint32_t blocks = 0;
    for (size_t i = 0; i < wrong.table.row_count; i++) {
        const struct pab_profile_list *lives = &wrong.rows[i].lives;
        assert_true(count + lives->count <= NUMBERS_MAX);
        for (uint32_t k = 0; k < lives->count; k += 2) {
            all[count++] = lives->at[k];
            all[count++] = lives->at[k + 1];
            blocks += lives->at[k + 1];
        }
    }
    static uint32_t lives[ROWS_MAX][2];
    struct pab_rng rng;
    pab_rng_seed(&rng, 3);
    for (size_t i = 0; i < wrong.table.row_count; i++) {
        struct pab_profile_row *row = &wrong.rows[i];
        if (row->how == PAB_PROFILE_RESIZED) {
            continue;
        }
        if (row->blocks < wrong.table.blocks / 100) { /* one life will do */
            uint32_t left = pab_rng_below(&rng, blocks);
            uint32_t k = 0;
            for (; left >= all[k + 1]; k += 2) {
                left -= all[k + 1];
            }
            lives[i][0] = all[k];
            lives[i][1] = row->blocks;
            row->lives = (struct pab_profile_list){.at = lives[i], .count = 2};
            continue;
        }
        row->lives = (struct pab_profile_list){.at = all, .count = count};
        uint32_t *own = own_list(&row->lives);
        uint64_t before = 0;
        for (uint32_t k = 0; k < count; k += 2) {
            uint64_t after = before + all[k + 1];
            own[k + 1] = (uint32_t)(after * row->blocks / blocks - before * row->blocks / blocks);
            before = after;
        }
    }
}

static struct distances run_wrong(const char *what)
{
    pab_sample_table(&wrong.table, pab_sample_mean_live(&source), &drawn);
    return compare(what);
}

/* The distances tell a table that is wrong, each its kind of wrong. */
static void wrong_tables_are_told(void **state)
{
    (void)state;
    const struct pab_profile *profile = &pab_profiles[1];
    pab_sample_source(profile, &source);
    copy_table(profile);
    struct distances distances = run_wrong("as it is");
    expect_alike(&distances);
    copy_table(profile);
    spoil_each(spoil_sizes);
    assert_true(run_wrong("other sizes").sizes > 100 * SIZES_MAX);
    copy_table(profile);
    spoil_each(spoil_lives);
    assert_true(run_wrong("other lives").lives > 5 * LIVES_MAX);
    copy_table(profile);
    spoil_each(spoil_times);
    assert_true(run_wrong("more resizes").times > RESIZED_MAX);
    copy_table(profile);
    part_sizes_from_lives();
    distances = run_wrong("lives of no size");
    assert_true(distances.sizes < SIZES_MAX);
    assert_true(distances.groups > 5 * GROUPS_MAX);
}

/* --- the tables and the traces ---------------------------------------------------------------- */

/* Of the blocks of one domain, way of making and class of size, or of those of a domain that were
 * resized. */
struct sums {
    uint64_t blocks, sizes, lives;
};

#define SUM_CELLS (PAB_DOMAIN_COUNT * KINDS * CLASSES)

static unsigned sum_cell(unsigned domain, unsigned how, uint32_t size)
{
    unsigned class = how == PAB_PROFILE_RESIZED ? 0 : class_of(size);
    return (domain * KINDS + how) * CLASSES + class;
}

static void add_lists(struct sums *sums, const struct pab_profile_row *row)
{
    uint64_t sizes = 0;
    uint64_t lives = 0;
    for (uint32_t i = 0; i < row->sizes.count; i += 2) {
        sums->sizes += (uint64_t)row->sizes.at[i] * row->sizes.at[i + 1];
        sizes += row->sizes.at[i + 1];
    }
    for (uint32_t i = 0; i < row->lives.count; i += 2) {
        sums->lives += (uint64_t)row->lives.at[i] * row->lives.at[i + 1];
        lives += row->lives.at[i + 1];
    }
    assert_int_equal(sizes, row->blocks);
    assert_int_equal(lives, row->blocks);
}

static void expect_parts(const struct pab_profile_row *row)
{
    assert_int_equal(row->sizes.count % PAB_RESIZED_FIELDS, 0);
    uint32_t parts = row->sizes.count / PAB_RESIZED_FIELDS;
    for (uint32_t i = 0; i < parts; i++) {
        const uint32_t *part = &row->sizes.at[(size_t)i * PAB_RESIZED_FIELDS];
        assert_true(part[PAB_RESIZED_TIMES] >= 1);
        assert_true(part[PAB_RESIZED_PEAK] >= part[PAB_RESIZED_FIRST]);
        assert_true(part[PAB_RESIZED_PEAK] >= part[PAB_RESIZED_LAST]);
        assert_true(part[PAB_RESIZED_BUSY] <= part[PAB_RESIZED_LIFE]);
    }
}

static void hold_table_to_trace(const struct pab_profile *profile)
{
    static struct sums told[SUM_CELLS], true_sums[SUM_CELLS];
    memset(told, 0, sizeof(told));
    memset(true_sums, 0, sizeof(true_sums));
    for (size_t i = 0; i < profile->row_count; i++) {
        const struct pab_profile_row *row = &profile->rows[i];
        struct sums *sums = &told[sum_cell(row->domain, row->how, row->sizes.at[0])];
        assert_int_equal(sums->blocks, 0); /* there is one such row */
        sums->blocks = row->blocks;
        if (row->how == PAB_PROFILE_RESIZED) {
            expect_parts(row);
        } else {
            add_lists(sums, row);
        }
    }
    pab_sample_source(profile, &source);
    assert_int_equal(source.count, profile->blocks);
    for (uint32_t i = 0; i < source.count; i++) {
        const struct pab_made *block = &source.blocks[i];
        struct sums *sums = &true_sums[sum_cell(block->domain, block->how, block->first)];
        sums->blocks++;
        sums->sizes += block->first;
        sums->lives += block->life;
    }
    for (unsigned i = 0; i < SUM_CELLS; i++) {
        assert_int_equal(told[i].blocks, true_sums[i].blocks);
        if (i / CLASSES % KINDS != PAB_PROFILE_RESIZED) { /* means are rounded */
            uint64_t half = told[i].blocks / 2;
            assert_in_range(told[i].sizes + half, true_sums[i].sizes,
                            true_sums[i].sizes + 2 * half);
            assert_in_range(told[i].lives + half, true_sums[i].lives,
                            true_sums[i].lives + 2 * half);
        }
    }
}

static void tables_are_of_the_traces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAB_PROFILE_COUNT; i++) {
        char path[1024];
        uint64_t digest = 0;
        struct pab_error err;
        pab_sample_path(&pab_profiles[i], path, sizeof(path));
        assert_int_equal(pab_trace_digest(path, &digest, &err), PAB_OK);
        if (digest != pab_profiles[i].digest) {
            fail_msg(
                "%s is not the trace that its table was made from: run workloads/traces/profile.py",
                path);
        }
        hold_table_to_trace(&pab_profiles[i]);
    }
}

/* As many blocks live as were wished for, from the steady phase on. */
static void as_many_live_as_wished(void **state)
{
    (void)state;
    static const uint32_t wishes[] = {1000, 6000};
    for (unsigned program = 0; program <= PAB_PROFILE_COUNT; program++) {
        for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
            struct pab_sample_live live = pab_sample_run(program, wishes[i], &drawn);
            double steady = (double)live.blocks[PAB_PHASE_STEADY];
            double end = (double)live.blocks[PAB_PHASE_DRAIN];
            print_message("program %u, %u: %.0f, then %.0f\n", program, wishes[i], steady, end);
            double room = 5 * sqrt(wishes[i]); /* deviations, by Poisson's law */
            assert_true(fabs(steady - wishes[i]) < room);
            assert_true(fabs(end - wishes[i]) < room);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_of_the_traces),
        cmocka_unit_test(runs_have_the_sizes_and_lives),
        cmocka_unit_test(wrong_tables_are_told),
        cmocka_unit_test(as_many_live_as_wished),
    };
    return cmocka_run_group_tests_name("profiles", tests, set_up, tear_down);
}
