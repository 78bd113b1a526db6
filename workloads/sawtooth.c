/* workloads/sawtooth.c -- memory that grows and is given up again and again.
 *
 * Batch jobs, reports, requests with large answers: each makes much, then drops all but a little.
 * What an allocator does with what came back decides the next tooth: pymalloc keeps free pools and
 * gives back an arena only when it is empty (CPython 3.11, Objects/obmalloc.c), others purge by the
 * clock or by their caches' bounds, and ask the kernel for the same pages anew.
 *
 * Each tooth makes `live` rows, tuples of an int, a float and a str, as a query's result has
 * them, and drops all but `floor` of them: the first tooth newest first, the second oldest
 * first, the third scattered, and so on.
 *
 * An operation is one row made or given up.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, TEETH, FLOOR };

static const struct pab_param sawtooth_params[] = {
    {"live", "rows at the tip of a tooth", "rows", 4000, 220000, 64, 100000000},
    {"teeth", "teeth after the first", "teeth", 5, 0, 1, 100000},
    {"floor", "share of rows that outlive a tooth", "1/1000", 100, 0, 0, 1000},
    {0},
};

struct sawtooth {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *rows;
};

static void note(struct sawtooth *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* (id, amount, name) */
static struct pab_object *new_row(struct sawtooth *w)
{
    int64_t value = 1000 + w->next_value++;
    struct pab_object *id = pab_int(value);
    struct pab_object *amount = pab_must(pab_float_from_double((double)value * 0.5));
    uint32_t length = 4 + pab_rng_below(&w->py.rng, 28);
    struct pab_object *name =
        pab_must(pab_unicode_from_ascii("a name as it stands in some database", (pab_ssize)length));
    struct pab_object *row = pab_must(pab_tuple_pack(3, id, amount, name));
    pab_decref(name);
    pab_decref(amount);
    pab_decref(id);
    w->py.ops++;
    return row;
}

/* rows.append(...) up to the tip; then total = sum(row[1] for row in rows) */
static void grow(struct sawtooth *w)
{
    for (uint64_t count = (uint64_t)pab_list_size(w->rows); count < w->py.params[LIVE]; count++) {
        pab_list_push(w->rows, new_row(w));
    }
    double total = 0.0;
    uint64_t letters = 0;
    for (pab_ssize i = 0; i < pab_list_size(w->rows); i++) {
        struct pab_object *row = pab_list_get_item(w->rows, i);
        total += pab_float_as_double(pab_tuple_get_item(row, 1));
        letters += (uint64_t)pab_unicode_length(pab_tuple_get_item(row, 2));
    }
    note(w, (uint64_t)total);
    note(w, letters);
}

/* kept = []; every so many rows outlive the others */
static struct pab_object *pick_kept(struct sawtooth *w)
{
    struct pab_object *kept = pab_must(pab_list_new(0));
    for (pab_ssize i = 0; i < pab_list_size(w->rows); i++) {
        if (pab_rng_below(&w->py.rng, 1000) < w->py.params[FLOOR]) {
            pab_must_do(pab_list_append(kept, pab_list_get_item(w->rows, i)));
        }
    }
    return kept;
}

/* rows[i] = None in scattered order */
static void drop_scattered(struct sawtooth *w)
{
    struct pab_scatter scatter;
    uint32_t index;
    pab_scatter_init(&scatter, (uint64_t)pab_list_size(w->rows), pab_rng_next(&w->py.rng));
    while (pab_scatter_next(&scatter, &index)) {
        pab_list_set_item(w->rows, index, pab_new_ref(pab_none()));
    }
}

static void fall(struct sawtooth *w, uint64_t tooth)
{
    struct pab_object *kept = pick_kept(w);
    pab_ssize count = pab_list_size(w->rows);
    w->py.ops += (uint64_t)(count - pab_list_size(kept));
    if (tooth % 3 == 0) {
        while (pab_list_size(w->rows) > 0) { /* while rows: rows.pop() */
            pab_decref(pab_must(pab_list_pop(w->rows, -1)));
        }
    } else if (tooth % 3 == 1) {
        for (pab_ssize i = 0; i < count; i++) { /* for i in range(n): rows[i] = None */
            pab_list_set_item(w->rows, i, pab_new_ref(pab_none()));
        }
    } else {
        drop_scattered(w);
    }
    pab_store(&w->rows, kept);
}

static void sawtooth_body(struct pab_run *run)
{
    struct sawtooth *w = run->state;
    w->next_value = 0;
    pab_program_begin(&w->py, run);
    w->rows = pab_must(pab_list_new(0));
    grow(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t tooth = 0; tooth < w->py.params[TEETH]; tooth++) {
        fall(w, tooth);
        grow(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    fall(w, w->py.params[TEETH]);
    pab_unbind(&w->rows);
    pab_program_end(&w->py, run);
}

static enum pab_status sawtooth_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct sawtooth));
    return PAB_OK;
}

const struct pab_workload pab_workload_sawtooth = {
    .name = "sawtooth",
    .summary = "rows of query results that grow to a tip and go, again and again",
    .models = "Batch jobs and large answers, one after another: what an allocator keeps between "
              "them, and what it asks the kernel for again (CPython 3.11, Objects/obmalloc.c: an "
              "arena goes when its last pool is free). Rows are tuples of int, float and str; "
              "how many outlive a tooth is our choice, not measured.",
    .unit = "one row made or given up",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = sawtooth_params,
    .setup = sawtooth_setup,
    .body = sawtooth_body,
};
