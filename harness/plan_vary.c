/* harness/plan_vary.c -- several values of one parameter: a planned workload for each. */
#include "harness/plan.h"

#include <string.h>

#define VALUES_MAX 32

struct values {
    uint64_t at[VALUES_MAX];
    size_t count;
    const char *text; /* as the user wrote them, for errors */
};

static enum pab_status add_value(void *arg, const char *word, struct pab_error *err)
{
    struct values *values = arg;
    uint64_t value = 0;
    enum pab_status status = pab_size_parse(word, values->text, &value, err);
    for (size_t i = 0; status == PAB_OK && i < values->count; i++) {
        if (values->at[i] == value) {
            return pab_fail(err, PAB_USAGE, "%s: %s is named twice", values->text, word);
        }
    }
    if (status == PAB_OK && values->count == VALUES_MAX) {
        return pab_fail(err, PAB_USAGE, "%s: more than %d values", values->text, VALUES_MAX);
    }
    if (status == PAB_OK) {
        values->at[values->count++] = value;
    }
    return status;
}

/* One workload with one value, and its id. */
static enum pab_status set_value(struct pab_planned_workload *planned, size_t param, uint64_t value,
                                 const char *text, struct pab_error *err)
{
    const struct pab_param *known = &planned->workload->params[param];
    size_t used = strlen(planned->id);
    if (value < known->min || value > known->max) {
        return pab_fail(err, PAB_USAGE, "%s: outside %llu..%llu %s", text,
                        (unsigned long long)known->min, (unsigned long long)known->max,
                        known->unit);
    }
    int wrote = snprintf(planned->id + used, sizeof(planned->id) - used, ":%s=%llu", known->name,
                         (unsigned long long)value);
    if (wrote < 0 || (size_t)wrote >= sizeof(planned->id) - used) {
        return pab_fail(err, PAB_USAGE, "%s: the name of the row would be too long; vary less",
                        text);
    }
    planned->params[param] = value;
    planned->memory_params[param] = value;
    return PAB_OK;
}

/* As many of one workload, side by side, as there are values. */
static enum pab_status multiply(struct pab_plan *plan, size_t workload, const struct values *values,
                                struct pab_error *err)
{
    size_t more = values->count - 1;
    size_t after = plan->workload_count - workload - 1;
    struct pab_planned_workload *place = &plan->workloads[workload];
    if (plan->workload_count + more > PAB_PLAN_WORKLOADS_MAX) {
        return pab_fail(err, PAB_USAGE, "%s: more than %d workloads in one run; choose by -w",
                        values->text, PAB_PLAN_WORKLOADS_MAX);
    }
    memmove(place + 1 + more, place + 1, after * sizeof(*place));
    for (size_t i = 1; i <= more; i++) {
        place[i] = place[0];
    }
    plan->workload_count += more;
    return PAB_OK;
}

enum pab_status pab_plan_vary(struct pab_plan *plan, size_t *workload,
                              const struct pab_variation *variation, struct pab_error *err)
{
    const char *text = variation->text;
    struct values values = {.text = text};
    enum pab_status status = pab_for_words(variation->list, text, add_value, &values, err);
    if (status != PAB_OK) {
        return status;
    }
    struct pab_planned_workload *place = &plan->workloads[*workload];
    status = multiply(plan, *workload, &values, err);
    for (size_t i = 0; i < values.count && status == PAB_OK; i++) {
        status = set_value(&place[i], variation->param, values.at[i], text, err);
    }
    *workload += values.count - 1;
    return status;
}

enum pab_status pab_plan_threads(struct pab_plan *plan, const char *list, struct pab_error *err)
{
    const struct pab_variation threads = {.param = 0, .list = list, .text = "--threads"};
    enum pab_status status = PAB_OK;
    bool is_any = false;
    for (size_t i = 0; i < plan->workload_count && status == PAB_OK; i++) {
        if (plan->workloads[i].workload->threading != PAB_THREADING_NONE) {
            is_any = true;
            status = pab_plan_vary(plan, &i, &threads, err);
        }
    }
    return is_any ? status
                  : pab_fail(err, PAB_USAGE,
                             "--threads: none of these workloads has threads; -w 'threads_*' has");
}

static enum pab_status set_age(struct pab_planned_workload *planned, uint64_t percent,
                               struct pab_error *err)
{
    size_t used = strlen(planned->id);
    if (percent == 0) {
        return PAB_OK;
    }
    if (percent < PAB_AGE_MIN || percent > PAB_AGE_MAX) {
        return pab_fail(err, PAB_USAGE, "--age: %llu is outside %u..%u per cent (0: a young heap)",
                        (unsigned long long)percent, PAB_AGE_MIN, PAB_AGE_MAX);
    }
    int wrote =
        snprintf(planned->id + used, sizeof(planned->id) - used, ":age=%u", (unsigned)percent);
    if (wrote < 0 || (size_t)wrote >= sizeof(planned->id) - used) {
        return pab_fail(err, PAB_USAGE, "--age: the name of the row would be too long; vary less");
    }
    planned->age_percent = (unsigned)percent;
    return PAB_OK;
}

enum pab_status pab_plan_ages(struct pab_plan *plan, const char *list, struct pab_error *err)
{
    struct values ages = {.text = "--age"};
    enum pab_status status = pab_for_words(list, "--age", add_value, &ages, err);
    for (size_t i = 0; status == PAB_OK && i < plan->workload_count; i++) {
        status = multiply(plan, i, &ages, err);
        for (size_t k = 0; status == PAB_OK && k < ages.count; k++) {
            status = set_age(&plan->workloads[i + k], ages.at[k], err);
        }
        i += ages.count - 1;
    }
    return status;
}
