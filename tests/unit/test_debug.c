/* The debug hooks, byte by byte as drawn in decorate/debug.h. What they say of broken blocks is
 * compared with CPython's own words in tests/differential/debug_hooks.c. */
#include "allocators/decorate/debug.h"
#include "allocators/decorate/faulty.h"
#include "allocators/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pab_heap heap;

static const struct pab_alloc *open_heap(const char *text, enum pab_domain domain)
{
    struct pab_spec *spec = NULL;
    struct pab_error err = {0};
    if (pab_spec_parse(text, &spec, &err) != PAB_OK || pab_heap_open(&heap, spec, &err) != PAB_OK) {
        fail_msg("'%s': %s", text, err.text);
    }
    pab_spec_destroy(spec);
    return &heap.domain[domain];
}

static void expect_bytes(const void *at, const char *hex)
{
    const unsigned char *bytes = at;
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        char text[3];
        snprintf(text, sizeof(text), "%02x", bytes[i]);
        if (memcmp(text, hex + 2 * i, 2) != 0) {
            fail_msg("byte %zu of %s is %s", i, hex, text);
        }
    }
}

static void a_block_and_its_pads(void **state)
{
    (void)state;
    const struct pab_alloc *mem = open_heap("pymalloc:hooks=debug", PAB_DOMAIN_MEM);
    unsigned char *p = mem->malloc(mem->ctx, 3);
    expect_bytes(p - 16, "00000000000000036dfdfdfdfdfdfdfd"
                         "cdcdcd"
                         "fdfdfdfdfdfdfdfd");
    assert_int_equal((uintptr_t)p % 16, 0);
    assert_int_equal(mem->usable_size(mem->ctx, p), 3);
    p[0] = 'a';
    p[1] = 'b';
    p[2] = 'c';
    p = mem->realloc(mem->ctx, p, 5);
    expect_bytes(p - 16, "00000000000000056dfdfdfdfdfdfdfd"
                         "616263cdcd"
                         "fdfdfdfdfdfdfdfd");
    p = mem->realloc(mem->ctx, p, 1);
    expect_bytes(p - 16, "00000000000000016dfdfdfdfdfdfdfd"
                         "61"
                         "fdfdfdfdfdfdfdfd");
    mem->free(mem->ctx, p);
    expect_bytes(p - 8, "dddddddddddddddddddddddddddddddddd"); /* before it: pymalloc's link */
    p = mem->calloc(mem->ctx, 2, 2);
    expect_bytes(p - 16, "00000000000000046dfdfdfdfdfdfdfd"
                         "00000000"
                         "fdfdfdfdfdfdfdfd");
    mem->free(mem->ctx, p);
    pab_heap_close(&heap);
}

static void each_domain_has_its_letter(void **state)
{
    (void)state;
    static const char letters[PAB_DOMAIN_COUNT] = {'r', 'm', 'o'};
    static const char *const specs[] = {"system:hooks=debug", "pymalloc:hooks=debug",
                                        "pymalloc:profile=2.7:hooks=debug"};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        open_heap(specs[i], PAB_DOMAIN_RAW);
        for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
            const struct pab_alloc *table = &heap.domain[domain];
            unsigned char *p = table->malloc(table->ctx, 0);
            assert_int_equal(p[-8], letters[domain]);
            assert_int_equal(p[-16 + 7], 0);
            assert_int_equal(table->usable_size(table->ctx, p), 0);
            table->free(table->ctx, p);
            table->free(table->ctx, NULL);
        }
        pab_heap_close(&heap);
    }
}

