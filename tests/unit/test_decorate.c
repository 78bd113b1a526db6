/* The decorators, over a heap of libc's: exact counts for a program computed by hand, equal hashes,
 * faults where they were asked for, and tables that are back as they were afterwards. */
#include "allocators/decorate/counting.h"
#include "allocators/decorate/faulty.h"
#include "allocators/decorate/meter.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t libc_blocks; /* of all heaps below */

static void *libc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    libc_blocks++;
    return malloc(size == 0 ? 1 : size);
}

static void *libc_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    libc_blocks++;
    return calloc(count * size == 0 ? 1 : count * size, 1);
}

static void *libc_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    libc_blocks += ptr == NULL;
    return realloc(ptr, size == 0 ? 1 : size);
}

static void libc_free(void *ctx, void *ptr)
{
    (void)ctx;
    libc_blocks -= ptr != NULL;
    free(ptr);
}

static size_t libc_usable_size(void *ctx, const void *ptr)
{
    (void)ctx;
    return malloc_usable_size((void *)(uintptr_t)ptr); /* NOLINT(performance-no-int-to-ptr) */
}

static struct pab_heap libc_heap(bool knows_usable)
{
    struct pab_heap heap = {.state = NULL};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        heap.domain[i] = (struct pab_alloc){
            .malloc = libc_malloc,
            .calloc = libc_calloc,
            .realloc = libc_realloc,
            .free = libc_free,
            .usable_size = knows_usable ? libc_usable_size : NULL,
        };
    }
    return heap;
}

static void *take(struct pab_heap *heap, enum pab_domain domain, size_t size)
{
    return heap->domain[domain].malloc(heap->domain[domain].ctx, size);
}

static void *take_zeroed(struct pab_heap *heap, enum pab_domain domain, size_t count, size_t size)
{
    return heap->domain[domain].calloc(heap->domain[domain].ctx, count, size);
}

static void *resize(struct pab_heap *heap, enum pab_domain domain, void *ptr, size_t size)
{
    return heap->domain[domain].realloc(heap->domain[domain].ctx, ptr, size);
}

static void give(struct pab_heap *heap, enum pab_domain domain, void *ptr)
{
    heap->domain[domain].free(heap->domain[domain].ctx, ptr);
}

/* Behind each call: the live requested bytes after it. */
static void run_small_program(struct pab_heap *heap)
{
    void *a = take(heap, PAB_DOMAIN_OBJ, 100);          /* 100 */
    void *b = take_zeroed(heap, PAB_DOMAIN_MEM, 10, 8); /* 180 */
    void *c = take(heap, PAB_DOMAIN_RAW, 0);            /* 180 */
    a = resize(heap, PAB_DOMAIN_OBJ, a, 5000);          /* 5080 */
    void *d = resize(heap, PAB_DOMAIN_MEM, NULL, 7);    /* 5087: the peak */
    give(heap, PAB_DOMAIN_OBJ, a);                      /* 87 */
    give(heap, PAB_DOMAIN_RAW, NULL);                   /* 87 */
    d = resize(heap, PAB_DOMAIN_MEM, d, 0);             /* 80 */
    give(heap, PAB_DOMAIN_MEM, b);                      /* 0 */
    give(heap, PAB_DOMAIN_RAW, c);
    give(heap, PAB_DOMAIN_MEM, d);
}
#define SMALL_PROGRAM_CALLS 11

static void counting_is_exact(void **state)
{
    (void)state;
    static const uint64_t calls[PAB_DOMAIN_COUNT][PAB_CALL_COUNT] = {
        [PAB_DOMAIN_RAW] = {1, 0, 0, 2},
        [PAB_DOMAIN_MEM] = {0, 1, 2, 2},
        [PAB_DOMAIN_OBJ] = {1, 0, 1, 1},
    };
    struct pab_heap heap = libc_heap(true);
    struct pab_counting counting;
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    run_small_program(&heap);
    assert_memory_equal(counting.counts.calls, calls, sizeof(calls));
    assert_int_equal(counting.counts.calls_total, SMALL_PROGRAM_CALLS);
    assert_int_equal(counting.counts.failed, 0);
    assert_int_equal(counting.counts.peak_bytes, 5087);
    assert_int_equal(counting.counts.live_bytes, 0);
    assert_int_equal(counting.counts.live_blocks, 0);

    char *block = take(&heap, PAB_DOMAIN_MEM, 33);
    assert_int_equal(counting.counts.domain_live_bytes[PAB_DOMAIN_MEM], 33);
    assert_int_equal(counting.counts.domain_live_bytes[PAB_DOMAIN_OBJ], 0);
    assert_int_equal(pab_counting_requested(&counting, block), 33);
    assert_true(heap.domain[PAB_DOMAIN_MEM].usable_size(heap.domain[PAB_DOMAIN_MEM].ctx, block) >=
                33);
    give(&heap, PAB_DOMAIN_MEM, block);
    pab_counting_detach(&counting);
    assert_int_equal(counting.counts.live_blocks, 0); /* still readable */
}

