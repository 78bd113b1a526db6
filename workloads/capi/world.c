/* workloads/capi/world.c -- see world.h. Reads and writes the interpreter state of one release of
 * CPython 3.11 (Include/internal): pab_world_start_interpreter() refuses all others. */
#include "workloads/capi/world.h"

#include "workloads/capi/route.h"

#include <Python.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>

#include <string.h>

/* One-character strs and the empty one: static memory, so that one may be interned in one world
 * and not in the other. */
#define STATIC_STRS 257

/* What a world has of its own while the other one is in place. */
struct world {
    struct gc_generation generations[NUM_GENERATIONS];
    struct gc_generation permanent;
    struct gc_generation_stats stats[NUM_GENERATIONS];
    Py_ssize_t long_lived_total, long_lived_pending;
    int enabled;
    struct _Py_float_state floats;
    struct _Py_tuple_state tuples;
    struct _Py_list_state lists;
    struct _Py_dict_state dicts; /* its free lists only */
    PyDictObject *interned;      /* a dict whose table is exchanged for that of the real one */
    uint8_t is_interned[STATIC_STRS];
};

static struct {
    PyInterpreterState *interpreter; /* NULL: not started */
    PyDictObject *interned;          /* the interpreter's, found by find_interned() */
    PyObject *static_strs[STATIC_STRS];
    struct world aside; /* of the world that is not in place */
    PyGC_Head residents;
    struct pab_heap *heap; /* NULL: no program's world */
    bool outside;          /* left for the interpreter's world */
} world;

/* --- the collector's lists -------------------------------------------------------------------- */

static void list_init(PyGC_Head *head)
{
    head->_gc_next = (uintptr_t)head;
    head->_gc_prev = (uintptr_t)head;
}

static bool list_is_empty(const PyGC_Head *head)
{
    return head->_gc_next == (uintptr_t)head;
}

/* The two flag bits of an object's prev word stay as they are. */
static void list_link(PyGC_Head *left, PyGC_Head *right)
{
    left->_gc_next = (uintptr_t)right;
    right->_gc_prev = (right->_gc_prev & ~_PyGC_PREV_MASK) | ((uintptr_t)left & _PyGC_PREV_MASK);
}

static PyGC_Head *list_last(const PyGC_Head *head)
{
    return (PyGC_Head *)(head->_gc_prev & _PyGC_PREV_MASK);
}

/* Appends all of `from` to `to`. */
static void list_merge(PyGC_Head *from, PyGC_Head *to)
{
    if (!list_is_empty(from)) {
        PyGC_Head *first = (PyGC_Head *)from->_gc_next;
        PyGC_Head *last = list_last(from);
        list_link(list_last(to), first);
        list_link(last, to);
        list_init(from);
    }
}

static void list_exchange(PyGC_Head *a, PyGC_Head *b)
{
    PyGC_Head held;
    list_init(&held);
    list_merge(a, &held);
    list_merge(b, a);
    list_merge(&held, b);
}

static void generation_exchange(struct gc_generation *a, struct gc_generation *b)
{
    list_exchange(&a->head, &b->head);
    int threshold = a->threshold;
    int count = a->count;
    a->threshold = b->threshold;
    a->count = b->count;
    b->threshold = threshold;
    b->count = count;
}

/* --- the exchange ----------------------------------------------------------------------------- */

static void exchange(void *a, void *b, size_t size)
{
    unsigned char held[sizeof(struct _Py_tuple_state) + sizeof(struct _Py_dict_state)];
    PAB_CHECK(size <= sizeof(held));
    memcpy(held, a, size);
    memcpy(a, b, size);
    memcpy(b, held, size);
}

static void exchange_collector(struct _gc_runtime_state *gc, struct world *aside)
{
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        generation_exchange(&gc->generations[i], &aside->generations[i]);
    }
    generation_exchange(&gc->permanent_generation, &aside->permanent);
    exchange(&gc->generation_stats, &aside->stats, sizeof(gc->generation_stats));
    exchange(&gc->long_lived_total, &aside->long_lived_total, sizeof(gc->long_lived_total));
    exchange(&gc->long_lived_pending, &aside->long_lived_pending, sizeof(gc->long_lived_pending));
    exchange(&gc->enabled, &aside->enabled, sizeof(gc->enabled));
}

