/* harness/gate/self_test_cases.c -- what every right comparator says, case by case. */
#include "harness/gate/self_test_made.h"

#include <math.h>
#include <string.h>

struct self_case {
    const char *name, *says;
    void (*make)(struct pab_made_gate *gate, struct pab_rng *rng);
    bool (*hits)(const struct pab_said *said);
    unsigned trials, least, most; /* of the trials, how many must hit */
};

/* --- what may be said ------------------------------------------------------------------------- */

static bool is_worse(const struct pab_said *said)
{
    return said->worse > 0;
}

static bool is_regression(const struct pab_said *said)
{
    return said->result == PAB_GATE_REGRESSION;
}

static bool is_better(const struct pab_said *said)
{
    return said->better > 0 && said->worse == 0 && said->result == PAB_GATE_GOOD;
}

static bool is_good(const struct pab_said *said)
{
    return said->result == PAB_GATE_GOOD && said->worse == 0 && said->better == 0;
}

static bool is_inconclusive(const struct pab_said *said)
{
    return said->result == PAB_GATE_INCONCLUSIVE;
}

static bool is_gone(const struct pab_said *said)
{
    return said->result == PAB_GATE_INCONCLUSIVE && said->gone > 0;
}

static bool is_new(const struct pab_said *said)
{
    return said->result == PAB_GATE_GOOD && said->added > 0;
}

static bool is_renamed(const struct pab_said *said)
{
    return is_gone(said) && said->added > 0;
}

static bool is_broken(const struct pab_said *said)
{
    return said->result == PAB_GATE_BROKEN;
}

/* --- times ------------------------------------------------------------------------------------ */

#define STILL 0.005 /* noise that hides nothing */

static void make_equal(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 3, STILL, rng);
}

static void make_slower(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 3, 0.02, rng);
    pab_made_slow(&gate->cell[1], 1.1);
}

static void make_faster(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 3, STILL, rng);
    pab_made_slow(&gate->cell[1], 0.9);
}

static void make_ties(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, 0, rng);
}

/* Half of the rounds are equal to the last digit, the others hardly differ. */
static void make_half_ties(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, 0, rng);
    for (unsigned r = 0; r < PAB_MADE_ROUNDS; r += 2) {
        gate->cell[0].head_ns[r] = r % 4 == 0 ? 100.01 : 99.99;
    }
}

static void scale(struct pab_made_gate *gate, double factor)
{
    for (size_t c = 0; c < gate->cells; c++) {
        for (unsigned r = 0; r < PAB_MADE_ROUNDS; r++) {
            gate->cell[c].base_ns[r] *= factor;
            gate->cell[c].head_ns[r] *= factor;
        }
    }
}

static void make_slower_short(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_slower(gate, rng);
    scale(gate, 0.001);
}

static void make_equal_long(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    pab_made_slow(&gate->cell[1], 1.004);
    scale(gate, 1000);
}

/* 3 % slower while the machine slows down to a third: seen only by who compares neighbours. */
static void make_drift(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, STILL, rng);
    pab_made_slow(&gate->cell[0], 1.03);
    for (unsigned r = 0; r < PAB_MADE_ROUNDS; r++) {
        double slow = exp((double)r / gate->rounds);
        gate->cell[0].base_ns[r] *= slow;
        gate->cell[0].head_ns[r] *= slow;
    }
}

/* 5 % slower, and two of base's processes were kept from the CPU. */
static void make_outliers(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, STILL, rng);
    gate->rounds = 40;
    pab_made_slow(&gate->cell[0], 1.05);
    gate->cell[0].base_ns[3] *= 20;
    gate->cell[0].base_ns[11] *= 20;
}

/* Half a percent, as sure as can be: below what counts. */
static void make_small(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, 0.0005, rng);
    pab_made_slow(&gate->cell[0], 1.005);
}

static void make_noise(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 1, 0.3, rng);
}

/* Repetitions of a process say the same twelve times. */
static void make_few_processes(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 1, 0.1, rng);
    gate->reps = PAB_MADE_REPS;
}

static void make_many_cells(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, PAB_MADE_CELLS, 0.2, rng);
}

/* Slower at first, and then no more. */
static void make_burst(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 2, STILL, rng);
    gate->confirm_from = gate->rounds;
    gate->rounds *= 2;
    for (unsigned r = 0; r < gate->confirm_from; r++) {
        gate->cell[0].head_ns[r] *= 1.1;
    }
}

static void make_lasting(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_burst(gate, rng);
    for (unsigned r = gate->confirm_from; r < gate->rounds; r++) {
        gate->cell[0].head_ns[r] *= 1.1;
    }
}

/* --- cells ------------------------------------------------------------------------------------ */

static void make_gone(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    gate->cell[2].lacks_head = true;
}

static void make_new(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    gate->cell[2].lacks_base = true;
}

static void make_renamed(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    gate->cell[1].lacks_base = true;
    gate->cell[2].lacks_head = true;
}

static void make_failed(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    gate->cell[2].head_failed = true;
}

/* --- what repeats ----------------------------------------------------------------------------- */

