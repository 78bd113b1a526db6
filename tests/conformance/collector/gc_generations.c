/* tests/conformance/collector/gc_generations.c -- generations: who keeps whom alive across them,
 * and who moves where. */
#include "tests/conformance/collector/scene.h"

#define FROZEN    PAB_GC_GENERATIONS
#define UNTRACKED (PAB_GC_GENERATIONS + 1)

/* An object in the list of that generation, or in none. */
static struct pab_toy *new_in(int generation, const struct pab_type *type, int id)
{
    struct pab_toy *toy = pab_toy_new(type, id);
    if (generation == UNTRACKED) {
        pab_gc_untrack(toy);
    } else if (generation == FROZEN) {
        pab_gc_freeze(&pab_toys.gc);
    } else if (generation > 0) {
        pab_gc_collect(&pab_toys.gc, generation - 1);
    }
    return toy;
}

/* --- GCC-07 --------------------------------------------------------------------------------- */

/* holder -> a <-> b: only the holder, which `generation` does not hold, keeps them. */
static bool kept_by(struct pab_check_run *run, int holders, int generation,
                    const struct pab_type *type)
{
    struct pab_toy *holder = new_in(holders, type, 0);
    struct pab_toy *pair[2];
    pab_toy_ring(pair, type, 2);
    pab_toy_set(holder, 0, pair[0]);
    pab_toy_drop(pair, 2);
    if (!pab_collects(run, generation, 0)) {
        return false;
    }
    if (holder->refs[0] != pair[0] || pair[0]->refs[0] != pair[1] || pair[1]->refs[0] != pair[0]) {
        return pab_wrong(run, "collect(%d) cleared what an object of list %d holds", generation,
                         holders);
    }
    if (holders == FROZEN) {
        pab_gc_unfreeze(&pab_toys.gc);
    }
    pab_toy_decref(holder);
    return pab_collects(run, 2, 2) && pab_has_blocks(run, 0);
}

static bool kept_by_outside(struct pab_check_run *run, const struct pab_type *type)
{
    for (int holders = 1; holders <= UNTRACKED; holders++) {
        for (int generation = 0; generation < holders && generation <= 2; generation++) {
            if (!kept_by(run, holders, generation, type)) {
                return false;
            }
        }
    }
    return true;
}

static bool outside_keeps(struct pab_check_run *run)
{
    return kept_by_outside(run, &pab_toy_plain) && kept_by_outside(run, &pab_toy_spanned);
}

static enum pab_verdict outside_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, outside_keeps);
}

/* --- GCC-08 --------------------------------------------------------------------------------- */

static bool old_trash_keeps_young(struct pab_check_run *run)
{
    for (int older = 1; older < PAB_GC_GENERATIONS; older++) {
        struct pab_toy *old = new_in(older, &pab_toy_spanned, 0);
        struct pab_toy *young = pab_toy_new(&pab_toy_spanned, 1);
        pab_toy_set(old, 0, young);
        pab_toy_set(young, 0, old);
        pab_toy_decref(old);
        pab_toy_decref(young);
        if (!pab_collects(run, 0, 0) || !pab_collects(run, older - 1, 0) ||
            !pab_is(run, "an edge of old trash is kept", old->refs[0] == young, true) ||
            !pab_collects(run, 2, 2) || !pab_has_blocks(run, 0)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict old_trash_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, old_trash_keeps_young);
}

/* --- GCC-22 --------------------------------------------------------------------------------- */

static bool counts_are(struct pab_check_run *run, int young, int middle, int old)
{
    const struct pab_gc_generation *generations = pab_toys.gc.generations;
    return pab_is(run, "count 0", generations[0].count, young) &&
           pab_is(run, "count 1", generations[1].count, middle) &&
           pab_is(run, "count 2", generations[2].count, old);
}

/* From each generation, by each collection that holds it. */
static bool survivor_moves(struct pab_check_run *run, int from, int generation)
{
    struct pab_toy *toy = new_in(from, &pab_toy_plain, 7);
    struct pab_gc_generation *generations = pab_toys.gc.generations;
    generations[0].count = 5;
    generations[1].count = 3;
    generations[2].count = 1;
    if (!pab_is_list(run, from, PAB_IDS(7)) || !pab_collects(run, generation, 0)) {
        return false;
    }
    int to = generation < from ? from : generation < 2 ? generation + 1 : 2;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        if (i == to ? !pab_is_list(run, i, PAB_IDS(7)) : !pab_is_list(run, i, PAB_NO_IDS)) {
            return false;
        }
    }
    bool counted = generation == 0   ? counts_are(run, 0, 4, 1)
                   : generation == 1 ? counts_are(run, 0, 0, 2)
                                     : counts_are(run, 0, 0, 0);
    pab_toy_decref(toy);
    return counted;
}

