/* tests/unit/test_model_trace.c -- traces as text, as bytes, as calls of a seed; what is whose; and
 * how few calls are left of many. */
#include "tests/conformance/model/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "pyallocbench trace 1\nprofile py\nseed 7\nthreads 2\n"

/* --- text ----------------------------------------------------------------------------------- */

static void test_text_comes_back(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "malloc 0 48\ncalloc 1 3 18446744073709551615\n"
             "realloc 0 0\nreallocarray 2 65535 1\naligned 3 4096 7\n"
             "posix 4 1 9\nthread 1\nfree 0\nfree_sized 1\nrewrite 2\n"
             "verify 3\nthread 0\nburst 262144 512 alternate\nsweep\ndrain\n"
             "fail 3 50\npurge\nfork\nrespawn 1\ngive 32767 1\ntake 5\nend\n";
    struct model_head head;
    struct model_list list;
    struct pab_error err;
    assert_int_equal(pab_model_trace_read(text, &head, &list, &err), PAB_OK);
    assert_int_equal(list.count, MODEL_CALLS);
    assert_int_equal(head.seed, 7);
    assert_int_equal(head.threads, 2);
    assert_string_equal(head.profile, "py");
    char *again = pab_model_trace_write(&head, &list);
    assert_string_equal(again, text);
    for (size_t i = 0; i < list.count; i++) {
        assert_true(pab_model_op_is_valid(&list.ops[i]));
    }
    free(again);
    free(list.ops);
}

static void test_comments_and_blank_lines(void **state)
{
    (void)state;
    struct model_head head;
    struct model_list list;
    assert_int_equal(pab_model_trace_read(HEAD "# why\n\n  malloc  0\t8 # it\nend\n\n# bye\n",
                                          &head, &list, NULL),
                     PAB_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.ops[0].size, 8);
    free(list.ops);
}

struct damaged {
    const char *text, *said;
};

static const struct damaged damaged[] = {
    {"", "line 1"},
    {"pyallocbench trace 2\n", "line 1"},
    {"pyallocbench trace 1\nprofile py\nthreads 1\n", "line 3 of the trace: 'seed'"},
    {"pyallocbench trace 1\nprofile py\nseed x\nthreads 1\nend\n", "'x' is no whole number"},
    {"pyallocbench trace 1\nprofile py\nseed 1\nthreads 9\nend\n", "more than 8"},
    {HEAD "malloc 0 48\n", "cut off"},
    {HEAD "mallok 0 48\nend\n", "line 5 of the trace: 'mallok'"},
    {HEAD "malloc 0\nend\n", "takes 2"},
    {HEAD "malloc 0 1 2\nend\n", "takes 2"},
    {HEAD "malloc -1 1\nend\n", "'-1'"},
    {HEAD "malloc 32768 1\nend\n", "more than 32767"},
    {HEAD "malloc 0 18446744073709551616\nend\n", "more than"},
    {HEAD "calloc 0 65536 1\nend\n", "more than 65535"},
    {HEAD "aligned 0 3 1\nend\n", "no power of two"},
    {HEAD "aligned 0 0 1\nend\n", "no power of two"},
    {HEAD "burst 0 1 lifo\nend\n", "no blocks"},
    {HEAD "burst 1 1 upwards\nend\n", "'upwards'"},
    {HEAD "thread 2\nend\n", "more than 1"},
    {HEAD "thread\nend\n", "takes 1"},
    {HEAD "end\nmalloc 0 1\n", "follows the end"},
    {HEAD "malloc 0 1\x01\nend\n", "byte 0x01"},
    {HEAD "malloc 0 1 2 3 4 5 6\nend\n", "more words"},
};

static void test_damaged_text_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(damaged); i++) {
        struct model_head head;
        struct model_list list;
        struct pab_error err = {0};
        assert_int_equal(pab_model_trace_read(damaged[i].text, &head, &list, &err), PAB_USAGE);
        assert_null(list.ops);
        if (strstr(err.text, damaged[i].said) == NULL) {
            fail_msg("'%s' lacks '%s'", err.text, damaged[i].said);
        }
    }
}

static void test_any_bytes_are_a_trace(void **state)
{
    (void)state;
    unsigned char bytes[6 * 256];
    struct model_op ops[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 167 + i / 256);
    }
    assert_int_equal(pab_model_trace_of_bytes(bytes, sizeof(bytes), ops, 256), 256);
    assert_int_equal(pab_model_trace_of_bytes(bytes, sizeof(bytes), ops, 3), 3);
    assert_int_equal(pab_model_trace_of_bytes(bytes, 5, ops, 256), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(pab_model_op_is_valid(&ops[i]));
    }
}

