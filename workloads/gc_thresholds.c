/* workloads/gc_thresholds.c -- the same garbage under one threshold of the collector or another.
 *
 * CPython 3.11 collects the youngest generation for each 701st net allocation of containers. A
 * lower threshold finds cycles sooner, and looks more often at objects that are still in use; a
 * higher one lets garbage pile up, which is memory, and pages that the allocator has to find; 0
 * never collects by itself (Modules/gcmodule.c; `gc.set_threshold`, which servers set to tens of
 * thousands; 3.13 has 2000). The parameter `threshold` sets it; requests to make objects are the
 * same for all, only the frees come at other times.
 *
 * The body acts out requests: each makes some records, of which a share is tied to cycles and a few
 * stay in a long-lived list of `live` ones, and is then done with the rest.
 *
 * An operation is one container made.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, THRESHOLD, CYCLIC, KEPT };

static const struct pab_param gc_thresholds_params[] = {
    {"live", "records that stay", "records", 2500, 90000, 16, 10000000},
    {"steps", "requests of the steady phase", "requests", 700, 8000, 16, 100000000},
    {"threshold", "of the youngest generation; 0: no collection by itself", "net allocations", 700,
     0, 0, 1000000000},
    {"cyclic", "share of records that are tied to a cycle", "1/1000", 300, 0, 0, 1000},
    {"kept", "share of records that stay in place of an old one", "1/1000", 100, 0, 0, 1000},
    {0},
};

#define RECORDS 16u /* of a request, at most; half of it on average */

struct gc_thresholds {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *live, *fields_name, *owner_name, *value_name;
};

static uint32_t below(struct gc_thresholds *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct gc_thresholds *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* record = {'value': k, 'fields': [k ...]}; in a cycle: record['fields'].append({'owner': record}) */
static struct pab_object *new_record(struct gc_thresholds *w)
{
    bool cyclic = below(w, 1000) < w->py.params[CYCLIC];
    struct pab_object *record = pab_must(pab_dict_new());
    pab_dict_store(record, pab_new_ref(w->value_name), pab_int(w->next_value++));
    struct pab_object *fields = pab_must(pab_list_new(0));
    for (uint32_t left = 1 + below(w, 8); left > 0; left--) {
        pab_list_push(fields, pab_int(w->next_value++));
    }
    if (cyclic) {
        struct pab_object *child = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(child, w->owner_name, record));
        pab_list_push(fields, child);
        w->py.ops++;
    }
    pab_dict_store(record, pab_new_ref(w->fields_name), fields);
    w->py.ops += 2;
    return record;
}

/* record['value'] + len(record['fields']) */
static uint64_t value_of(struct gc_thresholds *w, struct pab_object *record)
{
    return (uint64_t)pab_long_as_int64(pab_dict_get_item(record, w->value_name)) +
           (uint64_t)pab_list_size(pab_dict_get_item(record, w->fields_name));
}

/* records = [...]; total = sum(record['value'] ...); some stay; the rest goes with the request */
static void handle_request(struct gc_thresholds *w)
{
    struct pab_object *records = pab_must(pab_list_new(0));
    for (uint32_t left = 1 + below(w, RECORDS); left > 0; left--) {
        pab_list_push(records, new_record(w));
    }
    for (pab_ssize i = 0; i < pab_list_size(records); i++) {
        struct pab_object *record = pab_list_get_item(records, i);
        note(w, value_of(w, record));
        if (below(w, 1000) < w->py.params[KEPT]) {
            uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
            note(w, value_of(w, pab_list_get_item(w->live, index)));
            pab_list_set_item(w->live, index, pab_new_ref(record));
        }
    }
    pab_decref(records);
    w->py.ops++;
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct gc_thresholds *w)
{
    pab_py_gc_set_threshold((int)w->py.params[THRESHOLD], 10, 10);
    w->value_name = pab_name("value");
    w->fields_name = pab_name("fields");
    w->owner_name = pab_name("owner");
    w->live = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->live, new_record(w));
    }
}

/* live[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct gc_thresholds *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->live, w->py.params[LIVE], seed);
    pab_unbind(&w->live);
    pab_unbind(&w->owner_name);
    pab_unbind(&w->fields_name);
    pab_unbind(&w->value_name);
}

static void gc_thresholds_body(struct pab_run *run)
{
    struct gc_thresholds *w = run->state;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        handle_request(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status gc_thresholds_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct gc_thresholds));
    return PAB_OK;
}

const struct pab_workload pab_workload_gc_thresholds = {
    .name = "gc_thresholds",
    .summary = "the same garbage under one threshold of the collector or another",
    .models = "A service whose requests leave cycles behind. The youngest generation is collected "
              "when net allocations of containers pass the threshold (CPython 3.11, "
              "Modules/gcmodule.c: 700; gc.set_threshold()): a higher one trades memory for work. "
              "The shape of requests is our choice, not measured.",
    .unit = "one container made",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = gc_thresholds_params,
    .setup = gc_thresholds_setup,
    .body = gc_thresholds_body,
};