static bool survivors_move(struct pab_check_run *run)
{
    for (int from = 0; from < PAB_GC_GENERATIONS; from++) {
        for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
            if (!survivor_moves(run, from, generation)) {
                return false;
            }
        }
    }
    return true;
}

static enum pab_verdict survivors_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, survivors_move);
}

/* --- GCC-28 --------------------------------------------------------------------------------- */

static bool frozen_is_left_alone(struct pab_check_run *run)
{
    struct pab_toy *ring[3];
    pab_toy_ring(ring, &pab_toy_spanned, 3);
    pab_toy_drop(ring, 3);
    struct pab_toy *held = pab_toy_new(&pab_toy_spanned, 3);
    pab_gc_freeze(&pab_toys.gc);
    uint64_t traversed = pab_toys.traversed;
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        if (!pab_collects(run, generation, 0)) {
            return false;
        }
    }
    if (!pab_is(run, "frozen objects that were examined",
                (intmax_t)(pab_toys.traversed - traversed), 0) ||
        !pab_is_list(run, FROZEN, PAB_IDS(0, 1, 2, 3)) || !counts_are(run, 0, 0, 0)) {
        return false;
    }
    struct pab_toy *loop = pab_toy_new(&pab_toy_spanned, 4); /* lost beside them, it is found */
    pab_toy_set(loop, 0, loop);
    pab_toy_set(loop, 1, held);
    pab_toy_decref(loop);
    if (!pab_collects(run, 2, 1) || !pab_is(run, "a frozen count", held->base.refcnt, 1)) {
        return false;
    }
    pab_gc_unfreeze(&pab_toys.gc);
    if (!pab_is_list(run, FROZEN, PAB_NO_IDS) || !pab_is_list(run, 2, PAB_IDS(0, 1, 2, 3)) ||
        !pab_collects(run, 1, 0) || !pab_collects(run, 2, 3)) {
        return false;
    }
    pab_toy_decref(held);
    return true;
}

static enum pab_verdict frozen_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, frozen_is_left_alone);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-07",
        .summary = "references from older generations, from frozen and from untracked objects keep "
                   "young ones alive",
        .source = "CPython 3.11 Modules/gcmodule.c update_refs, subtract_refs",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = outside_run,
    },
    {
        .id = "GCC-08",
        .summary = "young trash that old trash holds survives a young collection and dies in a "
                   "full one",
        .source = "CPython 3.11: collect() gives 0, 0, 2; Lib/test/test_gc.py",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = old_trash_run,
    },
    {
        .id = "GCC-22",
        .summary = "survivors go to the next generation, the counts up to it restart, the next "
                   "one's rises by 1",
        .source = "CPython Lib/test/test_gc.py test_get_objects, test_collect_generations",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = survivors_run,
    },
    {
        .id = "GCC-28",
        .summary = "frozen objects are never examined; unfreeze returns them to the oldest "
                   "generation",
        .source = "documentation of gc.freeze; CPython Lib/test/test_gc.py test_freeze",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = frozen_run,
    },
};

const struct pab_check_group pab_checks_gc_generations = {PAB_CHECK_CONTRACT, checks,
                                                          ARRAY_COUNT(checks)};
