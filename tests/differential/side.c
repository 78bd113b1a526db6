/* tests/differential/side.c -- what both sides do alike. See side.h.
 *
 * Linked with --wrap for two functions, on both sides. A class is no object of ours and a cycle of
 * several objects of CPython's, whose type machinery asks for memory in ways that pyobj does not
 * model. So while a class is made the trace pauses; and classes, with what only they hold, go after
 * the last event, whenever the program itself lets go of them.
 */
#include "tests/differential/side.h"

#include "workloads/pyobj/pyobj.h"
#include "workloads/support/inputs.h"

#include <string.h>

#define CLASSES_MAX 64

struct pab_object *real_class_new(const char *name, const char *const *slots,
                                  pab_finalizer finalizer) __asm__("__real_pab_class_new");
struct pab_object *wrap_class_new(const char *name, const char *const *slots,
                                  pab_finalizer finalizer) __asm__("__wrap_pab_class_new");
void real_py_stop(void) __asm__("__real_pab_py_stop");
void wrap_py_stop(void) __asm__("__wrap_pab_py_stop");

static struct {
    struct trace *trace;
    void *storage;
    struct pab_object *classes[CLASSES_MAX];
    size_t class_count;
} side;

struct pab_object *wrap_class_new(const char *name, const char *const *slots,
                                  pab_finalizer finalizer)
{
    trace_pause(side.trace, true);
    struct pab_object *class_object = real_class_new(name, slots, finalizer);
    trace_pause(side.trace, false);
    PAB_CHECK(class_object != NULL && side.class_count < CLASSES_MAX);
    side.classes[side.class_count++] = pab_new_ref(class_object);
    return class_object;
}

static void note_collector(struct trace *trace)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        struct pab_gc_stats stats = pab_py_gc_stats(i);
        trace_note(trace, "count", pab_py_gc_count().count[i]);
        trace_note(trace, "collections", (int64_t)stats.collections);
        trace_note(trace, "collected", (int64_t)stats.collected);
        trace_note(trace, "uncollectable", (int64_t)stats.uncollectable);
    }
}

void wrap_py_stop(void)
{
    note_collector(side.trace);
    trace_note(side.trace, "last collection", pab_py_collect(PAB_GC_GENERATIONS - 1));
    note_collector(side.trace);
    trace_pause(side.trace, true);
    while (side.class_count > 0) {
        pab_decref(side.classes[--side.class_count]);
    }
    real_py_stop();
    trace_note(side.trace, "blocks left", (int64_t)side.trace->block_count);
}

static enum pab_status open_side(struct trace *trace, struct pab_error *err)
{
    struct pab_alloc tables[PAB_DOMAIN_COUNT];
    enum pab_status status = side_tables(tables, err);
    if (status == PAB_OK) {
        trace_init(trace, tables);
        size_t bytes = (pab_py_storage_bytes() + 15) / 16 * 16;
        side.storage = aligned_alloc(16, bytes);
        PAB_CHECK(side.storage != NULL);
    }
    return status;
}

static void run_steps(struct trace *trace, const struct step *steps, size_t count)
{
    side.trace = trace;
    differential_suite.run(steps, count, trace, side.storage);
}

static bool is_choice(const struct pab_param *param)
{
    return strcmp(param->unit, PAB_PARAM_WAYS) == 0;
}

bool side_has_ways(const struct pab_workload *workload)
{
    const struct pab_param *param = workload->params;
    while (param != NULL && param->name != NULL && !is_choice(param)) {
        param++;
    }
    return param != NULL && param->name != NULL;
}

static uint64_t value_of(const struct pab_param *param, enum side_params params)
{
    if (params == SIDE_MEMORY && param->memory_value != 0) {
        return param->memory_value;
    }
    return params == SIDE_OTHER_WAYS && is_choice(param) ? !param->value : param->value;
}

static void run_workload(struct trace *trace, const char *name, enum side_params which)
{
    const struct pab_workload *workload = pab_workload_find(name);
    struct pab_error err;
    struct pab_inputs inputs;
    uint64_t params[PAB_PARAMS_MAX] = {0};
    PAB_CHECK(workload != NULL);
    for (size_t i = 0; workload->params != NULL && workload->params[i].name != NULL; i++) {
        params[i] = value_of(&workload->params[i], which);
    }
    PAB_CHECK(pab_inputs_init(&inputs, (size_t)4 << 30, &err) == PAB_OK);
    struct pab_run run = {.heap = &trace->heap, .inputs = &inputs, .seed = 1, .params = params};
    side.trace = trace;
    if (workload->setup != NULL) {
        PAB_CHECK(workload->setup(&run, &err) == PAB_OK);
    }
    workload->body(&run);
    trace_note(trace, "checksum", (int64_t)run.checksum);
    trace_note(trace, "operations", (int64_t)run.op_count);
    pab_inputs_fini(&inputs);
}

__attribute__((visibility("default"))) const struct side *differential_side(void)
{
    static struct side this_side = {
        .suite = &differential_suite,
        .open = open_side,
        .run = run_steps,
        .run_workload = run_workload,
    };
    this_side.name = side_name();
    return &this_side;
}

struct trace *side_trace(void)
{
    return side.trace;
}
