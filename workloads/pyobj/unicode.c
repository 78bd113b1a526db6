/* workloads/pyobj/unicode.c -- str: PEP 393 kinds, concatenation, += in place, interning
 * (Objects/unicodeobject.c@v3.11). Codec and searching have files of their own. */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static inline struct pab_unicode *as_str(struct pab_object *object)
{
    assert(pab_is_unicode(object));
    return (struct pab_unicode *)object;
}

static void unicode_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_unicode *str = (struct pab_unicode *)self;
    if (str->interned) {
        pab_interned_forget(str);
    }
    pab_object_dead(py);
    pab_obj_free(py, self);
}

const struct pab_type pab_unicode_type = {.name = "str", .dealloc = unicode_dealloc};

/* --- making -------------------------------------------------------------------------------- */

struct pab_object *pab_unicode_empty(void)
{
    return pab_new_ref((struct pab_object *)(void *)pab_py()->statics.empty_str);
}

struct pab_object *pab_unicode_latin1(uint8_t character)
{
    struct pab_statics *statics = &pab_py()->statics;
    void *str = character < 128 ? statics->ascii[character] : statics->latin1[character - 128];
    return pab_new_ref((struct pab_object *)str);
}

void pab_unicode_put(struct pab_unicode *str, pab_ssize index, uint32_t character)
{
    void *chars = pab_unicode_chars(str);
    if (str->kind == 1) {
        ((uint8_t *)chars)[index] = (uint8_t)character;
    } else if (str->kind == 2) {
        ((uint16_t *)chars)[index] = (uint16_t)character;
    } else {
        ((uint32_t *)chars)[index] = character;
    }
}

static size_t head_bytes(bool ascii)
{
    return ascii ? sizeof(struct pab_unicode) : sizeof(struct pab_unicode_compact);
}

struct pab_object *pab_unicode_new(pab_ssize length, uint32_t maxchar)
{
    struct pab_py *py = pab_py();
    assert(length >= 0);
    if (length == 0) {
        return pab_unicode_empty();
    }
    bool ascii = maxchar < 128;
    uint8_t kind = maxchar < 256 ? 1 : maxchar < 65536 ? 2 : 4;
    if (length > (PTRDIFF_MAX - (pab_ssize)head_bytes(ascii)) / kind - 1) {
        return NULL;
    }
    struct pab_unicode *str = pab_obj_malloc(py, head_bytes(ascii) + ((size_t)length + 1) * kind);
    if (str == NULL) {
        return NULL;
    }
    pab_object_born(py, &str->base, &pab_unicode_type);
    str->length = length;
    str->hash = -1;
    str->kind = kind;
    str->ascii = ascii;
    str->interned = false;
    str->wide_char_cache = NULL;
    if (!ascii) {
        struct pab_unicode_compact *compact = (struct pab_unicode_compact *)str;
        compact->utf8_length = 0;
        compact->utf8 = NULL;
        compact->wide_char_length = 0;
    }
    pab_unicode_put(str, length, 0);
    return &str->base;
}

struct pab_unicode *pab_unicode_resize(struct pab_unicode *str, pab_ssize length)
{
    assert(str->base.refcnt == 1 && !str->interned && length > 0);
    size_t head = head_bytes(str->ascii);
    if (length > (PTRDIFF_MAX - (pab_ssize)head) / str->kind - 1) {
        return NULL;
    }
    struct pab_unicode *resized =
        pab_obj_realloc(pab_py(), str, head + ((size_t)length + 1) * str->kind);
    if (resized != NULL) {
        resized->length = length;
        pab_unicode_put(resized, length, 0);
    }
    return resized;
}

void pab_unicode_copy(struct pab_unicode *to, pab_ssize at, struct pab_unicode *from,
                      pab_ssize start, pab_ssize length)
{
    assert(at + length <= to->length && start + length <= from->length);
    if (to->kind == from->kind) {
        memcpy((char *)pab_unicode_chars(to) + at * to->kind,
               (char *)pab_unicode_chars(from) + start * from->kind, (size_t)length * to->kind);
        return;
    }
    for (pab_ssize i = 0; i < length; i++) {
        pab_unicode_put(to, at + i, pab_unicode_get(from, start + i));
    }
}

struct pab_object *pab_unicode_from_ascii(const char *text, pab_ssize length)
{
    if (length == 1) {
        return pab_unicode_latin1((uint8_t)text[0]);
    }
    struct pab_object *str = pab_unicode_new(length, 127);
    if (str != NULL && length > 0) {
        memcpy(pab_unicode_chars((struct pab_unicode *)str), text, (size_t)length);
    }
    return str;
}

