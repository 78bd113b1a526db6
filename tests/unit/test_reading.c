/* The reader of documents: what it hands out. */
#include "tests/unit/small_document.h"

#include <math.h>

static void values(void **state)
{
    (void)state;
    struct pab_reading *reading = parse(document);
    assert_int_equal(pab_reading_samples(reading), 5);
    assert_int_equal(pab_reading_workloads(reading), 1);
    assert_string_equal(pab_reading_workload(reading, 0), "ints");
    assert_string_equal(pab_reading_backend(reading, 1), "pymalloc");
    assert_int_equal(pab_reading_find_backend(reading, "none"), 3);
    assert_int_equal(pab_reading_hosts(reading), 1);

    const struct pab_series *cpu = series_of(reading, "system", "cpu_ns_per_op");
    assert_int_equal(cpu->count, 2); /* by round, and medians of the repetitions */
    expect_number(cpu, 0, 21);
    expect_number(cpu, 1, 11);
    assert_int_equal(cpu->rounds[0], 0);
    assert_int_equal(cpu->rounds[1], 1);
    expect_number(series_of(reading, "system", "cold_ns_per_op"), 0, 90);
    expect_number(series_of(reading, "pymalloc", "wall_ns_per_op"), 0, 5);
    expect_number(series_of(reading, "pymalloc", "peak_rss_bytes"), 0, 4096);
    expect_number(series_of(reading, "pymalloc", "f_peak"), 0, 1.5);
    expect_number(series_of(reading, "pymalloc", "f_ret"), 0, 0.5);
    expect_number(series_of(reading, "pymalloc", "internal"), 0, 0.25);
    assert_int_equal(series_of(reading, "pymalloc", "f_time")->count, 0);
    assert_int_equal(series_of(reading, "pymalloc", "cpu_ns_per_op")->count, 1);
    assert_int_equal(series_of(reading, "gone", "cpu_ns_per_op")->count, 0);
    expect_number(series_of(reading, "system", "kernel.held_bytes"), 0, 8.5);
    expect_number(series_of(reading, "pymalloc", "structure.arenas"), 0, 2);

    const struct pab_series *control = pab_reading_series(reading, PAB_PART_CONTROL, 0, 0, 0);
    assert_int_equal(control->count, 1);
    expect_number(control, 0, 24);
    pab_reading_close(reading);
}

static void expect_metric(const struct pab_reading *reading, size_t index, const char *name,
                          const char *unit, enum pab_family family)
{
    const struct pab_metric *metric = pab_reading_metric(reading, index);
    assert_string_equal(metric->name, name);
    assert_string_equal(metric->unit, unit);
    assert_int_equal(metric->family, family);
}

/* The fixed ones, then by pass, each as the pass told them. */
static void metrics(void **state)
{
    (void)state;
    struct pab_reading *reading = parse(document);
    assert_int_equal(pab_reading_metrics(reading), 13);
    expect_metric(reading, 0, "cpu_ns_per_op", "ns", PAB_FAMILY_TIME);
    expect_metric(reading, 3, "peak_rss_bytes", "bytes", PAB_FAMILY_MEMORY);
    expect_metric(reading, 7, "internal", "ratio", PAB_FAMILY_MEMORY);
    expect_metric(reading, 8, "kernel.mmap", "count", PAB_FAMILY_DESCRIPTION);
    expect_metric(reading, 9, "kernel.held_bytes", "bytes", PAB_FAMILY_DESCRIPTION);
    expect_metric(reading, 10, "kernel.total_ns", "ns", PAB_FAMILY_DESCRIPTION);
    expect_metric(reading, 11, "structure.pools", "count", PAB_FAMILY_STRUCTURE);
    expect_metric(reading, 12, "structure.arenas", "count", PAB_FAMILY_STRUCTURE);
    pab_reading_close(reading);

    char *text = edited("\"pass\":\"kernel\"", "\"pass\":\"instructions\"");
    reading = parse(text);
    expect_metric(reading, 8, "instructions.mmap", "count", PAB_FAMILY_INSTRUCTIONS);
    pab_reading_close(reading);
    free(text);
}

static void places(void **state)
{
    (void)state;
    struct pab_reading *reading = parse(document);
    static const struct {
        const char *backend;
        bool is_control;
        unsigned round, position;
        double cpu;
    } wanted[] = {
        {"system", true, 0, 0, 24},
        {"pymalloc", false, 0, 1, 5},
        {"system", false, 0, 2, 21},
        {"system", false, 1, 0, 11},
    };
    assert_int_equal(pab_reading_places(reading), 6);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        struct pab_row_place place = pab_reading_place(reading, i);
        assert_string_equal(pab_reading_backend(reading, place.backend), wanted[i].backend);
        assert_int_equal(place.is_control, wanted[i].is_control);
        assert_int_equal(place.round, wanted[i].round);
        assert_int_equal(place.position, wanted[i].position);
        assert_true(place.ns_per_op == wanted[i].cpu && place.counts);
    }
    struct pab_row_place last = pab_reading_place(reading, 3);
    assert_true(last.first_rep_ns == 100 && last.last_rep_ns == 110); /* as they ran, not sorted */
    struct pab_row_place memory = pab_reading_place(reading, 4);
    assert_true(isnan(memory.ns_per_op) && isnan(memory.first_rep_ns));
    pab_reading_close(reading);
}

