/* harness/gate/self_test_simple.c -- the rule of the gate in its shortest form, with switches for
 * faults: to show that the battery of cases tells a right comparator from wrong ones. */
#include "harness/gate/self_test_made.h"

#include <math.h>
#include <string.h>

#define LEVEL  0.95
#define DETECT 0.03
#define POWER  0.9
#define TESTS  (PAB_MADE_CELLS + 1)

/* What the times of one cell, or of all, say. To the worse is up. */
struct evidence {
    bool is_there;
    double estimate, error, p_worse, p_better, lo, hi;
};

/* Numbers of one cell from rounds [first, end), or their mean over all cells. */
struct pairs {
    size_t n;
    double base[PAB_MADE_ROUNDS * PAB_MADE_REPS], head[PAB_MADE_ROUNDS * PAB_MADE_REPS];
    double differences[PAB_MADE_ROUNDS * PAB_MADE_REPS];
};

static void take_pairs(struct pairs *out, const struct pab_made_gate *gate,
                       const struct pab_made_cell *cell, unsigned faults, unsigned first,
                       unsigned end)
{
    unsigned copies = (faults & PAB_FAULT_POOLED) != 0 ? gate->reps : 1;
    out->n = 0;
    for (unsigned r = first; r < end; r++) {
        for (unsigned i = 0; i < copies; i++, out->n++) {
            bool is_absolute = (faults & PAB_FAULT_ABSOLUTE) != 0;
            double base = cell->base_ns[r];
            double head = cell->head_ns[r];
            out->base[out->n] = log(base);
            out->head[out->n] = log(head);
            out->differences[out->n] = is_absolute ? (head - base) / 100 : log(head / base);
        }
    }
}

static struct evidence from_mean(const struct pairs *pairs)
{
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < pairs->n; i++) {
        sum += pairs->differences[i];
    }
    double mean = sum / (double)pairs->n;
    for (size_t i = 0; i < pairs->n; i++) {
        squares += (pairs->differences[i] - mean) * (pairs->differences[i] - mean);
    }
    double error = sqrt(squares / (double)(pairs->n - 1) / (double)pairs->n);
    double z = error > 0 ? mean / error : 0;
    return (struct evidence){.estimate = mean,
                             .error = error,
                             .p_worse = pab_normal_cdf(-z),
                             .p_better = pab_normal_cdf(z),
                             .lo = mean - 2 * error,
                             .hi = mean + 2 * error};
}

static struct evidence from_ranks(const struct pairs *pairs, unsigned faults)
{
    bool is_apart = (faults & PAB_FAULT_UNPAIRED) != 0;
    size_t n = pairs->n;
    struct pab_interval interval = is_apart ? pab_shift(pairs->head, n, pairs->base, n, LEVEL)
                                            : pab_hodges_lehmann(pairs->differences, n, LEVEL);
    struct pab_test worse = is_apart
                                ? pab_rank_sum(pairs->head, n, pairs->base, n, PAB_TAIL_GREATER)
                                : pab_signed_rank(pairs->differences, n, PAB_TAIL_GREATER);
    struct pab_test better = is_apart ? pab_rank_sum(pairs->head, n, pairs->base, n, PAB_TAIL_LESS)
                                      : pab_signed_rank(pairs->differences, n, PAB_TAIL_LESS);
    return (struct evidence){.estimate = interval.estimate,
                             .error = pab_standard_error(&interval, LEVEL),
                             .p_worse = worse.p,
                             .p_better = better.p,
                             .lo = interval.lo,
                             .hi = interval.hi};
}

static struct evidence weigh(const struct pairs *pairs, unsigned faults)
{
    struct evidence out =
        (faults & PAB_FAULT_MEAN) != 0 ? from_mean(pairs) : from_ranks(pairs, faults);
    out.is_there = true;
    if ((faults & PAB_FAULT_DIRECTION) != 0) {
        out = (struct evidence){true,        -out.estimate, out.error, out.p_better,
                                out.p_worse, -out.hi,       -out.lo};
    }
    if ((faults & PAB_FAULT_TWO_SIDED) != 0) {
        out.p_worse = fmin(1, 2 * out.p_worse);
        out.p_better = fmin(1, 2 * out.p_better);
    }
    return out;
}

enum call { CALL_NONE, CALL_EQUAL, CALL_WORSE, CALL_BETTER, CALL_OPEN };

static enum call call_of(const struct evidence *evidence, double p_worse, double p_better,
                         size_t tests, const struct pab_made_gate *gate, unsigned faults)
{
    double floor = log1p(gate->floor);
    bool asks_p = (faults & PAB_FAULT_FLOOR_ALONE) == 0;
    double bar = (faults & PAB_FAULT_P_ALONE) != 0 ? 0 : floor;
    if ((faults & PAB_FAULT_EQUALITY) != 0) {
        return fabs(evidence->estimate) > 0 ? CALL_WORSE : CALL_EQUAL;
    }
    if (evidence->estimate > bar && (!asks_p || p_worse < gate->alpha)) {
        return CALL_WORSE;
    }
    if (evidence->estimate < -bar && (!asks_p || p_better < gate->alpha)) {
        return CALL_BETTER;
    }
    double detectable =
        pab_detectable_effect(evidence->error, floor, gate->alpha / (double)tests, POWER);
    bool is_equal = evidence->lo > -floor && evidence->hi < floor;
    bool has_seen = is_equal || detectable <= log1p(DETECT);
    return has_seen || (faults & PAB_FAULT_BLIND) != 0 ? CALL_EQUAL : CALL_OPEN;
}

