/* harness/experiment_budget.c -- what a time budget has room for. */
#include "harness/experiment_state.h"

#include "harness/self.h"

#include <string.h>

#define TRUSTED_CELLS 8 /* so many tell how long a round takes, some say */

double pab_experiment_elapsed_s(const struct pab_experiment_state *state)
{
    return (double)(pab_wall_ns() - state->began_ns) * 1e-9;
}

unsigned pab_experiment_first_round(const struct pab_plan *plan)
{
    return plan->shard_count == 0 ? 0 : plan->shard_index;
}

static bool is_timed(const struct pab_pass *pass)
{
    return (pass->flags & PAB_PASS_ROUNDS) != 0;
}

/* Rounds of ours that follow the first one. */
static unsigned later_rounds(const struct pab_plan *plan, const struct pab_pass *pass)
{
    unsigned step = plan->shard_count == 0 ? 1 : plan->shard_count;
    unsigned first = pab_experiment_first_round(plan);
    unsigned rounds = pab_plan_rounds(plan, pass);
    return rounds > first ? (rounds - 1 - first) / step : 0;
}

/* When the last cell of a pass has its last look, while nothing else is left to run. */
static double last_look_s(const struct pab_plan *plan, const struct pab_pass *pass)
{
    const struct pab_preset *preset = plan->preset;
    bool looks = pass == &pab_pass_memory && preset->retain_count > 0;
    return looks ? 1e-3 * (double)preset->retain_ms[preset->retain_count - 1] : 0;
}

/* What the later rounds of the passes that are not timed will take; `round_s` by pass. */
static double reserved_s(const struct pab_plan *plan, const double *round_s)
{
    double seconds = 0;
    for (size_t i = 0; i < pab_pass_count(); i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        unsigned left = later_rounds(plan, pass);
        if (left > 0 && pab_plan_has(plan, pass) && !is_timed(pass)) {
            seconds += left * round_s[i] + last_look_s(plan, pass);
        }
    }
    return seconds;
}

bool pab_experiment_has_time(const struct pab_experiment_state *state, const struct pab_pass *pass)
{
    double budget_s = state->plan->budget_s;
    double round_s = state->pass_seconds[pab_pass_index(pass)];
    return budget_s <= 0 || round_s <= 0 ||
           pab_experiment_elapsed_s(state) + round_s +
                   reserved_s(state->plan, state->pass_seconds) <=
               budget_s;
}

/* "latency, memory": the passes that are not timed. False: no pass is timed. */
static bool name_others(const struct pab_plan *plan, char *out, size_t size)
{
    bool has_timed = false;
    size_t used = 0;
    for (size_t i = 0; i < pab_pass_count() && used < size; i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        if (pab_plan_has(plan, pass) && is_timed(pass)) {
            has_timed = true;
        } else if (pab_plan_has(plan, pass)) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ",
                                     pass->name);
        }
    }
    return has_timed;
}

void pab_experiment_mind_budget(struct pab_experiment_state *state, const struct pab_pass *pass,
                                const struct pab_round_state *round)
{
    const struct pab_plan *plan = state->plan;
    bool is_known = round->run >= TRUSTED_CELLS || (round->run > 0 && round->left == 0);
    if (plan->budget_s <= 0 || is_timed(pass) || state->is_budget_said || !is_known) {
        return;
    }
    double cell_s = (double)(pab_wall_ns() - round->began_ns) * 1e-9 / (double)round->run;
    double round_s[PAB_PASS_MAX];
    memcpy(round_s, state->pass_seconds, sizeof(round_s));
    round_s[pab_pass_index(pass)] = cell_s * (double)(round->run + round->left);
    double needed_s = pab_experiment_elapsed_s(state) + cell_s * (double)round->left +
                      last_look_s(plan, pass) + reserved_s(plan, round_s);
    if (needed_s <= plan->budget_s) {
        return;
    }
    char names[256] = "";
    bool has_timed = name_others(plan, names, sizeof(names));
    state->is_budget_said = true;
    pab_progress_clear(&state->progress);
    fprintf(stderr,
            "pyallocbench: --budget %.0f s: %s alone needs %.0f s or more%s; give more, or leave "
            "out with --passes what may wait\n",
            plan->budget_s, names, needed_s,
            has_timed ? ", so time gets one round" : " and is made whole");
}