/* --- calls of a seed ------------------------------------------------------------------------ */

static struct model_generator one;
static struct model_generator two;

static void test_a_seed_gives_the_same_calls(void **state)
{
    (void)state;
    for (int profile = 0; profile < PAB_MODEL_PROFILES; profile++) {
        struct pab_model_plan plan = {
            .profile = (enum pab_model_profile)profile, .seed = 5, .threads = 3};
        pab_model_generator_init(&one, &plan, 0);
        pab_model_generator_init(&two, &plan, 0);
        for (int batch = 0; batch < 200; batch++) {
            pab_model_generate(&one);
            pab_model_generate(&two);
            assert_int_equal(one.count, MODEL_BATCH);
            assert_memory_equal(one.ops, two.ops, sizeof(one.ops));
            for (size_t i = 0; i < one.count; i++) {
                assert_true(pab_model_op_is_valid(&one.ops[i]));
                assert_true(one.ops[i].thread < 3);
            }
        }
        plan.seed = 6;
        pab_model_generator_init(&two, &plan, 0);
        pab_model_generate(&two);
        assert_memory_not_equal(one.ops, two.ops, sizeof(one.ops));
    }
}

/* Every call of the grammar is made; a burst is larger than a slab; memory is drained. */
static void test_profiles_make_their_calls(void **state)
{
    (void)state;
    struct pab_model_plan plan = {.profile = PAB_MODEL_HOSTILE, .seed = 1, .threads = 2};
    uint64_t made[MODEL_CALLS] = {0};
    uint64_t impossible = 0;
    pab_model_generator_init(&one, &plan, 0);
    while (one.calls < 1000000) {
        pab_model_generate(&one);
        for (size_t i = 0; i < one.count; i++) {
            made[one.ops[i].call]++;
            impossible += one.ops[i].size > PTRDIFF_MAX;
        }
    }
    for (int call = 0; call < MODEL_CALLS; call++) {
        bool is_left_out = call == MODEL_GIVE || call == MODEL_TAKE || call == MODEL_ALIGNED ||
                           call == MODEL_SWEEP;
        assert_int_equal(made[call] == 0, is_left_out);
    }
    assert_true(impossible > 1000);
}

/* --- what is whose -------------------------------------------------------------------------- */

static void test_shadow_knows_what_is_taken(void **state)
{
    (void)state;
    static struct model_shadow shadow;
    for (int shared = 0; shared < 2; shared++) {
        assert_true(pab_model_shadow_open(&shadow, shared == 1));
        const char *base = (const char *)(uintptr_t)0x7f0000000000;
        assert_true(pab_model_shadow_take(&shadow, base, 48));
        assert_true(pab_model_shadow_take(&shadow, base + 48, 1));
        assert_false(pab_model_shadow_take(&shadow, base + 40, 16));
        pab_model_shadow_give(&shadow, base, 64);
        assert_true(pab_model_shadow_take(&shadow, base, 64));
        /* Over the border of a leaf, and of a branch. */
        const char *border = (const char *)(uintptr_t)0x7f0400000000;
        assert_true(pab_model_shadow_take(&shadow, border - 1000, 3 << 20));
        assert_false(pab_model_shadow_take(&shadow, border - 1, 1));
        assert_false(pab_model_shadow_take(&shadow, border + (3 << 20) - 1001, 1));
        assert_true(pab_model_shadow_take(&shadow, border + (3 << 20) - 1000, 8));
        /* A block of no bytes has an address of its own. */
        assert_true(pab_model_shadow_take(&shadow, base + 4096, 0));
        assert_false(pab_model_shadow_take(&shadow, base + 4096, 0));
        pab_model_shadow_close(&shadow);
    }
}

/* --- fewer calls ---------------------------------------------------------------------------- */

/* Shows when slot 3 is taken, later slot 8 with more than 100 bytes, and then slot 3 is freed. */
struct synthetic {
    unsigned tried;
};

static bool shows_three(void *arg, struct model_op *ops, size_t *count, bool any)
{
    struct synthetic *synthetic = arg;
    unsigned step = 0;
    (void)any;
    synthetic->tried++;
    for (size_t i = 0; i < *count; i++) {
        const struct model_op *op = &ops[i];
        bool is_next = (step == 0 && op->call == MODEL_MALLOC && op->slot == 3) ||
                       (step == 1 && op->call == MODEL_MALLOC && op->slot == 8 && op->size > 100) ||
                       (step == 2 && op->call == MODEL_FREE && op->slot == 3);
        step += is_next ? 1 : 0;
        if (step == 3) {
            *count = i + 1;
            return true;
        }
    }
    return false;
}

