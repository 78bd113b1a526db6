/* workloads/pyobj/unicode_search.c -- find, split, replace, lower, with the temporaries that
 * CPython asks for (Objects/unicodeobject.c, Objects/stringlib/ @v3.11).
 *
 * The search itself is a plain scan: CPython's two-way algorithm for long needles keeps its
 * tables on the stack, so what is asked of the allocator is the same.
 */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static inline struct pab_unicode *as_str(struct pab_object *object)
{
    assert(pab_is_unicode(object));
    return (struct pab_unicode *)object;
}

/* --- a needle or text in units of a given width --------------------------------------------- */

/* CPython widens what it compares into a temporary of the mem domain. */
struct view {
    const void *units;
    pab_ssize length;
    void *temporary; /* or NULL: the str's own characters */
};

static bool view_open(struct view *view, struct pab_unicode *str, int kind)
{
    *view = (struct view){pab_unicode_chars(str), str->length, NULL};
    if (str->kind == kind) {
        return true;
    }
    assert(str->kind < kind);
    view->temporary = pab_mem_malloc(pab_py(), (size_t)str->length * (size_t)kind);
    if (view->temporary == NULL) {
        return false;
    }
    view->units = view->temporary;
    for (pab_ssize i = 0; i < str->length; i++) {
        if (kind == 2) {
            ((uint16_t *)view->temporary)[i] = (uint16_t)pab_unicode_get(str, i);
        } else {
            ((uint32_t *)view->temporary)[i] = pab_unicode_get(str, i);
        }
    }
    return true;
}

static void view_close(struct view *view)
{
    if (view->temporary != NULL) {
        pab_mem_free(pab_py(), view->temporary);
    }
}

static pab_ssize find_unit(const void *units, pab_ssize length, int kind, uint32_t unit)
{
    if (kind == 1) {
        const char *hit = memchr(units, (int)unit, (size_t)length);
        return hit == NULL ? -1 : hit - (const char *)units;
    }
    for (pab_ssize i = 0; i < length; i++) {
        uint32_t here = kind == 2 ? ((const uint16_t *)units)[i] : ((const uint32_t *)units)[i];
        if (here == unit) {
            return i;
        }
    }
    return -1;
}

static uint32_t first_unit(const struct view *view, int kind)
{
    return kind == 1   ? *(const uint8_t *)view->units
           : kind == 2 ? *(const uint16_t *)view->units
                       : *(const uint32_t *)view->units;
}

/* Where `needle` first occurs in `text` from `start` on, or -1; both in units of `kind` bytes. */
static pab_ssize find_from(const struct view *text, pab_ssize start, const struct view *needle,
                           int kind)
{
    const char *units = text->units;
    size_t width = (size_t)kind;
    pab_ssize last = text->length - needle->length;
    if (needle->length == 0) {
        return start <= text->length ? start : -1;
    }
    uint32_t first = first_unit(needle, kind);
    while (start <= last) {
        pab_ssize hit = find_unit(units + (size_t)start * width, last - start + 1, kind, first);
        if (hit < 0) {
            return -1;
        }
        start += hit;
        if (memcmp(units + (size_t)start * width, needle->units, (size_t)needle->length * width) ==
            0) {
            return start;
        }
        start++;
    }
    return -1;
}

pab_ssize pab_unicode_find(struct pab_object *str, struct pab_object *part)
{
    struct pab_unicode *text = as_str(str);
    struct view whole;
    struct view needle;
    if (as_str(part)->kind > text->kind || as_str(part)->length > text->length) {
        return -1;
    }
    if (as_str(part)->length == 1) {
        uint32_t character = pab_unicode_get(as_str(part), 0);
        return find_unit(pab_unicode_chars(text), text->length, text->kind, character);
    }
    if (!view_open(&needle, as_str(part), text->kind)) {
        return -2;
    }
    view_open(&whole, text, text->kind); /* its own characters: cannot fail */
    pab_ssize found = find_from(&whole, 0, &needle, text->kind);
    view_close(&needle);
    return found;
}

/* --- split ---------------------------------------------------------------------------------- */

enum { SPLIT_PREALLOCATED = 12 };

