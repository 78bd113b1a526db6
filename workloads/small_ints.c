/* workloads/small_ints.c -- integers that come and go.
 *
 * CPython makes a new 32-byte block for almost every result of integer arithmetic: only -5..256
 * are cached, and 3.11 keeps no free list of ints (Objects/longobject.c). Even `for i in range(n)`
 * makes one int a step. So numeric code is a stream of one size, most blocks dying within a step,
 * over a live set in lists and dicts that is replaced here and there.
 *
 * The body runs short loops of such code, drawn at random, over three long-lived containers:
 *
 *   live       list of `live` ints; replaced at random, most often in its hot part
 *   histogram  list of counters, counts[bucket] += 1
 *   tally      dict of counters, tally[key] = tally.get(key, 0) + 1
 *
 * An operation is one step that makes a result: a loop's next index, an addition, a look-up that
 * is stored again.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, CACHED, WIDE, HOT };

static const struct pab_param small_ints_params[] = {
    {"live", "ints held in the long-lived list", "ints", 20000, 1100000, 64, 100000000},
    {"steps", "operations of the steady phase, about", "operations", 120000, 3000000, 1000,
     1000000000},
    {"cached", "share of drawn values within -5..256", "1/1000", 150, 0, 0, 1000},
    {"wide", "share of the other values that have several digits", "1/1000", 30, 0, 0, 1000},
    {"hot", "share of replacements that hit the hot sixteenth", "1/1000", 800, 0, 0, 1000},
    {0},
};

#define BUCKETS     1024u /* of the histogram */
#define TALLY_LIMIT 4096  /* keys, above which the tally forgets one for each that it adds */
#define PRIME       1000000007

struct small_ints {
    struct pab_program py;
    struct pab_mix mix;
    /* Reset at the start of each body: */
    struct pab_object *live, *histogram, *tally;
};

static void note(struct small_ints *w, struct pab_object *number)
{
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)pab_long_as_int64(number));
}

static uint32_t below(struct small_ints *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

/* An int of 2..9 digits of 30 bits, made as programs make one: by multiplication. */
static struct pab_object *draw_wide(struct small_ints *w)
{
    struct pab_object *product = pab_int(PRIME);
    for (uint32_t factors = 1 + below(w, 8); factors > 0; factors--) {
        struct pab_object *factor = pab_int(PRIME + (int64_t)below(w, 1000));
        pab_store(&product, pab_must(pab_long_multiply(product, factor)));
        pab_decref(factor);
        w->py.ops++;
    }
    return product;
}

static struct pab_object *draw_value(struct small_ints *w)
{
    uint64_t random = pab_rng_next(&w->py.rng);
    uint32_t chance = pab_rng_scale((uint32_t)random, 1000);
    if (chance < w->py.params[CACHED]) {
        return pab_int((int64_t)pab_rng_scale((uint32_t)(random >> 32), 262) - 5);
    }
    uint64_t others = 1000 - w->py.params[CACHED];
    if ((chance - w->py.params[CACHED]) * 1000 < w->py.params[WIDE] * others) {
        return draw_wide(w);
    }
    return pab_int(257 + (int64_t)(random >> 35));
}

/* --- the loops: each acts out the Python code above it ------------------------------------- */

/* for i in range(start, start + n): total += i * i */
static void sum_of_squares(struct small_ints *w, uint32_t n)
{
    int64_t start = below(w, 5000);
    struct pab_object *total = pab_int(0);
    struct pab_object *i = NULL;
    for (uint32_t step = 0; step < n; step++) {
        pab_store(&i, pab_int(start + step));
        struct pab_object *square = pab_must(pab_long_multiply(i, i));
        struct pab_object *sum = pab_must(pab_long_add(total, square));
        pab_decref(square);
        pab_store(&total, sum);
    }
    note(w, total);
    pab_unbind(&i);
    pab_unbind(&total);
    w->py.ops += 3 * (uint64_t)n;
}

/* for _ in range(n): live[index()] = value() */
static void replace_some(struct small_ints *w, uint32_t n)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    for (uint32_t step = 0; step < n; step++) {
        uint64_t random = pab_rng_next(&w->py.rng);
        bool hot = pab_rng_scale((uint32_t)random, 1000) < w->py.params[HOT];
        uint32_t index = pab_rng_scale((uint32_t)(random >> 32), hot ? live / 16 : live);
        pab_list_set_item(w->live, index, draw_value(w));
    }
    w->py.ops += n;
}

