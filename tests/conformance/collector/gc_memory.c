/* tests/conformance/collector/gc_memory.c -- the collector without memory, objects that could not
 * be completed, and counts that are wrong. */
#include "tests/conformance/collector/quarantine.h"
#include "tests/conformance/collector/scene.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/process.h"

#include <signal.h>

/* --- GCC-31 --------------------------------------------------------------------------------- */

#define RING 60

static struct {
    int attempts, refusals; /* allocations of finalizers and callbacks */
    bool allocate;
} hungry;

static void try_allocation(struct pab_toy *self)
{
    (void)self;
    if (hungry.allocate) {
        struct pab_toy *made = pab_toy_new(&pab_toy_plain, 500);
        hungry.attempts++;
        hungry.refusals += made == NULL;
        if (made != NULL) {
            pab_toy_decref(made);
        }
    }
}

/* Rings of all kinds, one kept, one watched, and what a collection untracks. */
struct lot {
    struct pab_toy *rings[4][RING];
    struct pab_toy *kept, *watch, *callback, *tuple, *dict;
};

static void build(struct lot *lot)
{
    static const struct pab_type *const kinds[] = {&pab_toy_full, &pab_toy_spanned,
                                                   &pab_toy_watched, &pab_toy_wide};
    lot->callback = pab_toy_new(&pab_toy_plain, 400);
    for (int k = 0; k < 4; k++) {
        pab_toy_ring(lot->rings[k], kinds[k], RING);
    }
    lot->watch = pab_toy_weakref_new(401, lot->rings[0][7], lot->callback);
    lot->tuple = pab_toy_new(&pab_toy_tuple, 402);
    lot->dict = pab_toy_new(&pab_toy_dict, 403);
    lot->kept = lot->rings[1][0];
    for (int k = 0; k < 4; k++) {
        for (int i = k == 1; i < RING; i++) {
            pab_toy_decref(lot->rings[k][i]);
        }
    }
}

static bool dispose(struct pab_check_run *run, struct lot *lot)
{
    pab_toy_decref(lot->kept);
    pab_toy_decref(lot->watch);
    pab_toy_decref(lot->callback);
    pab_toy_decref(lot->tuple);
    pab_toy_decref(lot->dict);
    return pab_collects(run, 2, RING) && pab_has_blocks(run, 0);
}

/* The same lot, collected with memory and without. */
static bool collect_without_memory(struct pab_check_run *run, int generation, bool allocate)
{
    struct lot lot;
    hungry.attempts = 0;
    hungry.refusals = 0;
    hungry.allocate = allocate;
    pab_toys.on_finalize = try_allocation;
    pab_toys.on_told = try_allocation;
    build(&lot);
    uint64_t asked = pab_toys.asked;
    pab_toys.refuse = true;
    bool holds = pab_collects(run, generation, (intmax_t)3 * RING);
    pab_toys.refuse = false;
    asked = pab_toys.asked - asked;
    intmax_t events = allocate ? 2 * RING + 1 : 0;
    holds = holds &&
            pab_is(run, "requests for memory during a collection", (intmax_t)asked, events) &&
            pab_is(run, "requests of finalizers that failed", hungry.refusals, events) &&
            pab_is(run, "the tuple is tracked", pab_gc_is_tracked(lot.tuple), false) &&
            pab_is(run, "the dict is tracked", pab_gc_is_tracked(lot.dict), generation < 2);
    hungry.allocate = false;
    return holds && dispose(run, &lot);
}

static bool needs_no_memory(struct pab_check_run *run)
{
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        if (!collect_without_memory(run, generation, false) ||
            !collect_without_memory(run, generation, true)) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict no_memory_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, needs_no_memory);
}

/* --- GCC-32 --------------------------------------------------------------------------------- */

static struct pab_object *answer_none(struct pab_object *self, struct pab_object *argument)
{
    (void)self;
    (void)argument;
    return pab_new_ref(pab_none());
}

#define PARTS 10

/* One container of each kind, some with 20 members, all held by one list, which holds itself.
 * False: memory ran out; whatever was made by then is released, or left to the collector. */
static bool construct(void)
{
    struct pab_object *parts[PARTS] = {NULL};
    struct pab_object *all = pab_list_new(0);
    if (all == NULL) {
        return false;
    }
    bool done = pab_list_append(all, all) == 0;
    struct pab_object *class_object = done ? pab_class_new("Part", NULL, NULL) : NULL;
    struct pab_object *name = class_object != NULL ? pab_unicode_from_ascii("part", 4) : NULL;
    done = name != NULL && pab_unicode_intern_in_place(&name) == 0;
    if (done) {
        parts[0] = pab_tuple_new(20);
        parts[1] = pab_dict_new();
        parts[2] = pab_instance_new(class_object);
        parts[3] = pab_set_new(NULL);
        parts[4] = pab_function_new(answer_none, all);
        parts[5] =
            parts[2] != NULL && parts[4] != NULL ? pab_weakref_new(parts[2], parts[4]) : NULL;
        parts[6] = pab_tuple_pack(2, all, all);
        parts[7] = pab_list_new(30);
        parts[8] = parts[2] != NULL ? pab_object_dict(parts[2]) : NULL;
        parts[9] = pab_frozenset_new(NULL);
    }
    for (int i = 0; i < PARTS; i++) {
        done = done && parts[i] != NULL && pab_list_append(all, parts[i]) == 0;
    }
    for (int i = 0; done && i < 20; i++) {
        struct pab_object *key = pab_long_from_int64(1000 + i);
        done = key != NULL && pab_dict_set_item(parts[1], key, all) == 0 &&
               pab_set_add(parts[3], key) == 0;
        pab_xdecref(key);
    }
    done = done && pab_object_set_attr(parts[2], name, all) == 0;
    for (int i = 0; i < PARTS; i++) {
        pab_xdecref(parts[i]);
    }
    pab_xdecref(name);
    pab_xdecref(class_object);
    pab_decref(all);
    return done;
}

