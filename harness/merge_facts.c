#include "harness/merge_facts.h"

#include "allocators/status.h"
#include "harness/json_text.h"

#include <stdio.h>

static void note(json_t *facts, const char *of, const char *key, const json_t *value)
{
    char name[400];
    snprintf(name, sizeof(name), "%s%s%s", of, of[0] == '\0' ? "" : " ", key);
    json_object_set_new(facts, name, value == NULL ? json_null() : json_incref((json_t *)value));
}

static void note_all(json_t *facts, const char *of, const json_t *row, const char *const *keys,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        note(facts, of, keys[i], json_object_get(row, keys[i]));
    }
}

/* What a workload gives and asks for, under one setting of the collector. */
static void note_results(json_t *facts, const char *id, const json_t *known)
{
    static const char *const keys[] = {"ops", "memory_ops", "checksum", "memory_checksum"};
    static const char *const hashes[] = {"request_hash", "time_request_hash"};
    char of[320];
    snprintf(of, sizeof(of), "%s gc=%s", id, pab_json_text(known, "gc"));
    note_all(facts, of, known, keys, ARRAY_COUNT(keys));
    note_all(facts, of, json_object_get(known, "demand"), hashes, ARRAY_COUNT(hashes));
}

static void note_workload(json_t *facts, const json_t *workload)
{
    static const char *const keys[] = {"id", "params", "memory_params"};
    const char *id = pab_json_text(workload, "id");
    size_t index = 0;
    json_t *variant = NULL;
    note_all(facts, id, workload, keys, ARRAY_COUNT(keys));
    note_results(facts, id, workload);
    json_array_foreach(json_object_get(workload, "variants"), index, variant)
    {
        note_results(facts, id, variant);
    }
}

static void note_backend(json_t *facts, const json_t *backend)
{
    static const char *const keys[] = {"id", "status", "gc", "label", "role"};
    static const char *const builds[] = {"version", "build_id"};
    const char *id = pab_json_text(backend, "id");
    char raw[320];
    snprintf(raw, sizeof(raw), "%s raw", id);
    note_all(facts, id, backend, keys, ARRAY_COUNT(keys));
    note_all(facts, id, json_object_get(backend, "identity"), builds, ARRAY_COUNT(builds));
    note_all(facts, raw, json_object_get(backend, "raw"), builds, ARRAY_COUNT(builds));
}

bool pab_merge_has_budget(const json_t *run)
{
    return json_number_value(json_object_get(run, "budget_s")) > 0;
}

json_t *pab_merge_facts(const json_t *run)
{
    static const char *const plan[] = {"seed",     "preset",        "passes",   "memory_rounds",
                                       "baseline", "control_every", "budget_s", "rounds"};
    static const char *const build[] = {"binary_build_id", "compiler", "cflags", "build_type"};
    json_t *facts = json_object();
    size_t index = 0;
    json_t *row = NULL;
    note_all(facts, "", run, plan, ARRAY_COUNT(plan) - (pab_merge_has_budget(run) ? 1 : 0));
    note_all(facts, "", json_object_get(run, "provenance"), build, ARRAY_COUNT(build));
    json_array_foreach(json_object_get(run, "workloads"), index, row)
    {
        note_workload(facts, row);
    }
    json_array_foreach(json_object_get(run, "backends"), index, row)
    {
        note_backend(facts, row);
    }
    return facts;
}

/* Adds "NAME OWN against OTHER" to what `out` holds; after the third only that there are more. */
static void add_difference(char *out, size_t size, size_t before, const char *what)
{
    size_t used = strlen(out);
    if (before <= 3) {
        snprintf(out + used, size - used, "%s%s", before == 0 ? "" : "; ",
                 before < 3 ? what : "...");
    }
}

static void say_difference(const char *name, const json_t *own, const json_t *other,
                           char out[static 160])
{
    char *texts[2] = {json_dumps(own, JSON_ENCODE_ANY | JSON_COMPACT),
                      json_dumps(other, JSON_ENCODE_ANY | JSON_COMPACT)};
    snprintf(out, 160, "%.60s %.40s against %.40s", name, texts[0] == NULL ? "none" : texts[0],
             texts[1] == NULL ? "none" : texts[1]);
    free(texts[0]);
    free(texts[1]);
}

size_t pab_merge_differences(const json_t *own, const json_t *other, char *out, size_t size)
{
    char what[160];
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;
    out[0] = '\0';
    json_object_foreach((json_t *)own, name, value)
    {
        const json_t *same = json_object_get(other, name);
        if (same == NULL || !json_equal(value, same)) {
            say_difference(name, value, same, what);
            add_difference(out, size, count++, what);
        }
    }
    json_object_foreach((json_t *)other, name, value)
    {
        if (json_object_get(own, name) == NULL) {
            say_difference(name, NULL, value, what);
            add_difference(out, size, count++, what);
        }
    }
    return count;
}
