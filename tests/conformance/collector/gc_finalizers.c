/* tests/conformance/collector/gc_finalizers.c -- finalizers (PEP 442): once in a life, on whole
 * objects, free to do anything. */
#include "tests/conformance/collector/scene.h"

#include <string.h>

/* What the finalizers of a script do, and what they saw. */
static struct {
    int resurrector;         /* id of the one that resurrects `slot_of` of itself; -1: none */
    int resurrected_depth;   /* 0: itself; n: what n steps along its first references lead to */
    int damaged;             /* finalizers that found an edge of the ring missing */
    int count;               /* ring or line length */
    int made;                /* objects that finalizers make */
    intptr_t nested;         /* what a collection within gave */
    int globals;             /* touched by each */
    struct pab_toy *kept[2]; /* what finalizers act on */
} deeds;

static void begin(void (*on_finalize)(struct pab_toy *self))
{
    memset(&deeds, 0, sizeof(deeds));
    deeds.resurrector = -1;
    pab_toys.on_finalize = on_finalize;
}

/* --- GCC-09 --------------------------------------------------------------------------------- */

#define MADE 1000

static void make_loops(struct pab_toy *self)
{
    (void)self;
    for (int i = 0; i < MADE; i++) {
        struct pab_toy *loop = pab_toy_new(&pab_toy_spanned, 100 + i);
        pab_toy_set(loop, 0, loop);
        pab_toy_decref(loop);
    }
}

static bool made_meanwhile_is_kept(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        begin(make_loops);
        struct pab_toy *toy;
        pab_toy_ring(&toy, &pab_toy_full, 1);
        pab_toy_decref(toy);
        if (!pab_collects(run, generation, 1) || !pab_has_blocks(run, MADE) ||
            !pab_is(run, "count 0 after a finalizer made 1000", pab_toys.gc.generations[0].count,
                    MADE - 1) ||
            !pab_collects(run, 0, MADE)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict made_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, made_meanwhile_is_kept);
}

/* --- GCC-10 to GCC-13 ------------------------------------------------------------------------- */

static void resurrect(struct pab_toy *self)
{
    if (deeds.count > 0) { /* once around: the ring is whole */
        const struct pab_toy *toy = self->refs[0];
        for (int i = 1; i < deeds.count && toy != NULL; i++) {
            toy = toy->refs[0];
        }
        deeds.damaged += toy == NULL || toy->id != self->id;
    }
    if (self->id == deeds.resurrector) {
        struct pab_toy *saved = self;
        for (int i = 0; i < deeds.resurrected_depth && saved->refs[0] != NULL; i++) {
            saved = saved->refs[0];
        }
        pab_toy_incref(saved);
        pab_toys.saved = saved;
    }
}

static bool finalized_once(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        begin(resurrect);
        deeds.count = 1;
        deeds.resurrector = 0;
        size_t before = pab_toys.finalized.count;
        struct pab_toy *toy;
        pab_toy_ring(&toy, &pab_toy_full, 1);
        pab_toy_decref(toy);
        if (!pab_collects(run, generation, 0) || !pab_has_blocks(run, 1)) {
            return false;
        }
        pab_toy_decref(pab_toys.saved); /* lost again */
        if (!pab_collects(run, 2, 1) ||
            !pab_is(run, "finalizer calls of a loop that was resurrected",
                    (intmax_t)(pab_toys.finalized.count - before), 1)) {
            return false;
        }
        deeds.count = 0; /* the same by counting alone: dies, is resurrected, dies */
        toy = pab_toy_new(&pab_toy_full, 0);
        pab_toy_decref(toy);
        if (!pab_has_blocks(run, 1)) {
            return false;
        }
        pab_toy_decref(pab_toys.saved);
        if (!pab_is(run, "finalizer calls of an object that was resurrected",
                    (intmax_t)(pab_toys.finalized.count - before), 2)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict once_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, finalized_once);
}

#define RING 12

