#include "harness/app/rounds.h"

#include "harness/app/tree.h"
#include "harness/collector.h"
#include "harness/json_text.h"
#include "harness/progress.h"
#include "harness/sample.h"
#include "harness/self.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* Not in the registry: no worker can make it. */
static const struct pab_pass pass_app = {
    .name = "app",
    .summary = "a real program as its kernel and its witness saw it",
    .contract = PAB_PASS_CONTRACT,
};

/* --- what is run ------------------------------------------------------------------------------ */

void pab_app_name(struct pab_app *app)
{
    const char *subject = pab_program_subject(app->program.command);
    size_t length = strlen(subject);
    if (length > 3 && strcmp(subject + length - 3, ".py") == 0) {
        length -= 3;
    }
    snprintf(app->name, sizeof(app->name), "app:%.*s", (int)(length < 40 ? length : 40), subject);
    for (char *at = app->name; *at != '\0'; at++) {
        bool is_plain = isalnum((unsigned char)*at) || strchr("._-+:", *at) != NULL;
        if (!is_plain) {
            *at = '_';
        }
    }
    app->workload = (struct pab_workload){
        .name = app->name,
        .summary = "a real program, whole",
        .models = "itself",
        .unit = "run",
        .contract = PAB_WORKLOAD_CONTRACT,
    };
    app->plan.workloads[0].workload = &app->workload;
    snprintf(app->plan.workloads[0].id, sizeof(app->plan.workloads[0].id), "%s", app->name);
    app->plan.workload_count = 1;
}

static const json_t *backend_row(const struct pab_app *app, const char *id)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(pab_journal_array(app->journal, "backends"), index, row)
    {
        if (pab_json_is(row, "id", id)) {
            return row;
        }
    }
    return NULL;
}

enum pab_status pab_app_find_configurations(struct pab_app *app, struct pab_error *err)
{
    const struct pab_plan *plan = &app->plan;
    for (size_t i = 0; i < plan->arm_count; i++) {
        const struct pab_arm *arm = &plan->arms[i];
        const json_t *row = backend_row(app, arm->id);
        struct pab_error why = {0};
        app->is_good[i] = row != NULL && pab_json_is(row, "status", "ok");
        if (app->is_good[i] &&
            pab_app_configure(&app->configurations[i], arm->spec, row, &why) != PAB_OK) {
            app->is_good[i] = false;
            fprintf(stderr, "pyallocbench: %s: %s\n", arm->id, why.text);
        }
    }
    if (!app->is_good[plan->baseline]) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "the baseline %s is not to be had here; -b names others, the first is it",
                        plan->arms[plan->baseline].id);
    }
    return PAB_OK;
}

/* --- one run of it ---------------------------------------------------------------------------- */

static struct pab_app_launch launch_of(const struct pab_app *app, size_t arm, uint64_t pad_bytes)
{
    return (struct pab_app_launch){
        .program = &app->program,
        .configuration = &app->configurations[arm],
        .pad_bytes = pad_bytes,
        .timeout_s = app->plan.timeout_s,
        .interrupted = app->interrupted,
        .ignores_output = app->ignores_output,
    };
}

static enum pab_status attempt(const struct pab_app *app, size_t arm, uint64_t pad_bytes,
                               struct pab_app_attempt *out, struct pab_error *err)
{
    struct pab_app_launch launch = launch_of(app, arm, pad_bytes);
    return pab_app_attempt_make(&launch, out, err);
}

/* The document's row of the program: what must come out of it. */
static json_t *workload_row(const struct pab_app *app)
{
    struct pab_gc_variants variants;
    static struct pab_demand_known known[PAB_PLAN_BACKENDS_MAX];
    pab_gc_variants_find(&variants, &app->plan);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        known[i].time = (struct pab_demand){.checksum = app->result, .op_count = 1};
        known[i].memory = known[i].time;
    }
    json_t *row = pab_workload_to_json(&app->plan.workloads[0], &variants, known);
    json_object_set_new(row, "demand", json_null()); /* only a trace of it would tell */
    return row;
}

