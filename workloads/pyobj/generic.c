/* workloads/pyobj/generic.c -- hash, ==, <, str() of any object.
 *
 * Hashes are CPython's, those of str and bytes as with PYTHONHASHSEED=0: so sets have its order.
 * Only objects that hash by their address differ, from run to run on either side.
 */
#include "workloads/pyobj/long.h"
#include "workloads/pyobj/set.h"

#include <math.h>
#include <string.h>

/* --- hash ----------------------------------------------------------------------------------- */

/* -1 means "not computed" in the caches, as in CPython. */
static int64_t not_minus_one(uint64_t hash)
{
    return (int64_t)hash == -1 ? -2 : (int64_t)hash;
}

/* SipHash-1-3 (J.-P. Aumasson, D. J. Bernstein, INDOCRYPT 2012) with the key 0, on machines whose
 * words begin with the low byte. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* Up to 7 bytes as the low ones of a word, by loads that may overlap. */
static inline uint64_t sip_tail(const unsigned char *bytes, size_t size)
{
    if (size >= 4) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, bytes, sizeof(low));
        memcpy(&high, bytes + size - sizeof(high), sizeof(high));
        return low | (uint64_t)high << 8 * (size - sizeof(high));
    }
    if (size == 0) {
        return 0;
    }
    return bytes[0] | (uint64_t)bytes[size / 2] << 8 * (size / 2) |
           (uint64_t)bytes[size - 1] << 8 * (size - 1);
}

