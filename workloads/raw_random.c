/* workloads/raw_random.c -- blocks replaced at random, straight through the object domain.
 *
 * No object, no collector: what is timed is the allocator, one indirect call a request and the
 * bytes that any owner would touch. It shows the floor (tests/bench/floor.c), allows to compare
 * pymalloc with CPython's own in a shared libpython, and finds where an allocator leaves the
 * caches, as `live` grows from a thousand blocks to ten million.
 *
 * Each block's first word holds a tag, its last word too; the first is read back before the block
 * is given up, so a block that was handed out twice changes the checksum.
 */
#include "workloads/pyobj/pyobj.h"
#include "workloads/support/inputs.h"
#include "workloads/support/replacements.h"
#include "workloads/support/rng.h"
#include "workloads/workload.h"

#include <string.h>

enum { LIVE, STEPS };

static const struct pab_param raw_random_params[] = {
    {"live", "blocks held", "blocks", 20000, 800000, 1000, 10000000},
    {"steps", "blocks replaced in the steady phase", "blocks", 150000, 2000000, 1000, 500000000},
    {0},
};

struct raw_random {
    struct pab_replacements replacements;
    void **slots;
};

static inline void *take(const struct pab_alloc *obj, size_t size, uint64_t tag)
{
    unsigned char *block = obj->malloc(obj->ctx, size);
    if (__builtin_expect(block == NULL, 0)) {
        pab_py_out_of_memory();
    }
    memcpy(block + size - sizeof(tag), &tag, sizeof(tag));
    memcpy(block, &tag, sizeof(tag));
    return block;
}

static inline uint64_t give(const struct pab_alloc *obj, void *block)
{
    uint64_t tag;
    memcpy(&tag, block, sizeof(tag));
    obj->free(obj->ctx, block);
    return tag;
}

static void build(struct raw_random *w, const struct pab_alloc *obj)
{
    const struct pab_replacements *r = &w->replacements;
    for (uint32_t slot = 0; slot < r->live; slot++) {
        uint32_t request = r->build[slot];
        w->slots[slot] = take(obj, r->sizes[pab_replacement_class(request)], request);
    }
}

static uint64_t steady(struct raw_random *w, const struct pab_alloc *obj)
{
    const struct pab_replacements *r = &w->replacements;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < r->count; i++) {
        uint32_t request = r->steady[i];
        void **slot = &w->slots[pab_replacement_slot(request)];
        sum += give(obj, *slot);
        *slot = take(obj, r->sizes[pab_replacement_class(request)], request + i);
    }
    return sum;
}

/* Three quarters in random order, then what is left from the first slot to the last. */
static uint64_t drain(struct raw_random *w, const struct pab_alloc *obj)
{
    const struct pab_replacements *r = &w->replacements;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->live / 4 * 3; i++) {
        void **slot = &w->slots[r->drain[i]];
        sum += give(obj, *slot);
        *slot = NULL;
    }
    for (uint32_t i = 0; i < r->live; i++) {
        if (w->slots[i] != NULL) {
            sum = pab_checksum_add(sum, give(obj, w->slots[i]));
            w->slots[i] = NULL;
        }
    }
    return sum;
}

static void raw_random_body(struct pab_run *run)
{
    struct raw_random *w = run->state;
    const struct pab_alloc *obj = &run->heap->domain[PAB_DOMAIN_OBJ];
    pab_run_phase(run, PAB_PHASE_BUILD);
    build(w, obj);
    pab_run_phase(run, PAB_PHASE_STEADY);
    uint64_t sum = steady(w, obj);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    run->checksum = pab_checksum_add(sum, drain(w, obj));
    pab_run_phase(run, PAB_PHASE_END);
}

static enum pab_status raw_random_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct raw_random *w = pab_inputs_take(run->inputs, sizeof(*w));
    pab_replacements_draw(&w->replacements, (uint32_t)run->params[LIVE], run->params[STEPS],
                          run->seed, run->inputs);
    w->slots = pab_inputs_take(run->inputs, run->params[LIVE] * sizeof(*w->slots));
    run->state = w;
    run->op_count = 2 * (run->params[LIVE] + run->params[STEPS]);
    return PAB_OK;
}

const struct pab_workload pab_workload_raw_random = {
    .name = "raw_random",
    .summary = "blocks of Python-like sizes replaced at random, without the object model",
    .models = "The object domain of CPython 3.11 alone: sizes are the quantiles of 9.6 million "
              "requests of four programs, measured through PyMem_SetAllocator. The order is not "
              "Python's: every block is equally likely to go next.",
    .unit = "one malloc or free",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .params = raw_random_params,
    .setup = raw_random_setup,
    .body = raw_random_body,
};
