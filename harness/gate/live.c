#include "harness/gate/live.h"

#include "harness/binary.h"
#include "harness/json_text.h"

#include <string.h>

/* --- rounds --------------------------------------------------------------------------------- */

struct measurement {
    const struct pab_experiment *experiment;
    const struct pab_gate_settings *settings;
    struct pab_experiment_result *result;
    json_t *record;
    unsigned time_rounds, memory_rounds; /* of the first look */
};

static bool is_over(const struct measurement *measurement)
{
    return *measurement->experiment->interrupted != 0;
}

/* One part of the gate: `part` on the journal that the others fill, too. */
static enum pab_status run_part(struct measurement *measurement, const struct pab_plan *part,
                                struct pab_error *err)
{
    struct pab_experiment experiment = *measurement->experiment;
    experiment.plan = part;
    return part->passes == 0 || is_over(measurement)
               ? PAB_OK
               : pab_experiment_run(&experiment, measurement->result, err);
}

static unsigned mask_of(const struct pab_pass *pass)
{
    return 1u << pab_pass_index(pass);
}

/* Rounds of a pass that the record holds: one more than the last. */
static unsigned rounds_made(const struct measurement *measurement, const char *pass)
{
    json_int_t rounds = 0;
    size_t index = 0;
    json_t *sample = NULL;
    json_array_foreach(json_object_get(measurement->record, "samples"), index, sample)
    {
        json_int_t round = pab_json_count(sample, "round");
        rounds = pab_json_is(sample, "pass", pass) && round >= rounds ? round + 1 : rounds;
    }
    return (unsigned)rounds;
}

/* --- what is flagged ------------------------------------------------------------------------ */

/* Workloads and arms that a family's rows flag: bits of arms, by workload. */
struct flagged {
    uint32_t arms[PAB_PLAN_WORKLOADS_MAX];
    size_t cells;
};

static void flag(struct flagged *flagged, const struct pab_plan *plan, const struct pab_row *row)
{
    for (size_t w = 0; w < plan->workload_count; w++) {
        bool is_named = row->workload == NULL || strcmp(row->workload, plan->workloads[w].id) == 0;
        for (size_t i = 0; is_named && i < plan->arm_count; i++) {
            bool is_new = (flagged->arms[w] >> i & 1u) == 0;
            if (is_new && strcmp(plan->arms[i].label, row->label) == 0) {
                flagged->arms[w] |= 1u << i;
                flagged->cells += plan->arms[i].role == PAB_ROLE_HEAD;
            }
        }
    }
}

/* No rows, no flags: what cannot be compared is for the judge to say. */
static void find_flagged(const struct measurement *measurement, struct flagged *time,
                         struct flagged *memory)
{
    struct pab_rules rules = pab_gate_rules(measurement->settings);
    struct pab_gate_limits limits = pab_gate_limits(measurement->settings);
    struct pab_reading *reading = NULL;
    struct pab_comparison *rows = NULL;
    memset(time, 0, sizeof(*time));
    memset(memory, 0, sizeof(*memory));
    if (pab_reading_of_run(measurement->record, &reading, NULL) != PAB_OK) {
        return;
    }
    if (pab_compare_arms(reading, PAB_ALL_ROUNDS, &rules, &rows, NULL) == PAB_OK) {
        for (size_t i = 0; i < rows->count; i++) {
            const struct pab_row *row = &rows->rows[i];
            if (pab_gate_is_flagged(row, &limits)) {
                flag(row->metric->family == PAB_FAMILY_TIME ? time : memory,
                     measurement->experiment->plan, row);
            }
        }
        pab_comparison_free(rows);
    }
    pab_reading_close(reading);
}

static void leave_out_others(struct pab_plan *part, const struct flagged *flagged)
{
    for (size_t w = 0; w < part->workload_count; w++) {
        part->left_out[w] = ~flagged->arms[w];
    }
}

/* Times as many rounds of memory as the first look: of figures that scatter, six lie above six
 * others by chance once in 924, and a gate of fifty of them cries wolf less than once in 100. */
