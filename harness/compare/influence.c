#include "harness/compare/influence.h"

#include <math.h>

#define ROBUST_SD 1.4826 /* of a MAD, for what is normal */

/* One sample of the time pass that counts. */
struct point {
    size_t workload, backend;
    bool is_control;
    uint16_t host;
    uint32_t round, position;
    double residual;     /* at first the logarithm itself */
    double within_round; /* less the round's median, too */
    double place;        /* in its round: 0 the first, 1 the last */
    size_t before;       /* backend of the sample that ran just before it; none: SIZE_MAX */
};

struct points {
    struct point *at;
    size_t count;
    double *room; /* as many numbers as there are points, for sorting */
};

static const struct pab_influence no_influence = {
    .change = NAN, .lo = NAN, .hi = NAN, .correlation = NAN, .p = NAN};

/* --- the points ------------------------------------------------------------------------------- */

static struct points gather(const struct pab_reading *reading)
{
    size_t places = pab_reading_places(reading);
    struct points out = {
        .at = calloc(places + 1, sizeof(*out.at)),
        .room = calloc(2 * places + 1, sizeof(*out.room)),
    };
    PAB_CHECK(out.at != NULL && out.room != NULL);
    for (size_t i = 0; i < places; i++) {
        struct pab_row_place place = pab_reading_place(reading, i);
        if (place.counts && place.ns_per_op > 0) {
            out.at[out.count++] = (struct point){
                .workload = place.workload,
                .backend = place.backend,
                .is_control = place.is_control,
                .host = place.host,
                .round = place.round,
                .position = place.position,
                .residual = log(place.ns_per_op),
                .before = SIZE_MAX,
            };
        }
    }
    return out;
}

static int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_cell(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    int order = order_of(a->workload, b->workload);
    order = order != 0 ? order : order_of(a->backend, b->backend);
    order = order != 0 ? order : order_of(a->is_control, b->is_control);
    return order != 0 ? order : order_of(a->host, b->host);
}

static int by_round(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    int order = order_of(a->host, b->host);
    return order != 0 ? order : order_of(a->round, b->round);
}

static int by_position(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    int order = by_round(left, right);
    return order != 0 ? order : order_of(a->position, b->position);
}

static size_t group_end(const struct points *points, size_t start,
                        int (*compare)(const void *a, const void *b))
{
    size_t end = start + 1;
    while (end < points->count && compare(&points->at[start], &points->at[end]) == 0) {
        end++;
    }
    return end;
}

static double median_residual(struct points *points, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        points->room[i - start] = points->at[i].residual;
    }
    return pab_median(points->room, end - start);
}

/* Takes the cells' medians off, and measures their spread on the way. */
static void take_cells_off(struct points *points, const struct pab_reading *reading,
                           struct pab_spread *spread)
{
    double *spreads = calloc(points->count + 1, sizeof(*spreads));
    PAB_CHECK(spreads != NULL);
    *spread = (struct pab_spread){.median = NAN, .greatest = NAN};
    qsort(points->at, points->count, sizeof(*points->at), by_cell);
    for (size_t start = 0, end = 0; start < points->count; start = end) {
        end = group_end(points, start, by_cell);
        double centre = median_residual(points, start, end);
        double sd = ROBUST_SD * pab_mad(points->room, end - start);
        for (size_t i = start; i < end; i++) {
            points->at[i].residual -= centre;
        }
        if (end - start < 3 || points->at[start].is_control) {
            continue; /* the control is the baseline's cell again */
        }
        spreads[spread->cells++] = sd;
        if (!(sd <= spread->greatest)) {
            spread->greatest = sd;
            spread->workload = pab_reading_workload(reading, points->at[start].workload);
            spread->backend = pab_reading_backend(reading, points->at[start].backend);
        }
    }
    if (spread->cells > 0) {
        spread->median = pab_median(spreads, spread->cells);
    }
    free(spreads);
}

/* Takes the rounds' medians off into `within_round`, and says where in its round each point is. */
static void take_rounds_off(struct points *points)
{
    qsort(points->at, points->count, sizeof(*points->at), by_position);
    for (size_t start = 0, end = 0; start < points->count; start = end) {
        end = group_end(points, start, by_round);
        double centre = median_residual(points, start, end);
        double last = end - start > 1 ? (double)(end - start - 1) : 1;
        for (size_t i = start; i < end; i++) {
            points->at[i].within_round = points->at[i].residual - centre;
            points->at[i].place = (double)(i - start) / last;
            points->at[i].before = i == start ? SIZE_MAX : points->at[i - 1].backend;
        }
    }
}

/* --- statistics ------------------------------------------------------------------------------- */

struct ranked {
    double value;
    size_t index;
};

static int by_value(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

/* Mid-ranks less their mean, in place. */
static void rank(double *values, size_t n)
{
    struct ranked *sorted = calloc(n + 1, sizeof(*sorted));
    PAB_CHECK(sorted != NULL);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (struct ranked){values[i], i};
    }
    qsort(sorted, n, sizeof(*sorted), by_value);
    for (size_t start = 0, end = 0; start < n; start = end) {
        end = start;
        while (end < n && sorted[end].value == sorted[start].value) {
            end++;
        }
        for (size_t i = start; i < end; i++) {
            values[sorted[i].index] = ((double)(start + end) - (double)n) / 2;
        }
    }
    free(sorted);
}

/* Spearman's rank correlation and its p, by the normal approximation. Reorders nothing, but makes
 * ranks of both. */
