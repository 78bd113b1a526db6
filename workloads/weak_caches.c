/* workloads/weak_caches.c -- a cache that does not keep its values alive, and values with finalizers.
 *
 * A cache of documents, pictures or database rows often holds weak references, so that a value
 * lives as long as somebody uses it: a dict from key to weakref.ref(value, callback), whose callback
 * takes the key out again. In CPython 3.11 each entry costs a weak reference of 80 bytes and, for a
 * callback that knows its key, a function or closure (here one of 72), beside the dict's own; a
 * value that dies makes all of them go at once, in the middle of whatever dropped it
 * (Objects/weakrefobject.c). Values with a __del__ run code at that moment (PEP 442), and values in
 * cycles wait for the collector, where look-ups may still find and revive them.
 *
 * The body keeps `live` handles on values, draws keys, a few of them most often, looks each up in
 * the cache, loads what is not there, and lets the value take the place of an old handle.
 *
 * An operation is one look-up, one value loaded, or one entry that goes.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, FINALIZED, CYCLIC };

static const struct pab_param weak_caches_params[] = {
    {"live", "handles on values", "handles", 2000, 95000, 16, 10000000},
    {"steps", "look-ups of the steady phase", "look-ups", 9000, 100000, 16, 100000000},
    {"finalized", "share of values with a finalizer", "1/1000", 250, 0, 0, 1000},
    {"cyclic", "share of values that are part of a cycle", "1/1000", 100, 0, 0, 1000},
    {0},
};

#define PAYLOAD_BYTES 400u /* of a value, at most; a quarter of it on average */

enum name { KEY, DATA, PART, OWNER, NAME_COUNT };

static const char *const name_texts[NAME_COUNT] = {"key", "data", "part", "owner"};

struct weak_caches {
    struct pab_program py;
    char payload[PAYLOAD_BYTES]; /* as it comes from a file */
    /* Reset at the start of each body: */
    struct pab_object *cache, *handles;
    struct pab_object *names[NAME_COUNT];
    struct pab_object *value_class, *closing_class, *part_class;
};

/* Callbacks and finalizers are given their object alone: the body that runs in this thread. */
static _Thread_local struct weak_caches *current;