/* The characters [start, end) as a str of their own. */
static struct pab_object *piece_of(struct pab_unicode *text, pab_ssize start, pab_ssize end)
{
    const char *units = (const char *)pab_unicode_chars(text) + start * text->kind;
    return text->ascii ? pab_unicode_from_ascii(units, end - start)
                       : pab_unicode_from_units(text->kind, units, end - start);
}

/* The first dozen pieces go into places that the list was made with. Steals `piece`. */
static int split_add(struct pab_list *list, pab_ssize count, struct pab_object *piece)
{
    if (piece == NULL) {
        return -1;
    }
    if (count < SPLIT_PREALLOCATED) {
        list->items[count] = piece;
        return 0;
    }
    int status = pab_list_append(&list->base, piece);
    pab_decref(piece);
    return status;
}

static int split_into(struct pab_list *list, struct pab_unicode *text, uint32_t separator)
{
    const char *units = pab_unicode_chars(text);
    pab_ssize count = 0;
    pab_ssize start = 0;
    for (;;) {
        pab_ssize hit =
            find_unit(units + start * text->kind, text->length - start, text->kind, separator);
        if (hit < 0) {
            break;
        }
        if (split_add(list, count++, piece_of(text, start, start + hit)) != 0) {
            return -1;
        }
        start += hit + 1;
    }
    struct pab_object *rest =
        count == 0 ? pab_new_ref(&text->base) : piece_of(text, start, text->length);
    if (split_add(list, count++, rest) != 0) {
        return -1;
    }
    list->size = count;
    return 0;
}

static struct pab_object *list_of_one(struct pab_object *item)
{
    struct pab_object *list = pab_list_new(1);
    if (list != NULL) {
        pab_list_set_item(list, 0, pab_new_ref(item));
    }
    return list;
}

/* CPython widens the separator str into a temporary; here it is one character without a str. */
static bool separator_temporary(struct pab_unicode *text, uint32_t separator, void **temporary)
{
    *temporary = NULL;
    int separator_kind = separator < 256 ? 1 : separator < 65536 ? 2 : 4;
    if (separator_kind == text->kind) {
        return true;
    }
    *temporary = pab_mem_malloc(pab_py(), text->kind);
    return *temporary != NULL;
}

struct pab_object *pab_unicode_split(struct pab_object *object, uint32_t separator)
{
    struct pab_unicode *text = as_str(object);
    void *temporary;
    uint32_t widest = text->kind == 1 ? 0xff : text->kind == 2 ? 0xffff : 0x10ffff;
    if (text->length == 0 || separator > widest) {
        return list_of_one(object);
    }
    if (!separator_temporary(text, separator, &temporary)) {
        return NULL;
    }
    struct pab_object *list = pab_list_new(SPLIT_PREALLOCATED);
    if (list != NULL && split_into((struct pab_list *)list, text, separator) != 0) {
        pab_decref(list);
        list = NULL;
    }
    if (temporary != NULL) {
        pab_mem_free(pab_py(), temporary);
    }
    return list;
}

/* --- replace -------------------------------------------------------------------------------- */

struct replacement {
    struct pab_unicode *text, *from, *to;
    uint32_t maxchar; /* of the result */
    int kind;         /* of the views: the text's, then the result's */
    struct view source, needle, value;
};

static pab_ssize count_hits(const struct replacement *r)
{
    pab_ssize hits = 0;
    if (r->needle.length == 0) {
        return r->source.length + 1;
    }
    for (pab_ssize at = find_from(&r->source, 0, &r->needle, r->kind); at >= 0;
         at = find_from(&r->source, at + r->needle.length, &r->needle, r->kind)) {
        hits++;
    }
    return hits;
}

/* Brings text, needle and value to the width of the result; closed by the caller either way. The
 * narrow needle goes before the text is widened if the lengths are equal, else after it. */
static bool widen_views(struct replacement *r)
{
    int width = r->maxchar < 256 ? 1 : r->maxchar < 65536 ? 2 : 4;
    bool same_length = r->from->length == r->to->length;
    if (!view_open(&r->value, r->to, width)) {
        return false;
    }
    if (r->kind == width) {
        return true;
    }
    struct view narrow_needle = r->needle;
    r->kind = width;
    r->needle.temporary = NULL;
    if (same_length) {
        view_close(&narrow_needle);
    }
    bool widened = view_open(&r->source, r->text, width);
    if (!same_length) {
        view_close(&narrow_needle);
    }
    return widened && view_open(&r->needle, r->from, width);
}