/* Enough blocks to grow the table several times, freed in another order than taken. */
static void counting_keeps_many_blocks_apart(void **state)
{
    (void)state;
    enum { BLOCKS = 200000 };
    struct pab_heap heap = libc_heap(true);
    struct pab_counting counting;
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    void **blocks = calloc(BLOCKS, sizeof(*blocks));
    assert_non_null(blocks);
    uint64_t bytes = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = take(&heap, (enum pab_domain)(i % PAB_DOMAIN_COUNT), i % 97);
        bytes += i % 97;
    }
    assert_int_equal(counting.counts.live_blocks, BLOCKS);
    assert_int_equal(counting.counts.live_bytes, bytes);
    for (size_t step = 0; step < BLOCKS; step++) {
        size_t i = step * 77773 % BLOCKS; /* a prime that does not divide: each index once */
        assert_int_equal(pab_counting_requested(&counting, blocks[i]), i % 97);
        give(&heap, (enum pab_domain)(i % PAB_DOMAIN_COUNT), blocks[i]);
        bytes -= i % 97;
        assert_int_equal(counting.counts.live_bytes, bytes);
    }
    assert_int_equal(counting.counts.live_blocks, 0);
    free(blocks);
    pab_counting_detach(&counting);
}

static uint64_t hash_by_counting(void (*program)(struct pab_heap *heap))
{
    struct pab_heap heap = libc_heap(true);
    struct pab_counting counting;
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    assert_int_equal(counting.counts.hash, PAB_REQUEST_HASH_INIT);
    program(&heap);
    pab_counting_detach(&counting);
    return counting.counts.hash;
}

static uint64_t hash_by_meter(void (*program)(struct pab_heap *heap), bool knows_usable)
{
    struct pab_heap heap = libc_heap(knows_usable);
    struct pab_meter meter;
    pab_meter_attach(&meter, &heap);
    program(&heap);
    pab_meter_detach(&meter);
    return meter.hash;
}

static void one_malloc(struct pab_heap *heap)
{
    give(heap, PAB_DOMAIN_OBJ, take(heap, PAB_DOMAIN_OBJ, 40));
}

static void one_malloc_of_mem(struct pab_heap *heap)
{
    give(heap, PAB_DOMAIN_MEM, take(heap, PAB_DOMAIN_MEM, 40));
}

static void one_larger_malloc(struct pab_heap *heap)
{
    give(heap, PAB_DOMAIN_OBJ, take(heap, PAB_DOMAIN_OBJ, 41));
}

static void one_calloc(struct pab_heap *heap)
{
    give(heap, PAB_DOMAIN_OBJ, take_zeroed(heap, PAB_DOMAIN_OBJ, 1, 40));
}

static void one_realloc(struct pab_heap *heap)
{
    give(heap, PAB_DOMAIN_OBJ, resize(heap, PAB_DOMAIN_OBJ, NULL, 40));
}

static void freed_late(struct pab_heap *heap)
{
    void *first = take(heap, PAB_DOMAIN_OBJ, 40);
    void *second = take(heap, PAB_DOMAIN_OBJ, 40);
    give(heap, PAB_DOMAIN_OBJ, first);
    give(heap, PAB_DOMAIN_OBJ, second);
}

static void freed_early(struct pab_heap *heap)
{
    one_malloc(heap);
    one_malloc(heap);
}

static void hashes_agree_and_distinguish(void **state)
{
    (void)state;
    void (*const programs[])(struct pab_heap * heap) = {
        run_small_program, one_malloc,  one_malloc_of_mem, one_larger_malloc,
        one_calloc,        one_realloc, freed_late,        freed_early,
    };
    uint64_t hashes[ARRAY_COUNT(programs)];
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        hashes[i] = hash_by_counting(programs[i]);
        assert_int_equal(hashes[i], hash_by_counting(programs[i]));
        assert_int_equal(hashes[i], hash_by_meter(programs[i], true));
        assert_int_equal(hashes[i], hash_by_meter(programs[i], false));
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(hashes[i], hashes[k]);
        }
    }
}