#define CONFIRM_MEMORY 2

static enum pab_status confirm(struct measurement *measurement, struct pab_error *err)
{
    const struct pab_plan *plan = measurement->experiment->plan;
    long asked = measurement->settings->confirm_rounds;
    struct flagged time;
    struct flagged memory;
    find_flagged(measurement, &time, &memory);
    if (time.cells + memory.cells > 0 && !measurement->experiment->quiet) {
        fprintf(stderr,
                "gate: worse at first sight: %zu cell%s in time, %zu in memory; measuring these "
                "again\n",
                time.cells, time.cells == 1 ? "" : "s", memory.cells);
    }
    struct pab_plan part = *plan;
    part.passes = memory.cells > 0 ? mask_of(&pab_pass_memory) : 0;
    part.budget_s = 0;
    part.memory_rounds = (1 + CONFIRM_MEMORY) * measurement->memory_rounds;
    leave_out_others(&part, &memory);
    enum pab_status status = run_part(measurement, &part, err);
    part.passes = time.cells > 0 ? mask_of(&pab_pass_time) : 0;
    part.first_round = measurement->time_rounds;
    part.rounds = part.first_round +
                  (asked == PAB_GATE_CONFIRM_ALIKE ? measurement->time_rounds : (unsigned)asked);
    leave_out_others(&part, &time);
    return status == PAB_OK ? run_part(measurement, &part, err) : status;
}

/* --- the whole ------------------------------------------------------------------------------ */

static enum pab_status measure_first(struct measurement *measurement, struct pab_error *err)
{
    const struct pab_plan *plan = measurement->experiment->plan;
    struct pab_plan part = *plan;
    part.passes = plan->passes & ~mask_of(&pab_pass_time);
    part.budget_s = 0;
    enum pab_status status = run_part(measurement, &part, err);
    part.passes = plan->passes & mask_of(&pab_pass_time);
    part.budget_s = plan->budget_s;
    status = status == PAB_OK ? run_part(measurement, &part, err) : status;
    measurement->memory_rounds = plan->memory_rounds;
    measurement->time_rounds = rounds_made(measurement, "time");
    if (measurement->time_rounds < measurement->memory_rounds) {
        measurement->time_rounds = measurement->memory_rounds; /* one range of rounds for both */
    }
    return status;
}

static void note_parts(const struct measurement *measurement)
{
    const struct pab_plan *plan = measurement->experiment->plan;
    json_t *gate = json_object_get(measurement->record, "gate");
    json_object_set_new(gate, "time_rounds", json_integer(measurement->time_rounds));
    json_object_set_new(gate, "memory_rounds", json_integer(measurement->memory_rounds));
    json_t *header = json_object_get(json_object_get(measurement->record, "header"), "plan");
    unsigned rounds = rounds_made(measurement, "time");
    if (plan->budget_s <= 0 && rounds > plan->rounds) {
        json_object_set_new(header, "rounds", json_integer(rounds));
    }
}

enum pab_status pab_gate_measure(const struct pab_experiment *experiment,
                                 const struct pab_gate_settings *settings,
                                 struct pab_experiment_result *result, struct pab_error *err)
{
    struct measurement measurement = {
        .experiment = experiment,
        .settings = settings,
        .result = result,
        .record = pab_journal_record(experiment->journal),
    };
    memset(result, 0, sizeof(*result));
    const struct pab_arm *arms = experiment->plan->arms; /* base and head take turns */
    json_object_set_new(measurement.record, "gate",
                        json_pack("{s:o, s:o, s:b, s:o}", "base",
                                  pab_gate_side_json(arms[0].binary), "head",
                                  pab_gate_side_json(arms[1].binary), "one_program",
                                  pab_binary_is_same(arms[0].binary, arms[1].binary), "rules",
                                  pab_gate_settings_json(settings)));
    enum pab_status status = measure_first(&measurement, err);
    if (status == PAB_OK && settings->confirm_rounds != 0 && result->backends_available > 0) {
        status = confirm(&measurement, err);
    }
    note_parts(&measurement);
    return status;
}
