#include "harness/blowup.h"

#include "harness/json_text.h"

#include <math.h>
#include <stdio.h>

#define SUFFIX ":threads="
#define ID_MAX 256

/* "NAME:threads=1" of "NAME:threads=4"; false when it has no such name, or is that one. */
static bool name_of_one(const char *id, char out[ID_MAX])
{
    const char *suffix = strstr(id, SUFFIX);
    const char *end = suffix == NULL ? NULL : suffix + strlen(SUFFIX);
    if (end == NULL || strlen(id) >= ID_MAX) {
        return false;
    }
    size_t digits = strspn(end, "0123456789");
    snprintf(out, ID_MAX, "%.*s1%s", (int)(end - id), id, end + digits);
    return strcmp(out, id) != 0;
}

static const json_t *find_workload(const json_t *run, const char *id)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, row)
    {
        if (pab_json_is(row, "id", id)) {
            return row;
        }
    }
    return NULL;
}

static double peak_of(const json_t *workload)
{
    const json_t *demand = json_object_get(workload, "demand");
    return json_number_value(json_object_get(demand, "peak_live_bytes"));
}

static bool asks_alike(const json_t *many, const json_t *one)
{
    double most = peak_of(many);
    double least = peak_of(one);
    return least > 0 && fabs(most / least - 1) <= PAB_BLOWUP_TOLERANCE;
}

/* The median of f_peak where `like` is another row of the summary, but of `workload`; 0: none. */
static double f_peak_of(const json_t *run, const char *workload, const json_t *like)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "summary"), index, row)
    {
        if (pab_json_is(row, "workload", workload) &&
            pab_json_is(row, "backend", pab_json_text(like, "backend")) &&
            pab_json_is(row, "metric", "f_peak") &&
            pab_json_count(row, "host") == pab_json_count(like, "host")) {
            return json_number_value(json_object_get(row, "median"));
        }
    }
    return 0;
}

static json_t *row_of(const json_t *workload, const json_t *like, double value)
{
    json_t *out = json_pack("{s:s, s:s, s:O, s:f}", "workload", pab_json_text(workload, "id"),
                            "backend", pab_json_text(like, "backend"), "threads",
                            json_object_get(workload, "threads"), "value", value);
    if (json_object_get(like, "host") != NULL) {
        json_object_set(out, "host", json_object_get(like, "host"));
    }
    return out;
}

json_t *pab_blowup_rows(const json_t *run)
{
    json_t *out = json_array();
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "summary"), index, row)
    {
        char one[ID_MAX];
        const char *id = pab_json_text(row, "workload");
        double many_f_peak = json_number_value(json_object_get(row, "median"));
        if (!pab_json_is(row, "metric", "f_peak") || !(many_f_peak > 0) || !name_of_one(id, one)) {
            continue;
        }
        const json_t *workload = find_workload(run, id);
        double one_f_peak = f_peak_of(run, one, row);
        bool is_equal = asks_alike(workload, find_workload(run, one));
        if (one_f_peak > 0 && is_equal && json_object_get(workload, "threads") != NULL) {
            json_array_append_new(out, row_of(workload, row, many_f_peak / one_f_peak));
        }
    }
    return out;
}
