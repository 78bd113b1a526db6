#include "harness/plan.h"

#include "workloads/support/rng.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

static const struct pab_preset presets[] = {
    {
        .name = "smoke",
        .summary = "seconds: does everything work? (no figure from it is worth quoting)",
        .rounds = 2,
        .memory_rounds = 1,
        .min_time_s = 0.002,
        .reps = 2,
        .large_memory = false,
        .retain_ms = {0},
        .retain_count = 1,
    },
    {
        .name = "quick",
        .summary = "under a minute: a first look",
        .rounds = 9,
        .memory_rounds = 1,
        .min_time_s = 0.01,
        .reps = 3,
        .large_memory = true,
        .retain_ms = {0, 100, 1000},
        .retain_count = 3,
    },
    {
        .name = "default",
        .summary = "some two minutes: intervals of a few per cent on a quiet machine",
        .rounds = 30,
        .memory_rounds = 2,
        .min_time_s = 0.01,
        .reps = 3,
        .large_memory = true,
        .retain_ms = {0, 100, 1000, 5000},
        .retain_count = 4,
    },
    {
        .name = "rigorous",
        .summary = "a quarter of an hour: for a figure that others will quote",
        .rounds = 300,
        .memory_rounds = 5,
        .min_time_s = 0.01,
        .reps = 3,
        .large_memory = true,
        .retain_ms = {0, 100, 1000, 5000},
        .retain_count = 4,
    },
};

size_t pab_preset_count(void)
{
    return ARRAY_COUNT(presets);
}

const struct pab_preset *pab_preset_at(size_t index)
{
    return &presets[index];
}

const char *pab_pass_name(enum pab_pass pass)
{
    return pass == PAB_PASS_TIME ? "time" : "memory";
}

static const char *preset_name(size_t index)
{
    return presets[index].name;
}

static const char *workload_name(size_t index)
{
    return pab_workload_at(index)->name;
}

static enum pab_status find_preset(const char *name, const struct pab_preset **out,
                                   struct pab_error *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *out = &presets[i];
            return PAB_OK;
        }
    }
    const char *near = pab_nearest(name, preset_name, ARRAY_COUNT(presets));
    return pab_fail(err, PAB_USAGE, "no preset is named '%s'; %s%s%s", name,
                    near == NULL ? "`pyallocbench list presets` shows all" : "did you mean '",
                    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

/* --- lists separated by commas -------------------------------------------------------------- */

/* Cuts the spaces off both ends, in place. */
static const char *trim(char *word)
{
    size_t length = strlen(word);
    while (length > 0 && word[length - 1] == ' ') {
        word[--length] = '\0';
    }
    return word + strspn(word, " ");
}

enum pab_status pab_for_words(const char *list, const char *what,
                              enum pab_status (*each)(void *arg, const char *word,
                                                      struct pab_error *err),
                              void *arg, struct pab_error *err)
{
    size_t words = 0;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        char word[PAB_SPEC_MAX];
        if (length >= sizeof(word)) {
            return pab_fail(err, PAB_USAGE, "%s: '%.40s...' is too long", what, at);
        }
        memcpy(word, at, length);
        word[length] = '\0';
        const char *trimmed = trim(word);
        if (trimmed[0] != '\0') {
            enum pab_status status = each(arg, trimmed, err);
            if (status != PAB_OK) {
                return status;
            }
            words++;
        }
        at += length + (at[length] == ',');
    }
    return words > 0 ? PAB_OK : pab_fail(err, PAB_USAGE, "%s: the list is empty", what);
}

struct glob_search {
    const char *name;
    bool found;
};

static enum pab_status try_glob(void *arg, const char *word, struct pab_error *err)
{
    (void)err;
    struct glob_search *search = arg;
    search->found |= fnmatch(word, search->name, 0) == 0;
    return PAB_OK;
}

bool pab_globs_match(const char *globs, const char *name)
{
    struct glob_search search = {.name = name};
    if (globs != NULL) {
        (void)pab_for_words(globs, "globs", try_glob, &search, NULL);
    }
    return search.found;
}

/* --- backends ------------------------------------------------------------------------------- */

static enum pab_status add_spec(void *arg, const char *word, struct pab_error *err)
{
    struct pab_plan *plan = arg;
    if (plan->spec_count == PAB_PLAN_BACKENDS_MAX) {
        return pab_fail(err, PAB_USAGE, "more than %d backends in one run", PAB_PLAN_BACKENDS_MAX);
    }
    for (size_t i = 0; i < plan->spec_count; i++) {
        if (strcmp(plan->specs[i]->id, word) == 0) {
            return pab_fail(err, PAB_USAGE, "backend '%s' is named twice", word);
        }
    }
    enum pab_status status = pab_spec_parse(word, &plan->specs[plan->spec_count], err);
    plan->spec_count += status == PAB_OK;
    return status;
}

