/* Plans: what a request becomes, the order of rounds, and the way through the journal and back. */
#include "harness/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void make(struct pab_plan *plan, const struct pab_request *request)
{
    struct pab_error err = {0};
    if (pab_plan_make(plan, request, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
}

static void expect_error(const struct pab_request *request, const char *part)
{
    struct pab_plan plan;
    struct pab_error err = {0};
    assert_int_equal(pab_plan_make(&plan, request, &err), PAB_USAGE);
    if (strstr(err.text, part) == NULL) {
        fail_msg("said '%s', without '%s'", err.text, part);
    }
}

static void defaults(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){0});
    assert_string_equal(plan.preset->name, "default");
    assert_string_equal(plan.arms[plan.baseline].id, "system");
    size_t wanted = 0;
    for (size_t i = 0; i < pab_workload_count(); i++) {
        wanted += (pab_workload_at(i)->flags & PAB_WORKLOAD_DEFAULT) != 0;
    }
    assert_in_range(plan.workload_count, wanted, PAB_PLAN_WORKLOADS_MAX); /* and shipped traces */
    assert_true(wanted >= 4);
    assert_false(plan.arms[0].is_explicit);
    for (size_t i = 0; i < plan.arm_count; i++) {
        assert_true((plan.arms[i].spec->backend->caps & PAB_CAP_DEFAULT) != 0);
    }
    pab_plan_fini(&plan);
}

static void requests_are_honoured(void **state)
{
    (void)state;
    struct pab_plan plan;
    struct pab_request request = {
        .backends = "null,system",
        .workloads = "*",
        .exclude = "s*,raw_random",
        .preset = "smoke",
        .passes = "memory",
        .baseline = "system",
        .rounds = 3,
        .seed = 99,
        .has_seed = true,
    };
    make(&plan, &request);
    assert_int_equal(plan.arm_count, 2);
    assert_int_equal(plan.baseline, 1);
    assert_true(plan.arms[1].is_explicit);
    assert_int_equal(plan.passes, 1u << pab_pass_index(&pab_pass_memory));
    assert_int_equal(plan.rounds, 3);
    assert_int_equal(plan.seed, 99);
    for (size_t i = 0; i < plan.workload_count; i++) {
        assert_int_not_equal(plan.workloads[i].workload->name[0], 's');
    }
    pab_plan_fini(&plan);
}

static size_t cells_of(const struct pab_plan *plan, const struct pab_pass *pass)
{
    static struct pab_cell cells[PAB_PLAN_CELLS_MAX];
    return pab_plan_round(plan, pass, 0, cells);
}

/* A workload for each number of threads; those backends that threads may call. */
static void threads_are_rows(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){.backends = "system,pymalloc,null",
                                      .workloads = "threads_gil,threads_i*,threads_larson,strings",
                                      .threads = "4,1"});
    static const struct {
        const char *id;
        uint64_t threads;
        uint32_t left_out; /* 1 << backend */
    } expected[] = {
        {"strings", 0, 0},
        {"threads_gil:threads=4", 4, 0},
        {"threads_gil:threads=1", 1, 0},
        {"threads_interpreters:threads=4", 4, 4},
        {"threads_interpreters:threads=1", 1, 4},
        {"threads_larson:threads=4", 4, 6},
        {"threads_larson:threads=1", 1, 6},
    };
    assert_int_equal(plan.workload_count, ARRAY_COUNT(expected));
    for (size_t i = 0; i < plan.workload_count; i++) {
        assert_string_equal(plan.workloads[i].id, expected[i].id);
        assert_int_equal(plan.left_out[i], expected[i].left_out);
        if (expected[i].threads > 0) {
            assert_int_equal(plan.workloads[i].params[0], expected[i].threads);
            assert_int_equal(plan.workloads[i].memory_params[0], expected[i].threads);
        }
    }
    size_t all = 3 + 2 * 3 + 2 * 2 + 2 * 1;
    assert_int_equal(cells_of(&plan, &pab_pass_time), all + 7); /* a control on each workload */
    assert_int_equal(cells_of(&plan, &pab_pass_memory), all);
    /* It follows one thread: those with four are not for it. */
    assert_int_equal(cells_of(&plan, pab_pass_find("instructions")), 3 + 3 + 2 + 1);
    json_t *json = pab_plan_to_json(&plan);
    struct pab_plan again;
    struct pab_error err;
    plan.passes = 1;
    assert_int_equal(pab_plan_from_json(&again, json, &err), PAB_OK);
    assert_string_equal(again.workloads[5].id, "threads_larson:threads=4");
    assert_memory_equal(again.left_out, plan.left_out, sizeof(plan.left_out));
    json_decref(json);
    pab_plan_fini(&again);
    pab_plan_fini(&plan);
}