/* Whichever resurrects, and however far away what it resurrects is: the ring stays whole. */
static bool resurrected_ring(struct pab_check_run *run, int resurrector, int depth)
{
    begin(resurrect);
    deeds.count = RING;
    deeds.resurrector = resurrector;
    deeds.resurrected_depth = depth;
    struct pab_toy *ring[RING];
    pab_toy_ring(ring, &pab_toy_full, RING);
    struct pab_toy *inner = pab_toy_new(&pab_toy_plain, RING); /* reached by the ring alone */
    pab_toy_set(ring[3], 1, inner);
    pab_toy_decref(inner);
    pab_toy_drop(ring, RING);
    if (!pab_collects(run, 0, 0)) {
        return false;
    }
    for (int i = 0; i < RING; i++) {
        if (ring[i]->refs[0] != ring[(i + 1) % RING] || ring[3]->refs[1] != inner) {
            return pab_wrong(run, "object %d resurrects object %d: object %d lost a reference",
                             resurrector, (resurrector + depth) % RING, i);
        }
    }
    pab_toy_decref(pab_toys.saved);
    return pab_collects(run, 2, RING + 1) && pab_has_blocks(run, 0);
}

static bool resurrection_is_transitive(struct pab_check_run *run)
{
    for (int resurrector = 0; resurrector < RING; resurrector++) {
        for (int depth = 0; depth < RING; depth += depth < 2 ? 1 : 4) {
            if (!resurrected_ring(run, resurrector, depth)) {
                return false;
            }
        }
    }
    return true;
}

static enum pab_verdict transitive_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, resurrection_is_transitive);
}

#define LOOPS 101

static bool resurrector_blocks_none(struct pab_check_run *run)
{
    for (int resurrector = 0; resurrector < LOOPS; resurrector += 25) {
        begin(resurrect);
        deeds.count = 1;
        deeds.resurrector = resurrector;
        uint64_t before = pab_toys.gc.stats[1].collected;
        struct pab_toy *loops[LOOPS];
        for (int i = 0; i < LOOPS; i++) {
            loops[i] = pab_toy_new(&pab_toy_full, i);
            pab_toy_set(loops[i], 0, loops[i]);
        }
        pab_toy_drop(loops, LOOPS);
        if (!pab_collects(run, 1, LOOPS - 1) || !pab_has_blocks(run, 1) ||
            !pab_is(run, "collected, by the statistics",
                    (intmax_t)(pab_toys.gc.stats[1].collected - before), LOOPS - 1)) {
            return false;
        }
        pab_toy_decref(pab_toys.saved);
        if (!pab_collects(run, 2, 1)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict blocks_none_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, resurrector_blocks_none);
}

/* Each finalizer walks around its ring. */
static bool referents_are_intact(struct pab_check_run *run)
{
    for (int length = 1; length <= RING; length++) {
        begin(resurrect);
        deeds.count = length;
        size_t before = pab_toys.finalized.count;
        struct pab_toy *ring[RING];
        pab_toy_ring(ring, length % 2 == 0 ? &pab_toy_full : &pab_toy_watched, length);
        pab_toy_drop(ring, length);
        if (!pab_collects(run, length % PAB_GC_GENERATIONS, length) ||
            !pab_is(run, "finalizers of a ring that ran",
                    (intmax_t)(pab_toys.finalized.count - before), length) ||
            !pab_is(run, "finalizers that found their ring broken", deeds.damaged, 0)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict intact_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, referents_are_intact);
}

/* --- GCC-14 --------------------------------------------------------------------------------- */

static void cut_own_cycle(struct pab_toy *self)
{
    pab_toy_set(self, 0, NULL);
}

/* Empties a ring of other trash: what it held dies by counting, within this finalizer. */
static void delete_other(struct pab_toy *self)
{
    (void)self;
    if (deeds.kept[0] != NULL) {
        struct pab_toy *other = deeds.kept[0];
        deeds.kept[0] = NULL;
        pab_toy_set(other, 0, NULL);
    }
}

/* C has no exception: it does half of its work, reports, and returns. */
static void raise_error(struct pab_toy *self)
{
    deeds.globals++;
    if (self->refs[0] != NULL) {
        return;
    }
    deeds.damaged++;
}

static void collect_within(struct pab_toy *self)
{
    (void)self;
    deeds.nested += pab_gc_collect(&pab_toys.gc, 2);
}

static void touch_globals(struct pab_toy *self)
{
    deeds.globals += self->id;
    if (deeds.kept[1] != NULL) {
        struct pab_toy *kept = deeds.kept[1];
        deeds.kept[1] = NULL;
        pab_toy_decref(kept);
    }
}

/* Two rings of three, all finalized, and an object that a variable holds; the second ring is
 * kept[0] until it is lost, too. */
static bool lose_rings(struct pab_check_run *run, void (*deed)(struct pab_toy *self), int expected)
{
    begin(deed);
    size_t before = pab_toys.finalized.count;
    struct pab_toy *rings[6];
    pab_toy_ring(rings, &pab_toy_full, 3);
    pab_toy_ring(rings + 3, &pab_toy_watched, 3);
    deeds.kept[0] = rings[3];
    deeds.kept[1] = pab_toy_new(&pab_toy_full, 9);
    pab_toy_drop(rings, 6);
    if (!pab_collects(run, 1, expected)) {
        return false;
    }
    pab_toys.on_finalize = NULL;
    if (deeds.kept[1] != NULL) {
        pab_toy_decref(deeds.kept[1]);
    }
    pab_gc_collect(&pab_toys.gc, 2); /* what the finalizers made */
    return pab_is(run, "finalizers that ran", (intmax_t)(pab_toys.finalized.count - before), 7) &&
           pab_has_blocks(run, 0);
}

static bool finalizers_may_do_anything(struct pab_check_run *run)
{
    if (!lose_rings(run, cut_own_cycle, 0)) { /* all six die by counting */
        return false;
    }
    if (!lose_rings(run, delete_other, 3)) {
        return false;
    }
    if (!lose_rings(run, raise_error, 6) || !pab_is(run, "errors", deeds.globals, 7 - 1) ||
        !pab_is(run, "cleared before being finalized", deeds.damaged, 0)) {
        return false;
    }
    if (!lose_rings(run, collect_within, 6) ||
        !pab_is(run, "collected by finalizers", deeds.nested, 0)) {
        return false;
    }
    return lose_rings(run, make_loops, 6) && lose_rings(run, touch_globals, 6);
}

static enum pab_verdict anything_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, finalizers_may_do_anything);
}