static void correlate(double *x, double *y, size_t n, struct pab_influence *out)
{
    double product = 0;
    double x_square = 0;
    double y_square = 0;
    rank(x, n);
    rank(y, n);
    for (size_t i = 0; i < n; i++) {
        product += x[i] * y[i];
        x_square += x[i] * x[i];
        y_square += y[i] * y[i];
    }
    if (x_square > 0 && y_square > 0) {
        out->correlation = product / sqrt(x_square * y_square);
        out->p = 2 * pab_normal_cdf(-fabs(out->correlation) * sqrt((double)n - 1));
    }
}

static void set_change(struct pab_influence *out, const struct pab_interval *log_ratio)
{
    out->change = expm1(log_ratio->estimate);
    out->lo = log_ratio->has_interval ? expm1(log_ratio->lo) : NAN;
    out->hi = log_ratio->has_interval ? expm1(log_ratio->hi) : NAN;
}

#define LEVEL      0.95
#define POINTS_MIN 12u /* fewer say nothing of an order or a drift */

/* Values with x above a half against those with less; then the correlation, which destroys both. */
static void relate(double *x, double *y, size_t n, struct pab_influence *out)
{
    double *halves = calloc(2 * n + 1, sizeof(*halves));
    PAB_CHECK(halves != NULL);
    size_t early = 0;
    size_t late = 0;
    for (size_t i = 0; i < n; i++) {
        if (x[i] > 0.5) {
            halves[n + late++] = y[i];
        } else if (x[i] < 0.5) {
            halves[early++] = y[i];
        }
    }
    out->n = n;
    if (n >= POINTS_MIN && early > 0 && late > 0) {
        struct pab_interval shift = pab_shift(halves + n, late, halves, early, LEVEL);
        set_change(out, &shift);
        correlate(x, y, n, out);
    }
    free(halves);
}

/* --- order, drift ----------------------------------------------------------------------------- */

static struct pab_influence order_in_round(struct points *points)
{
    struct pab_influence out = no_influence;
    double *y = points->room + points->count;
    for (size_t i = 0; i < points->count; i++) {
        points->room[i] = points->at[i].place;
        y[i] = points->at[i].within_round;
    }
    relate(points->room, y, points->count, &out);
    return out;
}

/* What came after `backend`, and behind it in the room what came after any other. */
static void part_after(struct points *points, size_t backend, size_t *own, size_t *other)
{
    double *rest = points->room + points->count;
    *own = 0;
    *other = 0;
    for (size_t i = 0; i < points->count; i++) {
        const struct point *point = &points->at[i];
        if (point->before == backend) {
            points->room[(*own)++] = point->within_round;
        } else if (point->before != SIZE_MAX) {
            rest[(*other)++] = point->within_round;
        }
    }
}

/* The backend with the smallest p, that p adjusted for having looked at all (Bonferroni). */
static struct pab_influence after_any(struct points *points, const struct pab_reading *reading)
{
    struct pab_influence out = no_influence;
    const double *rest = points->room + points->count;
    size_t found = 0;
    size_t looked_at = 0;
    size_t own = 0;
    size_t other = 0;
    for (size_t b = 0; b < pab_reading_backends(reading); b++) {
        part_after(points, b, &own, &other);
        if (own < POINTS_MIN || other < POINTS_MIN) {
            continue;
        }
        double p = pab_rank_sum(points->room, own, rest, other, PAB_TAIL_BOTH).p;
        if (looked_at++ == 0 || p < out.p) {
            out.p = p;
            found = b;
        }
    }
    if (looked_at > 0) {
        part_after(points, found, &own, &other);
        struct pab_interval shift = pab_shift(points->room, own, rest, other, LEVEL);
        set_change(&out, &shift);
        out.n = own;
        out.p = fmin(1, out.p * (double)looked_at);
        out.backend = pab_reading_backend(reading, found);
    }
    return out;
}

/* Each round's median residual against its number within its host. */
static struct pab_influence drift_of(struct points *points)
{
    struct pab_influence out = no_influence;
    size_t rounds = 0;
    double *x = calloc(2 * points->count + 1, sizeof(*x));
    PAB_CHECK(x != NULL);
    double *y = x + points->count;
    for (size_t start = 0, end = 0; start < points->count;) {
        size_t first = rounds;
        uint16_t host = points->at[start].host;
        while (start < points->count && points->at[start].host == host) {
            end = group_end(points, start, by_round);
            y[rounds++] = median_residual(points, start, end);
            start = end;
        }
        for (size_t i = first; i < rounds; i++) {
            x[i] = ((double)(i - first) + 0.5) / (double)(rounds - first);
        }
    }
    relate(x, y, rounds, &out);
    free(x);
    return out;
}

/* --- trend within a process ------------------------------------------------------------------- */

static struct pab_influence trend_of(const struct pab_reading *reading)
{
    struct pab_influence out = no_influence;
    size_t places = pab_reading_places(reading);
    double *logs = calloc(places + 1, sizeof(*logs));
    PAB_CHECK(logs != NULL);
    for (size_t i = 0; i < places; i++) {
        struct pab_row_place place = pab_reading_place(reading, i);
        if (place.counts && place.first_rep_ns > 0 && place.last_rep_ns > 0) {
            logs[out.n++] = log(place.last_rep_ns) - log(place.first_rep_ns);
        }
    }
    if (out.n >= POINTS_MIN) {
        struct pab_interval centre = pab_hodges_lehmann(logs, out.n, LEVEL);
        set_change(&out, &centre);
        out.p = pab_signed_rank(logs, out.n, PAB_TAIL_BOTH).p;
    }
    free(logs);
    return out;
}

void pab_influences(const struct pab_reading *reading, struct pab_control *control)
{
    struct points points = gather(reading);
    take_cells_off(&points, reading, &control->spread);
    take_rounds_off(&points);
    control->order = order_in_round(&points);
    control->after = after_any(&points, reading);
    control->drift = drift_of(&points);
    control->trend = trend_of(reading);
    free(points.at);
    free(points.room);
}
