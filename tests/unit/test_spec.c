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
    expect_error("pymalloc:poll", "no key 'poll'");
    expect_error("pymalloc:pool=4Q", "'4Q' is no number");
    expect_error("pymalloc:pool=-4", "is no number");
    expect_error("pymalloc:pool=99999999999999999999", "is no number");
    expect_error("pymalloc:pool=5000", "5000 is not a power of two");
    expect_error("pymalloc:pool=3K", "3K is not a power of two");
    expect_error("pymalloc:pool=512K", "pymalloc:pool=512K is outside 1K..256K");
    expect_error("pymalloc:threshold=8", "is outside 16..512");
    expect_error("pymalloc:tail=perhaps", "keep|release");
    expect_error("pymalloc:tail=", "keep|release");
    expect_error("pymalloc:profile=3.1", "cannot be '3.1'");
    expect_error("pymalloc:tail=keep:tail=keep", "twice");
    expect_error("pymalloc+null", "cannot stand below");
    expect_error("pymalloc+pymalloc", "cannot stand below");
    expect_error("jemalloc+system", "stands on no other");
    expect_error("pymalloc+jemaloc", "did you mean 'jemalloc'");
    expect_error("library", "needs a file");
    expect_error("system:x=1", "its keys: hooks, gc, gc.threshold0, gc.threshold1, gc.threshold2");
    expect_error("pymalloc:pol=4K", "level, hooks, gc, gc.threshold0");
    char endless[2 * PAB_SPEC_MAX];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    expect_error(endless, "longer than");
}

static void common_keys_parse(void **state)
{
    (void)state;
    struct pab_spec *spec = parse("pymalloc:hooks=debug:gc.threshold0=2K:gc=off+jemalloc");
    assert_true(pab_spec_is(spec, "hooks", "debug"));
    assert_true(pab_spec_is(spec, "gc", "off"));
    assert_false(pab_spec_is(spec, "gc", "on"));
    assert_false(pab_spec_is(spec, "profile", "3.11"));
    assert_int_equal(pab_spec_get(spec, "gc.threshold0")->number, 2048);
    pab_spec_destroy(spec);
    spec = parse("library:./a.so:hooks=none:gc.threshold1=0:gc.threshold2=2147483647");
    assert_string_equal(pab_spec_get(spec, "path")->text, "./a.so");
    assert_int_equal(pab_spec_get(spec, "gc.threshold2")->number, 2147483647);
    pab_spec_destroy(spec);
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_key *own = pab_backend_at(i)->keys;
        for (; own != NULL && own->name != NULL; own++) {
            const struct pab_key *common = pab_spec_common_keys();
            for (; common->name != NULL; common++) {
                assert_string_not_equal(own->name, common->name);
            }
        }
    }
}

/* The most words that a spec can have: every key of the backend with most of them. */
static void every_key_at_once(void **state)
{
    (void)state;
    struct pab_spec *spec =
        parse("pymalloc:profile=3.9:align=16:pool=4K:arena=256K:threshold=512:tail=keep:"
              "hugepages=off:release=lazy:hooks=none:gc=on:gc.threshold0=1:gc.threshold1=2:"
              "gc.threshold2=3:slow=0:leak=0");
    assert_int_equal(spec->value_count, 15);
    pab_spec_destroy(spec);
}

static void mistakes_with_common_keys(void **state)
{
    (void)state;
    expect_error("system:hooks=on", "system:hooks cannot be 'on'; it is one of none|debug");
    expect_error("system:hooks", "hooks needs a value: system:hooks=none");
    expect_error("system:gc=no", "on|off");
    expect_error("system:gc=", "on|off");
    expect_error("system:gc.threshold0=-1", "system:gc.threshold0: '-1' is no whole number");
    expect_error("system:gc.threshold0=", "is no whole number");
    expect_error("system:gc.threshold0=2147483648", "is outside 0..2147483647");
    expect_error("system:slow=fast", "system:slow: 'fast' is no whole number");
    expect_error("system:leak=-1", "system:leak: '-1' is no whole number");
    expect_error("system:slow=2147483648", "is outside 0..2147483647");
    expect_error("pymalloc+system:leak=9", "leak=9 belongs before the '+'");
    expect_error("cpython:slow=0", "libpython:slow=N");
    expect_error("cpython:leak=10", "libpython:leak=N");
    expect_error("system:gc.threshold3=1", "no key 'gc.threshold3'");
    expect_error("system:gc=on:gc=off", "twice");
    expect_error("pymalloc+jemalloc:hooks=debug",
                 "hooks=debug belongs before the '+': pymalloc:hooks=debug+jemalloc");
    expect_error("pymalloc+system:gc=off", "pymalloc:gc=off+system");
}

