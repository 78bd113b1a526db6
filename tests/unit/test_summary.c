/* Summary and suite of the golden documents, whose figures were worked out by hand. */
#include "harness/document.h"
#include "harness/stats/stats.h"
#include "harness/summary.h"
#include "workloads/support/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_same_value(const char *key, const json_t *got, const json_t *wanted)
{
    if (json_is_number(got) && json_is_number(wanted)) {
        double x = json_number_value(got);
        double y = json_number_value(wanted);
        if (!(fabs(x - y) <= 1e-9 * (1 + fabs(y)))) {
            fail_msg("%s: got %.17g, wanted %.17g", key, x, y);
        }
    } else if (!json_equal(got, wanted)) {
        fail_msg("%s: one of them is null or another text", key);
    }
}

static const json_t *find_row(const json_t *rows, const json_t *wanted)
{
    static const char *const keys[] = {"workload", "backend", "metric"};
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        bool same = true;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            const json_t *value = json_object_get(wanted, keys[i]);
            same = same && (value == NULL || json_equal(json_object_get(row, keys[i]), value));
        }
        if (same) {
            return row;
        }
    }
    return NULL;
}

static void expect_same_rows(const json_t *got, const json_t *wanted)
{
    assert_true(json_array_size(wanted) > 0);
    assert_true(json_array_size(got) >= json_array_size(wanted)); /* some list time alone */
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(wanted, index, row)
    {
        const json_t *mine = find_row(got, row);
        assert_non_null(mine);
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach(row, key, value)
        {
            expect_same_value(key, json_object_get(mine, key), value);
        }
    }
}

static json_t *read_document(const char *name)
{
    char path[512];
    json_t *document = NULL;
    struct pab_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", PAB_GOLDEN_DIR, name);
    if (pab_document_read(path, &document, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    return document;
}

static void summarise(const json_t *run, json_t **summary, json_t **suite)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    if (pab_reading_of_run(run, &reading, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
    *summary = json_array();
    *suite = json_array();
    pab_summary_add(reading, *summary, *suite);
    pab_reading_close(reading);
}

static void check_document(const char *name)
{
    json_t *document = read_document(name);
    const json_t *run = json_object_get(document, "pyallocbench");
    json_t *summary = NULL;
    json_t *suite = NULL;
    summarise(run, &summary, &suite);
    expect_same_rows(summary, json_object_get(run, "summary"));
    expect_same_rows(suite, json_object_get(run, "suite"));
    json_decref(summary);
    json_decref(suite);
    json_decref(document);
}

static bool is_row(const json_t *row, const char *backend, const char *metric, int round)
{
    const json_t *named = json_object_get(row, metric == NULL ? "pass" : "metric");
    const char *text = json_string_value(json_object_get(row, "backend"));
    const char *workload = json_string_value(json_object_get(row, "workload"));
    return strcmp(workload, "small_ints") == 0 && strcmp(text, backend) == 0 &&
           strcmp(json_string_value(named), metric == NULL ? "time" : metric) == 0 &&
           (round < 0 || json_integer_value(json_object_get(row, "round")) == round);
}

/* Where the baseline lacks a round, the others' stands alone: it is paired with no other. In every
 * round the rival takes half of the baseline's time, so its interval has no width. */
static void round_without_baseline(void **state)
{
    (void)state;
    json_t *document = json_load_file(PAB_GOLDEN_DIR "/mixed.json", 0, NULL);
    json_t *run = json_object_get(document, "pyallocbench");
    json_t *samples = json_object_get(run, "samples");
    struct pab_reading *reading = NULL;
    json_t *summary = json_array();
    json_t *suite = json_array();
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(samples, index, row)
    {
        if (is_row(row, "pymalloc", NULL, 3)) {
            break;
        }
    }
    assert_int_equal(json_array_remove(samples, index), 0);
    assert_int_equal(pab_reading_of_run(run, &reading, NULL), PAB_OK);
    pab_summary_add(reading, summary, suite);
    json_array_foreach(summary, index, row)
    {
        if (is_row(row, "mimalloc", "cpu_ns_per_op", -1)) {
            break;
        }
    }
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 7);
    expect_same_value("lo", json_object_get(row, "lo"), json_object_get(row, "ratio"));
    expect_same_value("hi", json_object_get(row, "hi"), json_object_get(row, "ratio"));
    assert_true(fabs(json_number_value(json_object_get(row, "ratio")) - 0.5) < 1e-9);
    pab_reading_close(reading);
    json_decref(summary);
    json_decref(suite);
    json_decref(document);
}

static void rename_workload(json_t *run, const char *from, const char *to)
{
    const char *const arrays[] = {"workloads", "samples", "control", "failures"};
    for (size_t i = 0; i < ARRAY_COUNT(arrays); i++) {
        const char *key = i == 0 ? "id" : "workload";
        size_t index = 0;
        json_t *row = NULL;
        json_array_foreach(json_object_get(run, arrays[i]), index, row)
        {
            const char *name = json_string_value(json_object_get(row, key));
            if (name != NULL && strcmp(name, from) == 0) {
                json_object_set_new(row, key, json_string(to));
            }
        }
    }
}

/* What the mean of a memory is over, and the mean. */
static void expect_mean(const char *renamed, int workloads, double ratio)
{
    json_t *document = read_document("mixed.json");
    json_t *run = json_object_get(document, "pyallocbench");
    json_t *summary = NULL;
    json_t *suite = NULL;
    rename_workload(run, "strings", renamed);
    summarise(run, &summary, &suite);
    size_t index = 0;
    json_t *row = NULL;
    int found = 0;
    json_array_foreach(suite, index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "backend")), "null") == 0) {
            assert_int_equal(json_integer_value(json_object_get(row, "n_workloads")), workloads);
            if (strcmp(json_string_value(json_object_get(row, "metric")), "peak_rss_bytes") == 0) {
                assert_float_equal(json_number_value(json_object_get(row, "geomean_ratio")), ratio,
                                   1e-9);
            }
            found++;
        }
    }
    assert_int_equal(found, 3);
    json_decref(summary);
    json_decref(suite);
    json_decref(document);
}

