/* tests/conformance/collector/gc_weakrefs.c -- weak references and their callbacks: in which order,
 * whether at all, and never a way back to trash. What depends on the release is CPython 3.11's. */
#include "tests/conformance/collector/scene.h"

#include <string.h>

/* Ids: objects below 20, weak references from 20 on. */
#define FIRST_WEAKREF 20
#define WATCHES_MAX   12

static struct {
    struct pab_toy_log events; /* finalizers and callbacks, by id */
    struct pab_toy *watches[WATCHES_MAX];
    int watch_count;
    int alive_seen;           /* weak references that led somewhere when they must not */
    int dead_seen;            /* and those that led nowhere when they must */
    bool watches_must_live;   /* what an event holds the watches to */
    struct pab_toy *callback; /* a token: that there is one */
    struct pab_toy *made;     /* by a finalizer */
} scene;

static void note(int id)
{
    scene.events.ids[scene.events.count++ % PAB_TOY_LOG] = id;
}

/* Whoever runs tries all weak references. */
static void try_all(void)
{
    for (int i = 0; i < scene.watch_count; i++) {
        bool is_alive = pab_toy_weakref_get(scene.watches[i]) != NULL;
        scene.alive_seen += is_alive && !scene.watches_must_live;
        scene.dead_seen += !is_alive && scene.watches_must_live;
    }
}

static void note_finalizer(struct pab_toy *self)
{
    note(self->id);
    try_all();
}

static void note_callback(struct pab_toy *weakref)
{
    note(weakref->id);
    scene.watches_must_live = false; /* the finalizer ran before them, if any */
    try_all();
}

static void begin(void)
{
    memset(&scene, 0, sizeof(scene));
    pab_toys.on_finalize = note_finalizer;
    pab_toys.on_told = note_callback;
    scene.callback = pab_toy_new(&pab_toy_plain, 19);
}

static struct pab_toy *watch(struct pab_toy *referent, bool is_called)
{
    int id = FIRST_WEAKREF + scene.watch_count;
    struct pab_toy *made = pab_toy_weakref_new(id, referent, is_called ? scene.callback : NULL);
    scene.watches[scene.watch_count++] = made;
    return made;
}

static void end(void)
{
    pab_toy_drop(scene.watches, scene.watch_count);
    scene.watch_count = 0;
    pab_toy_decref(scene.callback);
}

/* Nobody saw what it must not, all watches are dead, and all is back. */
static bool ends_well(struct pab_check_run *run)
{
    scene.watches_must_live = false;
    bool holds = pab_is(run, "weak references that led to trash", scene.alive_seen, 0) &&
                 pab_is(run, "weak references that were cleared too early", scene.dead_seen, 0);
    scene.alive_seen = 0;
    try_all();
    holds = holds && pab_is(run, "weak references that stayed alive", scene.alive_seen, 0);
    end();
    return holds && pab_has_blocks(run, 0);
}

/* --- GCC-15, GCC-16, GCC-17 ------------------------------------------------------------------ */

static bool callbacks_come_first(struct pab_check_run *run)
{
    begin();
    struct pab_toy *ring[2];
    pab_toy_ring(ring, &pab_toy_full, 2);
    watch(ring[0], true);
    watch(ring[1], true);
    watch(ring[1], false);
    pab_toy_drop(ring, 2);
    return pab_collects(run, 0, 2) &&
           pab_is_log(run, "callbacks and finalizers of a collection", &scene.events,
                      PAB_IDS(20, 21, 0, 1)) &&
           ends_well(run);
}

static enum pab_verdict first_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, callbacks_come_first);
}

static bool finalizer_comes_first(struct pab_check_run *run)
{
    begin();
    struct pab_toy *toy = pab_toy_new(&pab_toy_full, 0);
    watch(toy, true);
    watch(toy, true);
    watch(toy, false);
    scene.watches_must_live = true;
    pab_toy_decref(toy);
    return pab_is_log(run, "finalizer and callbacks of an object that dies by its count",
                      &scene.events, PAB_IDS(0, 21, 20)) &&
           ends_well(run);
}

/* The same for the object model's own. */
static struct {
    struct pab_object *weakref;
    char order[8];
    bool was_alive; /* in the finalizer */
} python;

static void add_event(char event)
{
    size_t used = strlen(python.order);
    if (used + 1 < sizeof(python.order)) {
        python.order[used] = event;
    }
}

static void python_finalizer(struct pab_object *self)
{
    add_event('f');
    python.was_alive = pab_weakref_get(python.weakref) == self;
}

static struct pab_object *python_callback(struct pab_object *self, struct pab_object *weakref)
{
    (void)self;
    add_event(pab_weakref_get(weakref) == pab_none() ? 'c' : '!');
    return pab_new_ref(pab_none());
}