static void meter_adds_up_usable_bytes(void **state)
{
    (void)state;
    struct pab_heap heap = libc_heap(true);
    struct pab_meter meter;
    pab_meter_attach(&meter, &heap);
    void *a = take(&heap, PAB_DOMAIN_OBJ, 100);
    void *b = take_zeroed(&heap, PAB_DOMAIN_MEM, 3, 50);
    assert_int_equal(meter.live_usable_bytes, malloc_usable_size(a) + malloc_usable_size(b));
    a = resize(&heap, PAB_DOMAIN_OBJ, a, 90000);
    uint64_t peak = malloc_usable_size(a) + malloc_usable_size(b);
    assert_int_equal(meter.live_usable_bytes, peak);
    give(&heap, PAB_DOMAIN_OBJ, a);
    assert_int_equal(meter.live_usable_bytes, malloc_usable_size(b));
    give(&heap, PAB_DOMAIN_MEM, b);
    assert_int_equal(meter.live_usable_bytes, 0);
    assert_int_equal(meter.peak_usable_bytes, peak);
    assert_int_equal(meter.calls, 5);
    pab_meter_detach(&meter);

    heap = libc_heap(false);
    pab_meter_attach(&meter, &heap);
    assert_null(heap.domain[PAB_DOMAIN_OBJ].usable_size);
    run_small_program(&heap);
    assert_int_equal(meter.peak_usable_bytes, 0);
    assert_int_equal(meter.calls, SMALL_PROGRAM_CALLS);
    pab_meter_detach(&meter);
}

struct tick_log {
    uint64_t calls[16], live_bytes[16];
    size_t count;
};

static void note_tick(void *arg, uint64_t calls, uint64_t live_bytes)
{
    struct tick_log *log = (struct tick_log *)arg;
    assert_true(log->count < ARRAY_COUNT(log->calls));
    log->calls[log->count] = calls;
    log->live_bytes[log->count++] = live_bytes;
}

static void ticks_come_every_n_calls(void **state)
{
    (void)state;
    struct pab_heap heap = libc_heap(true);
    struct pab_counting counting;
    struct pab_meter meter;
    struct tick_log exact = {.count = 0};
    struct tick_log light = {.count = 0};
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    pab_meter_attach(&meter, &heap); /* on top of it */
    run_small_program(&heap);
    assert_int_equal(exact.count + light.count, 0);
    pab_counting_set_tick(&counting, 3, note_tick, &exact);
    pab_meter_set_tick(&meter, 5, note_tick, &light);
    run_small_program(&heap);
    static const uint64_t live[] = {180, 87, 0}; /* after calls 3, 6 and 9 of it */
    assert_int_equal(exact.count, 3);
    for (size_t i = 0; i < ARRAY_COUNT(live); i++) {
        assert_int_equal(exact.calls[i], SMALL_PROGRAM_CALLS + 3 * (i + 1));
        assert_int_equal(exact.live_bytes[i], live[i]);
    }
    assert_int_equal(light.count, 2);
    assert_int_equal(light.calls[1], SMALL_PROGRAM_CALLS + 10);
    assert_true(light.live_bytes[0] >= 5087);
    pab_counting_set_tick(&counting, 0, NULL, NULL);
    pab_meter_set_tick(&meter, 0, NULL, NULL);
    run_small_program(&heap);
    assert_int_equal(exact.count, 3);
    assert_int_equal(light.count, 2);
    assert_int_equal(meter.hash, counting.counts.hash);
    pab_meter_detach(&meter);
    pab_counting_detach(&counting);
}

static void undoing_restores_the_tables(void **state)
{
    (void)state;
    struct pab_heap heap = libc_heap(true);
    struct pab_heap before = heap;
    struct pab_counting counting;
    struct pab_meter meter;
    struct pab_faulty faulty;
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    struct pab_heap counted = heap;
    pab_meter_attach(&meter, &heap);
    pab_faulty_attach(&faulty, &heap);
    assert_memory_not_equal(&heap, &counted, sizeof(heap));
    run_small_program(&heap);
    pab_faulty_detach(&faulty);
    pab_meter_detach(&meter);
    assert_memory_equal(&heap, &counted, sizeof(heap));
    pab_counting_detach(&counting);
    assert_memory_equal(&heap, &before, sizeof(heap));
}

