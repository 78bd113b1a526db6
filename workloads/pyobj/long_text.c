/* workloads/pyobj/long_text.c -- int to decimal text and back, with the temporaries of
 * Objects/longobject.c@v3.11; both in groups of nine digits. */
#include "workloads/pyobj/long.h"

#include <math.h>
#include <string.h>

enum { DECIMAL_BASE = 1000000000, DECIMAL_DIGITS = 9 };

/* --- to text ------------------------------------------------------------------------------- */

/* The number in base 10**9, least first, into the digits of `scratch`; returns how many. */
static pab_ssize to_decimal(const struct pab_long *number, struct pab_long *scratch)
{
    pab_ssize count = 0;
    for (pab_ssize i = pab_long_digit_count(number) - 1; i >= 0; i--) {
        uint64_t carry = number->digits[i];
        for (pab_ssize j = 0; j < count; j++) {
            carry += (uint64_t)scratch->digits[j] << PAB_LONG_SHIFT;
            scratch->digits[j] = (uint32_t)(carry % DECIMAL_BASE);
            carry /= DECIMAL_BASE;
        }
        for (; carry != 0; carry /= DECIMAL_BASE) {
            scratch->digits[count++] = (uint32_t)(carry % DECIMAL_BASE);
        }
    }
    if (count == 0) {
        scratch->digits[count++] = 0;
    }
    return count;
}

static pab_ssize decimal_length(uint32_t group)
{
    pab_ssize length = 1;
    for (; group >= 10; group /= 10) {
        length++;
    }
    return length;
}

/* As CPython: a scratch int for the groups, then the str. */
struct pab_object *pab_long_str(const struct pab_long *number)
{
    pab_ssize digits = pab_long_digit_count(number);
    struct pab_long *scratch = pab_long_new(1 + digits + digits / 99);
    if (scratch == NULL) {
        return NULL;
    }
    pab_ssize count = to_decimal(number, scratch);
    bool negative = number->size < 0;
    pab_ssize length =
        negative + (count - 1) * DECIMAL_DIGITS + decimal_length(scratch->digits[count - 1]);
    struct pab_object *str = pab_unicode_new(length, 127);
    if (str != NULL) {
        char *text = pab_unicode_chars((struct pab_unicode *)str);
        char *out = text + length;
        for (pab_ssize i = 0; i < count; i++) {
            uint32_t group = scratch->digits[i];
            for (int j = 0; j < DECIMAL_DIGITS && out > text + negative; j++, group /= 10) {
                *--out = "0123456789"[group % 10];
            }
        }
        if (negative) {
            text[0] = '-';
        }
    }
    pab_decref(&scratch->base);
    return str;
}

/* --- from text ----------------------------------------------------------------------------- */

/* number = number * factor + addend; false when it has no room left, which the estimate of its
 * length makes impossible but for a rounding error: then the top digit is in *top. */
static bool multiply_add(struct pab_long *number, pab_ssize room, uint32_t factor, uint32_t addend,
                         uint32_t *top)
{
    uint64_t carry = addend;
    for (pab_ssize i = 0; i < number->size; i++) {
        carry += (uint64_t)number->digits[i] * factor;
        number->digits[i] = (uint32_t)(carry & PAB_LONG_MASK);
        carry >>= PAB_LONG_SHIFT;
    }
    *top = (uint32_t)carry;
    if (carry != 0 && number->size < room) {
        number->digits[number->size++] = (uint32_t)carry;
        return true;
    }
    return carry == 0;
}

/* The same number with one more digit on top. Takes it. */
static struct pab_long *widen(struct pab_long *number, uint32_t top)
{
    struct pab_long *wide = pab_long_new(number->size + 1);
    if (wide != NULL) {
        memcpy(wide->digits, number->digits, (size_t)number->size * sizeof(uint32_t));
        wide->digits[number->size] = top;
    }
    pab_decref(&number->base);
    return wide;
}

/* Asks at once for the digits that so many decimals may need at most. */
struct pab_object *pab_long_from_text(const char *text)
{
    bool negative = *text == '-';
    text += negative;
    size_t length = strlen(text);
    assert(length > 0 && strspn(text, "0123456789") == length);
    pab_ssize room = (pab_ssize)((double)length * (log(10.0) / log(0x1p30)) + 1.0);
    struct pab_long *number = pab_long_new(room);
    if (number == NULL) {
        return NULL;
    }
    number->size = 0;
    while (*text != 0) {
        uint32_t group = 0;
        uint32_t factor = 1;
        for (int i = 0; i < DECIMAL_DIGITS && *text != 0; i++, text++) {
            group = group * 10 + (uint32_t)(*text - '0');
            factor *= 10;
        }
        uint32_t top;
        if (!multiply_add(number, room, factor, group, &top)) {
            number = widen(number, top);
            if (number == NULL) {
                return NULL;
            }
            room++;
        }
    }
    number->size = negative ? -number->size : number->size;
    return (struct pab_object *)pab_long_share_small(pab_long_normalize(number));
}
