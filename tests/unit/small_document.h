/* tests/unit/small_document.h -- a results document of five samples, and changes of it. Depends on
 * reading.h, cmocka. */
#ifndef PAB_TESTS_UNIT_SMALL_DOCUMENT_H
#define PAB_TESTS_UNIT_SMALL_DOCUMENT_H

#include "harness/compare/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AA "\"00000000000000aa\"" /* of `ints`, usual settings */
#define BB "\"00000000000000bb\"" /* the same, parameters for memory */
#define CC "\"00000000000000cc\"" /* gc=off */
#define DD "\"00000000000000dd\""

#define WELL ",\"exit\":0,\"signal\":0}"
#define TIME_ROW(backend, round, position, checksum, reps)                                         \
    "{\"workload\":\"ints\",\"backend\":\"" backend "\",\"pass\":\"time\",\"round\":" round        \
    ",\"position\":" position ",\"started_ms\":7,\"ops\":10,\"iterations\":3,\"cold_ns\":900,"     \
    "\"reps_wall_ns\":[" reps "],\"reps_cpu_ns\":[" reps "],\"checksum\":" checksum                \
    ",\"minflt\":1,\"majflt\":0,\"mem\":null,\"env_bytes\":5" WELL

#define MEMORY_ROW                                                                                 \
    "{\"workload\":\"ints\",\"backend\":\"pymalloc\",\"pass\":\"memory\",\"round\":0,"             \
    "\"position\":0,\"started_ms\":9,\"ops\":10,\"iterations\":1,\"cold_ns\":null,"                \
    "\"reps_wall_ns\":[],\"reps_cpu_ns\":[],\"checksum\":" BB ",\"mem\":{\"r0_bytes\":1,"          \
    "\"peak_rss_bytes\":4096,\"phases\":[{\"phase\":\"build\",\"calls\":0}],\"internal\":0.25,"    \
    "\"f_peak\":1.5,\"f_time\":null,\"f_ret\":[{\"after_ms\":0,\"value\":0.5},"                    \
    "{\"after_ms\":100,\"value\":0.125}],\"structure\":{\"pools\":7,\"arenas\":2}}" WELL

#define KERNEL_ROW                                                                                 \
    "{\"workload\":\"ints\",\"backend\":\"system\",\"pass\":\"kernel\",\"round\":0,"               \
    "\"checksum\":" BB                                                                             \
    ",\"large\":true,\"figures\":{\"mmap\":3,\"held_bytes\":8.5,\"total_ns\":6},"                  \
    "\"series\":{\"counts\":[1,2,3]}" WELL

static const char document[] =
    "{\"context\":{\"date\":\"x\",\"list\":[[[1]]]},\"benchmarks\":[{\"name\":\"a\",\"cpu\":1e3}],"
    "\"pyallocbench\":{\"schema\":\"pyallocbench-results/1\",\"complete\":true,"
    "\"preset\":\"quick\",\"seed\":7,\"rounds\":3,\"baseline\":\"system\","
    "\"backends\":[{\"id\":\"system\",\"gc\":\"700,10,10\"},"
    "{\"id\":\"pymalloc\",\"gc\":\"off\"},{\"id\":\"gone\",\"gc\":\"700,10,10\"}],"
    "\"workloads\":[{\"id\":\"ints\",\"gc\":\"700,10,10\",\"checksum\":" AA
    ",\"memory_checksum\":" BB ",\"variants\":[{\"gc\":\"off\",\"checksum\":" CC
    ",\"memory_checksum\":" BB "}]}],"
    "\"samples\":[\n" TIME_ROW("system", "1", "0", AA, "100,120,110") ",\n" TIME_ROW(
        "system", "0", "2", AA,
        "200,220") ",\n" TIME_ROW("pymalloc", "0", "1", CC,
                                  "50") ",\n" MEMORY_ROW ",\n" KERNEL_ROW "],"
                                        "\"control\":[" TIME_ROW(
                                            "system", "0", "0", AA,
                                            "240") "],"
                                                   "\"timelines\":[{\"deep\":{\"er\":[1,2,{}]}}],"
                                                   "\"summary\":[],\"suite\":[],"
                                                   "\"failures\":[{\"workload\":\"ints\","
                                                   "\"backend\":\"gone\",\"pass\":null,\"round\":"
                                                   "null,"
                                                   "\"kind\":\"crashed\",\"message\":\"signal "
                                                   "11\"}],\"conformance\":{\"checks\":[]}}}\n";

/* `document` with the first `from` in it changed into `to`; new memory. */
static inline char *edited(const char *from, const char *to)
{
    const char *at = strstr(document, from);
    assert_non_null(at);
    char *out = malloc(sizeof(document) + strlen(to));
    assert_non_null(out);
    snprintf(out, sizeof(document) + strlen(to), "%.*s%s%s", (int)(at - document), document, to,
             at + strlen(from));
    return out;
}

static inline struct pab_reading *parse(const char *text)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    if (pab_reading_parse("t.json", (const unsigned char *)text, strlen(text), &reading, &err) !=
        PAB_OK) {
        fail_msg("%s", err.text);
    }
    return reading;
}

static inline const struct pab_series *series_of(struct pab_reading *reading, const char *backend,
                                                 const char *metric)
{
    size_t at = pab_reading_find_metric(reading, metric);
    size_t of = pab_reading_find_backend(reading, backend);
    assert_true(at < pab_reading_metrics(reading) && of < pab_reading_backends(reading));
    return pab_reading_series(reading, PAB_PART_SAMPLES, 0, of, at);
}

static inline void expect_number(const struct pab_series *series, size_t index, double wanted)
{
    assert_true(index < series->count);
    if (series->values[index] != wanted) {
        fail_msg("value %zu is %.17g, not %.17g", index, series->values[index], wanted);
    }
}

#endif
