/* tests/unit/test_model_world.c -- the model finds what a subject does wrong: each test plants one
 * fault over the C library's malloc, in this process. */
#include "tests/conformance/model/interpret.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What the next call does wrong. */
static enum fault {
    NOTHING,
    OVERLAP,
    MISALIGN,
    CLAIM_LESS,
    GIVE_NULL,
    ALLOW_HUGE,
    DIRTY,
    LOSE_TAIL,
    SMASH_ON_FAILURE,
    CHANGE_USABLE,
    SCRIBBLE,
} fault;

static unsigned char pool[1 << 16];
static size_t used;
static unsigned char *last;

static size_t size_of(void *ptr)
{
    size_t size;
    memcpy(&size, (unsigned char *)ptr - 16, sizeof(size));
    return size;
}

static void *fake_malloc(size_t size)
{
    if (size > sizeof(pool) - used - 64 || fault == GIVE_NULL) {
        errno = ENOMEM;
        return fault == ALLOW_HUGE ? last : NULL;
    }
    used += (16 - used % 16) % 16 + 16;
    unsigned char *block = pool + used - (fault == OVERLAP ? 48 : 0) + (fault == MISALIGN ? 8 : 0);
    memcpy(block - 16, &size, sizeof(size));
    used += size + 16;
    last = block;
    return block;
}

static void *fake_calloc(size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        return fake_malloc(SIZE_MAX);
    }
    unsigned char *block = fake_malloc(total);
    if (block != NULL) {
        memset(block, 0, total);
        block[total / 2] = fault == DIRTY;
    }
    return block;
}

static void *fake_realloc(void *ptr, size_t size)
{
    unsigned char *block = fake_malloc(size);
    if (ptr != NULL && block != NULL && size < sizeof(pool)) {
        size_t kept = size_of(ptr) < size ? size_of(ptr) : size;
        memcpy(block, ptr, kept - (fault == LOSE_TAIL ? 1 : 0));
    } else if (ptr != NULL && fault == SMASH_ON_FAILURE) {
        memset(ptr, 0, 4);
    }
    return block;
}

static void fake_free(void *ptr)
{
    (void)ptr;
    if (fault == SCRIBBLE) {
        last[3] ^= 1;
    }
}

static size_t fake_usable(void *ptr)
{
    return size_of(ptr) - (fault == CLAIM_LESS ? 1 : 0) + (fault == CHANGE_USABLE ? 8 : 0);
}

static struct model_shadow shadow;
static struct model_world world;
static struct model_outcome outcome;

/* Makes `calls`, then as many more with a fault planted; the statement that breaks, or "". */
static const char *judge(enum fault planted, const struct model_op *calls, size_t before,
                         size_t count)
{
    static struct pab_backend backend = {.name = "fake"};
    static struct pab_heap heap = {.backend = &backend};
    struct pab_subject subject = {
        .is_c = true,
        .heap = &heap,
        .malloc = fake_malloc,
        .calloc = fake_calloc,
        .realloc = fake_realloc,
        .free = fake_free,
        .usable_size = fake_usable,
    };
    used = 0;
    memset(pool, 0xA5, sizeof(pool));
    memset(&outcome, 0, sizeof(outcome));
    assert_true(pab_model_shadow_open(&shadow, false));
    assert_true(pab_model_world_open(&world, &subject, &shadow, &outcome, 16));
    fault = NOTHING;
    assert_true(pab_model_do(&world, calls, before));
    fault = planted;
    bool holds = pab_model_do(&world, calls + before, count - before) && pab_model_empty(&world);
    fault = NOTHING;
    assert_int_equal(holds, outcome.has_broken == 0);
    pab_model_world_close(&world);
    pab_model_shadow_close(&shadow);
    return outcome.statement;
}

static const struct model_op taking[] = {
    {.call = MODEL_MALLOC, .slot = 0, .size = 48},
    {.call = MODEL_MALLOC, .slot = 1, .size = 48},
    {.call = MODEL_CALLOC, .slot = 2, .count = 4, .size = 12},
};

