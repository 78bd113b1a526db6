/* workloads/pyobj/long.c -- int: digits of 30 bits, allocated as Objects/longobject.c@v3.11 does;
 * sums and differences. Products, quotients, bits and text have files of their own.
 *
 * A result of one digit takes the padded 32 bytes; longer ones ask for as many digits as they
 * could need and are not shrunk.
 */
#include "workloads/pyobj/long.h"

#include <string.h>

static void long_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    pab_object_dead(py);
    pab_obj_free(py, self);
}

const struct pab_type pab_long_type = {.name = "int", .dealloc = long_dealloc};

struct pab_long *pab_long_new(pab_ssize count)
{
    struct pab_py *py = pab_py();
    size_t digits = count == 0 ? 1 : (size_t)count;
    struct pab_long *number =
        pab_obj_malloc(py, sizeof(struct pab_long) + digits * sizeof(uint32_t));
    if (number == NULL) {
        return NULL;
    }
    pab_object_born(py, &number->base, &pab_long_type);
    number->size = count;
    number->digits[0] = 0;
    return number;
}

static inline struct pab_object *long_from_medium(struct pab_py *py, int64_t value)
{
    assert(value >= -(int64_t)PAB_LONG_MASK && value <= (int64_t)PAB_LONG_MASK);
    struct pab_long *number = pab_obj_malloc(py, PAB_LONG_ONE_DIGIT_BYTES);
    if (number == NULL) {
        return NULL;
    }
    pab_object_born(py, &number->base, &pab_long_type);
    number->size = value < 0 ? -1 : 1;
    number->digits[0] = (uint32_t)(value < 0 ? -value : value);
    return &number->base;
}

static struct pab_object *long_from_large(int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    pab_ssize count = 0;
    for (uint64_t rest = magnitude; rest != 0; rest >>= PAB_LONG_SHIFT) {
        count++;
    }
    struct pab_long *number = pab_long_new(count);
    if (number == NULL) {
        return NULL;
    }
    for (pab_ssize i = 0; i < count; i++) {
        number->digits[i] = (uint32_t)(magnitude & PAB_LONG_MASK);
        magnitude >>= PAB_LONG_SHIFT;
    }
    number->size = value < 0 ? -count : count;
    return &number->base;
}

struct pab_object *pab_long_from_int64(int64_t value)
{
    struct pab_py *py = pab_py();
    if (pab_is_small_int(value)) {
        return pab_new_ref(pab_small_int(py, value));
    }
    if (value >= -(int64_t)PAB_LONG_MASK && value <= (int64_t)PAB_LONG_MASK) {
        return long_from_medium(py, value);
    }
    return long_from_large(value);
}

int64_t pab_long_as_int64(struct pab_object *object)
{
    assert(pab_is_long(object));
    const struct pab_long *number = (struct pab_long *)object;
    if (pab_long_is_medium(number)) {
        return pab_long_medium_value(number);
    }
    uint64_t value = 0;
    for (pab_ssize i = pab_long_digit_count(number) - 1; i >= 0; i--) {
        value = value << PAB_LONG_SHIFT | number->digits[i];
    }
    return (int64_t)(number->size < 0 ? 0 - value : value);
}

/* --- digit loops --------------------------------------------------------------------------- */

struct pab_long *pab_long_share_small(struct pab_long *number)
{
    if (number == NULL || !pab_long_is_medium(number) ||
        !pab_is_small_int(pab_long_medium_value(number))) {
        return number;
    }
    struct pab_object *small = pab_small_int(pab_py(), pab_long_medium_value(number));
    pab_incref(small);
    pab_decref(&number->base);
    return (struct pab_long *)small;
}

struct pab_long *pab_long_negate(struct pab_long *number)
{
    if (number == NULL) {
        return NULL;
    }
    if (number->base.refcnt == 1) {
        number->size = -number->size;
        return number;
    }
    struct pab_object *negative = pab_long_from_int64(-pab_long_medium_value(number));
    pab_decref(&number->base);
    return (struct pab_long *)negative;
}

