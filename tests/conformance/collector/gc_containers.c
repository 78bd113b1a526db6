/* tests/conformance/collector/gc_containers.c -- counting at work in containers: death at once and
 * once, deep nests without deep stacks, and who is tracked. */
#include "tests/conformance/collector/scene.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/process.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct {
    int64_t made, finalized; /* instances with __del__ */
    struct pab_object *name; /* of their one attribute */
    struct pab_object *class_object;
    struct pab_object *dropped_within; /* what the next finalizer lets go */
} nest;

static void count_finalizer(struct pab_object *self)
{
    (void)self;
    nest.finalized++;
    struct pab_object *dropped = nest.dropped_within;
    nest.dropped_within = NULL;
    pab_xdecref(dropped);
}

static void begin_nests(void)
{
    memset(&nest, 0, sizeof(nest));
    nest.name = pab_must(pab_unicode_from_ascii("inner", 5));
    pab_must_do(pab_unicode_intern_in_place(&nest.name));
    nest.class_object = pab_must(pab_class_new("Nested", NULL, count_finalizer));
}

static void end_nests(void)
{
    pab_decref(nest.name);
    pab_decref(nest.class_object);
}

enum kind { KIND_LIST, KIND_TUPLE, KIND_DICT, KIND_INSTANCE, KIND_COUNT, KIND_MIXED = KIND_COUNT };

/* A container that holds `inner`, whose reference it takes over. */
static struct pab_object *wrap(enum kind kind, struct pab_object *inner)
{
    struct pab_object *outer;
    switch (kind) {
    case KIND_LIST:
        outer = pab_must(pab_list_new(0));
        pab_must_do(pab_list_append(outer, inner));
        break;
    case KIND_TUPLE:
        outer = pab_must(pab_tuple_pack(1, inner));
        break;
    case KIND_DICT:
        outer = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(outer, nest.name, inner));
        break;
    default:
        outer = pab_must(pab_instance_new(nest.class_object));
        pab_must_do(pab_object_set_attr(outer, nest.name, inner));
        nest.made++;
        break;
    }
    pab_decref(inner);
    return outer;
}

static struct pab_object *nested(enum kind kind, pab_ssize depth)
{
    struct pab_object *outer = pab_must(pab_list_new(0));
    for (pab_ssize i = 1; i < depth; i++) {
        outer = wrap(kind == KIND_MIXED ? (enum kind)(i % KIND_COUNT) : kind, outer);
    }
    return outer;
}

/* --- GCC-02 --------------------------------------------------------------------------------- */

/* A tree of 1 + 3 + 9 + 27, each leaf shared by a second tree. */
static struct pab_toy *tree(int depth, int *id, struct pab_toy *shared)
{
    struct pab_toy *root = pab_toy_new(&pab_toy_spanned, (*id)++);
    for (size_t i = 0; i < 3 && depth > 0; i++) {
        struct pab_toy *child = tree(depth - 1, id, shared);
        pab_toy_set(root, i, child);
        pab_toy_decref(child);
    }
    pab_toy_set(root, 3, shared);
    return root;
}

static bool each_died_once(struct pab_check_run *run, int count)
{
    bool seen[64] = {false};
    for (size_t i = 0; i < pab_toys.freed.count; i++) {
        int id = pab_toys.freed.ids[i];
        if (seen[id]) {
            return pab_wrong(run, "object %d of a tree was destroyed twice", id);
        }
        seen[id] = true;
    }
    return pab_is(run, "objects of a tree that died with it", (intmax_t)pab_toys.freed.count,
                  count);
}

static bool dies_at_once(struct pab_check_run *run)
{
    struct pab_toy *shared = pab_toy_new(&pab_toy_spanned, 63);
    int id = 0;
    struct pab_toy *root = tree(3, &id, shared);
    if (!pab_is(run, "references to what a tree shares", shared->base.refcnt, id + 1)) {
        return false;
    }
    pab_toy_incref(root);
    pab_toy_decref(root);
    if (!pab_is(run, "objects that died while their tree is held", (intmax_t)pab_toys.freed.count,
                0)) {
        return false;
    }
    pab_toy_decref(root);
    if (!each_died_once(run, id) || !pab_has_blocks(run, 1) ||
        !pab_is(run, "references to what a dead tree shared", shared->base.refcnt, 1)) {
        return false;
    }
    pab_toy_decref(shared);
    return pab_has_blocks(run, 0);
}

