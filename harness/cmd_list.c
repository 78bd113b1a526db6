/* harness/cmd_list.c -- `list`: what there is, and what of it is available here. */
#include "allocators/pymalloc/pymalloc.h"
#include "harness/cmd.h"
#include "harness/json_text.h"
#include "harness/list_checks.h"
#include "harness/plan.h"
#include "harness/recorded.h"
#include "harness/runner.h"
#include "harness/sample.h"
#include "harness/text.h"

#include <argp.h>
#include <string.h>

static const char *const key_kinds[] = {
    [PAB_KEY_CHOICE] = "choice",
    [PAB_KEY_SIZE] = "size",
    [PAB_KEY_NUMBER] = "number",
    [PAB_KEY_PATH] = "path",
};

/* --- backends ------------------------------------------------------------------------------- */

static json_t *key_to_json(const struct pab_key *key)
{
    json_t *out = json_pack("{s:s, s:s, s:s, s:s?}", "name", key->name, "summary", key->summary,
                            "kind", key_kinds[key->kind], "choices", key->choices);
    if (key->kind == PAB_KEY_SIZE || key->kind == PAB_KEY_NUMBER) {
        json_object_set_new(out, "min", json_integer((json_int_t)key->min));
        json_object_set_new(out, "max", json_integer((json_int_t)key->max));
    }
    return out;
}

static json_t *keys_to_json(const struct pab_key *keys)
{
    json_t *out = json_array();
    for (const struct pab_key *key = keys; key != NULL && key->name != NULL; key++) {
        json_array_append_new(out, key_to_json(key));
    }
    return out;
}

/* Opens the backend in a worker and proves its identity, as `run` would. */
static json_t *probe(const struct pab_backend *backend)
{
    struct pab_spec *spec = NULL;
    struct pab_error err;
    if (pab_spec_parse(backend->name, &spec, &err) != PAB_OK) {
        return json_pack("{s:s, s:s}", "status", "needs a value", "reason", err.text);
    }
    struct pab_worker *worker = NULL;
    json_t *out = NULL;
    if (pab_worker_probe(spec, &worker, &err) == PAB_OK) {
        struct pab_arm arm = {.spec = spec};
        snprintf(arm.id, sizeof(arm.id), "%s", spec->id);
        out = pab_backend_to_json(&arm, pab_worker_outcome(worker));
        pab_worker_destroy(worker);
    } else {
        out = json_pack("{s:s, s:s}", "status", "failed", "reason", err.text);
    }
    pab_spec_destroy(spec);
    return out;
}

static json_t *list_backends(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_backend *backend = pab_backend_at(i);
        json_t *row = probe(backend);
        const char *status = json_string_value(json_object_get(row, "status"));
        bool available = status != NULL && strcmp(status, "ok") == 0;
        json_object_set_new(row, "name", json_string(backend->name));
        json_object_set_new(row, "summary", json_string(backend->summary));
        json_object_set_new(row, "available", json_boolean(available));
        json_object_set_new(row, "default", json_boolean((backend->caps & PAB_CAP_DEFAULT) != 0));
        json_object_set_new(row, "takes_raw", json_boolean((backend->caps & PAB_CAP_STACKS) != 0));
        json_object_set_new(row, "is_raw", json_boolean((backend->caps & PAB_CAP_RAW) != 0));
        json_object_set_new(row, "keys", keys_to_json(backend->keys));
        json_array_append_new(out, row);
    }
    return out;
}

enum { BACKEND_TEXT = 13, KEY_TEXT = 37 }; /* columns that what is told about them begins in */

static void print_key(const json_t *key)
{
    const char *choices = json_string_value(json_object_get(key, "choices"));
    char head[160];
    char text[256];
    snprintf(head, sizeof(head), "%*s:%s=%s", BACKEND_TEXT, "", pab_json_text(key, "name"),
             choices != NULL ? choices : pab_json_text(key, "kind"));
    snprintf(text, sizeof(text), "%s", pab_json_text(key, "summary"));
    if (json_object_get(key, "max") != NULL) {
        char min[24];
        char max[24];
        pab_size_format((uint64_t)json_integer_value(json_object_get(key, "min")), min,
                        sizeof(min));
        pab_size_format((uint64_t)json_integer_value(json_object_get(key, "max")), max,
                        sizeof(max));
        snprintf(text, sizeof(text), "%s, %s..%s", pab_json_text(key, "summary"), min, max);
    }
    pab_text_item(head, KEY_TEXT, text);
}

static void print_keys(const json_t *keys)
{
    size_t index = 0;
    json_t *key = NULL;
    json_array_foreach(keys, index, key)
    {
        print_key(key);
    }
}

