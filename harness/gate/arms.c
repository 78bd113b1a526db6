/* harness/gate/arms.c -- who takes part in a live gate. */
#include "harness/binary.h"
#include "harness/gate/live.h"
#include "harness/text.h"
#include "harness/version.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* That three values lie above three others by chance: once in 20. A confirmation makes more. */
#define MEMORY_ROUNDS 3
#define CONTROL_EVERY 4 /* rounds: the baseline's second run costs time that base and head need */

static const char *const default_passes[] = {"time", "memory", "instructions"};

/* The path of a build: in full, so that the document names one file. */
static enum pab_status resolve(const char *path, char *out, size_t size, struct pab_error *err)
{
    char real[PATH_MAX];
    out[0] = '\0';
    if (path == NULL) {
        return PAB_OK;
    }
    if (realpath(path, real) == NULL) {
        return pab_fail(err, PAB_USAGE, "%s: %s: name a build of pyallocbench", path,
                        strerror(errno));
    }
    if (strlen(real) >= size) {
        return pab_fail(err, PAB_USAGE, "%s: the path is too long (at most %zu bytes)", path,
                        size - 1);
    }
    snprintf(out, size, "%s", real);
    return pab_worker_binary(real, err);
}

json_t *pab_gate_side_json(const char *binary)
{
    char version[128] = "pyallocbench " PAB_VERSION " (" PAB_GIT_COMMIT ")";
    char clean[128];
    char path[PAB_JOB_PATH_MAX];
    if (binary[0] != '\0') {
        pab_binary_ask(binary, "--version", version, sizeof(version));
    }
    pab_text_clean(version, false, clean, sizeof(clean));
    pab_text_clean(binary, false, path, sizeof(path));
    return json_pack("{s:s, s:s}", "version", clean, "binary", path);
}

struct sides {
    char binary[2][PAB_JOB_PATH_MAX];
    const char *spec[2]; /* NULL: the one that both share */
};

/* One more arm behind those there are. */
static enum pab_status add_arm(struct pab_plan *plan, const struct sides *sides, size_t side,
                               const char *spec, struct pab_error *err)
{
    struct pab_arm *arm = &plan->arms[plan->arm_count];
    const char *word = sides->spec[side] == NULL ? spec : sides->spec[side];
    memset(arm, 0, sizeof(*arm));
    enum pab_status status = pab_spec_parse(word, &arm->spec, err);
    if (status != PAB_OK) {
        return status;
    }
    plan->arm_count++;
    arm->role = side == 0 ? PAB_ROLE_BASE : PAB_ROLE_HEAD;
    arm->is_explicit = true;
    snprintf(arm->id, sizeof(arm->id), "%s@%s", arm->spec->id, side == 0 ? "base" : "head");
    snprintf(arm->binary, sizeof(arm->binary), "%s", sides->binary[side]);
    if (sides->spec[side] == NULL) {
        snprintf(arm->label, sizeof(arm->label), "%s", arm->spec->id);
    } else {
        snprintf(arm->label, sizeof(arm->label), "%.120s -> %.120s", sides->spec[0],
                 sides->spec[1]);
    }
    return PAB_OK;
}

/* Each backend of the plan becomes a base and a head. */
static enum pab_status split_arms(struct pab_plan *plan, const struct sides *sides,
                                  struct pab_error *err)
{
    struct pab_arm *named = calloc(plan->arm_count, sizeof(*named));
    size_t count = plan->arm_count;
    PAB_CHECK(named != NULL);
    memcpy(named, plan->arms, count * sizeof(*named));
    plan->arm_count = 0;
    plan->baseline = 0;
    enum pab_status status = PAB_OK;
    if (2 * count > PAB_PLAN_BACKENDS_MAX) {
        status = pab_fail(err, PAB_USAGE, "-b: a gate compares at most %d backends",
                          PAB_PLAN_BACKENDS_MAX / 2);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t side = 0; status == PAB_OK && side < 2; side++) {
            status = add_arm(plan, sides, side, named[i].spec->id, err);
        }
        pab_spec_destroy(named[i].spec);
    }
    free(named);
    return status;
}

/* Those that can be made here. */
static void list_passes(char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_COUNT(default_passes); i++) {
        const struct pab_pass *pass = pab_pass_find(default_passes[i]);
        if (pass != NULL && (pass->missing == NULL || pass->missing() == NULL)) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ",", pass->name);
        }
    }
}

unsigned pab_gate_families_of_plan(const struct pab_plan *plan)
{
    unsigned families = 0;
    for (size_t i = 0; i < pab_pass_count(); i++) {
        if (pab_plan_has(plan, pab_pass_at(i))) {
            families |= pab_gate_families_of(pab_pass_at(i)->name);
        }
    }
    return families;
}

static enum pab_status settle(struct pab_plan *plan, const struct pab_gate_request *request,
                              struct pab_error *err)
{
    bool has_end = request->run.rounds > 0 || request->run.budget_s > 0;
    plan->memory_rounds = MEMORY_ROUNDS;
    plan->control_every = request->run.no_control ? 0 : CONTROL_EVERY;
    if (!has_end && pab_plan_has(plan, &pab_pass_time)) {
        size_t cells = plan->workload_count * plan->arm_count / 2;
        plan->budget_s = PAB_GATE_CELL_S * (double)cells;
        plan->rounds = PAB_ROUNDS_MAX;
    }
    return pab_gate_families_of_plan(plan) != 0
               ? PAB_OK
               : pab_fail(err, PAB_USAGE,
                          "--passes: nothing of that can be judged; a gate judges "
                          "time, memory and instructions");
}

enum pab_status pab_gate_plan(struct pab_plan *plan, const struct pab_gate_request *request,
                              struct pab_error *err)
{
    struct sides sides = {.spec = {request->base_spec, request->head_spec}};
    struct pab_request run = request->run;
    char passes[128] = "";
    enum pab_status status =
        resolve(request->base_binary, sides.binary[0], sizeof(sides.binary[0]), err);
    if (status == PAB_OK) {
        status = resolve(request->head_binary, sides.binary[1], sizeof(sides.binary[1]), err);
    }
    if (status != PAB_OK) {
        return status;
    }
    if (run.passes == NULL) {
        list_passes(passes, sizeof(passes));
        run.passes = passes;
    }
    run.preset = "sprint";
    run.large_memory = true; /* fragmentation, leaks, lost purges: of large heaps */
    run.backends = request->base_spec != NULL ? request->base_spec
                   : run.backends == NULL     ? "pymalloc"
                                              : run.backends;
    status = pab_plan_make(plan, &run, err);
    if (status != PAB_OK) {
        return status;
    }
    if (request->base_spec != NULL && plan->arm_count > 1) {
        status = pab_fail(err, PAB_USAGE, "--base-spec %s: name one backend", request->base_spec);
    }
    status = status == PAB_OK ? split_arms(plan, &sides, err) : status;
    status = status == PAB_OK ? settle(plan, request, err) : status;
    status = status == PAB_OK ? pab_gate_expect_libraries(plan, err) : status;
    if (status != PAB_OK) {
        pab_plan_fini(plan);
    }
    return status;
}
