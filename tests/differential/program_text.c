/* tests/differential/program_text.c -- str, bytes, bytearray. See program.h. */
#include "tests/differential/program.h"

#include <string.h>

/* --- str ------------------------------------------------------------------------------------ */

/* Characters of one, two, three and four bytes of UTF-8, with letters that lower() changes. */
static const char *const alphabets[4][6] = {
    {"a", "b", "X", " ", ",", "7"},
    {"\xc3\xa9", "\xc3\x89", "\xc3\xbf", "\xc3\xa0", "\xc2\xb5", "z"},
    {"\xd0\x9f", "\xd1\x80", "\xe6\x97\xa5", "\xd0\x96", "\xe2\x82\xac", "q"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81", "\xf0\x90\x8d\x88", "r", "\xd0\x9f", "\xc3\xa9"},
};

static const uint32_t separators[] = {' ', ',', 0xe9, 0x41f, 0x20ac, 0x1f600};

/* Text of up to `length` characters, now and then with a wider one among narrow ones. */
static struct pab_object *new_text(struct program *p, uint32_t length)
{
    char text[4 * 300];
    size_t size = 0;
    uint32_t alphabet = below(p, 4);
    uint32_t rare = below(p, 3) == 0 ? 12 : 1;
    for (uint32_t i = 0; i < length && size < sizeof(text) - 4; i++) {
        const char *letter = alphabets[below(p, rare) == 0 ? alphabet : 0][below(p, 6)];
        while (*letter != '\0') {
            text[size++] = *letter++;
        }
    }
    return pab_must(pab_unicode_from_utf8(text, (pab_ssize)size));
}

static bool is_short(struct pab_object *str)
{
    return pab_unicode_length(str) < LENGTH_MAX;
}

static void str_make(struct program *p)
{
    keep(p, STR, new_text(p, below(p, 1 + below(p, 300))));
}

static void str_new(struct program *p)
{
    static const uint32_t widest[] = {0x7f, 0xff, 0xffff, 0x10ffff};
    struct pab_object *str = pab_must(pab_unicode_new(below(p, 600), widest[below(p, 4)]));
    note(p, "length", pab_unicode_length(str));
    pab_decref(str);
}

static void str_concat(struct program *p)
{
    struct pab_object *a = pick(p, STR);
    struct pab_object *b = pick(p, STR);
    if (is_short(a) && is_short(b)) {
        keep(p, STR, pab_unicode_concat(a, b));
    }
}

/* s += t, a few times; s may be shared at first, or hashed. */
static void str_append(struct program *p)
{
    struct pab_object *str = below(p, 3) == 0 ? new_text(p, below(p, 60)) : pick(p, STR);
    if (!is_short(str)) {
        return;
    }
    pab_incref(str);
    if (below(p, 4) == 0) {
        pab_object_hash(str);
    }
    for (uint32_t left = below(p, 30); left > 0; left--) {
        struct pab_object *more = below(p, 2) == 0 ? pick(p, STR) : pick_name(p);
        if (pab_unicode_length(str) + pab_unicode_length(more) < LENGTH_MAX) {
            pab_must_do(pab_unicode_append(&str, more));
        }
    }
    keep(p, STR, str);
}

static void str_substring(struct program *p)
{
    struct pab_object *str = pick(p, STR);
    uint32_t length = (uint32_t)pab_unicode_length(str);
    uint32_t start = below(p, length + 1);
    keep(p, STR, pab_unicode_substring(str, start, start + below(p, length + 2)));
}

static void str_join(struct program *p)
{
    uint32_t length = below(p, 12);
    struct pab_object *parts = pab_must(pab_list_new(length));
    for (uint32_t i = 0; i < length; i++) {
        struct pab_object *part = pick(p, STR);
        part = pab_unicode_length(part) < 200 ? part : pick_name(p);
        pab_list_set_item(parts, i, pab_new_ref(part));
    }
    struct pab_object *separator = new_text(p, below(p, 4));
    keep(p, STR, pab_unicode_join(separator, parts));
    pab_decref(separator);
    pab_decref(parts);
}

static void str_split(struct program *p)
{
    struct pab_object *str = pick(p, STR);
    keep(p, LIST, pab_unicode_split(str, separators[below(p, ARRAY_COUNT(separators))]));
}

static void str_replace(struct program *p)
{
    struct pab_object *str = pick(p, STR);
    struct pab_object *from = new_text(p, below(p, 3));
    struct pab_object *with = new_text(p, below(p, 5));
    if (pab_unicode_length(str) < 500) {
        keep(p, STR, pab_unicode_replace(str, from, with));
    }
    pab_decref(with);
    pab_decref(from);
}

static void str_lower(struct program *p)
{
    keep(p, STR, pab_unicode_lower(pick(p, STR)));
}

static void str_repeat(struct program *p)
{
    struct pab_object *str = pick(p, STR);
    uint32_t times = below(p, 6);
    if (pab_unicode_length(str) * (pab_ssize)times < LENGTH_MAX) {
        keep(p, STR, pab_unicode_repeat(str, times));
    }
}

static void str_find(struct program *p)
{
    struct pab_object *part = below(p, 2) == 0 ? pab_new_ref(pick(p, STR)) : new_text(p, 2);
    note(p, "found", pab_unicode_find(pick(p, STR), part));
    pab_decref(part);
}

/* sys.intern(); names of one character would outlive the program (README.md). */
static void str_intern(struct program *p)
{
    struct pab_object *str = pab_must(pab_unicode_substring(pick(p, STR), 0, 40));
    if (pab_unicode_length(str) > 1) {
        pab_must_do(pab_unicode_intern_in_place(&str));
    }
    keep(p, STR, str);
}

static void str_encode(struct program *p)
{
    struct pab_object *bytes = pab_must(pab_unicode_encode(pick(p, STR)));
    struct pab_object *back = pab_must(pab_bytes_decode(bytes));
    keep(p, BYTES, bytes);
    keep(p, STR, back);
}

static void str_compare(struct program *p)
{
    struct pab_object *a = pick(p, STR);
    note_order(p, a, pick(p, STR));
    note(p, "hash", pab_object_hash(a));
    note(p, "hash", pab_object_hash(pick(p, BYTES)));
    struct pab_object *same = pab_must(pab_object_str(a));
    note(p, "itself", same == a);
    pab_decref(same);
}

/* --- bytes, bytearray ----------------------------------------------------------------------- */

static void fill(struct program *p, char *data, pab_ssize size)
{
    memset(data, (int)below(p, 128), (size_t)size);
}

static void bytes_make(struct program *p)
{
    pab_ssize size = below(p, 1 + below(p, 700));
    struct pab_object *bytes = pab_must(pab_bytes_from_string(NULL, size));
    if (size > 1) { /* one byte is shared */
        fill(p, pab_bytes_as_string(bytes), size);
    } else {
        pab_decref(bytes);
        bytes = pab_must(pab_bytes_from_string("x", size));
    }
    keep(p, BYTES, bytes);
}

static void bytes_concat(struct program *p)
{
    struct pab_object *a = pick(p, BYTES);
    struct pab_object *b = pick(p, BYTES);
    if (pab_bytes_size(a) + pab_bytes_size(b) < LENGTH_MAX) {
        keep(p, BYTES, pab_bytes_concat(a, b));
    }
}

static void bytearray_make(struct program *p)
{
    pab_ssize size = below(p, 1 + below(p, 300));
    struct pab_object *array = pab_must(pab_bytearray_from_string(NULL, size));
    fill(p, pab_bytearray_as_string(array), size);
    keep(p, BYTEARRAY, array);
}

static void bytearray_append(struct program *p)
{
    struct pab_object *array = pick(p, BYTEARRAY);
    for (uint32_t left = below(p, 80); left > 0; left--) {
        pab_must_do(pab_bytearray_append(array, (uint8_t)below(p, 256)));
    }
    note(p, "size", pab_bytearray_size(array));
}

static void bytearray_resize(struct program *p)
{
    struct pab_object *array = pick(p, BYTEARRAY);
    pab_ssize old = pab_bytearray_size(array);
    pab_ssize size = below(p, below(p, 3) == 0 ? 1000 : (uint32_t)old + 20);
    pab_must_do(pab_bytearray_resize(array, size));
    if (size > old) {
        fill(p, pab_bytearray_as_string(array) + old, size - old);
    }
    note(p, "size", pab_bytearray_size(array));
}

static void bytearray_extend(struct program *p)
{
    struct pab_object *array = pick(p, BYTEARRAY);
    struct pab_object *more = pick(p, below(p, 2) == 0 ? BYTES : BYTEARRAY);
    if (pab_bytearray_size(array) < LENGTH_MAX && more != array) {
        pab_must_do(pab_bytearray_extend(array, more));
    }
    note(p, "size", pab_bytearray_size(array));
}

static void bytearray_concat(struct program *p)
{
    struct pab_object *a = pick(p, BYTEARRAY);
    struct pab_object *b = pick(p, below(p, 2) == 0 ? BYTES : BYTEARRAY);
    if (pab_bytearray_size(a) < LENGTH_MAX) {
        keep(p, BYTEARRAY, pab_bytearray_concat(a, b));
    }
}

const struct operation text_operations[] = {
    {"str_make", str_make, 8},
    {"str_new", str_new, 2},
    {"str_concat", str_concat, 5},
    {"str_append", str_append, 6},
    {"str_substring", str_substring, 5},
    {"str_join", str_join, 4},
    {"str_split", str_split, 4},
    {"str_replace", str_replace, 5},
    {"str_lower", str_lower, 3},
    {"str_repeat", str_repeat, 3},
    {"str_find", str_find, 4},
    {"str_intern", str_intern, 4},
    {"str_encode", str_encode, 4},
    {"str_compare", str_compare, 2},
    {"bytes_make", bytes_make, 3},
    {"bytes_concat", bytes_concat, 3},
    {"bytearray_make", bytearray_make, 2},
    {"bytearray_append", bytearray_append, 3},
    {"bytearray_resize", bytearray_resize, 3},
    {"bytearray_extend", bytearray_extend, 3},
    {"bytearray_concat", bytearray_concat, 2},
    {0},
};
