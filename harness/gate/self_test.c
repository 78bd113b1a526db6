#include "harness/gate/self_test.h"

#include "harness/gate/self_test_made.h"
#include "harness/text.h"

#include <math.h>
#include <string.h>

#define TRIALS      2000u
#define ALPHA       0.01
#define BAND        0.99 /* of the binomial distribution: what chance alone may do to a count */
#define CELLS       4
#define POWER_TRIES 400u
#define POWER_SLACK 0.02 /* the prediction is that of a normal approximation */

/* Of random numbers; cases have those from 0 on. */
#define ALARM_STREAM 1000u
#define POWER_STREAM 2000u

static const struct pab_comparator real = {pab_judge_really, 0};

struct self_test {
    const struct pab_gate_self_test_options *options;
    FILE *out;
    unsigned failed;
};

static const char *word(struct self_test *test, bool good)
{
    test->failed += !good;
    return good ? "ok" : "FAILED";
}

/* --- false alarms ---------------------------------------------------------------------------- */

/* What both sides of a round share. */
static double common_of(unsigned kind, unsigned round, double *state, struct pab_rng *rng)
{
    switch (kind) {
    case 1:
        return round / 20.0;
    case 2:
        *state = 0.9 * *state + 0.1 * pab_made_normal(rng);
        return *state;
    default:
        return 0;
    }
}

/* What a process has of its own. */
static double own_of(unsigned kind, struct pab_rng *rng)
{
    double noise = 0.05 * pab_made_normal(rng);
    if (kind == 3) {
        return noise + (pab_rng_unit(rng) < 0.1 ? 2 : 0);
    }
    return kind == 4 ? noise / fmax(0.01, fabs(pab_made_normal(rng))) : noise;
}

static const char *const kinds[] = {"log-normal noise", "a machine that slows down",
                                    "noise that lasts", "processes that wait",
                                    "tails without a mean"};

static void make_alike(struct pab_made_gate *gate, unsigned kind, struct pab_rng *rng)
{
    pab_made_init(gate, CELLS, 0, rng);
    gate->floor = 0; /* alpha alone keeps the alarms away */
    gate->alpha = ALPHA;
    for (size_t c = 0; c < CELLS; c++) {
        double state = 0;
        for (unsigned r = 0; r < gate->rounds; r++) {
            double common = common_of(kind, r, &state, rng);
            gate->cell[c].base_ns[r] = 100 * exp(common + own_of(kind, rng));
            gate->cell[c].head_ns[r] = 100 * exp(common + own_of(kind, rng));
        }
    }
}

/* P(K <= k) of a binomial variable, term by term. */
static double binomial_at_most(unsigned k, unsigned n, double p)
{
    double term = pow(1 - p, n);
    double sum = term;
    for (unsigned i = 1; i <= k; i++) {
        term *= (double)(n - i + 1) / i * p / (1 - p);
        sum += term;
    }
    return sum;
}

/* The counts that chance gives in all but 1 - BAND of cases. */
static void binomial_band(unsigned n, double p, unsigned *least, unsigned *most)
{
    unsigned k = 0;
    while (binomial_at_most(k, n, p) < (1 - BAND) / 2) {
        k++;
    }
    *least = k;
    while (binomial_at_most(k, n, p) < 1 - (1 - BAND) / 2) {
        k++;
    }
    *most = k;
}

static void try_false_alarms(struct self_test *test)
{
    static struct pab_made_gate gate;
    unsigned trials = test->options->trials > 0 ? test->options->trials : TRIALS;
    unsigned alarms[ARRAY_COUNT(kinds)] = {0};
    unsigned total = 0;
    for (unsigned t = 0; t < trials; t++) {
        unsigned kind = t % ARRAY_COUNT(kinds);
        struct pab_rng rng;
        struct pab_said said;
        pab_made_rng(&rng, test->options->seed, ALARM_STREAM, t);
        make_alike(&gate, kind, &rng);
        real.judge(&gate, 0, &said);
        alarms[kind] += said.worse > 0;
        total += said.worse > 0;
    }
    unsigned least = 0;
    unsigned most = 0;
    binomial_band(trials, ALPHA, &least, &most);
    fprintf(test->out,
            "false alarms before confirmation, in gates of %d cells where nothing differs:\n"
            "  %u of %u; alpha of %g allows %u to %u: %s\n",
            CELLS, total, trials, ALPHA, least, most, word(test, total >= least && total <= most));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        fprintf(test->out, "    %-26s %u\n", kinds[i], alarms[i]);
    }
}

/* --- power ------------------------------------------------------------------------------------ */

static void try_power(struct self_test *test)
{
    static const double asked[] = {0.2, 0.5, 0.8, 0.95};
    static struct pab_made_gate gate;
    const double noise = 0.1;
    const unsigned rounds = 50;
    const double error = 1.0233 * noise * sqrt(2.0 / rounds);
    fprintf(test->out, "power: how often an effect is found that should be found so often\n");
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        double effect = pab_detectable_effect(error, log1p(0.01), ALPHA, asked[i]);
        unsigned found = 0;
        for (unsigned t = 0; t < POWER_TRIES; t++) {
            struct pab_rng rng;
            struct pab_said said;
            pab_made_rng(&rng, test->options->seed, POWER_STREAM + (unsigned)i, t);
            pab_made_init(&gate, 1, noise, &rng);
            gate.rounds = rounds;
            pab_made_slow(&gate.cell[0], exp(effect));
            real.judge(&gate, 0, &said);
            found += said.worse > 0;
        }
        double share = (double)found / POWER_TRIES;
        double slack = POWER_SLACK + 2.58 * sqrt(asked[i] * (1 - asked[i]) / POWER_TRIES);
        fprintf(test->out, "  %+5.1f %% in %u rounds: predicted %.2f, found %.3f of %u: %s\n",
                100 * expm1(effect), rounds, asked[i], share, POWER_TRIES,
                word(test, fabs(share - asked[i]) <= slack));
    }
}

