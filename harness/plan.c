#include "harness/plan.h"

#include "harness/recorded.h"
#include "harness/threads.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

static const struct pab_preset presets[] = {
    {
        .name = "sprint",
        .summary = "one short body a process: what the gate repeats until it is sure",
        .rounds = 200,
        .memory_rounds = 1,
        .min_time_s = 0, /* the first body alone */
        .reps = 1,
        .large_memory = true, /* small heaps show neither growth nor what is given back */
        .retain_ms = {0},
        .retain_count = 1,
    },
    {
        .name = "smoke",
        .summary = "half a minute: does everything work? (no figure from it is worth quoting)",
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
        .summary = "two minutes: a first look",
        .rounds = 10,
        .memory_rounds = 1,
        .min_time_s = 0.002,
        .reps = 2,
        .large_memory = true,
        .retain_ms = {0, 100, 1000},
        .retain_count = 3,
    },
    {
        .name = "default",
        .summary = "five minutes: intervals of a few per cent on a quiet machine",
        .rounds = 45,
        .memory_rounds = 2,
        .min_time_s = 0.002,
        .reps = 2,
        .large_memory = true,
        .retain_ms = {0, 100, 1000, 5000},
        .retain_count = 4,
    },
    {
        .name = "rigorous",
        .summary = "half an hour: for a figure that others will quote",
        .rounds = 400,
        .memory_rounds = 5,
        .min_time_s = 0.002,
        .reps = 2,
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

static const char *preset_name(size_t index)
{
    return presets[index].name;
}

enum pab_status pab_preset_find(const char *name, const struct pab_preset **out,
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

enum pab_status pab_plan_add(struct pab_plan *plan, const char *word, struct pab_error *err)
{
    if (plan->arm_count == PAB_PLAN_BACKENDS_MAX) {
        return pab_fail(err, PAB_USAGE, "more than %d backends in one run", PAB_PLAN_BACKENDS_MAX);
    }
    for (size_t i = 0; i < plan->arm_count; i++) {
        if (strcmp(plan->arms[i].id, word) == 0) {
            return pab_fail(err, PAB_USAGE, "backend '%s' is named twice", word);
        }
    }
    struct pab_arm *arm = &plan->arms[plan->arm_count];
    enum pab_status status = pab_spec_parse(word, &arm->spec, err);
    if (status == PAB_OK) {
        snprintf(arm->id, sizeof(arm->id), "%s", arm->spec->id);
        plan->arm_count++;
    }
    return status;
}

static enum pab_status add_word(void *arg, const char *word, struct pab_error *err)
{
    return pab_plan_add(arg, word, err);
}

enum pab_status pab_plan_backends(struct pab_plan *plan, const struct pab_request *request,
                                  struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    if (request->backends != NULL) {
        status = pab_for_words(request->backends, "-b", add_word, plan, err);
        for (size_t i = 0; i < plan->arm_count; i++) {
            plan->arms[i].is_explicit = true;
        }
    } else {
        for (size_t i = 0; status == PAB_OK && i < pab_backend_count(); i++) {
            if ((pab_backend_at(i)->caps & PAB_CAP_DEFAULT) != 0) {
                status = pab_plan_add(plan, pab_backend_at(i)->name, err);
            }
        }
    }
    if (status != PAB_OK || request->baseline == NULL) {
        return status; /* the baseline is the first one */
    }
    for (size_t i = 0; i < plan->arm_count; i++) {
        if (strcmp(plan->arms[i].id, request->baseline) == 0) {
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
    for (size_t i = 0; i < pab_catalogue_count(); i++) {
        if (fnmatch(word, pab_catalogue_name(i), 0) == 0) {
            return PAB_OK;
        }
    }
    if (pab_recorded_lacks_prefix(word)) {
        return pab_fail(err, PAB_USAGE, "no workload matches '%s'; did you mean 'trace:%s'?", word,
                        word);
    }
    const char *near = pab_nearest(word, pab_catalogue_name, pab_catalogue_count());
    return pab_fail(err, PAB_USAGE, "no workload matches '%s'; %s%s%s", word,
                    near == NULL ? "`pyallocbench list workloads` shows all" : "did you mean '",
                    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static enum pab_status add_workload(struct pab_plan *plan, const struct pab_workload *workload,
                                    struct pab_error *err)
{
    if (plan->workload_count == PAB_PLAN_WORKLOADS_MAX) {
        return pab_fail(err, PAB_USAGE, "more than %d workloads in one run; choose by -w and -x",
                        PAB_PLAN_WORKLOADS_MAX);
    }
    for (size_t i = 0; i < plan->workload_count; i++) {
        if (strcmp(plan->workloads[i].workload->name, workload->name) == 0) {
            return pab_fail(err, PAB_USAGE,
                            "two traces are called %s: rows could not be told apart; link one of "
                            "them to another name",
                            workload->name);
        }
    }
    struct pab_planned_workload *planned = &plan->workloads[plan->workload_count++];
    planned->workload = workload;
    snprintf(planned->id, sizeof(planned->id), "%s", workload->name);
    return pab_recorded_read(workload, err);
}

/* A word of -w: a trace's file is a workload more, any other word must match something. */
static enum pab_status take_word(void *arg, const char *word, struct pab_error *err)
{
    struct pab_plan *plan = arg;
    const struct pab_workload *workload = NULL;
    if (!pab_recorded_is_file(word)) {
        return expect_workload(NULL, word, err);
    }
    enum pab_status status = pab_recorded_add(word, &workload, err);
    return status != PAB_OK ? status : add_workload(plan, workload, err);
}

/* Without -w. */
static bool is_chosen(const struct pab_workload *workload, const struct pab_request *request)
{
    return request->threads != NULL ? workload->threading != PAB_THREADING_NONE
                                    : (workload->flags & PAB_WORKLOAD_DEFAULT) != 0;
}

static enum pab_status plan_workloads(struct pab_plan *plan, const struct pab_request *request,
                                      struct pab_error *err)
{
    if (request->workloads != NULL) {
        enum pab_status status = pab_for_words(request->workloads, "-w", take_word, plan, err);
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
    for (size_t i = 0; i < pab_catalogue_count(); i++) {
        const struct pab_workload *workload = pab_catalogue_at(i);
        bool chosen = request->workloads == NULL
                          ? is_chosen(workload, request)
                          : pab_globs_match(request->workloads, workload->name);
        if (chosen && !pab_globs_match(request->exclude, workload->name)) {
            enum pab_status status = add_workload(plan, workload, err);
            if (status != PAB_OK) {
                return status;
            }
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

/* The last dot before the value: the name of a trace may have some. */
static const char *find_dot(const char *text, const char *equals)
{
    return equals == NULL ? NULL : memrchr(text, '.', (size_t)(equals - text));
}

static enum pab_status set_value(struct pab_planned_workload *planned, size_t index,
                                 const char *value_text, const char *text, struct pab_error *err)
{
    const struct pab_param *param = &planned->workload->params[index];
    uint64_t value = 0;
    enum pab_status status = pab_size_parse(value_text, text, &value, err);
    if (status == PAB_OK && (value < param->min || value > param->max)) {
        status =
            pab_fail(err, PAB_USAGE, "-p %s: outside %llu..%llu %s", text,
                     (unsigned long long)param->min, (unsigned long long)param->max, param->unit);
    }
    planned->params[index] = value;
    planned->memory_params[index] = value;
    return status;
}

/* "workload.param=value", or several values; the workload may be a glob. */
static enum pab_status set_param(struct pab_plan *plan, const char *text, struct pab_error *err)
{
    const char *equals = strchr(text, '=');
    const char *dot = find_dot(text, equals);
    if (dot == NULL || dot - text >= PAB_NAME_MAX || equals - dot >= PAB_NAME_MAX) {
        return pab_fail(err, PAB_USAGE, "-p %s: write workload.parameter=value", text);
    }
    char glob[PAB_NAME_MAX];
    char name[PAB_NAME_MAX];
    snprintf(glob, sizeof(glob), "%.*s", (int)(dot - text), text);
    snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
    enum pab_status status = PAB_OK;
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
        const struct pab_variation several = {index, equals + 1, text};
        status = strchr(equals, ',') != NULL ? pab_plan_vary(plan, &i, &several, err)
                                             : set_value(planned, index, equals + 1, text, err);
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
    const struct pab_pass *pass = pab_pass_find(word);
    if (pass == NULL) {
        char names[256];
        size_t used = 0;
        for (size_t i = 0; i < pab_pass_count() && used < sizeof(names); i++) {
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ",
                                     pab_pass_at(i)->name);
        }
        return pab_fail(err, PAB_USAGE, "no pass is named '%s'; there are: %s", word, names);
    }
    const char *missing = pass->missing == NULL ? NULL : pass->missing();
    if (missing != NULL) {
        return pab_fail(err, PAB_UNAVAILABLE, "the pass %s cannot be made here: %s", word, missing);
    }
    *passes |= 1u << pab_pass_index(pass);
    return PAB_OK;
}

static unsigned default_passes(void)
{
    unsigned passes = 0;
    for (size_t i = 0; i < pab_pass_count(); i++) {
        passes |= (pab_pass_at(i)->flags & PAB_PASS_BY_DEFAULT) != 0 ? 1u << i : 0;
    }
    return passes;
}

#define SHARDS_MAX 1000

/* Of the pass that has most. */
static unsigned most_rounds(const struct pab_plan *plan)
{
    unsigned most = 0;
    for (size_t i = 0; i < pab_pass_count(); i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        unsigned rounds = pab_plan_has(plan, pass) ? pab_plan_rounds(plan, pass) : 0;
        most = rounds > most ? rounds : most;
    }
    return most;
}

/* "I/N" */
static enum pab_status plan_shard(struct pab_plan *plan, const char *text, struct pab_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long index = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    unsigned long count = 0;
    if (end != NULL && *end == '/' && isdigit((unsigned char)end[1])) {
        count = strtoul(end + 1, &end, 10);
    }
    if (end == NULL || *end != '\0' || errno != 0 || index < 1 || count < 1 || index > count ||
        count > SHARDS_MAX) {
        return pab_fail(err, PAB_USAGE,
                        "--shard %s: write I/N, part I (from 1) of N (at most %d), say 2/8", text,
                        SHARDS_MAX);
    }
    plan->shard_index = (unsigned)index - 1;
    plan->shard_count = (unsigned)count;
    unsigned rounds = most_rounds(plan);
    if (count > rounds) {
        return pab_fail(err, PAB_USAGE, "--shard %s: there %s only %u round%s to share out", text,
                        rounds == 1 ? "is" : "are", rounds, rounds == 1 ? "" : "s");
    }
    return PAB_OK;
}

static enum pab_status plan_numbers(struct pab_plan *plan, const struct pab_request *request,
                                    struct pab_error *err)
{
    enum pab_status status =
        pab_preset_find(request->preset == NULL ? "default" : request->preset, &plan->preset, err);
    if (status != PAB_OK) {
        return status;
    }
    plan->rounds = request->rounds > 0 ? (unsigned)request->rounds : plan->preset->rounds;
    if (request->rounds <= 0 && request->budget_s > 0) {
        plan->rounds = PAB_ROUNDS_MAX; /* the clock ends them */
    }
    plan->memory_rounds = plan->preset->memory_rounds;
    plan->timeout_s = request->timeout_s > 0 ? request->timeout_s : 60;
    plan->seed = request->has_seed ? request->seed : 1;
    plan->budget_s = request->budget_s;
    plan->control_every = request->no_control ? 0 : 1;
    if (request->passes != NULL) {
        status = pab_for_words(request->passes, "--passes", add_pass, &plan->passes, err);
    } else {
        plan->passes = default_passes();
    }
    return status == PAB_OK && request->shard != NULL ? plan_shard(plan, request->shard, err)
                                                      : status;
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
        default_params(&plan->workloads[i], plan->preset->large_memory || request->large_memory);
    }
    for (size_t i = 0; status == PAB_OK && i < request->param_count; i++) {
        status = set_param(plan, request->params[i], err);
    }
    if (status == PAB_OK && request->threads != NULL) {
        status = pab_plan_threads(plan, request->threads, err);
    }
    if (status == PAB_OK && request->ages != NULL) {
        status = pab_plan_ages(plan, request->ages, err);
    }
    pab_threads_leave_out(plan);
    for (size_t i = 0; status == PAB_OK && i < plan->workload_count; i++) {
        const struct pab_planned_workload *planned = &plan->workloads[i];
        status = pab_recorded_expect(planned->workload, planned->params, err);
        status = status != PAB_OK
                     ? status
                     : pab_recorded_expect(planned->workload, planned->memory_params, err);
    }
    if (status != PAB_OK) {
        pab_plan_fini(plan);
    }
    return status;
}

void pab_plan_fini(struct pab_plan *plan)
{
    for (size_t i = 0; i < plan->arm_count; i++) {
        pab_spec_destroy(plan->arms[i].spec);
    }
    plan->arm_count = 0;
}
