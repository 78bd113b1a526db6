/* What checks share: patterns that tell every kind of damage, cases that end in every way, and the
 * one table that makes verdicts. */
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sizes.h"
#include "tests/conformance/support/sort.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* --- patterns ------------------------------------------------------------------------------- */

#define BLOCK 100

static void test_pattern_holds_in_any_range(void **state)
{
    (void)state;
    unsigned char block[BLOCK];
    uint64_t key = pab_pattern_key(3, 1);
    for (size_t from = 0; from <= 20; from++) {
        for (size_t to = from; to <= BLOCK; to++) {
            memset(block, 0x77, sizeof(block));
            pab_pattern_fill(block, from, to, key);
            for (size_t i = 0; i < BLOCK; i++) {
                bool inside = i >= from && i < to;
                assert_int_equal(block[i], inside ? pab_pattern_byte(key, i) : 0x77);
            }
            assert_true(pab_pattern_holds(block, from, to, key, NULL));
        }
    }
}

static void test_pattern_tells_each_wrong_byte(void **state)
{
    (void)state;
    unsigned char block[BLOCK];
    uint64_t key = pab_pattern_key(3, 1);
    pab_pattern_fill(block, 0, BLOCK, key);
    for (size_t at = 0; at < BLOCK; at++) {
        size_t bad = BLOCK;
        block[at] ^= 0x10;
        assert_false(pab_pattern_holds(block, 0, BLOCK, key, &bad));
        assert_int_equal(bad, at);
        assert_true(pab_pattern_holds(block, 0, at, key, NULL));
        assert_true(pab_pattern_holds(block, at + 1, BLOCK, key, NULL));
        block[at] ^= 0x10;
    }
}

/* Another's block, an older version, a copy shifted by whole words. */
static void test_pattern_tells_whose_and_where(void **state)
{
    (void)state;
    unsigned char block[BLOCK];
    pab_pattern_fill(block, 0, BLOCK, pab_pattern_key(3, 1));
    assert_false(pab_pattern_holds(block, 0, BLOCK, pab_pattern_key(4, 1), NULL));
    assert_false(pab_pattern_holds(block, 0, BLOCK, pab_pattern_key(3, 2), NULL));
    assert_false(pab_pattern_holds(block, 0, BLOCK, pab_pattern_key(1, 3), NULL));
    memmove(block, block + 16, BLOCK - 16);
    size_t bad = BLOCK;
    assert_false(pab_pattern_holds(block, 0, BLOCK - 16, pab_pattern_key(3, 1), &bad));
    assert_true(bad < 8);
}

static void test_pattern_is_zero(void **state)
{
    (void)state;
    unsigned char block[BLOCK] = {0};
    assert_true(pab_pattern_is_zero(block, 0, BLOCK, NULL));
    assert_true(pab_pattern_is_zero(block, 5, 5, NULL));
    for (size_t at = 0; at < BLOCK; at++) {
        size_t bad = BLOCK;
        block[at] = 1;
        assert_false(pab_pattern_is_zero(block, 0, BLOCK, &bad));
        assert_int_equal(bad, at);
        assert_false(pab_pattern_is_zero(block, at, BLOCK, NULL));
        assert_true(pab_pattern_is_zero(block, 0, at, NULL));
        assert_true(pab_pattern_is_zero(block, at + 1, BLOCK, NULL));
        block[at] = 0;
    }
}

/* --- cases ---------------------------------------------------------------------------------- */

static int case_returns(void *arg)
{
    fprintf(stderr, "said in passing");
    return *(int *)arg;
}

static int case_exits(void *arg)
{
    (void)arg;
    _exit(0);
}

static int case_aborts(void *arg)
{
    (void)arg;
    fprintf(stderr, "out of order\n");
    abort();
}

static int case_hangs(void *arg)
{
    (void)arg;
    close(STDERR_FILENO); /* a closed stderr is not an end */
    for (;;) {
        pause();
    }
    return 0;
}