static bool is_measured(const struct pab_made_cell *cell)
{
    return !cell->lacks_base && !cell->lacks_head && !cell->head_failed;
}

/* Every cell, and behind them the mean of all. */
static void call_times(const struct pab_made_gate *gate, unsigned faults, unsigned first,
                       unsigned end, enum call calls[TESTS])
{
    static struct pairs pairs;
    static struct pairs mean;
    struct evidence evidence[TESTS] = {0};
    double worse[TESTS];
    double better[TESTS];
    size_t tests = 0;
    size_t cells = 0;
    memset(&mean, 0, sizeof(mean));
    for (size_t c = 0; c < gate->cells; c++) {
        if (is_measured(&gate->cell[c])) {
            take_pairs(&pairs, gate, &gate->cell[c], faults, first, end);
            evidence[c] = weigh(&pairs, faults);
            cells++;
            mean.n = pairs.n;
            for (size_t i = 0; i < pairs.n; i++) {
                mean.base[i] += pairs.base[i];
                mean.head[i] += pairs.head[i];
                mean.differences[i] += pairs.differences[i];
            }
        }
    }
    for (size_t i = 0; i < mean.n; i++) {
        mean.base[i] /= (double)cells;
        mean.head[i] /= (double)cells;
        mean.differences[i] /= (double)cells;
    }
    if (mean.n > 0) {
        evidence[gate->cells] = weigh(&mean, faults);
    }
    for (size_t c = 0; c <= gate->cells; c++) {
        if (evidence[c].is_there) {
            worse[tests] = evidence[c].p_worse;
            better[tests++] = evidence[c].p_better;
        }
    }
    if ((faults & PAB_FAULT_MANY) == 0) {
        pab_holm(worse, tests, worse);
        pab_holm(better, tests, better);
    }
    for (size_t c = 0, t = 0; c <= gate->cells; c++) {
        calls[c] = CALL_NONE;
        if (evidence[c].is_there) {
            calls[c] = call_of(&evidence[c], worse[t], better[t], tests, gate, faults);
            t++;
        }
    }
}

/* What repeats is compared without statistics. */
static void count_repeats(const struct pab_made_cell *cell, struct pab_said *said)
{
    double bytes = cell->base_bytes > 0 ? cell->head_bytes / cell->base_bytes : 1;
    double instructions =
        cell->base_instructions > 0 ? cell->head_instructions / cell->base_instructions : 1;
    said->worse +=
        (bytes > 1.01) + (instructions > 1.001) + (cell->base_arenas != cell->head_arenas);
    said->better += (bytes < 1 / 1.01) + (instructions < 1 / 1.001);
}

static enum pab_gate_result result_of(const struct pab_said *said, bool has_failed, size_t open)
{
    if (has_failed) {
        return PAB_GATE_BROKEN;
    }
    if (said->worse > 0) {
        return PAB_GATE_REGRESSION;
    }
    return said->gone + open > 0 ? PAB_GATE_INCONCLUSIVE : PAB_GATE_GOOD;
}

void pab_judge_simply(const struct pab_made_gate *gate, unsigned faults, struct pab_said *said)
{
    enum call first[TESTS];
    enum call again[TESTS];
    bool confirms = gate->confirm_from > 0 && (faults & PAB_FAULT_FIRST_LOOK) == 0;
    unsigned end = gate->confirm_from > 0 ? gate->confirm_from : gate->rounds;
    size_t open = 0;
    bool has_failed = false;
    *said = (struct pab_said){0};
    call_times(gate, faults, 0, end, first);
    call_times(gate, faults, confirms ? end : 0, confirms ? gate->rounds : end, again);
    for (size_t c = 0; c <= gate->cells; c++) {
        said->worse += first[c] == CALL_WORSE && again[c] == CALL_WORSE;
        said->better += first[c] == CALL_BETTER;
        open += first[c] == CALL_OPEN && c < gate->cells;
    }
    for (size_t c = 0; c < gate->cells; c++) {
        const struct pab_made_cell *cell = &gate->cell[c];
        said->added += cell->lacks_base;
        said->gone += cell->lacks_head && (faults & PAB_FAULT_MISSING) == 0;
        has_failed |= cell->head_failed && (faults & PAB_FAULT_CRASHES) == 0;
        if (is_measured(cell) && (faults & PAB_FAULT_REPEATS) == 0) {
            count_repeats(cell, said);
        }
    }
    said->result = result_of(said, has_failed, open);
}
