/* tests/conformance/collector/gc_graphs.c -- random object graphs, held to a shadow graph after
 * every step. Each statement has programs of its own that lean on what it is about; whatever the
 * shadow sees first is what is told. */
#include "allocators/decorate/debug.h"
#include "tests/conformance/collector/programs.h"
#include "tests/conformance/collector/scene.h"

#include <inttypes.h>
#include <string.h>

#define STEPS_EACH 2000 /* of one program: enough for any planted bug that programs can see */

struct totals {
    uint64_t programs, collections, collected, finalized, told;
    uint64_t deeds[PAB_GRAPH_DEEDS][2];
};

static void add_deeds(struct totals *totals, const struct pab_graph_program_result *result)
{
    for (int deed = 0; deed < PAB_GRAPH_DEEDS; deed++) {
        for (int way = 0; way < 2; way++) {
            totals->deeds[deed][way] += result->deeds[deed][way];
        }
    }
}

/* Of the kinds of finalizers, each by collections and by counts: how often the rarest ran. */
static uint64_t rarest_deed(const struct totals *totals)
{
    uint64_t least = UINT64_MAX;
    for (int deed = 0; deed < PAB_GRAPH_DEEDS; deed++) {
        for (int way = 0; way < 2; way++) {
            least = totals->deeds[deed][way] < least ? totals->deeds[deed][way] : least;
        }
    }
    return least;
}

static void say_totals(struct pab_check_run *run, const struct totals *totals)
{
    char deeds[96] = "";
    if (totals->finalized > 0) {
        snprintf(deeds, sizeof(deeds),
                 ", each of %d deeds by collections and by counts %" PRIu64 " times or more",
                 PAB_GRAPH_DEEDS, rarest_deed(totals));
    }
    pab_compared(run,
                 "%" PRIu64 " programs, %" PRIu64 " steps: %" PRIu64 " collections, %" PRIu64
                 " objects collected, %" PRIu64 " callbacks, %" PRIu64 " finalized%s",
                 totals->programs, run->ops_done, totals->collections, totals->collected,
                 totals->told, totals->finalized, deeds);
}

static bool run_programs(struct pab_check_run *run, unsigned features, uint64_t own_steps)
{
    struct totals totals = {0};
    uint64_t steps = pab_budget(run, own_steps, 0);
    bool agrees = true;
    while (agrees && run->ops_done < steps) {
        uint64_t left = steps - run->ops_done;
        struct pab_graph_program program = {
            .under = &run->heap->domain[PAB_DOMAIN_OBJ],
            .features = features,
            .seed = run->seed + totals.programs,
            .steps = left < STEPS_EACH ? (unsigned)left : STEPS_EACH,
        };
        struct pab_graph_program_result result;
        agrees = pab_graph_program_run(&program, &result);
        if (!agrees) {
            pab_wrong(run, "%s", result.text);
        }
        run->ops_done += result.steps;
        totals.programs++;
        totals.collections += result.collections;
        totals.collected += result.collected;
        totals.finalized += result.finalized;
        totals.told += result.told;
        add_deeds(&totals, &result);
        run->progress(run->ops_done, steps);
    }
    say_totals(run, &totals);
    return agrees;
}

static enum pab_verdict run_graphs(struct pab_check_run *run, unsigned features, uint64_t own_steps)
{
    if (pab_scene_is_skipped(run)) {
        return PAB_SKIP;
    }
    return pab_judge(run, run_programs(run, features, own_steps));
}

/* --- GCC-01: what the object model's clear() gives back ------------------------------------- */

static struct pab_object *list_of(struct pab_object *item)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    pab_must_do(pab_list_append(list, item));
    return list;
}

static struct pab_object *name_of(const char *text)
{
    struct pab_object *name = pab_must(pab_unicode_from_ascii(text, (pab_ssize)strlen(text)));
    pab_must_do(pab_unicode_intern_in_place(&name));
    return name;
}

enum kind { KIND_LIST, KIND_DICT, KIND_INSTANCE, KIND_TUPLE, KIND_SET, KIND_COUNT };

static struct pab_object *instance_with(struct pab_object *class_object, struct pab_object *loop,
                                        struct pab_object *held)
{
    struct pab_object *made = pab_must(pab_instance_new(class_object));
    struct pab_object *name = name_of("loop");
    pab_must_do(pab_object_set_attr(made, name, loop == NULL ? made : loop));
    pab_decref(name);
    name = name_of("held");
    pab_must_do(pab_object_set_attr(made, name, held));
    pab_decref(name);
    return made;
}

/* A container of a kind that holds `held` and `loop`; NULL: it holds itself. */
static struct pab_object *container_with(enum kind kind, struct pab_object *class_object,
                                         struct pab_object *loop, struct pab_object *held)
{
    if (kind == KIND_TUPLE) {
        return pab_must(pab_tuple_pack(2, loop, held));
    }
    if (kind == KIND_INSTANCE) {
        return instance_with(class_object, loop, held);
    }
    struct pab_object *made = pab_must(kind == KIND_LIST   ? pab_list_new(0)
                                       : kind == KIND_DICT ? pab_dict_new()
                                                           : pab_set_new(NULL));
    if (kind == KIND_LIST) {
        pab_must_do(pab_list_append(made, loop == NULL ? made : loop));
        pab_must_do(pab_list_append(made, held));
    } else if (kind == KIND_DICT) {
        pab_must_do(pab_dict_set_item(made, pab_none(), loop == NULL ? made : loop));
        pab_must_do(pab_dict_set_item(made, pab_bool(true), held));
    } else { /* a list cannot be in a set, but an instance */
        struct pab_object *key = instance_with(class_object, loop, held);
        pab_must_do(pab_set_add(made, key));
        pab_decref(key);
    }
    return made;
}