static void test_shrinks_to_what_shows(void **state)
{
    (void)state;
    struct model_op *ops = calloc(5000, sizeof(*ops));
    struct model_list list = {ops, 5000};
    assert_non_null(ops);
    for (uint32_t i = 0; i < 5000; i++) {
        ops[i] = (struct model_op){.call = i % 3 == 0 ? MODEL_FREE : MODEL_MALLOC,
                                   .slot = 20 + i % 50,
                                   .size = i,
                                   .thread = (uint8_t)(i % 2)};
    }
    ops[700] = (struct model_op){.call = MODEL_CALLOC, .slot = 3, .size = 5, .count = 9};
    ops[701] = (struct model_op){.call = MODEL_MALLOC, .slot = 3, .size = 45};
    ops[2500] = (struct model_op){.call = MODEL_MALLOC, .slot = 8, .size = 3000, .thread = 1};
    ops[4000] = (struct model_op){.call = MODEL_FREE, .slot = 3};
    struct synthetic synthetic = {0};
    assert_true(pab_model_shrink(&list, 2, 60000, shows_three, &synthetic));
    assert_int_equal(list.count, 3);
    assert_int_equal(list.ops[0].slot, 0); /* renumbered */
    assert_int_equal(list.ops[0].size, 1);
    assert_int_equal(list.ops[1].slot, 1);
    assert_in_range(list.ops[1].size, 101, 200);
    assert_int_equal(list.ops[1].thread, 0);
    assert_int_equal(list.ops[2].call, MODEL_FREE);
    assert_true(synthetic.tried < 1000);
    free(ops);
}

/* Shows from the 900th block of a burst on, whatever stands before. */
static bool shows_burst(void *arg, struct model_op *ops, size_t *count, bool any)
{
    (void)arg;
    (void)any;
    for (size_t i = 0; i < *count; i++) {
        if (ops[i].call == MODEL_BURST && ops[i].slot >= 900) {
            *count = i + 1;
            return true;
        }
    }
    return false;
}

static void test_shrinks_bursts_with_room(void **state)
{
    (void)state;
    struct model_op ops[3] = {
        {.call = MODEL_MALLOC, .slot = 3, .size = 10},
        {.call = MODEL_BURST, .slot = 100, .size = 10},
        {.call = MODEL_BURST, .slot = 100000, .size = 400, .count = MODEL_LIFO},
    };
    struct model_list list = {ops, 3};
    assert_true(pab_model_shrink(&list, 1, 60000, shows_burst, NULL));
    assert_int_equal(list.count, 1);
    assert_int_equal(ops[0].slot, 1024);
    assert_int_equal(ops[0].size, 1);
}

/* --- a program ------------------------------------------------------------------------------ */

static void test_programs_are_short(void **state)
{
    (void)state;
    struct model_op ops[] = {
        {.call = MODEL_MALLOC, .slot = 0, .size = 48},
        {.call = MODEL_REALLOC, .slot = 0, .size = 100},
        {.call = MODEL_CALLOC, .slot = 1, .count = 3, .size = 8},
        {.call = MODEL_FREE, .slot = 0},
    };
    struct model_list list = {ops, ARRAY_COUNT(ops)};
    char *program = pab_model_program(&list, "REA-002", "bytes were lost");
    assert_non_null(program);
    assert_non_null(strstr(program, "REA-002"));
    assert_non_null(strstr(program, "take(0, realloc(b[0].at, 100u), 100, 16, 48, 0);"));
    unsigned lines = 0;
    for (const char *at = program; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    assert_true(lines < 30);
    free(program);
    ops[3].call = MODEL_FORK; /* no plain program does that */
    assert_null(pab_model_program(&list, "REA-002", "bytes were lost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_comes_back),
        cmocka_unit_test(test_comments_and_blank_lines),
        cmocka_unit_test(test_damaged_text_is_refused),
        cmocka_unit_test(test_any_bytes_are_a_trace),
        cmocka_unit_test(test_a_seed_gives_the_same_calls),
        cmocka_unit_test(test_profiles_make_their_calls),
        cmocka_unit_test(test_shadow_knows_what_is_taken),
        cmocka_unit_test(test_shrinks_to_what_shows),
        cmocka_unit_test(test_shrinks_bursts_with_room),
        cmocka_unit_test(test_programs_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
