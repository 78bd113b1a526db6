/* workloads/list_growth.c -- lists that grow, shrink, are cut and put together.
 *
 * A list is two blocks: its head (56 bytes and a 16-byte GC header, from the object domain) and a
 * vector of pointers from the mem domain, which append resizes by an eighth at a time: capacities
 * 0 4 8 16 24 32 40 52 64 76 ... (CPython 3.11, Objects/listobject.c, list_resize). So a list
 * walks through the size classes while it grows, crosses the threshold of pymalloc at 64 items,
 * and asks for a new vector, exact in size, at each slice, concatenation and repetition.
 *
 * The body keeps a population of `live` lists. Lengths are drawn so that every octave of lengths
 * 2^k..2^(k+1) holds about the same number of items: most lists are short, and half of the memory
 * lies in the few long ones. One list after another is picked at random and worked on.
 *
 * An operation is one list operation: an item appended or popped, an item of a slice copied.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, LONGEST, FRESH };

static const struct pab_param list_growth_params[] = {
    {"live", "lists in the population", "lists", 1000, 150000, 16, 10000000},
    {"steps", "lists worked on in the steady phase", "lists", 6000, 150000, 16, 100000000},
    {"longest", "bound of the lengths that are drawn", "items", 4096, 65536, 16, 16777216},
    {"fresh", "share of items that are new objects", "1/1000", 500, 0, 0, 1000},
    {0},
};

#define SHARED_ITEMS 256u /* objects that many lists refer to */
#define SORT_LIMIT   2048 /* items, above which no list is sorted or searched */
#define QUEUE_LIMIT  256  /* items, above which nothing is popped from the front */

struct list_growth {
    struct pab_program py;
    struct pab_mix mix;
    /* Reset at the start of each body: */
    struct pab_object *lists, *shared;
};

static uint32_t below(struct list_growth *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct list_growth *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* Octave k with probability 2^-(k+1), uniform within it: a mean of 3/4 an octave. */
static uint32_t draw_length(struct list_growth *w)
{
    uint64_t bits = pab_rng_next(&w->py.rng) | (uint64_t)1 << 24;
    uint32_t octave = (uint32_t)1 << __builtin_ctzll(bits);
    uint32_t length = octave - 1 + below(w, octave);
    uint32_t longest = (uint32_t)w->py.params[LONGEST];
    return length < longest ? length : below(w, longest);
}

/* An item: now and then a new int or float, else one that others hold as well. */
static struct pab_object *draw_item(struct list_growth *w)
{
    uint64_t random = pab_rng_next(&w->py.rng);
    int64_t value = (int64_t)(random >> 34);
    if (pab_rng_scale((uint32_t)random, 1000) >= w->py.params[FRESH]) {
        return pab_new_ref(pab_list_get_item(w->shared, value % SHARED_ITEMS));
    }
    if (value % 4 == 0) {
        return pab_must(pab_float_from_double((double)value * 0x1p-10));
    }
    return pab_int(value);
}

/* The value of an item, whatever number it is: what sum() would add. */
static uint64_t value_of(struct pab_object *item)
{
    return (uint64_t)pab_object_hash(item);
}

static struct pab_object *pick(struct list_growth *w)
{
    return pab_list_get_item(w->lists, below(w, (uint32_t)w->py.params[LIVE]));
}

static void keep(struct list_growth *w, struct pab_object *list)
{
    pab_list_set_item(w->lists, below(w, (uint32_t)w->py.params[LIVE]), list);
}

static void append_items(struct list_growth *w, struct pab_object *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        pab_list_push(list, draw_item(w));
    }
    w->py.ops += n;
}

static struct pab_object *new_list(struct list_growth *w)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    append_items(w, list, draw_length(w));
    w->py.ops++;
    return list;
}

/* --- what is done to a list: each acts out the Python code above it ------------------------- */

/* a stack: for _ in range(n): list.append(item); then as many list.pop() */
static void use_as_stack(struct list_growth *w, struct pab_object *list)
{
    uint32_t n = 1 + below(w, 64);
    append_items(w, list, n);
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *top = pab_must(pab_list_pop(list, -1));
        note(w, value_of(top));
        pab_decref(top);
    }
    w->py.ops += n;
}