static uint32_t below(struct weak_caches *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct weak_caches *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static uint64_t key_of(struct weak_caches *w, struct pab_object *value)
{
    struct pab_object *key = pab_must(pab_object_get_attr(value, w->names[KEY]));
    uint64_t number = (uint64_t)pab_long_as_int64(key);
    pab_decref(key);
    return number;
}

/* --- what happens when a value goes ---------------------------------------------------------- */

/* def __del__(self): reads what it closes */
static void close_value(struct pab_object *self)
{
    note(current, key_of(current, self));
    current->py.ops++;
}

/* def forget(key, ref): if cache.get(key) is ref: del cache[key]. Another value may have come. */
static struct pab_object *forget(struct pab_object *key, struct pab_object *ref)
{
    struct weak_caches *w = current;
    if (w->cache != NULL && pab_dict_get_item(w->cache, key) == ref) {
        pab_must_do(pab_dict_del_item(w->cache, key));
        note(w, (uint64_t)pab_long_as_int64(key));
        w->py.ops++;
    }
    return pab_new_ref(pab_none());
}

/* --- values ---------------------------------------------------------------------------------- */

static void set(struct weak_caches *w, struct pab_object *self, enum name name,
                struct pab_object *value)
{
    pab_must_do(pab_object_set_attr(self, w->names[name], value));
}

/* value.part = Part(); value.part.owner = value */
static void tie(struct weak_caches *w, struct pab_object *value)
{
    struct pab_object *part = pab_must(pab_instance_new(w->part_class));
    set(w, part, OWNER, value);
    set(w, value, PART, part);
    pab_decref(part);
}

/* Value(key, data) */
static struct pab_object *load(struct weak_caches *w, struct pab_object *key)
{
    bool closing = below(w, 1000) < w->py.params[FINALIZED];
    bool cyclic = below(w, 1000) < w->py.params[CYCLIC];
    uint32_t bytes = below(w, 1 + below(w, PAYLOAD_BYTES));
    struct pab_object *value =
        pab_must(pab_instance_new(closing ? w->closing_class : w->value_class));
    set(w, value, KEY, key);
    struct pab_object *data = pab_must(pab_bytes_from_string(w->payload, (pab_ssize)bytes));
    set(w, value, DATA, data);
    pab_decref(data);
    if (cyclic) {
        tie(w, value);
    }
    w->py.ops++;
    return value;
}

/* cache[key] = weakref.ref(value, partial(forget, key)) */
static void enter(struct weak_caches *w, struct pab_object *key, struct pab_object *value)
{
    struct pab_object *callback = pab_must(pab_function_new(forget, key));
    struct pab_object *ref = pab_must(pab_weakref_new(value, callback));
    pab_decref(callback);
    pab_must_do(pab_dict_set_item(w->cache, key, ref));
    pab_decref(ref);
}

/* ref = cache.get(key); value = ref and ref(); if value is None: it is loaded */
static struct pab_object *look_up(struct weak_caches *w, struct pab_object *key)
{
    struct pab_object *ref = pab_dict_get_item(w->cache, key);
    w->py.ops++;
    if (ref != NULL && pab_weakref_get(ref) != pab_none()) {
        struct pab_object *value = pab_new_ref(pab_weakref_get(ref));
        note(w, key_of(w, value));
        return value;
    }
    struct pab_object *value = load(w, key);
    enter(w, key, value);
    return value;
}

/* Low keys most often: the product of two uniform draws, over four times as many as are kept. */
static struct pab_object *draw_value(struct weak_caches *w)
{
    struct pab_object *key = pab_int(below(w, 1 + below(w, 4 * (uint32_t)w->py.params[LIVE])));
    struct pab_object *value = look_up(w, key);
    pab_decref(key);
    return value;
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct weak_caches *w)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        w->names[i] = pab_name(name_texts[i]);
    }
    w->value_class = pab_must(pab_class_new("Value", NULL, NULL));
    w->closing_class = pab_must(pab_class_new("ClosingValue", NULL, close_value));
    w->part_class = pab_must(pab_class_new("Part", NULL, NULL));
    w->cache = pab_must(pab_dict_new());
    w->handles = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->handles, draw_value(w));
    }
}

static void steady(struct weak_caches *w)
{
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        pab_list_set_item(w->handles, index, draw_value(w));
    }
}

/* handles[i] = None for three quarters in scattered order, then all the rest, then gc.collect():
 * the last entries of the cache go with the cycles. */
static void drain(struct weak_caches *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[LIVE], seed);
    uint32_t index;
    for (uint64_t left = w->py.params[LIVE] * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        pab_list_set_item(w->handles, index, pab_new_ref(pab_none()));
    }
    pab_unbind(&w->handles);
    note(w, (uint64_t)pab_py_collect(PAB_GC_GENERATIONS - 1));
    PAB_CHECK(pab_dict_size(w->cache) == 0);
    pab_unbind(&w->cache);
    pab_unbind(&w->part_class);
    pab_unbind(&w->closing_class);
    pab_unbind(&w->value_class);
    for (int i = 0; i < NAME_COUNT; i++) {
        pab_unbind(&w->names[i]);
    }
}

static void weak_caches_body(struct pab_run *run)
{
    struct weak_caches *w = run->state;
    current = w;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status weak_caches_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct weak_caches *w = pab_program_new(run, sizeof(*w));
    for (uint32_t i = 0; i < PAYLOAD_BYTES; i++) {
        w->payload[i] = (char)i;
    }
    return PAB_OK;
}

const struct pab_workload pab_workload_weak_caches = {
    .name = "weak_caches",
    .summary = "a cache of weak references with callbacks, values with finalizers",
    .models =
        "A cache that keeps no value alive. An entry is a weak reference of 80 bytes and its "
        "callback of 72 (CPython 3.11, Objects/weakrefobject.c, methodobject.c); a value that "
        "dies calls it, and runs its finalizer before (PEP 442). Values in cycles go with a "
        "collection, callbacks first. Shares and sizes are our choice, not measured.",
    .unit = "one look-up, one value loaded, one entry that goes",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = weak_caches_params,
    .setup = weak_caches_setup,
    .body = weak_caches_body,
};