/* 60 levels: past the depth at which the trashcan takes over. */
static bool python_dies_at_once(struct pab_check_run *run)
{
    begin_nests();
    for (int kind = KIND_LIST; kind <= KIND_MIXED; kind++) {
        for (pab_ssize depth = 1; depth <= 160; depth += depth < 45 || depth > 56 ? 15 : 1) {
            struct pab_object *watched = pab_must(pab_list_new(0));
            struct pab_object *outer = nested((enum kind)kind, depth);
            struct pab_object *pair = pab_must(pab_tuple_pack(2, outer, watched));
            pab_decref(outer);
            if (!pab_is(run, "the count of what a nest holds", watched->refcnt, 2)) {
                return false;
            }
            pab_decref(pair);
            if (!pab_is(run, "the count of what a dead nest held", watched->refcnt, 1) ||
                !pab_is(run, "instances finalized at once", nest.finalized, nest.made)) {
                return false;
            }
            pab_decref(watched);
        }
    }
    end_nests();
    return true;
}

static enum pab_verdict at_once_run(struct pab_check_run *run)
{
    return pab_scene_both(run, dies_at_once, python_dies_at_once);
}

/* --- GCC-27 --------------------------------------------------------------------------------- */

static bool is_tracked(struct pab_check_run *run, const char *what, struct pab_object *object,
                       bool expected)
{
    return pab_is(run, what, pab_py_gc_is_tracked(object), expected);
}

static bool tuples_are_untracked(struct pab_check_run *run)
{
    struct pab_object *number = pab_must(pab_long_from_int64(100000));
    struct pab_object *list = pab_must(pab_list_new(0));
    struct pab_object *atoms = pab_must(pab_tuple_pack(2, number, pab_none()));
    struct pab_object *nest_of = pab_must(pab_tuple_pack(1, atoms));
    struct pab_object *held = pab_must(pab_tuple_pack(2, number, list));
    bool holds = is_tracked(run, "a new tuple of atoms: tracked", atoms, true);
    pab_py_collect(0);
    holds = holds &&
            is_tracked(run, "a tuple of atoms after a collection: tracked", atoms, false) &&
            is_tracked(run, "a tuple of an untracked tuple: tracked", nest_of, false) &&
            is_tracked(run, "a tuple that holds a list: tracked", held, true);
    pab_must_do(pab_list_append(list, held)); /* a cycle through it is found */
    pab_decref(held);
    pab_decref(list);
    holds = holds && pab_is(run, "collect(2) of a list and a tuple", pab_py_collect(2), 2);
    pab_decref(nest_of);
    pab_decref(atoms);
    pab_decref(number);
    return holds;
}

/* `way` 0: a fresh dict, 1: one that a full collection untracked, 2: a copy of one, 3: an
 * instance's, 4: setdefault by way of an update from another dict. */
static struct pab_object *untracked_dict(int way, struct pab_object *name)
{
    struct pab_object *dict = pab_must(pab_dict_new());
    if (way != 0) {
        pab_must_do(pab_dict_set_item(dict, name, pab_none()));
    }
    if (way == 1) {
        struct pab_object *list = pab_must(pab_list_new(0));
        pab_must_do(pab_dict_set_item(dict, name, list));
        pab_decref(list);
        pab_must_do(pab_dict_set_item(dict, name, pab_none()));
        pab_py_collect(2);
    } else if (way == 2) {
        struct pab_object *copy = pab_must(pab_dict_copy(dict));
        pab_decref(dict);
        dict = copy;
    } else if (way == 3) {
        struct pab_object *instance = pab_must(pab_instance_new(nest.class_object));
        pab_must_do(pab_object_set_attr(instance, name, pab_none()));
        pab_decref(dict);
        dict = pab_must(pab_object_dict(instance));
        pab_decref(instance);
    }
    return dict;
}

#define DICTS 5

/* A list that holds the dict goes in: from then on the dict is tracked, and the cycle is found. */
static bool dict_is_tracked_again(struct pab_check_run *run, int way, struct pab_object *name)
{
    struct pab_object *dict = untracked_dict(way, name);
    if (!is_tracked(run, "a dict of atoms: tracked", dict, false)) {
        return false;
    }
    struct pab_object *list = pab_must(pab_list_new(0));
    pab_must_do(pab_list_append(list, dict));
    if (way == 4) {
        struct pab_object *other = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(other, name, list));
        pab_must_do(pab_dict_update(dict, other));
        pab_decref(other);
    } else {
        pab_must_do(pab_dict_set_item(dict, name, list));
    }
    bool holds = is_tracked(run, "a dict that got a list: tracked", dict, true);
    pab_decref(list);
    pab_decref(dict);
    return holds && pab_is(run, "collect(2) of a dict and the list in it", pab_py_collect(2), 2);
}