/* Else a program would count twice, as itself and as its replay. */
static void means_hold_a_program_without_its_replay(void **state)
{
    (void)state;
    expect_mean("trace:it", 2, 2.3623644171865545);
    expect_mean("app:it", 1, 2.0476190476190474);
}

static void mixed(void **state)
{
    (void)state;
    check_document("mixed.json");
}

static void one_round(void **state)
{
    (void)state;
    check_document("one_round.json");
}

static void rounds(void **state)
{
    (void)state;
    check_document("rounds.json");
}

/* Gives every sample a random time. Returns the log ratios of the second backend, by round. */
static void shake(const json_t *samples, double *logs)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, 1);
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(samples, index, sample)
    {
        double ns = 1000 + (double)pab_rng_below(&rng, 1000);
        json_object_set_new(sample, "reps_cpu_ns", json_pack("[f]", ns));
        bool is_base =
            strcmp(json_string_value(json_object_get(sample, "backend")), "pymalloc") == 0;
        logs[json_integer_value(json_object_get(sample, "round"))] += is_base ? -log(ns) : log(ns);
    }
}

/* The suite's interval is that of its rounds, under the document's seed. */
static void suite_interval(void **state)
{
    (void)state;
    json_t *document = read_document("rounds.json");
    json_t *run = json_object_get(document, "pyallocbench");
    double logs[20] = {0};
    size_t count = json_array_size(json_object_get(run, "samples")) / 2;
    assert_int_equal(count, ARRAY_COUNT(logs));
    shake(json_object_get(run, "samples"), logs);
    json_object_set_new(run, "seed", json_integer(77));

    json_t *summary = NULL;
    json_t *suite = NULL;
    summarise(run, &summary, &suite);
    struct pab_interval wanted = pab_suite_interval(logs, &count, 1, 77, 0.95);
    json_t *row = json_pack("{s:s, s:s, s:f, s:f, s:f}", "backend", "mimalloc", "metric",
                            "cpu_ns_per_op", "geomean_ratio", exp(wanted.estimate), "lo",
                            exp(wanted.lo), "hi", exp(wanted.hi));
    assert_true(wanted.lo < wanted.estimate && wanted.estimate < wanted.hi);
    json_t *rows = json_pack("[o]", row);
    expect_same_rows(suite, rows);
    json_decref(rows);
    json_decref(summary);
    json_decref(suite);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_without_baseline),
        cmocka_unit_test(mixed),
        cmocka_unit_test(one_round),
        cmocka_unit_test(rounds),
        cmocka_unit_test(suite_interval),
        cmocka_unit_test(means_hold_a_program_without_its_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
