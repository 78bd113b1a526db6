/* workloads/pyobj/long_multiply.c -- products of ints, with the temporaries of
 * Objects/longobject.c@v3.11: schoolbook for short numbers, Karatsuba for long ones.
 *
 * With x = h * B^n + l, three products of half the length give the whole:
 *   x * y = hx*hy * B^2n + ((hx + lx) * (hy + ly) - hx*hy - lx*ly) * B^n + lx*ly
 */
#include "workloads/pyobj/long.h"

#include <string.h>

/* Digits of the shorter factor up to which schoolbook is used; squares are twice as cheap. */
enum { KARATSUBA_CUTOFF = 70, KARATSUBA_SQUARE_CUTOFF = 2 * KARATSUBA_CUTOFF };

static struct pab_long *multiply(const struct pab_long *a, const struct pab_long *b);

static void release(struct pab_long *number)
{
    if (number != NULL) {
        pab_decref(&number->base);
    }
}

static struct pab_long *multiply_schoolbook(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = pab_long_digit_count(a);
    pab_ssize b_count = pab_long_digit_count(b);
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
    return pab_long_normalize(product);
}

/* --- sums in place: modulo the length of `to`, for the middle term is above it only between --- */

static void add_into(uint32_t *to, pab_ssize count, const struct pab_long *addend)
{
    assert(addend->size >= 0 && addend->size <= count);
    uint32_t carry = 0;
    for (pab_ssize i = 0; i < count && (i < addend->size || carry != 0); i++) {
        carry += to[i] + (i < addend->size ? addend->digits[i] : 0);
        to[i] = carry & PAB_LONG_MASK;
        carry >>= PAB_LONG_SHIFT;
    }
}

static void subtract_from(uint32_t *to, pab_ssize count, const struct pab_long *number)
{
    assert(number->size >= 0 && number->size <= count);
    uint32_t borrow = 0;
    for (pab_ssize i = 0; i < count && (i < number->size || borrow != 0); i++) {
        borrow = to[i] - (i < number->size ? number->digits[i] : 0) - borrow;
        to[i] = borrow & PAB_LONG_MASK;
        borrow = borrow >> PAB_LONG_SHIFT & 1;
    }
}

/* --- Karatsuba ----------------------------------------------------------------------------- */

struct halves {
    struct pab_long *high, *low;
};

static void halves_release(struct halves *halves)
{
    release(halves->high);
    release(halves->low);
    *halves = (struct halves){NULL, NULL};
}

static struct pab_long *copy_digits(const struct pab_long *number, pab_ssize start, pab_ssize count)
{
    struct pab_long *copy = pab_long_new(count);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy->digits, number->digits + start, (size_t)count * sizeof(uint32_t));
    return pab_long_normalize(copy);
}

/* |number| = high * B^at + low. All or nothing. */
static bool split(const struct pab_long *number, pab_ssize at, struct halves *halves)
{
    pab_ssize count = pab_long_digit_count(number);
    pab_ssize low_count = count < at ? count : at;
    halves->low = NULL;
    halves->high = copy_digits(number, low_count, count - low_count);
    if (halves->high != NULL) {
        halves->low = copy_digits(number, 0, low_count);
    }
    if (halves->low == NULL) {
        halves_release(halves);
    }
    return halves->low != NULL;
}

/* high + low; the halves are not needed any more. */
static struct pab_long *halves_sum(struct halves *halves)
{
    struct pab_long *sum = pab_long_add_magnitudes(halves->high, halves->low);
    halves_release(halves);
    return sum;
}

/* Puts `number` at digits [at, end) of the result, with zeros above it. */
static void place(struct pab_long *result, pab_ssize at, pab_ssize end,
                  const struct pab_long *number)
{
    assert(number->size >= 0 && at + number->size <= end && end <= result->size);
    memcpy(result->digits + at, number->digits, (size_t)number->size * sizeof(uint32_t));
    memset(result->digits + at + number->size, 0,
           (size_t)(end - at - number->size) * sizeof(uint32_t));
}