enum pab_status pab_app_rehearse(struct pab_app *app, struct pab_error *err)
{
    static struct pab_app_attempt first;
    pab_tree_adopt();
    enum pab_status status = attempt(app, app->plan.baseline, 0, &first, err);
    if (status != PAB_OK) {
        return status;
    }
    app->stopped_by = first.interrupt;
    if (!first.ok) {
        bool is_identity = strcmp(first.kind, "identity") == 0;
        return pab_fail(err, is_identity ? PAB_IDENTITY : PAB_UNAVAILABLE,
                        "%s cannot be measured: %s", app->program.command[0], first.message);
    }
    app->exit_code = first.exit_code;
    app->result = first.result;
    memcpy(app->python, first.python, sizeof(app->python));
    if (app->exit_code != 0) {
        fprintf(stderr, "pyallocbench: %s ends with status %d, and so it is measured%s%s\n",
                app->program.command[0], app->exit_code, first.said[0] == '\0' ? "" : ": ",
                first.said);
    }
    return pab_journal_add_one(app->journal, "workloads", workload_row(app), err);
}

/* --- a sample --------------------------------------------------------------------------------- */

static void fill_time(struct pab_outcome *out, const struct pab_app_attempt *attempt)
{
    uint64_t cpu_ns = attempt->user_ns + attempt->system_ns;
    out->time = (struct pab_time_sample){
        .op_count = 1,
        .checksum = attempt->result,
        .iterations = 1,
        .cold_cpu_ns = cpu_ns,
        .minor_faults = attempt->minor_faults,
        .major_faults = attempt->major_faults,
        .rep_count = 1,
        .rep_wall_ns = {(double)attempt->wall_ns},
        .rep_cpu_ns = {(double)cpu_ns},
    };
}

static void fill_memory(struct pab_outcome *out, struct pab_app_attempt *attempt)
{
    out->memory = (struct pab_memory_sample){
        .op_count = 1,
        .checksum = attempt->result,
        .r0_bytes = attempt->first_rss_bytes,
        .peak_rss_bytes = attempt->peak_rss_bytes,
        .minor_faults = attempt->minor_faults,
        .major_faults = attempt->major_faults,
        .peak_exact = true,
    };
    out->opened.start_rss_bytes = attempt->first_rss_bytes;
    out->curve = attempt->curve;
    out->curve_count = attempt->curve_count;
}

static void fill_figures(struct pab_outcome *out, const struct pab_app_attempt *attempt)
{
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        {"user_ns", attempt->user_ns},
        {"system_ns", attempt->system_ns},
        {"tree_peak_rss_bytes", attempt->tree_peak_rss_bytes},
        {"processes", attempt->processes},
        {"minor_faults", attempt->minor_faults},
    };
    out->body = (struct pab_body_note){.op_count = 1, .checksum = attempt->result};
    out->figure_count = ARRAY_COUNT(figures);
    for (size_t i = 0; i < ARRAY_COUNT(figures); i++) {
        snprintf(out->figures[i].name, sizeof(out->figures[i].name), "%s", figures[i].name);
        out->figures[i].value = (double)figures[i].value;
    }
}

static enum pab_status add_row(struct pab_app *app, const char *array, json_t *row,
                               struct pab_error *err)
{
    app->samples++;
    return pab_journal_add_one(app->journal, array, row, err);
}

/* The rows that one run of the program gives. */
static enum pab_status record(struct pab_app *app, const struct pab_cell *cell,
                              struct pab_app_attempt *attempt, uint64_t started_ms,
                              struct pab_error *err)
{
    static const struct pab_pass *const passes[] = {&pab_pass_time, &pab_pass_memory, &pass_app};
    static struct pab_demand_known nothing;
    static struct pab_outcome outcome;
    struct pab_cell own = *cell;
    struct pab_sample_context context = {
        .plan = &app->plan, .cell = &own, .demand = &nothing, .started_ms = started_ms};
    outcome = (struct pab_outcome){.ok = true};
    fill_time(&outcome, attempt);
    fill_memory(&outcome, attempt);
    fill_figures(&outcome, attempt);
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < (cell->is_control ? 1 : ARRAY_COUNT(passes)) && status == PAB_OK; i++) {
        own.pass = passes[i];
        status = add_row(app, cell->is_control ? "control" : "samples",
                         pab_sample_to_json(&context, &outcome), err);
    }
    if (status == PAB_OK && cell->round == 0 && !cell->is_control) {
        own.pass = &pab_pass_memory;
        status = pab_journal_add_one(app->journal, "timelines",
                                     pab_timeline_to_json(&context, &outcome), err);
    }
    return status;
}