static void print_backend(const json_t *row)
{
    const json_t *identity = json_object_get(row, "identity");
    bool available = json_is_true(json_object_get(row, "available"));
    char head[32];
    char text[1024];
    snprintf(head, sizeof(head), "%-10s %s", pab_json_text(row, "name"),
             json_is_true(json_object_get(row, "default")) ? "*" : "");
    pab_text_item(head, BACKEND_TEXT,
                  available ? pab_json_text(identity, "version") : pab_json_text(row, "status"));
    pab_text_item("", BACKEND_TEXT, pab_json_text(row, "summary"));
    bool is_library = strcmp(pab_json_text(row, "kind"), "library") == 0;
    snprintf(text, sizeof(text), "%s %s", is_library ? pab_json_text(identity, "path") : "",
             available ? pab_json_text(identity, "settings") : pab_json_text(row, "reason"));
    if (strcmp(text, " ") != 0) {
        pab_text_item("", BACKEND_TEXT, text);
    }
    print_keys(json_object_get(row, "keys"));
}

static void print_backends(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        print_backend(row);
    }
    json_t *common = keys_to_json(pab_spec_common_keys());
    pab_text_item("every one", BACKEND_TEXT, "takes, too:");
    print_keys(common);
    json_decref(common);
    printf("\n");
    pab_text_item("*", 3,
                  "in the default set; null is there as a floor to compare with, never ranked");
    pab_text_item("", 0,
                  "NAME[:key=value]...[+RAW]: what follows + serves the raw domain and requests "
                  "over 512 bytes; with level=mem the mem domain, too, with level=arena the arenas "
                  "alone. A size is a power of two: 512, 4K, 1M.");
    pab_text_item("", 0,
                  "gc.threshold0 is 700 as in CPython up to 3.12, 2000 for a profile from 3.13 on; "
                  "the other two are 10.");
    pab_text_item("", 0,
                  "library:FILE loads FILE beside the process's malloc (attach=dlopen): it serves "
                  "the workload alone.");
    pab_text_item("", 0,
                  "library:FILE:attach=preload is for one that must be the process's malloc from "
                  "the start: it then serves the worker's own few blocks, too.");
}

/* --- workloads ------------------------------------------------------------------------------ */

static json_t *list_workloads(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_catalogue_count(); i++) {
        const struct pab_workload *workload = pab_catalogue_at(i);
        struct pab_error err;
        if (pab_recorded_read(workload, &err) != PAB_OK) {
            fprintf(stderr, "pyallocbench: %s is left out: %s\n", workload->name, err.text);
            continue;
        }
        json_t *params = json_array();
        const struct pab_param *param = workload->params;
        for (; param != NULL && param->name != NULL; param++) {
            json_array_append_new(
                params, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", param->name,
                                  "summary", param->summary, "unit", param->unit, "default",
                                  (json_int_t)param->value, "memory_default",
                                  (json_int_t)(param->memory_value != 0 ? param->memory_value
                                                                        : param->value),
                                  "min", (json_int_t)param->min, "max", (json_int_t)param->max));
        }
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:o}", "name", workload->name, "summary",
                      workload->summary, "models", workload->models, "unit", workload->unit,
                      "default", (workload->flags & PAB_WORKLOAD_DEFAULT) != 0, "direct",
                      (workload->flags & PAB_WORKLOAD_DIRECT) != 0, "params", params);
        json_t *trace = pab_recorded_json(workload);
        if (trace != NULL) {
            json_object_set_new(row, "trace", trace);
        }
        json_array_append_new(out, row);
    }
    return out;
}

enum { PARAM_TEXT = 46 };

static void print_param(const json_t *param)
{
    char head[128];
    char range[48];
    char text[256];
    snprintf(range, sizeof(range), "%" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(param, "min")),
             json_integer_value(json_object_get(param, "max")));
    snprintf(head, sizeof(head), "  %-9s %7" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT "  %s",
             pab_json_text(param, "name"), json_integer_value(json_object_get(param, "default")),
             json_integer_value(json_object_get(param, "memory_default")), range);
    snprintf(text, sizeof(text), "%s (%s)", pab_json_text(param, "summary"),
             pab_json_text(param, "unit"));
    pab_text_item(head, PARAM_TEXT, text);
}

static void print_workload(const json_t *row)
{
    printf("%s%s\n", pab_json_text(row, "name"),
           json_is_true(json_object_get(row, "default")) ? "" : "  (only when named by -w)");
    pab_text_item("", 2, pab_json_text(row, "summary"));
    pab_text_item("  models:", 10, pab_json_text(row, "models"));
    size_t index = 0;
    json_t *param = NULL;
    json_array_foreach(json_object_get(row, "params"), index, param)
    {
        if (index == 0) {
            printf("  %-9s %7s %7s  %-17s%s\n", "parameter", "time", "memory", "range",
                   "what it is (unit)");
        }
        print_param(param);
    }
    printf("\n");
}

static void print_workloads(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        print_workload(row);
    }
    pab_text_item("", 0,
                  "-p WORKLOAD.PARAMETER=N sets one for both passes; `time` and `memory` are what "
                  "it is in each of them otherwise.");
}

/* --- profiles, presets ----------------------------------------------------------------------- */

