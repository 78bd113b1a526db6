/* tests/conformance/collector/gc_triggers.c -- when a collection runs by itself, and what it costs.
 * Cost is counted in objects that were asked for their references, never in time. */
#include "tests/conformance/collector/scene.h"

#include <stdint.h>

/* --- GCC-23 --------------------------------------------------------------------------------- */

#define TRIGGERS 140

/* Predicts by itself: counts of allocations and of collections against the thresholds, and the
 * quarter that full ones wait for. Every object stays. */
struct prediction {
    int counts[PAB_GC_GENERATIONS], thresholds[PAB_GC_GENERATIONS];
    intmax_t total, pending, in_generation[PAB_GC_GENERATIONS];
    intmax_t collections[PAB_GC_GENERATIONS];
};

/* Whether an allocation must collect. */
static bool predict_allocation(struct prediction *p)
{
    p->counts[0]++;
    int due = -1;
    if (p->counts[0] > p->thresholds[0]) {
        bool is_middle = p->counts[1] > p->thresholds[1];
        bool is_full = p->counts[2] > p->thresholds[2] && p->pending >= p->total / 4;
        due = is_full ? 2 : is_middle ? 1 : 0;
        intmax_t survivors = 0;
        for (int i = 0; i <= due; i++) {
            survivors += p->in_generation[i];
            p->in_generation[i] = 0;
            p->counts[i] = 0;
        }
        if (due < 2) {
            p->counts[due + 1]++;
        }
        p->collections[due]++;
        p->in_generation[due < 2 ? due + 1 : 2] += survivors;
        p->pending = due == 2 ? 0 : p->pending + (due == 1 ? survivors : 0);
        p->total = due == 2 ? survivors : p->total;
    }
    p->in_generation[0]++; /* it is tracked after that */
    return due >= 0;
}

static intmax_t all_collections(void)
{
    uint64_t all = 0;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        all += pab_toys.gc.stats[i].collections;
    }
    return (intmax_t)all;
}

static bool collections_are(struct pab_check_run *run, const struct prediction *p, int allocations)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        intmax_t found = (intmax_t)pab_toys.gc.stats[i].collections;
        if (found != p->collections[i]) {
            return pab_wrong(run,
                             "thresholds %d, %d, %d: after allocation %d generation %d was "
                             "collected %jd times instead of %jd",
                             p->thresholds[0], p->thresholds[1], p->thresholds[2], allocations, i,
                             found, p->collections[i]);
        }
    }
    return true;
}

/* Live objects only, until so many collections were due. */
static bool triggers_at(struct pab_check_run *run, int young, int middle, int old, int triggers)
{
    pab_toy_begin(&run->heap->domain[PAB_DOMAIN_OBJ]);
    pab_toy_thresholds(young, middle, old);
    struct prediction p = {.thresholds = {young, middle, old}};
    struct pab_toy *chain = NULL;
    bool holds = true;
    for (int allocations = 1; holds && triggers > 0; allocations++) {
        triggers -= predict_allocation(&p);
        struct pab_toy *toy = pab_toy_new(&pab_toy_spanned, 0);
        toy->refs[0] = chain;
        chain = toy;
        holds = collections_are(run, &p, allocations);
    }
    pab_toys.gc.enabled = false;
    pab_toy_free_chain(chain);
    return holds;
}

static bool thresholds_decide(struct pab_check_run *run)
{
    static const int young[] = {1, 2, 3, 10, 50};
    for (size_t i = 0; i < ARRAY_COUNT(young); i++) {
        for (int middle = 0; middle <= 2; middle++) {
            if (!triggers_at(run, young[i], middle, 1, 60)) {
                return false;
            }
        }
    }
    return triggers_at(run, 700, 10, 10, TRIGGERS) && triggers_at(run, 20, 10, 10, 3 * TRIGGERS);
}

static enum pab_verdict thresholds_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, thresholds_decide);
}

/* --- GCC-24, GCC-25 --------------------------------------------------------------------------- */

#define MANY 10000

static bool can_be_off(struct pab_check_run *run)
{
    for (int way = 0; way < 2; way++) {
        pab_toys.gc.enabled = way == 1;
        pab_toy_thresholds(way == 0 ? 5 : 0, 2, 2);
        struct pab_toy *chain = NULL;
        for (int i = 0; i < MANY; i++) {
            struct pab_toy *toy = pab_toy_new(&pab_toy_plain, i);
            toy->refs[0] = chain;
            chain = toy;
        }
        if (!pab_is(run, way == 0 ? "collections while disabled" : "collections at threshold 0",
                    all_collections(), way) ||
            !pab_is(run, "count 0", pab_toys.gc.generations[0].count, MANY)) {
            return false;
        }
        if (!pab_collects(run, 0, 0) ||
            !pab_is(run, "collections after asking for one", all_collections(), way + 1)) {
            return false;
        }
        pab_toy_free_chain(chain);
    }
    return true;
}

static enum pab_verdict off_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, can_be_off);
}

