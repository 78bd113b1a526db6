/* workloads/generators.c -- data that passes through generators, or through lists.
 *
 * `sum(parse(line) for line in lines)` and `sum([parse(line) for line in lines])` give the same.
 * The first keeps one value alive at a time; it costs a generator, which holds its frame (224 bytes
 * for two arguments and one loop in CPython 3.11; Objects/genobject.c), and an iterator of 48. The
 * second makes a list that grows step by step and holds all values until it is dropped. The
 * parameter `lists` chooses; the program and its results are the same.
 *
 * The body keeps `live` readers, each an iterator over the parsed records of a source of its own,
 * and takes a few values from one after another, as tasks take turns. A reader that is at its end
 * is replaced. Between that whole pipelines of one to three stages are summed up.
 *
 *   source [int ...] --parse--> (id, weight) --pass--> ... --> read, or summed up
 *
 * An operation is one value that a stage gives.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, LISTS, PIPELINES };

static const struct pab_param generators_params[] = {
    {"live", "readers that are under way", "readers", 700, 40000, 16, 10000000},
    {"steps", "turns of the steady phase", "turns", 2000, 40000, 16, 100000000},
    {"lists", "whether each stage makes a list in place of a generator", PAB_PARAM_WAYS, 0, 0, 0,
     1},
    {"pipelines", "share of turns that sum up a whole pipeline", "1/1000", 50, 0, 0, 1000},
    {0},
};

#define SOURCE_LENGTH   48u  /* records of a reader's source, at most; half of it on average */
#define PIPELINE_LENGTH 512u /* records of a pipeline's source, at most */

struct generators {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *readers, *parse, *pass;
};

/* A function is given nothing but the item: the body that runs in this thread. */
static _Thread_local struct generators *current;

static uint32_t below(struct generators *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct generators *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* --- the stages ------------------------------------------------------------------------------ */

/* def parse(item): return (item, 0.5 * item) */
static struct pab_object *parse_item(struct pab_object *self, struct pab_object *item)
{
    (void)self;
    current->py.ops++;
    double weight = 0.5 * (double)pab_long_as_int64(item);
    struct pab_object *half = pab_must(pab_float_from_double(weight));
    struct pab_object *record = pab_must(pab_tuple_pack(2, item, half));
    pab_decref(half);
    return record;
}

/* def pass_on(record): return (record[0] + 1, record[1]) */
static struct pab_object *pass_item(struct pab_object *self, struct pab_object *item)
{
    (void)self;
    current->py.ops++;
    struct pab_object *one = pab_int(1);
    struct pab_object *next = pab_must(pab_long_add(pab_tuple_get_item(item, 0), one));
    pab_decref(one);
    struct pab_object *record = pab_must(pab_tuple_pack(2, next, pab_tuple_get_item(item, 1)));
    pab_decref(next);
    return record;
}

/* for item in items: the next one, or NULL */
static struct pab_object *next_of(struct pab_object *iterator)
{
    struct pab_object *value = NULL;
    if (pab_iterator_next(iterator, &value) < 0) {
        pab_py_out_of_memory();
    }
    return value;
}

/* [function(item) for item in items] */
static struct pab_object *map_to_list(pab_callback function, struct pab_object *items)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    struct pab_object *iterator = pab_must(pab_object_iter(items));
    struct pab_object *item = NULL;
    struct pab_object *next;
    while ((next = next_of(iterator)) != NULL) {
        pab_store(&item, next);
        pab_list_push(list, function(NULL, item));
    }
    pab_decref(iterator);
    pab_xdecref(item);
    return list;
}

/* One stage behind `items`, which it takes. */
static struct pab_object *stage(struct generators *w, pab_callback function,
                                struct pab_object *items)
{
    struct pab_object *callable = function == parse_item ? w->parse : w->pass;
    struct pab_object *made = w->py.params[LISTS] != 0
                                  ? map_to_list(function, items)
                                  : pab_must(pab_generator_new(callable, items));
    pab_decref(items);
    return made;
}

/* --- readers and pipelines ------------------------------------------------------------------- */