/* for _ in range(n): counts[bucket()] += 1. Low buckets are hit more often: the product of two
 * uniform draws. Counters start in the cache and leave it at 257. */
static void count_buckets(struct small_ints *w, uint32_t n)
{
    struct pab_object *one = pab_int(1);
    for (uint32_t step = 0; step < n; step++) {
        uint32_t bucket = below(w, 1 + below(w, BUCKETS));
        struct pab_object *count = pab_new_ref(pab_list_get_item(w->histogram, bucket));
        struct pab_object *sum = pab_must(pab_long_add(count, one));
        pab_decref(count);
        pab_list_set_item(w->histogram, bucket, sum);
    }
    pab_decref(one);
    w->py.ops += 2 * (uint64_t)n;
}

/* Forgets the key of the tally that the draw hits, if there is one. */
static void forget_one(struct small_ints *w, struct pab_object *key)
{
    if (pab_dict_size(w->tally) > TALLY_LIMIT && pab_dict_get_item(w->tally, key) != NULL) {
        pab_must_do(pab_dict_del_item(w->tally, key));
        w->py.ops++;
    }
}

/* for _ in range(n): tally[key] = tally.get(key, 0) + 1, keys being mostly known ones. */
static void count_keys(struct small_ints *w, uint32_t n)
{
    struct pab_object *one = pab_int(1);
    struct pab_object *key = NULL;
    for (uint32_t step = 0; step < n; step++) {
        pab_store(&key, pab_int(1000 * (int64_t)below(w, 1 + below(w, 4 * TALLY_LIMIT))));
        struct pab_object *known = pab_dict_get_item(w->tally, key);
        if (known == NULL) {
            pab_must_do(pab_dict_set_item(w->tally, key, one));
        } else {
            struct pab_object *sum = pab_must(pab_long_add(known, one));
            pab_must_do(pab_dict_set_item(w->tally, key, sum));
            pab_decref(sum);
        }
        struct pab_object *other = pab_int(1000 * (int64_t)below(w, 4 * TALLY_LIMIT));
        forget_one(w, other);
        pab_decref(other);
    }
    pab_unbind(&key);
    pab_decref(one);
    w->py.ops += 4 * (uint64_t)n;
}

/* flags = [1] * limit; the inner loop strikes out: for j in range(i * i, limit, i): flags[j] = 0 */
static struct pab_object *strike_out(struct small_ints *w, uint32_t limit)
{
    struct pab_object *single = pab_must(pab_list_new(1));
    pab_list_set_item(single, 0, pab_int(1));
    struct pab_object *flags = pab_must(pab_list_repeat(single, (pab_ssize)limit));
    pab_decref(single);
    struct pab_object *j = NULL;
    for (uint32_t i = 2; i * i < limit; i++) {
        if (pab_long_as_int64(pab_list_get_item(flags, i)) == 0) {
            continue;
        }
        for (uint32_t multiple = i * i; multiple < limit; multiple += i) {
            pab_store(&j, pab_int(multiple));
            pab_list_set_item(flags, multiple, pab_int(0));
            w->py.ops++;
        }
    }
    pab_unbind(&j);
    return flags;
}