/* An instance that `is_cyclic` or not, with a weak reference; what ran when it went. */
static bool python_order(struct pab_check_run *run, bool is_cyclic, const char *expected)
{
    memset(&python, 0, sizeof(python));
    struct pab_object *class_object = pab_must(pab_class_new("Watched", NULL, python_finalizer));
    struct pab_object *function = pab_must(pab_function_new(python_callback, NULL));
    struct pab_object *self = pab_must(pab_instance_new(class_object));
    struct pab_object *name = pab_must(pab_unicode_from_ascii("loop", 4));
    pab_must_do(pab_unicode_intern_in_place(&name));
    python.weakref = pab_must(pab_weakref_new(self, function));
    if (is_cyclic) {
        pab_must_do(pab_object_set_attr(self, name, self));
    }
    pab_decref(self);
    bool holds = pab_is(run, "collect(2) of instances", pab_py_collect(2), is_cyclic);
    if (strcmp(python.order, expected) != 0) {
        return pab_wrong(run,
                         "an instance in %s cycle: order %s instead of %s (f: finalizer, c: "
                         "callback)",
                         is_cyclic ? "a" : "no", python.order, expected);
    }
    holds = holds && pab_is(run, "the weak reference leads to its object in the finalizer",
                            python.was_alive, !is_cyclic);
    pab_decref(python.weakref);
    pab_decref(name);
    pab_decref(function);
    pab_decref(class_object);
    return holds;
}

static bool python_finalizer_comes_first(struct pab_check_run *run)
{
    return python_order(run, false, "fc") && python_order(run, true, "cf");
}

static enum pab_verdict second_run(struct pab_check_run *run)
{
    return pab_scene_both(run, finalizer_comes_first, python_finalizer_comes_first);
}

static bool newest_is_told_first(struct pab_check_run *run)
{
    for (int by_count = 0; by_count < 2; by_count++) {
        begin();
        struct pab_toy *toy = pab_toy_new(&pab_toy_spanned, 0);
        for (int i = 0; i < 4; i++) {
            watch(toy, i != 1); /* one in between without a callback */
        }
        pab_toy_set(toy, 0, by_count ? NULL : toy);
        pab_toy_decref(toy);
        pab_gc_collect(&pab_toys.gc, 2);
        if (!pab_is_log(run, "callbacks of one object", &scene.events, PAB_IDS(23, 22, 20)) ||
            !ends_well(run)) {
            return false;
        }
    }
    pab_answer(run, "newest first");
    return true;
}

static enum pab_verdict newest_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, newest_is_told_first);
}

/* --- GCC-18 --------------------------------------------------------------------------------- */

/* The weak reference hangs on `holder`, which is trash; nothing else holds it. */
static void hang(struct pab_toy *holder, size_t slot, struct pab_toy *weakref)
{
    pab_toy_set(holder, slot, weakref);
    pab_toy_decref(weakref);
    scene.watch_count--;
}

static bool trash_is_not_told(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        begin();
        struct pab_toy *first[2];
        struct pab_toy *second[2];
        pab_toy_ring(first, &pab_toy_spanned, 2);
        pab_toy_ring(second, &pab_toy_spanned, 2);
        hang(first[0], 1, watch(first[1], true));  /* in the cycle of what it leads to */
        hang(second[0], 1, watch(first[0], true)); /* in another cycle */
        struct pab_toy *own = watch(second[1], true);
        pab_toy_set(second[1], 1, own); /* in the cycle, and reached through a callback */
        hang(second[0], 2, own);
        pab_toy_drop(first, 2);
        pab_toy_drop(second, 2);
        if (!pab_collects(run, generation, 7) ||
            !pab_is_log(run, "callbacks of weak references that are trash", &scene.events,
                        PAB_NO_IDS)) {
            return false;
        }
        if (!ends_well(run)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict not_told_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, trash_is_not_told);
}

/* --- GCC-19 --------------------------------------------------------------------------------- */

/* A ring of three, watched by six; three of the watches, and maybe the ring, are older. */
static bool no_way_from(struct pab_check_run *run, int generation, bool watches_first)
{
    begin();
    struct pab_toy *ring[3];
    pab_toy_ring(ring, &pab_toy_full, 3);
    for (int i = 0; i < 6; i++) {
        if (i == 3 && watches_first) {
            pab_gc_collect(&pab_toys.gc, generation);
        }
        watch(ring[i % 3], true);
    }
    pab_toy_drop(ring, 3);
    pab_toys.told.count = 0;
    return pab_collects(run, 2, 3) &&
           pab_is(run, "callbacks that ran", (intmax_t)pab_toys.told.count, 6) && ends_well(run);
}

static bool no_way_to_trash(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        if (!no_way_from(run, generation, false) || !no_way_from(run, generation, true)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict no_way_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, no_way_to_trash);
}

/* --- GCC-20, GCC-21 --------------------------------------------------------------------------- */

static void watch_oneself(struct pab_toy *self)
{
    if (self->id == 0) {
        scene.made = watch(self, false);
        watch(self, true);
    }
}