/* The two outer products: in their places, and taken away from the middle. */
static bool add_outer_products(struct pab_long *result, pab_ssize at, const struct halves *x,
                               const struct halves *y)
{
    struct pab_long *high = multiply(x->high, y->high);
    if (high == NULL) {
        return false;
    }
    place(result, 2 * at, result->size, high);
    struct pab_long *low = multiply(x->low, y->low);
    if (low != NULL) {
        place(result, 0, 2 * at, low);
        subtract_from(result->digits + at, result->size - at, low);
        release(low);
        subtract_from(result->digits + at, result->size - at, high);
    }
    release(high);
    return low != NULL;
}

/* (hx + lx) * (hy + ly) into the middle. Uses up the halves; `y` is NULL for a square. */
static bool add_middle_product(struct pab_long *result, pab_ssize at, struct halves *x,
                               struct halves *y)
{
    struct pab_long *x_sum = halves_sum(x);
    struct pab_long *y_sum = y == NULL ? x_sum : x_sum == NULL ? NULL : halves_sum(y);
    struct pab_long *product = NULL;
    if (y_sum != NULL) {
        product = multiply(x_sum, y_sum);
    }
    release(x_sum);
    if (y != NULL) {
        release(y_sum);
    }
    if (product != NULL) {
        add_into(result->digits + at, result->size - at, product);
        release(product);
    }
    return product != NULL;
}

static struct pab_long *multiply_karatsuba(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize b_count = pab_long_digit_count(b);
    pab_ssize at = b_count >> 1;
    struct halves x;
    struct halves y = {NULL, NULL};
    bool square = a == b;
    if (!split(a, at, &x)) {
        return NULL;
    }
    struct pab_long *result = NULL;
    if (square || split(b, at, &y)) {
        result = pab_long_new(pab_long_digit_count(a) + b_count);
    }
    if (result != NULL && !(add_outer_products(result, at, &x, square ? &x : &y) &&
                            add_middle_product(result, at, &x, square ? NULL : &y))) {
        release(result);
        result = NULL;
    }
    halves_release(&x);
    halves_release(&y);
    return result == NULL ? NULL : pab_long_normalize(result);
}

/* `b` is at least twice as long as `a`: piece by piece of `a`'s length. */
static struct pab_long *multiply_lopsided(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = pab_long_digit_count(a);
    pab_ssize b_count = pab_long_digit_count(b);
    struct pab_long *result = pab_long_new(a_count + b_count);
    if (result == NULL) {
        return NULL;
    }
    memset(result->digits, 0, (size_t)result->size * sizeof(uint32_t));
    struct pab_long *piece = pab_long_new(a_count);
    bool whole = piece != NULL;
    for (pab_ssize done = 0; whole && done < b_count; done += a_count) {
        pab_ssize count = b_count - done < a_count ? b_count - done : a_count;
        memcpy(piece->digits, b->digits + done, (size_t)count * sizeof(uint32_t));
        piece->size = count;
        struct pab_long *product = multiply(a, piece);
        whole = product != NULL;
        if (whole) {
            add_into(result->digits + done, result->size - done, product);
            release(product);
        }
    }
    release(piece);
    if (!whole) {
        release(result);
        return NULL;
    }
    return pab_long_normalize(result);
}

/* |a| * |b| */
static struct pab_long *multiply(const struct pab_long *a, const struct pab_long *b)
{
    if (pab_long_digit_count(a) > pab_long_digit_count(b)) {
        const struct pab_long *longer = a;
        a = b;
        b = longer;
    }
    pab_ssize a_count = pab_long_digit_count(a);
    if (a_count == 0) {
        return (struct pab_long *)pab_long_from_int64(0);
    }
    if (a_count <= (a == b ? KARATSUBA_SQUARE_CUTOFF : KARATSUBA_CUTOFF)) {
        return multiply_schoolbook(a, b);
    }
    return 2 * a_count <= pab_long_digit_count(b) ? multiply_lopsided(a, b)
                                                  : multiply_karatsuba(a, b);
}

struct pab_object *pab_long_multiply(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    const struct pab_long *left = (struct pab_long *)a;
    const struct pab_long *right = (struct pab_long *)b;
    if (pab_long_is_medium(left) && pab_long_is_medium(right)) {
        return pab_long_from_int64(pab_long_medium_value(left) * pab_long_medium_value(right));
    }
    struct pab_long *product = multiply(left, right);
    if ((left->size ^ right->size) < 0) {
        product = pab_long_negate(product);
    }
    return (struct pab_object *)product;
}