static void test_cases_are_told_apart(void **state)
{
    (void)state;
    struct pab_case done;
    char text[80];
    int value = 42;

    pab_case_run(case_returns, &value, 5000, &done);
    assert_int_equal(done.end, PAB_CASE_RETURNED);
    assert_int_equal(done.value, 42);
    assert_string_equal(done.text, "said in passing");

    pab_case_run(case_exits, NULL, 5000, &done); /* exit status 0, but it did not come back */
    assert_int_equal(done.end, PAB_CASE_EXITED);
    assert_int_equal(done.code, 0);

    pab_case_run(case_aborts, NULL, 5000, &done);
    assert_int_equal(done.end, PAB_CASE_DIED);
    assert_int_equal(done.signal, SIGABRT);
    assert_string_equal(done.text, "out of order\n");
    pab_case_describe(&done, text, sizeof(text));
    assert_string_equal(text, "died of SIGABRT");

    pab_case_run(case_hangs, NULL, 200, &done);
    assert_int_equal(done.end, PAB_CASE_HUNG);
    pab_case_describe(&done, text, sizeof(text));
    assert_string_equal(text, "hung for 200 ms");
}

/* --- verdicts and words --------------------------------------------------------------------- */

static void test_class_and_severity_make_the_verdict(void **state)
{
    (void)state;
    static const enum pab_verdict expected[][4] = {
        [PAB_CLASS_REQUIRED] = {PAB_FAIL, PAB_FAIL, PAB_DEVIATION, PAB_DEVIATION},
        [PAB_CLASS_DEFINED] = {PAB_FAIL, PAB_FAIL, PAB_DEVIATION, PAB_DEVIATION},
        [PAB_CLASS_QUALITY] = {PAB_DEVIATION, PAB_DEVIATION, PAB_DEVIATION, PAB_DEVIATION},
        [PAB_CLASS_HARDENING] = {PAB_INFO, PAB_INFO, PAB_INFO, PAB_INFO},
    };
    for (int class = PAB_CLASS_REQUIRED; class <= PAB_CLASS_HARDENING; class ++) {
        for (int severity = PAB_SEVERITY_MEMORY; severity <= PAB_SEVERITY_QUALITY; severity++) {
            struct pab_check check = {.class = (enum pab_check_class) class,
                                      .severity = (enum pab_severity)severity};
            struct pab_check_run run = {.check = &check};
            assert_int_equal(pab_judge(&run, false), expected[class][severity]);
            assert_int_equal(pab_judge(&run, true), PAB_PASS);
        }
    }
}

static void test_first_finding_stands(void **state)
{
    (void)state;
    static struct pab_check_run run;
    assert_false(pab_wrong(&run, "byte %d", 1));
    assert_false(pab_wrong(&run, "byte %d", 2));
    assert_string_equal(run.reason, "byte 1");
}

static void test_detail_is_cut_between_lines(void **state)
{
    (void)state;
    static struct pab_check_run run;
    for (int i = 0; i < 2000; i++) {
        pab_detail(&run, "line %d", i);
    }
    size_t length = strlen(run.detail);
    assert_true(length < sizeof(run.detail) && length > sizeof(run.detail) - 32);
    assert_string_equal(run.detail + length - 4, "...\n");
    assert_int_equal(run.detail[length - 5], '\n');
}

static void test_budget(void **state)
{
    (void)state;
    struct pab_check_run run = {.ops = 0};
    assert_int_equal(pab_budget(&run, 100, 0), 100);
    run.ops = 500;
    assert_int_equal(pab_budget(&run, 100, 0), 500);
    assert_int_equal(pab_budget(&run, 100, 300), 300);
}

/* --- the process ---------------------------------------------------------------------------- */