static json_t *list_profiles(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_pymalloc_profile_count(); i++) {
        const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_at(i);
        const struct pab_pymalloc_geometry *g = &profile->geometry;
        char summary[160];
        snprintf(summary, sizeof(summary),
                 "align %zu, up to %zu bytes, pools of %zu KiB, arenas of %zu KiB%s", g->align,
                 g->threshold, g->pool_bytes >> 10, g->arena_bytes >> 10,
                 g->keep_last_arena ? ", keeps the last arena" : "");
        json_array_append_new(
            out,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "name", profile->name, "summary",
                      summary, "align", (json_int_t)g->align, "threshold", (json_int_t)g->threshold,
                      "pool_bytes", (json_int_t)g->pool_bytes, "arena_bytes",
                      (json_int_t)g->arena_bytes, "keep_last_arena", g->keep_last_arena));
    }
    return out;
}

static json_t *list_presets(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_preset_count(); i++) {
        const struct pab_preset *preset = pab_preset_at(i);
        json_array_append_new(out,
                              json_pack("{s:s, s:s, s:i, s:i}", "name", preset->name, "summary",
                                        preset->summary, "rounds", (int)preset->rounds,
                                        "memory_rounds", (int)preset->memory_rounds));
    }
    return out;
}

static void print_presets(const json_t *rows)
{
    printf("%-10s %6s %13s  %s\n", "preset", "rounds", "memory rounds", "about how long: what for");
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        char head[64];
        snprintf(head, sizeof(head), "%-10s %6d %13d", pab_json_text(row, "name"),
                 (int)json_integer_value(json_object_get(row, "rounds")),
                 (int)json_integer_value(json_object_get(row, "memory_rounds")));
        pab_text_item(head, 33, pab_json_text(row, "summary"));
    }
}

static json_t *list_passes(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_pass_count(); i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        const char *missing = pass->missing == NULL ? NULL : pass->missing();
        json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:s?}", "name", pass->name, "summary",
                                             pass->summary, "default",
                                             (pass->flags & PAB_PASS_BY_DEFAULT) != 0, "missing",
                                             missing));
    }
    return out;
}

static void print_passes(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const char *missing = json_string_value(json_object_get(row, "missing"));
        bool is_default = json_is_true(json_object_get(row, "default"));
        char text[512];
        snprintf(text, sizeof(text), "%s%s%s%s", pab_json_text(row, "summary"),
                 is_default ? " (default)" : "",
                 missing == NULL ? "" : "; not here: ", missing == NULL ? "" : missing);
        pab_text_item(pab_json_text(row, "name"), 14, text);
    }
}

static void print_plain(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        pab_text_item(pab_json_text(row, "name"), 11, pab_json_text(row, "summary"));
    }
}

/* --- the verb ------------------------------------------------------------------------------- */

static const struct topic {
    const char *name;
    json_t *(*list)(void);
    void (*print)(const json_t *rows);
} topics[] = {
    {"backends", list_backends, print_backends},
    {"workloads", list_workloads, print_workloads},
    {"checks", pab_list_checks, pab_list_checks_print},
    {"profiles", list_profiles, print_plain},
    {"presets", list_presets, print_presets},
    {"passes", list_passes, print_passes},
};

struct arguments {
    const char *topic;
    bool json;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "As JSON, with every detail", 0},
    {0},
};

static const char *topic_name(size_t index)
{
    return topics[index].name;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    if (key == 'j') {
        arguments->json = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG && arguments->topic == NULL) {
        arguments->topic = value;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "one topic at a time, not also '%s'", value);
    }
    return ARGP_ERR_UNKNOWN;
}

static int unknown_topic(const char *name)
{
    const char *near = pab_nearest(name, topic_name, ARRAY_COUNT(topics));
    fprintf(stderr, "pyallocbench: nothing to list is named '%s'; %s%s%s\n", name,
            near == NULL ? "there are: backends, workloads, checks, profiles, presets, passes"
                         : "did you mean '",
            near == NULL ? "" : near, near == NULL ? "" : "'?");
    return PAB_EXIT_USAGE;
}

static json_t *list_one(const struct topic *topic, bool as_json)
{
    json_t *rows = topic->list();
    if (!as_json) {
        topic->print(rows);
    }
    return rows;
}

int pab_cmd_list(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[backends|workloads|checks|profiles|presets|passes]",
        .doc = "Shows what there is; for backends also what is available on this machine and who "
               "they are.",
    };
    struct arguments arguments = {0};
    argv[0] = "pyallocbench list";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    json_t *all = json_object();
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        if (arguments.topic == NULL || strcmp(arguments.topic, topics[i].name) == 0) {
            if (arguments.topic == NULL && !arguments.json) {
                printf("%s== %s ==\n", i == 0 ? "" : "\n", topics[i].name);
            }
            json_object_set_new(all, topics[i].name, list_one(&topics[i], arguments.json));
        }
    }
    bool found = json_object_size(all) > 0;
    if (json_object_get(all, "backends") != NULL) {
        json_object_set_new(all, "common_keys", keys_to_json(pab_spec_common_keys()));
    }
    if (found && arguments.json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        printf("\n");
    }
    json_decref(all);
    return found ? PAB_EXIT_GOOD : unknown_topic(arguments.topic);
}
