/* workloads/pinned_survivors.c -- one object in each pool or arena stays, and keeps it from going.
 *
 * No block of CPython may be moved: its address is the object's identity. So what one long-lived
 * object lies in stays, however empty it is: a pool of 16 KiB for the other classes, an arena of
 * 1 MiB for the system (CPython 3.11, Objects/obmalloc.c; 4 KiB and 256 KiB before 3.10). Programs
 * get there by making something to keep (a cached result, a log line, an interned name) amid much
 * that goes.
 *
 * The body makes `live` records, of which every so many that `span` bytes lie between them is to
 * stay. The others go, in the order in which they came. Then as many bytes are asked for again
 * and a tenth more, in records of another size class, for which those pools are no use: that is
 * the peak, where the pass `waterfall` shows what is held for nobody (free_blocks_bytes).
 *
 *   span    16384: a pool of 3.11     1048576: an arena     0: none stays, for comparison
 *
 * An operation is one record made or given up.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, SPAN, SIZE };

static const struct pab_param pinned_survivors_params[] = {
    {"live", "records made at first", "records", 20000, 300000, 64, 100000000},
    {"span", "distance of the records that stay; 0: none does", "bytes", 16384, 0, 0, 1073741824},
    {"size", "one record; later ones have 112 more", "bytes", 144, 0, 48, 400},
    {0},
};

#define BYTES_HEAD 33u  /* of a bytes object, with its last NUL */
#define OTHER_MORE 112u /* bytes: seven classes on */

struct pinned_survivors {
    struct pab_program py;
    /* Reset at the start of each body: */
    struct pab_object *records, *others;
};

static void note(struct pinned_survivors *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* bytes([seed]) * n: sizes differ by less than a class. */
static struct pab_object *new_record(struct pinned_survivors *w, uint64_t size)
{
    uint32_t shorter = pab_rng_below(&w->py.rng, 8);
    pab_ssize length = (pab_ssize)(size - BYTES_HEAD - shorter);
    struct pab_object *record = pab_must(pab_bytes_from_string(NULL, length));
    memset(pab_bytes_as_string(record), (int)(shorter + 1), (size_t)length);
    w->py.ops++;
    return record;
}

/* records = [new() for _ in range(n)] */
static struct pab_object *make(struct pinned_survivors *w, uint64_t count, uint64_t size)
{
    struct pab_object *records = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < count; i++) {
        pab_list_push(records, new_record(w, size));
    }
    return records;
}

/* True for the records that stay: the first that begins in each span. */
static bool is_pinned(const struct pinned_survivors *w, uint64_t index)
{
    uint64_t span = w->py.params[SPAN];
    uint64_t size = w->py.params[SIZE];
    return span != 0 && index * size % span < size;
}

/* for i, record in enumerate(records): if not to_keep(record): records[i] = None */
static void give_up(struct pinned_survivors *w)
{
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        if (!is_pinned(w, i)) {
            pab_list_set_item(w->records, (pab_ssize)i, pab_new_ref(pab_none()));
            w->py.ops++;
        }
    }
}

static void read_all(struct pinned_survivors *w, struct pab_object *records)
{
    uint64_t total = 0;
    for (pab_ssize i = 0; i < pab_list_size(records); i++) {
        struct pab_object *record = pab_list_get_item(records, i);
        if (record != pab_none()) {
            total += (uint64_t)pab_bytes_size(record) * (uint64_t)*pab_bytes_as_string(record);
        }
    }
    note(w, total);
}

/* others[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct pinned_survivors *w, uint64_t seed)
{
    struct pab_scatter scatter;
    uint64_t count = (uint64_t)pab_list_size(w->others);
    pab_scatter_init(&scatter, count, seed);
    uint32_t index;
    for (uint64_t left = count * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        pab_list_set_item(w->others, index, pab_new_ref(pab_none()));
        w->py.ops++;
    }
    pab_unbind(&w->others);
    pab_unbind(&w->records);
}

static void pinned_survivors_body(struct pab_run *run)
{
    struct pinned_survivors *w = run->state;
    uint64_t live_bytes = run->params[LIVE] * run->params[SIZE];
    uint64_t other_size = run->params[SIZE] + OTHER_MORE;
    pab_program_begin(&w->py, run);
    w->records = make(w, run->params[LIVE], run->params[SIZE]);
    pab_run_phase(run, PAB_PHASE_STEADY);
    read_all(w, w->records);
    give_up(w);
    w->others = make(w, (live_bytes + live_bytes / 10) / other_size, other_size);
    read_all(w, w->records);
    read_all(w, w->others);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status pinned_survivors_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct pinned_survivors));
    return PAB_OK;
}

const struct pab_workload pab_workload_pinned_survivors = {
    .name = "pinned_survivors",
    .summary = "one object in each pool or arena stays; then other sizes are asked for",
    .models = "Something to keep made amid much that goes. A block is never moved, so a pool of "
              "16 KiB stays with its class, and an arena of 1 MiB with the process, for one "
              "object (CPython 3.11, Objects/obmalloc.c). How many stay is the parameter; sizes "
              "are our choice.",
    .unit = "one record made or given up",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = pinned_survivors_params,
    .setup = pinned_survivors_setup,
    .body = pinned_survivors_body,
};
