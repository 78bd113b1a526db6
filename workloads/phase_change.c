/* workloads/phase_change.c -- a program whose objects change their sizes from one phase to the
 * next.
 *
 * A pool of pymalloc belongs to one size class until its last block is free (CPython 3.11,
 * Objects/obmalloc.c: 16 KiB, classes 16 bytes apart), and slabs of others are no different. A
 * program that loads records, then builds an index, then renders text asks for other classes each
 * time. If a little of each phase survives, its pools serve nobody else, and memory grows although
 * the program needs no more than before.
 *
 * Each phase makes records of its own size, `live` bytes of them together, uses them, and gives up
 * all but the share `kept` in scattered order. What it left is given up two phases later.
 *
 * An operation is one record made, read or given up.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, PHASES, KEPT };

static const struct pab_param phase_change_params[] = {
    {"live", "records of one phase", "bytes", 655360, 41943040, 65536, (uint64_t)1 << 40},
    {"phases", "phases after the first", "phases", 7, 0, 1, 10000},
    {"kept", "share of records that outlive their phase", "1/1000", 50, 0, 0, 1000},
    {0},
};

/* What the records of a phase take, drawn from a span of a few classes; one phase is of blocks that
 * no pool serves. */
static const struct shape {
    uint32_t least_bytes, most_bytes;
} shapes[] = {
    {48, 80}, {272, 320}, {112, 160}, {464, 512}, {80, 112}, {600, 1400}, {176, 240},
};

#define BYTES_HEAD 33u /* of a bytes object, with its last NUL */
#define GAP        2   /* phases after which what a phase left is given up */

struct phase_change {
    struct pab_program py;
    /* Reset at the start of each body: */
    struct pab_object *left[GAP]; /* lists of survivors, by phase */
    struct pab_object *records;
};

static void note(struct phase_change *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static struct pab_object *new_record(struct phase_change *w, const struct shape *shape,
                                     uint64_t *bytes)
{
    uint32_t span = shape->most_bytes - shape->least_bytes + 1;
    uint32_t size = shape->least_bytes + pab_rng_below(&w->py.rng, span);
    struct pab_object *record = pab_must(pab_bytes_from_string(NULL, (pab_ssize)size - BYTES_HEAD));
    memset(pab_bytes_as_string(record), (int)(size % 127), size - BYTES_HEAD);
    *bytes += size;
    w->py.ops++;
    return record;
}

/* records = [read(...) for _ in ...] */
static void load(struct phase_change *w, uint64_t phase)
{
    const struct shape *shape = &shapes[phase % ARRAY_COUNT(shapes)];
    w->records = pab_must(pab_list_new(0));
    for (uint64_t bytes = 0; bytes < w->py.params[LIVE];) {
        pab_list_push(w->records, new_record(w, shape, &bytes));
    }
}

/* for record in records: total += len(record); some are made anew */
static void use(struct phase_change *w, uint64_t phase)
{
    const struct shape *shape = &shapes[phase % ARRAY_COUNT(shapes)];
    pab_ssize count = pab_list_size(w->records);
    uint64_t total = 0;
    uint64_t bytes = 0;
    for (pab_ssize i = 0; i < count; i++) {
        struct pab_object *record = pab_list_get_item(w->records, i);
        total += (uint64_t)pab_bytes_size(record) + (uint64_t)pab_bytes_as_string(record)[0];
        if (i % 8 == 0) {
            pab_ssize at = (pab_ssize)pab_rng_below(&w->py.rng, (uint32_t)count);
            pab_list_set_item(w->records, at, new_record(w, shape, &bytes));
        }
        w->py.ops++;
    }
    note(w, total);
}

/* left = []; records are given up in scattered order, and now and then one is kept */
static void leave(struct phase_change *w, uint64_t phase)
{
    struct pab_object **left = &w->left[phase % GAP];
    pab_store(left, pab_must(pab_list_new(0)));
    struct pab_scatter scatter;
    uint32_t index;
    pab_scatter_init(&scatter, (uint64_t)pab_list_size(w->records), pab_rng_next(&w->py.rng));
    while (pab_scatter_next(&scatter, &index)) {
        if (pab_rng_below(&w->py.rng, 1000) < w->py.params[KEPT]) {
            pab_must_do(pab_list_append(*left, pab_list_get_item(w->records, index)));
        }
        pab_list_set_item(w->records, index, pab_new_ref(pab_none()));
        w->py.ops++;
    }
    note(w, (uint64_t)pab_list_size(*left));
    pab_unbind(&w->records);
}

static void phase_change_body(struct pab_run *run)
{
    struct phase_change *w = run->state;
    pab_program_begin(&w->py, run);
    load(w, 0);
    pab_run_phase(run, PAB_PHASE_STEADY);
    use(w, 0);
    for (uint64_t phase = 1; phase <= w->py.params[PHASES]; phase++) {
        leave(w, phase - 1);
        load(w, phase);
        use(w, phase);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    leave(w, w->py.params[PHASES]);
    for (int i = 0; i < GAP; i++) {
        pab_unbind(&w->left[i]);
    }
    pab_program_end(&w->py, run);
}

static enum pab_status phase_change_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct phase_change));
    return PAB_OK;
}

const struct pab_workload pab_workload_phase_change = {
    .name = "phase_change",
    .summary = "phases with records of other sizes, of which a little survives each",
    .models = "Programs that load, then index, then render: what one size class gave back is no "
              "use to the next as long as something lives in its pools (CPython 3.11, "
              "Objects/obmalloc.c: a pool is of one class until it is empty). Sizes, shares and "
              "the number of phases are our choice, not measured.",
    .unit = "one record made, read or given up",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = phase_change_params,
    .setup = phase_change_setup,
    .body = phase_change_body,
};
