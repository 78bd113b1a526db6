/* harness/app/predict.h on a run made by hand, whose predictions were worked out on paper. */
#include "harness/app/predict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BY_INSTRUCTIONS "10000"
#define BY_TIME         "null"

/* The program under `base` takes 1000 ns, 800 of them in user mode, and 1000000 bytes. Under `other`
 * the replay does 500 of 4000 instructions more (two rounds), 40 of 500 ns, and gains 50000 of 400000
 * bytes less; the replay of nothing 125 instructions, 5 ns, 10000 bytes more; a program that begins
 * 30 ns and 30000 bytes more. */
static json_t *make_run(const char *instructions)
{
    static const char text[] =
        "{'baseline': 'base', 'backends': [{'id': 'base'}, {'id': 'other'}],"
        " 'app': {'start': [{'backend': 'base', 'cpu_ns': 100, 'peak_rss_bytes': 200000},"
        "                   {'backend': 'other', 'cpu_ns': 130, 'peak_rss_bytes': 230000}]},"
        " 'summary': ["
        "  {'workload': 'app:it', 'backend': 'base', 'metric': 'cpu_ns_per_op', 'median': 1000},"
        "  {'workload': 'app:it', 'backend': 'other', 'metric': 'cpu_ns_per_op', 'median': 1100,"
        "   'ratio': 1.1, 'lo': 1.05, 'hi': 1.15},"
        "  {'workload': 'app:it', 'backend': 'base', 'metric': 'peak_rss_bytes', 'median': 1e6},"
        "  {'workload': 'app:it', 'backend': 'other', 'metric': 'peak_rss_bytes', 'ratio': 0.9,"
        "   'lo': null, 'hi': null}],"
        " 'samples': ["
        "  {'workload': 'app:it', 'backend': 'base', 'pass': 'app',"
        "   'figures': {'user_ns': 800, 'system_ns': 200}},"
        "  {'workload': 'app:it', 'backend': 'other', 'pass': 'app',"
        "   'figures': {'user_ns': 1, 'system_ns': 9}},"
        "  {'workload': 'trace:it', 'backend': 'base', 'pass': 'instructions',"
        "   'figures': {'cold_body': 4000}},"
        "  {'workload': 'trace:it', 'backend': 'other', 'pass': 'instructions',"
        "   'figures': {'cold_body': 4400}},"
        "  {'workload': 'trace:it', 'backend': 'other', 'pass': 'instructions',"
        "   'figures': {'cold_body': 4600}},"
        "  {'workload': 'trace:none', 'backend': 'base', 'pass': 'instructions',"
        "   'figures': {'cold_body': 100}},"
        "  {'workload': 'trace:none', 'backend': 'other', 'pass': 'instructions',"
        "   'figures': {'cold_body': 225}},"
        "  {'workload': 'trace:it', 'backend': 'base', 'pass': 'time', 'cold_ns': 500},"
        "  {'workload': 'trace:it', 'backend': 'other', 'pass': 'time', 'cold_ns': 540},"
        "  {'workload': 'trace:none', 'backend': 'base', 'pass': 'time', 'cold_ns': 10},"
        "  {'workload': 'trace:none', 'backend': 'other', 'pass': 'time', 'cold_ns': 15},"
        "  {'workload': 'trace:it', 'backend': 'base', 'pass': 'memory',"
        "   'mem': {'peak_rss_bytes': 500000, 'r0_bytes': 100000}},"
        "  {'workload': 'trace:it', 'backend': 'other', 'pass': 'memory',"
        "   'mem': {'peak_rss_bytes': 470000, 'r0_bytes': 120000}},"
        "  {'workload': 'trace:none', 'backend': 'base', 'pass': 'memory',"
        "   'mem': {'peak_rss_bytes': 110000, 'r0_bytes': 100000}},"
        "  {'workload': 'trace:none', 'backend': 'other', 'pass': 'memory',"
        "   'mem': {'peak_rss_bytes': 140000, 'r0_bytes': 120000}}]}";
    char quoted[sizeof(text)];
    memcpy(quoted, text, sizeof(text));
    for (char *at = strchr(quoted, '\''); at != NULL; at = strchr(at, '\'')) {
        *at = '"';
    }
    json_t *run = json_loads(quoted, 0, NULL);
    assert_non_null(run);
    json_object_set_new(json_object_get(run, "app"), "instructions",
                        json_loads(instructions, JSON_DECODE_ANY, NULL));
    return run;
}

static const struct pab_predict_names with_nothing = {"app:it", "trace:it", "trace:none"};
static const struct pab_predict_names without_nothing = {"app:it", "trace:it", NULL};