struct pab_long *pab_long_add_magnitudes(const struct pab_long *a, const struct pab_long *b)
{
    if (pab_long_digit_count(a) < pab_long_digit_count(b)) {
        const struct pab_long *shorter = a;
        a = b;
        b = shorter;
    }
    pab_ssize a_count = pab_long_digit_count(a);
    pab_ssize b_count = pab_long_digit_count(b);
    struct pab_long *sum = pab_long_new(a_count + 1);
    if (sum == NULL) {
        return NULL;
    }
    uint32_t carry = 0;
    for (pab_ssize i = 0; i < a_count; i++) {
        carry += a->digits[i] + (i < b_count ? b->digits[i] : 0);
        sum->digits[i] = carry & PAB_LONG_MASK;
        carry >>= PAB_LONG_SHIFT;
    }
    sum->digits[a_count] = carry;
    return pab_long_normalize(sum);
}

/* How many low digits decide a comparison of equally long numbers: 0 when they are equal. */
static pab_ssize differing_count(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize i = pab_long_digit_count(a);
    while (i > 0 && a->digits[i - 1] == b->digits[i - 1]) {
        i--;
    }
    return i;
}

/* |a| - |b|: as many digits as the longer, less the leading ones that cancel. */
static struct pab_long *subtract_magnitudes(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = pab_long_digit_count(a);
    pab_ssize b_count = pab_long_digit_count(b);
    bool swap = a_count < b_count;
    if (a_count == b_count) {
        a_count = b_count = differing_count(a, b);
        if (a_count == 0) {
            return (struct pab_long *)pab_long_from_int64(0);
        }
        swap = a->digits[a_count - 1] < b->digits[a_count - 1];
    }
    if (swap) {
        const struct pab_long *smaller = a;
        pab_ssize smaller_count = a_count;
        a = b;
        a_count = b_count;
        b = smaller;
        b_count = smaller_count;
    }
    struct pab_long *difference = pab_long_new(a_count);
    if (difference == NULL) {
        return NULL;
    }
    uint32_t borrow = 0;
    for (pab_ssize i = 0; i < a_count; i++) {
        borrow = a->digits[i] - (i < b_count ? b->digits[i] : 0) - borrow;
        difference->digits[i] = borrow & PAB_LONG_MASK;
        borrow = borrow >> PAB_LONG_SHIFT & 1;
    }
    assert(borrow == 0);
    difference->size = swap ? -difference->size : difference->size;
    return pab_long_share_small(pab_long_normalize(difference));
}

/* a + b, or a - b when `subtract`, for numbers of which one at least is longer than a digit. */
static struct pab_object *add_large(const struct pab_long *a, const struct pab_long *b,
                                    bool subtract)
{
    bool a_negative = a->size < 0;
    bool b_negative = (b->size < 0) != subtract;
    struct pab_long *result;
    if (a_negative == b_negative) {
        result = pab_long_add_magnitudes(a, b);
        if (result != NULL && a_negative) {
            result->size = -result->size;
        }
    } else {
        result = a_negative ? subtract_magnitudes(b, a) : subtract_magnitudes(a, b);
    }
    return (struct pab_object *)result;
}

struct pab_object *pab_long_add(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    const struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    if (pab_long_is_medium(left) && pab_long_is_medium(right)) {
        return pab_long_from_int64(pab_long_medium_value(left) + pab_long_medium_value(right));
    }
    return add_large(left, right, false);
}

struct pab_object *pab_long_subtract(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    const struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    if (pab_long_is_medium(left) && pab_long_is_medium(right)) {
        return pab_long_from_int64(pab_long_medium_value(left) - pab_long_medium_value(right));
    }
    return add_large(left, right, true);
}

/* The digits exactly, unlike sums. */
struct pab_object *pab_long_negative(struct pab_object *object)
{
    assert(pab_is_long(object));
    const struct pab_long *number = (struct pab_long *)object;
    if (pab_long_is_medium(number)) {
        return pab_long_from_int64(-pab_long_medium_value(number));
    }
    pab_ssize count = pab_long_digit_count(number);
    struct pab_long *negative = pab_long_new(count);
    if (negative == NULL) {
        return NULL;
    }
    memcpy(negative->digits, number->digits, (size_t)count * sizeof(uint32_t));
    negative->size = -number->size;
    return &negative->base;
}