static char *emit(char *out, const struct view *view, pab_ssize start, pab_ssize length, int width)
{
    size_t bytes = (size_t)length * (size_t)width;
    memcpy(out, (const char *)view->units + start * width, bytes);
    return out + bytes;
}

/* Copies the text with every hit replaced. An empty needle hits before each character. */
static void replace_into(const struct replacement *r, char *out)
{
    bool everywhere = r->needle.length == 0;
    pab_ssize in = 0;
    while (in <= r->source.length) {
        pab_ssize hit = everywhere ? in : find_from(&r->source, in, &r->needle, r->kind);
        if (hit < 0) {
            emit(out, &r->source, in, r->source.length - in, r->kind);
            break;
        }
        out = emit(out, &r->source, in, hit - in, r->kind);
        out = emit(out, &r->value, 0, r->value.length, r->kind);
        in = hit + r->needle.length;
        if (everywhere && in < r->source.length) {
            out = emit(out, &r->source, in, 1, r->kind);
        }
        in += everywhere;
    }
}

/* The narrowest kind for what the characters turned out to be. Takes `object`. */
static struct pab_object *narrow(struct pab_object *object)
{
    struct pab_unicode *str = as_str(object);
    if (str->ascii) {
        return object;
    }
    uint32_t bits = 0;
    for (pab_ssize i = 0; i < str->length; i++) {
        bits |= pab_unicode_get(str, i);
    }
    uint32_t below = str->kind == 1 ? 128 : str->kind == 2 ? 256 : 65536;
    if (bits >= below) {
        return object;
    }
    struct pab_object *copy = pab_unicode_new(str->length, bits);
    if (copy != NULL) {
        pab_unicode_copy(as_str(copy), 0, str, 0, str->length);
    }
    pab_decref(object);
    return copy;
}

/* One character by another: CPython looks for it in place and needs no temporary. */
static struct pab_object *replace_char(const struct replacement *r)
{
    uint32_t from = pab_unicode_get(r->from, 0);
    uint32_t to = pab_unicode_get(r->to, 0);
    if (find_unit(pab_unicode_chars(r->text), r->text->length, r->text->kind, from) < 0) {
        return pab_new_ref(&r->text->base);
    }
    struct pab_object *result = pab_unicode_new(r->text->length, r->maxchar);
    for (pab_ssize i = 0; result != NULL && i < r->text->length; i++) {
        uint32_t character = pab_unicode_get(r->text, i);
        pab_unicode_put(as_str(result), i, character == from ? to : character);
    }
    return result;
}

static struct pab_object *replace_hits(struct replacement *r)
{
    pab_ssize hits = count_hits(r);
    if (hits == 0) {
        return pab_new_ref(&r->text->base);
    }
    pab_ssize growth;
    pab_ssize length;
    if (!widen_views(r) || __builtin_mul_overflow(hits, r->to->length - r->from->length, &growth) ||
        __builtin_add_overflow(r->text->length, growth, &length)) {
        return NULL;
    }
    struct pab_object *result = pab_unicode_new(length, r->maxchar);
    if (result != NULL && length > 0) {
        replace_into(r, pab_unicode_chars(as_str(result)));
    }
    return result;
}

struct pab_object *pab_unicode_replace(struct pab_object *str, struct pab_object *from,
                                       struct pab_object *to)
{
    struct replacement r = {.text = as_str(str), .from = as_str(from), .to = as_str(to)};
    uint32_t text_max = pab_unicode_max_char(r.text);
    uint32_t from_max = pab_unicode_max_char(r.from);
    uint32_t to_max = pab_unicode_max_char(r.to);
    if (r.text->length < r.from->length || from == to || text_max < from_max ||
        (r.from->length == 0 && r.to->length == 0)) {
        return pab_new_ref(str);
    }
    bool may_shrink = to_max < from_max && text_max == from_max;
    struct pab_object *result = NULL;
    r.maxchar = text_max > to_max ? text_max : to_max;
    r.kind = r.text->kind;
    if (r.from->length == 1 && r.to->length == 1) {
        result = replace_char(&r);
    } else if (view_open(&r.source, r.text, r.kind) && view_open(&r.needle, r.from, r.kind)) {
        result = replace_hits(&r);
    }
    if (result != NULL && result != str && may_shrink) {
        result = narrow(result);
    }
    view_close(&r.source);
    view_close(&r.needle);
    view_close(&r.value);
    return result;
}