static void set_repeats(struct pab_made_gate *gate, double bytes, double instructions,
                        unsigned arenas)
{
    for (size_t c = 0; c < gate->cells; c++) {
        struct pab_made_cell *cell = &gate->cell[c];
        cell->base_bytes = cell->head_bytes = 64e6;
        cell->base_instructions = cell->head_instructions = 150;
        cell->base_arenas = cell->head_arenas = 12;
    }
    gate->cell[1].head_bytes *= bytes;
    gate->cell[1].head_instructions *= instructions;
    gate->cell[1].head_arenas = arenas;
}

static void make_repeats(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    set_repeats(gate, 1, 1.0005, 12);
}

static void make_larger(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    set_repeats(gate, 1.05, 1, 12);
}

static void make_smaller(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    set_repeats(gate, 0.95, 1, 12);
}

static void make_instructions(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    set_repeats(gate, 1, 1.005, 12);
}

static void make_structure(struct pab_made_gate *gate, struct pab_rng *rng)
{
    make_equal(gate, rng);
    set_repeats(gate, 1, 1, 13);
}

/* --- power ------------------------------------------------------------------------------------ */

/* As much slower as an even chance finds: the error of the Hodges-Lehmann estimate over n normal
 * pairs is 1.023 times that of their mean. */
#define POWER_NOISE  0.1
#define POWER_TRIALS 2000u

static void make_half_seen(struct pab_made_gate *gate, struct pab_rng *rng)
{
    pab_made_init(gate, 1, POWER_NOISE, rng);
    gate->rounds = 60;
    gate->alpha = 0.05;
    double error = 1.0233 * POWER_NOISE * sqrt(2.0 / gate->rounds);
    pab_made_slow(&gate->cell[0], exp(pab_detectable_effect(error, 0, gate->alpha, 0.5)));
}

/* Of 2,000 with an even chance some 950 find it (the approximation promises a little much), give or
 * take 57 in 99 of 100 tries; with half of alpha spent on the other side it would be 820. */
static const struct self_case cases[] = {
    {"equal", "nothing found", make_equal, is_good, 3, 3, 3},
    {"slower", "10 % slower is found", make_slower, is_regression, 3, 3, 3},
    {"faster", "10 % faster is better", make_faster, is_better, 3, 3, 3},
    {"ties", "equal to the last digit is equal", make_ties, is_good, 1, 1, 1},
    {"half ties", "hardly any difference is none", make_half_ties, is_good, 1, 1, 1},
    {"short", "10 % of 0.1 ns is found", make_slower_short, is_regression, 3, 3, 3},
    {"long", "0.4 % of 100 us is not", make_equal_long, is_good, 3, 3, 3},
    {"drift", "3 % is found on a machine that slows down", make_drift, is_regression, 3, 3, 3},
    {"outliers", "5 % is found past two processes that had to wait", make_outliers, is_regression,
     3, 3, 3},
    {"small", "0.5 % that is sure does not count", make_small, is_good, 3, 3, 3},
    {"gone", "a cell that head lacks is no good gate", make_gone, is_gone, 3, 3, 3},
    {"new", "a cell that base lacks is no regression", make_new, is_new, 3, 3, 3},
    {"renamed", "the old name is gone, the new one new", make_renamed, is_renamed, 3, 3, 3},
    {"failed", "a cell that crashes in head breaks the gate", make_failed, is_broken, 3, 3, 3},
    {"repeats", "0.05 % more instructions are within the limit", make_repeats, is_good, 3, 3, 3},
    {"larger", "5 % more memory is found", make_larger, is_regression, 3, 3, 3},
    {"smaller", "5 % less memory is better", make_smaller, is_better, 3, 3, 3},
    {"instructions", "0.5 % more instructions are found", make_instructions, is_regression, 3, 3,
     3},
    {"structure", "13 arenas are not 12", make_structure, is_regression, 3, 3, 3},
    {"burst", "what is not confirmed is no regression", make_burst, is_worse, 3, 0, 0},
    {"lasting", "what is confirmed is one", make_lasting, is_regression, 3, 3, 3},
    {"blind", "noise that hides 3 % is inconclusive", make_noise, is_inconclusive, 40, 38, 40},
    {"noise", "noise alone is no regression", make_noise, is_worse, 300, 0, 10},
    {"few processes", "twelve repetitions are one process", make_few_processes, is_worse, 300, 0,
     10},
    {"many cells", "20 cells raise no more alarms than one", make_many_cells, is_worse, 300, 0, 10},
    {"power", "of gates with an even chance 44 to 53 % find it", make_half_seen, is_worse,
     POWER_TRIALS, 880, 1060},
};

size_t pab_self_case_count(void)
{
    return ARRAY_COUNT(cases);
}

const char *pab_self_case_name(size_t index)
{
    return cases[index].name;
}

const char *pab_self_case_says(size_t index)
{
    return cases[index].says;
}

struct pab_case_outcome pab_self_case_run(size_t index, const struct pab_comparator *comparator,
                                          uint64_t seed)
{
    static struct pab_made_gate gate;
    const struct self_case *self = &cases[index];
    struct pab_case_outcome out = {
        .trials = self->trials, .least = self->least, .most = self->most};
    for (unsigned t = 0; t < self->trials; t++) {
        struct pab_rng rng;
        struct pab_said said;
        pab_made_rng(&rng, seed, (unsigned)index, t);
        self->make(&gate, &rng);
        comparator->judge(&gate, comparator->faults, &said);
        out.hits += self->hits(&said);
    }
    out.passed = out.hits >= out.least && out.hits <= out.most;
    return out;
}