/* --- GCC-26 --------------------------------------------------------------------------------- */

static void lose_and_collect(struct pab_toy *self)
{
    (void)self;
    struct pab_toy *loop = pab_toy_new(&pab_toy_spanned, 50);
    pab_toy_set(loop, 0, loop);
    pab_toy_decref(loop);
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        deeds.nested += pab_gc_collect(&pab_toys.gc, generation);
    }
}

static bool collections_do_not_nest(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        begin(lose_and_collect);
        uint64_t before = 0;
        uint64_t after = 0;
        for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
            before += pab_toys.gc.stats[i].collections;
        }
        struct pab_toy *toy;
        pab_toy_ring(&toy, &pab_toy_full, 1);
        pab_toy_decref(toy);
        bool holds = pab_collects(run, generation, 1) &&
                     pab_is(run, "what collections within one gave", deeds.nested, 0);
        for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
            after += pab_toys.gc.stats[i].collections;
        }
        if (!holds || !pab_is(run, "collections that ran", (intmax_t)(after - before), 1) ||
            !pab_collects(run, 0, 1)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict nest_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, collections_do_not_nest);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-09",
        .summary = "objects made during a collection are tracked, not lost, and collected later",
        .source = "python/cpython pull request 116206: an earlier version lost them",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = made_run,
    },
    {
        .id = "GCC-10",
        .summary = "a finalizer runs once in the life of its object",
        .source = "PEP 442; CPython Lib/test/test_finalization.py",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = once_run,
    },
    {
        .id = "GCC-11",
        .summary = "what a resurrected object leads to is resurrected with it, and whole",
        .source = "CPython Lib/test/test_gc.py test_resurrection_is_transitive",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = transitive_run,
    },
    {
        .id = "GCC-12",
        .summary = "a resurrected object does not keep other trash, and is not counted",
        .source = "CPython Lib/test/test_gc.py test_resurrection_does_not_block_cleanup_of_other_"
                  "objects",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = blocks_none_run,
    },
    {
        .id = "GCC-13",
        .summary = "a finalizer runs while all that its object refers to is intact",
        .source = "PEP 442: finalizers are called before any object is cleared",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = intact_run,
    },
    {
        .id = "GCC-14",
        .summary = "finalizers may break their cycle, delete other trash, fail, collect, allocate "
                   "much and change what others refer to",
        .source = "CPython Lib/test/test_finalization.py suicidal tests; test_gc.py test_boom",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = anything_run,
    },
    {
        .id = "GCC-26",
        .summary = "a collection within a collection does nothing and gives 0",
        .source = "CPython 3.11 Modules/gcmodule.c gc_collect: collecting",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = nest_run,
    },
};

const struct pab_check_group pab_checks_gc_finalizers = {PAB_CHECK_CONTRACT, checks,
                                                         ARRAY_COUNT(checks)};
