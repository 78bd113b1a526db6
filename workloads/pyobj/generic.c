/* workloads/pyobj/generic.c -- hash, ==, <, str() of any object.
 *
 * Hashes are our own and the same in every run: Python draws a new key for str hashes in each
 * process. Nothing that is asked of the allocator depends on them, only the number of probes.
 */
#include "workloads/pyobj/long.h"

#include <math.h>
#include <string.h>

/* --- hash ----------------------------------------------------------------------------------- */

static const uint64_t hash_key_1 = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t hash_key_2 = UINT64_C(0xd6e8feb86659fd93);

/* -1 means "not computed" in the caches, as in CPython. */
static int64_t not_minus_one(uint64_t hash)
{
    return (int64_t)hash == -1 ? -2 : (int64_t)hash;
}

__extension__ typedef unsigned __int128 uint128;

/* Both halves of the 128-bit product. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

int64_t pab_hash_bytes(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = hash_key_1 ^ size;
    uint64_t word;
    for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        hash = fold(hash ^ word, hash_key_2);
    }
    word = 0;
    memcpy(&word, bytes, size);
    return not_minus_one(fold(hash ^ word, hash_key_2) ^ hash);
}

/* Modulo 2**61 - 1, as CPython: small numbers are their own hash, and equal floats agree. */
static const uint64_t hash_modulus = (UINT64_C(1) << 61) - 1;

static int64_t long_hash(struct pab_long *number)
{
    uint64_t hash = 0;
    pab_ssize count = number->size < 0 ? -number->size : number->size;
    for (pab_ssize i = count - 1; i >= 0; i--) {
        hash = (uint64_t)((((uint128)hash << PAB_LONG_SHIFT) + number->digits[i]) % hash_modulus);
    }
    return not_minus_one(number->size < 0 ? 0 - hash : hash);
}

static int64_t float_hash(double value)
{
    if (value == trunc(value) && fabs(value) < 0x1p62) {
        int64_t whole = (int64_t)value;
        uint64_t magnitude = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
        magnitude %= hash_modulus;
        return not_minus_one(whole < 0 ? 0 - magnitude : magnitude);
    }
    return pab_hash_bytes(&value, sizeof(value));
}

static int64_t tuple_hash(struct pab_tuple *tuple)
{
    uint64_t hash = hash_key_1;
    for (pab_ssize i = 0; i < tuple->size; i++) {
        hash = fold(hash ^ (uint64_t)pab_object_hash(tuple->items[i]), hash_key_2) + hash_key_1;
    }
    return not_minus_one(hash);
}

int64_t pab_object_hash(struct pab_object *object)
{
    if (pab_is_unicode(object)) {
        return pab_unicode_hash((struct pab_unicode *)object);
    }
    if (pab_is_long(object)) {
        return long_hash((struct pab_long *)object);
    }
    if (object->type == &pab_float_type) {
        return float_hash(((struct pab_float *)object)->value);
    }
    if (object->type == &pab_tuple_type) {
        return tuple_hash((struct pab_tuple *)object);
    }
    if (object->type == &pab_bytes_type) {
        struct pab_bytes *bytes = (struct pab_bytes *)object;
        if (bytes->hash == -1) {
            bytes->hash = pab_hash_bytes(bytes->data, (size_t)bytes->size);
        }
        return bytes->hash;
    }
    assert(object->type != &pab_list_type && object->type != &pab_dict_type);
    return not_minus_one((uintptr_t)object >> 4 | (uintptr_t)object << 60);
}

/* --- comparison ------------------------------------------------------------------------------ */

static bool is_number(const struct pab_object *object)
{
    return pab_is_long(object) || object->type == &pab_float_type;
}

static int sign_of(pab_ssize value)
{
    return value < 0 ? -1 : value > 0;
}

static int compare_longs(const struct pab_long *a, const struct pab_long *b)
{
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    pab_ssize i = a->size < 0 ? -a->size : a->size;
    while (--i >= 0) {
        if (a->digits[i] != b->digits[i]) {
            int larger = a->digits[i] > b->digits[i] ? 1 : -1;
            return a->size < 0 ? -larger : larger;
        }
    }
    return 0;
}

static long double as_real(const struct pab_object *number)
{
    if (number->type == &pab_float_type) {
        return ((const struct pab_float *)number)->value;
    }
    const struct pab_long *whole = (const struct pab_long *)number;
    long double value = 0;
    for (pab_ssize i = whole->size < 0 ? -whole->size : whole->size; i > 0; i--) {
        value = value * (1 << PAB_LONG_SHIFT) + whole->digits[i - 1];
    }
    return whole->size < 0 ? -value : value;
}

static int compare_numbers(const struct pab_object *a, const struct pab_object *b)
{
    if (pab_is_long(a) && pab_is_long(b)) {
        return compare_longs((const struct pab_long *)a, (const struct pab_long *)b);
    }
    long double left = as_real(a);
    long double right = as_real(b);
    return left < right ? -1 : left > right;
}

