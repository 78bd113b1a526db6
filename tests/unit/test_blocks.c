/* Blocks of which a check knows every byte, on a toy allocator that can be told to go wrong; and
 * the aligned functions called alike. */
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A bump pointer with 16 bytes before each block for its size, and 8 more usable than asked for. */
static struct {
    _Alignas(16) unsigned char space[1 << 16];
    size_t used;
    size_t frees;
    bool refuses;   /* everything */
    bool overlaps;  /* the next block begins 32 bytes too early */
    bool is_dirty;  /* calloc zeroes all but the last byte */
    size_t lost;    /* bytes that realloc leaves out at the end of what it copies */
    bool is_strict; /* aligned_alloc wants multiples, as C11 did */
    size_t ordered; /* size of the last aligned request that was served */
} toy;

static void *toy_malloc(size_t size)
{
    if (toy.refuses) {
        return NULL;
    }
    unsigned char *head = toy.space + toy.used;
    memcpy(head, &size, sizeof(size));
    toy.used += 16 + (size + 8 + 15) / 16 * 16;
    if (toy.overlaps) {
        toy.used -= 32;
    }
    assert_true(toy.used < sizeof(toy.space));
    return head + 16;
}

static size_t toy_asked(const void *ptr)
{
    size_t size;
    memcpy(&size, (const unsigned char *)ptr - 16, sizeof(size));
    return size;
}

static size_t toy_usable(void *ptr)
{
    return toy_asked(ptr) + 8;
}

static void *toy_calloc(size_t count, size_t size)
{
    unsigned char *block = toy_malloc(count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
        block[count * size - 1] = toy.is_dirty;
    }
    return block;
}

static void *toy_realloc(void *ptr, size_t size)
{
    unsigned char *block = toy_malloc(size);
    if (block != NULL && ptr != NULL) {
        size_t kept = toy_asked(ptr) < size ? toy_asked(ptr) : size;
        memcpy(block, ptr, kept - toy.lost);
    }
    return block;
}

static void toy_free(void *ptr)
{
    toy.frees += ptr != NULL;
}

static void *toy_aligned_alloc(size_t align, size_t size)
{
    if (toy.is_strict && size % align != 0) {
        return NULL;
    }
    toy.ordered = size;
    return toy_malloc(size);
}

static const struct pab_subject subject = {
    .is_c = true,
    .malloc = toy_malloc,
    .calloc = toy_calloc,
    .realloc = toy_realloc,
    .free = toy_free,
    .usable_size = toy_usable,
    .aligned_alloc = toy_aligned_alloc,
};

static struct pab_check_run run;
static struct pab_blocks blocks;

static int set_up(void **state)
{
    (void)state;
    memset(&toy, 0, sizeof(toy));
    memset(&run, 0, sizeof(run));
    run.seed = 7;
    pab_blocks_init(&blocks, &run, &subject);
    return 0;
}

static void expect_reason(const char *words)
{
    if (strstr(run.reason, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, run.reason);
    }
}

static void test_a_life(void **state)
{
    (void)state;
    struct pab_block made[3] = {{0}};
    assert_true(pab_block_take(&blocks, &made[0], 100));
    assert_true(pab_block_take_zeroed(&blocks, &made[1], 5, 20));
    assert_true(pab_block_resize(&blocks, &made[0], 300));
    assert_true(pab_block_resize(&blocks, &made[0], 30));
    assert_int_equal(made[0].usable, 38);
    assert_true(pab_blocks_hold(&blocks, made, 3, "here"));
    assert_true(pab_blocks_drop(&blocks, made, 3, "here"));
    assert_null(made[0].at);
    assert_int_equal(toy.frees, 2);
    assert_int_equal(blocks.calls, 6);
    assert_string_equal(run.reason, "");
}

/* Each byte that may be used is watched, the ones behind the request, too. */
static void test_every_usable_byte_counts(void **state)
{
    (void)state;
    struct pab_block block = {0};
    assert_true(pab_block_take(&blocks, &block, 41));
    for (size_t i = 0; i < 49; i++) {
        block.at[i] ^= 0x40;
        assert_false(pab_block_holds(&blocks, &block, 0, block.usable, "now"));
        block.at[i] ^= 0x40;
    }
    assert_true(pab_block_holds(&blocks, &block, 0, block.usable, "now"));
    expect_reason("byte 0 of a block of 41 bytes (49 usable) was changed");
}

static void test_overlap_names_the_other(void **state)
{
    (void)state;
    static const struct pab_subject plain = {.is_c = true, .free = toy_free};
    struct pab_block made[2] = {{0}};
    blocks.table = made;
    blocks.count = 2;
    assert_true(pab_block_take(&blocks, &made[0], 64));
    blocks.subject = &plain;
    pab_block_adopt(&blocks, &made[1], made[0].at + 40, 16);
    assert_int_equal(made[1].usable, 16);
    assert_false(pab_block_drop(&blocks, &made[0], "before free"));
    expect_reason("byte 40 of a block of 64 bytes");
    expect_reason("seen before free, after 2 calls with seed 7");
    assert_non_null(strstr(run.detail, "over that byte lies a live block"));
    assert_int_equal(toy.frees, 0);
}

