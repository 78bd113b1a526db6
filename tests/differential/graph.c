/* tests/differential/graph.c -- the suite of graph.h: draws programs, runs them, notes all that can
 * be seen of the collector. */
#include "tests/differential/graph.h"

#include "workloads/support/rng.h"

#include <string.h>

enum { STEPS_LEAST = 20, STEPS_MOST = 160 };

struct graph graph;

/* --- drawing programs ----------------------------------------------------------------------- */

/* Parts of 256. */
struct share {
    uint8_t op, parts;
};

static const struct share shares[] = {
    {NEW_LIST, 12},     {NEW_DICT, 10},    {NEW_TUPLE, 12}, {NEW_SET, 6}, {NEW_INSTANCE, 34},
    {NEW_FUNCTION, 10}, {NEW_WEAKREF, 24}, {NEW_CHAIN, 3},  {CHURN, 8},   {LINK, 60},
    {UNLINK, 8},        {FOLLOW, 10},      {ALIAS, 6},      {DROP, 18},   {FORGET, 4},
    {CLEAR, 4},         {DICT_OF, 5},      {COLLECT, 12},   {ENABLE, 3},  {THRESHOLD, 3},
    {FREEZE, 2},        {UNFREEZE, 2},
};

static uint8_t draw_op(struct pab_rng *rng)
{
    int left = (int)pab_rng_below(rng, 256);
    size_t i = 0;
    while (i + 1 < ARRAY_COUNT(shares) && left >= shares[i].parts) {
        left -= shares[i++].parts;
    }
    return shares[i].op;
}

static uint8_t draw(struct pab_rng *rng, uint32_t bound)
{
    return (uint8_t)pab_rng_below(rng, bound);
}

static struct graph_step draw_step(struct pab_rng *rng, uint32_t variables)
{
    struct graph_step step = {.op = draw_op(rng)};
    step.into = draw(rng, variables);
    step.from = draw(rng, variables);
    step.place = draw(rng, 16);
    step.other = draw(rng, variables);
    step.action = draw(rng, 2) == 0 ? 0 : draw(rng, GRAPH_ACTIONS);
    return step;
}

/* In an action it is often the object itself that is stored, linked or referred to. */
static struct graph_step draw_action(struct pab_rng *rng, uint32_t variables)
{
    struct graph_step step = draw_step(rng, variables);
    uint8_t *const operands[] = {&step.from, &step.other};
    for (size_t i = 0; i < ARRAY_COUNT(operands); i++) {
        if (draw(rng, 3) == 0) {
            *operands[i] = 0;
        }
    }
    if (draw(rng, 3) == 0) {
        step.op = draw(rng, 2) == 0 ? ALIAS : FORGET;
        step.from = 0;
    }
    return step;
}

/* In a struct step: a holds the operands, b the action of what is made; c is 0, or says that the
 * step is not one of the program but action number c. */
static struct step encode(const struct graph_step *step, uint32_t action)
{
    uint32_t operands = step->into | (uint32_t)step->from << 8 | (uint32_t)step->place << 16 |
                        (uint32_t)step->other << 24;
    return (struct step){step->op, operands, step->action, action};
}

static struct graph_step decode(const struct step *step)
{
    return (struct graph_step){
        .op = (uint8_t)step->op,
        .into = (uint8_t)step->a,
        .from = (uint8_t)(step->a >> 8),
        .place = (uint8_t)(step->a >> 16),
        .other = (uint8_t)(step->a >> 24),
        .action = (uint8_t)step->b,
    };
}

/* Few variables make dense graphs, and much trash. Most programs start with thresholds low enough
 * for automatic collections of all generations. */
static size_t graph_generate(uint64_t seed, struct step *steps)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, seed);
    uint32_t variables = 4 + pab_rng_below(&rng, GRAPH_VARIABLES - 3);
    size_t left = STEPS_LEAST + pab_rng_below(&rng, STEPS_MOST - STEPS_LEAST + 1);
    bool low_thresholds = draw(&rng, 4) != 0;
    size_t count = 0;
    for (uint32_t action = 1; action < GRAPH_ACTIONS; action++) {
        struct graph_step step = draw_action(&rng, variables);
        steps[count++] = encode(&step, action);
    }
    for (; left > 0; left--) {
        struct graph_step step = draw_step(&rng, variables);
        if (low_thresholds) {
            step.op = THRESHOLD;
            low_thresholds = false;
        }
        steps[count++] = encode(&step, 0);
    }
    return count;
}

