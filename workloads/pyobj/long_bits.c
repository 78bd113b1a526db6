/* workloads/pyobj/long_bits.c -- << >> & | ^ of ints, with the temporaries of
 * Objects/longobject.c@v3.11. Negative numbers behave as in two's complement without an end. */
#include "workloads/pyobj/long.h"

#include <string.h>

/* --- shifts -------------------------------------------------------------------------------- */

struct shift {
    pab_ssize digits;
    int bits;
};

/* From 2**60 on, so many digits that nothing is left, or that no memory is enough. */
static struct shift shift_of(struct pab_object *count)
{
    assert(pab_is_long(count) && ((struct pab_long *)count)->size >= 0);
    if (((struct pab_long *)count)->size > 2) {
        return (struct shift){PTRDIFF_MAX / sizeof(uint32_t), 0};
    }
    pab_ssize bits = pab_long_as_int64(count);
    return (struct shift){bits / PAB_LONG_SHIFT, (int)(bits % PAB_LONG_SHIFT)};
}

struct pab_object *pab_long_lshift(struct pab_object *object, struct pab_object *count)
{
    assert(pab_is_long(object));
    const struct pab_long *a = (struct pab_long *)object;
    struct shift by = shift_of(count);
    if (a->size == 0) {
        return pab_long_from_int64(0);
    }
    if (by.digits == 0 && pab_long_is_medium(a)) {
        return pab_long_from_int64(pab_long_medium_value(a) * (INT64_C(1) << by.bits));
    }
    pab_ssize old_count = pab_long_digit_count(a);
    struct pab_long *result = pab_long_new(old_count + by.digits + (by.bits != 0));
    if (result == NULL) {
        return NULL;
    }
    memset(result->digits, 0, (size_t)by.digits * sizeof(uint32_t));
    uint32_t *out = result->digits + by.digits;
    uint64_t carry = 0;
    for (pab_ssize i = 0; i < old_count; i++) {
        carry |= (uint64_t)a->digits[i] << by.bits;
        out[i] = (uint32_t)(carry & PAB_LONG_MASK);
        carry >>= PAB_LONG_SHIFT;
    }
    if (by.bits != 0) {
        out[old_count] = (uint32_t)carry;
    }
    result->size = a->size < 0 ? -result->size : result->size;
    return (struct pab_object *)pab_long_share_small(pab_long_normalize(result));
}

static bool any_digit(const uint32_t *digits, pab_ssize count)
{
    uint32_t bits = 0;
    for (pab_ssize i = 0; i < count; i++) {
        bits |= digits[i];
    }
    return bits != 0;
}

/* The magnitude of `a`, rounded up if bits are lost and it is negative: so the value goes down.
 * A shift by whole digits counts as one digit less and all 30 bits of the next, where rounding a
 * negative number up may need the room. */
static struct pab_object *rshift_large(struct pab_long *a, struct shift by)
{
    bool negative = a->size < 0;
    pab_ssize old_count = pab_long_digit_count(a);
    if (negative && by.bits == 0) {
        if (by.digits == 0) {
            return pab_new_ref(&a->base);
        }
        by = (struct shift){by.digits - 1, PAB_LONG_SHIFT};
    }
    pab_ssize count = old_count - by.digits;
    if (count <= 0) {
        return pab_long_from_int64(negative ? -1 : 0);
    }
    struct pab_long *result = pab_long_new(count);
    if (result == NULL) {
        return NULL;
    }
    const uint32_t *in = a->digits + by.digits;
    uint32_t lost = in[0] & (uint32_t)((UINT64_C(1) << by.bits) - 1);
    uint32_t carry = negative && (lost != 0 || any_digit(a->digits, by.digits));
    for (pab_ssize i = 0; i < count; i++) {
        uint64_t wide = in[i] | (i + 1 < count ? (uint64_t)in[i + 1] << PAB_LONG_SHIFT : 0);
        carry += (uint32_t)(wide >> by.bits & PAB_LONG_MASK);
        result->digits[i] = carry & PAB_LONG_MASK;
        carry >>= PAB_LONG_SHIFT;
    }
    assert(carry == 0);
    result->size = negative ? -count : count;
    return (struct pab_object *)pab_long_share_small(pab_long_normalize(result));
}

