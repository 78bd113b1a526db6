/* workloads/float_churn.c -- floats and small tuples that come and go, with free lists or without.
 *
 * Arithmetic on floats makes a block of 24 bytes for each result, and code that returns two values,
 * sorts by a key or looks up a cell of a grid makes a tuple of 40 + 8n bytes for it. CPython keeps
 * what dies: 100 floats, and 2000 tuples of each length up to 19 (3.11, Objects/floatobject.c,
 * Objects/tupleobject.c). So most of this churn never reaches the allocator. The parameter
 * `free_lists` takes that away, as `configure --without-freelists` does: then an allocator shows
 * what it makes of the requests that the free lists were invented to spare it.
 *
 * The body moves `live` particles about, each a position and a velocity, tuples of three floats in
 * two lists; between that it does what numeric code does in pure Python: moments of a slice, a
 * histogram over cells, bounds, smoothed series, ranking.
 *
 * An operation is one result: a float, a tuple, an item stored.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, FREE_LISTS };

static const struct pab_param float_churn_params[] = {
    {"live", "particles", "particles", 4000, 170000, 16, 10000000},
    {"steps", "operations of the steady phase, about", "operations", 180000, 1500000, 1000,
     1000000000},
    {"free_lists", "whether Python keeps dead floats and tuples for the next", PAB_PARAM_WAYS, 1, 0,
     0, 1},
    {0},
};

#define CELLS_LIMIT 4096 /* keys, above which the histogram over cells starts anew */

struct float_churn {
    struct pab_program py;
    struct pab_mix mix;
    /* Reset at the start of each body: */
    struct pab_object *positions, *velocities, *cells;
};

static uint32_t below(struct float_churn *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static struct pab_object *real(double value)
{
    return pab_must(pab_float_from_double(value));
}

static double value_of(struct pab_object *number)
{
    return pab_float_as_double(number);
}

static void note(struct float_churn *w, double value)
{
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)(int64_t)(value * 0x1p20));
}

/* --- small steps: each makes its result, then drops its operands ----------------------------- */

/* total += x, of which x is a temporary */
static void add_to(struct pab_object **total, struct pab_object *x)
{
    struct pab_object *sum = real(value_of(*total) + value_of(x));
    pab_decref(x);
    pab_store(total, sum);
}

/* (x, y, z), of which it takes the references */
static struct pab_object *triple(struct pab_object *x, struct pab_object *y, struct pab_object *z)
{
    struct pab_object *tuple = pab_must(pab_tuple_new(3));
    pab_tuple_set_item(tuple, 0, x);
    pab_tuple_set_item(tuple, 1, y);
    pab_tuple_set_item(tuple, 2, z);
    return tuple;
}

static struct pab_object *draw_real(struct float_churn *w)
{
    return real(pab_rng_unit(&w->py.rng));
}

static struct pab_object *draw_triple(struct float_churn *w)
{
    struct pab_object *x = draw_real(w);
    struct pab_object *y = draw_real(w);
    return triple(x, y, draw_real(w));
}

static double coordinate(struct pab_object *list, uint32_t index, pab_ssize axis)
{
    return value_of(pab_tuple_get_item(pab_list_get_item(list, index), axis));
}

/* A slice of the particles of at most n: where it begins, and its length in *n. */
static uint32_t draw_slice(struct float_churn *w, uint32_t *n)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    *n = *n < live ? *n : live;
    return below(w, live - *n + 1);
}

/* --- the loops: each acts out the Python code above it --------------------------------------- */

/* (x + vx * dt) % 1.0 */
static struct pab_object *moved(double x, double v)
{
    struct pab_object *step = real(v * 0.01);
    struct pab_object *sum = real(x + value_of(step));
    pab_decref(step);
    double left = value_of(sum);
    struct pab_object *wrapped = real(left < 1 ? left : left - 1);
    pab_decref(sum);
    return wrapped;
}

/* for i in range(k, k + n): x, y, z = positions[i]; ...; positions[i] = (x, y, z) */
static void move(struct float_churn *w, uint32_t n)
{
    uint32_t first = draw_slice(w, &n);
    struct pab_object *place[3] = {NULL};
    for (uint32_t i = first; i < first + n; i++) {
        for (int axis = 0; axis < 3; axis++) {
            pab_store(&place[axis],
                      moved(coordinate(w->positions, i, axis), coordinate(w->velocities, i, axis)));
        }
        pab_list_set_item(w->positions, i,
                          pab_must(pab_tuple_pack(3, place[0], place[1], place[2])));
    }
    for (int axis = 0; axis < 3; axis++) {
        pab_unbind(&place[axis]);
    }
    w->py.ops += 10 * (uint64_t)n;
}

