/* workloads/pyobj/object.h -- layouts of the objects, as CPython 3.11 lays them out on 64 bit.
 * Internal to this folder and to its tests. Depends on pyobj.h.
 *
 * Only the sizes and the fields that memory management reads are CPython's; README.md has the
 * table object -> bytes, domain. Each layout is pinned by a static assertion.
 */
#ifndef PAB_WORKLOADS_PYOBJ_OBJECT_H
#define PAB_WORKLOADS_PYOBJ_OBJECT_H

#include "workloads/pyobj/pyobj.h"

static_assert(sizeof(struct pab_object) == 16, "PyObject");

/* What CPython 3.11 gives its static singletons: so many references that none is the last. */
#define PAB_STATIC_REFCNT ((intptr_t)999999999)

/* --- int: sign in `size`, magnitude in base 2**30, least digit first ----------------------- */

struct pab_long {
    struct pab_object base;
    pab_ssize size; /* number of digits, negative for a negative number */
    uint32_t digits[];
};
static_assert(sizeof(struct pab_long) == 24, "PyLongObject without digits");

enum {
    PAB_LONG_SHIFT = 30,
    PAB_SMALL_INT_MIN = -5,
    PAB_SMALL_INT_MAX = 256,
    PAB_SMALL_INT_COUNT = PAB_SMALL_INT_MAX - PAB_SMALL_INT_MIN + 1,
    PAB_LONG_ONE_DIGIT_BYTES = 32, /* one digit is asked for with the struct's padding */
};
#define PAB_LONG_MASK ((UINT32_C(1) << PAB_LONG_SHIFT) - 1)

struct pab_float {
    struct pab_object base;
    double value;
};
static_assert(sizeof(struct pab_float) == 24, "PyFloatObject");

/* --- str (PEP 393) ------------------------------------------------------------------------ */

struct pab_unicode { /* PyASCIIObject: ASCII text follows right here */
    struct pab_object base;
    pab_ssize length;
    int64_t hash;  /* -1: not computed yet */
    uint8_t kind;  /* bytes per character: 1, 2, 4 */
    uint8_t ascii; /* all characters below 128 */
    uint8_t interned;
    void *wide_char_cache; /* CPython's deprecated wchar_t form: never filled here */
};
static_assert(sizeof(struct pab_unicode) == 48, "PyASCIIObject");

struct pab_unicode_compact { /* PyCompactUnicodeObject: all other text follows here */
    struct pab_unicode head;
    pab_ssize utf8_length; /* the UTF-8 and wchar_t caches: never filled here */
    char *utf8;
    pab_ssize wide_char_length;
};
static_assert(sizeof(struct pab_unicode_compact) == 72, "PyCompactUnicodeObject");

struct pab_bytes {
    struct pab_object base;
    pab_ssize size;
    int64_t hash;
    char data[]; /* and a final NUL */
};
static_assert(sizeof(struct pab_bytes) == 32, "PyBytesObject without data");

struct pab_bytearray {
    struct pab_object base;
    pab_ssize size;
    pab_ssize allocated; /* bytes in the buffer: a NUL follows the content */
    char *bytes;         /* obj domain; NULL: there never was a byte */
    char *start;         /* where the content begins: here always at `bytes` */
    pab_ssize exports;   /* never set here: kept for the size */
};
static_assert(sizeof(struct pab_bytearray) == 56, "PyByteArrayObject");

/* --- containers --------------------------------------------------------------------------- */

struct pab_tuple {
    struct pab_object base;
    pab_ssize size;
    struct pab_object *items[];
};
static_assert(sizeof(struct pab_tuple) == 24, "PyTupleObject without items");

struct pab_list {
    struct pab_object base;
    pab_ssize size;
    struct pab_object **items; /* mem domain; NULL as long as there never was an item */
    pab_ssize allocated;       /* capacity of `items`, >= size */
};
static_assert(sizeof(struct pab_list) == 40, "PyListObject");

struct pab_dict_keys; /* dict_keys.h */

