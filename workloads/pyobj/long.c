/* workloads/pyobj/long.c -- int: digits of 30 bits, allocated as Objects/longobject.c@v3.11 does.
 *
 * A result of one digit takes the padded 32 bytes; sums and products of longer numbers ask for
 * as many digits as they could need and are not shrunk. Products are schoolbook: CPython turns
 * to Karatsuba, with temporaries of its own, above 70 digits.
 */
#include "workloads/pyobj/runtime.h"

#include <string.h>

/* One digit at most: the common case, which never touches the digit loops. */
static inline bool is_medium(const struct pab_long *number)
{
    return (size_t)(number->size + 1) < 3;
}

static inline int64_t medium_value(const struct pab_long *number)
{
    assert(is_medium(number));
    return number->size * (int64_t)number->digits[0];
}

static inline pab_ssize digit_count(const struct pab_long *number)
{
    return number->size < 0 ? -number->size : number->size;
}

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
    if (is_medium(number)) {
        return medium_value(number);
    }
    uint64_t value = 0;
    for (pab_ssize i = digit_count(number) - 1; i >= 0; i--) {
        value = value << PAB_LONG_SHIFT | number->digits[i];
    }
    return (int64_t)(number->size < 0 ? 0 - value : value);
}

/* --- digit loops --------------------------------------------------------------------------- */

/* Drops leading zero digits from the size; the block keeps its length. */
static struct pab_long *normalize(struct pab_long *number)
{
    pab_ssize count = digit_count(number);
    while (count > 0 && number->digits[count - 1] == 0) {
        count--;
    }
    number->size = number->size < 0 ? -count : count;
    return number;
}

/* Replaces a result that fell into the small range by the shared small int. */
static struct pab_long *share_small(struct pab_long *number)
{
    if (number == NULL || !is_medium(number) || !pab_is_small_int(medium_value(number))) {
        return number;
    }
    struct pab_object *small = pab_small_int(pab_py(), medium_value(number));
    pab_incref(small);
    pab_decref(&number->base);
    return (struct pab_long *)small;
}

/* -number, in place when nobody else has it. Takes the reference; NULL when memory is out. */
static struct pab_long *negate(struct pab_long *number)
{
    if (number == NULL) {
        return NULL;
    }
    if (number->base.refcnt == 1) {
        number->size = -number->size;
        return number;
    }
    struct pab_object *negative = pab_long_from_int64(-medium_value(number));
    pab_decref(&number->base);
    return (struct pab_long *)negative;
}

/* |a| + |b|: one digit more than the longer. */
static struct pab_long *add_magnitudes(const struct pab_long *a, const struct pab_long *b)
{
    if (digit_count(a) < digit_count(b)) {
        const struct pab_long *shorter = a;
        a = b;
        b = shorter;
    }
    pab_ssize a_count = digit_count(a);
    pab_ssize b_count = digit_count(b);
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
    return normalize(sum);
}

/* How many low digits decide a comparison of equally long numbers: 0 when they are equal. */
static pab_ssize differing_count(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize i = digit_count(a);
    while (i > 0 && a->digits[i - 1] == b->digits[i - 1]) {
        i--;
    }
    return i;
}

/* |a| - |b|: as many digits as the longer, less the leading ones that cancel. */
static struct pab_long *subtract_magnitudes(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = digit_count(a);
    pab_ssize b_count = digit_count(b);
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
    return share_small(normalize(difference));
}

