/* tests/unit/test_pymalloc_backend.c -- pymalloc behind the contract, over arenas of its own. */
#include "allocators/pymalloc/pymalloc.h"
#include "allocators/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void open_heap(struct pab_heap *heap, const char *text)
{
    struct pab_error err = {0};
    struct pab_spec *spec = NULL;
    if (pab_spec_parse(text, &spec, &err) != PAB_OK || pab_heap_open(heap, spec, &err) != PAB_OK) {
        fail_msg("%s: %s", text, err.text);
        abort(); /* not reached: a failure leaves the test */
    }
    pab_spec_destroy(spec);
}

static char *take(struct pab_heap *heap, enum pab_domain domain, size_t size)
{
    char *block = heap->domain[domain].malloc(heap->domain[domain].ctx, size);
    assert_non_null(block);
    return block;
}

static void give(struct pab_heap *heap, enum pab_domain domain, void *block)
{
    heap->domain[domain].free(heap->domain[domain].ctx, block);
}

/* Whose count of blocks in use, the heap's or that of the one below, a block of a domain moves. */
static bool moves(struct pab_heap *heap, struct pab_heap *whose, enum pab_domain domain)
{
    uint64_t before = whose->backend->counter(whose);
    void *block = take(heap, domain, 4000000);
    bool did = whose->backend->counter(whose) != before;
    give(heap, domain, block);
    return did;
}

static void test_level_says_where_the_one_below_sits(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *level;
        bool mem_is_raw;
    } rows[] = {
        {"pymalloc+system", "raw", false},
        {"pymalloc:level=raw+system", "raw", false},
        {"pymalloc:level=mem+system", "mem", true},
        {"pymalloc:level=arena+pymalloc", NULL, false}, /* refused: it cannot stand below */
        {"pymalloc:level=arena+system", "arena", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pab_spec *spec = NULL;
        struct pab_heap heap;
        if (rows[i].level == NULL) {
            assert_int_equal(pab_spec_parse(rows[i].spec, &spec, NULL), PAB_USAGE);
            continue;
        }
        assert_int_equal(pab_spec_parse(rows[i].spec, &spec, NULL), PAB_OK);
        assert_string_equal(pab_spec_level(spec), rows[i].level);
        assert_string_equal(pab_spec_allocator(spec), "system");
        pab_spec_destroy(spec);
        open_heap(&heap, rows[i].spec);
        assert_int_equal(heap.domain[PAB_DOMAIN_MEM].malloc == heap.domain[PAB_DOMAIN_RAW].malloc,
                         rows[i].mem_is_raw);
        /* A large obj block counts as pymalloc's at every level; a raw one never does. */
        assert_true(moves(&heap, &heap, PAB_DOMAIN_OBJ));
        assert_false(moves(&heap, &heap, PAB_DOMAIN_RAW));
        pab_heap_close(&heap);
    }
}

/* Fills several arenas, keeps a block here and there, and mixes them with the raw domain's. */
static void test_arenas_of_another_allocator(void **state)
{
    (void)state;
    static char *blocks[60000];
    struct pab_heap heap;
    open_heap(&heap, "pymalloc:level=arena+system");
    uint64_t before = heap.backend->counter(&heap);
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        size_t size = i % 97 == 0 ? 700 : 16 + i % 480;
        blocks[i] = take(&heap, PAB_DOMAIN_OBJ, size);
        memset(blocks[i], (int)(i & 0x7f), size);
    }
    assert_int_equal(heap.backend->counter(&heap) - before, ARRAY_COUNT(blocks));
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        size_t size = i % 97 == 0 ? 700 : 16 + i % 480;
        const struct pab_alloc *obj = &heap.domain[PAB_DOMAIN_OBJ];
        blocks[i] = obj->realloc(obj->ctx, blocks[i], size + 300);
        assert_non_null(blocks[i]);
        assert_int_equal(blocks[i][size - 1], i & 0x7f);
    }
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        give(&heap, PAB_DOMAIN_OBJ, blocks[i]);
    }
    assert_int_equal(heap.backend->counter(&heap), before);
    pab_heap_close(&heap);
}