struct pab_dict {
    struct pab_object base;
    pab_ssize used;
    uint64_t version; /* CPython's ma_version_tag: kept for the size */
    struct pab_dict_keys *keys;
    struct pab_object **values; /* split table: this dict's own values; else NULL */
};
static_assert(sizeof(struct pab_dict) == 48, "PyDictObject");

enum { PAB_SET_SMALL = 8 };

struct pab_set_entry {
    struct pab_object *key; /* NULL: never used; else see set.h */
    int64_t hash;
};

struct pab_set { /* set and frozenset */
    struct pab_object base;
    pab_ssize fill; /* slots in use or deleted */
    pab_ssize used;
    pab_ssize mask;              /* slots - 1 */
    struct pab_set_entry *table; /* `small`, or in the mem domain */
    int64_t hash;                /* of a frozenset; -1: not computed yet */
    pab_ssize finger;            /* where pop() goes on searching */
    struct pab_set_entry small[PAB_SET_SMALL];
    struct pab_weakref *weak_references;
};
static_assert(sizeof(struct pab_set) == 200, "PySetObject");

/* --- classes and instances ---------------------------------------------------------------- */

enum { PAB_CLASS_MAX = 32, PAB_SLOT_MAX = 32 };

struct pab_slot {
    const char *name;
    int64_t hash; /* of the name as a str */
    size_t length;
};

/* Lives in the runtime's storage, not in the heap; refcnt 0 marks an unused place. */
struct pab_class {
    struct pab_object base;
    struct pab_type type;       /* of its instances */
    struct pab_dict_keys *keys; /* shared by the instances; NULL for a class with slots */
    size_t slot_count;          /* slots are sorted by name, as CPython lays them out */
    struct pab_slot slots[PAB_SLOT_MAX];
};

/* An instance with slots: `slots` is all it has. */
struct pab_slotted {
    struct pab_object base;
    struct pab_object *slots[];
};

/* An instance with a __dict__: two words before the GC header, one after the object's head. */
struct pab_instance {
    struct pab_object base;
    struct pab_weakref *weak_references;
};
static_assert(sizeof(struct pab_instance) == 24, "56 bytes with GC header and managed dict");

/* The managed words. At most one of the two is set: the values move into the dict. */
struct pab_managed {
    struct pab_object **values; /* mem domain, shared-key order; see pab_values_new() */
    struct pab_object *dict;
    struct pab_gc_head gc_head;
};
static_assert(sizeof(struct pab_managed) == 32, "presize 16 and the GC header");

static inline struct pab_managed *pab_managed_of(struct pab_object *instance)
{
    return (struct pab_managed *)instance - 1;
}

/* --- functions, weak references ------------------------------------------------------------ */

struct pab_function {
    struct pab_object base;
    pab_callback function;
    struct pab_object *self;   /* or NULL */
    struct pab_object *module; /* never set here: kept for the size */
    struct pab_weakref *weak_references;
    void *vectorcall; /* never set here: kept for the size */
};
static_assert(sizeof(struct pab_function) == 56, "PyCFunctionObject");

struct pab_weakref_object {
    struct pab_weakref head;
    int64_t hash;     /* -1: that of its referent was never asked for */
    void *vectorcall; /* never set here: kept for the size */
};
static_assert(sizeof(struct pab_weakref_object) == 64, "PyWeakReference");

/* --- types written in C -------------------------------------------------------------------- */

enum { PAB_EXTENSION_MAX = 8 };

struct pab_extension_type { /* in the runtime's storage; an unused place has no `extension` */
    struct pab_type type;
    const struct pab_extension *extension;
};

/* --- types -------------------------------------------------------------------------------- */

extern const struct pab_type pab_none_type, pab_bool_type, pab_long_type, pab_float_type,
    pab_unicode_type, pab_bytes_type, pab_tuple_type, pab_list_type, pab_dict_type, pab_class_type,
    pab_function_type, pab_weakref_type, pab_bytearray_type, pab_set_type, pab_frozenset_type;

static inline bool pab_is_long(const struct pab_object *object)
{
    return object->type == &pab_long_type || object->type == &pab_bool_type;
}

