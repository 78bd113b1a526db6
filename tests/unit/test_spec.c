/* Backend specs: what parses, and what each mistake says. */
#include "allocators/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_error(const char *text, const char *part)
{
    struct pab_spec *spec = NULL;
    struct pab_error err = {0};
    assert_int_equal(pab_spec_parse(text, &spec, &err), PAB_USAGE);
    assert_null(spec);
    if (strstr(err.text, part) == NULL) {
        fail_msg("'%s' said '%s', without '%s'", text, err.text, part);
    }
    assert_null(strchr(err.text, '\n'));
}

static struct pab_spec *parse(const char *text)
{
    struct pab_spec *spec = NULL;
    struct pab_error err = {0};
    if (pab_spec_parse(text, &spec, &err) != PAB_OK) {
        fail_msg("'%s': %s", text, err.text);
    }
    assert_string_equal(spec->id, text);
    return spec;
}

static void plain_names_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_backend *backend = pab_backend_at(i);
        if (strcmp(backend->name, "library") != 0) {
            struct pab_spec *spec = parse(backend->name);
            assert_ptr_equal(spec->backend, backend);
            assert_null(spec->raw);
            pab_spec_destroy(spec);
        }
    }
}

static void keys_and_raw_parse(void **state)
{
    (void)state;
    struct pab_spec *spec = parse("pymalloc:profile=3.9:arena=512K:tail=release+jemalloc");
    assert_int_equal(spec->value_count, 3);
    assert_string_equal(pab_spec_get(spec, "profile")->text, "3.9");
    assert_int_equal(pab_spec_get(spec, "arena")->number, 512 << 10);
    assert_null(pab_spec_get(spec, "pool"));
    assert_string_equal(spec->raw->backend->name, "jemalloc");
    pab_spec_destroy(spec);
}

static void files_parse(void **state)
{
    (void)state;
    struct pab_spec *spec = parse("library:./libfoo++.so:attach=preload");
    assert_string_equal(pab_spec_get(spec, "path")->text, "./libfoo++.so");
    assert_null(spec->raw);
    pab_spec_destroy(spec);
    spec = parse("pymalloc+library:/opt/a.so");
    assert_string_equal(pab_spec_get(spec->raw, "path")->text, "/opt/a.so");
    pab_spec_destroy(spec);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    expect_error("", "missing");
    expect_error("jemaloc", "did you mean 'jemalloc'");
    expect_error("zzzzzzzzzzzz", "list backends");
    expect_error("pymalloc:pol=4K", "no key 'pol'");
    expect_error("pymalloc:pool", "no key 'pool'");
    expect_error("pymalloc:pool=4Q", "'4Q' is no size");
    expect_error("pymalloc:pool=-4", "is no size");
    expect_error("pymalloc:pool=99999999999999999999", "is no size");
    expect_error("pymalloc:pool=5000", "not a power of two");
    expect_error("pymalloc:tail=perhaps", "keep|release");
    expect_error("pymalloc:tail=", "keep|release");
    expect_error("pymalloc:profile=3.1", "cannot be '3.1'");
    expect_error("pymalloc:tail=keep:tail=keep", "twice");
    expect_error("pymalloc+null", "cannot stand below");
    expect_error("pymalloc+pymalloc", "cannot stand below");
    expect_error("jemalloc+system", "stands on no other");
    expect_error("pymalloc+jemaloc", "did you mean 'jemalloc'");
    expect_error("library", "needs a file");
    expect_error("system:x=1", "its keys: none");
    char endless[2 * PAB_SPEC_MAX];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    expect_error(endless, "longer than");
}

static void sizes_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},           {"1", 1},
                {"4K", 4096},       {"4k", 4096},
                {"2M", 2 << 20},    {"1G", 1u << 30},
                {"3T", 3ull << 40}, {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        uint64_t bytes = 77;
        assert_int_equal(pab_size_parse(good[i].text, "x", &bytes, NULL), PAB_OK);
        assert_int_equal(bytes, good[i].bytes);
    }
    static const char *const bad[] = {"", "K", "4KB", " 4", "4 ", "-1", "0x10", "20000000T", "1e3"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        uint64_t bytes = 77;
        assert_int_equal(pab_size_parse(bad[i], "x", &bytes, NULL), PAB_USAGE);
        assert_int_equal(bytes, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_parse), cmocka_unit_test(keys_and_raw_parse),
        cmocka_unit_test(files_parse),       cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(sizes_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
