/* The clock, the histogram and the decorator of the latency pass: edges, percentiles against sorted
 * values, times held between two readings of another clock, and no call that is not counted. */
#include "allocators/clock.h"
#include "allocators/decorate/clocked.h"
#include "allocators/decorate/counting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* --- the histogram -------------------------------------------------------------------------- */

static void every_edge_starts_its_bucket(void **state)
{
    (void)state;
    for (unsigned bucket = 0; bucket < PAB_HISTOGRAM_BUCKETS; bucket++) {
        uint64_t low = pab_histogram_low_ns(bucket);
        assert_int_equal(pab_histogram_bucket(low), bucket);
        if (bucket > 0) {
            assert_int_equal(pab_histogram_bucket(low - 1), bucket - 1);
        }
    }
    assert_int_equal(pab_histogram_low_ns(63), 63);
    assert_int_equal(pab_histogram_low_ns(65), 66);
    assert_int_equal(pab_histogram_low_ns(PAB_HISTOGRAM_BUCKETS - 1), UINT64_C(63) << 22);
    assert_int_equal(pab_histogram_bucket(UINT64_MAX), PAB_HISTOGRAM_BUCKETS - 1);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 32;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

#define VALUES 20000

/* Durations over all magnitudes, as many of each. */
static void fill(struct pab_histogram *histogram, uint64_t *values, size_t count)
{
    uint64_t state = count;
    memset(histogram, 0, sizeof(*histogram));
    for (size_t i = 0; i < count; i++) {
        values[i] = next_random(&state) & ((UINT64_C(1) << next_random(&state) % 28) - 1);
        pab_histogram_add(histogram, values[i]);
    }
    qsort(values, count, sizeof(*values), compare);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    static uint64_t values[VALUES];
    static const unsigned permilles[] = {1, 250, 500, 900, 990, 999};
    static struct pab_histogram histogram;
    for (size_t count = 10; count <= VALUES; count = count * 3 / 2 + 1) {
        fill(&histogram, values, count);
        for (size_t i = 0; i < ARRAY_COUNT(permilles); i++) {
            double ns = -1;
            size_t rank = (count * permilles[i] + 999) / 1000;
            bool enough = count - rank >= 10;
            assert_int_equal(pab_histogram_percentile(&histogram, permilles[i], &ns), enough);
            if (enough) {
                double exact = (double)values[rank - 1];
                double error = ns < exact ? exact - ns : ns - exact;
                assert_true(error <= exact / 64);
                assert_true(ns == exact || exact >= 64);
            }
        }
    }
}

static void sums_maximum_and_long_ones_are_exact(void **state)
{
    (void)state;
    static struct pab_histogram histogram;
    static const uint64_t values[] = {0, 9999, 10000, 10001, 100001, 1000001, UINT64_C(1) << 40};
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        pab_histogram_add(&histogram, values[i]);
        sum += values[i];
    }
    assert_int_equal(histogram.count, 7);
    assert_int_equal(histogram.sum_ns, sum);
    assert_int_equal(histogram.max_ns, UINT64_C(1) << 40);
    assert_int_equal(histogram.over_10us, 4);
    assert_int_equal(histogram.over_100us, 3);
    assert_int_equal(histogram.over_1ms, 2);
    assert_int_equal(pab_histogram_used(&histogram), PAB_HISTOGRAM_BUCKETS);
    static const struct pab_histogram empty;
    assert_int_equal(pab_histogram_used(&empty), 0);
    double ns = 0;
    assert_false(pab_histogram_percentile(&empty, 500, &ns));
}

/* --- the clock ------------------------------------------------------------------------------ */

static uint64_t raw_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whatever happens between the readings lengthens the outer time, too. */
static void expect_true_rate(const struct pab_clock *clock)
{
    uint64_t before = raw_ns();
    uint64_t began = pab_clock_read(clock);
    uint64_t inner = raw_ns();
    while (raw_ns() - inner < 5000000) {
    }
    uint64_t inner_ns = raw_ns() - inner;
    uint64_t ended = pab_clock_read(clock);
    uint64_t outer_ns = raw_ns() - before;
    uint64_t ns = pab_clock_ns(clock, ended - began);
    assert_true(ns > inner_ns - inner_ns / 500);
    assert_true(ns < outer_ns + outer_ns / 500);
}