enum pab_status pab_plan_backends(struct pab_plan *plan, const struct pab_request *request,
                                  struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    if (request->backends != NULL) {
        status = pab_for_words(request->backends, "-b", add_spec, plan, err);
        for (size_t i = 0; i < plan->spec_count; i++) {
            plan->is_explicit[i] = true;
        }
    } else {
        for (size_t i = 0; status == PAB_OK && i < pab_backend_count(); i++) {
            if ((pab_backend_at(i)->caps & PAB_CAP_DEFAULT) != 0) {
                status = add_spec(plan, pab_backend_at(i)->name, err);
            }
        }
    }
    if (status != PAB_OK || request->baseline == NULL) {
        return status; /* the baseline is the first one */
    }
    for (size_t i = 0; i < plan->spec_count; i++) {
        if (strcmp(plan->specs[i]->id, request->baseline) == 0) {
            plan->baseline = i;
            return PAB_OK;
        }
    }
    return pab_fail(err, PAB_USAGE, "--baseline %s is not among the backends of -b",
                    request->baseline);
}

/* --- workloads and parameters --------------------------------------------------------------- */

static void default_params(struct pab_planned_workload *planned, bool large_memory)
{
    const struct pab_param *param = planned->workload->params;
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        PAB_CHECK(i < PAB_PARAMS_MAX);
        bool large = large_memory && param[i].memory_value != 0;
        planned->params[i] = param[i].value;
        planned->memory_params[i] = large ? param[i].memory_value : param[i].value;
    }
}

/* Each word of -w and -x must match something, else a typing error would silently measure less
 * or more. */
