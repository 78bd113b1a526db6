#include "harness/check_self.h"

#include "harness/check.h"

#include <string.h>

#define HANG_MS     1000 /* for the one that never ends */
#define ORDINARY_MS 60000
#define SELF_MAX    8

static const char *const end_names[] = {
    [PAB_SELF_PASS] = "pass", [PAB_SELF_FAIL] = "fail",      [PAB_SELF_CRASH] = "crash",
    [PAB_SELF_HANG] = "hang", [PAB_SELF_SILENT] = "silence",
};

bool pab_self_read(const struct pab_outcome *outcome, enum pab_self_end *end)
{
    if (outcome->ok) {
        *end = outcome->verdict.verdict == PAB_PASS ? PAB_SELF_PASS : PAB_SELF_FAIL;
        return outcome->verdict.verdict == PAB_PASS || outcome->verdict.verdict == PAB_FAIL;
    }
    if (strcmp(outcome->kind, "timeout") == 0) {
        *end = PAB_SELF_HANG;
        return true;
    }
    if (strcmp(outcome->kind, "silent") == 0) {
        *end = PAB_SELF_SILENT;
        return true;
    }
    *end = PAB_SELF_CRASH;
    return strcmp(outcome->kind, "crashed") == 0 && outcome->signal != 0;
}

static enum pab_status judge(const struct pab_self_check *self, const struct pab_check_task *task,
                             struct pab_error *err)
{
    enum pab_self_end end = PAB_SELF_PASS;
    bool is_known = pab_self_read(&task->outcome, &end);
    if (is_known && end == self->end) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_IO,
                    "the detector is blind: %s on %.100s was read as %s, not as %s; so no verdict "
                    "is given",
                    self->check.id, task->spec->id, is_known ? end_names[end] : task->outcome.kind,
                    end_names[self->end]);
}

enum pab_status pab_self_run(const struct pab_spec *spec, const volatile int *interrupted,
                             struct pab_error *err)
{
    size_t count = pab_self_check_count();
    PAB_CHECK(count <= SELF_MAX);
    struct pab_check_task *tasks = calloc(count, sizeof(*tasks));
    PAB_CHECK(tasks != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct pab_self_check *self = pab_self_check_at(i);
        tasks[i].spec = spec;
        tasks[i].timeout_ms = self->end == PAB_SELF_HANG ? HANG_MS : ORDINARY_MS;
        tasks[i].job.protocol = PAB_PROTOCOL;
        tasks[i].job.kind = PAB_JOB_CHECK;
        snprintf(tasks[i].job.backend, sizeof(tasks[i].job.backend), "%s", spec->id);
        snprintf(tasks[i].job.subject, sizeof(tasks[i].job.subject), "%s", self->check.id);
    }
    /* All at once: they do nothing but wait. */
    struct pab_check_pool pool = {.jobs = (unsigned)count, .interrupted = interrupted};
    enum pab_status status = pab_check_pool_run(&pool, tasks, count, err);
    for (size_t i = 0; status == PAB_OK && *interrupted == 0 && i < count; i++) {
        status = judge(pab_self_check_at(i), &tasks[i], err);
    }
    free(tasks);
    return status;
}
