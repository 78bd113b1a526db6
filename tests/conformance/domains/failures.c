/* tests/conformance/domains/failures.c -- Python's objects over the heap under test, while each request
 * in turn is refused: nothing crashes, nothing leaks, and the next run is as the first.
 */
#include "allocators/decorate/counting.h"
#include "allocators/decorate/faulty.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "workloads/pyobj/pyobj.h"
#include "workloads/support/rng.h"

#include <inttypes.h>

#define STEPS      500
#define STEPS_MOST 5000
#define SLOTS      48

/* A program over ints, strs, lists, dicts, tuples and instances, that can go on after any failure:
 * a slot whose object could not be made holds NULL. */
struct driver {
    struct pab_rng rng;
    struct pab_object *class;
    struct pab_object *slots[SLOTS];
    uint64_t failures; /* calls that reported a lack of memory */
};

static struct pab_object *note_made(struct driver *driver, struct pab_object *object)
{
    driver->failures += object == NULL;
    return object;
}

static void note(struct driver *driver, int status)
{
    driver->failures += status != 0;
}

static struct pab_object *make_str(struct driver *driver)
{
    char text[64];
    size_t length = 1 + pab_rng_below(&driver->rng, sizeof(text) - 1);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + pab_rng_below(&driver->rng, 26));
    }
    return pab_unicode_from_ascii(text, (pab_ssize)length);
}

static struct pab_object *make_list(struct driver *driver)
{
    struct pab_object *list = pab_list_new(0);
    uint32_t length = pab_rng_below(&driver->rng, 40);
    for (uint32_t i = 0; list != NULL && i < length; i++) {
        struct pab_object *item = note_made(driver, pab_long_from_int64((int64_t)i * 100003));
        note(driver, item == NULL ? 0 : pab_list_append(list, item));
        pab_xdecref(item);
    }
    return list;
}

static struct pab_object *make_dict(struct driver *driver)
{
    struct pab_object *dict = pab_dict_new();
    uint32_t size = pab_rng_below(&driver->rng, 20);
    for (uint32_t i = 0; dict != NULL && i < size; i++) {
        struct pab_object *key = note_made(driver, make_str(driver));
        note(driver, key == NULL ? 0 : pab_dict_set_item(dict, key, key));
        pab_xdecref(key);
    }
    return dict;
}

/* Refers to itself, so that only the collector frees it. */
static struct pab_object *make_instance(struct driver *driver)
{
    static const char *const names[] = {"one", "two", "three"};
    struct pab_object *object = driver->class == NULL ? NULL : pab_instance_new(driver->class);
    for (size_t i = 0; object != NULL && i < ARRAY_COUNT(names); i++) {
        struct pab_object *name = note_made(driver, pab_unicode_from_ascii(names[i], 3));
        note(driver, name == NULL ? 0 : pab_object_set_attr(object, name, object));
        pab_xdecref(name);
    }
    return object;
}

static struct pab_object *make_any(struct driver *driver)
{
    switch (pab_rng_below(&driver->rng, 6)) {
    case 0:
        return pab_long_from_int64((int64_t)(pab_rng_next(&driver->rng) >> 2));
    case 1:
        return pab_float_from_double(pab_rng_unit(&driver->rng));
    case 2:
        return make_str(driver);
    case 3:
        return make_list(driver);
    case 4:
        return make_dict(driver);
    default:
        return make_instance(driver);
    }
}

static void drop(struct pab_object **slot)
{
    struct pab_object *object = *slot;
    *slot = NULL;
    pab_xdecref(object);
}

static void driver_step(struct driver *driver)
{
    struct pab_object **slot = &driver->slots[pab_rng_below(&driver->rng, SLOTS)];
    struct pab_object **other = &driver->slots[pab_rng_below(&driver->rng, SLOTS)];
    uint32_t what = pab_rng_below(&driver->rng, 8);
    if (*slot == NULL) {
        *slot = note_made(driver, make_any(driver));
    } else if (what < 3) {
        drop(slot);
    } else if (what < 6 && *other != NULL) {
        struct pab_object *pair = note_made(driver, pab_tuple_pack(2, *slot, *other));
        drop(slot);
        *slot = pair;
    } else if (what == 6) {
        pab_py_collect(1);
    }
}

