/* What else the machine did: looks at files in a folder of the test's, and what passed between. */
#include "harness/doctor.h"
#include "harness/noise.h"

#include "tests/unit/machine_fixture.h"

static double number(const json_t *object, const char *part, const char *key)
{
    const json_t *from = part == NULL ? object : json_object_get(object, part);
    const json_t *value = json_object_get(from, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void put_quiet_machine(void)
{
    /* user nice system idle iowait irq softirq steal guest guest_nice: guests are users, too */
    put("proc/stat", "cpu  100 10 50 800 20 1 2 17 99 9\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 5000\n");
    put("proc/pressure/cpu", "some avg10=1.50 avg60=2.25 avg300=0.00 total=1000\nfull avg10=9.00 "
                             "avg60=9.00 avg300=9.00 total=9\n");
    put("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
    put("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    put("proc/self/cgroup", "0::/user/one\n");
    put("sys/fs/cgroup/user/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 3\n"
                                       "throttled_usec 4000\n");
    put("sys/fs/cgroup/user/one/cpu.stat", "usage_usec 5\n");
    put("sys/fs/cgroup/cpu.stat", "nr_throttled 0\nthrottled_usec 0\n"); /* above: the least */
    put("sys/class/thermal/thermal_zone0/temp", "41000\n");
    put("sys/class/thermal/thermal_zone1/temp", "63500\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n");
}

static void counters_of_a_machine(void **state)
{
    (void)state;
    put_quiet_machine();
    json_t *look = pab_noise_look(machine_root);
    assert_true(number(look, NULL, "cpu_ticks") == 1000);
    assert_true(number(look, NULL, "idle_ticks") == 820);
    assert_true(number(look, NULL, "steal_ticks") == 17);
    assert_true(number(look, NULL, "switches") == 5000);
    const json_t *pressure = json_object_get(look, "pressure");
    assert_true(number(pressure, "cpu", "avg10") == 1.5);
    assert_true(number(pressure, "cpu", "avg60") == 2.25);
    assert_true(number(pressure, "cpu", "total_us") == 1000);
    assert_true(number(pressure, "memory", "total_us") == 7);
    assert_true(number(look, "throttled", "count") == 3);
    assert_true(number(look, "throttled", "us") == 4000);
    assert_true(number(look, NULL, "celsius") == 63.5);
    assert_true(number(look, NULL, "mhz") == 2400);
    json_decref(look);
}

static void older_groups_count_in_ns(void **state)
{
    (void)state;
    put("proc/self/cgroup", "8:cpu:/a\n");
    put("sys/fs/cgroup/cpu/a/cpu.stat", "nr_periods 9\nnr_throttled 2\nthrottled_time 5000000\n");
    json_t *look = pab_noise_look(machine_root);
    assert_true(number(look, "throttled", "count") == 2);
    assert_true(number(look, "throttled", "us") == 5000);
    json_decref(look);
}

/* A kernel that tells little, or tells it otherwise, gives nulls: never a wrong number. */
static void what_is_not_told_is_null(void **state)
{
    (void)state;
    put("proc/pressure/cpu", "some total=5\n");
    put("proc/pressure/io", "some avg10=nan avg60=1e9 avg300=0 total=5\n");
    json_t *look = pab_noise_look(machine_root);
    const json_t *pressure = json_object_get(look, "pressure");
    assert_true(json_is_null(json_object_get(pressure, "cpu")));
    assert_true(json_is_null(json_object_get(pressure, "memory")));
    assert_true(json_is_null(json_object_get(pressure, "io")));
    static const char *const untold[] = {"throttled",  "celsius",     "mhz",     "cpu_ticks",
                                         "idle_ticks", "steal_ticks", "switches"};
    for (size_t i = 0; i < sizeof(untold) / sizeof(untold[0]); i++) {
        assert_true(json_is_null(json_object_get(look, untold[i])));
    }
    json_t *during = pab_noise_between(look, look);
    static const char *const keys[] = {"steal_ticks",     "steal_share",  "idle_share",
                                       "throttled_count", "throttled_us", "switches"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_true(json_is_null(json_object_get(during, keys[i])));
    }
    json_t *warnings = json_array();
    pab_noise_warn(during, warnings);
    assert_int_equal(json_array_size(warnings), 0);
    json_decref(warnings);
    json_decref(during);
    json_decref(look);
}

/* Two looks, ten seconds apart. */
static json_t *between(double steal, double cpu_us, double memory_us, double throttled)
{
    json_t *before =
        json_pack("{s:f, s:i, s:i, s:i, s:i, s:{s:{s:i}, s:{s:i}, s:{s:i}}, s:{s:i, s:i}}",
                  "uptime_s", 100.0, "cpu_ticks", 1000, "idle_ticks", 500, "steal_ticks", 5,
                  "switches", 70, "pressure", "cpu", "total_us", 50, "memory", "total_us", 60, "io",
                  "total_us", 70, "throttled", "count", 2, "us", 300);
    json_t *after = json_pack(
        "{s:f, s:i, s:i, s:f, s:i, s:{s:{s:f}, s:{s:f}, s:{s:i}}, s:{s:f, s:f}}", "uptime_s", 110.0,
        "cpu_ticks", 3000, "idle_ticks", 1500, "steal_ticks", 5 + steal, "switches", 170,
        "pressure", "cpu", "total_us", 50 + cpu_us, "memory", "total_us", 60 + memory_us, "io",
        "total_us", 70, "throttled", "count", 2 + throttled, "us", 300 + 1e6 * throttled);
    json_t *during = pab_noise_between(before, after);
    json_decref(before);
    json_decref(after);
    return during;
}

static void shares_of_what_passed(void **state)
{
    (void)state;
    json_t *during = between(100, 2000000, 0, 4);
    assert_true(number(during, NULL, "s") == 10);
    assert_true(number(during, NULL, "steal_ticks") == 100);
    assert_true(number(during, NULL, "steal_share") == 0.05);
    assert_true(number(during, NULL, "idle_share") == 0.5);
    assert_true(number(during, "pressure_us", "cpu") == 2000000);
    assert_true(number(during, NULL, "throttled_count") == 4);
    assert_true(number(during, NULL, "throttled_us") == 4000000);
    assert_true(number(during, NULL, "switches") == 100);
    json_decref(during);
}

static void expect_warnings(json_t *during, const char *const *words)
{
    json_t *warnings = json_array();
    pab_noise_warn(during, warnings);
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        const char *text = json_string_value(json_array_get(warnings, count));
        assert_non_null(text);
        if (strstr(text, words[count]) == NULL) {
            fail_msg("'%s' does not say '%s'", text, words[count]);
        }
    }
    assert_int_equal(json_array_size(warnings), count);
    json_decref(warnings);
    json_decref(during);
}

static void a_reader_is_told(void **state)
{
    (void)state;
    expect_warnings(between(0, 0, 0, 0), (const char *const[]){NULL});
    expect_warnings(between(20, 1000000, 200000, 0), (const char *const[]){NULL}); /* not above */
    expect_warnings(between(21, 0, 0, 0), (const char *const[]){"1.1 % of the CPU time", NULL});
    expect_warnings(between(0, 5000000, 0, 0),
                    (const char *const[]){"waited for a CPU during 50 %", NULL});
    expect_warnings(between(0, 10900000, 0, 0), /* total moves in steps of 2 s */
                    (const char *const[]){"waited for a CPU during 100 %", NULL});
    expect_warnings(between(0, 0, 300000, 0),
                    (const char *const[]){"waited for memory during 3 %", NULL});
    expect_warnings(between(0, 0, 0, 2),
                    (const char *const[]){"stopped this run 2 times, for 2.0 s", NULL});
}

/* A run that is resumed after the machine was started anew, or in a container whose counters are
 * younger, has not had negative steal. */
static void counters_that_begin_anew(void **state)
{
    (void)state;
    json_t *old =
        json_pack("{s:f, s:i, s:i}", "uptime_s", 500.0, "cpu_ticks", 9000, "steal_ticks", 80);
    json_t *anew =
        json_pack("{s:f, s:i, s:i}", "uptime_s", 20.0, "cpu_ticks", 100, "steal_ticks", 1);
    assert_true(json_is_null(pab_noise_between(old, anew)));
    json_object_set_new(anew, "uptime_s", json_real(600));
    json_object_set_new(anew, "cpu_ticks", json_integer(9500));
    json_t *during = pab_noise_between(old, anew);
    assert_true(json_is_null(json_object_get(during, "steal_ticks")));
    assert_true(json_is_null(json_object_get(during, "steal_share")));
    json_decref(during);
    json_decref(old);
    json_decref(anew);
}

/* A kernel may tell of CPUs alone. */
static void doctor_says_what_is_not_told(void **state)
{
    (void)state;
    json_t *look = json_pack("{s:{s:{s:f}, s:n, s:{s:f}}}", "pressure", "cpu", "avg60", 2.0,
                             "memory", "io", "avg60", 4.0);
    json_t *rows = pab_doctor_noise(look);
    size_t index = 0;
    json_t *row = NULL;
    const char *said = NULL;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), "pressure") == 0) {
            said = json_string_value(json_object_get(row, "value"));
        }
    }
    assert_string_equal(said, "tasks waited for a CPU 2 %, memory (not told), disk 4 % of the last "
                              "minute");
    json_decref(rows);
    json_decref(look);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_of_a_machine, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(older_groups_count_in_ns, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(what_is_not_told_is_null, make_machine, remove_machine),
        cmocka_unit_test(shares_of_what_passed),
        cmocka_unit_test(a_reader_is_told),
        cmocka_unit_test(counters_that_begin_anew),
        cmocka_unit_test(doctor_says_what_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
