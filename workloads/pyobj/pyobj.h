/* workloads/pyobj/pyobj.h -- Python objects for workloads. Depends on allocators/backend.h, gc.h.
 *
 * Names and meaning are those of CPython's C API (pab_list_append ~ PyList_Append), so that one
 * workload source can run on this runtime and on a real libpython. Objects have CPython 3.11's
 * sizes, domains, caches, free lists and growth rules (README.md in this folder).
 *
 * Conventions, as in the C API: functions returning a pointer return a new reference, or NULL
 * when memory is exhausted; "borrowed" is said where it is so; int results are 0 or -1; a
 * function that "steals" says so. Misuse (wrong type, index out of range) is a bug of the
 * workload and stops at an assertion. There is one current runtime per thread.
 */
#ifndef PAB_WORKLOADS_PYOBJ_PYOBJ_H
#define PAB_WORKLOADS_PYOBJ_PYOBJ_H

#include "allocators/backend.h"
#include "allocators/gc/gc.h"

typedef intptr_t pab_ssize; /* Py_ssize_t */

/* --- the runtime ------------------------------------------------------------------------- */

/* Starts a runtime over `heap` and makes it this thread's current one; `storage` (at least
 * pab_py_storage_bytes(), zeroed or used before, aligned to 16) holds what CPython keeps in
 * static memory: the runtime itself, small ints, one-character strings. It asks the heap for
 * nothing. */
size_t pab_py_storage_bytes(void);
void pab_py_start(struct pab_heap *heap, void *storage);
/* Full collection, of frozen objects too, then every cache and free list is emptied: afterwards
 * the heap holds no block of this runtime, unless the workload leaked a reference. */
void pab_py_stop(void);

/* Whether floats, tuples, lists, dicts and key tables that die are kept for the next of their kind,
 * as they are after pab_py_start(). If not, each is asked of the heap and given back, as by a
 * CPython configured --without-freelists. A real libpython has them built in: there they are not
 * optional, and must be used. */
extern const bool pab_py_free_lists_optional;
void pab_py_use_free_lists(bool use);

struct pab_gc *pab_py_gc(void); /* the current runtime's collector */

/* Objects alive now that came from pab_*_new and friends; 0 after a clean pab_py_stop(). Counted
 * in debug builds only, else always 0. */
int64_t pab_py_live_objects(void);

/* --- references -------------------------------------------------------------------------- */

static inline void pab_incref(struct pab_object *object)
{
    object->refcnt++;
}

/* Ends an object whose last reference went. The one thing that tells the two builds of a workload
 * apart in this header: on a real libpython (workloads/capi) types are CPython's own. */
#ifdef PAB_PYOBJ_ON_CPYTHON
void pab_dealloc(struct pab_object *object);
#else
static inline void pab_dealloc(struct pab_object *object)
{
    object->type->dealloc(object);
}
#endif

static inline void pab_decref(struct pab_object *object)
{
    if (--object->refcnt == 0) {
        pab_dealloc(object);
    }
}

static inline void pab_xdecref(struct pab_object *object)
{
    if (object != NULL) {
        pab_decref(object);
    }
}

static inline struct pab_object *pab_new_ref(struct pab_object *object)
{
    pab_incref(object);
    return object;
}

struct pab_object *pab_none(void);       /* borrowed */
struct pab_object *pab_bool(bool value); /* borrowed */

/* --- generic ----------------------------------------------------------------------------- */

int64_t pab_object_hash(struct pab_object *object);                /* PyObject_Hash */
bool pab_object_equal(struct pab_object *a, struct pab_object *b); /* == */
int pab_object_compare(struct pab_object *a,
                       struct pab_object *b); /* <0, 0, >0; numbers, str, bytes, tuple */
struct pab_object *pab_object_str(struct pab_object *object); /* str(x): int, float, str */

/* --- int, float -------------------------------------------------------------------------- */

