/* tests/unit/test_pyobj_long.c -- ints of any size: values against residues and identities,
 * literals from Python, and the temporaries of long products and quotients as hooks in CPython
 * 3.11 show them. */
#include "tests/unit/pyobj_test.h"

#include "workloads/pyobj/long.h"
#include "workloads/support/rng.h"

#include <math.h>

static struct pab_rng rng;

static uint64_t below(uint64_t bound)
{
    return pab_rng_next(&rng) % bound;
}

static struct pab_object *decimal(const char *digits)
{
    return pab_must(pab_long_from_text(digits));
}

/* Takes `object`. */
static void assert_decimal(struct pab_object *object, const char *expected)
{
    struct pab_object *str = pab_must(pab_object_str(pab_must(object)));
    assert_int_equal(pab_unicode_length(str), strlen(expected));
    assert_memory_equal(pab_unicode_data(str), expected, strlen(expected));
    pab_decref(str);
    pab_decref(object);
}

/* Both are taken. */
static void assert_same(struct pab_object *a, struct pab_object *b)
{
    assert_true(pab_object_equal(pab_must(a), pab_must(b)));
    assert_int_equal(pab_object_compare(a, b), 0);
    assert_true(pab_object_hash(a) == pab_object_hash(b));
    pab_decref(a);
    pab_decref(b);
}

/* The value modulo a prime, from the digits alone. */
static uint64_t residue(struct pab_object *object, uint64_t prime)
{
    const struct pab_long *number_of = (struct pab_long *)object;
    uint64_t rest = 0;
    for (pab_ssize i = pab_long_digit_count(number_of) - 1; i >= 0; i--) {
        assert_true(number_of->digits[i] <= PAB_LONG_MASK);
        rest = (rest << PAB_LONG_SHIFT | number_of->digits[i]) % prime;
    }
    return number_of->size < 0 && rest != 0 ? prime - rest : rest;
}