static uint32_t unit_at(int kind, const void *units, pab_ssize index)
{
    return kind == 1   ? ((const uint8_t *)units)[index]
           : kind == 2 ? ((const uint16_t *)units)[index]
                       : ((const uint32_t *)units)[index];
}

/* An upper bound of the characters that tells the four kinds apart. */
static uint32_t units_max(int kind, const void *units, pab_ssize length)
{
    uint32_t bits = 0;
    for (pab_ssize i = 0; i < length; i++) {
        bits |= unit_at(kind, units, i);
    }
    return bits > 0x10ffff ? 0x10ffff : bits;
}

struct pab_object *pab_unicode_from_units(int kind, const void *units, pab_ssize length)
{
    if (length == 0) {
        return pab_unicode_empty();
    }
    if (length == 1 && unit_at(kind, units, 0) < 256) {
        return pab_unicode_latin1((uint8_t)unit_at(kind, units, 0));
    }
    struct pab_object *object = pab_unicode_new(length, units_max(kind, units, length));
    if (object == NULL) {
        return NULL;
    }
    struct pab_unicode *str = (struct pab_unicode *)object;
    if (str->kind == kind) {
        memcpy(pab_unicode_chars(str), units, (size_t)length * (size_t)kind);
        return object;
    }
    for (pab_ssize i = 0; i < length; i++) {
        pab_unicode_put(str, i, unit_at(kind, units, i));
    }
    return object;
}

pab_ssize pab_unicode_length(struct pab_object *str)
{
    return as_str(str)->length;
}

uint32_t pab_unicode_read_char(struct pab_object *str, pab_ssize index)
{
    assert(index >= 0 && index < as_str(str)->length);
    return pab_unicode_get(as_str(str), index);
}

const void *pab_unicode_data(struct pab_object *str)
{
    return pab_unicode_chars(as_str(str));
}

int64_t pab_unicode_hash(struct pab_unicode *str)
{
    if (str->hash == -1) {
        str->hash = pab_hash_bytes(pab_unicode_chars(str), (size_t)str->length * str->kind);
    }
    return str->hash;
}

/* --- putting together ---------------------------------------------------------------------- */

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static struct pab_object *concat(struct pab_unicode *left, struct pab_unicode *right)
{
    pab_ssize length;
    if (__builtin_add_overflow(left->length, right->length, &length)) {
        return NULL;
    }
    struct pab_object *result =
        pab_unicode_new(length, larger(pab_unicode_max_char(left), pab_unicode_max_char(right)));
    if (result != NULL) {
        pab_unicode_copy((struct pab_unicode *)result, 0, left, 0, left->length);
        pab_unicode_copy((struct pab_unicode *)result, left->length, right, 0, right->length);
    }
    return result;
}

struct pab_object *pab_unicode_concat(struct pab_object *a, struct pab_object *b)
{
    if (as_str(a)->length == 0) {
        return pab_new_ref(b);
    }
    if (as_str(b)->length == 0) {
        return pab_new_ref(a);
    }
    return concat(as_str(a), as_str(b));
}

/* May `left` be resized in place to take `right`? Only if nobody can tell: one reference, no
 * hash taken, not interned; and without a change of its layout. */
static bool can_append_in_place(const struct pab_unicode *left, const struct pab_unicode *right)
{
    return left->base.refcnt == 1 && left->hash == -1 && !left->interned &&
           right->kind <= left->kind && !(left->ascii && !right->ascii);
}

int pab_unicode_append(struct pab_object **left_place, struct pab_object *right)
{
    struct pab_unicode *left = as_str(*left_place);
    pab_ssize old_length = left->length;
    pab_ssize added = as_str(right)->length;
    if (old_length == 0) {
        *left_place = pab_new_ref(right);
        pab_decref(&left->base);
        return 0;
    }
    if (added == 0) {
        return 0;
    }
    struct pab_unicode *result;
    pab_ssize length;
    bool in_place = can_append_in_place(left, as_str(right));
    if (__builtin_add_overflow(old_length, added, &length)) {
        result = NULL;
    } else if (in_place) {
        result = pab_unicode_resize(left, length);
    } else {
        result = (struct pab_unicode *)concat(left, as_str(right));
    }
    *left_place = (struct pab_object *)result;
    if (result != NULL && in_place) {
        pab_unicode_copy(result, old_length, as_str(right), 0, added);
        return 0;
    }
    pab_decref(&left->base);
    return result == NULL ? -1 : 0;
}