static void failures(void **state)
{
    (void)state;
    struct pab_reading *reading = parse(document);
    assert_null(pab_reading_failure(reading, 0, 0, NULL));
    const json_t *failure = pab_reading_failure(reading, 0, 2, NULL);
    assert_non_null(failure);
    assert_string_equal(json_string_value(json_object_get(failure, "kind")), "crashed");
    pab_reading_close(reading);
}

/* How many samples of the baseline's CPU time count after a change. */
static void expect_count(const char *from, const char *to, size_t wanted)
{
    char *text = edited(from, to);
    struct pab_reading *reading = parse(text);
    size_t count = series_of(reading, "system", "cpu_ns_per_op")->count;
    if (count != wanted) {
        fail_msg("with %s: %zu count, not %zu", to, count, wanted);
    }
    pab_reading_close(reading);
    free(text);
}

#define FAILURE(backend, pass, round)                                                              \
    "\"failures\":[{\"workload\":null,\"backend\":\"" backend "\",\"pass\":" pass                  \
    ",\"round\":" round ",\"kind\":\"timeout\",\"message\":\"\"},"

static void which_samples_count(void **state)
{
    (void)state;
    expect_count("\"seed\":7", "\"seed\":8", 2);
    expect_count("\"exit\":0", "\"exit\":3", 1);
    expect_count("\"signal\":0", "\"signal\":9", 1);
    expect_count("110],\"checksum\":" AA, "110],\"checksum\":" BB, 1); /* of the memory pass */
    expect_count("110],\"checksum\":" AA, "110],\"checksum\":" DD, 1);
    expect_count("110],\"checksum\":" AA, "110],\"checksum\":null", 1);
    expect_count("\"checksum\":" AA ",\"memory_", "\"checksum\":null,\"memory_", 0);
    expect_count("\"failures\":[", FAILURE("system", "null", "null"), 0);
    expect_count("\"failures\":[", FAILURE("system", "\"time\"", "1"), 1);
    expect_count("\"failures\":[", FAILURE("system", "\"memory\"", "1"), 2);
    expect_count("\"failures\":[", FAILURE("system", "\"time\"", "5"), 2);
    expect_count("\"failures\":[", FAILURE("pymalloc", "null", "null"), 2);
    expect_count("\"ops\":10", "\"ops\":0", 1);
    expect_count("\"ops\":10", "\"ops\":null", 1);
}

static void expect_other_count(const char *from, const char *to, const char *backend,
                               const char *metric, size_t wanted)
{
    char *text = edited(from, to);
    struct pab_reading *reading = parse(text);
    assert_int_equal(series_of(reading, backend, metric)->count, wanted);
    pab_reading_close(reading);
    free(text);
}

/* Settings of the collector, and parameters of passes that are neither time nor memory. */
static void which_checksum_holds(void **state)
{
    (void)state;
    expect_other_count("50],\"checksum\":" CC, "50],\"checksum\":" AA, "pymalloc", "cpu_ns_per_op",
                       0);
    expect_other_count("\"gc\":\"off\"},", "\"gc\":\"1,2,3\"},", "pymalloc", "cpu_ns_per_op", 0);
    expect_other_count("\"large\":true", "\"large\":false", "system", "kernel.mmap", 0);
    expect_other_count("\"large\":true,", "", "system", "kernel.mmap", 1);
    expect_other_count(BB ",\"large\":true", AA ",\"large\":false", "system", "kernel.mmap", 1);
    expect_other_count(BB ",\"large\":true", DD, "system", "kernel.mmap", 0);
    expect_other_count(BB ",\"large\":true", AA ",\"large\":true", "system", "kernel.mmap", 0);
    expect_other_count("\"reps_cpu_ns\":[],\"checksum\":" BB, "\"reps_cpu_ns\":[],\"checksum\":" CC,
                       "pymalloc", "peak_rss_bytes", 0);
}