/* The version counters of dicts go on: they are no memory. */
static void exchange_free_lists(PyInterpreterState *interpreter, struct world *aside)
{
    exchange(&interpreter->float_state, &aside->floats, sizeof(interpreter->float_state));
    exchange(&interpreter->tuple, &aside->tuples, sizeof(interpreter->tuple));
    exchange(&interpreter->list, &aside->lists, sizeof(interpreter->list));
    exchange(&interpreter->dict_state.free_list, &aside->dicts.free_list,
             sizeof(interpreter->dict_state.free_list));
    exchange(&interpreter->dict_state.numfree, &aside->dicts.numfree,
             sizeof(interpreter->dict_state.numfree));
    exchange(&interpreter->dict_state.keys_free_list, &aside->dicts.keys_free_list,
             sizeof(interpreter->dict_state.keys_free_list));
    exchange(&interpreter->dict_state.keys_numfree, &aside->dicts.keys_numfree,
             sizeof(interpreter->dict_state.keys_numfree));
}

static void exchange_interned(struct world *aside)
{
    exchange(&world.interned->ma_used, &aside->interned->ma_used, sizeof(Py_ssize_t));
    exchange(&world.interned->ma_keys, &aside->interned->ma_keys, sizeof(PyDictKeysObject *));
    for (int i = 0; i < STATIC_STRS; i++) {
        PyASCIIObject *str = (PyASCIIObject *)world.static_strs[i];
        uint8_t was = str->state.interned;
        str->state.interned = aside->is_interned[i] & 3u;
        aside->is_interned[i] = was;
    }
}

static void exchange_worlds(void)
{
    exchange_collector(&world.interpreter->gc, &world.aside);
    exchange_free_lists(world.interpreter, &world.aside);
    exchange_interned(&world.aside);
}

/* --- start of the interpreter ----------------------------------------------------------------- */

static PyObject *object_of_block(void *block)
{
    return (PyObject *)((PyGC_Head *)block + 1);
}

/* The dict that gives a name which was just interned. */
static bool is_interned_dict(void *block, void *arg)
{
    PyObject *name = arg;
    PyObject *dict = object_of_block(block);
    if (Py_REFCNT(dict) <= 0 || Py_TYPE(dict) != &PyDict_Type || PyDict_GET_SIZE(dict) < 64 ||
        PyDict_GetItemWithError(dict, name) != name) {
        return false;
    }
    world.interned = (PyDictObject *)dict;
    return true;
}

static bool find_interned(void)
{
    PyObject *name = PyUnicode_InternFromString("pyallocbench looks for the interned names");
    if (name != NULL) {
        pab_route_unwatch_dicts(is_interned_dict, name);
        Py_DECREF(name);
    }
    world.aside.interned = (PyDictObject *)PyDict_New();
    return world.interned != NULL && world.aside.interned != NULL;
}

/* The memory that dtoa keeps for itself after its first use (Python/dtoa.c): every size of big
 * number that some double needs is asked for here and now. */
static void warm_up_float_texts(void)
{
    static const double hard[] = {5e-324,  2.2250738585072011e-308, 1.7976931348623157e308,
                                  1.0 / 3, 9007199254740993e280,    1e23,
                                  1e-300,  123456789.123456789,     8.98846567431158e307};
    for (size_t i = 0; i < ARRAY_COUNT(hard); i++) {
        PyObject *number = PyFloat_FromDouble(hard[i]);
        Py_XDECREF(number == NULL ? NULL : PyObject_Repr(number));
        Py_XDECREF(number);
    }
}

/* No environment, no site, hashes of text that are the same in every run. */
static bool initialize(void)
{
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    if (PyStatus_Exception(Py_PreInitialize(&before))) {
        return false;
    }
    pab_route_watch_dicts();
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    config.pathconfig_warnings = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return !PyStatus_Exception(status);
}