static int compare_strs(struct pab_unicode *a, struct pab_unicode *b)
{
    pab_ssize shorter = a->length < b->length ? a->length : b->length;
    if (a->kind == 1 && b->kind == 1) {
        int order = memcmp(pab_unicode_chars(a), pab_unicode_chars(b), (size_t)shorter);
        return order != 0 ? order : sign_of(a->length - b->length);
    }
    for (pab_ssize i = 0; i < shorter; i++) {
        uint32_t left = pab_unicode_get(a, i);
        uint32_t right = pab_unicode_get(b, i);
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    return sign_of(a->length - b->length);
}

static int compare_bytes(const struct pab_bytes *a, const struct pab_bytes *b)
{
    size_t shorter = (size_t)(a->size < b->size ? a->size : b->size);
    int order = memcmp(a->data, b->data, shorter);
    return order != 0 ? order : sign_of(a->size - b->size);
}

/* The first items that differ decide. */
static int compare_tuples(struct pab_tuple *a, struct pab_tuple *b)
{
    for (pab_ssize i = 0; i < a->size && i < b->size; i++) {
        if (!pab_object_equal(a->items[i], b->items[i])) {
            return pab_object_compare(a->items[i], b->items[i]);
        }
    }
    return sign_of(a->size - b->size);
}

int pab_object_compare(struct pab_object *a, struct pab_object *b)
{
    if (is_number(a) && is_number(b)) {
        return compare_numbers(a, b);
    }
    assert(a->type == b->type);
    if (pab_is_unicode(a)) {
        return compare_strs((struct pab_unicode *)a, (struct pab_unicode *)b);
    }
    if (a->type == &pab_bytes_type) {
        return compare_bytes((struct pab_bytes *)a, (struct pab_bytes *)b);
    }
    assert(a->type == &pab_tuple_type);
    return compare_tuples((struct pab_tuple *)a, (struct pab_tuple *)b);
}

static bool equal_items(struct pab_object **a, struct pab_object **b, pab_ssize count)
{
    for (pab_ssize i = 0; i < count; i++) {
        if (!pab_object_equal(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static bool equal_dicts(struct pab_object *a, struct pab_object *b)
{
    if (pab_dict_size(a) != pab_dict_size(b)) {
        return false;
    }
    pab_ssize position = 0;
    struct pab_object *key;
    struct pab_object *value;
    while (pab_dict_next(a, &position, &key, &value)) {
        struct pab_object *other = pab_dict_get_item(b, key);
        if (other == NULL || !pab_object_equal(value, other)) {
            return false;
        }
    }
    return true;
}

bool pab_object_equal(struct pab_object *a, struct pab_object *b)
{
    if (a == b) {
        return true;
    }
    if (is_number(a) && is_number(b)) {
        return !(isnan((double)as_real(a)) || isnan((double)as_real(b))) &&
               compare_numbers(a, b) == 0;
    }
    if (a->type != b->type) {
        return false;
    }
    if (pab_is_unicode(a)) {
        struct pab_unicode *left = (struct pab_unicode *)a;
        struct pab_unicode *right = (struct pab_unicode *)b;
        return left->length == right->length && compare_strs(left, right) == 0;
    }
    if (a->type == &pab_bytes_type) {
        return compare_bytes((struct pab_bytes *)a, (struct pab_bytes *)b) == 0;
    }
    if (a->type == &pab_tuple_type) {
        struct pab_tuple *left = (struct pab_tuple *)a;
        struct pab_tuple *right = (struct pab_tuple *)b;
        return left->size == right->size && equal_items(left->items, right->items, left->size);
    }
    if (a->type == &pab_list_type) {
        struct pab_list *left = (struct pab_list *)a;
        struct pab_list *right = (struct pab_list *)b;
        return left->size == right->size && equal_items(left->items, right->items, left->size);
    }
    return a->type == &pab_dict_type && equal_dicts(a, b);
}

/* --- str() ----------------------------------------------------------------------------------- */

enum { FLOAT_TEXT_BYTES = 40 };

/* repr()'s rules: scientific below 1e-4 and from 1e16 on, else with a point in it. */
static int format_float(double value, char *text)
{
    char digits[FLOAT_TEXT_BYTES];
    /* Up to 15 digits come back from any number that has all its bits. */
    int precision = fabs(value) < 0x1p-1022 ? 1 : 15;
    do {
        snprintf(digits, sizeof(digits), "%.*e", precision - 1, value);
    } while (strtod(digits, NULL) != value && ++precision <= 17);
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        int length = snprintf(text, FLOAT_TEXT_BYTES, "%.*g", precision, value);
        return length;
    }
    /* %g drops the zeros at the end of the shortest form, but turns scientific too early. */
    int length = snprintf(text, FLOAT_TEXT_BYTES, "%.*f",
                          precision - 1 - exponent > 0 ? precision - 1 - exponent : 1, value);
    while (length > 2 && text[length - 1] == '0' && text[length - 2] != '.') {
        text[--length] = 0;
    }
    return length;
}

/* CPython writes into a buffer of the mem domain first: room for a sign, a point, the digits, a
 * NUL and, if scientific, an exponent of five characters. (Python/pystrtod.c@v3.11) */
static size_t float_buffer_bytes(double value, const char *text)
{
    size_t bytes = strlen(text) + 1;
    const char *exponent = strchr(text, 'e');
    if (!isfinite(value)) {
        return 5;
    }
    if (exponent != NULL) {
        bytes += 5 - strlen(exponent);
        bytes += strchr(text, '.') == NULL;
    }
    return bytes + (text[0] != '-');
}

static struct pab_object *float_str(double value)
{
    char text[FLOAT_TEXT_BYTES];
    struct pab_py *py = pab_py();
    int length;
    if (isfinite(value)) {
        length = format_float(value, text);
    } else {
        length = snprintf(text, sizeof(text), isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    }
    char *buffer = pab_mem_malloc(py, float_buffer_bytes(value, text));
    if (buffer == NULL) {
        return NULL;
    }
    memcpy(buffer, text, (size_t)length);
    struct pab_object *str = pab_unicode_from_ascii(buffer, length);
    pab_mem_free(py, buffer);
    return str;
}

struct pab_object *pab_object_str(struct pab_object *object)
{
    if (pab_is_long(object)) {
        return pab_long_str((struct pab_long *)object);
    }
    if (object->type == &pab_float_type) {
        return float_str(((struct pab_float *)object)->value);
    }
    assert(pab_is_unicode(object));
    return pab_new_ref(object);
}
