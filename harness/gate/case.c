#include "harness/gate/case.h"

#include "harness/json_text.h"

/* What a live gate set out to measure. */
static unsigned measured_families(const struct pab_reading *arms)
{
    unsigned families = 0;
    size_t index = 0;
    json_t *pass = NULL;
    json_array_foreach(json_object_get(pab_reading_run(arms), "passes"), index, pass)
    {
        families |= json_is_string(pass) ? pab_gate_families_of(json_string_value(pass)) : 0;
    }
    return families;
}

static struct pab_gate_case *case_new(struct pab_reading *base, struct pab_reading *head,
                                      const struct pab_gate_settings *settings)
{
    struct pab_gate_case *out = calloc(1, sizeof(*out));
    PAB_CHECK(out != NULL);
    out->base = base;
    out->head = head;
    out->settings = *settings;
    out->settings.expected = settings->families != 0 ? settings->families
                             : base == head          ? measured_families(base)
                                                     : 0;
    pab_gate_settings_fill(&out->settings, base == head ? pab_gate_of(base) : NULL);
    return out;
}

static void judge(struct pab_gate_case *the_case)
{
    struct pab_gate_evidence evidence = {
        .first = the_case->first,
        .time_again = the_case->time_again,
        .memory_again = the_case->memory_again,
        .failures = the_case->failures,
        .failure_count = the_case->failure_count,
    };
    struct pab_gate_limits limits = pab_gate_limits(&the_case->settings);
    the_case->verdict = pab_gate_judge(&evidence, &limits);
}

const json_t *pab_gate_of(const struct pab_reading *reading)
{
    return json_object_get(pab_reading_run(reading), "gate");
}

static uint32_t rounds_of(const json_t *gate, const char *key)
{
    json_int_t rounds = pab_json_count(gate, key);
    return rounds > 0 && rounds < UINT32_MAX ? (uint32_t)rounds : 0;
}

/* Memory has fewer rounds than time: those behind them confirm, and are no part of the first look.
 * Rows of `early` stand for those of `all`. */
static void narrow_memory(struct pab_comparison *all, const struct pab_comparison *early)
{
    for (size_t i = 0; i < all->count; i++) {
        bool is_memory = all->rows[i].metric->family == PAB_FAMILY_MEMORY;
        const struct pab_row *own = is_memory ? pab_gate_find_row(early, &all->rows[i]) : NULL;
        if (own != NULL) {
            all->rows[i] = *own; /* of all hosts: its names are the reading's */
        }
    }
}

/* Later rounds confirm what the first ones flagged. That there are none is nothing wrong: then
 * nothing was flagged, or the gate was told not to confirm. */
static void compare_again(struct pab_gate_case *the_case, uint32_t first,
                          struct pab_comparison **out)
{
    struct pab_rules rules = pab_gate_rules(&the_case->settings);
    if (pab_compare_arms(the_case->head, (struct pab_rounds){first, UINT32_MAX}, &rules, out,
                         NULL) != PAB_OK) {
        *out = NULL;
    }
}

static enum pab_status compare_arms(struct pab_gate_case *the_case, struct pab_error *err)
{
    const json_t *gate = pab_gate_of(the_case->head);
    uint32_t rounds = rounds_of(gate, "time_rounds");
    uint32_t memory_rounds = rounds_of(gate, "memory_rounds");
    struct pab_rules rules = pab_gate_rules(&the_case->settings);
    uint32_t end = rounds > memory_rounds ? rounds : memory_rounds;
    struct pab_comparison *early = NULL;
    enum pab_status status =
        pab_compare_arms(the_case->head, (struct pab_rounds){0, end == 0 ? UINT32_MAX : end},
                         &rules, &the_case->first, err);
    if (status == PAB_OK && memory_rounds > 0 && memory_rounds < end &&
        pab_compare_arms(the_case->head, (struct pab_rounds){0, memory_rounds}, &rules, &early,
                         NULL) == PAB_OK) {
        narrow_memory(the_case->first, early);
        pab_comparison_free(early);
    }
    if (status == PAB_OK && end > 0) {
        compare_again(the_case, rounds, &the_case->time_again);
        compare_again(the_case, memory_rounds, &the_case->memory_again);
    }
    return status;
}

enum pab_status pab_gate_case_of_arms(struct pab_reading *arms,
                                      const struct pab_gate_settings *settings,
                                      struct pab_gate_case **out, struct pab_error *err)
{
    *out = case_new(arms, arms, settings);
    enum pab_status status = PAB_OK;
    if (pab_gate_of(arms) == NULL) {
        status = pab_fail(err, PAB_BAD_DATA,
                          "%s is no document of a live gate; two of `run` are compared by "
                          "--base FILE --head FILE",
                          pab_reading_path(arms));
    }
    if (status == PAB_OK) {
        status = compare_arms(*out, err);
    }
    if (status == PAB_OK) {
        (*out)->is_same = pab_gate_are_arms_same(arms);
        (*out)->failures = pab_gate_failures(arms, &(*out)->failure_count);
        judge(*out);
    } else {
        pab_gate_case_free(*out);
        *out = NULL;
    }
    return status;
}

enum pab_status pab_gate_case_between(struct pab_reading *base, struct pab_reading *head,
                                      const struct pab_gate_settings *settings,
                                      struct pab_gate_case **out, struct pab_error *err)
{
    *out = case_new(base, head, settings);
    (*out)->settings.confirm_rounds = 0; /* who could make more of them? */
    struct pab_rules rules = pab_gate_rules(&(*out)->settings);
    rules.force = settings->forces;
    enum pab_status status = pab_compare_between(base, head, &rules, &(*out)->first, err);
    if (status == PAB_OK) {
        (*out)->is_same = (*out)->first->is_same;
        (*out)->failures = pab_gate_failures_between(base, head, &(*out)->failure_count);
        judge(*out);
    } else {
        pab_gate_case_free(*out);
        *out = NULL;
    }
    return status;
}

void pab_gate_case_free(struct pab_gate_case *the_case)
{
    if (the_case == NULL) {
        return;
    }
    pab_gate_verdict_free(the_case->verdict);
    pab_comparison_free(the_case->first);
    pab_comparison_free(the_case->time_again);
    pab_comparison_free(the_case->memory_again);
    free(the_case->failures);
    pab_reading_close(the_case->base);
    if (the_case->head != the_case->base) {
        pab_reading_close(the_case->head);
    }
    free(the_case);
}
