#include "harness/gate/settings.h"

#include "harness/json_text.h"

#include <math.h>

static const struct {
    const char *key; /* in gate.rules of a document */
    double otherwise, least, most;
} numbers[PAB_GATE_NUMBER_COUNT] = {
    [PAB_GATE_ALPHA] = {"alpha", 0.01, 1e-9, 0.5},
    [PAB_GATE_POWER] = {"power", 0.9, 0.5, 0.999},
    [PAB_GATE_DETECT] = {"detect", 0.03, 1e-4, 100},
    [PAB_GATE_TIME_FLOOR] = {"time_floor", 0.01, 0, 100},
    [PAB_GATE_MEMORY_LIMIT] = {"memory_limit", 0.01, 0, 100},
    [PAB_GATE_INSTRUCTIONS_LIMIT] = {"instructions_limit", 0.001, 0, 100},
};

struct pab_gate_settings pab_gate_settings_unset(void)
{
    struct pab_gate_settings settings = {.confirm_rounds = PAB_GATE_CONFIRM_ALIKE};
    for (size_t i = 0; i < PAB_GATE_NUMBER_COUNT; i++) {
        settings.numbers[i] = NAN;
    }
    return settings;
}

void pab_gate_settings_fill(struct pab_gate_settings *settings, const json_t *gate)
{
    const json_t *rules = json_object_get(gate, "rules");
    for (size_t i = 0; i < PAB_GATE_NUMBER_COUNT; i++) {
        const json_t *known = json_object_get(rules, numbers[i].key);
        double value = json_is_number(known) ? json_number_value(known) : numbers[i].otherwise;
        if (!(value >= numbers[i].least && value <= numbers[i].most)) {
            value = numbers[i].otherwise; /* a document may come from anywhere */
        }
        if (isnan(settings->numbers[i])) {
            settings->numbers[i] = value;
        }
    }
    const json_t *confirm = json_object_get(rules, "confirm_rounds");
    if (settings->confirm_rounds == PAB_GATE_CONFIRM_ALIKE && json_is_integer(confirm)) {
        settings->confirm_rounds = json_integer_value(confirm) == 0 ? 0 : PAB_GATE_CONFIRM_ALIKE;
    }
    settings->allows_gone |= json_is_true(json_object_get(rules, "allow_gone"));
    settings->shows_structure |= pab_json_is(rules, "structure", "show");
    if (settings->families == 0) {
        settings->families = pab_gate_limits_default().families;
    }
}

struct pab_rules pab_gate_rules(const struct pab_gate_settings *settings)
{
    const double *said = settings->numbers;
    struct pab_rules rules = pab_rules_gating();
    bool confirms = settings->confirm_rounds != 0;
    rules.families = settings->families;
    rules.alpha = said[PAB_GATE_ALPHA];
    rules.power = confirms ? sqrt(said[PAB_GATE_POWER]) : said[PAB_GATE_POWER];
    rules.floor[PAB_FAMILY_TIME] = said[PAB_GATE_TIME_FLOOR];
    rules.floor[PAB_FAMILY_MEMORY] = said[PAB_GATE_MEMORY_LIMIT];
    rules.floor[PAB_FAMILY_INSTRUCTIONS] = said[PAB_GATE_INSTRUCTIONS_LIMIT];
    return rules;
}

struct pab_gate_limits pab_gate_limits(const struct pab_gate_settings *settings)
{
    return (struct pab_gate_limits){
        .detect = settings->numbers[PAB_GATE_DETECT],
        .families = settings->families,
        .expected = settings->expected,
        .confirms = settings->confirm_rounds != 0,
        .allows_gone = settings->allows_gone,
        .shows_structure = settings->shows_structure,
        .must_be_decided = !settings->inconclusive_passes,
    };
}

json_t *pab_gate_settings_json(const struct pab_gate_settings *settings)
{
    json_t *out = json_object();
    for (size_t i = 0; i < PAB_GATE_NUMBER_COUNT; i++) {
        json_object_set_new(out, numbers[i].key, json_real(settings->numbers[i]));
    }
    json_object_set_new(out, "confirm_rounds",
                        settings->confirm_rounds == PAB_GATE_CONFIRM_ALIKE
                            ? json_null()
                            : json_integer(settings->confirm_rounds));
    json_object_set_new(out, "structure", json_string(settings->shows_structure ? "show" : "fail"));
    json_object_set_new(out, "allow_gone", json_boolean(settings->allows_gone));
    return out;
}

unsigned pab_gate_families_of(const char *pass)
{
    static const struct {
        const char *pass;
        unsigned families;
    } known[] = {
        {"time", 1u << PAB_FAMILY_TIME},
        {"memory", 1u << PAB_FAMILY_MEMORY | 1u << PAB_FAMILY_STRUCTURE},
        {"instructions", 1u << PAB_FAMILY_INSTRUCTIONS},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (strcmp(known[i].pass, pass) == 0) {
            return known[i].families;
        }
    }
    return 0;
}