static bool dicts_are_tracked_again(struct pab_check_run *run)
{
    begin_nests();
    bool holds = tuples_are_untracked(run);
    for (int way = 0; holds && way < DICTS; way++) {
        holds = dict_is_tracked_again(run, way, nest.name);
    }
    end_nests();
    return holds;
}

static bool untracked_is_ignored(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        struct pab_toy *holder = pab_toy_new(&pab_toy_spanned, 0);
        struct pab_toy *hidden = pab_toy_new(&pab_toy_spanned, 1);
        struct pab_toy *loop = pab_toy_new(&pab_toy_plain, 2);
        pab_toy_set(holder, 0, hidden);
        pab_toy_set(hidden, 0, hidden);
        pab_gc_untrack(hidden);
        pab_toy_set(loop, 0, loop);
        pab_gc_untrack(loop);
        pab_toy_decref(loop); /* lost, but the collector cannot know */
        uint64_t before = pab_toys.traversed;
        if (!pab_collects(run, generation, 0) ||
            !pab_is(run, "objects examined beside untracked ones",
                    (intmax_t)(pab_toys.traversed - before), 0 + 1) ||
            !pab_is(run, "an untracked object's own edge is kept", hidden->refs[0] == hidden, 1)) {
            return false;
        }
        pab_gc_track(&pab_toys.gc, loop);
        pab_gc_track(&pab_toys.gc, hidden);
        pab_toy_decref(hidden);
        pab_toy_decref(holder);
        if (!pab_collects(run, 2, 2)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict untracked_run(struct pab_check_run *run)
{
    return pab_scene_both(run, untracked_is_ignored, dicts_are_tracked_again);
}

/* --- GCC-29, GCC-30 --------------------------------------------------------------------------- */

#define STACK_BYTES (64u << 10)

struct deep {
    struct pab_heap *heap;
    void *storage;
    pab_ssize depth;
    int64_t missed; /* finalizers that did not run */
};

static void *live_and_die(void *arg)
{
    struct deep *deep = arg;
    pab_py_start(deep->heap, deep->storage);
    pab_py_gc_enable(false);
    begin_nests();
    for (int kind = KIND_LIST; kind <= KIND_MIXED; kind++) {
        pab_decref(nested((enum kind)kind, deep->depth));
        struct pab_object *ring = pab_must(pab_list_new(0)); /* the same by way of a collection */
        struct pab_object *outer = nested((enum kind)kind, deep->depth / 10);
        pab_must_do(pab_list_append(ring, ring));
        pab_must_do(pab_list_append(ring, outer));
        pab_decref(outer);
        pab_decref(ring);
        pab_py_collect(2);
    }
    deep->missed = nest.made - nest.finalized;
    end_nests();
    pab_py_stop();
    return NULL;
}

/* In a thread with a small stack, in a process that may crash. */
static int destroy_deep_nests(void *arg)
{
    struct deep *deep = arg;
    size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, least > STACK_BYTES ? least : STACK_BYTES);
    if (pthread_create(&thread, &attributes, live_and_die, deep) != 0) {
        return 2;
    }
    pthread_join(thread, NULL);
    return deep->missed != 0;
}

static bool deep_nests_die(struct pab_check_run *run)
{
    struct deep deep = {
        .heap = run->heap,
        .storage = pab_process_pages(pab_py_storage_bytes()),
        .depth = (pab_ssize)pab_budget(run, 30000, 2000000),
    };
    struct pab_case done;
    pab_case_run(destroy_deep_nests, &deep, 120000, &done);
    if (done.end != PAB_CASE_RETURNED) {
        char how[80];
        pab_case_describe(&done, how, sizeof(how));
        return pab_wrong(run, "nests of %zd levels on a stack of 64 KiB: the process %s",
                         deep.depth, how);
    }
    pab_compared(run, "%zd levels of lists, tuples, dicts, instances with finalizers, and mixed",
                 deep.depth);
    return done.value == 2 ? pab_wrong(run, "no thread with a stack of 64 KiB could be started")
                           : pab_is(run, "a nest whose finalizers did not all run", done.value, 0);
}

static enum pab_verdict deep_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, deep_nests_die);
}

