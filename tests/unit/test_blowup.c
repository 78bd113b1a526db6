/* harness/blowup.h on runs made by hand: a row where P threads and one ask for as much, else none. */
#include "harness/blowup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Two backends on `w` with one, two and four threads, whose f_peak is 1, 1.5 and 3 on the first
 * one, 2, 2 and 2 on the other. */
static json_t *make_run(double peak_of_four)
{
    static const int threads[] = {1, 2, 4};
    static const double values[][2] = {{1, 2}, {1.5, 2}, {3, 2}};
    json_t *workloads = json_array();
    json_t *summary = json_array();
    for (int i = 0; i < 3; i++) {
        char id[32];
        snprintf(id, sizeof(id), "w:threads=%d", threads[i]);
        json_array_append_new(workloads, json_pack("{s:s, s:i, s:{s:f}}", "id", id, "threads",
                                                   threads[i], "demand", "peak_live_bytes",
                                                   i == 2 ? peak_of_four : 100.0));
        for (int b = 0; b < 2; b++) {
            json_array_append_new(summary, json_pack("{s:s, s:s, s:s, s:f}", "workload", id,
                                                     "backend", b == 0 ? "a" : "b", "metric",
                                                     "f_peak", "median", values[i][b]));
            json_array_append_new(summary,
                                  json_pack("{s:s, s:s, s:s, s:f}", "workload", id, "backend",
                                            b == 0 ? "a" : "b", "metric", "f_time", "median", 9.0));
        }
    }
    return json_pack("{s:o, s:o}", "workloads", workloads, "summary", summary);
}

static void expect_row(const json_t *rows, size_t index, const char *workload, const char *backend,
                       double value)
{
    const json_t *row = json_array_get(rows, index);
    assert_string_equal(json_string_value(json_object_get(row, "workload")), workload);
    assert_string_equal(json_string_value(json_object_get(row, "backend")), backend);
    assert_true(json_number_value(json_object_get(row, "value")) == value);
}

static void several_threads_are_held_to_one(void **state)
{
    (void)state;
    json_t *run = make_run(104);
    json_t *rows = pab_blowup_rows(run);
    assert_int_equal(json_array_size(rows), 4);
    expect_row(rows, 0, "w:threads=2", "a", 1.5);
    expect_row(rows, 1, "w:threads=2", "b", 1);
    expect_row(rows, 2, "w:threads=4", "a", 3);
    expect_row(rows, 3, "w:threads=4", "b", 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 2), "threads")), 4);
    json_decref(rows);
    json_decref(run);
}

static void unequal_peaks_are_not_compared(void **state)
{
    (void)state;
    json_t *run = make_run(106);
    json_t *rows = pab_blowup_rows(run);
    assert_int_equal(json_array_size(rows), 2);
    expect_row(rows, 1, "w:threads=2", "b", 1);
    json_decref(rows);
    json_decref(run);
}

static void without_one_thread_there_is_none(void **state)
{
    (void)state;
    json_t *run = make_run(100);
    json_array_remove(json_object_get(run, "summary"), 0); /* the first backend's */
    json_t *rows = pab_blowup_rows(run);
    assert_int_equal(json_array_size(rows), 2);
    expect_row(rows, 0, "w:threads=2", "b", 1);
    json_decref(rows);
    json_decref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_are_held_to_one),
        cmocka_unit_test(unequal_peaks_are_not_compared),
        cmocka_unit_test(without_one_thread_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
