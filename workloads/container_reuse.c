/* workloads/container_reuse.c -- containers that are cleared and filled again, or made anew.
 *
 * "Reuse your buffers" is old advice. In CPython 3.11 clear() keeps a list's or dict's head, 72 or
 * 64 bytes that have a free list anyway, and frees the vector or the key table (Objects/listobject.c,
 * Objects/dictobject.c), so that filling up walks through the same growth once more. Only a
 * bytearray that is cut keeps bytes, and only while half of them are in use. The parameter `reuse`
 * chooses between `result.clear()` and `result = []`; the program and its results are the same.
 *
 * The body keeps `live` workers, each a triple of containers that its last task filled: a list of
 * results, a dict of totals, a bytearray for output. Tasks come in random order and sizes.
 *
 * An operation is one item put into a container.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, REUSE, LARGEST };

static const struct pab_param container_reuse_params[] = {
    {"live", "workers", "workers", 60, 6000, 16, 10000000},
    {"steps", "tasks of the steady phase", "tasks", 140, 4000, 16, 100000000},
    {"reuse", "whether a task clears what the last one made, rather than make it anew",
     PAB_PARAM_WAYS, 1, 0, 0, 1},
    {"largest", "bound of the items of a task", "items", 512, 0, 16, 1000000},
    {0},
};

enum { RESULTS, TOTALS, OUTPUT };

struct container_reuse {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *workers; /* [(results, totals, output), ...] */
};

static uint32_t below(struct container_reuse *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct container_reuse *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* Most tasks are small: the product of two uniform draws. */
static uint32_t draw_size(struct container_reuse *w)
{
    return 1 + below(w, 1 + below(w, (uint32_t)w->py.params[LARGEST]));
}

/* --- a task ---------------------------------------------------------------------------------- */

/* for _ in range(n): results.append(value) */
static void fill_results(struct container_reuse *w, struct pab_object *results, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        pab_list_push(results, pab_int(w->next_value++));
    }
}

/* for value in results: totals[value % n] = totals.get(value % n, 0) + value */
static void fill_totals(struct pab_object *totals, struct pab_object *results)
{
    pab_ssize n = pab_list_size(results);
    struct pab_object *divisor = pab_int(n / 4 + 1);
    for (pab_ssize i = 0; i < n; i++) {
        struct pab_object *value = pab_list_get_item(results, i);
        struct pab_object *key = pab_must(pab_long_remainder(value, divisor));
        struct pab_object *known = pab_dict_get_item(totals, key);
        struct pab_object *total =
            known == NULL ? pab_new_ref(value) : pab_must(pab_long_add(known, value));
        pab_dict_store(totals, key, total);
    }
    pab_decref(divisor);
}

/* for value in results: output += str(value).encode() */
static void fill_output(struct pab_object *output, struct pab_object *results)
{
    for (pab_ssize i = 0; i < pab_list_size(results); i++) {
        struct pab_object *text = pab_must(pab_object_str(pab_list_get_item(results, i)));
        struct pab_object *bytes = pab_must(pab_unicode_encode(text));
        pab_decref(text);
        pab_must_do(pab_bytearray_extend(output, bytes));
        pab_decref(bytes);
    }
}

static void run_task(struct container_reuse *w, struct pab_object *worker, uint32_t n)
{
    struct pab_object *results = pab_tuple_get_item(worker, RESULTS);
    fill_results(w, results, n);
    fill_totals(pab_tuple_get_item(worker, TOTALS), results);
    fill_output(pab_tuple_get_item(worker, OUTPUT), results);
    w->py.ops += 3 * (uint64_t)n;
}

static struct pab_object *new_worker(void)
{
    struct pab_object *worker = pab_must(pab_tuple_new(3));
    pab_tuple_set_item(worker, RESULTS, pab_must(pab_list_new(0)));
    pab_tuple_set_item(worker, TOTALS, pab_must(pab_dict_new()));
    pab_tuple_set_item(worker, OUTPUT, pab_must(pab_bytearray_from_string("", 0)));
    return worker;
}

/* results.clear(); totals.clear(); del output[:] */
static void clear(struct pab_object *worker)
{
    pab_must_do(pab_list_clear(pab_tuple_get_item(worker, RESULTS)));
    pab_dict_clear(pab_tuple_get_item(worker, TOTALS));
    pab_must_do(pab_bytearray_resize(pab_tuple_get_item(worker, OUTPUT), 0));
}

/* What the last task left is read, then it makes room for the next. */
static void take_turn(struct container_reuse *w)
{
    uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
    struct pab_object *worker = pab_list_get_item(w->workers, index);
    note(w, (uint64_t)pab_list_size(pab_tuple_get_item(worker, RESULTS)));
    note(w, (uint64_t)pab_dict_size(pab_tuple_get_item(worker, TOTALS)));
    note(w, (uint64_t)pab_bytearray_size(pab_tuple_get_item(worker, OUTPUT)));
    if (w->py.params[REUSE] != 0) {
        clear(worker);
    } else {
        worker = new_worker();
        pab_list_set_item(w->workers, index, worker);
    }
    run_task(w, worker, draw_size(w));
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct container_reuse *w)
{
    w->workers = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *worker = new_worker();
        run_task(w, worker, draw_size(w));
        pab_list_push(w->workers, worker);
    }
}

/* workers[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct container_reuse *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->workers, w->py.params[LIVE], seed);
    pab_unbind(&w->workers);
}

static void container_reuse_body(struct pab_run *run)
{
    struct container_reuse *w = run->state;
    w->next_value = 100000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        take_turn(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status container_reuse_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct container_reuse));
    return PAB_OK;
}

const struct pab_workload pab_workload_container_reuse = {
    .name = "container_reuse",
    .summary = "lists, dicts and buffers that are cleared and refilled, or made anew",
    .models = "Workers that reuse their containers or do not. clear() frees the vector of a list "
              "and the key table of a dict and keeps their heads, for which there are free lists "
              "anyway; a cut bytearray keeps its buffer down to a half (CPython 3.11, "
              "Objects/listobject.c, dictobject.c, bytearrayobject.c). The sizes of tasks are our "
              "choice, not measured.",
    .unit = "one item put into a container",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = container_reuse_params,
    .setup = container_reuse_setup,
    .body = container_reuse_body,
};