static void graph_describe(const struct step *step, char *out, size_t size)
{
    static const char *const names[GRAPH_OPS] = {
        [NEW_LIST] = "list",         [NEW_DICT] = "dict",
        [NEW_TUPLE] = "tuple",       [NEW_SET] = "set",
        [NEW_INSTANCE] = "instance", [NEW_FUNCTION] = "function",
        [NEW_WEAKREF] = "weakref",   [NEW_CHAIN] = "chain",
        [CHURN] = "churn",           [LINK] = "link",
        [UNLINK] = "unlink",         [FOLLOW] = "follow",
        [ALIAS] = "alias",           [DROP] = "drop",
        [FORGET] = "forget",         [CLEAR] = "clear",
        [DICT_OF] = "dict_of",       [COLLECT] = "collect",
        [ENABLE] = "enable",         [THRESHOLD] = "threshold",
        [FREEZE] = "freeze",         [UNFREEZE] = "unfreeze",
    };
    struct graph_step it = decode(step);
    char prefix[32] = "";
    if (step->c != 0) {
        snprintf(prefix, sizeof(prefix), "action %u is: ", step->c);
    }
    snprintf(out, size, "%s%s into %u, from %u, place %u, other %u, action %u", prefix,
             names[it.op], it.into, it.from, it.place, it.other, it.action);
}

/* --- what can be seen ----------------------------------------------------------------------- */

static void note(const char *what, int64_t value)
{
    trace_note(graph.trace, what, value);
}

static void note_member(void *arg, struct pab_object *object)
{
    (void)arg;
    note("object", graph_number_of(object));
}

static void note_generation(int generation)
{
    struct pab_gc_stats stats = pab_py_gc_stats(generation);
    note("collections", (int64_t)stats.collections);
    note("collected", (int64_t)stats.collected);
    note("uncollectable", (int64_t)stats.uncollectable);
    note("list of generation", generation);
    pab_py_gc_visit(generation, note_member, NULL);
}

/* Counts and flags after each step; lists and statistics when a collection ran. */
static void observe(void)
{
    struct pab_gc_counts counts = pab_py_gc_count();
    uint64_t collections = 0;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        note("count", counts.count[i]);
        collections += pab_py_gc_stats(i).collections;
    }
    uint64_t flags = 0;
    for (int i = 1; i < GRAPH_VARIABLES; i++) {
        struct pab_object *object = graph.variables[i];
        bool tracked = object != NULL && pab_py_gc_is_tracked(object);
        bool finalized = object != NULL && pab_py_gc_is_finalized(object);
        flags = flags << 2 | (uint64_t)tracked << 1 | (uint64_t)finalized;
    }
    note("tracked, finalized: two bits a variable", (int64_t)flags);
    for (int i = 0; i < PAB_GC_GENERATIONS && collections != graph.collections; i++) {
        note_generation(i);
    }
    graph.collections = collections;
}

/* --- one program ---------------------------------------------------------------------------- */

/* The class learns every name, so that no later instance runs out of room: it would get a dict
 * that the program does not know of. */
static void teach_names(enum graph_kind kind)
{
    struct pab_object *first = graph_instance_new(kind, 0);
    for (int i = 0; i < GRAPH_NAMES; i++) {
        graph_set_attribute(first, (uint8_t)i, pab_none());
    }
    pab_decref(first);
}

static void begin(struct trace *trace, void *storage)
{
    static const char *const names[GRAPH_NAMES] = {"left", "right", "data", "next"};
    static const char *const slots[] = {"left", "right", "data", "next", NULL};
    graph = (struct graph){.trace = trace};
    graph_nodes_reset();
    pab_py_start(&trace->heap, storage);
    graph.classes[PLAIN] = pab_must(pab_class_new("Plain", NULL, NULL));
    graph.classes[FINALIZING] = pab_must(pab_class_new("Finalizing", NULL, graph_finalize));
    graph.classes[SLOTTED] = pab_must(pab_class_new("Slotted", slots, NULL));
    graph.classes[SLOTTED_FINALIZING] =
        pab_must(pab_class_new("SlottedFinalizing", slots, graph_finalize));
    for (int i = 0; i < GRAPH_NAMES; i++) {
        graph.names[i] = pab_must(pab_unicode_from_ascii(names[i], (pab_ssize)strlen(names[i])));
        pab_must_do(pab_unicode_intern_in_place(&graph.names[i]));
    }
    teach_names(PLAIN);
    teach_names(FINALIZING);
}

/* Everything goes, the frozen too. Finalizers resurrect no more. */
static void end(void)
{
    graph.ending = true;
    for (int i = 0; i < GRAPH_VARIABLES; i++) {
        graph_store((uint8_t)i, NULL);
    }
    observe();
    pab_py_gc_unfreeze();
    for (int i = 0; i < 2; i++) {
        note("collect() returns", pab_py_collect(PAB_GC_GENERATIONS - 1));
        observe();
    }
    for (int i = 0; i < GRAPH_NAMES; i++) {
        pab_decref(graph.names[i]);
    }
    for (int i = 0; i < CLASSES; i++) {
        pab_decref(graph.classes[i]);
    }
    pab_py_stop();
}

static void graph_run(const struct step *steps, size_t count, struct trace *trace, void *storage)
{
    begin(trace, storage);
    for (size_t i = 0; i < count; i++) {
        if (steps[i].c != 0) {
            graph.actions[steps[i].c] = decode(&steps[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (steps[i].c == 0) {
            struct graph_step step = decode(&steps[i]);
            trace_step(trace, i);
            graph_perform(&step);
            observe();
        }
    }
    end();
}

const struct suite differential_suite = {
    .name = "graphs",
    .generate = graph_generate,
    .run = graph_run,
    .describe = graph_describe,
};