/* Whether no call reported a failure. */
static bool driver_run(struct pab_heap *heap, void *storage, uint64_t seed, uint64_t steps)
{
    static struct driver driver;
    driver = (struct driver){.failures = 0};
    pab_rng_seed(&driver.rng, seed);
    pab_py_start(heap, storage);
    pab_py_gc()->generations[0].threshold = 50;
    driver.class = note_made(&driver, pab_class_new("Node", NULL, NULL));
    for (uint64_t i = 0; i < steps; i++) {
        driver_step(&driver);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        drop(&driver.slots[i]);
    }
    pab_xdecref(driver.class);
    pab_py_stop();
    return driver.failures == 0;
}

/* --- the sweep -------------------------------------------------------------------------------- */

struct failures {
    struct pab_check_run *run;
    struct pab_counting counting; /* below the faults: what the heap has been asked for */
    struct pab_faulty faulty;
    void *storage;
    uint64_t steps;
};

static bool expect_nothing_left(struct failures *failures, uint64_t n, const char *how)
{
    struct pab_check_run *run = failures->run;
    const struct pab_counts *counts = &failures->counting.counts;
    return counts->live_blocks == 0 ||
           pab_wrong(run,
                     "%" PRIu64 " blocks (%" PRIu64 " bytes) were left when request %" PRIu64
                     "%s was refused; seed %" PRIu64,
                     counts->live_blocks, counts->live_bytes, n, how, run->seed);
}

/* Request n, and with LASTING all after it, is refused; then a run without any. True: go on. */
static bool refuse_from(struct failures *failures, uint64_t n, enum pab_fault fault, bool *is_clean)
{
    struct pab_check_run *run = failures->run;
    const char *how = fault == PAB_FAULT_LASTING ? " and all later ones" : "";
    pab_faulty_arm(&failures->faulty, n, fault);
    bool is_whole = driver_run(run->heap, failures->storage, run->seed, failures->steps);
    *is_clean = failures->faulty.failed == 0;
    run->ops_done += failures->faulty.calls;
    pab_faulty_arm(&failures->faulty, 0, PAB_FAULT_NONE);
    if (*is_clean && !is_whole) {
        return pab_wrong(run,
                         "objects reported a lack of memory though no request was refused; "
                         "seed %" PRIu64,
                         run->seed);
    }
    return expect_nothing_left(failures, n, how);
}

/* n = 0, 1, ... until the program makes no n-th request. */
static bool refuse_each(struct failures *failures, enum pab_fault fault, uint64_t stride,
                        uint64_t *requests)
{
    bool is_clean = false;
    uint64_t n = 0;
    for (; !is_clean; n += stride) {
        if (!refuse_from(failures, n, fault, &is_clean)) {
            return false;
        }
    }
    *requests = n - stride;
    bool is_usable =
        driver_run(failures->run->heap, failures->storage, failures->run->seed, failures->steps);
    return is_usable || pab_wrong(failures->run,
                                  "afterwards the same program was short of memory; seed %" PRIu64,
                                  failures->run->seed);
}

static enum pab_verdict failures_run(struct pab_check_run *run)
{
    static struct failures failures;
    failures.run = run;
    failures.steps = pab_budget(run, STEPS, STEPS_MOST);
    failures.storage = pab_process_pages(pab_py_storage_bytes());
    struct pab_error err;
    if (pab_counting_attach(&failures.counting, run->heap, &err) != PAB_OK) {
        return pab_skip(run, "%.200s", err.text);
    }
    pab_faulty_attach(&failures.faulty, run->heap);
    uint64_t once = 0;
    uint64_t lasting = 0;
    bool holds = refuse_each(&failures, PAB_FAULT_ONCE, 1, &once) &&
                 refuse_each(&failures, PAB_FAULT_LASTING, 7, &lasting);
    pab_faulty_detach(&failures.faulty);
    pab_counting_detach(&failures.counting);
    pab_compared(run,
                 "%" PRIu64 " steps over objects of 6 kinds: each of %" PRIu64
                 " requests refused once, every 7th with all after it",
                 failures.steps, once);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-17",
        .summary = "any request of Python's objects may be refused: no crash, no leak, all usable",
        .source = "CPython Lib/test/test_capi/test_mem.py, test_set_nomemory; pyfailmalloc",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = failures_run,
    },
};

const struct pab_check_group pab_checks_failures = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