/* Without -w: all that have threads, and no other. */
static void threads_choose_workloads(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){.backends = "system", .threads = "2"});
    assert_true(plan.workload_count > 0);
    for (size_t i = 0; i < plan.workload_count; i++) {
        assert_int_not_equal(plan.workloads[i].workload->threading, PAB_THREADING_NONE);
    }
    pab_plan_fini(&plan);
}

static void values_are_rows(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){.backends = "system",
                                      .workloads = "strings,raw_random",
                                      .params = {"*.live=2K,1000", "strings.hot=0,7"},
                                      .param_count = 2});
    static const char *const expected[] = {
        "strings:live=2048:hot=0", "strings:live=2048:hot=7", "strings:live=1000:hot=0",
        "strings:live=1000:hot=7", "raw_random:live=2048",    "raw_random:live=1000",
    };
    assert_int_equal(plan.workload_count, ARRAY_COUNT(expected));
    for (size_t i = 0; i < plan.workload_count; i++) {
        assert_string_equal(plan.workloads[i].id, expected[i]);
    }
    assert_int_equal(plan.workloads[3].params[0], 1000);
    assert_int_equal(plan.workloads[4].memory_params[0], 2048);
    pab_plan_fini(&plan);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    expect_error(&(struct pab_request){.threads = "0"}, "outside 1..64 threads");
    expect_error(&(struct pab_request){.threads = "2,2"}, "named twice");
    expect_error(&(struct pab_request){.threads = ","}, "empty");
    expect_error(&(struct pab_request){.threads = "2", .workloads = "strings"},
                 "none of these workloads has threads");
    expect_error(&(struct pab_request){.params = {"strings.live=100,1"}, .param_count = 1},
                 "outside");
    expect_error(&(struct pab_request){.backends = "system,system"}, "twice");
    expect_error(&(struct pab_request){.backends = ","}, "empty");
    expect_error(&(struct pab_request){.workloads = "string"}, "did you mean 'strings'");
    expect_error(&(struct pab_request){.exclude = "*"}, "leaves no workload");
    expect_error(&(struct pab_request){.preset = "quik"}, "did you mean 'quick'");
    expect_error(&(struct pab_request){.passes = "space"}, "time, memory");
    expect_error(&(struct pab_request){.baseline = "jemalloc", .backends = "system"}, "not among");
    static const struct {
        const char *param, *part;
    } params[] = {
        {"strings", "workload.parameter=value"}, {"strings.x", "workload.parameter=value"},
        {"strings.x=1", "no parameter 'x'"},     {"strngs.x=1", "did you mean 'strings'"},
        {"raw_random.live=5", "not part of"},    {"strings.live=4Q", "is no number"},
        {"strings.live=0", "outside"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(params); i++) {
        struct pab_request request = {.params = {params[i].param}, .param_count = 1};
        expect_error(&request, params[i].part);
    }
}

static void ages_are_rows(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){.workloads = "strings,small_ints", .ages = "0,25,90"});
    static const char *const ids[] = {"small_ints", "small_ints:age=25", "small_ints:age=90",
                                      "strings",    "strings:age=25",    "strings:age=90"};
    static const unsigned percents[] = {0, 25, 90};
    assert_int_equal(plan.workload_count, ARRAY_COUNT(ids));
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        assert_string_equal(plan.workloads[i].id, ids[i]);
        assert_int_equal(plan.workloads[i].age_percent, percents[i % 3]);
    }
    json_t *json = pab_plan_to_json(&plan);
    struct pab_plan read;
    struct pab_error err = {0};
    assert_int_equal(pab_plan_from_json(&read, json, &err), PAB_OK);
    assert_int_equal(read.workloads[2].age_percent, 90);
    assert_string_equal(read.workloads[2].id, ids[2]);
    json_decref(json);
    pab_plan_fini(&read);
    pab_plan_fini(&plan);
    expect_error(&(struct pab_request){.ages = "24"}, "outside 25..90");
    expect_error(&(struct pab_request){.ages = "91"}, "outside 25..90");
    expect_error(&(struct pab_request){.ages = "25,25"}, "named twice");
}

