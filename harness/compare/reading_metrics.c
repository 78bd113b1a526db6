#include "harness/compare/reading_state.h"
#include "harness/json_text.h"

#include <string.h>

const char *pab_family_name(enum pab_family family)
{
    static const char *const names[PAB_FAMILY_COUNT] = {"time", "memory", "instructions",
                                                        "structure", "description"};
    PAB_CHECK(family < PAB_FAMILY_COUNT);
    return names[family];
}

static const struct pab_metric fixed[METRIC_FIXED] = {
    [METRIC_CPU] = {"cpu_ns_per_op", "ns", PAB_FAMILY_TIME, false},
    [METRIC_WALL] = {"wall_ns_per_op", "ns", PAB_FAMILY_TIME, false},
    [METRIC_COLD] = {"cold_ns_per_op", "ns", PAB_FAMILY_TIME, false},
    [METRIC_PEAK_RSS] = {"peak_rss_bytes", "bytes", PAB_FAMILY_MEMORY, false},
    [METRIC_F_PEAK] = {"f_peak", "ratio", PAB_FAMILY_MEMORY, false},
    [METRIC_F_TIME] = {"f_time", "ratio", PAB_FAMILY_MEMORY, false},
    [METRIC_F_RET] = {"f_ret", "ratio", PAB_FAMILY_MEMORY, false},
    [METRIC_INTERNAL] = {"internal", "ratio", PAB_FAMILY_MEMORY, false},
};

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name);
    size_t tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

static enum pab_family family_of(const char *name)
{
    if (strncmp(name, "structure.", 10) == 0) {
        return PAB_FAMILY_STRUCTURE;
    }
    return strncmp(name, "instructions.", 13) == 0 ? PAB_FAMILY_INSTRUCTIONS
                                                   : PAB_FAMILY_DESCRIPTION;
}

static struct pab_metric metric_of(const char *name)
{
    const char *unit = ends_in(name, "_bytes") ? "bytes" : "count";
    return (struct pab_metric){
        .name = name,
        .unit = ends_in(name, "_ns") ? "ns" : unit,
        .family = family_of(name),
    };
}

static const struct pab_metric mixed_clock = {PAB_METRIC_CLOCK, "ns", PAB_FAMILY_TIME, false};

const struct pab_metric *pab_reading_mixed_clock(const struct pab_reading *reading)
{
    const json_t *workloads = json_object_get(reading->run, "workloads");
    size_t wall = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(workloads, index, row)
    {
        wall += pab_json_is(row, "clock", "wall");
    }
    return wall > 0 && wall < json_array_size(workloads) ? &mixed_clock : NULL;
}

const char *pab_reading_clock(const struct pab_reading *reading, size_t workload)
{
    if (workload == PAB_ALL_WORKLOADS && pab_reading_mixed_clock(reading) != NULL) {
        return mixed_clock.name;
    }
    size_t any = workload == PAB_ALL_WORKLOADS ? 0 : workload;
    const json_t *row = json_array_get(json_object_get(reading->run, "workloads"), any);
    return fixed[pab_json_is(row, "clock", "wall") ? METRIC_WALL : METRIC_CPU].name;
}

static bool is_program(const char *workload)
{
    return strncmp(workload, "app:", 4) == 0;
}

bool pab_reading_is_in_means(const struct pab_reading *reading, size_t workload)
{
    bool has_program = false;
    for (size_t w = 0; w < reading->workload_count; w++) {
        has_program |= is_program(pab_reading_workload(reading, w));
    }
    return !has_program || is_program(pab_reading_workload(reading, workload));
}

bool pab_reading_is_oversubscribed(const struct pab_reading *reading, size_t workload)
{
    const json_t *row = json_array_get(json_object_get(reading->run, "workloads"), workload);
    return json_is_true(json_object_get(row, "oversubscribed"));
}

void pab_metric_pass(const struct pab_metric *metric, char *out, size_t size)
{
    bool is_memory = metric->family == PAB_FAMILY_MEMORY || metric->family == PAB_FAMILY_STRUCTURE;
    if (is_memory || metric->family == PAB_FAMILY_TIME) {
        snprintf(out, size, "%s", is_memory ? "memory" : "time");
    } else {
        snprintf(out, size, "%.*s", (int)strcspn(metric->name, "."), metric->name);
    }
}

/* Passes by name, the figures of one as they came: p50, p99, p99.9, max. */
static int compare_named(const void *a, const void *b, void *names)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    const char *first = ((char *const *)names)[x];
    const char *second = ((char *const *)names)[y];
    size_t pass = strcspn(first, ".") + 1;
    size_t other = strcspn(second, ".") + 1;
    int order = strncmp(first, second, pass < other ? other : pass);
    bool same_pass = pass == other && strncmp(first, second, pass) == 0;
    return same_pass ? (x > y) - (x < y) : order;
}

void pab_reading_name_metrics(struct pab_reading *reading)
{
    size_t named = reading->metric_names.count;
    uint32_t *order = calloc(named + 1, sizeof(*order));
    reading->metric_count = METRIC_FIXED + named;
    reading->metrics = calloc(reading->metric_count, sizeof(*reading->metrics));
    reading->metric_places = calloc(reading->metric_count, sizeof(*reading->metric_places));
    PAB_CHECK(order != NULL && reading->metrics != NULL && reading->metric_places != NULL);
    for (uint32_t i = 0; i < named; i++) {
        order[i] = i;
    }
    qsort_r(order, named, sizeof(*order), compare_named, reading->metric_names.texts);
    for (uint32_t i = 0; i < METRIC_FIXED; i++) {
        reading->metrics[i] = fixed[i];
        reading->metric_places[i] = i;
    }
    for (uint32_t i = 0; i < named; i++) {
        reading->metrics[METRIC_FIXED + i] = metric_of(reading->metric_names.texts[order[i]]);
        reading->metric_places[METRIC_FIXED + order[i]] = METRIC_FIXED + i;
    }
    free(order);
}