/* Up to `most` decimals, with long runs of zeros and nines now and then. */
static struct pab_object *random_long(size_t most)
{
    static char digits[2100];
    size_t count = 1 + below(most);
    size_t at = 0;
    uint64_t filler = below(4);
    assert_true(most + 2 < sizeof(digits));
    if (below(2) == 0) {
        digits[at++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        bool fill = i > count / 4 && i < count * 3 / 4 && filler < 2;
        digits[at++] = "0123456789"[fill ? filler * 9 : below(10)];
    }
    digits[at] = 0;
    return decimal(digits);
}

enum { PRIMES = 3 };
static const uint64_t primes[PRIMES] = {UINT64_C(4294967291), UINT64_C(4294967279),
                                        UINT64_C(2147483647)};

static void check_ring(struct pab_object *a, struct pab_object *b)
{
    struct pab_object *sum = pab_must(pab_long_add(a, b));
    struct pab_object *difference = pab_must(pab_long_subtract(a, b));
    struct pab_object *product = pab_must(pab_long_multiply(a, b));
    struct pab_object *square = pab_must(pab_long_multiply(a, a));
    struct pab_object *negative = pab_must(pab_long_negative(a));
    for (size_t i = 0; i < PRIMES; i++) {
        uint64_t p = primes[i];
        uint64_t x = residue(a, p);
        uint64_t y = residue(b, p);
        assert_int_equal(residue(sum, p), (x + y) % p);
        assert_int_equal(residue(difference, p), (x + p - y) % p);
        assert_int_equal(residue(product, p), x * y % p);
        assert_int_equal(residue(square, p), x * x % p);
        assert_int_equal(residue(negative, p), (p - x) % p);
    }
    struct pab_object *all[] = {sum, difference, product, square, negative};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

static struct pab_object *zero(void)
{
    return number(0);
}

/* a == (a // b) * b + a % b, and the remainder lies between 0 and b. */
static void check_division(struct pab_object *a, struct pab_object *b)
{
    struct pab_object *nothing = zero();
    if (!pab_object_equal(b, nothing)) {
        struct pab_object *quotient = pab_must(pab_long_floor_divide(a, b));
        struct pab_object *rest = pab_must(pab_long_remainder(a, b));
        struct pab_object *product = pab_must(pab_long_multiply(quotient, b));
        bool negative = pab_object_compare(b, nothing) < 0;
        assert_true(negative ? pab_object_compare(rest, b) > 0 : pab_object_compare(rest, b) < 0);
        int sign = pab_object_compare(rest, nothing);
        assert_true(negative ? sign <= 0 : sign >= 0);
        assert_same(pab_long_add(product, rest), pab_new_ref(a));
        struct pab_object *whole = pab_must(pab_long_multiply(a, b));
        assert_same(pab_long_floor_divide(whole, b), pab_new_ref(a));
        assert_same(pab_long_remainder(whole, b), zero());
        pab_decref(whole);
        pab_decref(product);
        pab_decref(rest);
        pab_decref(quotient);
    }
    pab_decref(nothing);
}

/* a + b == (a & b) + (a | b) and (a ^ b) == (a | b) - (a & b). Shifts are products and quotients
 * of powers of two. */
static void check_bits(struct pab_object *a, struct pab_object *b)
{
    struct pab_object *both = pab_must(pab_long_and(a, b));
    struct pab_object *either = pab_must(pab_long_or(a, b));
    assert_same(pab_long_add(a, b), pab_long_add(both, either));
    assert_same(pab_long_xor(a, b), pab_long_subtract(either, both));
    struct pab_object *bits = number(below(3) == 0 ? 30 * (int64_t)below(9) : (int64_t)below(400));
    struct pab_object *one = number(1);
    struct pab_object *power = pab_must(pab_long_lshift(one, bits));
    assert_same(pab_long_lshift(a, bits), pab_long_multiply(a, power));
    assert_same(pab_long_rshift(a, bits), pab_long_floor_divide(a, power));
    struct pab_object *all[] = {both, either, bits, one, power};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* `&` digit by digit needs more than identities: those hold for other operations too. */
static void check_and(struct pab_object *a, struct pab_object *b)
{
    struct pab_object *both = pab_must(pab_long_and(a, b));
    assert_true(pab_long_as_int64(both) == (pab_long_as_int64(a) & pab_long_as_int64(b)));
    struct pab_object *bits = number(300);
    struct pab_object *x = pab_must(pab_long_rshift(a, bits));
    struct pab_object *y = pab_must(pab_long_rshift(b, bits));
    struct pab_object *z = pab_must(pab_long_rshift(both, bits));
    assert_true(pab_long_as_int64(z) == (pab_long_as_int64(x) & pab_long_as_int64(y)));
    struct pab_object *all[] = {both, bits, x, y, z};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

static void check_text(struct pab_object *a)
{
    struct pab_object *str = pab_must(pab_object_str(a));
    assert_same(pab_long_from_text(pab_unicode_data(str)), pab_new_ref(a));
    pab_decref(str);
}

static void test_identities(void **state)
{
    (void)state;
    pab_rng_seed(&rng, 1);
    for (int i = 0; i < 2000; i++) {
        size_t most = i % 20 == 0 ? 2000 : i % 4 == 0 ? 700 : i % 4 == 1 ? 12 : 100;
        struct pab_object *a = random_long(most);
        struct pab_object *b = random_long(below(2) == 0 ? most : 30);
        check_ring(a, b);
        check_division(a, b);
        check_bits(a, b);
        check_and(a, b);
        check_text(a);
        pab_decref(a);
        pab_decref(b);
    }
}

/* As Python 3.11 prints them. */
static void test_literals(void **state)
{
    (void)state;
    struct pab_object *a = decimal("-10000000000000000000000000000000000000000"); /* -10**40 */
    struct pab_object *b = decimal("100000000000000000001");                      /* 10**20 + 1 */
    assert_decimal(pab_long_floor_divide(a, b), "-100000000000000000000");
    assert_decimal(pab_long_remainder(a, b), "100000000000000000000");
    struct pab_object *c = decimal("-300000000000000000000");
    struct pab_object *d = decimal("10000000000000000000");
    struct pab_object *shift = number(65);
    assert_decimal(pab_long_rshift(c, shift), "-9");
    assert_decimal(pab_long_xor(c, d), "-309672358728755052544");
    assert_decimal(pab_long_or(c, d), "-299836179364377526272");
    struct pab_object *power = number(3);
    for (int i = 1; i < 200; i *= 2) { /* 3 ** 256 */
        struct pab_object *square = pab_must(pab_long_multiply(power, power));
        pab_decref(power);
        power = square;
    }
    assert_decimal(power,
                   "139008452377144732764939786789661303114218850808529137991604824430036072629"
                   "766435941001769154109609521811665540548899435521");
    struct pab_object *all[] = {a, b, c, d, shift};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

/* By 2**64, of which the lowest 64 bits are 0; by 2**63, as an int64 negative; by 2**60. */
static void test_shifts_without_end(void **state)
{
    (void)state;
    static const char *const counts[] = {"18446744073709551616", "9223372036854775808",
                                         "1152921504606846976"};
    static const char *const numbers[] = {"5", "-5", "1234567890123456789", "-1234567890123456789"};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct pab_object *count = decimal(counts[i]);
        for (size_t j = 0; j < ARRAY_COUNT(numbers); j++) {
            struct pab_object *object = decimal(numbers[j]);
            assert_decimal(pab_long_rshift(object, count), numbers[j][0] == '-' ? "-1" : "0");
            assert_null(pab_long_lshift(object, count));
            pab_decref(object);
        }
        struct pab_object *zero = number(0);
        assert_decimal(pab_long_lshift(zero, count), "0");
        pab_decref(zero);
        pab_decref(count);
    }
}

/* --- hashes and order of mixed numbers ------------------------------------------------------- */

static void assert_hash(struct pab_object *object, int64_t expected)
{
    assert_true(pab_object_hash(object) == expected);
    pab_decref(object);
}

static struct pab_object *real(double value)
{
    return pab_must(pab_float_from_double(value));
}

static void test_hashes(void **state)
{
    (void)state;
    assert_hash(number(-1), -2);
    assert_hash(number(12345), 12345);
    assert_hash(number((INT64_C(1) << 61) - 1), 0);
    assert_hash(number(INT64_C(1) << 61), 1);
    assert_hash(decimal("-1267650600228229401496703205376"), -549755813888); /* -2**100 */
    assert_hash(real(0.5), INT64_C(1152921504606846976));
    assert_hash(real(1e300), INT64_C(1224995262755759164));
    assert_hash(real(-2.75), INT64_C(-1729382256910270466));
    assert_hash(real(-1), -2);
    assert_hash(real(-0.0), 0);
    assert_hash(real(-(double)INFINITY), -314159);
    assert_hash(pab_tuple_new(0), INT64_C(5740354900026072187));
    struct pab_object *triple = pab_tuple_new(3);
    for (int i = 0; i < 3; i++) {
        pab_tuple_set_item(triple, i, number(i + 1));
    }
    assert_hash(triple, INT64_C(529344067295497451));
}

/* Exact where neither type holds the other's value. */
static void test_float_against_int(void **state)
{
    (void)state;
    const struct {
        double real;
        const char *whole;
        int order;
    } cases[] = {
        {0x1p70, "1180591620717411303424", 0},
        {0x1p70, "1180591620717411303425", -1},
        {0x1p70, "1180591620717411303423", 1},
        {-0x1p70, "-1180591620717411303425", 1},
        {0x1p53, "9007199254740993", -1},
        {0.5, "0", 1},
        {-0.5, "0", -1},
        {2.5, "2", 1},
        {-2.5, "-2", -1},
        {(double)INFINITY, "1180591620717411303424", 1},
        {-(double)INFINITY, "-11805916207", -1},
        {1e300, "7", 1},
        {-0.0, "0", 0},
        {1e-300, "1", -1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pab_object *a = real(cases[i].real);
        struct pab_object *b = decimal(cases[i].whole);
        int order = pab_object_compare(a, b);
        assert_int_equal((order > 0) - (order < 0), cases[i].order);
        order = pab_object_compare(b, a);
        assert_int_equal((order > 0) - (order < 0), -cases[i].order);
        assert_int_equal(pab_object_equal(a, b), cases[i].order == 0);
        pab_decref(a);
        pab_decref(b);
    }
}

/* --- requests ------------------------------------------------------------------------------- */

enum { FREE = -1 };

/* The requests since the last fixture_forget() ask for numbers of so many digits, or free. */
static void assert_digits(struct fixture *f, size_t count, const int *digits)
{
    assert_int_equal(f->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(f->requests[i].domain, PAB_DOMAIN_OBJ);
        if (digits[i] == FREE) {
            assert_int_equal(f->requests[i].call, PAB_CALL_FREE);
        } else {
            assert_int_equal(f->requests[i].call, PAB_CALL_MALLOC);
            assert_int_equal(f->requests[i].size, 24 + 4 * digits[i]);
        }
    }
    fixture_forget(f);
}

/* 2**(30 * digits - 1) - 1: so many digits, none of them zero. */
static struct pab_object *ones(int digits)
{
    struct pab_object *one = number(1);
    struct pab_object *bits = number(30 * digits - 1);
    struct pab_object *power = pab_must(pab_long_lshift(one, bits));
    struct pab_object *result = pab_must(pab_long_subtract(power, one));
    pab_decref(one);
    pab_decref(bits);
    pab_decref(power);
    return result;
}

static void test_product_temporaries(void **state)
{
    struct fixture *f = *state;
    struct pab_object *a = ones(71);
    struct pab_object *b = ones(71);
    struct pab_object *c = ones(141);
    fixture_forget(f);
    struct pab_object *product = pab_must(pab_long_multiply(a, b));
    const int karatsuba[] = {36,   35,   36, 35,   142,  72, 70,   FREE, FREE, 37,
                             FREE, FREE, 37, FREE, FREE, 72, FREE, FREE, FREE};
    assert_digits(f, ARRAY_COUNT(karatsuba), karatsuba);
    struct pab_object *square = pab_must(pab_long_multiply(a, a)); /* schoolbook up to 140 */
    assert_digits(f, 1, (const int[]){142});
    assert_same(product, square);
    fixture_forget(f);
    square = pab_must(pab_long_multiply(c, c));
    const int squaring[] = {71, 70, 282, 142, 140, FREE, FREE, 72, FREE, FREE, 142, FREE, FREE};
    assert_digits(f, ARRAY_COUNT(squaring), squaring);
    pab_decref(square);
    fixture_forget(f);
    struct pab_object *d = ones(150);
    fixture_forget(f);
    product = pab_must(pab_long_multiply(d, a)); /* in pieces of 71 digits: 71, 71, 8 */
    assert_int_equal(f->requests[0].size, 24 + 4 * 221);
    assert_int_equal(f->requests[1].size, 24 + 4 * 71);
    assert_int_equal(f->count, 2 + 2 * (ARRAY_COUNT(karatsuba) + 1) + 2 + 1);
    struct pab_object *all[] = {a, b, c, d, product};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        pab_decref(all[i]);
    }
}

static void test_quotient_temporaries(void **state)
{
    struct fixture *f = *state;
    struct pab_object *a = ones(71);
    struct pab_object *b = ones(30);
    struct pab_object *negative = pab_must(pab_long_negative(a));
    fixture_forget(f);
    struct pab_object *result = pab_must(pab_long_floor_divide(a, b));
    assert_digits(f, 5, (const int[]){72, 30, 42, FREE, FREE});
    pab_decref(result);
    fixture_forget(f);
    result = pab_must(pab_long_remainder(a, b));
    assert_digits(f, 5, (const int[]){72, 30, 42, FREE, FREE});
    pab_decref(result);
    fixture_forget(f);
    result = pab_must(pab_long_floor_divide(negative, b)); /* corrected by one */
    assert_digits(f, 9, (const int[]){72, 30, 42, FREE, 30, FREE, 43, FREE, FREE});
    pab_decref(result);
    fixture_forget(f);
    result = pab_must(pab_long_and(negative, b));
    assert_digits(f, 4, (const int[]){71, 30, FREE, FREE});
    pab_decref(result);
    pab_decref(negative);
    pab_decref(a);
    pab_decref(b);
}

static void test_text_requests(void **state)
{
    struct fixture *f = *state;
    struct pab_object *a = ones(20);
    fixture_forget(f);
    struct pab_object *str = pab_must(pab_object_str(a));
    const struct request expected[] = {{PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 24 + 4 * 21},
                                       {PAB_DOMAIN_OBJ, PAB_CALL_MALLOC, 49 + 181},
                                       {PAB_DOMAIN_OBJ, PAB_CALL_FREE, 0}};
    assert_requests(f, ARRAY_COUNT(expected), expected);
    fixture_forget(f);
    struct pab_object *back = decimal("123456789012345678901234567890");
    assert_digits(f, 1, (const int[]){4});
    pab_decref(back);
    pab_decref(str);
    pab_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PYOBJ_TEST(test_identities),           PYOBJ_TEST(test_literals),
        PYOBJ_TEST(test_shifts_without_end),   PYOBJ_TEST(test_hashes),
        PYOBJ_TEST(test_float_against_int),    PYOBJ_TEST(test_product_temporaries),
        PYOBJ_TEST(test_quotient_temporaries), PYOBJ_TEST(test_text_requests),
    };
    return cmocka_run_group_tests_name("pyobj_long", tests, NULL, NULL);
}
