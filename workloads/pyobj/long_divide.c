/* workloads/pyobj/long_divide.c -- // and % of ints, with the temporaries of
 * Objects/longobject.c@v3.11. Long divisors: Knuth, The Art of Computer Programming 2, 4.3.1 D.
 *
 * Both operations divide towards zero first and then correct towards minus infinity, and the
 * remainder is an object even where only the quotient is asked for.
 */
#include "workloads/pyobj/long.h"

/* --- magnitudes ---------------------------------------------------------------------------- */

static uint32_t digit_remainder(const struct pab_long *a, uint32_t divisor)
{
    uint64_t rest = 0;
    for (pab_ssize i = pab_long_digit_count(a) - 1; i >= 0; i--) {
        rest = (rest << PAB_LONG_SHIFT | a->digits[i]) % divisor;
    }
    return (uint32_t)rest;
}

static struct pab_long *divide_by_digit(const struct pab_long *a, uint32_t divisor, uint32_t *left)
{
    struct pab_long *quotient = pab_long_new(pab_long_digit_count(a));
    if (quotient == NULL) {
        return NULL;
    }
    uint64_t rest = 0;
    for (pab_ssize i = pab_long_digit_count(a) - 1; i >= 0; i--) {
        rest = rest << PAB_LONG_SHIFT | a->digits[i];
        quotient->digits[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    *left = (uint32_t)rest;
    return pab_long_normalize(quotient);
}

/* to = from << bits; what leaves the top is returned. */
static uint32_t shift_left(uint32_t *to, const uint32_t *from, pab_ssize count, int bits)
{
    uint32_t carry = 0;
    for (pab_ssize i = 0; i < count; i++) {
        uint64_t wide = (uint64_t)from[i] << bits | carry;
        to[i] = (uint32_t)(wide & PAB_LONG_MASK);
        carry = (uint32_t)(wide >> PAB_LONG_SHIFT);
    }
    return carry;
}

static void shift_right(uint32_t *to, const uint32_t *from, pab_ssize count, int bits)
{
    uint64_t carry = 0;
    for (pab_ssize i = count - 1; i >= 0; i--) {
        uint64_t wide = carry << PAB_LONG_SHIFT | from[i];
        to[i] = (uint32_t)(wide >> bits);
        carry = wide & ((UINT64_C(1) << bits) - 1);
    }
}

/* v -= factor * w; what is then missing at the top, as a borrow. */
static int64_t subtract_multiple(uint32_t *v, const struct pab_long *w, uint32_t factor)
{
    int64_t carry = 0;
    for (pab_ssize i = 0; i < w->size; i++) {
        carry += v[i] - (int64_t)((uint64_t)factor * w->digits[i]);
        v[i] = (uint32_t)(carry & PAB_LONG_MASK);
        carry >>= PAB_LONG_SHIFT;
    }
    return carry;
}

static void add_back(uint32_t *v, const struct pab_long *w)
{
    uint32_t carry = 0;
    for (pab_ssize i = 0; i < w->size; i++) {
        carry += v[i] + w->digits[i];
        v[i] = carry & PAB_LONG_MASK;
        carry >>= PAB_LONG_SHIFT;
    }
}

/* One digit of the quotient: v[0 .. w's length] by w, whose top bit is set. The rest stays in v. */
static uint32_t quotient_digit(uint32_t *v, const struct pab_long *w)
{
    pab_ssize n = w->size;
    uint64_t top = (uint64_t)v[n] << PAB_LONG_SHIFT | v[n - 1];
    uint64_t guess = top / w->digits[n - 1];
    uint64_t rest = top % w->digits[n - 1];
    while (guess > PAB_LONG_MASK ||
           guess * w->digits[n - 2] > (rest << PAB_LONG_SHIFT | v[n - 2])) {
        guess--;
        rest += w->digits[n - 1];
        if (rest > PAB_LONG_MASK) {
            break;
        }
    }
    /* Now right, or too large by one. */
    if (subtract_multiple(v, w, (uint32_t)guess) + v[n] < 0) {
        add_back(v, w);
        guess--;
    }
    v[n] = 0;
    return (uint32_t)guess;
}

/* |a| by |b| of two digits or more; the remainder takes the place of the scaled divisor. */
static struct pab_long *divide_by_long(const struct pab_long *a, const struct pab_long *b,
                                       struct pab_long **rest)
{
    pab_ssize v_count = pab_long_digit_count(a);
    pab_ssize w_count = pab_long_digit_count(b);
    assert(w_count >= 2 && v_count >= w_count);
    *rest = NULL;
    struct pab_long *v = pab_long_new(v_count + 1);
    if (v == NULL) {
        return NULL;
    }
    struct pab_long *w = pab_long_new(w_count);
    if (w == NULL) {
        pab_decref(&v->base);
        return NULL;
    }
    int bits = __builtin_clz(b->digits[w_count - 1]) - (32 - PAB_LONG_SHIFT);
    shift_left(w->digits, b->digits, w_count, bits);
    uint32_t carry = shift_left(v->digits, a->digits, v_count, bits);
    if (carry != 0 || v->digits[v_count - 1] >= w->digits[w_count - 1]) {
        v->digits[v_count++] = carry;
    }
    struct pab_long *quotient = pab_long_new(v_count - w_count);
    if (quotient == NULL) {
        pab_decref(&w->base);
        pab_decref(&v->base);
        return NULL;
    }
    for (pab_ssize i = v_count - w_count - 1; i >= 0; i--) {
        quotient->digits[i] = quotient_digit(v->digits + i, w);
    }
    shift_right(w->digits, v->digits, w_count, bits);
    pab_decref(&v->base);
    *rest = pab_long_normalize(w);
    return pab_long_normalize(quotient);
}

/* --- towards zero, with signs -------------------------------------------------------------- */

static bool is_shorter(const struct pab_long *a, const struct pab_long *b)
{
    pab_ssize a_count = pab_long_digit_count(a);
    pab_ssize b_count = pab_long_digit_count(b);
    return a_count < b_count ||
           (a_count == b_count && a->digits[a_count - 1] < b->digits[b_count - 1]);
}

/* int(number): itself, unless it is a bool. */
static struct pab_long *as_int(struct pab_long *number)
{
    if (number->base.type == &pab_bool_type) {
        return (struct pab_long *)pab_long_from_int64(pab_long_medium_value(number));
    }
    return (struct pab_long *)pab_new_ref(&number->base);
}

/* The remainder of magnitudes, with the dividend's sign. Takes it; NULL stays NULL. */
static struct pab_long *sign_remainder(struct pab_long *rest, const struct pab_long *a)
{
    return rest != NULL && a->size < 0 && rest->size != 0 ? pab_long_negate(rest) : rest;
}

static struct pab_long *remainder_to_zero(struct pab_long *a, const struct pab_long *b)
{
    if (is_shorter(a, b)) {
        return as_int(a);
    }
    struct pab_long *rest;
    if (pab_long_digit_count(b) == 1) {
        rest = (struct pab_long *)pab_long_from_int64(digit_remainder(a, b->digits[0]));
    } else {
        struct pab_long *quotient = divide_by_long(a, b, &rest);
        pab_xdecref((struct pab_object *)quotient);
        rest = pab_long_share_small(rest);
    }
    return sign_remainder(rest, a);
}

/* Both results, or neither. */
static bool divide_to_zero(struct pab_long *a, const struct pab_long *b, struct pab_long **quotient,
                           struct pab_long **rest)
{
    if (is_shorter(a, b)) {
        *rest = as_int(a);
        *quotient = (struct pab_long *)pab_long_from_int64(0);
        return true;
    }
    if (pab_long_digit_count(b) == 1) {
        uint32_t left = 0;
        *quotient = divide_by_digit(a, b->digits[0], &left);
        *rest = *quotient == NULL ? NULL : (struct pab_long *)pab_long_from_int64(left);
    } else {
        *quotient = divide_by_long(a, b, rest);
        *rest = pab_long_share_small(*rest);
    }
    if (*rest != NULL && (a->size < 0) != (b->size < 0)) {
        *quotient = pab_long_negate(*quotient);
    }
    *rest = *quotient == NULL ? *rest : sign_remainder(*rest, a);
    *quotient = pab_long_share_small(*quotient);
    if (*quotient == NULL || *rest == NULL) {
        pab_xdecref((struct pab_object *)*quotient);
        pab_xdecref((struct pab_object *)*rest);
        return false;
    }
    return true;
}

/* --- towards minus infinity ---------------------------------------------------------------- */

static bool needs_correction(const struct pab_long *rest, const struct pab_long *divisor)
{
    return rest->size != 0 && (rest->size < 0) != (divisor->size < 0);
}

static int64_t floor_divide_medium(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

/* The corrected remainder is made and let go, as in CPython, although nobody looks at it. */
static struct pab_object *floor_divide_large(struct pab_long *a, struct pab_long *b)
{
    struct pab_long *quotient;
    struct pab_long *rest;
    if (!divide_to_zero(a, b, &quotient, &rest)) {
        return NULL;
    }
    struct pab_object *result = &quotient->base;
    if (needs_correction(rest, b)) {
        struct pab_object *corrected = pab_long_add(&rest->base, &b->base);
        pab_decref(&rest->base);
        rest = (struct pab_long *)corrected;
        result = corrected == NULL ? NULL
                                   : pab_long_subtract(&quotient->base, pab_small_int(pab_py(), 1));
        pab_decref(&quotient->base);
    }
    pab_xdecref((struct pab_object *)rest);
    return result;
}

struct pab_object *pab_long_floor_divide(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    struct pab_long *left = (struct pab_long *)a;
    struct pab_long *right = (struct pab_long *)b;
    assert(right->size != 0);
    if (pab_long_is_medium(left) && pab_long_is_medium(right)) {
        return pab_long_from_int64(
            floor_divide_medium(pab_long_medium_value(left), pab_long_medium_value(right)));
    }
    return floor_divide_large(left, right);
}

struct pab_object *pab_long_remainder(struct pab_object *a, struct pab_object *b)
{
    assert(pab_is_long(a) && pab_is_long(b));
    struct pab_long *left = (struct pab_long *)a;
    struct pab_long *right = (struct pab_long *)b;
    assert(right->size != 0);
    if (pab_long_is_medium(left) && pab_long_is_medium(right)) {
        int64_t value = pab_long_medium_value(left);
        int64_t divisor = pab_long_medium_value(right);
        return pab_long_from_int64(value - floor_divide_medium(value, divisor) * divisor);
    }
    struct pab_long *rest = remainder_to_zero(left, right);
    if (rest != NULL && needs_correction(rest, right)) {
        struct pab_object *corrected = pab_long_add(&rest->base, b);
        pab_decref(&rest->base);
        rest = (struct pab_long *)corrected;
    }
    return (struct pab_object *)rest;
}