/* --- cases and mutants ------------------------------------------------------------------------ */

/* "3 of 3", "no alarm in 3", "4 alarms in 300, up to 10 allowed", "970 of 2000, 880 to 1060
 * wanted" */
static void describe(const struct pab_case_outcome *got, char *out, size_t size)
{
    if (got->least == 0 && got->hits == 0) {
        snprintf(out, size, "no alarm in %u", got->trials);
    } else if (got->least == 0) {
        snprintf(out, size, "%u alarm%s in %u, up to %u allowed", got->hits,
                 got->hits == 1 ? "" : "s", got->trials, got->most);
    } else if (got->least == got->trials) {
        snprintf(out, size, "%u of %u", got->hits, got->trials);
    } else {
        snprintf(out, size, "%u of %u, %u to %u wanted", got->hits, got->trials, got->least,
                 got->most);
    }
}

static void try_cases(struct self_test *test)
{
    fprintf(test->out, "cases, each with the gates in which it went so:\n");
    for (size_t i = 0; i < pab_self_case_count(); i++) {
        struct pab_case_outcome got = pab_self_case_run(i, &real, test->options->seed);
        char head[40];
        char how[80];
        char text[200];
        describe(&got, how, sizeof(how));
        snprintf(head, sizeof(head), "  %-15s", pab_self_case_name(i));
        snprintf(text, sizeof(text), "%s: %s: %s", pab_self_case_says(i), how,
                 word(test, got.passed));
        pab_text_print(test->out, head, (unsigned)strlen(head), text);
    }
}

static const struct {
    unsigned faults;
    const char *what;
} mutants[] = {
    {PAB_FAULT_DIRECTION, "takes faster for worse"},
    {PAB_FAULT_EQUALITY, "takes whatever differs for worse"},
    {PAB_FAULT_ABSOLUTE, "compares nanoseconds, not shares"},
    {PAB_FAULT_MEAN, "compares means, not ranks"},
    {PAB_FAULT_UNPAIRED, "forgets which round a value is of"},
    {PAB_FAULT_MISSING, "does not miss a cell that is gone"},
    {PAB_FAULT_CRASHES, "does not mind a cell that crashes"},
    {PAB_FAULT_POOLED, "takes repetitions for processes"},
    {PAB_FAULT_MANY, "takes each of many cells for the only one"},
    {PAB_FAULT_TWO_SIDED, "spends half of alpha on the other side"},
    {PAB_FAULT_FLOOR_ALONE, "asks for the size alone"},
    {PAB_FAULT_P_ALONE, "asks for p alone"},
    {PAB_FAULT_FIRST_LOOK, "does not wait for the confirmation"},
    {PAB_FAULT_BLIND, "calls good what it could not see"},
    {PAB_FAULT_REPEATS, "looks at times alone"},
};

/* The first case that such a comparator fails, or the count. */
static size_t find_killer(unsigned faults, uint64_t seed)
{
    struct pab_comparator comparator = {pab_judge_simply, faults};
    size_t i = 0;
    while (i < pab_self_case_count() && pab_self_case_run(i, &comparator, seed).passed) {
        i++;
    }
    return i;
}

static void try_mutants(struct self_test *test)
{
    size_t survived = find_killer(0, test->options->seed);
    bool is_sound = survived == pab_self_case_count();
    fprintf(test->out, "comparators with one fault each, and the case that finds it:\n");
    fprintf(test->out, "  %-42s %s: %s\n", "(none: the short form of the rule)",
            is_sound ? "passes all" : pab_self_case_name(survived), word(test, is_sound));
    for (size_t i = 0; i < ARRAY_COUNT(mutants); i++) {
        size_t killer = find_killer(mutants[i].faults, test->options->seed);
        bool is_dead = killer < pab_self_case_count();
        fprintf(test->out, "  %-42s %s: %s\n", mutants[i].what,
                is_dead ? pab_self_case_name(killer) : "NO CASE", word(test, is_dead));
    }
}

int pab_gate_self_test(const struct pab_gate_self_test_options *options, FILE *out)
{
    struct self_test test = {.options = options, .out = out};
    try_false_alarms(&test);
    try_power(&test);
    try_cases(&test);
    try_mutants(&test);
    if (options->live) {
        test.failed += pab_gate_self_test_live(options->quiet, out);
    }
    if (test.failed == 0) {
        fprintf(out, "\nThe gate is as it says.\n");
    } else {
        fprintf(out, "\nTHE GATE IS NOT AS IT SAYS: %u of the above failed.\n", test.failed);
    }
    return test.failed == 0 ? 0 : 1;
}