/* Two machines: a round of one is not that of the other. */
static void hosts(void **state)
{
    (void)state;
    char *text = edited("\"samples\":[\n" TIME_ROW("system", "1", "0", AA, "100,120,110") ",\n",
                        "\"hosts\":[{},{}],\"samples\":[\n"
                        "{\"host\":1,\"workload\":\"ints\",\"backend\":\"system\","
                        "\"pass\":\"time\",\"round\":0,\"ops\":1,\"reps_cpu_ns\":[3],"
                        "\"checksum\":" AA WELL ",\n");
    struct pab_reading *reading = parse(text);
    assert_int_equal(pab_reading_hosts(reading), 2);
    const struct pab_series *cpu = series_of(reading, "system", "cpu_ns_per_op");
    assert_int_equal(cpu->count, 2);
    expect_number(cpu, 0, 21);
    expect_number(cpu, 1, 3);
    assert_int_equal(cpu->hosts[0], 0);
    assert_int_equal(cpu->hosts[1], 1);
    pab_reading_close(reading);
    free(text);
}

/* --- the same, told otherwise ----------------------------------------------------------------- */

static void expect_same_series(const struct pab_series *a, const struct pab_series *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(a->values[i] == b->values[i]);
        assert_int_equal(a->rounds[i], b->rounds[i]);
        assert_int_equal(a->hosts[i], b->hosts[i]);
    }
}

/* Metrics by name: their order is that in which they came. Returns how many values there are. */
static size_t expect_same(struct pab_reading *a, struct pab_reading *b)
{
    size_t values = 0;
    assert_int_equal(pab_reading_samples(a), pab_reading_samples(b));
    assert_int_equal(pab_reading_metrics(a), pab_reading_metrics(b));
    assert_int_equal(pab_reading_workloads(a), pab_reading_workloads(b));
    assert_int_equal(pab_reading_backends(a), pab_reading_backends(b));
    for (size_t m = 0; m < pab_reading_metrics(a); m++) {
        size_t other = pab_reading_find_metric(b, pab_reading_metric(a, m)->name);
        for (size_t cell = 0; cell < pab_reading_workloads(a) * pab_reading_backends(a); cell++) {
            size_t w = cell / pab_reading_backends(a);
            size_t s = cell % pab_reading_backends(a);
            expect_same_series(pab_reading_series(a, PAB_PART_SAMPLES, w, s, m),
                               pab_reading_series(b, PAB_PART_SAMPLES, w, s, other));
            expect_same_series(pab_reading_series(a, PAB_PART_CONTROL, w, s, m),
                               pab_reading_series(b, PAB_PART_CONTROL, w, s, other));
            values += pab_reading_series(a, PAB_PART_SAMPLES, w, s, m)->count;
        }
    }
    return values;
}

/* jq and others sort keys: samples then come before the workloads and backends that they name,
 * and a figure before its pass. */
static void order_of_keys(void **state)
{
    (void)state;
    json_t *json = json_loads(document, 0, NULL);
    char *sorted = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(2));
    assert_non_null(sorted);
    struct pab_reading *as_written = parse(document);
    struct pab_reading *as_sorted = parse(sorted);
    assert_int_equal(expect_same(as_written, as_sorted), 18);
    pab_reading_close(as_written);
    pab_reading_close(as_sorted);
    free(sorted);
    json_decref(json);
}

/* A run's own JSON, its document read in pieces, and the same in one. */
static void ways_in(void **state)
{
    (void)state;
    struct pab_reading *opened = NULL;
    struct pab_reading *of_run = NULL;
    struct pab_error err = {0};
    json_t *json = json_load_file(PAB_REFERENCE, 0, NULL);
    char *text = json_dumps(json, 0);
    assert_non_null(text);
    assert_int_equal(pab_reading_open(PAB_REFERENCE, &opened, &err), PAB_OK);
    assert_int_equal(pab_reading_of_run(json_object_get(json, "pyallocbench"), &of_run, &err),
                     PAB_OK);
    struct pab_reading *parsed = parse(text);
    assert_true(expect_same(opened, of_run) > 5000);
    expect_same(opened, parsed);
    pab_reading_close(opened);
    pab_reading_close(of_run);
    pab_reading_close(parsed);
    free(text);
    json_decref(json);
}

/* Of a run that has measured nothing yet. */
static void nothing_yet(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    json_t *run = json_object();
    assert_int_equal(pab_reading_of_run(run, &reading, &err), PAB_OK);
    assert_int_equal(pab_reading_samples(reading), 0);
    assert_int_equal(pab_reading_workloads(reading), 0);
    pab_reading_close(reading);
    json_decref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(metrics),
        cmocka_unit_test(places),
        cmocka_unit_test(failures),
        cmocka_unit_test(which_samples_count),
        cmocka_unit_test(which_checksum_holds),
        cmocka_unit_test(hosts),
        cmocka_unit_test(order_of_keys),
        cmocka_unit_test(ways_in),
        cmocka_unit_test(nothing_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
