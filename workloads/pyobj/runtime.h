/* workloads/pyobj/runtime.h -- the state of one runtime: heap, caches, statics, trashcan.
 * Internal to this folder and to its tests. Depends on object.h.
 *
 * One runtime per thread, reached by one thread-local pointer. All of it lies in the storage that
 * the caller of pab_py_start() lends, so the heap holds nothing but what Python's heap would.
 */
#ifndef PAB_WORKLOADS_PYOBJ_RUNTIME_H
#define PAB_WORKLOADS_PYOBJ_RUNTIME_H

#include "workloads/pyobj/dict_keys.h"
#include "workloads/pyobj/object.h"

enum {
    PAB_TUPLE_CACHE_SIZES = 20,  /* tuples of 1..20 items are parked ... */
    PAB_TUPLE_CACHE_REUSED = 19, /* ... but those of 20 never reused: a quirk of 3.11 and 3.12 */
    PAB_TUPLE_CACHE_EACH = 2000,
    PAB_FLOAT_CACHE = 100,
    PAB_LIST_CACHE = 80,
    PAB_DICT_CACHE = 80,
    PAB_TRASH_DEPTH = 50, /* deallocs that may nest before the trashcan takes over */
};

/* Parked objects, newest first. Parked GC objects stay counted in generation 0. */
struct pab_free_lists {
    struct pab_tuple *tuples[PAB_TUPLE_CACHE_SIZES]; /* by size - 1, linked through items[0] */
    int tuple_count[PAB_TUPLE_CACHE_SIZES];
    struct pab_float *floats; /* linked through the type field */
    int float_count;
    int list_count, dict_count, keys_count;
    bool off; /* nothing is parked */
    struct pab_list *lists[PAB_LIST_CACHE];
    struct pab_dict *dicts[PAB_DICT_CACHE];
    struct pab_dict_keys *keys[PAB_DICT_CACHE]; /* 8 slots, str keys */
};

/* Objects that CPython keeps in static memory. Raw bytes, since the layouts end in flexible
 * arrays; the accessors below give them their types. */
struct pab_statics {
    _Alignas(16) unsigned char small_ints[PAB_SMALL_INT_COUNT][32];
    _Alignas(16) unsigned char ascii[128][64];  /* one-character strs below 128 */
    _Alignas(16) unsigned char latin1[128][80]; /* 128..255 */
    _Alignas(16) unsigned char bytes[256][48];
    _Alignas(16) unsigned char empty_bytes[48];
    _Alignas(16) unsigned char empty_str[64];
    _Alignas(16) unsigned char booleans[2][32];
    _Alignas(16) struct pab_gc_head empty_tuple_head;
    unsigned char empty_tuple[32];
    struct pab_object none;
    /* The names of sys.intern(), each as its own value. CPython's start-up makes this dict. */
    _Alignas(16) struct pab_gc_head interned_head;
    struct pab_dict interned;
};

struct pab_py {
    struct pab_alloc raw, mem, obj; /* copies of the heap's domain tables */
    struct pab_gc gc;
    struct pab_free_lists free_lists;
    struct pab_object *trash_later; /* linked through the prev word of the GC header */
    int trash_depth;
    int64_t live_objects; /* kept up in debug builds only */
    struct pab_class classes[PAB_CLASS_MAX];
    struct pab_extension_type extensions[PAB_EXTENSION_MAX];
    struct pab_statics statics;
};

extern _Thread_local struct pab_py *pab_py_current __attribute__((tls_model("initial-exec")));

static inline struct pab_py *pab_py(void)
{
    assert(pab_py_current != NULL);
    return pab_py_current;
}

/* gcmodule.c: the collector as pab_py_gc_options say; what it did, added up. */
void pab_py_gc_begin(struct pab_py *py);
void pab_py_gc_end(struct pab_py *py);

/* --- CPython's public wrappers: an absurd size never reaches the allocator ----------------- */

static inline void *pab_obj_malloc(struct pab_py *py, size_t size)
{
    return size > PTRDIFF_MAX ? NULL : py->obj.malloc(py->obj.ctx, size);
}

static inline void *pab_obj_realloc(struct pab_py *py, void *block, size_t size)
{
    return size > PTRDIFF_MAX ? NULL : py->obj.realloc(py->obj.ctx, block, size);
}

static inline void pab_obj_free(struct pab_py *py, void *block)
{
    py->obj.free(py->obj.ctx, block);
}

static inline void *pab_mem_malloc(struct pab_py *py, size_t size)
{
    return size > PTRDIFF_MAX ? NULL : py->mem.malloc(py->mem.ctx, size);
}

static inline void *pab_mem_calloc(struct pab_py *py, size_t count, size_t size)
{
    assert(size != 0);
    return count > PTRDIFF_MAX / size ? NULL : py->mem.calloc(py->mem.ctx, count, size);
}

static inline void *pab_mem_realloc(struct pab_py *py, void *block, size_t size)
{
    return size > PTRDIFF_MAX ? NULL : py->mem.realloc(py->mem.ctx, block, size);
}

static inline void pab_mem_free(struct pab_py *py, void *block)
{
    py->mem.free(py->mem.ctx, block);
}

/* --- birth and death ----------------------------------------------------------------------- */

#ifdef NDEBUG
#define PAB_LIVE_COUNTED 0
#else
#define PAB_LIVE_COUNTED 1
#endif

/* A new object, or one that comes back from a free list. */
static inline void pab_object_born(struct pab_py *py, struct pab_object *object,
                                   const struct pab_type *type)
{
    py->live_objects += PAB_LIVE_COUNTED;
    object->refcnt = 1;
    object->type = type;
}

static inline void pab_object_dead(struct pab_py *py)
{
    py->live_objects -= PAB_LIVE_COUNTED;
    assert(py->live_objects >= 0);
}

/* --- the trashcan: deep nests die without deep recursion (Objects/object.c@v3.11) ----------- */

void pab_trash_drain(struct pab_py *py);

/* False: `object`, untracked and with no reference left, was put off; its dealloc must stop and
 * is called again later. True: go on, and call pab_trash_end(). */
static inline bool pab_trash_begin(struct pab_py *py, struct pab_object *object)
{
    assert(object->refcnt == 0 && !pab_gc_is_tracked(object));
    if (py->trash_depth >= PAB_TRASH_DEPTH) {
        struct pab_gc_head *head = pab_gc_head_of(object);
        head->prev = (uintptr_t)py->trash_later | (head->prev & PAB_GC_PREV_FINALIZED);
        py->trash_later = object;
        return false;
    }
    py->trash_depth++;
    return true;
}

static inline void pab_trash_end(struct pab_py *py)
{
    assert(py->trash_depth > 0);
    if (--py->trash_depth == 0 && py->trash_later != NULL) {
        pab_trash_drain(py);
    }
}

/* --- statics ------------------------------------------------------------------------------- */

static inline struct pab_object *pab_small_int(struct pab_py *py, int64_t value)
{
    assert(value >= PAB_SMALL_INT_MIN && value <= PAB_SMALL_INT_MAX);
    return (struct pab_object *)py->statics.small_ints[value - PAB_SMALL_INT_MIN];
}

static inline bool pab_is_small_int(int64_t value)
{
    return value >= PAB_SMALL_INT_MIN && value <= PAB_SMALL_INT_MAX;
}

#endif