static void clock_keeps_time(void **state)
{
    (void)state;
    struct pab_clock clock;
    pab_clock_open(&clock);
    assert_true(clock.cost_ticks > 0 && clock.cost_mean_ticks > 0 && clock.resolution_ns > 0);
    expect_true_rate(&clock);
    struct pab_clock gettime = {.tick_ns = 1u << PAB_CLOCK_SHIFT};
    expect_true_rate(&gettime);
}

static void its_own_cost_is_no_duration(void **state)
{
    (void)state;
    struct pab_clock clock = {.tick_ns = 1u << PAB_CLOCK_SHIFT, .cost_ticks = 40};
    assert_int_equal(pab_clock_net_ns(&clock, 1000, 1100), 60);
    assert_int_equal(pab_clock_net_ns(&clock, 1000, 1040), 0);
    assert_int_equal(pab_clock_net_ns(&clock, 1000, 1039), 0);
    assert_int_equal(pab_clock_net_ns(&clock, 1000, 900), 0);
    clock.tick_ns = (1u << PAB_CLOCK_SHIFT) / 4;
    assert_int_equal(pab_clock_net_ns(&clock, 1000, 1000 + 40 + 400), 100);
    uint64_t hour_ticks = UINT64_C(3600) * 4000000000u;
    assert_int_equal(pab_clock_ns(&clock, hour_ticks), hour_ticks / 4);
}

/* --- the decorator -------------------------------------------------------------------------- */

#define SLOW_BYTES  77777
#define SLOW_RAW_NS 150000

static void *libc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    uint64_t began = raw_ns();
    while (size == SLOW_BYTES && raw_ns() - began < SLOW_RAW_NS) {
    }
    return malloc(size == 0 ? 1 : size);
}

static void *libc_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return calloc(count * size == 0 ? 1 : count * size, 1);
}

static void *libc_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size == 0 ? 1 : size);
}

static void libc_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static struct pab_heap libc_heap(void)
{
    struct pab_heap heap = {.state = NULL};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        heap.domain[i] = (struct pab_alloc){
            .malloc = libc_malloc,
            .calloc = libc_calloc,
            .realloc = libc_realloc,
            .free = libc_free,
        };
    }
    return heap;
}

static void run_program(struct pab_heap *heap)
{
    struct pab_alloc *raw = &heap->domain[PAB_DOMAIN_RAW];
    struct pab_alloc *mem = &heap->domain[PAB_DOMAIN_MEM];
    struct pab_alloc *obj = &heap->domain[PAB_DOMAIN_OBJ];
    void *a = obj->malloc(obj->ctx, 100);
    void *b = mem->calloc(mem->ctx, 3, 5);
    void *c = raw->malloc(raw->ctx, SLOW_BYTES);
    a = obj->realloc(obj->ctx, a, 1000);
    a = obj->realloc(obj->ctx, a, 0);
    obj->free(obj->ctx, a);
    raw->free(raw->ctx, NULL);
    raw->free(raw->ctx, c);
    mem->free(mem->ctx, b);
}

static void every_call_is_timed(void **state)
{
    (void)state;
    static struct pab_clocked clocked;
    static const uint64_t counts[PAB_CALL_COUNT] = {2, 1, 2, 4};
    struct pab_heap heap = libc_heap();
    struct pab_heap before = heap;
    pab_clocked_attach(&clocked, &heap);
    assert_null(heap.domain[PAB_DOMAIN_OBJ].usable_size);
    run_program(&heap);
    pab_clocked_detach(&clocked);
    assert_memory_equal(&heap, &before, sizeof(heap));
    for (int call = 0; call < PAB_CALL_COUNT; call++) {
        assert_int_equal(clocked.kinds[call].count, counts[call]);
    }
    /* Only one of them was made to take long, so no other kind has its time. */
    assert_true(clocked.kinds[PAB_CALL_MALLOC].max_ns >= SLOW_RAW_NS - SLOW_RAW_NS / 500);
    assert_in_range(clocked.kinds[PAB_CALL_MALLOC].over_100us, 1, 2); /* both, if it was stopped */
    assert_true(pab_clocked_mean_ns(&clocked, PAB_CALL_MALLOC) >= SLOW_RAW_NS / 2.1);

    static struct pab_counting counting;
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    run_program(&heap);
    assert_int_equal(clocked.hash, counting.counts.hash);
    pab_counting_detach(&counting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge_starts_its_bucket),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(sums_maximum_and_long_ones_are_exact),
        cmocka_unit_test(clock_keeps_time),
        cmocka_unit_test(its_own_cost_is_no_duration),
        cmocka_unit_test(every_call_is_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