struct pab_object *pab_long_rshift(struct pab_object *object, struct pab_object *count)
{
    assert(pab_is_long(object));
    struct pab_long *a = (struct pab_long *)object;
    struct shift by = shift_of(count);
    if (pab_long_is_medium(a)) {
        int64_t value = pab_long_medium_value(a);
        return pab_long_from_int64(value >> (by.digits == 0 ? by.bits : PAB_LONG_SHIFT));
    }
    return rshift_large(a, by);
}

/* --- and, or, xor --------------------------------------------------------------------------- */

/* Two's complement of `count` digits. */
static void complement(uint32_t *to, const uint32_t *from, pab_ssize count)
{
    uint32_t carry = 1;
    for (pab_ssize i = 0; i < count; i++) {
        carry += from[i] ^ PAB_LONG_MASK;
        to[i] = carry & PAB_LONG_MASK;
        carry >>= PAB_LONG_SHIFT;
    }
}

/* The digits of a number in two's complement: a negative one gets a copy. */
struct operand {
    struct pab_long *number; /* owned */
    pab_ssize count;
    bool negative;
};

static bool operand_open(struct operand *operand, struct pab_object *object)
{
    struct pab_long *number = (struct pab_long *)object;
    *operand = (struct operand){number, pab_long_digit_count(number), number->size < 0};
    if (!operand->negative) {
        pab_incref(object);
        return true;
    }
    operand->number = pab_long_new(operand->count);
    if (operand->number == NULL) {
        return false;
    }
    complement(operand->number->digits, number->digits, operand->count);
    return true;
}

static uint32_t operate(char operation, uint32_t a, uint32_t b)
{
    return operation == '&' ? a & b : operation == '|' ? a | b : a ^ b;
}

/* `a` is the longer; above `b` its sign goes on, and where that decides, nothing is computed. */
static struct pab_long *combine(const struct operand *a, char operation, const struct operand *b)
{
    uint32_t above = b->negative ? PAB_LONG_MASK : 0;
    bool negative = operate(operation, a->negative, b->negative) != 0;
    bool cut = (operation == '&' && !b->negative) || (operation == '|' && b->negative);
    pab_ssize count = cut ? b->count : a->count;
    struct pab_long *result = pab_long_new(count + negative);
    if (result == NULL) {
        return NULL;
    }
    for (pab_ssize i = 0; i < count; i++) {
        uint32_t other = i < b->count ? b->number->digits[i] : above;
        result->digits[i] = operate(operation, a->number->digits[i], other);
    }
    if (negative) {
        result->digits[count] = PAB_LONG_MASK;
        complement(result->digits, result->digits, count + 1);
        result->size = -result->size;
    }
    return pab_long_normalize(result);
}

static struct pab_object *bitwise(struct pab_object *left, char operation, struct pab_object *right)
{
    struct operand a;
    struct operand b;
    if (!operand_open(&a, left)) {
        return NULL;
    }
    if (!operand_open(&b, right)) {
        pab_decref(&a.number->base);
        return NULL;
    }
    if (a.count < b.count) {
        struct operand shorter = a;
        a = b;
        b = shorter;
    }
    struct pab_long *result = combine(&a, operation, &b);
    pab_decref(&a.number->base);
    pab_decref(&b.number->base);
    return (struct pab_object *)pab_long_share_small(result);
}

static bool both_medium(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    return pab_long_is_medium((struct pab_long *)a) && pab_long_is_medium((struct pab_long *)b);
}

struct pab_object *pab_long_and(struct pab_object *a, struct pab_object *b)
{
    return both_medium(a, b) ? pab_long_from_int64(pab_long_as_int64(a) & pab_long_as_int64(b))
                             : bitwise(a, '&', b);
}

struct pab_object *pab_long_or(struct pab_object *a, struct pab_object *b)
{
    return both_medium(a, b) ? pab_long_from_int64(pab_long_as_int64(a) | pab_long_as_int64(b))
                             : bitwise(a, '|', b);
}

struct pab_object *pab_long_xor(struct pab_object *a, struct pab_object *b)
{
    return both_medium(a, b) ? pab_long_from_int64(pab_long_as_int64(a) ^ pab_long_as_int64(b))
                             : bitwise(a, '^', b);
}