/* The sieve of Eratosthenes, then [i for i in range(2, limit) if flags[i]] */
static void sieve(struct small_ints *w, uint32_t n)
{
    uint32_t limit = 256 + 4 * n;
    struct pab_object *flags = strike_out(w, limit);
    struct pab_object *primes = pab_must(pab_list_new(0));
    struct pab_object *i = NULL;
    for (uint32_t candidate = 2; candidate < limit; candidate++) {
        pab_store(&i, pab_int(candidate));
        if (pab_long_as_int64(pab_list_get_item(flags, candidate)) != 0) {
            pab_must_do(pab_list_append(primes, i));
        }
    }
    pab_unbind(&i);
    pab_decref(flags);
    note(w, pab_list_get_item(primes, pab_list_size(primes) - 1));
    pab_decref(primes);
    w->py.ops += limit;
}

/* for _ in range(n): a, b = b, a + b, which reaches four digits; then b % prime */
static void fibonacci(struct small_ints *w, uint32_t n)
{
    struct pab_object *a = pab_int(0);
    struct pab_object *b = pab_int(1 + below(w, 1000));
    for (uint32_t step = 0; step < n; step++) {
        struct pab_object *next = pab_must(pab_long_add(a, b));
        pab_store(&a, pab_new_ref(b));
        pab_store(&b, next);
    }
    struct pab_object *prime = pab_int(PRIME);
    pab_store(&b, pab_must(pab_long_remainder(b, prime)));
    note(w, b);
    pab_decref(prime);
    pab_unbind(&a);
    pab_unbind(&b);
    w->py.ops += (uint64_t)n + 1;
}

/* for i in range(1, n + 1): product *= i, the whole factorial, then modulo a prime */
static void factorial(struct small_ints *w, uint32_t n)
{
    struct pab_object *product = pab_int(1);
    struct pab_object *i = NULL;
    for (uint32_t step = 1; step <= n; step++) {
        pab_store(&i, pab_int(step));
        pab_store(&product, pab_must(pab_long_multiply(product, i)));
    }
    struct pab_object *prime = pab_int(PRIME);
    pab_store(&product, pab_must(pab_long_remainder(product, prime)));
    note(w, product);
    pab_decref(prime);
    pab_unbind(&i);
    pab_unbind(&product);
    w->py.ops += 2 * (uint64_t)n + 1;
}

/* while value: digits += value % 10; value //= 10. Remainders are cached ints. */
static void digit_sums(struct small_ints *w, uint32_t n)
{
    struct pab_object *ten = pab_int(10);
    struct pab_object *digits = pab_int(0);
    for (uint32_t step = 0; step < n; step += 8) {
        struct pab_object *value = pab_int(below(w, 1000000000));
        while (pab_long_as_int64(value) != 0) {
            struct pab_object *digit = pab_must(pab_long_remainder(value, ten));
            struct pab_object *sum = pab_must(pab_long_add(digits, digit));
            pab_decref(digit);
            pab_store(&digits, sum);
            pab_store(&value, pab_must(pab_long_floor_divide(value, ten)));
            w->py.ops += 3;
        }
        pab_decref(value);
    }
    note(w, digits);
    pab_decref(digits);
    pab_decref(ten);
}

/* picked = [x for x in live[k:k + n] if x % 3], then sum(picked) */
static void filter_slice(struct small_ints *w, uint32_t n)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    uint32_t low = below(w, live);
    struct pab_object *slice =
        pab_must(pab_list_get_slice(w->live, low, low + n < live ? low + n : live));
    struct pab_object *picked = pab_must(pab_list_new(0));
    struct pab_object *three = pab_int(3);
    struct pab_object *total = pab_int(0);
    pab_ssize size = pab_list_size(slice);
    for (pab_ssize k = 0; k < size; k++) {
        struct pab_object *x = pab_list_get_item(slice, k);
        struct pab_object *rest = pab_must(pab_long_remainder(x, three));
        if (pab_long_as_int64(rest) != 0) {
            pab_must_do(pab_list_append(picked, x));
            pab_store(&total, pab_must(pab_long_add(total, x)));
            w->py.ops++;
        }
        pab_decref(rest);
    }
    note(w, total);
    pab_decref(total);
    pab_decref(three);
    pab_decref(picked);
    pab_decref(slice);
    w->py.ops += (uint64_t)size + 1;
}