static void test_mapping_of_a_page(void **state)
{
    (void)state;
    size_t bytes = (size_t)1 << 16;
    struct pab_mapping mapping;
    char *pages = pab_process_pages(bytes);
    assert_true(pab_process_mapping_of(pages, &mapping));
    assert_true(mapping.start <= (uintptr_t)pages && (uintptr_t)pages < mapping.end);
    assert_true(mapping.readable && mapping.writable && !mapping.executable);
    assert_true(pab_process_mapping_of((const void *)(uintptr_t)test_mapping_of_a_page, &mapping));
    assert_true(mapping.executable && !mapping.writable && mapping.path[0] == '/');

    size_t before = pab_process_mappings();
    assert_int_equal(mprotect(pages + bytes / 2, 4096, PROT_NONE), 0);
    assert_true(pab_process_mappings() > before);
    assert_false(pab_process_mapping_of(NULL, &mapping));
}

static void test_rss_counts_what_is_touched(void **state)
{
    (void)state;
    size_t bytes = (size_t)64 << 20;
    char *pages = pab_process_pages(bytes);
    size_t before = pab_process_rss_bytes();
    memset(pages, 1, bytes);
    size_t grown = pab_process_rss_bytes() - before;
    assert_in_range(grown, bytes - bytes / 8, bytes + bytes / 8);
}

static void test_ladder(void **state)
{
    (void)state;
    struct pab_sizes sizes;
    static const size_t expected[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,  12,
                                      13, 14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128};
    pab_sizes_ladder(&sizes, 128);
    assert_int_equal(sizes.count, ARRAY_COUNT(expected));
    assert_memory_equal(sizes.at, expected, sizeof(expected));
}

/* An allocator with a class for each 16 bytes: the "block" is the size that was asked for. */
static void *fine_malloc(size_t size)
{
    return (void *)(uintptr_t)size;
}

static void fine_free(void *ptr)
{
    (void)ptr;
}

static size_t fine_usable(void *ptr)
{
    return ((uintptr_t)ptr + 15) / 16 * 16;
}

/* More classes than there is room for: the small ones are all there, and the last is near the end. */
static void test_classes_reach_the_end(void **state)
{
    (void)state;
    static const struct pab_subject fine = {
        .is_c = true, .malloc = fine_malloc, .free = fine_free, .usable_size = fine_usable};
    static struct pab_sizes sizes;
    pab_sizes_classes(&sizes, &fine, 1u << 20);
    assert_true(sizes.count > PAB_SIZES_MAX / 2 && sizes.count <= PAB_SIZES_MAX);
    for (size_t i = 0; i < PAB_SIZES_MAX / 2; i++) {
        assert_int_equal(sizes.at[i], 16 * (i + 1));
    }
    assert_true(sizes.at[sizes.count - 1] > (1u << 20) - (16u << 10));
    pab_sizes_classes(&sizes, &fine, 1000);
    assert_int_equal(sizes.count, 62);
    assert_int_equal(sizes.at[61], 992);
}

static int by_number(const void *left, const void *right)
{
    int a = *(const int *)left;
    int b = *(const int *)right;
    return (a > b) - (a < b);
}

static void test_sort_is_qsort(void **state)
{
    (void)state;
    int sorted[200];
    int expected[200];
    for (size_t count = 0; count <= ARRAY_COUNT(sorted); count++) {
        for (size_t i = 0; i < count; i++) {
            sorted[i] = expected[i] = (int)(i * 7919 % 101) - 50;
        }
        pab_sort(sorted, count, sizeof(*sorted), by_number);
        qsort(expected, count, sizeof(*expected), by_number);
        assert_memory_equal(sorted, expected, count * sizeof(*sorted));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern_holds_in_any_range),
        cmocka_unit_test(test_pattern_tells_each_wrong_byte),
        cmocka_unit_test(test_pattern_tells_whose_and_where),
        cmocka_unit_test(test_pattern_is_zero),
        cmocka_unit_test(test_cases_are_told_apart),
        cmocka_unit_test(test_class_and_severity_make_the_verdict),
        cmocka_unit_test(test_first_finding_stands),
        cmocka_unit_test(test_detail_is_cut_between_lines),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_mapping_of_a_page),
        cmocka_unit_test(test_rss_counts_what_is_touched),
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_sort_is_qsort),
        cmocka_unit_test(test_classes_reach_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