/* a + b, or a - b when `subtract`, for numbers of which one at least is longer than a digit. */
static struct pab_object *add_large(const struct pab_long *a, const struct pab_long *b,
                                    bool subtract)
{
    bool a_negative = a->size < 0;
    bool b_negative = (b->size < 0) != subtract;
    struct pab_long *result;
    if (a_negative == b_negative) {
        result = add_magnitudes(a, b);
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
    if (is_medium(left) && is_medium(right)) {
        return pab_long_from_int64(medium_value(left) + medium_value(right));
    }
    return add_large(left, right, false);
}

struct pab_object *pab_long_subtract(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    const struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    if (is_medium(left) && is_medium(right)) {
        return pab_long_from_int64(medium_value(left) - medium_value(right));
    }
    return add_large(left, right, true);
}

static struct pab_long *multiply_magnitudes(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = digit_count(a);
    pab_ssize b_count = digit_count(b);
    if (a_count == 0 || b_count == 0) {
        return (struct pab_long *)pab_long_from_int64(0);
    }
    struct pab_long *product = pab_long_new(a_count + b_count);
    if (product == NULL) {
        return NULL;
    }
    memset(product->digits, 0, (size_t)product->size * sizeof(uint32_t));
    for (pab_ssize i = 0; i < a_count; i++) {
        uint64_t carry = 0;
        for (pab_ssize j = 0; j < b_count; j++) {
            carry += product->digits[i + j] + (uint64_t)a->digits[i] * b->digits[j];
            product->digits[i + j] = (uint32_t)(carry & PAB_LONG_MASK);
            carry >>= PAB_LONG_SHIFT;
        }
        product->digits[i + b_count] += (uint32_t)carry;
    }
    return normalize(product);
}

struct pab_object *pab_long_multiply(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    const struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    if (is_medium(left) && is_medium(right)) {
        return pab_long_from_int64(medium_value(left) * medium_value(right));
    }
    struct pab_long *product = multiply_magnitudes(left, right);
    if ((left->size ^ right->size) < 0) {
        product = negate(product);
    }
    return (struct pab_object *)product;
}

/* --- division by one digit ----------------------------------------------------------------- */

static uint32_t magnitude_modulo(const struct pab_long *a, uint32_t divisor)
{
    uint64_t rest = 0;
    for (pab_ssize i = digit_count(a) - 1; i >= 0; i--) {
        rest = (rest << PAB_LONG_SHIFT | a->digits[i]) % divisor;
    }
    return (uint32_t)rest;
}

static struct pab_long *divide_magnitude(const struct pab_long *a, uint32_t divisor)
{
    struct pab_long *quotient = pab_long_new(digit_count(a));
    if (quotient == NULL) {
        return NULL;
    }
    uint64_t rest = 0;
    for (pab_ssize i = digit_count(a) - 1; i >= 0; i--) {
        rest = rest << PAB_LONG_SHIFT | a->digits[i];
        quotient->digits[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return normalize(quotient);
}

/* The remainder is an object for a while, as in CPython, and then takes the divisor's sign. */
static struct pab_long *remainder_of(struct pab_long *a, const struct pab_long *b)
{
    if (digit_count(a) == 0) {
        return (struct pab_long *)pab_new_ref(&a->base);
    }
    struct pab_long *rest =
        (struct pab_long *)pab_long_from_int64(magnitude_modulo(a, b->digits[0]));
    return rest != NULL && a->size < 0 && rest->size != 0 ? negate(rest) : rest;
}

/* Replaces *number by its sum with (or difference from) `other`; takes the old one. */
static struct pab_long *correct(struct pab_long *number, struct pab_object *other, bool subtract)
{
    struct pab_object *corrected =
        subtract ? pab_long_subtract(&number->base, other) : pab_long_add(&number->base, other);
    pab_decref(&number->base);
    return (struct pab_long *)corrected;
}

static int64_t floor_divide_medium(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static struct pab_object *floor_divide_large(struct pab_long *a, struct pab_object *divisor)
{
    const struct pab_long *b = (struct pab_long *)divisor;
    struct pab_long *quotient = digit_count(a) == 0 ? (struct pab_long *)pab_long_from_int64(0)
                                                    : divide_magnitude(a, b->digits[0]);
    struct pab_long *rest = quotient == NULL ? NULL : remainder_of(a, b);
    if (rest != NULL && digit_count(a) != 0 && (a->size < 0) != (b->size < 0)) {
        quotient = negate(quotient);
    }
    quotient = share_small(quotient);
    if (quotient != NULL && rest != NULL && (rest->size ^ b->size) < 0 && rest->size != 0) {
        rest = correct(rest, divisor, false);
        if (rest != NULL) {
            quotient = correct(quotient, pab_small_int(pab_py(), 1), true);
        }
    }
    bool whole = quotient != NULL && rest != NULL;
    pab_xdecref((struct pab_object *)rest);
    if (!whole) {
        pab_xdecref((struct pab_object *)quotient);
        return NULL;
    }
    return &quotient->base;
}

struct pab_object *pab_long_floor_divide(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    assert(digit_count(right) == 1);
    if (is_medium(left)) {
        return pab_long_from_int64(floor_divide_medium(medium_value(left), medium_value(right)));
    }
    return floor_divide_large(left, b);
}

struct pab_object *pab_long_remainder(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    assert(digit_count(right) == 1);
    if (is_medium(left)) {
        int64_t value = medium_value(left);
        int64_t divisor = medium_value(right);
        return pab_long_from_int64(value - floor_divide_medium(value, divisor) * divisor);
    }
    struct pab_long *rest = remainder_of(left, right);
    if (rest != NULL && rest->size != 0 && (rest->size ^ right->size) < 0) {
        rest = correct(rest, b, false);
    }
    return (struct pab_object *)rest;
}
