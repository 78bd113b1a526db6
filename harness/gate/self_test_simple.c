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

/* Which rounds of a gate are looked at, and with which faults. */
struct look {
    const struct pab_made_gate *gate;
    unsigned faults, first, end;
};

static void take_pairs(struct pairs *out, const struct look *look, const struct pab_made_cell *cell)
{
    unsigned copies = (look->faults & PAB_FAULT_POOLED) != 0 ? look->gate->reps : 1;
    bool is_absolute = (look->faults & PAB_FAULT_ABSOLUTE) != 0;
    out->n = 0;
    for (unsigned r = look->first; r < look->end; r++) {
        for (unsigned i = 0; i < copies; i++, out->n++) {
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

/* `tests`: how many share alpha. */
static enum call call_of(const struct look *look, const struct evidence *evidence, size_t tests)
{
    double alpha = look->gate->alpha;
    double floor = log1p(look->gate->floor);
    bool asks_p = (look->faults & PAB_FAULT_FLOOR_ALONE) == 0;
    double bar = (look->faults & PAB_FAULT_P_ALONE) != 0 ? 0 : floor;
    if ((look->faults & PAB_FAULT_EQUALITY) != 0) {
        return fabs(evidence->estimate) > 0 ? CALL_WORSE : CALL_EQUAL;
    }
    if (evidence->estimate > bar && (!asks_p || evidence->p_worse < alpha)) {
        return CALL_WORSE;
    }
    if (evidence->estimate < -bar && (!asks_p || evidence->p_better < alpha)) {
        return CALL_BETTER;
    }
    double detectable = pab_detectable_effect(evidence->error, floor, alpha / (double)tests, POWER);
    bool is_equal = evidence->lo > -floor && evidence->hi < floor;
    bool has_seen = is_equal || detectable <= log1p(DETECT);
    return has_seen || (look->faults & PAB_FAULT_BLIND) != 0 ? CALL_EQUAL : CALL_OPEN;
}

static bool is_measured(const struct pab_made_cell *cell)
{
    return !cell->lacks_base && !cell->lacks_head && !cell->head_failed;
}

static void add_pairs(struct pairs *sum, const struct pairs *pairs, double weight)
{
    sum->n = pairs->n;
    for (size_t i = 0; i < pairs->n; i++) {
        sum->base[i] += weight * pairs->base[i];
        sum->head[i] += weight * pairs->head[i];
        sum->differences[i] += weight * pairs->differences[i];
    }
}

/* Of every cell and, behind them, of the mean where there are several; returns how many. */
static size_t weigh_all(const struct look *look, struct evidence evidence[TESTS])
{
    static struct pairs pairs;
    static struct pairs mean;
    const struct pab_made_gate *gate = look->gate;
    size_t measured = 0;
    memset(&mean, 0, sizeof(mean));
    for (size_t c = 0; c < gate->cells; c++) {
        measured += is_measured(&gate->cell[c]);
    }
    for (size_t c = 0; c < gate->cells; c++) {
        if (is_measured(&gate->cell[c])) {
            take_pairs(&pairs, look, &gate->cell[c]);
            evidence[c] = weigh(&pairs, look->faults);
            add_pairs(&mean, &pairs, 1 / (double)measured);
        }
    }
    if (measured > 1) {
        evidence[gate->cells] = weigh(&mean, look->faults);
    }
    return measured + (measured > 1);
}

static void share_alpha(struct evidence evidence[TESTS])
{
    double worse[TESTS];
    double better[TESTS];
    size_t tests = 0;
    for (size_t c = 0; c < TESTS; c++) {
        if (evidence[c].is_there) {
            worse[tests] = evidence[c].p_worse;
            better[tests++] = evidence[c].p_better;
        }
    }
    pab_holm(worse, tests, worse);
    pab_holm(better, tests, better);
    for (size_t c = TESTS; c-- > 0;) {
        if (evidence[c].is_there) {
            evidence[c].p_worse = worse[--tests];
            evidence[c].p_better = better[tests];
        }
    }
}

static void call_times(const struct look *look, enum call calls[TESTS])
{
    struct evidence evidence[TESTS] = {0};
    size_t tests = weigh_all(look, evidence);
    if ((look->faults & PAB_FAULT_MANY) == 0) {
        share_alpha(evidence);
    }
    for (size_t c = 0; c < TESTS; c++) {
        calls[c] = evidence[c].is_there ? call_of(look, &evidence[c], tests) : CALL_NONE;
    }
}

/* What repeats is compared without statistics. */
static void count_repeats(const struct pab_made_cell *cell, struct pab_said *said)
{
    double bytes = cell->base_bytes > 0 ? cell->head_bytes / cell->base_bytes : 1;
    double instructions =
        cell->base_instructions > 0 ? cell->head_instructions / cell->base_instructions : 1;
    said->worse += bytes > 1.01;
    said->worse += instructions > 1.001;
    said->worse += cell->base_arenas != cell->head_arenas;
    said->better += bytes < 1 / 1.01;
    said->better += instructions < 1 / 1.001;
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
    struct look look = {gate, faults, 0, end};
    call_times(&look, first);
    if (confirms) {
        look.first = end;
        look.end = gate->rounds;
    }
    call_times(&look, again);
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