int64_t pab_hash_bytes(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    struct sip s = {UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
                    UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573)};
    if (size == 0) {
        return 0;
    }
    const uint64_t last = (uint64_t)size << 56;
    uint64_t word;
    for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sip_word(&s, word);
    }
    sip_word(&s, last | sip_tail(bytes, size));
    s.v2 ^= 0xff;
    for (int round = 0; round < 3; round++) {
        sip_round(&s);
    }
    return not_minus_one(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

/* Numbers as in CPython (Python/pyhash.c@v3.11), modulo the prime 2**61 - 1: small ints are their
 * own hash, and equal floats agree. Sets of numbers so have CPython's order. */
enum { HASH_BITS = 61 };
static const uint64_t hash_modulus = (UINT64_C(1) << HASH_BITS) - 1;

/* number * 2**bits, modulo 2**61 - 1: a rotation. */
static uint64_t rotate(uint64_t number, int bits)
{
    assert(number <= hash_modulus && bits >= 0 && bits < HASH_BITS);
    return (number << bits & hash_modulus) | number >> (HASH_BITS - bits);
}

static int64_t signed_hash(uint64_t magnitude, bool negative)
{
    uint64_t hash = magnitude == hash_modulus ? 0 : magnitude;
    return not_minus_one(negative ? 0 - hash : hash);
}

static int64_t long_hash(struct pab_long *number)
{
    if (pab_long_is_medium(number)) {
        return not_minus_one((uint64_t)pab_long_medium_value(number));
    }
    uint64_t hash = 0;
    for (pab_ssize i = pab_long_digit_count(number) - 1; i >= 0; i--) {
        hash = rotate(hash, PAB_LONG_SHIFT) + number->digits[i];
        hash = hash >= hash_modulus ? hash - hash_modulus : hash;
    }
    return signed_hash(hash, number->size < 0);
}

enum { DOUBLE_BITS = 53, HASH_OF_INFINITY = 314159 };

static int64_t pointer_hash(const void *pointer)
{
    return not_minus_one((uintptr_t)pointer >> 4 | (uintptr_t)pointer << 60);
}

/* The 53 bits of the number as an int, turned by its exponent: 2**-1 is 2**60 here. */
static int64_t float_hash(struct pab_float *number)
{
    double value = number->value;
    int exponent;
    if (isnan(value)) {
        return pointer_hash(number);
    }
    if (isinf(value)) {
        return value > 0 ? HASH_OF_INFINITY : -HASH_OF_INFINITY;
    }
    uint64_t bits = (uint64_t)ldexp(frexp(fabs(value), &exponent), DOUBLE_BITS);
    int turn = (exponent - DOUBLE_BITS) % HASH_BITS;
    return signed_hash(rotate(bits, turn < 0 ? turn + HASH_BITS : turn), value < 0);
}

/* The mixing steps of xxHash (BSD licence, Y. Collet) over the items' hashes, as in CPython. */
static int64_t tuple_hash(struct pab_tuple *tuple)
{
    const uint64_t prime_1 = UINT64_C(11400714785074694791);
    const uint64_t prime_2 = UINT64_C(14029467366897019727);
    const uint64_t prime_5 = UINT64_C(2870177450012600261);
    uint64_t hash = prime_5;
    for (pab_ssize i = 0; i < tuple->size; i++) {
        hash += (uint64_t)pab_object_hash(tuple->items[i]) * prime_2;
        hash = (hash << 31 | hash >> 33) * prime_1;
    }
    hash += (uint64_t)tuple->size ^ (prime_5 ^ 3527539);
    return (int64_t)hash == -1 ? 1546275796 : (int64_t)hash;
}

static int64_t bytes_hash(struct pab_bytes *bytes)
{
    if (bytes->hash == -1) {
        bytes->hash = pab_hash_bytes(bytes->data, (size_t)bytes->size);
    }
    return bytes->hash;
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
        return float_hash((struct pab_float *)object);
    }
    if (object->type == &pab_tuple_type) {
        return tuple_hash((struct pab_tuple *)object);
    }
    if (object->type == &pab_bytes_type) {
        return bytes_hash((struct pab_bytes *)object);
    }
    if (object->type == &pab_frozenset_type) {
        return pab_frozenset_hash((struct pab_set *)object);
    }
    assert(object->type != &pab_list_type && object->type != &pab_dict_type);
    assert(object->type != &pab_set_type && object->type != &pab_bytearray_type);
    return pointer_hash(object);
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

static pab_ssize bit_length(const struct pab_long *number)
{
    pab_ssize count = pab_long_digit_count(number);
    return count == 0 ? 0 : count * PAB_LONG_SHIFT + 2 - __builtin_clz(number->digits[count - 1]);
}

/* Exact, though neither may fit into the other's type: digit by digit if they are equally long. */
static int compare_with_long(double value, const struct pab_long *whole)
{
    int sign = (value > 0) - (value < 0);
    int exponent;
    if (sign != sign_of(whole->size) || sign == 0 || isinf(value)) {
        return sign - (isinf(value) ? 0 : sign_of(whole->size));
    }
    double rest = fabs(value);
    frexp(rest, &exponent);
    if (exponent != bit_length(whole)) {
        return exponent > bit_length(whole) ? sign : -sign;
    }
    for (pab_ssize i = pab_long_digit_count(whole) - 1; i >= 0; i--) {
        double unit = ldexp(1.0, (int)i * PAB_LONG_SHIFT);
        uint32_t digit = (uint32_t)(rest / unit);
        if (digit != whole->digits[i]) {
            return digit > whole->digits[i] ? sign : -sign;
        }
        rest -= digit * unit;
    }
    return rest > 0 ? sign : 0;
}

static double float_value(const struct pab_object *number)
{
    return ((const struct pab_float *)number)->value;
}

/* Not for NaN. */
static int compare_numbers(const struct pab_object *a, const struct pab_object *b)
{
    if (pab_is_long(a)) {
        return pab_is_long(b)
                   ? compare_longs((const struct pab_long *)a, (const struct pab_long *)b)
                   : -compare_with_long(float_value(b), (const struct pab_long *)a);
    }
    if (pab_is_long(b)) {
        return compare_with_long(float_value(a), (const struct pab_long *)b);
    }
    return float_value(a) < float_value(b) ? -1 : float_value(a) > float_value(b);
}

static bool is_nan(const struct pab_object *number)
{
    return number->type == &pab_float_type && isnan(float_value(number));
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

static bool has_bytes(const struct pab_object *object)
{
    return object->type == &pab_bytes_type || object->type == &pab_bytearray_type;
}

/* bytes and bytearray, in any combination. */
static bool equal_bytes(struct pab_object *a, struct pab_object *b)
{
    bool a_fixed = a->type == &pab_bytes_type;
    bool b_fixed = b->type == &pab_bytes_type;
    pab_ssize size = a_fixed ? pab_bytes_size(a) : pab_bytearray_size(a);
    return size == (b_fixed ? pab_bytes_size(b) : pab_bytearray_size(b)) &&
           memcmp(a_fixed ? pab_bytes_as_string(a) : pab_bytearray_as_string(a),
                  b_fixed ? pab_bytes_as_string(b) : pab_bytearray_as_string(b), (size_t)size) == 0;
}

static bool equal_containers(struct pab_object *a, struct pab_object *b)
{
    assert(a->type == b->type);
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

bool pab_object_equal(struct pab_object *a, struct pab_object *b)
{
    if (a == b) {
        return true;
    }
    if (is_number(a) && is_number(b)) {
        return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
    }
    if (pab_is_unicode(a) && pab_is_unicode(b)) {
        struct pab_unicode *left = (struct pab_unicode *)a;
        struct pab_unicode *right = (struct pab_unicode *)b;
        return left->length == right->length && compare_strs(left, right) == 0;
    }
    if (has_bytes(a) && has_bytes(b)) {
        return equal_bytes(a, b);
    }
    if (pab_is_set(a) && pab_is_set(b)) {
        return pab_set_equal((struct pab_set *)a, (struct pab_set *)b);
    }
    return a->type == b->type && equal_containers(a, b);
}

/* --- str() ----------------------------------------------------------------------------------- */

enum { FLOAT_TEXT_BYTES = 40 };

/* Makes "1.09e+05" into "1.10e+05". False if all digits are 9. */
static bool next_decimal(char *digits)
{
    for (char *at = strchr(digits, 'e') - 1; at >= digits && *at != '-'; at--) {
        if (*at == '.') {
            continue;
        }
        if (*at != '9') {
            ++*at;
            return true;
        }
        *at = '0';
    }
    return false;
}

/* The least digits, in the form of "%e", that come back as the number; how many. */
static int shortest_digits(double value, char digits[FLOAT_TEXT_BYTES])
{
    int exponent;
    bool is_power = fabs(frexp(value, &exponent)) == 0.5;
    /* Up to 15 digits come back from any number that has all its bits. */
    for (int count = fabs(value) < 0x1p-1022 ? 1 : 15;; count++) {
        snprintf(digits, FLOAT_TEXT_BYTES, "%.*e", count - 1, value);
        if (count == 17 || strtod(digits, NULL) == value) {
            return count;
        }
        /* The doubles above a power of two lie twice as far apart as those below: the decimal
         * above may come back where the nearest one, below, does not. */
        if (is_power && next_decimal(digits) && strtod(digits, NULL) == value) {
            return count;
        }
    }
}

/* Writes a "%e" form without the zeros at the end of its digits, or its point. */
static int write_scientific(const char *digits, char *text)
{
    const char *exponent = strchr(digits, 'e');
    const char *end = exponent;
    while (end[-1] == '0') {
        end--;
    }
    end -= end[-1] == '.';
    return snprintf(text, FLOAT_TEXT_BYTES, "%.*s%s", (int)(end - digits), digits, exponent);
}

/* repr()'s rules: scientific below 1e-4 and from 1e16 on, else with a point in it. */
static int format_float(double value, char *text)
{
    char digits[FLOAT_TEXT_BYTES];
    int precision = shortest_digits(value, digits);
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        return write_scientific(digits, text);
    }
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
