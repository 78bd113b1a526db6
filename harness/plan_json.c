/* harness/plan_json.c -- a plan on its way through the journal and back. */
#include "harness/plan.h"

#include "harness/recorded.h"
#include "harness/threads.h"

#include <string.h>

json_t *pab_params_to_json(const struct pab_workload *workload, const uint64_t *values)
{
    json_t *out = json_object();
    const struct pab_param *param = workload->params;
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        json_object_set_new(out, param[i].name, json_integer((json_int_t)values[i]));
    }
    return out;
}

/* With what finds the same trace again. */
static json_t *workload_to_json(const struct pab_planned_workload *planned)
{
    const struct pab_workload *workload = planned->workload;
    json_t *out = json_pack("{s:s, s:s, s:o, s:o}", "id", planned->id, "name", workload->name,
                            "params", pab_params_to_json(workload, planned->params),
                            "memory_params", pab_params_to_json(workload, planned->memory_params));
    if (workload->recording != NULL) {
        char digest[PAB_DIGEST_TEXT];
        pab_recorded_digest(workload, digest);
        json_object_set_new(out, "trace", json_string(workload->recording->path));
        json_object_set_new(out, "digest", json_string(digest));
    }
    if (planned->age_percent != 0) {
        json_object_set_new(out, "age_percent", json_integer(planned->age_percent));
    }
    return out;
}

json_t *pab_plan_to_json(const struct pab_plan *plan)
{
    json_t *specs = json_array();
    for (size_t i = 0; i < plan->arm_count; i++) {
        const struct pab_arm *arm = &plan->arms[i];
        json_array_append_new(specs, json_pack("{s:s, s:b, s:s, s:s, s:i}", "id", arm->spec->id,
                                               "explicit", arm->is_explicit, "binary", arm->binary,
                                               "label", arm->label, "role", (int)arm->role));
    }
    json_t *passes = json_array();
    for (size_t i = 0; i < pab_pass_count(); i++) {
        if (pab_plan_has(plan, pab_pass_at(i))) {
            json_array_append_new(passes, json_string(pab_pass_at(i)->name));
        }
    }
    json_t *workloads = json_array();
    for (size_t i = 0; i < plan->workload_count; i++) {
        json_array_append_new(workloads, workload_to_json(&plan->workloads[i]));
    }
    json_t *out = json_pack("{s:o, s:o, s:s, s:s, s:i, s:i, s:o, s:I, s:f}", "backends", specs,
                            "workloads", workloads, "baseline", plan->arms[plan->baseline].id,
                            "preset", plan->preset->name, "rounds", (int)plan->rounds,
                            "memory_rounds", (int)plan->memory_rounds, "passes", passes, "seed",
                            (json_int_t)plan->seed, "timeout_s", plan->timeout_s);
    json_object_set_new(out, "budget_s", json_real(plan->budget_s));
    json_object_set_new(out, "control_every", json_integer(plan->control_every));
    json_object_set_new(out, "shard",
                        plan->shard_count == 0
                            ? json_null()
                            : json_pack("{s:i, s:i}", "index", (int)plan->shard_index + 1, "count",
                                        (int)plan->shard_count));
    return out;
}

static enum pab_status damaged(struct pab_error *err, const char *what)
{
    return pab_fail(err, PAB_BAD_DATA, "the plan in the file is damaged: %s", what);
}

static enum pab_status read_params(const struct pab_workload *workload, const json_t *json,
                                   uint64_t *out, struct pab_error *err)
{
    const struct pab_param *param = workload->params;
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        const json_t *value = json_object_get(json, param[i].name);
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || (uint64_t)number < param[i].min ||
            (uint64_t)number > param[i].max) {
            return damaged(err, "a workload's parameters");
        }
        out[i] = (uint64_t)number;
    }
    return PAB_OK;
}

static enum pab_status read_backends(struct pab_plan *plan, const json_t *json,
                                     struct pab_error *err)
{
    const char *baseline = json_string_value(json_object_get(json, "baseline"));
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(json, "backends"), index, item)
    {
        const char *id = json_string_value(json_object_get(item, "id"));
        if (id == NULL) {
            return damaged(err, "a backend without id");
        }
        enum pab_status status = pab_plan_add(plan, id, err);
        if (status != PAB_OK) {
            return status;
        }
        struct pab_arm *arm = &plan->arms[index];
        arm->is_explicit = json_is_true(json_object_get(item, "explicit"));
        if (baseline != NULL && strcmp(id, baseline) == 0) {
            plan->baseline = index;
        }
    }
    return plan->arm_count > 0 ? PAB_OK : damaged(err, "no backends");
}