static void test_domains_by_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_pymalloc_profile_count(); i++) {
        const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_at(i);
        char text[64];
        snprintf(text, sizeof(text), "pymalloc:profile=%s+system", profile->name);
        struct pab_heap heap;
        open_heap(&heap, text);
        bool mem_is_raw = heap.domain[PAB_DOMAIN_MEM].malloc == heap.domain[PAB_DOMAIN_RAW].malloc;
        assert_int_equal(mem_is_raw, strcmp(profile->name, "2.7") == 0);
        uint64_t before = heap.backend->counter(&heap);
        char *mem = take(&heap, PAB_DOMAIN_MEM, 48);
        char *obj = take(&heap, PAB_DOMAIN_OBJ, 48);
        char *raw = take(&heap, PAB_DOMAIN_RAW, 48);
        assert_int_equal(heap.backend->counter(&heap) - before, mem_is_raw ? 1 : 2);
        assert_int_equal(obj - mem == 48, !mem_is_raw); /* mem and obj share their pools */
        give(&heap, PAB_DOMAIN_MEM, mem);
        give(&heap, PAB_DOMAIN_OBJ, obj);
        give(&heap, PAB_DOMAIN_RAW, raw);
        pab_heap_close(&heap);
    }
}

/* A block of no bytes comes from the raw domain: the pool's free block is left to the next byte
 * that is asked for. CPython must be asked for the same, or it would do less than it does. */
static void expect_no_bytes_from_pools(const char *spec)
{
    struct pab_heap heap;
    open_heap(&heap, spec);
    struct pab_alloc *mem = &heap.domain[PAB_DOMAIN_MEM];
    char *keeps_the_pool = take(&heap, PAB_DOMAIN_MEM, 1);
    char *block = take(&heap, PAB_DOMAIN_MEM, 64);
    char *next = take(&heap, PAB_DOMAIN_MEM, 1);
    give(&heap, PAB_DOMAIN_MEM, next);
    char *shrunk = mem->realloc(mem->ctx, block, 0);
    char *none = take(&heap, PAB_DOMAIN_MEM, 0);
    char *cleared = mem->calloc(mem->ctx, 0, 8);
    assert_true(shrunk != NULL && shrunk != next && none != next && cleared != next);
    assert_ptr_equal(take(&heap, PAB_DOMAIN_MEM, 1), next);
    give(&heap, PAB_DOMAIN_MEM, next);
    give(&heap, PAB_DOMAIN_MEM, cleared);
    give(&heap, PAB_DOMAIN_MEM, none);
    give(&heap, PAB_DOMAIN_MEM, shrunk);
    give(&heap, PAB_DOMAIN_MEM, keeps_the_pool);
    pab_heap_close(&heap);
}

static void test_no_bytes_are_raw(void **state)
{
    (void)state;
    expect_no_bytes_from_pools("pymalloc");
    expect_no_bytes_from_pools("libpython");
}

static void test_plain_spec_is_3_11_over_system(void **state)
{
    (void)state;
    struct pab_heap heap;
    struct pab_identity identity;
    struct pab_error err = {0};
    open_heap(&heap, "pymalloc");
    assert_int_equal(pab_heap_identify(&heap, &identity, &err), PAB_OK);
    assert_non_null(strstr(identity.version, "3.11"));
    assert_string_equal(identity.settings,
                        "align=16 threshold=512 pool=16384 arena=1048576 tail=keep "
                        "hugepages=off release=lazy mem=pymalloc raw=system");
    pab_heap_close(&heap);
}

static void test_keys_override_the_profile(void **state)
{
    (void)state;
    struct pab_heap heap;
    struct pab_identity identity = {0};
    struct pab_error err = {0};
    open_heap(&heap, "pymalloc:align=8:pool=8K:arena=128K:threshold=256:tail=release:"
                     "hugepages=advise:release=eager:profile=3.12");
    assert_int_equal(heap.backend->probe(&heap, &identity, &err), PAB_OK);
    assert_string_equal(identity.settings,
                        "align=8 threshold=256 pool=8192 arena=131072 tail=release "
                        "hugepages=advise release=eager mem=pymalloc raw=system");
    pab_heap_close(&heap);
}