/* What pools do not serve goes to the raw domain, which has hooks of its own: 24 bytes twice. */
static void large_blocks_are_hooked_twice(void **state)
{
    (void)state;
    const struct pab_alloc *obj = open_heap("pymalloc:hooks=debug", PAB_DOMAIN_OBJ);
    unsigned char *p = obj->malloc(obj->ctx, 489);
    expect_bytes(p - 32, "000000000000020172fdfdfdfdfdfdfd" /* 489 + 24 = 0x201 */
                         "00000000000001e96ffdfdfdfdfdfdfd");
    expect_bytes(p + 489, "fdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfd");
    obj->free(obj->ctx, p);
    const struct pab_alloc *raw = &heap.domain[PAB_DOMAIN_RAW];
    p = raw->malloc(raw->ctx, 1000);
    expect_bytes(p - 16, "00000000000003e872fdfdfdfdfdfdfd");
    raw->free(raw->ctx, p);
    pab_heap_close(&heap);
}

/* Up to 3.7 every call that gives a block is numbered, over all domains; an inner one first. */
static void older_blocks_are_numbered(void **state)
{
    (void)state;
    const struct pab_alloc *obj = open_heap("pymalloc:profile=3.6:hooks=debug", PAB_DOMAIN_OBJ);
    const struct pab_alloc *raw = &heap.domain[PAB_DOMAIN_RAW];
    uint64_t base = *heap.hooks->serial;
    unsigned char *p = obj->malloc(obj->ctx, 1); /* makes an arena, whose table is raw blocks */
    base = *heap.hooks->serial - base;
    expect_bytes(p - 16, "00000000000000016ffbfbfbfbfbfbfb"
                         "cb"
                         "fbfbfbfbfbfbfbfb");
    assert_int_equal(p[1 + 15], base);
    unsigned char *large = obj->malloc(obj->ctx, 1000);
    assert_int_equal(large[1000 + 15], base + 2);
    assert_int_equal(large[1000 + 16 + 15], base + 1);
    unsigned char *q = raw->calloc(raw->ctx, 1, 1);
    assert_int_equal(q[1 + 15], base + 3);
    assert_null(obj->malloc(obj->ctx, (size_t)PTRDIFF_MAX - 31));
    q = raw->realloc(raw->ctx, q, 2);
    assert_int_equal(q[2 + 15], base + 4);
    raw->free(raw->ctx, q);
    obj->free(obj->ctx, large);
    obj->free(obj->ctx, p);
    expect_bytes(p - 8, "dbdbdbdbdbdbdbdbdb");
    pab_heap_close(&heap);
}

static void styles_of_releases(void **state)
{
    (void)state;
    static const struct {
        const char *release;
        unsigned clean;
        bool has_serial, names_function;
    } known[] = {{"2.7", 0xcb, true, false},  {"3.6", 0xcb, true, false},
                 {"3.7", 0xcd, true, false},  {"3.8", 0xcd, false, false},
                 {"3.9", 0xcd, false, true},  {"3.10", 0xcd, false, true},
                 {"3.15", 0xcd, false, true}, {NULL, 0xcd, false, true}};
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        const struct pab_debug_style *style = pab_debug_style_of(known[i].release);
        assert_int_equal(style->clean, known[i].clean);
        assert_int_equal(style->has_serial, known[i].has_serial);
        assert_int_equal(style->names_function, known[i].names_function);
    }
}

/* 64 bytes of each end are saved while the block is resized; the ends of the old one die. */
static void realloc_keeps_the_data(void **state)
{
    (void)state;
    const struct pab_alloc *mem = open_heap("system:hooks=debug", PAB_DOMAIN_MEM);
    for (size_t old_size = 0; old_size < 300; old_size += 7) {
        for (size_t size = 0; size < 300; size += 11) {
            unsigned char *p = mem->malloc(mem->ctx, old_size);
            for (size_t i = 0; i < old_size; i++) {
                p[i] = (unsigned char)(i + 1);
            }
            p = mem->realloc(mem->ctx, p, size);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(p[i], i < old_size ? (unsigned char)(i + 1) : 0xcd);
            }
            expect_bytes(p + size, "fdfdfdfdfdfdfdfd");
            mem->free(mem->ctx, p);
        }
    }
    pab_heap_close(&heap);
}