/* A trace that is another by now would give other rows under one name. */
static enum pab_status find_trace(const char *path, const json_t *item,
                                  const struct pab_workload **out, struct pab_error *err)
{
    char word[PAB_JOB_PATH_MAX + 8];
    char digest[PAB_DIGEST_TEXT];
    const char *then = json_string_value(json_object_get(item, "digest"));
    snprintf(word, sizeof(word), "trace:%s", path);
    enum pab_status status = pab_recorded_add(word, out, err);
    status = status != PAB_OK ? status : pab_recorded_read(*out, err);
    if (status != PAB_OK) {
        return status;
    }
    pab_recorded_digest(*out, digest);
    if (then == NULL || strcmp(digest, then) != 0) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "%s is not the trace that the run began with: start a new run", path);
    }
    return PAB_OK;
}

static enum pab_status find_workload(const json_t *item, const struct pab_workload **out,
                                     struct pab_error *err)
{
    const char *id = json_string_value(json_object_get(item, "id"));
    const char *path = json_string_value(json_object_get(item, "trace"));
    if (path != NULL) {
        return find_trace(path, item, out, err);
    }
    const char *name = json_string_value(json_object_get(item, "name"));
    *out = id == NULL ? NULL : pab_workload_find(name == NULL ? id : name);
    return *out != NULL ? PAB_OK : damaged(err, "a workload that this build does not have");
}

static bool read_age(const json_t *item, unsigned *out)
{
    const json_t *age = json_object_get(item, "age_percent");
    json_int_t percent = json_integer_value(age);
    *out = (unsigned)percent;
    return age == NULL || (percent >= PAB_AGE_MIN && percent <= PAB_AGE_MAX);
}

static enum pab_status read_workloads(struct pab_plan *plan, const json_t *json,
                                      struct pab_error *err)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(json, "workloads"), index, item)
    {
        const struct pab_workload *workload = NULL;
        enum pab_status status = find_workload(item, &workload, err);
        if (status != PAB_OK || workload == NULL ||
            plan->workload_count == PAB_PLAN_WORKLOADS_MAX) {
            return status != PAB_OK ? status : damaged(err, "too many workloads");
        }
        struct pab_planned_workload *planned = &plan->workloads[plan->workload_count++];
        planned->workload = workload;
        snprintf(planned->id, sizeof(planned->id), "%s",
                 json_string_value(json_object_get(item, "id")));
        status = read_params(workload, json_object_get(item, "params"), planned->params, err);
        if (status == PAB_OK && !read_age(item, &planned->age_percent)) {
            status = damaged(err, "the age of a heap");
        }
        if (status == PAB_OK) {
            status = read_params(workload, json_object_get(item, "memory_params"),
                                 planned->memory_params, err);
        }
        if (status != PAB_OK) {
            return status;
        }
    }
    return plan->workload_count > 0 ? PAB_OK : damaged(err, "no workloads");
}

/* A whole number of least..PAB_ROUNDS_MAX, or false. */
static bool read_count(const json_t *json, const char *key, unsigned least, unsigned *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t number = json_integer_value(value);
    *out = (unsigned)number;
    return json_is_integer(value) && number >= (json_int_t)least && number <= PAB_ROUNDS_MAX;
}

/* The index counts from 1 in the file. */
static bool read_shard(struct pab_plan *plan, const json_t *shard)
{
    unsigned index = 0;
    if (shard == NULL || json_is_null(shard)) {
        return true;
    }
    bool good = read_count(shard, "count", 1, &plan->shard_count) &&
                read_count(shard, "index", 1, &index) && index <= plan->shard_count;
    plan->shard_index = index - 1;
    return good;
}

static bool read_numbers(struct pab_plan *plan, const json_t *json)
{
    plan->budget_s = json_number_value(json_object_get(json, "budget_s"));
    plan->seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
    plan->timeout_s = json_number_value(json_object_get(json, "timeout_s"));
    return read_count(json, "rounds", 1, &plan->rounds) &&
           read_count(json, "memory_rounds", 1, &plan->memory_rounds) &&
           read_count(json, "control_every", 0, &plan->control_every) &&
           read_shard(plan, json_object_get(json, "shard")) && plan->budget_s >= 0 &&
           plan->timeout_s > 0;
}

enum pab_status pab_plan_from_json(struct pab_plan *plan, const json_t *json, struct pab_error *err)
{
    memset(plan, 0, sizeof(*plan));
    const char *preset = json_string_value(json_object_get(json, "preset"));
    size_t index = 0;
    json_t *pass = NULL;
    json_array_foreach(json_object_get(json, "passes"), index, pass)
    {
        const char *name = json_string_value(pass);
        const struct pab_pass *known = name == NULL ? NULL : pab_pass_find(name);
        if (known == NULL) {
            return damaged(err, "a pass that this build does not have");
        }
        plan->passes |= 1u << pab_pass_index(known);
    }
    if (preset == NULL || plan->passes == 0 || !read_numbers(plan, json)) {
        return damaged(err, "its numbers");
    }
    enum pab_status status = pab_preset_find(preset, &plan->preset, err);
    if (status == PAB_OK) {
        status = read_backends(plan, json, err);
    }
    if (status == PAB_OK) {
        status = read_workloads(plan, json, err);
    }
    pab_threads_leave_out(plan);
    if (status != PAB_OK) {
        pab_plan_fini(plan);
    }
    return status;
}