/* NAN: must be null. */
static void expect_number(const json_t *row, const char *key, double wanted)
{
    const json_t *value = json_object_get(row, key);
    assert_non_null(value);
    if (isnan(wanted)) {
        assert_true(json_is_null(value));
    } else {
        assert_true(json_is_real(value));
        assert_float_equal(json_number_value(value), wanted, 1e-12);
    }
}

struct wanted {
    const char *metric, *by;
    double share, predicted, actual, lo, hi;
};

static void expect_row(const json_t *rows, size_t index, const struct wanted *wanted)
{
    const json_t *row = json_array_get(rows, index);
    assert_string_equal(json_string_value(json_object_get(row, "backend")), "other");
    assert_string_equal(json_string_value(json_object_get(row, "metric")), wanted->metric);
    assert_string_equal(json_string_value(json_object_get(row, "by")), wanted->by);
    expect_number(row, "share", wanted->share);
    expect_number(row, "predicted", wanted->predicted);
    expect_number(row, "actual", wanted->actual);
    expect_number(row, "actual_lo", wanted->lo);
    expect_number(row, "actual_hi", wanted->hi);
    expect_number(row, "error", wanted->predicted - wanted->actual);
}

/* One row of time, one of memory, for the one backend that is not the baseline. */
static void expect_rows(const json_t *run, const struct pab_predict_names *names,
                        const struct wanted *time, const struct wanted *memory)
{
    json_t *rows = pab_predict(run, names);
    assert_int_equal(json_array_size(rows), 2);
    expect_row(rows, 0, time);
    expect_row(rows, 1, memory);
    json_decref(rows);
}

/* 8e-5 of the program an instruction: 500 of them 0.04; a beginning of 0.03, of which the replay of
 * nothing has done 0.01. */
static void instructions_foretell_time(void **state)
{
    (void)state;
    json_t *run = make_run(BY_INSTRUCTIONS);
    expect_rows(run, &with_nothing,
                &(struct wanted){"cpu_ns_per_op", "instructions", 0.32, 0.06, 0.1, 0.05, 0.15},
                &(struct wanted){"peak_rss_bytes", "memory", 0.4, -0.03, -0.1, NAN, NAN});
    json_decref(run);
}

/* 40 ns are 0.04 of it, 5 ns of nothing 0.005. */
static void time_foretells_time_where_nothing_was_counted(void **state)
{
    (void)state;
    json_t *run = make_run(BY_TIME);
    expect_rows(run, &with_nothing,
                &(struct wanted){"cpu_ns_per_op", "time", 0.5, 0.065, 0.1, 0.05, 0.15},
                &(struct wanted){"peak_rss_bytes", "memory", 0.4, -0.03, -0.1, NAN, NAN});
    json_decref(run);
}

static void without_a_replay_of_nothing_the_whole_beginning_counts(void **state)
{
    (void)state;
    json_t *run = make_run(BY_INSTRUCTIONS);
    expect_rows(run, &without_nothing,
                &(struct wanted){"cpu_ns_per_op", "instructions", 0.32, 0.07, 0.1, 0.05, 0.15},
                &(struct wanted){"peak_rss_bytes", "memory", 0.4, -0.02, -0.1, NAN, NAN});
    json_decref(run);
}

static void without_a_beginning_the_replay_alone_counts(void **state)
{
    (void)state;
    json_t *run = make_run(BY_TIME);
    json_array_clear(json_object_get(json_object_get(run, "app"), "start"));
    expect_rows(run, &with_nothing,
                &(struct wanted){"cpu_ns_per_op", "time", 0.5, 0.04, 0.1, 0.05, 0.15},
                &(struct wanted){"peak_rss_bytes", "memory", 0.4, -0.05, -0.1, NAN, NAN});
    json_decref(run);
}

static void what_is_missing_is_null(void **state)
{
    (void)state;
    const struct pab_predict_names unplayed = {"app:it", "trace:other", "trace:none"};
    json_t *run = make_run(BY_TIME);
    expect_rows(run, &unplayed,
                &(struct wanted){"cpu_ns_per_op", "time", NAN, NAN, 0.1, 0.05, 0.15},
                &(struct wanted){"peak_rss_bytes", "memory", NAN, NAN, -0.1, NAN, NAN});
    json_array_clear(json_object_get(run, "summary"));
    expect_rows(run, &with_nothing,
                &(struct wanted){"cpu_ns_per_op", "time", NAN, NAN, NAN, NAN, NAN},
                &(struct wanted){"peak_rss_bytes", "memory", NAN, NAN, NAN, NAN, NAN});
    json_decref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_foretell_time),
        cmocka_unit_test(time_foretells_time_where_nothing_was_counted),
        cmocka_unit_test(without_a_replay_of_nothing_the_whole_beginning_counts),
        cmocka_unit_test(without_a_beginning_the_replay_alone_counts),
        cmocka_unit_test(what_is_missing_is_null),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