static enum pab_status expect_workload(void *arg, const char *word, struct pab_error *err)
{
    (void)arg;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        if (fnmatch(word, workload_name(i), 0) == 0) {
            return PAB_OK;
        }
    }
    const char *near = pab_nearest(word, workload_name, pab_workload_count());
    return pab_fail(err, PAB_USAGE, "no workload matches '%s'; %s%s%s", word,
                    near == NULL ? "`pyallocbench list workloads` shows all" : "did you mean '",
                    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static enum pab_status plan_workloads(struct pab_plan *plan, const struct pab_request *request,
                                      struct pab_error *err)
{
    if (request->workloads != NULL) {
        enum pab_status status =
            pab_for_words(request->workloads, "-w", expect_workload, NULL, err);
        if (status != PAB_OK) {
            return status;
        }
    }
    if (request->exclude != NULL) {
        enum pab_status status = pab_for_words(request->exclude, "-x", expect_workload, NULL, err);
        if (status != PAB_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        bool chosen = request->workloads == NULL
                          ? (workload->flags & PAB_WORKLOAD_DEFAULT) != 0
                          : pab_globs_match(request->workloads, workload->name);
        if (chosen && !pab_globs_match(request->exclude, workload->name)) {
            PAB_CHECK(plan->workload_count < PAB_PLAN_WORKLOADS_MAX);
            plan->workloads[plan->workload_count++].workload = workload;
        }
    }
    if (plan->workload_count == 0) {
        return pab_fail(err, PAB_USAGE, "-x leaves no workload");
    }
    return PAB_OK;
}

/* False: `err` names those that it has. */
static bool find_param(const struct pab_workload *workload, const char *name, size_t *out,
                       struct pab_error *err)
{
    char names[256] = "none";
    size_t used = 0;
    const struct pab_param *param = workload->params;
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        if (strcmp(param[i].name, name) == 0) {
            *out = i;
            return true;
        }
        int wrote = snprintf(names + used, sizeof(names) - used, "%s%s", used == 0 ? "" : ", ",
                             param[i].name);
        used += wrote > 0 && (size_t)wrote < sizeof(names) - used ? (size_t)wrote : 0;
    }
    pab_fail(err, PAB_USAGE, "%s has no parameter '%s'; it has: %s", workload->name, name, names);
    return false;
}

/* "workload.param=value"; the workload may be a glob. */
static enum pab_status set_param(struct pab_plan *plan, const char *text, struct pab_error *err)
{
    const char *dot = strchr(text, '.');
    const char *equals = dot == NULL ? NULL : strchr(dot, '=');
    if (equals == NULL || dot - text >= PAB_NAME_MAX || equals - dot >= PAB_NAME_MAX) {
        return pab_fail(err, PAB_USAGE, "-p %s: write workload.parameter=value", text);
    }
    char glob[PAB_NAME_MAX];
    char name[PAB_NAME_MAX];
    snprintf(glob, sizeof(glob), "%.*s", (int)(dot - text), text);
    snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
    uint64_t value = 0;
    enum pab_status status = pab_size_parse(equals + 1, text, &value, err);
    size_t matched = 0;
    size_t set = 0;
    for (size_t i = 0; status == PAB_OK && i < plan->workload_count; i++) {
        struct pab_planned_workload *planned = &plan->workloads[i];
        if (fnmatch(glob, planned->workload->name, 0) != 0) {
            continue;
        }
        matched++;
        size_t index = 0;
        if (!find_param(planned->workload, name, &index, err)) {
            continue; /* a glob may match workloads that lack it; one must have it */
        }
        const struct pab_param *param = &planned->workload->params[index];
        if (value < param->min || value > param->max) {
            status = pab_fail(err, PAB_USAGE, "-p %s: outside %llu..%llu %s", text,
                              (unsigned long long)param->min, (unsigned long long)param->max,
                              param->unit);
        }
        planned->params[index] = value;
        planned->memory_params[index] = value;
        set++;
    }
    if (status != PAB_OK || set > 0) {
        return status;
    }
    if (matched > 0) {
        return PAB_USAGE; /* find_param() has said what there is */
    }
    status = expect_workload(NULL, glob, err);
    return status != PAB_OK
               ? status
               : pab_fail(err, PAB_USAGE, "-p %s: that workload is not part of this run", text);
}

/* --- the rest ------------------------------------------------------------------------------- */

static enum pab_status add_pass(void *arg, const char *word, struct pab_error *err)
{
    unsigned *passes = arg;
    if (strcmp(word, "time") == 0) {
        *passes |= PAB_PASS_TIME;
    } else if (strcmp(word, "memory") == 0) {
        *passes |= PAB_PASS_MEMORY;
    } else {
        return pab_fail(err, PAB_USAGE, "no pass is named '%s'; there are: time, memory", word);
    }
    return PAB_OK;
}

static enum pab_status plan_numbers(struct pab_plan *plan, const struct pab_request *request,
                                    struct pab_error *err)
{
    enum pab_status status =
        find_preset(request->preset == NULL ? "default" : request->preset, &plan->preset, err);
    if (status != PAB_OK) {
        return status;
    }
    plan->rounds = request->rounds > 0 ? (unsigned)request->rounds : plan->preset->rounds;
    plan->memory_rounds = plan->preset->memory_rounds;
    plan->timeout_s = request->timeout_s > 0 ? request->timeout_s : 60;
    plan->seed = request->has_seed ? request->seed : 1;
    plan->passes = PAB_PASS_TIME | PAB_PASS_MEMORY;
    if (request->passes != NULL) {
        plan->passes = 0;
        status = pab_for_words(request->passes, "--passes", add_pass, &plan->passes, err);
    }
    return status;
}

enum pab_status pab_plan_make(struct pab_plan *plan, const struct pab_request *request,
                              struct pab_error *err)
{
    memset(plan, 0, sizeof(*plan));
    enum pab_status status = plan_numbers(plan, request, err);
    if (status == PAB_OK) {
        status = pab_plan_backends(plan, request, err);
    }
    if (status == PAB_OK) {
        status = plan_workloads(plan, request, err);
    }
    for (size_t i = 0; status == PAB_OK && i < plan->workload_count; i++) {
        default_params(&plan->workloads[i], plan->preset->large_memory);
    }
    for (size_t i = 0; status == PAB_OK && i < request->param_count; i++) {
        status = set_param(plan, request->params[i], err);
    }
    if (status != PAB_OK) {
        pab_plan_fini(plan);
    }
    return status;
}

void pab_plan_fini(struct pab_plan *plan)
{
    for (size_t i = 0; i < plan->spec_count; i++) {
        pab_spec_destroy(plan->specs[i]);
    }
    plan->spec_count = 0;
}

size_t pab_plan_round(const struct pab_plan *plan, enum pab_pass pass, unsigned round,
                      struct pab_cell *out)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, plan->seed ^ ((uint64_t)pass << 56) ^ ((uint64_t)round << 24));
    size_t count = 0;
    for (size_t w = 0; w < plan->workload_count; w++) {
        for (size_t s = 0; s < plan->spec_count; s++) {
            out[count++] =
                (struct pab_cell){.pass = pass, .round = round, .workload = w, .spec = s};
        }
    }
    for (size_t i = count; i > 1; i--) { /* Fisher and Yates */
        size_t j = pab_rng_below(&rng, (uint32_t)i);
        struct pab_cell swapped = out[i - 1];
        out[i - 1] = out[j];
        out[j] = swapped;
    }
    for (size_t i = 0; i < count; i++) {
        out[i].position = (unsigned)i;
        out[i].pad_bytes = pab_rng_below(&rng, 4096);
    }
    return count;
}