static inline bool pab_is_unicode(const struct pab_object *object)
{
    return object->type == &pab_unicode_type;
}

/* True when a collection has to know of a container that holds `object`: every GC object, except
 * a tuple that is untracked, for it stays so. CPython _PyObject_GC_MAY_BE_TRACKED. */
static inline bool pab_may_be_tracked(const struct pab_object *object)
{
    return (object->type->flags & PAB_TYPE_GC) != 0 &&
           (object->type != &pab_tuple_type || pab_gc_is_tracked(object));
}

/* --- functions that modules of this folder share ------------------------------------------ */

/* The hash of `size` bytes, as pab_object_hash() has it for a str or bytes; never -1. */
int64_t pab_hash_bytes(const void *data, size_t size);

static inline void *pab_unicode_chars(struct pab_unicode *str)
{
    return (char *)str +
           (str->ascii ? sizeof(struct pab_unicode) : sizeof(struct pab_unicode_compact));
}

static inline uint32_t pab_unicode_get(struct pab_unicode *str, pab_ssize index)
{
    const void *chars = pab_unicode_chars(str);
    switch (str->kind) {
    case 1:
        return ((const uint8_t *)chars)[index];
    case 2:
        return ((const uint16_t *)chars)[index];
    default:
        return ((const uint32_t *)chars)[index];
    }
}

/* Largest character that the kind of `str` could hold (PyUnicode_MAX_CHAR_VALUE). */
static inline uint32_t pab_unicode_max_char(const struct pab_unicode *str)
{
    return str->ascii ? 0x7f : str->kind == 1 ? 0xff : str->kind == 2 ? 0xffff : 0x10ffff;
}

int64_t pab_unicode_hash(struct pab_unicode *str); /* cached in the str */
/* A str of `length` units of `kind` bytes, in the narrowest kind; shares one-character strs. */
struct pab_object *pab_unicode_from_units(int kind, const void *units, pab_ssize length);
/* Copies characters, widening as need be; `to` must be wide enough. */
void pab_unicode_copy(struct pab_unicode *to, pab_ssize at, struct pab_unicode *from,
                      pab_ssize start, pab_ssize length);
void pab_unicode_put(struct pab_unicode *str, pab_ssize index, uint32_t character);
/* Resizes a str that nobody else has: *str, or NULL and *str as it was. */
struct pab_unicode *pab_unicode_resize(struct pab_unicode *str, pab_ssize length);
struct pab_object *pab_unicode_latin1(uint8_t character); /* new reference to the shared one */
struct pab_object *pab_unicode_empty(void);               /* new reference */

struct pab_long *pab_long_new(pab_ssize digit_count); /* _PyLong_New: uninitialised, positive */
/* *bytes becomes `size` long; on failure it is released and NULL. _PyBytes_Resize */
int pab_bytes_resize(struct pab_object **bytes, pab_ssize size);
/* CPython list_resize: changes the size; the capacity as its growth rule says. */
int pab_list_resize(struct pab_list *list, pab_ssize size);
void pab_interned_forget(struct pab_unicode *str); /* a mortal interned str dies */
/* A dict that adopts the values of an instance and shares its class's table; or NULL, and the
 * values stay where they are. */
struct pab_object *pab_dict_new_split(struct pab_dict_keys *keys, struct pab_object **values);
bool pab_set_equal(struct pab_set *a, struct pab_set *b);
int64_t pab_frozenset_hash(struct pab_set *set); /* cached in the set */
/* PyDict_SetDefault(dict, key, key): borrowed value there, or NULL. */
struct pab_object *pab_dict_set_default(struct pab_object *dict, struct pab_object *key);

/* What the dealloc of a type with a weaklist_offset does, once untracked and before it drops
 * anything: clears all weak references, then calls their callbacks. PyObject_ClearWeakRefs */
void pab_weakrefs_clear(struct pab_object *object);
/* function(argument): a new reference, or NULL. */
struct pab_object *pab_function_call(struct pab_object *function, struct pab_object *argument);

#endif