/* a queue: list.append(item); list.pop(0). Only while the front is cheap to move. */
static void use_as_queue(struct list_growth *w, struct pab_object *list)
{
    uint32_t n = 1 + below(w, 16);
    append_items(w, list, n);
    for (uint32_t i = 0; i < n; i++) {
        pab_ssize where = pab_list_size(list) <= QUEUE_LIMIT ? 0 : -1;
        pab_decref(pab_must(pab_list_pop(list, where)));
    }
    w->py.ops += n;
}

/* the list loses items and gets others: del list[-n:]; list.insert(k, item) */
static void shrink_and_insert(struct list_growth *w, struct pab_object *list)
{
    pab_ssize size = pab_list_size(list);
    pab_ssize n = size < 8 ? size : 8;
    pab_must_do(pab_list_set_slice(list, size - n, size, NULL));
    for (pab_ssize i = 0; i < n; i++) {
        struct pab_object *item = draw_item(w);
        pab_ssize where = (pab_ssize)below(w, (uint32_t)pab_list_size(list) + 1);
        pab_must_do(pab_list_insert(list, where, item));
        pab_decref(item);
    }
    w->py.ops += (uint64_t)n + 1;
}

/* lists[k] = [item() for ...]: the old list dies with all that only it holds */
static void replace_list(struct list_growth *w, struct pab_object *list)
{
    (void)list;
    keep(w, new_list(w));
}

/* lists[k] = list[low:high] */
static void keep_slice(struct list_growth *w, struct pab_object *list)
{
    pab_ssize size = pab_list_size(list);
    pab_ssize low = size == 0 ? 0 : (pab_ssize)below(w, (uint32_t)size);
    struct pab_object *slice = pab_must(pab_list_get_slice(list, low, size));
    w->py.ops += (uint64_t)pab_list_size(slice) + 1;
    keep(w, slice);
}

/* joined = list + other; the result is looked at and dropped */
static void concatenate(struct list_growth *w, struct pab_object *list)
{
    struct pab_object *joined = pab_must(pab_list_concat(list, pick(w)));
    note(w, (uint64_t)pab_list_size(joined));
    w->py.ops += (uint64_t)pab_list_size(joined) + 1;
    pab_decref(joined);
}

/* lists[k] = [item] * n, and the half of it is filled in by index */
static void repeat(struct list_growth *w, struct pab_object *list)
{
    (void)list;
    struct pab_object *single = pab_must(pab_list_new(1));
    pab_list_set_item(single, 0, draw_item(w));
    uint32_t n = draw_length(w);
    struct pab_object *repeated = pab_must(pab_list_repeat(single, (pab_ssize)n));
    pab_decref(single);
    for (uint32_t i = 0; i < n; i += 2) {
        pab_list_set_item(repeated, i, draw_item(w));
    }
    w->py.ops += n / 2 + n + 1;
    keep(w, repeated);
}

/* list.extend(tuple(other)); then the list is cut back to where it was */
static void extend_and_cut(struct list_growth *w, struct pab_object *list)
{
    struct pab_object *added = pab_must(pab_list_as_tuple(pick(w)));
    pab_ssize before = pab_list_size(list);
    pab_must_do(pab_list_extend(list, added));
    w->py.ops += 2 * (uint64_t)pab_tuple_size(added) + 2;
    pab_decref(added);
    pab_must_do(pab_list_set_slice(list, before, pab_list_size(list), NULL));
}

/* numbers = sorted(list); numbers.reverse(): a copy, and half of it as the sort's own memory */
static void sort_copy(struct list_growth *w, struct pab_object *list)
{
    pab_ssize size = pab_list_size(list);
    struct pab_object *copy =
        pab_must(pab_list_get_slice(list, 0, size < SORT_LIMIT ? size : SORT_LIMIT));
    pab_must_do(pab_list_sort(copy));
    pab_list_reverse(copy);
    if (pab_list_size(copy) > 0) {
        note(w, value_of(pab_list_get_item(copy, 0)));
    }
    w->py.ops += (uint64_t)pab_list_size(copy) + 2;
    pab_decref(copy);
}