static enum pab_status record_failure(struct pab_app *app, const struct pab_cell *cell,
                                      const struct pab_app_attempt *attempt, struct pab_error *err)
{
    const char *id = app->plan.arms[cell->arm].id;
    app->failures++;
    app->is_good[cell->arm] &=
        cell->is_control; /* a control's own bad luck is not the baseline's */
    fprintf(stderr, "pyallocbench: %s under %s: %s\n", app->program.command[0], id,
            attempt->message);
    return pab_journal_add_one(
        app->journal, "failures",
        pab_failure_to_json(&app->plan, cell, id, attempt->kind, attempt->message), err);
}

/* What it printed or how it ended must not depend on its allocator. */
static void hold_result(const struct pab_app *app, struct pab_app_attempt *attempt)
{
    if (attempt->ok && attempt->exit_code != app->exit_code) {
        attempt->ok = false;
        snprintf(attempt->kind, sizeof(attempt->kind), "checksum");
        snprintf(attempt->message, sizeof(attempt->message),
                 "it ended with status %d, and with %d when it was tried first%s%s",
                 attempt->exit_code, app->exit_code,
                 attempt->said[0] == '\0' ? "" : "; it said: ", attempt->said);
    } else if (attempt->ok && attempt->result != app->result) {
        attempt->ok = false;
        snprintf(attempt->kind, sizeof(attempt->kind), "checksum");
        snprintf(attempt->message, sizeof(attempt->message),
                 "it printed something else than when it was tried first: --ignore-output if it "
                 "prints times or addresses, PYTHONHASHSEED=0 if it prints sets");
    }
}

static enum pab_status run_cell(struct pab_app *app, const struct pab_cell *cell,
                                struct pab_error *err)
{
    static struct pab_app_attempt made;
    uint64_t started_ms = (pab_wall_ns() - app->began_ns) / 1000000u;
    enum pab_status status = pab_journal_reserve(app->journal, err);
    if (status == PAB_OK) {
        status = attempt(app, cell->arm, cell->pad_bytes, &made, err);
    }
    app->stopped_by = status == PAB_OK ? made.interrupt : 0;
    if (status != PAB_OK || app->stopped_by != 0) {
        return status;
    }
    hold_result(app, &made);
    return made.ok ? record(app, cell, &made, started_ms, err)
                   : record_failure(app, cell, &made, err);
}

/* --- all of them ------------------------------------------------------------------------------ */

enum pab_status pab_app_run_rounds(struct pab_app *app, struct pab_error *err)
{
    static struct pab_cell cells[PAB_PLAN_CELLS_MAX];
    struct pab_progress progress = {.unit = "run"};
    enum pab_status status = PAB_OK;
    app->began_ns = pab_wall_ns();
    pab_progress_begin(&progress, app->is_quiet);
    progress.unit = "run";
    for (unsigned round = 0; round < app->plan.rounds; round++) {
        pab_progress_expect(&progress, pab_plan_round(&app->plan, &pab_pass_time, round, cells), 1);
    }
    for (unsigned round = 0; round < app->plan.rounds && status == PAB_OK; round++) {
        size_t count = pab_plan_round(&app->plan, &pab_pass_time, round, cells);
        for (size_t i = 0; i < count && status == PAB_OK && !pab_app_is_interrupted(app); i++) {
            if (!app->is_good[cells[i].arm]) {
                pab_progress_skip(&progress, 1);
                continue;
            }
            pab_progress_show(&progress, app->plan.arms[cells[i].arm].id);
            status = run_cell(app, &cells[i], err);
            pab_progress_step(&progress, 1);
        }
    }
    pab_progress_clear(&progress);
    return status;
}
