/* The collector's settings: what specs ask for, and which row of a document they are held to. */
#include "harness/collector.h"
#include "harness/compare/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pab_spec *parse(const char *text)
{
    struct pab_spec *spec = NULL;
    struct pab_error err = {0};
    if (pab_spec_parse(text, &spec, &err) != PAB_OK) {
        fail_msg("'%s': %s", text, err.text);
    }
    return spec;
}

static void expect_text(const char *spec_text, const char *wanted)
{
    struct pab_spec *spec = parse(spec_text);
    struct pab_gc_options options = pab_gc_options_of(spec);
    char text[PAB_GC_TEXT_MAX];
    pab_gc_options_format(&options, text);
    assert_string_equal(text, wanted);
    pab_spec_destroy(spec);
}

static void specs_say_settings(void **state)
{
    (void)state;
    expect_text("system", "700,10,10");
    expect_text("system:gc=on", "700,10,10");
    expect_text("system:gc=off:gc.threshold0=5", "off");
    expect_text("system:gc.threshold0=0:gc.threshold1=3:gc.threshold2=2147483647",
                "0,3,2147483647");
    expect_text("pymalloc:profile=2.7", "700,10,10");
    expect_text("pymalloc:profile=3.9", "700,10,10");
    expect_text("pymalloc:profile=3.12", "700,10,10");
    expect_text("pymalloc:profile=3.13", "2000,10,10");
    expect_text("pymalloc:profile=3.15", "2000,10,10");
    expect_text("pymalloc:gc.threshold0=700:profile=3.14", "700,10,10");
}

/* The settings that the demand pass runs under are those of the variant. */
static void demand_runs_under_the_same(void **state)
{
    (void)state;
    static const char *const specs[] = {"system", "system:gc=off",
                                        "pymalloc:profile=3.14:gc.threshold1=1",
                                        "system:gc.threshold0=2147483647"};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct pab_error err = {0};
        struct pab_spec *spec = parse(specs[i]);
        struct pab_gc_options options = pab_gc_options_of(spec);
        struct pab_spec *demand = pab_gc_demand_spec(&options, &err);
        assert_non_null(demand);
        char wanted[PAB_GC_TEXT_MAX];
        pab_gc_options_format(&options, wanted);
        expect_text(demand->id, wanted);
        pab_spec_destroy(demand);
        pab_spec_destroy(spec);
    }
}

static void variants_of_a_plan(void **state)
{
    (void)state;
    struct pab_plan plan;
    struct pab_error err = {0};
    struct pab_request request = {
        .backends = "system,null:gc=off,pymalloc:profile=3.13,system:hooks=debug,"
                    "system:gc.threshold0=2000,pymalloc:gc=off:gc.threshold0=1",
        .baseline = "pymalloc:profile=3.13",
    };
    assert_int_equal(pab_plan_make(&plan, &request, &err), PAB_OK);
    struct pab_gc_variants variants;
    pab_gc_variants_find(&variants, &plan);
    static const size_t wanted[] = {1, 2, 0, 1, 0, 2};
    assert_int_equal(variants.count, 3);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        assert_int_equal(variants.of_spec[i], wanted[i]);
    }
    pab_plan_fini(&plan);
}

static void rows_are_found_by_settings(void **state)
{
    (void)state;
    json_t *old_backend = json_pack("{s:s}", "id", "system");
    json_t *usual = json_pack("{s:s}", "gc", "700,10,10");
    json_t *off = json_pack("{s:s}", "gc", "off");
    json_t *other = json_pack("{s:s}", "gc", "5,5,5");
    json_t *old_workload = json_pack("{s:s}", "checksum", "aa");
    json_t *workload = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "checksum", "aa", "gc", "700,10,10",
                                 "variants", "gc", "off", "checksum", "bb");
    assert_ptr_equal(pab_variant_for(old_workload, old_backend), old_workload);
    assert_ptr_equal(pab_variant_for(workload, usual), workload);
    const json_t *variant = pab_variant_for(workload, off);
    assert_string_equal(json_string_value(json_object_get(variant, "checksum")), "bb");
    assert_null(pab_variant_for(workload, other));
    json_decref(old_backend);
    json_decref(usual);
    json_decref(off);
    json_decref(other);
    json_decref(old_workload);
    json_decref(workload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_say_settings),
        cmocka_unit_test(demand_runs_under_the_same),
        cmocka_unit_test(variants_of_a_plan),
        cmocka_unit_test(rows_are_found_by_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