/* for _ in range(n): velocities[random()] = (random(), random(), random()) */
static void scatter_some(struct float_churn *w, uint32_t n)
{
    for (uint32_t left = n; left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        pab_list_set_item(w->velocities, index, draw_triple(w));
    }
    w->py.ops += 4 * (uint64_t)n;
}

/* for vx, vy, vz in velocities[k:k + n]: energy += 0.5 * (vx * vx + vy * vy + vz * vz) */
static void add_energies(struct float_churn *w, uint32_t n)
{
    uint32_t first = draw_slice(w, &n);
    struct pab_object *energy = real(0);
    for (uint32_t i = first; i < first + n; i++) {
        struct pab_object *squares = NULL;
        for (int axis = 0; axis < 3; axis++) {
            double v = coordinate(w->velocities, i, axis);
            struct pab_object *square = real(v * v);
            if (squares == NULL) {
                squares = square;
            } else {
                add_to(&squares, square);
            }
        }
        struct pab_object *half = real(0.5 * value_of(squares));
        pab_decref(squares);
        add_to(&energy, half);
    }
    note(w, value_of(energy));
    pab_decref(energy);
    w->py.ops += 7 * (uint64_t)n;
}

/* key = (int(64 * x), int(64 * y)); cells[key] = cells.get(key, 0) + 1: a tuple for each look-up */
static void count_cells(struct float_churn *w, uint32_t n)
{
    uint32_t first = draw_slice(w, &n);
    struct pab_object *one = pab_int(1);
    for (uint32_t i = first; i < first + n; i++) {
        struct pab_object *column = pab_int((int64_t)(64 * coordinate(w->positions, i, 0)));
        struct pab_object *row = pab_int((int64_t)(64 * coordinate(w->positions, i, 1)));
        struct pab_object *key = pab_must(pab_tuple_pack(2, column, row));
        pab_decref(row);
        pab_decref(column);
        struct pab_object *known = pab_dict_get_item(w->cells, key);
        struct pab_object *count =
            known == NULL ? pab_new_ref(one) : pab_must(pab_long_add(known, one));
        pab_dict_store(w->cells, key, count);
    }
    pab_decref(one);
    w->py.ops += 3 * (uint64_t)n;
    if (pab_dict_size(w->cells) > CELLS_LIMIT) {
        pab_dict_clear(w->cells);
    }
}

/* for x, _, _ in slice: bounds = (min(bounds[0], x), max(bounds[1], x)) */
static void find_bounds(struct float_churn *w, uint32_t n)
{
    uint32_t first = draw_slice(w, &n);
    struct pab_object *x = pab_tuple_get_item(pab_list_get_item(w->positions, first), 0);
    struct pab_object *bounds = pab_must(pab_tuple_pack(2, x, x));
    for (uint32_t i = first; i < first + n; i++) {
        x = pab_tuple_get_item(pab_list_get_item(w->positions, i), 0);
        struct pab_object *low = pab_tuple_get_item(bounds, 0);
        struct pab_object *high = pab_tuple_get_item(bounds, 1);
        low = value_of(x) < value_of(low) ? x : low;
        high = value_of(x) > value_of(high) ? x : high;
        pab_store(&bounds, pab_must(pab_tuple_pack(2, low, high)));
    }
    note(w, value_of(pab_tuple_get_item(bounds, 0)));
    note(w, value_of(pab_tuple_get_item(bounds, 1)));
    pab_decref(bounds);
    w->py.ops += n;
}

/* series = [random() ...]; series = [0.5 * (a + b) for a, b in pairs(series)], and once more */
static void smooth(struct float_churn *w, uint32_t n)
{
    struct pab_object *series = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < n; i++) {
        pab_list_push(series, draw_real(w));
    }
    for (int again = 0; again < 2; again++) {
        struct pab_object *smoothed = pab_must(pab_list_new(0));
        for (pab_ssize i = 0; i + 1 < pab_list_size(series); i++) {
            struct pab_object *sum = real(value_of(pab_list_get_item(series, i)) +
                                          value_of(pab_list_get_item(series, i + 1)));
            struct pab_object *half = real(0.5 * value_of(sum));
            pab_decref(sum);
            pab_list_push(smoothed, half);
        }
        pab_store(&series, smoothed);
        w->py.ops += 3 * (uint64_t)n;
    }
    note(w, value_of(pab_list_get_item(series, 0)));
    pab_decref(series);
}