static void failures_leave_the_block(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 5, 128, 129, 400};
    open_heap("system", PAB_DOMAIN_RAW);
    static struct pab_faulty faulty;
    static struct pab_debug debug;
    pab_faulty_attach(&faulty, &heap);
    pab_debug_attach(&debug, &heap, pab_debug_style_of("3.7"));
    const struct pab_alloc *raw = &heap.domain[PAB_DOMAIN_RAW];
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        unsigned char before[16 + 400 + 16];
        size_t total = 16 + sizes[i] + 16;
        unsigned char *p = raw->malloc(raw->ctx, sizes[i]);
        memset(p, 0x31, sizes[i]);
        memcpy(before, p - 16, total);
        pab_faulty_arm(&faulty, 0, PAB_FAULT_LASTING);
        assert_null(raw->realloc(raw->ctx, p, 1000));
        assert_null(raw->realloc(raw->ctx, p, 1));
        assert_null(raw->realloc(raw->ctx, p, (size_t)PTRDIFF_MAX));
        assert_null(raw->realloc(raw->ctx, NULL, 1));
        assert_null(raw->malloc(raw->ctx, 1));
        assert_null(raw->calloc(raw->ctx, 1, 1));
        assert_null(raw->malloc(raw->ctx, (size_t)PTRDIFF_MAX - 31));
        assert_null(raw->calloc(raw->ctx, 1, (size_t)PTRDIFF_MAX - 31));
        assert_int_equal(faulty.failed, 5); /* what cannot be is not even asked for */
        pab_faulty_arm(&faulty, 0, PAB_FAULT_NONE);
        assert_memory_equal(before, p - 16, total);
        raw->free(raw->ctx, p);
    }
    pab_debug_detach(&debug);
    pab_faulty_detach(&faulty);
    pab_heap_close(&heap);
}

static void detaching_puts_the_tables_back(void **state)
{
    (void)state;
    open_heap("system", PAB_DOMAIN_RAW);
    struct pab_alloc before[PAB_DOMAIN_COUNT];
    memcpy(before, heap.domain, sizeof(before));
    static struct pab_debug debug;
    pab_debug_attach(&debug, &heap, pab_debug_style_of(NULL));
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        assert_ptr_not_equal(heap.domain[domain].ctx, before[domain].ctx);
    }
    pab_debug_detach(&debug);
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        assert_ptr_equal(heap.domain[domain].ctx, before[domain].ctx);
        assert_true(heap.domain[domain].malloc == before[domain].malloc);
        assert_true(heap.domain[domain].usable_size == before[domain].usable_size);
    }
    pab_heap_close(&heap);
}

/* The proof is taken below the hooks: the very same for one that has them. */
static void hooked_heaps_prove_who_they_are(void **state)
{
    (void)state;
    static const char *const specs[] = {"system:hooks=debug", "pymalloc:hooks=debug",
                                        "null:hooks=debug"};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct pab_identity identity;
        struct pab_error err = {0};
        open_heap(specs[i], PAB_DOMAIN_OBJ);
        uint64_t serial = *heap.hooks->serial;
        assert_int_equal(pab_heap_identify(&heap, &identity, &err), PAB_OK);
        if (heap.raw == NULL) { /* else pymalloc has taken tables of its own from it */
            assert_int_equal(*heap.hooks->serial, serial);
        }
        pab_heap_close(&heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_and_its_pads),
        cmocka_unit_test(each_domain_has_its_letter),
        cmocka_unit_test(large_blocks_are_hooked_twice),
        cmocka_unit_test(older_blocks_are_numbered),
        cmocka_unit_test(styles_of_releases),
        cmocka_unit_test(realloc_keeps_the_data),
        cmocka_unit_test(failures_leave_the_block),
        cmocka_unit_test(detaching_puts_the_tables_back),
        cmocka_unit_test(hooked_heaps_prove_who_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