/* The allocator's own bytes before the next block reach into this one. */
static void test_neighbour_is_named(void **state)
{
    (void)state;
    struct pab_block made[2] = {{0}};
    blocks.table = made;
    blocks.count = 2;
    toy.overlaps = true;
    assert_true(pab_block_take(&blocks, &made[0], 64));
    assert_true(pab_block_take(&blocks, &made[1], 64));
    assert_false(pab_blocks_hold(&blocks, made, 2, "in a sweep"));
    assert_non_null(strstr(run.detail, "nearest live block"));
}

static void test_realloc_that_loses_a_byte(void **state)
{
    (void)state;
    struct pab_block block = {0};
    assert_true(pab_block_take(&blocks, &block, 100));
    toy.lost = 1;
    assert_false(pab_block_resize(&blocks, &block, 200));
    expect_reason("byte 99 was lost by realloc from 100 to 200 bytes");
}

static void test_refusals_and_dirt(void **state)
{
    (void)state;
    struct pab_block block = {0};
    toy.is_dirty = true;
    assert_false(pab_block_take_zeroed(&blocks, &block, 3, 10));
    expect_reason("byte 29 of calloc(3, 10) is not zero");
    run.reason[0] = '\0';
    assert_true(pab_block_take(&blocks, &block, 10));
    toy.refuses = true;
    assert_false(pab_block_resize(&blocks, &block, 20));
    expect_reason("realloc of a block of 10 bytes to 20 gave NULL");
    assert_true(pab_block_holds(&blocks, &block, 0, block.usable, "after a refusal"));
    run.reason[0] = '\0';
    assert_false(pab_block_take(&blocks, &block, 77));
    expect_reason("malloc(77) gave NULL");
}

static void test_natural_alignment(void **state)
{
    (void)state;
    static const struct pab_backend backend = {.name = "toy"};
    static struct pab_heap heap = {.backend = &backend};
    static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 1000};
    static const size_t due[] = {1, 2, 2, 4, 4, 8, 8, 16, 16, 16};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        run.heap = &heap;
        assert_int_equal(pab_aligned_natural(&run, sizes[i]), due[i]);
    }
}

/* Python's pools are held to what their version, or the spec, promises. */
static void test_natural_alignment_of_pools(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        size_t least;
    } pools[] = {{"pymalloc", 16},
                 {"pymalloc:profile=3.6", 8},
                 {"pymalloc:align=8", 8},
                 {"pymalloc:profile=3.6:align=16", 16}};
    for (size_t i = 0; i < ARRAY_COUNT(pools); i++) {
        struct pab_spec *spec = NULL;
        struct pab_error err;
        assert_int_equal(pab_spec_parse(pools[i].spec, &spec, &err), PAB_OK);
        struct pab_heap heap = {.backend = spec->backend};
        run.heap = &heap;
        run.spec = spec;
        assert_int_equal(pab_aligned_least(&run), pools[i].least);
        assert_int_equal(pab_aligned_natural(&run, 24), pools[i].least);
        assert_int_equal(pab_aligned_natural(&run, 7), 4);
        pab_spec_destroy(spec);
    }
}

static void test_aligned_functions(void **state)
{
    (void)state;
    char text[64];
    assert_true(pab_aligned_any(&subject));
    assert_true(pab_aligned_exists(&subject, PAB_ALIGNED_ALLOC));
    assert_false(pab_aligned_exists(&subject, PAB_ALIGNED_MEMALIGN));
    assert_int_equal(pab_aligned_promise(PAB_ALIGNED_MEMALIGN, 64), 64);
    assert_int_equal(pab_aligned_promise(PAB_ALIGNED_VALLOC, 64) % 4096, 0);
    assert_non_null(pab_aligned_take(&subject, PAB_ALIGNED_ALLOC, 64, 100));
    assert_int_equal(toy.ordered, 100);
    toy.is_strict = true;
    assert_non_null(pab_aligned_take(&subject, PAB_ALIGNED_ALLOC, 64, 100));
    assert_int_equal(toy.ordered, 128);
    assert_null(pab_aligned_call(&subject, PAB_ALIGNED_ALLOC, 64, 100));
    pab_aligned_describe(PAB_ALIGNED_MEMALIGN, 64, 100, text, sizeof(text));
    assert_string_equal(text, "memalign(64, 100)");
    pab_aligned_describe(PAB_ALIGNED_PVALLOC, 64, 100, text, sizeof(text));
    assert_string_equal(text, "pvalloc(100)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_life, set_up),
        cmocka_unit_test_setup(test_every_usable_byte_counts, set_up),
        cmocka_unit_test_setup(test_overlap_names_the_other, set_up),
        cmocka_unit_test_setup(test_neighbour_is_named, set_up),
        cmocka_unit_test_setup(test_realloc_that_loses_a_byte, set_up),
        cmocka_unit_test_setup(test_refusals_and_dirt, set_up),
        cmocka_unit_test_setup(test_natural_alignment, set_up),
        cmocka_unit_test_setup(test_natural_alignment_of_pools, set_up),
        cmocka_unit_test_setup(test_aligned_functions, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