static bool fail_at(struct pab_check_run *run, uint64_t n, void *storage, bool *failed)
{
    static struct pab_quarantine quarantine;
    pab_quarantine_attach(&quarantine, run->heap);
    pab_py_start(&quarantine.heap, storage);
    pab_py_gc_set_threshold(1 + (int)(n % 3), 1, 1); /* collects in between, too */
    quarantine.fail_at = n;
    *failed = !construct();
    struct pab_error err;
    bool holds = pab_gc_check(pab_py_gc(), &err) == PAB_OK || pab_wrong(run, "%s", err.text);
    quarantine.fail_at = 0;
    pab_py_collect(2);
    pab_py_stop();
    run->ops_done += quarantine.calls;
    intmax_t left = quarantine.blocks;
    if (quarantine.text[0] != '\0') {
        pab_wrong(run, "allocation %ju fails: %s", (uintmax_t)n, quarantine.text);
    } else if (left != 0) {
        pab_wrong(run, "allocation %ju fails: %jd blocks are lost", (uintmax_t)n, left);
    }
    holds = holds && left == 0 && quarantine.text[0] == '\0';
    pab_quarantine_release(&quarantine);
    return holds;
}

/* Each allocation of the script fails in turn. */
static bool half_built_is_not_tracked(struct pab_check_run *run)
{
    void *storage = pab_process_pages(pab_py_storage_bytes());
    bool failed = true;
    uint64_t n = 0;
    while (failed) {
        if (!fail_at(run, ++n, storage, &failed)) {
            return false;
        }
    }
    pab_compared(run, "%ju allocations, each failed in turn", (uintmax_t)(n - 1));
    return pab_is(run, "allocations of the constructor script are enough", n > 20, true);
}

static enum pab_verdict half_built_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, half_built_is_not_tracked);
}

/* --- GCC-33 --------------------------------------------------------------------------------- */

/* Two edges lead to each of the ring, but one count says less. */
static int collect_with_low_count(void *arg)
{
    const int *low = arg;
    struct pab_toy *ring[4];
    pab_toy_ring(ring, &pab_toy_spanned, 4);
    for (int i = 0; i < 4; i++) {
        pab_toy_set(ring[i], 1, ring[(i + 3) % 4]);
    }
    pab_toy_drop(ring, 4);
    ring[*low]->base.refcnt--;
    pab_gc_collect(&pab_toys.gc, 2);
    return 0;
}

static bool low_count_is_told(struct pab_check_run *run)
{
    struct pab_toy *toy = pab_toy_new(&pab_toy_plain, 0);
    struct pab_error err;
    toy->base.refcnt = 0;
    if (!pab_is(run, "pab_gc_check() of a tracked object with a count of 0",
                pab_gc_check(&pab_toys.gc, &err), PAB_BAD_DATA)) {
        return false;
    }
    toy->base.refcnt = 1;
    pab_toy_decref(toy);
    if (PAB_CHECK_LEVEL == 0) {
        pab_compared(run, "a count of 0; one that is too low by one is told by builds with "
                          "assertions (PAB_CHECK_LEVEL)");
        return true;
    }
    for (int low = 0; low < 4; low++) {
        struct pab_case done;
        pab_case_run(collect_with_low_count, &low, 5000, &done);
        if (done.end != PAB_CASE_DIED || done.signal != SIGABRT) {
            char how[80];
            pab_case_describe(&done, how, sizeof(how));
            return pab_wrong(run, "a count that is too low by one: the collection %s", how);
        }
    }
    pab_compared(run, "a count of 0; counts too low by one stop a collection at an assertion");
    return true;
}

static enum pab_verdict low_count_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, low_count_is_told);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-31",
        .summary = "a collection asks for no memory, and does the same when there is none",
        .source = "CPython InternalDocs/garbage_collector.md: extra storage is O(1)",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = no_memory_run,
    },
    {
        .id = "GCC-32",
        .summary = "when memory runs out while objects are built, no half-built one is tracked and "
                   "nothing is lost",
        .source = "CPython 3.11 Modules/gcmodule.c gc_alloc; objects are tracked when they are "
                  "complete",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = half_built_run,
    },
    {
        .id = "GCC-33",
        .summary = "a reference count that is too low is diagnosed, by one in builds with "
                   "assertions",
        .source = "CPython Lib/test/test_gc.py test_refcount_errors",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_ERRNO,
        .run = low_count_run,
    },
};

const struct pab_check_group pab_checks_gc_memory = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
