/* The A/A control of a run, and what it says of order, trend, drift and spread. */
#include "tests/unit/made_document.h"

#include "harness/compare/control.h"

/* Two workloads; the second run of the baseline takes `ratio` times as long. */
static struct pab_reading *made_run_twice(unsigned rounds, double ratio, double noise,
                                          uint64_t state)
{
    static const char *const workloads[] = {"one", "two"};
    json_t *document = made("one,two", "a,b");
    for (unsigned r = 0; r < rounds; r++) {
        for (size_t w = 0; w < 2; w++) {
            made_time(document, workloads[w], "a", r, 100 * exp(noise * made_noise(&state)));
            made_time(document, workloads[w], "b", r, 80 * exp(noise * made_noise(&state)));
            made_control(document, workloads[w], "a", r,
                         100 * ratio * exp(noise * made_noise(&state)));
        }
    }
    return made_reading(document);
}

static void fails(void **state)
{
    (void)state;
    struct pab_reading *reading = made_run_twice(20, 1.05, 0.01, 1);
    struct pab_control *control = pab_control_make(reading);
    assert_int_equal(control->verdict, PAB_CONTROL_FAILED);
    assert_int_equal(control->count, 3); /* each workload, and both together */
    assert_null(control->rows[2].workload);
    expect_near(control->rows[2].ratio, 1.05, 0.01);
    assert_non_null(strstr(control->words[0], "against itself"));
    assert_non_null(strstr(control->words[0], "believe no difference"));
    pab_control_free(control);

    /* And every comparison says so. */
    struct pab_rules rules = pab_rules_exploring();
    struct pab_comparison *comparison = within(reading, &rules);
    assert_true(comparison->control_failed);
    assert_true(has_note(comparison, "A/A control failed"));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void passes(void **state)
{
    (void)state;
    struct pab_reading *reading = made_run_twice(20, 1, 0.05, 2);
    struct pab_control *control = pab_control_make(reading);
    assert_int_equal(control->verdict, PAB_CONTROL_GOOD);
    pab_control_free(control);
    struct pab_rules rules = pab_rules_exploring();
    struct pab_comparison *comparison = within(reading, &rules);
    assert_false(comparison->control_failed);
    assert_false(has_note(comparison, "A/A"));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* A third of a percent, however sure, turns no verdict. */
static void small_differences_do_not_fail_it(void **state)
{
    (void)state;
    struct pab_reading *reading = made_run_twice(30, 1.003, 0.0005, 3);
    struct pab_control *control = pab_control_make(reading);
    assert_true(control->rows[2].p_adjusted < 0.01);
    assert_int_equal(control->verdict, PAB_CONTROL_GOOD);
    pab_control_free(control);
    pab_reading_close(reading);
}

static void few_rounds_or_none(void **state)
{
    (void)state;
    struct pab_reading *reading = made_run_twice(9, 1.5, 0.01, 4);
    struct pab_control *control = pab_control_make(reading);
    assert_int_equal(control->verdict, PAB_CONTROL_TOO_FEW); /* 3 rows of 2^-8 at best */
    assert_non_null(strstr(control->words[0], "it takes 10"));
    pab_control_free(control);
    pab_reading_close(reading);

    reading = made_run_twice(10, 1.5, 0.01, 4);
    control = pab_control_make(reading);
    assert_int_equal(control->verdict, PAB_CONTROL_FAILED);
    pab_control_free(control);
    pab_reading_close(reading);

    json_t *document = made("w", "a,b");
    made_pairs(document, "w", 10, 1, 0.01);
    reading = made_reading(document);
    control = pab_control_make(reading);
    assert_int_equal(control->verdict, PAB_CONTROL_NONE);
    assert_int_equal(control->count, 0);
    pab_control_free(control);
    struct pab_rules rules = pab_rules_exploring();
    struct pab_comparison *comparison = within(reading, &rules);
    assert_true(has_note(comparison, "no A/A control"));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* Of 400 sound runs at most 1 in 100 fails: 12 or more would be one chance in a thousand. */
static void sound_runs_pass(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct pab_reading *reading = made_run_twice(12, 1, 0.1, 1000 + 77 * seed);
        struct pab_control *control = pab_control_of_pairs(reading);
        failed += control->verdict == PAB_CONTROL_FAILED ? 1 : 0;
        pab_control_free(control);
        pab_reading_close(reading);
    }
    assert_in_range(failed, 0, 11);
}

/* --- influences ------------------------------------------------------------------------------- */

/* Backends a, b, c in an order of their own each round; what the place, the one before, the round
 * or the repetition add to the logarithm. */
struct plant {
    double by_place, after_a, by_round, by_repetition;
};

static struct pab_control *control_of(const struct plant *plant, struct pab_reading **reading)
{
    static const char *const backends[] = {"a", "b", "c"};
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    uint64_t noise = 6;
    json_t *document = made("w", "a,b,c");
    for (unsigned r = 0; r < 60; r++) {
        unsigned before = 3;
        for (unsigned place = 0; place < 3; place++) {
            unsigned backend = orders[(r * 5 + r / 6) % 6][place];
            double log_ns = 0.02 * made_noise(&noise) + plant->by_place * place +
                            plant->by_round * r + (before == 0 ? plant->after_a : 0);
            json_t *row = made_time(document, "w", backends[backend], r, 0);
            json_object_set_new(row, "position", json_integer(place));
            json_object_set_new(row, "reps_cpu_ns",
                                json_pack("[f, f, f]", 1000 * exp(log_ns), 1000 * exp(log_ns),
                                          1000 * exp(log_ns + plant->by_repetition)));
            before = backend;
        }
    }
    *reading = made_reading(document); /* its names are the control's */
    return pab_control_make(*reading);
}

static bool has_words(const struct pab_control *control, const char *words)
{
    for (size_t i = 0; i < control->word_count; i++) {
        if (strstr(control->words[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static void nothing_planted(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_control *control = control_of(&(struct plant){0}, &reading);
    assert_true(control->order.p > 0.01 && control->after.p > 0.01 && control->drift.p > 0.01);
    expect_near(control->trend.change, 0, 1e-12);
    assert_int_equal(control->word_count, 1);
    assert_int_equal(control->spread.cells, 3);
    expect_near(control->spread.median, 0.02, 0.006);
    pab_control_free(control);
    pab_reading_close(reading);
}

static void order_planted(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_control *control = control_of(&(struct plant){.by_place = 0.03}, &reading);
    assert_true(control->order.p < 1e-6 && control->order.correlation > 0.3);
    expect_near(control->order.change, 0.06, 0.02);
    assert_true(has_words(control, "late in a round are 6."));
    assert_true(control->drift.p > 0.01);
    pab_control_free(control);
    pab_reading_close(reading);
}

static void after_planted(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_control *control = control_of(&(struct plant){.after_a = 0.06}, &reading);
    assert_true(control->after.p < 1e-4);
    assert_string_equal(control->after.backend, "a");
    assert_true(control->after.change > 0.03);
    assert_true(has_words(control, "right after a is"));
    pab_control_free(control);
    pab_reading_close(reading);
}

static void drift_planted(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_control *control = control_of(&(struct plant){.by_round = 0.002}, &reading);
    assert_true(control->drift.p < 1e-6 && control->drift.correlation > 0.8);
    expect_near(control->drift.change, 0.06, 0.02);
    assert_true(has_words(control, "machine changed"));
    assert_true(control->order.p > 0.01);
    pab_control_free(control);
    pab_reading_close(reading);
}

static void trend_planted(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_control *control = control_of(&(struct plant){.by_repetition = -0.05}, &reading);
    expect_near(control->trend.change, expm1(-0.05), 1e-9);
    assert_true(control->trend.p < 1e-6);
    assert_true(has_words(control, "4.9 % faster than the first"));
    pab_control_free(control);
    pab_reading_close(reading);
}

static void as_json(void **state)
{
    (void)state;
    struct pab_reading *reading = made_run_twice(12, 1.2, 0.01, 8);
    struct pab_control *control = pab_control_make(reading);
    json_t *json = pab_control_json(control);
    static const char *const keys[] = {"verdict", "words", "rows",  "order",
                                       "after",   "trend", "drift", "spread"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_non_null(json_object_get(json, keys[i]));
    }
    assert_string_equal(json_string_value(json_object_get(json, "verdict")), "failed");
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 3);
    json_decref(json);
    pab_control_free(control);
    pab_reading_close(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails),
        cmocka_unit_test(passes),
        cmocka_unit_test(small_differences_do_not_fail_it),
        cmocka_unit_test(few_rounds_or_none),
        cmocka_unit_test(sound_runs_pass),
        cmocka_unit_test(nothing_planted),
        cmocka_unit_test(order_planted),
        cmocka_unit_test(after_planted),
        cmocka_unit_test(drift_planted),
        cmocka_unit_test(trend_planted),
        cmocka_unit_test(as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
