/* workloads/scale.c -- the same work on few objects and on very many: what does size itself cost?
 *
 * A list of `live` records; then as many are picked at random, read and made anew, and the list is
 * given up. The work for one record is always the same, so what one operation costs would not
 * depend on `live`, were it not for caches, page tables, the allocator's own records (arenas,
 * spans, bins) and the collector, whose full collections visit all that lives (CPython 3.11,
 * Modules/gcmodule.c: only when a quarter has come anew). Half of the records are ints and
 * floats, which it does not track, half are tuples of an int and a str.
 *
 *   run -w scale -p scale.live=10000,100000,1000000     one cell each, and so a curve
 *
 * A record takes 65 bytes and its place in the list 8: 10^8 need some 8 GiB.
 *
 * An operation is one record made or read.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, CHURN };

static const struct pab_param scale_params[] = {
    {"live", "records kept", "records", 12000, 700000, 64, 1000000000},
    {"churn", "records read and made anew, of 1000 that are kept", "records", 2000, 1000, 0,
     1000000},
    {0},
};

struct scale {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *records, *names;
};

#define NAMES 64u

static struct pab_object *new_record(struct scale *w)
{
    int64_t value = 1000 + w->next_value++;
    w->py.ops++;
    switch (pab_rng_below(&w->py.rng, 4)) {
    case 0:
        return pab_must(pab_float_from_double((double)value));
    case 1:
        return pab_int(value);
    default:
        break;
    }
    struct pab_object *number = pab_int(value);
    struct pab_object *name = pab_list_get_item(w->names, value % NAMES);
    struct pab_object *record = pab_must(pab_tuple_pack(2, number, name));
    pab_decref(number);
    return record;
}

/* What a record holds, whatever it is: both ways of reading touch it and what it refers to. */
static uint64_t value_of(struct pab_object *record)
{
    return (uint64_t)pab_object_hash(record);
}

/* for _ in range(n): i = randrange(len(records)); total += records[i]; records[i] = new() */
static void churn(struct scale *w)
{
    uint64_t live = w->py.params[LIVE];
    uint64_t count = live / 1000 * w->py.params[CHURN] + live % 1000 * w->py.params[CHURN] / 1000;
    uint64_t total = 0;
    for (; count > 0; count--) {
        uint32_t index = pab_rng_below(&w->py.rng, (uint32_t)live);
        total += value_of(pab_list_get_item(w->records, index));
        pab_list_set_item(w->records, index, new_record(w));
        w->py.ops++;
    }
    w->py.sum = pab_checksum_add(w->py.sum, total);
}

/* records[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct scale *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[LIVE], seed);
    uint32_t index;
    uint64_t total = 0;
    for (uint64_t left = w->py.params[LIVE] * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        total += value_of(pab_list_get_item(w->records, index));
        pab_list_set_item(w->records, index, pab_new_ref(pab_none()));
        w->py.ops++;
    }
    w->py.sum = pab_checksum_add(w->py.sum, total);
    pab_unbind(&w->records);
    pab_unbind(&w->names);
}

static void scale_body(struct pab_run *run)
{
    struct scale *w = run->state;
    w->next_value = 0;
    pab_program_begin(&w->py, run);
    w->names = pab_must(pab_list_new(0));
    for (unsigned i = 0; i < NAMES; i++) {
        char text[24];
        int length = snprintf(text, sizeof(text), "name%u", i);
        pab_list_push(w->names, pab_must(pab_unicode_from_ascii(text, length)));
    }
    w->records = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < run->params[LIVE]; i++) {
        pab_list_push(w->records, new_record(w));
    }
    pab_run_phase(run, PAB_PHASE_STEADY);
    churn(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status scale_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct scale));
    return PAB_OK;
}

const struct pab_workload pab_workload_scale = {
    .name = "scale",
    .summary = "records made, read and replaced at random, few or very many of them",
    .models = "Programs that hold 10^4 to 10^8 objects: what caches, page tables, the allocator's "
              "own records and full collections cost for each as their number grows. Ints, "
              "floats and tuples; the work for one is always the same.",
    .unit = "one record made or read",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = scale_params,
    .setup = scale_setup,
    .body = scale_body,
};