static void rounds_are_permutations(void **state)
{
    (void)state;
    struct pab_plan plan;
    make(&plan, &(struct pab_request){.backends = "system,null,pymalloc",
                                      .workloads = "small_ints,strings,list_growth,cyclic_graphs"});
    static struct pab_cell first[PAB_PLAN_CELLS_MAX];
    static struct pab_cell again[PAB_PLAN_CELLS_MAX];
    static struct pab_cell other[PAB_PLAN_CELLS_MAX];
    size_t count = pab_plan_round(&plan, &pab_pass_time, 1, first);
    assert_int_equal(count, 16); /* three backends and the control on four workloads */
    bool seen[64] = {false};
    for (size_t i = 0; i < count; i++) {
        size_t cell = first[i].workload * 4 + (first[i].is_control ? 3 : first[i].arm);
        assert_true(!first[i].is_control || first[i].arm == plan.baseline);
        assert_int_equal(first[i].workload, first[i - i % 4].workload); /* side by side */
        assert_false(seen[cell]);
        seen[cell] = true;
        assert_int_equal(first[i].position, i);
        assert_true(first[i].pad_bytes < 4096);
    }
    (void)pab_plan_round(&plan, &pab_pass_time, 1, again);
    assert_memory_equal(first, again, count * sizeof(first[0])); /* what --resume relies on */
    (void)pab_plan_round(&plan, &pab_pass_time, 2, other);
    size_t moved = 0;
    for (size_t i = 0; i < count; i++) {
        moved += first[i].workload != other[i].workload || first[i].arm != other[i].arm;
    }
    assert_true(moved > 3);
    pab_plan_fini(&plan);
}

static void json_round_trip(void **state)
{
    (void)state;
    struct pab_plan plan;
    struct pab_plan back;
    struct pab_error err = {0};
    struct pab_request request = {.backends = "pymalloc:profile=3.9+jemalloc,system",
                                  .baseline = "system",
                                  .preset = "quick",
                                  .timeout_s = 2.5};
    make(&plan, &request);
    plan.workloads[0].params[0] = plan.workloads[0].workload->params[0].min;
    json_t *json = pab_plan_to_json(&plan);
    assert_int_equal(pab_plan_from_json(&back, json, &err), PAB_OK);
    json_t *again = pab_plan_to_json(&back);
    assert_true(json_equal(json, again));
    assert_int_equal(back.baseline, 1);
    json_decref(again);
    pab_plan_fini(&back);

    static const char *const needed[] = {"backends", "workloads", "preset", "rounds", "passes"};
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        json_t *damaged = json_deep_copy(json);
        json_object_del(damaged, needed[i]);
        assert_int_equal(pab_plan_from_json(&back, damaged, &err), PAB_BAD_DATA);
        json_decref(damaged);
    }
    json_decref(json);
    pab_plan_fini(&plan);
}

/* Numbers that somebody edited: with these a run would never begin, or never end. */
static void numbers_out_of_range_are_damage(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        long long value;
    } bad[] = {
        {"rounds", 0},         {"rounds", -1},        {"rounds", PAB_ROUNDS_MAX + 1},
        {"memory_rounds", 0},  {"memory_rounds", -1}, {"control_every", -1},
        {"timeout_s", 0},      {"budget_s", -1},      {"shard.index", 0},
        {"shard.index", 4},    {"shard.count", 0},    {"shard.count", -3},
        {"rounds", 1LL << 32},
    };
    struct pab_plan plan;
    struct pab_plan back;
    struct pab_error err = {0};
    make(&plan, &(struct pab_request){.preset = "quick", .backends = "system", .shard = "2/3"});
    json_t *json = pab_plan_to_json(&plan);
    assert_int_equal(pab_plan_from_json(&back, json, &err), PAB_OK);
    assert_int_equal(back.shard_index, 1);
    assert_int_equal(back.shard_count, 3);
    pab_plan_fini(&back);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        json_t *edited = json_deep_copy(json);
        const char *key = strchr(bad[i].key, '.');
        json_object_set_new(key == NULL ? edited : json_object_get(edited, "shard"),
                            key == NULL ? bad[i].key : key + 1, json_integer(bad[i].value));
        if (pab_plan_from_json(&back, edited, &err) != PAB_BAD_DATA) {
            fail_msg("%s = %lld was taken", bad[i].key, bad[i].value);
        }
        json_decref(edited);
    }
    json_decref(json);
    pab_plan_fini(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(requests_are_honoured),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(ages_are_rows),
        cmocka_unit_test(rounds_are_permutations),
        cmocka_unit_test(threads_are_rows),
        cmocka_unit_test(threads_choose_workloads),
        cmocka_unit_test(values_are_rows),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(numbers_out_of_range_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