/* --- JSON ----------------------------------------------------------------------------------- */

json_t *pab_params_to_json(const struct pab_workload *workload, const uint64_t *values)
{
    json_t *out = json_object();
    const struct pab_param *param = workload->params;
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        json_object_set_new(out, param[i].name, json_integer((json_int_t)values[i]));
    }
    return out;
}

json_t *pab_plan_to_json(const struct pab_plan *plan)
{
    json_t *specs = json_array();
    for (size_t i = 0; i < plan->spec_count; i++) {
        json_array_append_new(specs, json_pack("{s:s, s:b}", "id", plan->specs[i]->id, "explicit",
                                               plan->is_explicit[i]));
    }
    json_t *workloads = json_array();
    for (size_t i = 0; i < plan->workload_count; i++) {
        const struct pab_planned_workload *planned = &plan->workloads[i];
        json_array_append_new(
            workloads,
            json_pack("{s:s, s:o, s:o}", "id", planned->workload->name, "params",
                      pab_params_to_json(planned->workload, planned->params), "memory_params",
                      pab_params_to_json(planned->workload, planned->memory_params)));
    }
    return json_pack("{s:o, s:o, s:s, s:s, s:i, s:i, s:i, s:I, s:f}", "backends", specs,
                     "workloads", workloads, "baseline", plan->specs[plan->baseline]->id, "preset",
                     plan->preset->name, "rounds", (int)plan->rounds, "memory_rounds",
                     (int)plan->memory_rounds, "passes", (int)plan->passes, "seed",
                     (json_int_t)plan->seed, "timeout_s", plan->timeout_s);
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
        enum pab_status status = add_spec(plan, id, err);
        if (status != PAB_OK) {
            return status;
        }
        plan->is_explicit[index] = json_is_true(json_object_get(item, "explicit"));
        if (baseline != NULL && strcmp(id, baseline) == 0) {
            plan->baseline = index;
        }
    }
    return plan->spec_count > 0 ? PAB_OK : damaged(err, "no backends");
}

static enum pab_status read_workloads(struct pab_plan *plan, const json_t *json,
                                      struct pab_error *err)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(json, "workloads"), index, item)
    {
        const char *id = json_string_value(json_object_get(item, "id"));
        const struct pab_workload *workload = id == NULL ? NULL : pab_workload_find(id);
        if (workload == NULL || plan->workload_count == PAB_PLAN_WORKLOADS_MAX) {
            return damaged(err, "a workload that this build does not have");
        }
        struct pab_planned_workload *planned = &plan->workloads[plan->workload_count++];
        planned->workload = workload;
        enum pab_status status =
            read_params(workload, json_object_get(item, "params"), planned->params, err);
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

enum pab_status pab_plan_from_json(struct pab_plan *plan, const json_t *json, struct pab_error *err)
{
    memset(plan, 0, sizeof(*plan));
    const char *preset = json_string_value(json_object_get(json, "preset"));
    plan->rounds = (unsigned)json_integer_value(json_object_get(json, "rounds"));
    plan->memory_rounds = (unsigned)json_integer_value(json_object_get(json, "memory_rounds"));
    plan->passes = (unsigned)json_integer_value(json_object_get(json, "passes"));
    plan->seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
    plan->timeout_s = json_number_value(json_object_get(json, "timeout_s"));
    if (preset == NULL || plan->rounds == 0 || plan->passes == 0 || !(plan->timeout_s > 0)) {
        return damaged(err, "its numbers");
    }
    enum pab_status status = find_preset(preset, &plan->preset, err);
    if (status == PAB_OK) {
        status = read_backends(plan, json, err);
    }
    if (status == PAB_OK) {
        status = read_workloads(plan, json, err);
    }
    if (status != PAB_OK) {
        pab_plan_fini(plan);
    }
    return status;
}