static void test_blocks(void **state)
{
    (void)state;
    assert_string_equal(judge(NOTHING, taking, 1, 3), "");
    assert_string_equal(judge(OVERLAP, taking, 1, 3), "MAL-009");
    assert_string_equal(judge(MISALIGN, taking, 1, 3), "MAL-007");
    assert_string_equal(judge(CLAIM_LESS, taking, 1, 3), "USZ-02");
    assert_string_equal(judge(GIVE_NULL, taking, 1, 3), "MAL-001");
    assert_string_equal(judge(DIRTY, taking, 1, 3), "CAL-001");
}

static void test_impossible_sizes(void **state)
{
    (void)state;
    const struct model_op calls[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_MALLOC, .slot = 1, .size = SIZE_MAX},
    };
    const struct model_op wrapping[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_CALLOC, .slot = 1, .count = 16, .size = UINT64_C(1) << 60},
    };
    assert_string_equal(judge(NOTHING, calls, 1, 2), "");
    assert_string_equal(judge(ALLOW_HUGE, calls, 1, 2), "MAL-004");
    assert_string_equal(judge(ALLOW_HUGE, wrapping, 1, 2), "CAL-004");
}

static void test_resizing(void **state)
{
    (void)state;
    const struct model_op grow[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_REALLOC, .slot = 0, .size = 80},
    };
    const struct model_op shrink[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_REALLOC, .slot = 0, .size = 8},
    };
    const struct model_op fail[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_REALLOC, .slot = 0, .size = SIZE_MAX},
    };
    assert_string_equal(judge(NOTHING, grow, 1, 2), "");
    assert_string_equal(judge(LOSE_TAIL, grow, 1, 2), "REA-002");
    assert_string_equal(judge(LOSE_TAIL, shrink, 1, 2), "REA-003");
    assert_string_equal(judge(NOTHING, fail, 1, 2), "");
    assert_string_equal(judge(SMASH_ON_FAILURE, fail, 1, 2), "REA-006");
}

static void test_live_blocks(void **state)
{
    (void)state;
    const struct model_op calls[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_MALLOC, .slot = 1, .size = 48},
        {.call = MODEL_FREE, .slot = 0},
        {.call = MODEL_SWEEP},
    };
    assert_string_equal(judge(SCRIBBLE, calls, 2, 4), "PRE-001");
    assert_string_equal(judge(CHANGE_USABLE, calls, 2, 4), "USZ-04");
}

/* Calls on slots that do not suit them do nothing, in any order. */
static void test_any_part_of_a_trace_runs(void **state)
{
    (void)state;
    const struct model_op calls[] = {
        {.call = MODEL_FREE, .slot = 5},
        {.call = MODEL_REWRITE, .slot = 5},
        {.call = MODEL_MALLOC, .slot = 5, .size = 10},
        {.call = MODEL_MALLOC, .slot = 5, .size = 99},
        {.call = MODEL_ALIGNED, .slot = 6, .count = 4, .size = 10}, /* it has none */
        {.call = MODEL_REALLOCARRAY, .slot = 5, .count = 4, .size = 10},
        {.call = MODEL_RESPAWN, .slot = 1},
        {.call = MODEL_GIVE, .slot = 5},
        {.call = MODEL_BURST, .slot = 30, .size = 16, .count = MODEL_ALTERNATE},
        {.call = MODEL_BURST, .slot = 30, .size = 16, .count = MODEL_SHUFFLED},
        {.call = MODEL_DRAIN},
        {.call = MODEL_FREE_SIZED, .slot = 5},
    };
    assert_string_equal(judge(NOTHING, calls, 0, ARRAY_COUNT(calls)), "");
    assert_int_equal(world.live_blocks, 0);
    assert_int_equal(world.live_bytes, 0);
    assert_int_equal(world.high_live, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_resizing),
        cmocka_unit_test(test_live_blocks),
        cmocka_unit_test(test_any_part_of_a_trace_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