static bool made_by_finalizer_dies(struct pab_check_run *run)
{
    for (int length = 1; length <= 3; length++) {
        begin();
        pab_toys.on_finalize = watch_oneself;
        struct pab_toy *ring[3];
        pab_toy_ring(ring, &pab_toy_full, length);
        pab_toy_drop(ring, length);
        if (!pab_collects(run, 1, length) ||
            !pab_is(run, "a weak reference made by a finalizer of trash leads to",
                    (intmax_t)(pab_toy_weakref_get(scene.made) != NULL), 0) ||
            !ends_well(run)) {
            return false;
        }
    }
    return true;
}

static void python_watch_oneself(struct pab_object *self)
{
    python.weakref = pab_must(pab_weakref_new(self, NULL));
}

/* The object model's: a weak reference outlives its object by the object's dealloc alone. */
static bool python_made_by_finalizer_dies(struct pab_check_run *run)
{
    for (int is_cyclic = 0; is_cyclic < 2; is_cyclic++) {
        struct pab_object *class_object =
            pab_must(pab_class_new("Watching", NULL, python_watch_oneself));
        struct pab_object *self = pab_must(pab_instance_new(class_object));
        struct pab_object *name = pab_must(pab_unicode_from_ascii("loop", 4));
        pab_must_do(pab_unicode_intern_in_place(&name));
        if (is_cyclic) {
            pab_must_do(pab_object_set_attr(self, name, self));
        }
        pab_decref(self);
        pab_py_collect(2);
        if (!pab_is(run, "a weak reference made by a finalizer is cleared",
                    ((struct pab_weakref *)python.weakref)->referent == NULL, true)) {
            return false;
        }
        pab_decref(python.weakref);
        pab_decref(name);
        pab_decref(class_object);
    }
    return true;
}

static enum pab_verdict made_run(struct pab_check_run *run)
{
    return pab_scene_both(run, made_by_finalizer_dies, python_made_by_finalizer_dies);
}

static void save_oneself(struct pab_toy *self)
{
    pab_toy_incref(self);
    pab_toys.saved = self;
    note_finalizer(self);
}

static bool cleared_stays_cleared(struct pab_check_run *run)
{
    begin();
    pab_toys.on_finalize = save_oneself;
    struct pab_toy *toy;
    pab_toy_ring(&toy, &pab_toy_full, 1);
    watch(toy, true);
    watch(toy, false);
    pab_toy_decref(toy);
    if (!pab_collects(run, 0, 0) ||
        !pab_is_log(run, "resurrection", &scene.events, PAB_IDS(20, 0)) ||
        !pab_is(run, "weak references of a resurrected object", toy->weakrefs != NULL, 0)) {
        return false;
    }
    struct pab_toy *later = watch(toy, true); /* one made afterwards works */
    if (!pab_is(run, "a later weak reference leads to it", pab_toy_weakref_get(later) == toy, 1)) {
        return false;
    }
    pab_toy_decref(toy);
    return pab_collects(run, 2, 1) &&
           pab_is_log(run, "its end", &scene.events, PAB_IDS(20, 0, 22)) && ends_well(run);
}

static enum pab_verdict stays_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, cleared_stays_cleared);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-15",
        .summary = "in a collection all weak references to trash die first, then callbacks run, "
                   "then finalizers (3.11)",
        .source = "CPython 3.11 Modules/gcmodule.c gc_collect_main; measured: callbacks, then "
                  "finalizers",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = first_run,
    },
    {
        .id = "GCC-16",
        .summary = "an object that dies by its count is finalized with its weak references alive, "
                   "then they are cleared, then callbacks run",
        .source = "CPython 3.11 Objects/typeobject.c subtype_dealloc; measured",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = second_run,
    },
    {
        .id = "GCC-17",
        .summary = "of several callbacks on one object that of the newest weak reference runs "
                   "first",
        .source = "CPython Lib/test/test_weakref.py test_multiple_callbacks; measured 3, 2, 1",
        .class = PAB_CLASS_DEFINED,
        .severity = PAB_SEVERITY_QUALITY,
        .run = newest_run,
    },
    {
        .id = "GCC-18",
        .summary = "the callback of a weak reference that is trash itself never runs",
        .source = "CPython 3.11 Modules/gcmodule.c handle_weakrefs; bpo-38006; test_weakref.py",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = not_told_run,
    },
    {
        .id = "GCC-19",
        .summary = "no callback and no finalizer can reach trash through a weak reference, of "
                   "whichever generation",
        .source = "CPython Lib/test/test_gc.py test_bug1055820b to d",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = no_way_run,
    },
    {
        .id = "GCC-20",
        .summary = "weak references that a finalizer makes to trash are dead after the collection "
                   "(3.11)",
        .source = "python/cpython issue 91636; measured on 3.11",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = made_run,
    },
    {
        .id = "GCC-21",
        .summary = "weak references that were cleared stay so when their object is resurrected",
        .source = "PEP 442: weak references are cleared before finalizers are called",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = stays_run,
    },
};

const struct pab_check_group pab_checks_gc_weakrefs = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