/* rows = [[0.0] * n for _ in range(n)]; for i: for j: rows[i][j] = x; total += x; del rows */
static void use_matrix(struct list_growth *w, struct pab_object *list)
{
    (void)list;
    uint32_t n = 2 + below(w, 11);
    struct pab_object *rows = pab_must(pab_list_new(0));
    struct pab_object *zero = pab_must(pab_list_new(1));
    pab_list_set_item(zero, 0, pab_must(pab_float_from_double(0.0)));
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *row = pab_must(pab_list_repeat(zero, (pab_ssize)n));
        for (uint32_t j = 0; j < n; j++) {
            double cell = (double)(i * j) * 0.5;
            pab_list_set_item(row, j, pab_must(pab_float_from_double(cell)));
        }
        pab_list_push(rows, row);
    }
    note(w, value_of(pab_list_get_item(pab_list_get_item(rows, n - 1), n - 1)));
    pab_decref(zero);
    pab_decref(rows);
    w->py.ops += (uint64_t)n * (n + 2);
}

/* list.clear(); the same list fills again */
static void clear_and_refill(struct list_growth *w, struct pab_object *list)
{
    pab_must_do(pab_list_clear(list));
    append_items(w, list, draw_length(w));
    w->py.ops++;
}

/* Shares of 256, of lists worked on. */
static const struct deed {
    void (*run)(struct list_growth *w, struct pab_object *list);
    unsigned shares;
} deeds[] = {
    {use_as_stack, 48},     {use_as_queue, 28},   {shrink_and_insert, 20},
    {replace_list, 56},     {keep_slice, 24},     {concatenate, 16},
    {repeat, 12},           {extend_and_cut, 16}, {sort_copy, 8},
    {clear_and_refill, 24}, {use_matrix, 4},
};

/* --- the phases ---------------------------------------------------------------------------- */

static void build(struct list_growth *w)
{
    w->shared = pab_must(pab_list_new(SHARED_ITEMS));
    for (uint32_t i = 0; i < SHARED_ITEMS; i++) {
        pab_list_set_item(w->shared, i, pab_int((int64_t)i * i));
    }
    w->lists = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->lists, new_list(w));
    }
}

static void note_all(struct list_growth *w)
{
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *list = pab_list_get_item(w->lists, (pab_ssize)i);
        pab_ssize size = pab_list_size(list);
        note(w, (uint64_t)size);
        for (pab_ssize k = 0; k < size; k++) {
            note(w, value_of(pab_list_get_item(list, k)));
        }
    }
}

/* lists[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct list_growth *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->lists, w->py.params[LIVE], seed);
    pab_unbind(&w->lists);
    pab_unbind(&w->shared);
}

static void list_growth_body(struct pab_run *run)
{
    struct list_growth *w = run->state;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        struct pab_object *list = pab_new_ref(pick(w));
        deeds[pab_mix_draw(&w->mix, &w->py.rng)].run(w, list);
        pab_decref(list);
    }
    note_all(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status list_growth_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct list_growth *w = pab_program_new(run, sizeof(*w));
    for (unsigned i = 0; i < ARRAY_COUNT(deeds); i++) {
        pab_mix_add(&w->mix, i, deeds[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_list_growth = {
    .name = "list_growth",
    .summary = "a population of lists of very unlike lengths, grown, cut and joined",
    .models =
        "Lists as stacks, queues, rows and buffers. A list is a head of 72 bytes with its GC "
        "header and a vector that grows by an eighth: 4 8 16 24 32 40 52 64 76 items (CPython "
        "3.11, Objects/listobject.c). Lengths are equally heavy in every octave; that and "
        "the proportion of operations are our choice, not measured.",
    .unit = "one item appended, popped, copied or stored; one list made or cut",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = list_growth_params,
    .setup = list_growth_setup,
    .body = list_growth_body,
};