/* --- lower ---------------------------------------------------------------------------------- */

/* Capital letters from `first` to `last`, each `stride`-th of them, and how far off the small ones
 * are: Latin-1, Latin Extended-A, Greek, Cyrillic. (The Unicode Character Database) */
static const struct {
    uint16_t first, last, stride;
    int16_t distance;
} capitals[] = {
    {0x041, 0x05a, 1, 32},   {0x0c0, 0x0d6, 1, 32}, {0x0d8, 0x0de, 1, 32}, {0x100, 0x12e, 2, 1},
    {0x132, 0x136, 2, 1},    {0x139, 0x147, 2, 1},  {0x14a, 0x176, 2, 1},  {0x178, 0x178, 1, -121},
    {0x179, 0x17d, 2, 1},    {0x370, 0x372, 2, 1},  {0x376, 0x376, 1, 1},  {0x37f, 0x37f, 1, 116},
    {0x386, 0x386, 1, 38},   {0x388, 0x38a, 1, 37}, {0x38c, 0x38c, 1, 64}, {0x38e, 0x38f, 1, 63},
    {0x391, 0x3a1, 1, 32},   {0x3a3, 0x3ab, 1, 32}, {0x3cf, 0x3cf, 1, 8},  {0x3d8, 0x3ee, 2, 1},
    {0x3f4, 0x3f4, 1, -60},  {0x3f7, 0x3f7, 1, 1},  {0x3f9, 0x3f9, 1, -7}, {0x3fa, 0x3fa, 1, 1},
    {0x3fd, 0x3ff, 1, -130}, {0x400, 0x40f, 1, 80}, {0x410, 0x42f, 1, 32}, {0x460, 0x480, 2, 1},
    {0x48a, 0x4be, 2, 1},    {0x4c0, 0x4c0, 1, 15}, {0x4c1, 0x4cd, 2, 1},  {0x4d0, 0x52e, 2, 1},
};

/* Other letters stay as they are. */
static uint32_t lower_char(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_COUNT(capitals) && c >= capitals[i].first; i++) {
        if (c <= capitals[i].last) {
            bool is_capital = (c - capitals[i].first) % capitals[i].stride == 0;
            return is_capital ? (uint32_t)((int32_t)c + capitals[i].distance) : c;
        }
    }
    return c;
}

static struct pab_object *lower_ascii(struct pab_unicode *str)
{
    struct pab_object *result = pab_unicode_new(str->length, 127);
    if (result != NULL) {
        const uint8_t *in = pab_unicode_chars(str);
        uint8_t *out = pab_unicode_chars(as_str(result));
        for (pab_ssize i = 0; i < str->length; i++) {
            out[i] = (uint8_t)(in[i] | (in[i] >= 'A' && in[i] <= 'Z' ? 32 : 0));
        }
    }
    return result;
}

/* A temporary of three 4-byte units for each character, for a letter may become three. */
struct pab_object *pab_unicode_lower(struct pab_object *object)
{
    struct pab_unicode *str = as_str(object);
    struct pab_py *py = pab_py();
    if (str->ascii) {
        return lower_ascii(str);
    }
    if (str->length > PTRDIFF_MAX / 12) {
        return NULL;
    }
    uint32_t *lowered = pab_mem_malloc(py, (size_t)str->length * 3 * sizeof(uint32_t));
    if (lowered == NULL) {
        return NULL;
    }
    uint32_t maxchar = 0;
    for (pab_ssize i = 0; i < str->length; i++) {
        lowered[i] = lower_char(pab_unicode_get(str, i));
        maxchar = lowered[i] > maxchar ? lowered[i] : maxchar;
    }
    struct pab_object *result = pab_unicode_new(str->length, maxchar);
    for (pab_ssize i = 0; result != NULL && i < str->length; i++) {
        pab_unicode_put(as_str(result), i, lowered[i]);
    }
    pab_mem_free(py, lowered);
    return result;
}
