/* workloads/pyobj/runtime.c -- start and stop of a runtime, caches, trashcan. See runtime.h. */
#include "workloads/pyobj/runtime.h"

#include <string.h>

_Thread_local struct pab_py *pab_py_current;
static _Thread_local int64_t live_when_stopped; /* what the last runtime of this thread leaked */

static void die_out_of_memory(void) __attribute__((noreturn));

static void die_out_of_memory(void)
{
    fputs("pyobj: the allocator under test gave no memory\n", stderr);
    abort();
}

void (*pab_py_out_of_memory)(void) __attribute__((noreturn)) = die_out_of_memory;

/* --- statics ------------------------------------------------------------------------------- */

static void static_dealloc(struct pab_object *self)
{
    (void)self;
    assert(false && "a static object lost its last reference: a reference was given up twice");
}

const struct pab_type pab_none_type = {.name = "NoneType", .dealloc = static_dealloc};
const struct pab_type pab_bool_type = {.name = "bool", .dealloc = static_dealloc};

static void static_long_init(void *place, const struct pab_type *type, int value)
{
    struct pab_long *number = place;
    number->base = (struct pab_object){PAB_STATIC_REFCNT, type};
    number->size = value < 0 ? -1 : value > 0;
    number->digits[0] = (uint32_t)(value < 0 ? -value : value);
}

static void static_str_init(void *place, pab_ssize length, uint32_t character)
{
    struct pab_unicode *str = place;
    str->base = (struct pab_object){PAB_STATIC_REFCNT, &pab_unicode_type};
    str->length = length;
    str->hash = -1;
    str->kind = 1;
    str->ascii = character < 128;
    if (length != 0) {
        pab_unicode_put(str, 0, character);
    }
    pab_unicode_put(str, length, 0);
}

static void static_bytes_init(void *place, pab_ssize size, int byte)
{
    struct pab_bytes *bytes = place;
    bytes->base = (struct pab_object){PAB_STATIC_REFCNT, &pab_bytes_type};
    bytes->size = size;
    bytes->hash = -1;
    bytes->data[0] = (char)byte;
    bytes->data[size] = 0;
}

static void statics_init(struct pab_statics *statics)
{
    for (int i = 0; i < PAB_SMALL_INT_COUNT; i++) {
        static_long_init(statics->small_ints[i], &pab_long_type, i + PAB_SMALL_INT_MIN);
    }
    for (int i = 0; i < 256; i++) {
        static_str_init(i < 128 ? statics->ascii[i] : statics->latin1[i - 128], 1, (uint32_t)i);
        static_bytes_init(statics->bytes[i], 1, i);
    }
    static_str_init(statics->empty_str, 0, 0);
    static_bytes_init(statics->empty_bytes, 0, 0);
    static_long_init(statics->booleans[false], &pab_bool_type, 0);
    static_long_init(statics->booleans[true], &pab_bool_type, 1);
    statics->none = (struct pab_object){PAB_STATIC_REFCNT, &pab_none_type};
    statics->interned.base = (struct pab_object){PAB_STATIC_REFCNT, &pab_dict_type};
    statics->interned.keys = pab_empty_keys;
    struct pab_tuple *empty = (void *)statics->empty_tuple;
    empty->base = (struct pab_object){PAB_STATIC_REFCNT, &pab_tuple_type};
}

struct pab_object *pab_none(void)
{
    return &pab_py()->statics.none;
}

struct pab_object *pab_bool(bool value)
{
    return (struct pab_object *)pab_py()->statics.booleans[value];
}

/* --- free lists ---------------------------------------------------------------------------- */

static void tuples_clear(struct pab_py *py, struct pab_free_lists *lists)
{
    for (int i = 0; i < PAB_TUPLE_CACHE_SIZES; i++) {
        struct pab_tuple *tuple = lists->tuples[i];
        lists->tuples[i] = NULL;
        lists->tuple_count[i] = 0;
        while (tuple != NULL) {
            struct pab_tuple *next = (struct pab_tuple *)tuple->items[0];
            pab_gc_free(&py->gc, tuple, 0);
            tuple = next;
        }
    }
}

/* What a full collection does last. CPython Modules/gcmodule.c clear_freelists, in its order. */
static void free_lists_clear(void *client)
{
    struct pab_py *py = client;
    struct pab_free_lists *lists = &py->free_lists;
    tuples_clear(py, lists);
    while (lists->floats != NULL) {
        struct pab_float *number = lists->floats;
        lists->floats = (struct pab_float *)(void *)(uintptr_t)number->base.type;
        pab_obj_free(py, number);
    }
    lists->float_count = 0;
    while (lists->list_count > 0) {
        pab_gc_free(&py->gc, lists->lists[--lists->list_count], 0);
    }
    while (lists->dict_count > 0) {
        pab_gc_free(&py->gc, lists->dicts[--lists->dict_count], 0);
    }
    while (lists->keys_count > 0) {
        pab_obj_free(py, lists->keys[--lists->keys_count]);
    }
}

const bool pab_py_free_lists_optional = true;

void pab_py_use_free_lists(bool use)
{
    struct pab_py *py = pab_py();
    free_lists_clear(py);
    py->free_lists.off = !use;
}

/* --- start and stop ------------------------------------------------------------------------ */

size_t pab_py_storage_bytes(void)
{
    return sizeof(struct pab_py);
}

void pab_py_start(struct pab_heap *heap, void *storage)
{
    assert((uintptr_t)storage % 16 == 0);
    struct pab_py *py = storage;
    memset(py, 0, sizeof(*py));
    py->raw = heap->domain[PAB_DOMAIN_RAW];
    py->mem = heap->domain[PAB_DOMAIN_MEM];
    py->obj = heap->domain[PAB_DOMAIN_OBJ];
    pab_py_gc_begin(py);
    py->gc.clear_free_lists = free_lists_clear;
    statics_init(&py->statics);
    pab_py_current = py;
}

/* The references that the interned dict did not count are given back to it before it dies. */
static void interned_release(struct pab_py *py)
{
    struct pab_object *interned = &py->statics.interned.base;
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    while (pab_dict_next(interned, &position, &key, &value)) {
        struct pab_unicode *str = (struct pab_unicode *)key;
        str->interned = false;
        key->refcnt += 2;
    }
    pab_dict_clear(interned);
}

void pab_py_stop(void)
{
    struct pab_py *py = pab_py();
    assert(py->trash_depth == 0 && py->trash_later == NULL);
    pab_gc_unfreeze(&py->gc);
    pab_gc_collect(&py->gc, PAB_GC_GENERATIONS - 1);
    interned_release(py);
    free_lists_clear(py);
    live_when_stopped = py->live_objects;
    pab_py_gc_end(py);
    pab_py_current = NULL;
}

int64_t pab_py_live_objects(void)
{
    return pab_py_current == NULL ? live_when_stopped : pab_py_current->live_objects;
}

/* --- trashcan ------------------------------------------------------------------------------ */

/* Nesting stays at 1, so that what dies here cannot start a second drain. */
void pab_trash_drain(struct pab_py *py)
{
    assert(py->trash_depth == 0);
    py->trash_depth = 1;
    while (py->trash_later != NULL) {
        struct pab_object *object = py->trash_later;
        struct pab_gc_head *head = pab_gc_head_of(object);
        py->trash_later = (struct pab_object *)(head->prev & ~PAB_GC_PREV_FINALIZED);
        head->prev &= PAB_GC_PREV_FINALIZED;
        object->type->dealloc(object);
        assert(py->trash_depth == 1);
    }
    py->trash_depth = 0;
}