static void keys_without_a_value(void **state)
{
    (void)state;
    expect_error("pymalloc:pool", "pool needs a value: pymalloc:pool=4K");
    expect_error("pymalloc:align", "pymalloc:align=16");
    expect_error("pymalloc:gc.threshold0", "needs a value: pymalloc:gc.threshold0=1000");
    expect_error("pymalloc:tail", "tail needs a value: pymalloc:tail=keep");
    expect_error("library:./mine.so:attach", "library:attach=dlopen");
    expect_error("libpython:path", "libpython:path=FILE");
}

static void the_nearest_word_is_named(void **state)
{
    (void)state;
    expect_error("system:hook=debug", "no key 'hook' (did you mean 'hooks'?); its keys: hooks, gc");
    expect_error("system:hooks=debg", "cannot be 'debg' (did you mean 'debug'?); it is one of ");
    expect_error("pymalloc:treshold=64", "no key 'treshold' (did you mean 'threshold'?)");
    expect_error("pymalloc:tail=kep", "(did you mean 'keep'?)");
    expect_error("system:threshold0=9", "(did you mean 'gc.threshold0'?)");
    /* as near to three keys, or to several releases; and what is no typing error */
    expect_error("system:gc.threshold3=1", "no key 'gc.threshold3'; its keys: ");
    expect_error("pymalloc:profile=3.1", "cannot be '3.1'; it is one of ");
    expect_error("system:hooks=true", "cannot be 'true'; it is one of ");
}

static void other_names_of_backends(void **state)
{
    (void)state;
    static const char *const system_names[] = {"malloc", "glibc", "libc", "ptmalloc"};
    for (size_t i = 0; i < ARRAY_COUNT(system_names); i++) {
        expect_error(system_names[i], "did you mean 'system'?");
    }
    expect_error("pymalloc+glibc", "did you mean 'system'?");
    expect_error("tcmalloc_minimal", "did you mean 'tcmalloc'?");
    expect_error("libjemalloc", "did you mean 'jemalloc'?");
    expect_error("./mine.so", "did you mean 'library:./mine.so'?");
    expect_error("mine.so", "did you mean 'library:mine.so'?");
    expect_error("/opt/mine", "did you mean 'library:/opt/mine'?");
    expect_error("./libfoo++.so", "did you mean 'library:./libfoo++.so'?");
    expect_error("pymalloc+./mine.so", "did you mean 'pymalloc+library:./mine.so'?");
}

/* By the boundaries of RFC 3629, section 4. */
static void only_utf8_parses(void **state)
{
    (void)state;
    static const char *const good[] = {"\x7F",         "\xC2\x80",         "\xDF\xBF",
                                       "\xE0\xA0\x80", "\xED\x9F\xBF",     "\xEE\x80\x80",
                                       "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    char text[32];
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        snprintf(text, sizeof(text), "library:./%s.so", good[i]);
        pab_spec_destroy(parse(text));
    }
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\xC2\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xE2\x82",
                                      "\xF0\x90\x80",
                                      "\xF8\x88\x80",
                                      "\xFF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        snprintf(text, sizeof(text), "library:./a%s", bad[i]);
        expect_error(text, "is not UTF-8 behind 'library:./a'");
    }
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

static void sizes_are_written_as_they_parse(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0"},
                 {8, "8"},
                 {1000, "1000"},
                 {1025, "1025"},
                 {1 << 10, "1K"},
                 {1536 << 10, "1536K"},
                 {1u << 30, "1G"},
                 {5ull << 40, "5T"},
                 {1ull << 50, "1024T"},
                 {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        char text[24];
        uint64_t back = 77;
        pab_size_format(sizes[i].bytes, text, sizeof(text));
        assert_string_equal(text, sizes[i].text);
        assert_int_equal(pab_size_parse(text, "x", &back, NULL), PAB_OK);
        assert_int_equal(back, sizes[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_parse),
        cmocka_unit_test(keys_and_raw_parse),
        cmocka_unit_test(files_parse),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(common_keys_parse),
        cmocka_unit_test(every_key_at_once),
        cmocka_unit_test(mistakes_with_common_keys),
        cmocka_unit_test(keys_without_a_value),
        cmocka_unit_test(the_nearest_word_is_named),
        cmocka_unit_test(other_names_of_backends),
        cmocka_unit_test(only_utf8_parses),
        cmocka_unit_test(sizes_parse),
        cmocka_unit_test(sizes_are_written_as_they_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