/* for x in data: total += x * x, in floats: 24-byte blocks, most of them from the free list. */
static void float_moments(struct small_ints *w, uint32_t n)
{
    struct pab_object *total = pab_must(pab_float_from_double(0.0));
    struct pab_object *x = NULL;
    for (uint32_t step = 0; step < n; step++) {
        double value = pab_rng_unit(&w->py.rng);
        pab_store(&x, pab_must(pab_float_from_double(value)));
        double squared = value * value;
        struct pab_object *square = pab_must(pab_float_from_double(squared));
        double moment = pab_float_as_double(total) + pab_float_as_double(square);
        struct pab_object *sum = pab_must(pab_float_from_double(moment));
        pab_decref(square);
        pab_store(&total, sum);
    }
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)(pab_float_as_double(total) * 0x1p20));
    pab_unbind(&x);
    pab_unbind(&total);
    w->py.ops += 3 * (uint64_t)n;
}

/* Shares of 256. They weigh loops, not operations: a sieve is some ten times as long. */
static const struct loop {
    void (*run)(struct small_ints *w, uint32_t n);
    unsigned shares;
} loops[] = {
    {sum_of_squares, 48}, {replace_some, 72},  {count_buckets, 24}, {count_keys, 32},
    {sieve, 4},           {fibonacci, 16},     {factorial, 4},      {digit_sums, 16},
    {filter_slice, 24},   {float_moments, 16},
};

/* --- the phases ---------------------------------------------------------------------------- */

static struct pab_object *list_of(uint32_t size, struct pab_object *item)
{
    struct pab_object *list = pab_must(pab_list_new((pab_ssize)size));
    for (uint32_t i = 0; i < size; i++) {
        pab_list_set_item(list, (pab_ssize)i, pab_new_ref(item));
    }
    pab_decref(item);
    return list;
}

static void build(struct small_ints *w)
{
    w->histogram = list_of(BUCKETS, pab_int(0));
    w->tally = pab_must(pab_dict_new());
    w->live = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->live, draw_value(w));
    }
    w->py.ops += w->py.params[LIVE];
}

static void steady(struct small_ints *w)
{
    uint64_t end = w->py.ops + w->py.params[STEPS];
    while (w->py.ops < end) {
        const struct loop *loop = &loops[pab_mix_draw(&w->mix, &w->py.rng)];
        loop->run(w, (uint32_t)8 << below(w, 5));
    }
}

static void note_all(struct small_ints *w)
{
    struct pab_object *key;
    struct pab_object *value;
    for (pab_ssize at = 0; pab_dict_next(w->tally, &at, &key, &value);) {
        note(w, key);
        note(w, value);
    }
    for (uint32_t i = 0; i < BUCKETS; i++) {
        note(w, pab_list_get_item(w->histogram, i));
    }
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        note(w, pab_list_get_item(w->live, (pab_ssize)i));
    }
}

/* live[i] = None for three quarters in scattered order, as caches age; then the containers. */
static void drain(struct small_ints *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->live, w->py.params[LIVE], seed);
    pab_unbind(&w->live);
    pab_unbind(&w->tally);
    pab_unbind(&w->histogram);
}

static void small_ints_body(struct pab_run *run)
{
    struct small_ints *w = run->state;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    note_all(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status small_ints_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct small_ints *w = pab_program_new(run, sizeof(*w));
    for (unsigned i = 0; i < ARRAY_COUNT(loops); i++) {
        pab_mix_add(&w->mix, i, loops[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_small_ints = {
    .name = "small_ints",
    .summary = "counters, sums, sieves and tallies: ints that mostly die at once",
    .models = "Integer arithmetic in loops. Every result outside -5..256 is a new block of 32 "
              "bytes (CPython 3.11, Objects/longobject.c: no free list), longer ints take 4 bytes "
              "a digit of 30 bits. The proportion of loops is our choice, not measured.",
    .unit = "one result: a loop's next index, a sum or product, an item stored",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = small_ints_params,
    .setup = small_ints_setup,
    .body = small_ints_body,
};