/* Each object put off is destroyed once, also when a finalizer drops another nest meanwhile. */
static bool trashcan_drains(struct pab_check_run *run)
{
    begin_nests();
    for (int kind = KIND_LIST; kind <= KIND_MIXED; kind++) {
        for (int within = 0; within < 2; within++) {
            struct pab_object *outer = nested((enum kind)kind, 1500);
            nest.dropped_within = within ? nested(KIND_MIXED, 1500) : NULL;
            outer = wrap(KIND_INSTANCE, outer);
            pab_decref(outer);
            if (!pab_is(run, "finalizers that ran for nests of 1500", nest.finalized, nest.made)) {
                return false;
            }
            pab_xdecref(nest.dropped_within);
            nest.dropped_within = NULL;
        }
    }
    end_nests();
    return true;
}

static enum pab_verdict trashcan_run(struct pab_check_run *run)
{
    return pab_scene_python(run, trashcan_drains);
}

/* --- GCC-37 --------------------------------------------------------------------------------- */

static struct pab_toy_log garbage;

static void keep_garbage(void *client, struct pab_object *object)
{
    (void)client;
    garbage.ids[garbage.count++] = ((struct pab_toy *)object)->id;
}

/* 0 <-> 1 -> 2, 3 <-> 3, 4 -> 0; 0 has a legacy finalizer, so 1 and 2 stay with it. */
static bool legacy_is_kept(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        garbage.count = 0;
        pab_toys.gc.keep_garbage = keep_garbage;
        uint64_t before = pab_toys.gc.stats[generation].uncollectable;
        struct pab_toy *toys[5];
        for (int i = 0; i < 5; i++) {
            toys[i] = pab_toy_new(i == 0 ? &pab_toy_legacy : &pab_toy_full, i);
        }
        pab_toy_set(toys[0], 0, toys[1]);
        pab_toy_set(toys[1], 0, toys[0]);
        pab_toy_set(toys[1], 1, toys[2]);
        pab_toy_set(toys[2], 0, toys[1]);
        pab_toy_set(toys[3], 0, toys[3]);
        pab_toy_set(toys[4], 0, toys[4]);
        pab_toy_set(toys[4], 1, toys[0]);
        pab_toy_drop(toys, 5);
        if (!pab_collects(run, generation, 5) || !pab_has_blocks(run, 3) ||
            !pab_is_log(run, "objects handed over as garbage", &garbage, PAB_IDS(0)) ||
            !pab_is(run, "uncollectable, by the statistics",
                    (intmax_t)(pab_toys.gc.stats[generation].uncollectable - before), 3) ||
            !pab_is(run, "an uncollectable object keeps its edges",
                    toys[0]->refs[0] == toys[1] && toys[1]->refs[1] == toys[2], true)) {
            return false;
        }
        pab_toys.gc.keep_garbage = NULL;
        pab_toy_set(toys[0], 0, NULL); /* the cycle is broken by hand */
        pab_toy_set(toys[1], 1, NULL);
        if (!pab_has_blocks(run, 0)) {
            return false;
        }
    }
    pab_answer(run, "kept, handed over as garbage");
    return true;
}

static enum pab_verdict legacy_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, legacy_is_kept);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-02",
        .summary = "an object whose count reaches 0 dies at once and once, and lets go of what it "
                   "held",
        .source = "CPython documentation of Py_DECREF; Objects/object.c",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = at_once_run,
    },
    {
        .id = "GCC-27",
        .summary = "untracked objects are ignored; a tuple of atoms becomes untracked, a dict that "
                   "gets a container is tracked again (3.11)",
        .source = "CPython Lib/test/test_gc.py test_is_tracked; test_tuple.py and test_dict.py "
                  "test_track; measured",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = untracked_run,
    },
    {
        .id = "GCC-29",
        .summary = "nests of any depth die without a deep stack: 64 KiB are enough",
        .source = "CPython Include/cpython/object.h trashcan; Lib/test/test_gc.py test_trashcan",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = deep_run,
    },
    {
        .id = "GCC-30",
        .summary =
            "the trashcan keeps each object once and drains fully: as many finalizers run as "
            "objects were made",
        .source = "CPython Lib/test/test_gc.py test_trashcan_threads",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = trashcan_run,
    },
    {
        .id = "GCC-36",
        .summary = "immortal objects are never counted, never freed, and in no list of the "
                   "collector",
        .source = "PEP 683; CPython 3.12",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .not_applicable = "immortal objects came with CPython 3.12; the object model is 3.11's, "
                          "where every object is counted",
    },
    {
        .id = "GCC-37",
        .summary = "objects with a finalizer from before PEP 442 are kept and reported, with all "
                   "that they reach",
        .source = "CPython Lib/test/test_finalization.py LegacyFinalizationTests; gc.garbage",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = legacy_run,
    },
};

const struct pab_check_group pab_checks_gc_containers = {PAB_CHECK_CONTRACT, checks,
                                                         ARRAY_COUNT(checks)};