struct pab_object *pab_long_from_int64(int64_t value); /* PyLong_FromLongLong */
int64_t pab_long_as_int64(struct pab_object *object);  /* wraps modulo 2^64 */
struct pab_object *pab_long_add(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_long_subtract(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_long_multiply(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_long_floor_divide(struct pab_object *a, struct pab_object *b); /* b != 0 */
struct pab_object *pab_long_remainder(struct pab_object *a, struct pab_object *b);    /* b != 0 */
struct pab_object *pab_long_negative(struct pab_object *a);
struct pab_object *pab_long_lshift(struct pab_object *a, struct pab_object *bits); /* bits >= 0 */
struct pab_object *pab_long_rshift(struct pab_object *a, struct pab_object *bits); /* bits >= 0 */
struct pab_object *pab_long_and(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_long_or(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_long_xor(struct pab_object *a, struct pab_object *b);
/* int(text): decimal digits after an optional '-' (PyLong_FromString, base 10). */
struct pab_object *pab_long_from_text(const char *text);

struct pab_object *pab_float_from_double(double value);
double pab_float_as_double(struct pab_object *object);

/* --- str, bytes -------------------------------------------------------------------------- */

/* An uninitialised str of `length` characters, the largest of which will be `maxchar`
 * (PyUnicode_New): the kind follows from it as in PEP 393. */
struct pab_object *pab_unicode_new(pab_ssize length, uint32_t maxchar);
struct pab_object *pab_unicode_from_utf8(const char *text, pab_ssize bytes);
struct pab_object *pab_unicode_from_ascii(const char *text, pab_ssize length);
pab_ssize pab_unicode_length(struct pab_object *str);
uint32_t pab_unicode_read_char(struct pab_object *str, pab_ssize index);
const void *pab_unicode_data(struct pab_object *str);
struct pab_object *pab_unicode_concat(struct pab_object *a, struct pab_object *b);
/* s += t (PyUnicode_Append): steals *left and replaces it; resized in place when CPython would. */
int pab_unicode_append(struct pab_object **left, struct pab_object *right);
struct pab_object *pab_unicode_substring(struct pab_object *str, pab_ssize start, pab_ssize end);
struct pab_object *pab_unicode_join(struct pab_object *separator, struct pab_object *list);
struct pab_object *pab_unicode_split(struct pab_object *str, uint32_t separator); /* -> list */
struct pab_object *pab_unicode_replace(struct pab_object *str, struct pab_object *from,
                                       struct pab_object *to);
struct pab_object *pab_unicode_lower(struct pab_object *str);
struct pab_object *pab_unicode_repeat(struct pab_object *str, pab_ssize count); /* str * n */
/* Where `part` first occurs, or -1; -2 when memory is out, for a wider text needs a temporary. */
pab_ssize pab_unicode_find(struct pab_object *str, struct pab_object *part);
/* sys.intern(): steals *str, replaces it by the one interned object. Mortal, as in 3.11. */
int pab_unicode_intern_in_place(struct pab_object **str);

struct pab_object *pab_bytes_from_string(const char *data,
                                         pab_ssize size); /* NULL: uninitialised */
pab_ssize pab_bytes_size(struct pab_object *bytes);
char *pab_bytes_as_string(struct pab_object *bytes);
struct pab_object *pab_bytes_concat(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_unicode_encode(struct pab_object *str); /* str -> UTF-8 bytes */
struct pab_object *pab_bytes_decode(struct pab_object *bytes); /* UTF-8 bytes -> str */

struct pab_object *pab_bytearray_from_string(const char *data,
                                             pab_ssize size); /* NULL: uninitialised */
pab_ssize pab_bytearray_size(struct pab_object *bytearray);
char *pab_bytearray_as_string(struct pab_object *bytearray);
int pab_bytearray_resize(struct pab_object *bytearray, pab_ssize size);
int pab_bytearray_append(struct pab_object *bytearray, uint8_t byte); /* .append(byte) */
/* bytearray += bytes or another bytearray, in place */
int pab_bytearray_extend(struct pab_object *bytearray, struct pab_object *more);
struct pab_object *pab_bytearray_concat(struct pab_object *a, struct pab_object *b);

/* --- tuple, list ------------------------------------------------------------------------- */

struct pab_object *pab_tuple_new(pab_ssize size); /* items NULL until set */
void pab_tuple_set_item(struct pab_object *tuple, pab_ssize index,
                        struct pab_object *item);                                 /* steals */
struct pab_object *pab_tuple_get_item(struct pab_object *tuple, pab_ssize index); /* borrowed */
pab_ssize pab_tuple_size(struct pab_object *tuple);
struct pab_object *pab_tuple_pack(size_t count, ...); /* new references are taken */
struct pab_object *pab_tuple_get_slice(struct pab_object *tuple, pab_ssize low, pab_ssize high);
struct pab_object *pab_tuple_concat(struct pab_object *a, struct pab_object *b);
struct pab_object *pab_tuple_repeat(struct pab_object *tuple, pab_ssize count);

struct pab_object *pab_list_new(pab_ssize size); /* items NULL until set */
pab_ssize pab_list_size(struct pab_object *list);
struct pab_object *pab_list_get_item(struct pab_object *list, pab_ssize index); /* borrowed */
void pab_list_set_item(struct pab_object *list, pab_ssize index,
                       struct pab_object *item); /* steals */
int pab_list_append(struct pab_object *list, struct pab_object *item);
int pab_list_insert(struct pab_object *list, pab_ssize where, struct pab_object *item);
struct pab_object *pab_list_pop(struct pab_object *list, pab_ssize index); /* list.pop(index) */
int pab_list_extend(struct pab_object *list, struct pab_object *sequence); /* a list or a tuple */
/* A slice, sum, product or tuple of lists is allocated first, and the collection that this may
 * start may run a finalizer that changes a list: then it holds, of the items that it was to hold,
 * those that are still there. */
struct pab_object *pab_list_get_slice(struct pab_object *list, pab_ssize low, pab_ssize high);
/* list[low:high] = items; items NULL deletes the slice. */
int pab_list_set_slice(struct pab_object *list, pab_ssize low, pab_ssize high,
                       struct pab_object *items);
struct pab_object *pab_list_concat(struct pab_object *a, struct pab_object *b); /* a + b */
struct pab_object *pab_list_repeat(struct pab_object *list, pab_ssize count);   /* a * n */
void pab_list_reverse(struct pab_object *list);
int pab_list_sort(struct pab_object *list);  /* stable merge sort; temporary memory as timsort's */
int pab_list_clear(struct pab_object *list); /* list.clear() */
struct pab_object *pab_list_as_tuple(struct pab_object *list);

/* --- dict -------------------------------------------------------------------------------- */

struct pab_object *pab_dict_new(void);
int pab_dict_set_item(struct pab_object *dict, struct pab_object *key, struct pab_object *value);
struct pab_object *pab_dict_get_item(struct pab_object *dict,
                                     struct pab_object *key);           /* borrowed or NULL */
int pab_dict_del_item(struct pab_object *dict, struct pab_object *key); /* -1: no such key */
pab_ssize pab_dict_size(struct pab_object *dict);
/* PyDict_Next: *position starts at 0; key and value are borrowed. */
bool pab_dict_next(struct pab_object *dict, pab_ssize *position, struct pab_object **key,
                   struct pab_object **value);
struct pab_object *pab_dict_copy(struct pab_object *dict);
int pab_dict_update(struct pab_object *dict, struct pab_object *other); /* dict.update(other) */
struct pab_object *pab_dict_pop(struct pab_object *dict,
                                struct pab_object *key);    /* new reference; NULL: no such key */
struct pab_object *pab_dict_keys(struct pab_object *dict);  /* PyDict_Keys: a list */
struct pab_object *pab_dict_items(struct pab_object *dict); /* PyDict_Items: a list of pairs */
void pab_dict_clear(struct pab_object *dict);

/* --- set, frozenset ---------------------------------------------------------------------- */

/* set(items), frozenset(items), of a list, tuple, set or frozenset, or NULL for an empty one; the
 * frozenset of a frozenset is that itself. */
struct pab_object *pab_set_new(struct pab_object *items);
struct pab_object *pab_frozenset_new(struct pab_object *items);
int pab_set_add(struct pab_object *set, struct pab_object *key);
int pab_set_discard(struct pab_object *set, struct pab_object *key); /* 1: was there, 0: not */
bool pab_set_contains(struct pab_object *set, struct pab_object *key);
struct pab_object *pab_set_pop(struct pab_object *set); /* new reference; NULL: empty */
pab_ssize pab_set_size(struct pab_object *set);
/* _PySet_NextEntry: *position starts at 0; key is borrowed. In table order, which is CPython's
 * where no key hashes by its address. */
bool pab_set_next(struct pab_object *set, pab_ssize *position, struct pab_object **key);
struct pab_object *pab_set_copy(struct pab_object *set);
int pab_set_update(struct pab_object *set, struct pab_object *items); /* set.update(items) */
struct pab_object *pab_set_union(struct pab_object *a, struct pab_object *b);        /* a | b */
struct pab_object *pab_set_intersection(struct pab_object *a, struct pab_object *b); /* a & b */
struct pab_object *pab_set_difference(struct pab_object *a, struct pab_object *b);   /* a - b */
struct pab_object *pab_set_symmetric_difference(struct pab_object *a,
                                                struct pab_object *b); /* a ^ b */
void pab_set_clear(struct pab_object *set);

/* --- classes and instances --------------------------------------------------------------- */

/* __del__: called once, with self alive; may store self somewhere (resurrection). */
typedef void (*pab_finalizer)(struct pab_object *self);

/* A user class. `slots` NULL: instances have a __dict__ (split keys, values array of their own);
 * else the slot names, ended by NULL, in any order (laid out sorted). The class itself is made
 * outside the measured heap, but for its shared key table. `name` and `slots` must outlive it. */
struct pab_object *pab_class_new(const char *name, const char *const *slots,
                                 pab_finalizer finalizer);
struct pab_object *pab_instance_new(struct pab_object *class_object); /* cls() */
/* Names must be interned strs, as the compiler makes them. */
int pab_object_set_attr(struct pab_object *object, struct pab_object *name,
                        struct pab_object *value); /* value NULL deletes */
struct pab_object *pab_object_get_attr(struct pab_object *object, struct pab_object *name);
struct pab_object *pab_object_dict(struct pab_object *object); /* obj.__dict__: new reference */

/* --- functions, weak references ----------------------------------------------------------- */

/* A function written in C, taking one argument (METH_O); returns a new reference. */
typedef struct pab_object *(*pab_callback)(struct pab_object *self, struct pab_object *argument);

/* PyCFunction_New: a callable that holds a reference to `self` (or NULL) and hands it on. */
struct pab_object *pab_function_new(pab_callback function, struct pab_object *self);

/* PyWeakref_NewRef. Instances (but for those with slots), sets, frozensets and functions can be
 * referred to. `callback`: NULL, or a function that is called with the weakref when the object
 * goes. A weakref without callback is shared: a second call gives the same one. */
struct pab_object *pab_weakref_new(struct pab_object *object, struct pab_object *callback);
struct pab_object *pab_weakref_get(struct pab_object *weakref); /* borrowed; None: it is gone */

/* --- iterators, generators ---------------------------------------------------------------- */

struct pab_object *pab_object_iter(struct pab_object *items); /* of a list or generator */
/* next(iterator): 1 and a new reference, 0: it is at its end, -1 when memory is exhausted. */
int pab_iterator_next(struct pab_object *iterator, struct pab_object **value);

/* def generator(function, items):
 *     for item in items:
 *         yield function(item)
 * called with a function of pab_function_new() and a list or another generator. It is run to its
 * end before its last reference goes: what Python does to close one early is not acted out. */
struct pab_object *pab_generator_new(struct pab_object *function, struct pab_object *items);

/* --- types written in C ------------------------------------------------------------------- */

/* What the author of an extension module writes: a type outside of the collector. Its objects are
 * `size` bytes, which begin with a struct pab_object and are zero at first. A pool of its own
 * stands where tp_alloc and tp_free do; without one they are PyObject_Malloc and PyObject_Free. */
struct pab_extension {
    const char *name;
    size_t size;                             /* a multiple of 8 */
    void (*drop)(struct pab_object *self);   /* gives up what the object holds. Optional */
    void *(*take)(size_t size);              /* memory of one object, or NULL. Optional, with ... */
    void (*give)(void *memory, size_t size); /* ... its counterpart */
};

/* PyType_Ready: asks the heap for nothing. It holds until pab_py_stop(); `extension` for ever. */
struct pab_extension_type;
const struct pab_extension_type *pab_extension_ready(const struct pab_extension *extension);
struct pab_object *pab_extension_new(const struct pab_extension_type *type);

/* PyMem_RawMalloc, PyMem_RawCalloc, PyMem_RawRealloc, PyMem_RawFree; PyMem_Malloc, PyMem_Realloc,
 * PyMem_Free; PyObject_Malloc, PyObject_Free: what an extension calls. */
void *pab_extension_raw_malloc(size_t size);
void *pab_extension_raw_calloc(size_t count, size_t size);
void *pab_extension_raw_realloc(void *block, size_t size);
void pab_extension_raw_free(void *block);
void *pab_extension_mem_malloc(size_t size);
void *pab_extension_mem_realloc(void *block, size_t size);
void pab_extension_mem_free(void *block);
void *pab_extension_obj_malloc(size_t size);
void pab_extension_obj_free(void *block);

/* --- the collector: Python's gc module ----------------------------------------------------- */

struct pab_gc_counts {
    int count[PAB_GC_GENERATIONS];
};

/* What a runtime starts with. A harness may set it before pab_py_start(). */
struct pab_gc_options {
    bool enabled;
    int threshold[PAB_GC_GENERATIONS];
};
extern struct pab_gc_options pab_py_gc_options; /* enabled; 700, 10, 10 */

/* Told before and after every collection (gc.callbacks). A harness may set it before pab_py_start(),
 * and leaves it so until pab_py_stop(). It must use neither objects nor the heap. Not on a real
 * libpython: a callback there gets a new dict, which moves the collections that come after. */
extern void (*pab_py_on_collection)(const struct pab_gc_report *report); /* NULL: nobody */

/* What the collectors of all runtimes that have ended did. */
struct pab_gc_stats pab_py_gc_total(int generation);

pab_ssize pab_py_collect(int generation); /* gc.collect(generation) */
void pab_py_gc_enable(bool enabled);      /* gc.enable(), gc.disable() */
void pab_py_gc_set_threshold(int threshold0, int threshold1, int threshold2);
struct pab_gc_counts pab_py_gc_count(void);             /* gc.get_count() */
struct pab_gc_stats pab_py_gc_stats(int generation);    /* gc.get_stats()[generation] */
void pab_py_gc_freeze(void);                            /* gc.freeze() */
void pab_py_gc_unfreeze(void);                          /* gc.unfreeze() */
pab_ssize pab_py_gc_freeze_count(void);                 /* gc.get_freeze_count() */
bool pab_py_gc_is_tracked(struct pab_object *object);   /* gc.is_tracked() */
bool pab_py_gc_is_finalized(struct pab_object *object); /* gc.is_finalized() */
/* Visits the objects of one generation in list order; the visitor must not allocate. */
void pab_py_gc_visit(int generation, void (*visit)(void *arg, struct pab_object *object),
                     void *arg);

/* --- for workloads ----------------------------------------------------------------------- */

/* What a workload does when the backend gives no memory: reports it and ends the process. Set by
 * the harness; the default prints one line and aborts. */
extern void (*pab_py_out_of_memory)(void) __attribute__((noreturn));

/* Passes a result through, or ends the cell: keeps workloads free of error paths. */
static inline struct pab_object *pab_must(struct pab_object *object)
{
    if (__builtin_expect(object == NULL, 0)) {
        pab_py_out_of_memory();
    }
    return object;
}

static inline void pab_must_do(int status)
{
    if (__builtin_expect(status != 0, 0)) {
        pab_py_out_of_memory();
    }
}

#endif