/* At least one record, so that a reader has a beginning. */
static struct pab_object *new_source(struct generators *w, uint32_t bound)
{
    struct pab_object *source = pab_must(pab_list_new(0));
    for (uint32_t left = 1 + below(w, bound); left > 0; left--) {
        pab_list_push(source, pab_int(w->next_value++));
    }
    return source;
}

/* iter(parse(item) for item in source) */
static struct pab_object *new_reader(struct generators *w)
{
    struct pab_object *items = stage(w, parse_item, new_source(w, SOURCE_LENGTH));
    struct pab_object *reader = pab_must(pab_object_iter(items));
    pab_decref(items);
    return reader;
}

static void note_record(struct generators *w, struct pab_object *record)
{
    note(w, (uint64_t)pab_long_as_int64(pab_tuple_get_item(record, 0)));
    note(w, (uint64_t)pab_float_as_double(pab_tuple_get_item(record, 1)));
}

/* Takes up to `count` values; false: the reader was at its end. */
static bool read_some(struct generators *w, struct pab_object *reader, uint32_t count)
{
    struct pab_object *record = NULL;
    struct pab_object *next = NULL;
    for (; count > 0 && (next = next_of(reader)) != NULL; count--) {
        pab_store(&record, next);
        note_record(w, record);
        w->py.ops++;
    }
    pab_xdecref(record);
    return count == 0;
}

static void take_turn(struct generators *w)
{
    uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
    struct pab_object *reader = pab_list_get_item(w->readers, index);
    if (!read_some(w, reader, 1 + below(w, 6))) {
        pab_list_set_item(w->readers, index, new_reader(w));
    }
}

/* sum(weight for id, weight in pass_on(... parse(source))) */
static void sum_up(struct generators *w)
{
    struct pab_object *items = stage(w, parse_item, new_source(w, PIPELINE_LENGTH));
    for (uint32_t left = below(w, 3); left > 0; left--) {
        items = stage(w, pass_item, items);
    }
    struct pab_object *iterator = pab_must(pab_object_iter(items));
    pab_decref(items);
    struct pab_object *total = pab_must(pab_float_from_double(0));
    struct pab_object *record = NULL;
    struct pab_object *next;
    while ((next = next_of(iterator)) != NULL) {
        pab_store(&record, next);
        double weight = pab_float_as_double(pab_tuple_get_item(record, 1));
        pab_store(&total, pab_must(pab_float_from_double(pab_float_as_double(total) + weight)));
        w->py.ops++;
    }
    pab_decref(iterator);
    pab_xdecref(record);
    note(w, (uint64_t)pab_float_as_double(total));
    pab_decref(total);
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct generators *w)
{
    w->parse = pab_must(pab_function_new(parse_item, NULL));
    w->pass = pab_must(pab_function_new(pass_item, NULL));
    w->readers = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *reader = new_reader(w);
        read_some(w, reader, 1);
        pab_list_push(w->readers, reader);
    }
}

static void steady(struct generators *w)
{
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        if (below(w, 1000) < w->py.params[PIPELINES]) {
            sum_up(w);
        } else {
            take_turn(w);
        }
    }
}

/* All readers are read to their end, in scattered order: an unfinished one would be closed. */
static void drain(struct generators *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[LIVE], seed);
    uint32_t index;
    while (pab_scatter_next(&scatter, &index)) {
        read_some(w, pab_list_get_item(w->readers, index), UINT32_MAX);
        pab_list_set_item(w->readers, index, pab_new_ref(pab_none()));
    }
    pab_unbind(&w->readers);
    pab_unbind(&w->pass);
    pab_unbind(&w->parse);
}

static void generators_body(struct pab_run *run)
{
    struct generators *w = run->state;
    current = w;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status generators_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct generators));
    return PAB_OK;
}

const struct pab_workload pab_workload_generators = {
    .name = "generators",
    .summary = "records that pass through generators one by one, or through lists at once",
    .models = "Pipelines over records. A generator is one block with its frame, 224 bytes for two "
              "arguments and a loop, and holds one value at a time (CPython 3.11, "
              "Objects/genobject.c); a list in its place grows by an eighth and holds all. Sources "
              "are of even length distribution; that and the turns are our choice, not measured.",
    .unit = "one value that a stage gives",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = generators_params,
    .setup = generators_setup,
    .body = generators_body,
};