/* Takes three blocks, one of them by realloc of another. False, with nothing kept, on failure. */
static bool run_careful_body(struct pab_heap *heap)
{
    bool done = false;
    char *first = take(heap, PAB_DOMAIN_OBJ, 8);
    if (first == NULL) {
        return false;
    }
    memcpy(first, "kept me", sizeof("kept me"));
    char *larger = resize(heap, PAB_DOMAIN_OBJ, first, 800);
    if (larger == NULL) {
        assert_string_equal(first, "kept me"); /* a failed realloc leaves its block */
    } else {
        first = larger;
        void *third = take_zeroed(heap, PAB_DOMAIN_MEM, 2, 2);
        done = third != NULL;
        give(heap, PAB_DOMAIN_MEM, third);
    }
    give(heap, PAB_DOMAIN_OBJ, first);
    return done;
}

static void faulty_fails_the_nth_call(void **state)
{
    (void)state;
    struct pab_heap heap = libc_heap(true);
    struct pab_faulty faulty;
    pab_faulty_attach(&faulty, &heap);
    assert_true(run_careful_body(&heap)); /* disarmed */
    assert_int_equal(faulty.calls, 3);
    for (uint64_t n = 0; n < 5; n++) {
        for (enum pab_fault fault = PAB_FAULT_ONCE; fault <= PAB_FAULT_LASTING; fault++) {
            int64_t blocks = libc_blocks;
            pab_faulty_arm(&faulty, n, fault);
            errno = 0;
            assert_int_equal(run_careful_body(&heap), n >= 3);
            assert_int_equal(errno, n < 3 ? ENOMEM : 0);
            assert_int_equal(faulty.calls, n < 3 ? n + 1 : 3);
            assert_int_equal(faulty.failed, n < 3 ? 1 : 0);
            assert_int_equal(libc_blocks, blocks);
        }
    }
    pab_faulty_arm(&faulty, 1, PAB_FAULT_ONCE);
    bool once[4];
    bool lasting[4];
    for (int i = 0; i < 4; i++) {
        void *block = take(&heap, PAB_DOMAIN_RAW, 1);
        once[i] = block != NULL;
        give(&heap, PAB_DOMAIN_RAW, block);
    }
    pab_faulty_arm(&faulty, 1, PAB_FAULT_LASTING);
    for (int i = 0; i < 4; i++) {
        void *block = take(&heap, PAB_DOMAIN_RAW, 1);
        lasting[i] = block != NULL;
        give(&heap, PAB_DOMAIN_RAW, block);
    }
    assert_memory_equal(once, ((bool[]){true, false, true, true}), sizeof(once));
    assert_memory_equal(lasting, ((bool[]){true, false, false, false}), sizeof(lasting));
    assert_int_equal(faulty.failed, 3);
    pab_faulty_detach(&faulty);
}

/* Counting above a failing heap: the failure is counted, the old block is still accounted for. */
static void counting_sees_failures(void **state)
{
    (void)state;
    struct pab_heap heap = libc_heap(true);
    struct pab_faulty faulty;
    struct pab_counting counting;
    struct pab_meter meter;
    pab_faulty_attach(&faulty, &heap);
    assert_int_equal(pab_counting_attach(&counting, &heap, NULL), PAB_OK);
    pab_meter_attach(&meter, &heap);
    void *block = take(&heap, PAB_DOMAIN_OBJ, 64);
    uint64_t usable = meter.live_usable_bytes;
    pab_faulty_arm(&faulty, 0, PAB_FAULT_LASTING);
    assert_null(resize(&heap, PAB_DOMAIN_OBJ, block, 1 << 20));
    assert_null(take(&heap, PAB_DOMAIN_OBJ, 1));
    assert_int_equal(counting.counts.failed, 2);
    assert_int_equal(counting.counts.live_bytes, 64);
    assert_int_equal(counting.counts.peak_bytes, 64);
    assert_int_equal(pab_counting_requested(&counting, block), 64);
    assert_int_equal(meter.live_usable_bytes, usable);
    assert_int_equal(meter.hash, counting.counts.hash);
    give(&heap, PAB_DOMAIN_OBJ, block);
    assert_int_equal(meter.live_usable_bytes, 0);
    pab_meter_detach(&meter);
    pab_counting_detach(&counting);
    pab_faulty_detach(&faulty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_is_exact),
        cmocka_unit_test(counting_keeps_many_blocks_apart),
        cmocka_unit_test(hashes_agree_and_distinguish),
        cmocka_unit_test(meter_adds_up_usable_bytes),
        cmocka_unit_test(ticks_come_every_n_calls),
        cmocka_unit_test(undoing_restores_the_tables),
        cmocka_unit_test(faulty_fails_the_nth_call),
        cmocka_unit_test(counting_sees_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