struct pab_object *pab_unicode_substring(struct pab_object *object, pab_ssize start, pab_ssize end)
{
    struct pab_unicode *str = as_str(object);
    assert(start >= 0 && end >= 0);
    end = end < str->length ? end : str->length;
    if (start == 0 && end == str->length) {
        return pab_new_ref(object);
    }
    if (start >= end) {
        return pab_unicode_empty();
    }
    const char *chars = (const char *)pab_unicode_chars(str) + start * str->kind;
    return str->ascii ? pab_unicode_from_ascii(chars, end - start)
                      : pab_unicode_from_units(str->kind, chars, end - start);
}

/* Length and widest character of the whole; false when it is too long. */
static bool join_measure(struct pab_unicode *separator, struct pab_list *list, pab_ssize *length,
                         uint32_t *maxchar)
{
    *maxchar = pab_unicode_max_char(separator);
    *length = 0;
    for (pab_ssize i = 0; i < list->size; i++) {
        struct pab_unicode *item = as_str(list->items[i]);
        *maxchar = larger(*maxchar, pab_unicode_max_char(item));
        if (__builtin_add_overflow(*length, item->length, length) ||
            (i > 0 && __builtin_add_overflow(*length, separator->length, length))) {
            return false;
        }
    }
    return true;
}

struct pab_object *pab_unicode_join(struct pab_object *separator, struct pab_object *object)
{
    assert(object->type == &pab_list_type);
    struct pab_list *list = (struct pab_list *)object;
    struct pab_unicode *between = as_str(separator);
    if (list->size == 0) {
        return pab_unicode_empty();
    }
    if (list->size == 1) {
        return pab_new_ref(&as_str(list->items[0])->base);
    }
    pab_ssize length;
    uint32_t maxchar;
    if (!join_measure(between, list, &length, &maxchar)) {
        return NULL;
    }
    struct pab_object *result = pab_unicode_new(length, maxchar);
    if (result == NULL) {
        return NULL;
    }
    struct pab_unicode *whole = (struct pab_unicode *)result;
    pab_ssize at = 0;
    for (pab_ssize i = 0; i < list->size; i++) {
        if (i > 0) {
            pab_unicode_copy(whole, at, between, 0, between->length);
            at += between->length;
        }
        struct pab_unicode *item = as_str(list->items[i]);
        pab_unicode_copy(whole, at, item, 0, item->length);
        at += item->length;
    }
    return result;
}

struct pab_object *pab_unicode_repeat(struct pab_object *object, pab_ssize count)
{
    struct pab_unicode *str = as_str(object);
    pab_ssize length;
    if (count < 1) {
        return pab_unicode_empty();
    }
    if (count == 1) {
        return pab_new_ref(object);
    }
    if (__builtin_mul_overflow(str->length, count, &length)) {
        return NULL;
    }
    struct pab_object *result = pab_unicode_new(length, pab_unicode_max_char(str));
    for (pab_ssize at = 0; result != NULL && at < length; at += str->length) {
        pab_unicode_copy(as_str(result), at, str, 0, str->length);
    }
    return result;
}

/* --- interning: mortal ---------------------------------------------------------------------- */

/* The interned dict's two references are not counted, so that the last user's release ends it. */
int pab_unicode_intern_in_place(struct pab_object **place)
{
    struct pab_py *py = pab_py();
    struct pab_unicode *str = as_str(*place);
    if (str->interned) {
        return 0;
    }
    struct pab_object *same = pab_dict_set_default(&py->statics.interned.base, &str->base);
    if (same == NULL) {
        return -1;
    }
    if (same != &str->base) {
        *place = pab_new_ref(same);
        pab_decref(&str->base);
        return 0;
    }
    str->base.refcnt -= 2;
    str->interned = true;
    assert(str->base.refcnt > 0);
    return 0;
}

void pab_interned_forget(struct pab_unicode *str)
{
    assert(str->base.refcnt == 0);
    str->base.refcnt = 3; /* the dict's two, and one that keeps it from dying again */
    int status = pab_dict_del_item(&pab_py()->statics.interned.base, &str->base);
    assert(status == 0 && str->base.refcnt == 1);
    (void)status;
    str->base.refcnt = 0;
}