enum pab_status pab_world_start_interpreter(struct pab_error *err)
{
    if (world.interpreter != NULL) {
        return PAB_OK;
    }
    if (Py_Version != PY_VERSION_HEX) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "it was built for CPython %s, and libpython is %.16s: build anew",
                        PY_VERSION, Py_GetVersion());
    }
    if (!initialize() || !find_interned()) {
        return pab_fail(err, PAB_UNAVAILABLE, "CPython %s could not be started", PY_VERSION);
    }
    for (int i = 0; i < STATIC_STRS; i++) {
        world.static_strs[i] = i < 256 ? PyUnicode_FromOrdinal(i) : PyUnicode_New(0, 0);
    }
    warm_up_float_texts();
    PyGC_Collect();
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        list_init(&world.aside.generations[i].head);
    }
    list_init(&world.aside.permanent.head);
    list_init(&world.residents);
    world.interpreter = PyInterpreterState_Get();
    world.interpreter->int_max_str_digits = 0; /* no limit */
    return PAB_OK;
}

/* --- the program's world ---------------------------------------------------------------------- */

static bool is_own(const struct pab_heap *heap, enum pab_domain domain, void *(*function)(size_t))
{
    return heap->domain[domain].ctx == &heap->entry[domain] &&
           heap->entry[domain].malloc == function;
}

static bool result_pending(void)
{
    return !world.interpreter->gc.collecting;
}

void pab_world_begin(struct pab_heap *heap)
{
    PAB_CHECK(world.interpreter != NULL && world.heap == NULL && !world.outside);
    exchange_worlds();
    world.heap = heap;
    if (!is_own(heap, PAB_DOMAIN_MEM, PyMem_Malloc) ||
        !is_own(heap, PAB_DOMAIN_OBJ, PyObject_Malloc)) {
        pab_route_open(heap);
    }
}

/* What is interned at the end, shared one-character strs or names that a program leaked, gets
 * back the two references that the dict did not count. */
static void release_interned(void)
{
    PyObject *dict = (PyObject *)world.interned;
    PyObject *key;
    PyObject *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        ((PyASCIIObject *)key)->state.interned = SSTATE_NOT_INTERNED;
        Py_SET_REFCNT(key, Py_REFCNT(key) + 2);
    }
    PyDict_Clear(dict);
}

void pab_world_wind_up(void)
{
    PAB_CHECK(world.heap != NULL && !world.outside);
    release_interned();
    list_merge(&world.residents, &world.interpreter->gc.generations[0].head);
}

void pab_world_end(void)
{
    PAB_CHECK(world.heap != NULL && !world.outside);
    if (pab_route_is_open()) {
        pab_route_close();
    }
    exchange_worlds();
    struct world *program = &world.aside;
    PyGC_Head *oldest = &world.interpreter->gc.generations[NUM_GENERATIONS - 1].head;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        list_merge(&program->generations[i].head, oldest);
        program->generations[i].count = 0;
    }
    list_merge(&program->permanent.head, oldest);
    list_merge(&world.residents, oldest);
    memset(program->stats, 0, sizeof(program->stats));
    program->long_lived_total = 0;
    program->long_lived_pending = 0;
    world.heap = NULL;
}

void pab_world_leave(void)
{
    PAB_CHECK(world.heap != NULL && !world.outside);
    exchange_worlds();
    pab_route_pause(true);
    world.interpreter->gc.enabled = false;
    world.outside = true;
}

void pab_world_return(void)
{
    PAB_CHECK(world.outside);
    exchange_worlds();
    pab_route_pause(false);
    world.outside = false;
}

void pab_world_return_with_residents(void)
{
    PAB_CHECK(world.outside);
    list_merge(&world.interpreter->gc.generations[0].head, &world.residents);
    pab_world_return();
}

struct pab_heap *pab_world_heap(void)
{
    assert(world.heap != NULL);
    return world.heap;
}

bool pab_world_is_watched(void)
{
    return pab_route_is_open();
}

void pab_world_collects(bool explicitly)
{
    pab_route_keep_result(explicitly ? result_pending : NULL);
}