/* ranked = sorted((x, i) for i, (x, _, _) in slice): a pair for each, all alive at once */
static void rank(struct float_churn *w, uint32_t n)
{
    uint32_t first = draw_slice(w, &n);
    struct pab_object *ranked = pab_must(pab_list_new(0));
    for (uint32_t i = first; i < first + n; i++) {
        struct pab_object *x = pab_tuple_get_item(pab_list_get_item(w->positions, i), 0);
        struct pab_object *index = pab_int(i);
        pab_list_push(ranked, pab_must(pab_tuple_pack(2, x, index)));
        pab_decref(index);
    }
    pab_must_do(pab_list_sort(ranked));
    note(w, value_of(pab_tuple_get_item(pab_list_get_item(ranked, 0), 0)));
    pab_decref(ranked);
    w->py.ops += 3 * (uint64_t)n;
}

/* Shares of 256, of loops. */
static const struct loop {
    void (*run)(struct float_churn *w, uint32_t n);
    unsigned shares;
} loops[] = {
    {move, 96}, {scatter_some, 24}, {add_energies, 48}, {count_cells, 32},
    {rank, 8},  {find_bounds, 24},  {smooth, 24},
};

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct float_churn *w)
{
    w->positions = pab_must(pab_list_new(0));
    w->velocities = pab_must(pab_list_new(0));
    w->cells = pab_must(pab_dict_new());
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->positions, draw_triple(w));
        pab_list_push(w->velocities, draw_triple(w));
    }
    w->py.ops += 8 * w->py.params[LIVE];
}

static void steady(struct float_churn *w)
{
    uint64_t end = w->py.ops + w->py.params[STEPS];
    while (w->py.ops < end) {
        const struct loop *loop = &loops[pab_mix_draw(&w->mix, &w->py.rng)];
        loop->run(w, (uint32_t)8 << below(w, 6));
    }
}

static void note_all(struct float_churn *w)
{
    note(w, (double)pab_dict_size(w->cells));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        for (int axis = 0; axis < 3; axis++) {
            note(w, coordinate(w->positions, (uint32_t)i, axis));
        }
    }
}

/* positions[i] = velocities[i] = None for three quarters in scattered order; then the lists. */
static void drain(struct float_churn *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[LIVE], seed);
    uint32_t index;
    for (uint64_t left = w->py.params[LIVE] * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        pab_list_set_item(w->velocities, index, pab_new_ref(pab_none()));
        pab_list_set_item(w->positions, index, pab_new_ref(pab_none()));
        w->py.ops += 2;
    }
    pab_unbind(&w->cells);
    pab_unbind(&w->velocities);
    pab_unbind(&w->positions);
}

static void float_churn_body(struct pab_run *run)
{
    struct float_churn *w = run->state;
    pab_program_begin(&w->py, run);
    pab_py_use_free_lists(w->py.params[FREE_LISTS] != 0);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    note_all(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status float_churn_setup(struct pab_run *run, struct pab_error *err)
{
    struct float_churn *w = pab_program_new(run, sizeof(*w));
    if (run->params[FREE_LISTS] == 0 && !pab_py_free_lists_optional) {
        return pab_fail(err, PAB_USAGE,
                        "float_churn.free_lists=0: this CPython has its free lists built in; "
                        "leave the backend out");
    }
    for (unsigned i = 0; i < ARRAY_COUNT(loops); i++) {
        pab_mix_add(&w->mix, i, loops[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_float_churn = {
    .name = "float_churn",
    .summary = "floats and small tuples that come and go, with free lists or without",
    .models = "Numeric code in pure Python. A result is a float of 24 bytes, a pair or triple is a "
              "tuple of 56 or 64; CPython keeps 100 dead floats and 2000 dead tuples of each "
              "length (3.11, Objects/floatobject.c, Objects/tupleobject.c), or none if configured "
              "--without-freelists. The proportion of loops is our choice, not measured.",
    .unit = "one result: a float, a tuple, an item stored",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = float_churn_params,
    .setup = float_churn_setup,
    .body = float_churn_body,
};