/* A lost container, in a cycle by itself or with a list that is older: what the collection leaves
 * are the references to `held` that there were before. */
static bool gives_back(struct pab_check_run *run, enum kind kind, bool by_itself,
                       struct pab_object *class_object, struct pab_object *held)
{
    static const char *const names[] = {"list", "dict", "instance", "tuple", "set"};
    struct pab_object *loop = by_itself ? NULL : pab_must(pab_list_new(0));
    struct pab_object *made = container_with(kind, class_object, loop, held);
    if (loop != NULL) {
        pab_must_do(pab_list_append(loop, made));
        pab_decref(loop);
    }
    pab_decref(made);
    char what[80];
    snprintf(what, sizeof(what), "the count of an old list held by a lost %s", names[kind]);
    return pab_is(run, what, held->refcnt, 2) &&
           pab_is(run, "collect(0)", pab_py_collect(0), 1 + !by_itself + (kind == KIND_SET)) &&
           pab_is(run, what, held->refcnt, 1);
}

static bool cleared_containers_give_back(struct pab_check_run *run)
{
    struct pab_object *class_object = pab_must(pab_class_new("Holder", NULL, NULL));
    struct pab_object *held = list_of(pab_none());
    pab_py_collect(2); /* held is old from here on */
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (!gives_back(run, (enum kind)kind, false, class_object, held) ||
            (kind < KIND_TUPLE && !gives_back(run, (enum kind)kind, true, class_object, held))) {
            return false;
        }
    }
    pab_decref(held);
    pab_decref(class_object);
    return true;
}

/* --- the checks ------------------------------------------------------------------------------- */

static enum pab_verdict counts_run(struct pab_check_run *run)
{
    enum pab_verdict verdict = pab_scene_python(run, cleared_containers_give_back);
    run->ops_done = 0;
    return verdict == PAB_PASS ? run_graphs(run, PAB_GRAPH_ALL, 40000) : verdict;
}

static enum pab_verdict reachable_run(struct pab_check_run *run)
{
    return run_graphs(run, PAB_GRAPH_AUTOMATIC | PAB_GRAPH_FREEZING, 40000);
}

static enum pab_verdict unreachable_run(struct pab_check_run *run)
{
    return run_graphs(run, PAB_GRAPH_FINALIZERS, 40000);
}

static enum pab_verdict lists_run(struct pab_check_run *run)
{
    return run_graphs(run, PAB_GRAPH_FINALIZERS | PAB_GRAPH_WEAKREFS, 40000);
}

static enum pab_verdict statistics_run(struct pab_check_run *run)
{
    return run_graphs(run, PAB_GRAPH_ALL & ~(unsigned)PAB_GRAPH_FREEZING, 40000);
}

static enum pab_verdict everywhere_run(struct pab_check_run *run)
{
    static struct pab_debug hooks;
    if (run->heap->hooks != NULL) { /* hooks=debug: it has them already */
        return run_graphs(run, PAB_GRAPH_ALL, 40000);
    }
    pab_debug_attach(&hooks, run->heap, pab_debug_style_of(NULL));
    enum pab_verdict verdict = run_graphs(run, PAB_GRAPH_ALL, 40000);
    pab_debug_detach(&hooks);
    return verdict;
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-01",
        .summary = "the reference count of each live object is the number of its incoming edges "
                   "and of the program's variables",
        .source = "CPython InternalDocs/garbage_collector.md; definition of reference counting",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = counts_run,
    },
    {
        .id = "GCC-03",
        .summary = "no object that can be reached is freed or cleared by a collection",
        .source = "CPython 3.11 Modules/gcmodule.c; edges compared, as a counting heap clears",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = reachable_run,
    },
    {
        .id = "GCC-04",
        .summary = "every cycle that cannot be reached is gone after full collections",
        .source = "CPython Lib/test/test_gc.py test_list to test_instance; documentation of gc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = unreachable_run,
    },
    {
        .id = "GCC-34",
        .summary = "after each phase every list is whole, and holds each object once",
        .source = "CPython 3.11 Modules/gcmodule.c validate_list",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = lists_run,
    },
    {
        .id = "GCC-35",
        .summary = "statistics and results of collections are what was collected",
        .source = "CPython Lib/test/test_gc.py test_get_stats; documentation of gc.get_stats",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = statistics_run,
    },
    {
        .id = "GCC-40",
        .summary = "all of it holds over this allocator, with guarded pads and junk fill around "
                   "each block",
        .source = "CPython documentation of PYTHONMALLOC=debug, over any PEP 445 domain",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = everywhere_run,
    },
};

const struct pab_check_group pab_checks_gc_graphs = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