static void test_values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "pymalloc:pool=1K",              /* no room for two blocks of 512 */
        "pymalloc:pool=64K:arena=32K",   /* an arena holds no pool */
        "pymalloc:profile=3.9:arena=2K", /* below the least */
        "pymalloc:profile=3.5",          /* not one of them */
        "pymalloc:align=8:threshold=1K", /* above the most */
        "pymalloc:tail=sometimes",       /* not a choice */
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct pab_error err = {0};
        struct pab_spec *spec = NULL;
        assert_int_equal(pab_spec_parse(texts[i], &spec, &err), PAB_USAGE);
        assert_true(err.text[0] != '\0');
    }
}

struct visited {
    size_t count;
    uint64_t arenas_now, blocks;
};

static void visit(void *arg, const char *name, uint64_t value)
{
    struct visited *seen = arg;
    seen->count++;
    if (strcmp(name, "arenas_now") == 0) {
        seen->arenas_now = value;
    } else if (strcmp(name, "blocks") == 0) {
        seen->blocks = value;
    }
}

static void test_stats_visit_what_the_heap_holds(void **state)
{
    (void)state;
    struct pab_heap heap;
    struct visited seen = {0};
    open_heap(&heap, "pymalloc");
    char *block = take(&heap, PAB_DOMAIN_OBJ, 100);
    heap.backend->stats(&heap, visit, &seen);
    assert_int_equal(seen.count, 14);
    assert_int_equal(seen.arenas_now, 1);
    assert_int_equal(seen.blocks, 1);
    give(&heap, PAB_DOMAIN_OBJ, block);
    pab_heap_close(&heap);
}

/* Released arenas are reused last in, first out. What was given back by then reads as zero. */
static void recycle_arenas(const char *spec, bool last_is_zeroed, bool older_is_zeroed)
{
    struct pab_heap heap;
    open_heap(&heap, spec);
    char *block[3 * 4 * 7]; /* 3 arenas of 4 pools of 7 blocks */
    for (size_t i = 0; i < ARRAY_COUNT(block); i++) {
        block[i] = take(&heap, PAB_DOMAIN_OBJ, 512);
        memset(block[i], 0x5a, 512);
    }
    for (size_t arena = 0; arena < 3; arena++) {
        assert_int_equal((uintptr_t)block[arena * 28] % (16 << 10), 48);
    }
    for (size_t i = 0; i < 56; i++) { /* the first two arenas, in this order */
        give(&heap, PAB_DOMAIN_OBJ, block[i]);
    }
    char *again = take(&heap, PAB_DOMAIN_OBJ, 512);
    assert_ptr_equal(again, block[28]);
    assert_int_equal(again[100], last_is_zeroed ? 0 : 0x5a);
    for (size_t i = 1; i < 28; i++) {
        take(&heap, PAB_DOMAIN_OBJ, 512);
    }
    char *older = take(&heap, PAB_DOMAIN_OBJ, 512);
    assert_ptr_equal(older, block[0]);
    assert_int_equal(older[100], older_is_zeroed ? 0 : 0x5a);
    pab_heap_close(&heap);
}

static void test_own_arenas_are_aligned_and_recycled(void **state)
{
    (void)state;
    recycle_arenas("pymalloc:tail=release:pool=4K:arena=16K", false, true);
    recycle_arenas("pymalloc:tail=release:pool=4K:arena=16K:release=eager", true, true);
    recycle_arenas("pymalloc:tail=release:pool=4K:arena=16K:release=never", false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level_says_where_the_one_below_sits),
        cmocka_unit_test(test_arenas_of_another_allocator),
        cmocka_unit_test(test_domains_by_profile),
        cmocka_unit_test(test_no_bytes_are_raw),
        cmocka_unit_test(test_plain_spec_is_3_11_over_system),
        cmocka_unit_test(test_keys_override_the_profile),
        cmocka_unit_test(test_values_that_do_not_fit_are_refused),
        cmocka_unit_test(test_stats_visit_what_the_heap_holds),
        cmocka_unit_test(test_own_arenas_are_aligned_and_recycled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