static bool deaths_are_counted(struct pab_check_run *run)
{
    const int *count = &pab_toys.gc.generations[0].count;
    pab_toy_thresholds(10, 10, 10);
    for (int i = 0; i < MANY; i++) { /* never passes the threshold */
        pab_toy_decref(pab_toy_new(&pab_toy_plain, i));
    }
    struct pab_toy *old[5];
    pab_toy_ring(old, &pab_toy_plain, 5);
    for (int i = 0; i < 5; i++) {
        pab_toy_set(old[i], 0, NULL);
    }
    if (!pab_is(run, "collections by objects that die at once", all_collections(), 0) ||
        !pab_is(run, "count 0", *count, 5) || !pab_collects(run, 2, 0)) {
        return false;
    }
    pab_toy_drop(old, 5);
    if (!pab_is(run, "count 0 after more deaths than births", *count, 0)) {
        return false;
    }
    struct pab_toy *few[11];
    for (int i = 0; i < 11; i++) {
        few[i] = pab_toy_new(&pab_toy_plain, i);
        if (!pab_is(run, "count 0", *count, i == 10 ? 0 : i + 1)) {
            return false;
        }
    }
    pab_toy_drop(few, 11);
    return true;
}

static enum pab_verdict deaths_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, deaths_are_counted);
}

/* --- GCC-38, GCC-39 --------------------------------------------------------------------------- */

/* Objects that are asked for their references by a young collection of 100, beside `old` ones. */
static uint64_t young_cost(struct pab_toy **chain, uint64_t old)
{
    pab_toys.gc.enabled = false;
    for (uint64_t i = 0; i < old; i++) {
        struct pab_toy *toy = pab_toy_new(&pab_toy_spanned, 0);
        toy->refs[0] = *chain;
        *chain = toy;
    }
    pab_gc_collect(&pab_toys.gc, 2);
    for (int i = 0; i < 100; i++) {
        struct pab_toy *toy = pab_toy_new(&pab_toy_spanned, 0);
        toy->refs[0] = *chain;
        *chain = toy;
    }
    uint64_t before = pab_toys.traversed;
    pab_gc_collect(&pab_toys.gc, 0);
    return pab_toys.traversed - before;
}

static bool young_cost_is_flat(struct pab_check_run *run)
{
    struct pab_toy *chain = NULL;
    uint64_t most = pab_budget(run, 64000, 10000000);
    uint64_t few = young_cost(&chain, 1000);
    uint64_t many = young_cost(&chain, most);
    pab_toy_free_chain(chain);
    pab_compared(run,
                 "a young collection of 100 objects asks %ju beside 1000 old ones, %ju beside "
                 "%ju more",
                 (uintmax_t)few, (uintmax_t)many, (uintmax_t)most);
    return many <= few || pab_wrong(run, "%ju objects asked, more than beside few old ones: %ju",
                                    (uintmax_t)many, (uintmax_t)few);
}

static enum pab_verdict flat_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, young_cost_is_flat);
}

#define POINTS 16

/* Work done until n, ... and until 2n, ... live objects were made: full collections come in bursts,
 * so single points would say little. */
static bool growth_is_linear(struct pab_check_run *run)
{
    uint64_t n = pab_budget(run, 40000, 10000000);
    uint64_t once = 0;
    uint64_t twice = 0;
    struct pab_toy *chain = NULL;
    pab_toys.gc.report = NULL;      /* to check all lists each time would be quadratic */
    pab_toy_thresholds(70, 10, 10); /* the first full collection comes early */
    for (uint64_t made = 1; made <= 4 * n; made++) {
        struct pab_toy *toy = pab_toy_new(&pab_toy_spanned, 0);
        toy->refs[0] = chain;
        chain = toy;
        bool is_point = made % (n / POINTS) == 0;
        once += is_point && made > n && made <= 2 * n ? pab_toys.traversed : 0;
        twice += made % (2 * (n / POINTS)) == 0 && made > 2 * n ? pab_toys.traversed : 0;
    }
    pab_toys.gc.enabled = false;
    pab_toy_free_chain(chain);
    double ratio = (double)twice / (double)once;
    pab_compared(run,
                 "%ju live objects cost %ju visits on average, twice as many %ju: ratio %.2f, "
                 "at most 3",
                 (uintmax_t)n * 3 / 2, (uintmax_t)once / POINTS, (uintmax_t)twice / POINTS, ratio);
    return ratio <= 3 || pab_wrong(run, "twice the objects cost %.2f times the work", ratio);
}

static enum pab_verdict linear_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, growth_is_linear);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-23",
        .summary = "an allocation past the threshold collects; every so many young ones a middle "
                   "one; a full one waits for a quarter of what is old",
        .source = "CPython 3.11 Modules/gcmodule.c gc_collect_generations; documentation of "
                  "gc.set_threshold; measured",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = thresholds_run,
    },
    {
        .id = "GCC-24",
        .summary = "a threshold of 0 and disable() stop automatic collections, not those that are "
                   "asked for",
        .source = "documentation of gc; CPython Lib/test/test_gc.py GCTogglingTests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = off_run,
    },
    {
        .id = "GCC-25",
        .summary = "an object that is freed lowers the young count, never below 0",
        .source = "CPython 3.11 Modules/gcmodule.c PyObject_GC_Del",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = deaths_run,
    },
    {
        .id = "GCC-38",
        .summary = "a young collection does not cost more because more old objects are there",
        .source = "CPython 3.11 Modules/gcmodule.c, on generations",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = flat_run,
    },
    {
        .id = "GCC-39",
        .summary = "n live containers cost work in proportion to n",
        .source = "CPython issue 4074: full collections were quadratic",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = linear_run,
    },
};

const struct pab_check_group pab_checks_gc_triggers = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
