/* The judge of the gate: every rule of harness/gate/README.md on rows made by hand. */
#include "harness/gate/settings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct pab_metric cpu = {"cpu_ns_per_op", "ns", PAB_FAMILY_TIME, false};
static const struct pab_metric rss = {"peak_rss_bytes", "bytes", PAB_FAMILY_MEMORY, false};
static const struct pab_metric instructions = {"instructions.per_op", "count",
                                               PAB_FAMILY_INSTRUCTIONS, false};
static const struct pab_metric f_time = {"f_time", "ratio", PAB_FAMILY_MEMORY, false};
static const struct pab_metric f_ret = {"f_ret", "ratio", PAB_FAMILY_MEMORY, false};
static const struct pab_metric body = {"instructions.body", "count", PAB_FAMILY_INSTRUCTIONS,
                                       false};
static const struct pab_metric arenas = {"structure.arenas", "count", PAB_FAMILY_STRUCTURE, false};
static const struct pab_metric p99 = {"latency.p99_ns", "ns", PAB_FAMILY_DESCRIPTION, false};

#define ROWS_MAX 8

/* What a judge is shown. */
struct scene {
    struct pab_row rows[ROWS_MAX], time_rows[ROWS_MAX], memory_rows[ROWS_MAX];
    struct pab_comparison first, time_again, memory_again;
    struct pab_gate_failure failures[ROWS_MAX];
    size_t failure_count;
    struct pab_gate_limits limits;
};

static struct scene scene_new(void)
{
    return (struct scene){.limits = pab_gate_limits_default()};
}

static struct pab_row row_of(const struct pab_metric *metric, enum pab_call call)
{
    return (struct pab_row){
        .workload = "strings",
        .label = "pymalloc",
        .metric = metric,
        .paired = metric->family == PAB_FAMILY_TIME,
        .n_base = 3,
        .n_head = 3,
        .base = 100,
        .head = call == PAB_CALL_WORSE ? 105 : 100,
        .ratio = call == PAB_CALL_WORSE ? 1.05 : 1,
        .lo = NAN,
        .hi = NAN,
        .detectable = 0.02,
        .heterogeneity = 1,
        .call = call,
    };
}

static struct pab_row *add(struct scene *scene, const struct pab_metric *metric, enum pab_call call)
{
    scene->rows[scene->first.count] = row_of(metric, call);
    return &scene->rows[scene->first.count++];
}

static struct pab_row *add_again(struct scene *scene, const struct pab_metric *metric,
                                 enum pab_call call)
{
    bool is_time = metric->family == PAB_FAMILY_TIME;
    struct pab_comparison *again = is_time ? &scene->time_again : &scene->memory_again;
    struct pab_row *rows = is_time ? scene->time_rows : scene->memory_rows;
    rows[again->count] = row_of(metric, call);
    return &rows[again->count++];
}

static void fail_there(struct scene *scene, bool is_head, const char *workload, const char *pass,
                       const char *kind)
{
    scene->failures[scene->failure_count++] = (struct pab_gate_failure){
        .is_head = is_head,
        .workload = workload,
        .label = "pymalloc",
        .pass = pass,
        .kind = kind,
        .message = "it ended",
    };
}

static struct pab_gate_verdict *judge(struct scene *scene)
{
    scene->first.rows = scene->rows;
    scene->time_again.rows = scene->time_rows;
    scene->memory_again.rows = scene->memory_rows;
    struct pab_gate_evidence evidence = {
        .first = &scene->first,
        .time_again = scene->time_again.count > 0 ? &scene->time_again : NULL,
        .memory_again = scene->memory_again.count > 0 ? &scene->memory_again : NULL,
        .failures = scene->failures,
        .failure_count = scene->failure_count,
    };
    return pab_gate_judge(&evidence, &scene->limits);
}

/* `found` of the first item, and the result of all. */
static void expect(struct scene *scene, enum pab_gate_finding found, enum pab_gate_result result)
{
    struct pab_gate_verdict *verdict = judge(scene);
    assert_int_equal(verdict->items[0].finding, found);
    assert_int_equal(verdict->result, result);
    pab_gate_verdict_free(verdict);
}

static void test_nothing_to_judge(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_int_equal(verdict->count, 0);
    assert_int_equal(verdict->result, PAB_GATE_INCONCLUSIVE);
    assert_true(isnan(verdict->detectable));
    pab_gate_verdict_free(verdict);
    add(&scene, &p99, PAB_CALL_NOT_JUDGED);
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_INCONCLUSIVE);
}

static void test_each_call(void **state)
{
    (void)state;
    static const struct {
        enum pab_call call;
        enum pab_gate_finding found;
        enum pab_gate_result result;
    } cases[] = {
        {PAB_CALL_EQUIVALENT, PAB_FINDING_GOOD, PAB_GATE_GOOD},
        {PAB_CALL_BETTER, PAB_FINDING_BETTER, PAB_GATE_GOOD},
        {PAB_CALL_NOT_JUDGED, PAB_FINDING_SHOWN, PAB_GATE_INCONCLUSIVE},
        {PAB_CALL_GONE, PAB_FINDING_GONE, PAB_GATE_INCONCLUSIVE},
        {PAB_CALL_FAILED, PAB_FINDING_BROKEN, PAB_GATE_BROKEN},
    };
    static const struct pab_metric *const metrics[] = {&cpu, &rss, &instructions, &arenas};
    for (size_t m = 0; m < ARRAY_COUNT(metrics); m++) {
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            struct scene scene = scene_new();
            add(&scene, metrics[m], cases[i].call);
            expect(&scene, cases[i].found, cases[i].result);
        }
    }
}

static void test_worse_time_needs_confirmation(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &cpu, PAB_CALL_WORSE);
    assert_true(pab_gate_is_flagged(row, &scene.limits));
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE); /* nobody looked again */
    struct pab_row *again = add_again(&scene, &cpu, PAB_CALL_WORSE);
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
    again->ratio = 1.04; /* the first look's figure was chosen for its size: this one was not */
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_ptr_equal(pab_gate_deciding_row(&verdict->items[0]), again);
    assert_string_equal(verdict->items[0].why, "+5.0 % at first, and again");
    pab_gate_verdict_free(verdict);
    again->ratio = NAN; /* it failed there */
    verdict = judge(&scene);
    assert_ptr_equal(pab_gate_deciding_row(&verdict->items[0]), row);
    pab_gate_verdict_free(verdict);
    again->call = PAB_CALL_EQUIVALENT;
    expect(&scene, PAB_FINDING_CLEARED, PAB_GATE_GOOD);
    again->call = PAB_CALL_UNDECIDED; /* 2 % would have been found */
    expect(&scene, PAB_FINDING_CLEARED, PAB_GATE_GOOD);
    again->detectable = 0.031;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    again->call = PAB_CALL_WORSE;
    again->label = "jemalloc"; /* somebody else's */
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    scene.limits.confirms = false;
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
}

static void test_worse_memory_needs_its_own_confirmation(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &rss, PAB_CALL_WORSE);
    assert_true(pab_gate_is_flagged(row, &scene.limits));
    struct pab_row *again = add_again(&scene, &rss, PAB_CALL_WORSE);
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
    again->call = PAB_CALL_EQUIVALENT;
    expect(&scene, PAB_FINDING_CLEARED, PAB_GATE_GOOD);
    scene.memory_again.count = 0; /* rounds of time confirm no memory */
    add_again(&scene, &cpu, PAB_CALL_WORSE);
    scene.time_rows[0].metric = &rss;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
}

static void test_what_repeats_needs_none(void **state)
{
    (void)state;
    static const struct pab_metric *const metrics[] = {&instructions, &arenas};
    for (size_t m = 0; m < ARRAY_COUNT(metrics); m++) {
        struct scene scene = scene_new();
        struct pab_row *row = add(&scene, metrics[m], PAB_CALL_WORSE);
        assert_false(pab_gate_is_flagged(row, &scene.limits));
        expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
        scene.first.control_failed = true; /* it speaks of times alone */
        expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
    }
    struct scene scene = scene_new();
    add(&scene, &body, PAB_CALL_WORSE);   /* per_op says it */
    add(&scene, &f_time, PAB_CALL_WORSE); /* bytes by seconds */
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_INCONCLUSIVE);
    add(&scene, &rss, PAB_CALL_EQUIVALENT);
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_GOOD);
}

static void test_structure_is_one_finding_a_cell(void **state)
{
    (void)state;
    static const struct pab_metric blocks = {"structure.gc.blocks", "count", PAB_FAMILY_STRUCTURE,
                                             false};
    struct scene scene = scene_new();
    add(&scene, &arenas, PAB_CALL_WORSE);
    add(&scene, &blocks, PAB_CALL_WORSE);
    add(&scene, &arenas, PAB_CALL_WORSE)->workload = "small_ints";
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_int_equal(verdict->found[PAB_FINDING_REGRESSION], 2);
    assert_string_equal(verdict->items[0].why, "also gc.blocks 100 -> 105");
    assert_int_equal(verdict->items[1].finding, PAB_FINDING_SHOWN);
    assert_string_equal(verdict->items[2].why, "");
    pab_gate_verdict_free(verdict);
}

static void test_structure_may_be_shown(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &arenas, PAB_CALL_WORSE);
    add(&scene, &rss, PAB_CALL_EQUIVALENT);
    scene.limits.shows_structure = true;
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_GOOD);
    scene.rows[0].call = PAB_CALL_UNDECIDED; /* not deterministic */
    scene.rows[0].hi = 1;
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_GOOD);
    scene.limits.shows_structure = false;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
}

static void test_a_gate_that_is_blind_is_not_green(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &cpu, PAB_CALL_UNDECIDED);
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    row->detectable = 0.031;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    scene.limits.detect = 0.05;
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    row->detectable = NAN;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    row->workload = NULL; /* of a mean the cells say it */
    row->workloads = 2;
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_INCONCLUSIVE);
}

static void test_undecided_memory(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &rss, PAB_CALL_UNDECIDED);
    row->hi = 1.029; /* no value of head is so far above one of base */
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    scene.first.rules.floor[PAB_FAMILY_MEMORY] = 0.01;
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_string_equal(verdict->items[0].why, "at most +2.9 % from any round to any other");
    pab_gate_verdict_free(verdict);
    row->hi = 1.009;
    verdict = judge(&scene);
    assert_string_equal(verdict->items[0].why, "no change above 1 %");
    pab_gate_verdict_free(verdict);
    row->hi = 1.031;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    row->hi = NAN;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
}

static void test_what_follows_a_clock(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &f_ret, PAB_CALL_UNDECIDED);
    row->hi = 2;
    snprintf(row->why, sizeof(row->why), "values from 0.1 to 0.9");
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_string_equal(verdict->items[0].why, "within its noise: values from 0.1 to 0.9");
    pab_gate_verdict_free(verdict);
    row->n_head = 1; /* what does not show scatter */
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    row->n_head = 3;
    row->call = PAB_CALL_WORSE;
    add_again(&scene, &f_ret, PAB_CALL_UNDECIDED)->hi = 2;
    expect(&scene, PAB_FINDING_CLEARED, PAB_GATE_GOOD);
    scene.memory_rows[0].call = PAB_CALL_WORSE; /* a lost purge is found all the same */
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
}

static void test_failed_control(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &cpu, PAB_CALL_EQUIVALENT);
    scene.first.control_failed = true;
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_INCONCLUSIVE);
    row->call = PAB_CALL_WORSE;
    add_again(&scene, &cpu, PAB_CALL_WORSE);
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    scene.limits.confirms = false;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    scene.rows[0] = row_of(&rss, PAB_CALL_EQUIVALENT); /* no time was asked for */
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
}

static void test_runs_apart_only_advise(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &cpu, PAB_CALL_WORSE);
    row->paired = false;
    scene.limits.confirms = false;
    assert_false(pab_gate_is_flagged(row, &scene.limits));
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    row->paired = true; /* two parts of one run */
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
}

static void test_means_need_the_same_workloads(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    struct pab_row *row = add(&scene, &cpu, PAB_CALL_WORSE);
    struct pab_row *again = add_again(&scene, &cpu, PAB_CALL_WORSE);
    row->workload = again->workload = NULL;
    row->workloads = 4;
    again->workloads = 3;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    again->workloads = 4;
    expect(&scene, PAB_FINDING_REGRESSION, PAB_GATE_REGRESSION);
    row->host = "1"; /* of one machine among several: the mean over all is judged */
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_INCONCLUSIVE);
}

static void test_cells_that_come_and_go(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &cpu, PAB_CALL_GONE);
    add(&scene, &rss, PAB_CALL_GONE);
    struct pab_row *other = add(&scene, &cpu, PAB_CALL_EQUIVALENT);
    other->workload = "small_ints";
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_int_equal(verdict->result, PAB_GATE_INCONCLUSIVE);
    assert_int_equal(verdict->found[PAB_FINDING_GONE], 1); /* a cell, not each of its figures */
    pab_gate_verdict_free(verdict);
    scene.limits.allows_gone = true;
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_GOOD);
    scene.rows[0].call = scene.rows[1].call = PAB_CALL_NEW;
    expect(&scene, PAB_FINDING_NEW, PAB_GATE_GOOD);
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        const char *head, *base; /* kinds, or NULL */
        enum pab_gate_finding found;
        enum pab_gate_result result;
    } cases[] = {
        {"crashed", NULL, PAB_FINDING_BROKEN, PAB_GATE_BROKEN},
        {"checksum", NULL, PAB_FINDING_BROKEN, PAB_GATE_BROKEN},
        {"unavailable", NULL, PAB_FINDING_BROKEN, PAB_GATE_BROKEN},
        {"unavailable", "unavailable", PAB_FINDING_BROKEN, PAB_GATE_BROKEN},
        {"crashed", "timeout", PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE},
        {NULL, "crashed", PAB_FINDING_NEW, PAB_GATE_GOOD},
        {"requests", NULL, PAB_FINDING_UNLIKE, PAB_GATE_NOT_COMPARABLE},
        {NULL, "requests", PAB_FINDING_UNLIKE, PAB_GATE_NOT_COMPARABLE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scene scene = scene_new();
        add(&scene, &cpu, PAB_CALL_EQUIVALENT)->workload = "small_ints";
        if (cases[i].base != NULL) {
            fail_there(&scene, false, "strings", "time", cases[i].base);
        }
        if (cases[i].head != NULL) {
            fail_there(&scene, true, "strings", "time", cases[i].head);
        }
        expect(&scene, cases[i].found, cases[i].result);
    }
}

static void test_failures_are_told_once(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &cpu, PAB_CALL_FAILED);
    add(&scene, &rss, PAB_CALL_FAILED);
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_int_equal(verdict->found[PAB_FINDING_BROKEN], 1);
    pab_gate_verdict_free(verdict);
    fail_there(&scene, true, NULL, NULL, "crashed");
    verdict = judge(&scene);
    assert_int_equal(verdict->found[PAB_FINDING_BROKEN], 1);
    assert_null(verdict->items[0].row);
    assert_string_equal(verdict->items[0].why, "crashed: it ended");
    pab_gate_verdict_free(verdict);
}

/* It crashed in a later round: there are figures, and all the same it is broken. */
static void test_a_crash_among_good_figures(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &cpu, PAB_CALL_BETTER);
    fail_there(&scene, true, "strings", "time", "crashed");
    expect(&scene, PAB_FINDING_BROKEN, PAB_GATE_BROKEN);
    fail_there(&scene, false, "strings", "memory", "crashed"); /* no twin: another pass */
    expect(&scene, PAB_FINDING_BROKEN, PAB_GATE_BROKEN);
}

static void test_the_worst_counts(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &cpu, PAB_CALL_UNDECIDED)->detectable = 1;
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    add(&scene, &rss, PAB_CALL_BETTER);
    expect(&scene, PAB_FINDING_UNDECIDED, PAB_GATE_INCONCLUSIVE);
    fail_there(&scene, false, "small_ints", NULL, "requests");
    expect(&scene, PAB_FINDING_UNLIKE, PAB_GATE_NOT_COMPARABLE);
    add(&scene, &arenas, PAB_CALL_WORSE);
    expect(&scene, PAB_FINDING_UNLIKE, PAB_GATE_REGRESSION);
    fail_there(&scene, true, "cyclic_graphs", NULL, "crashed");
    expect(&scene, PAB_FINDING_UNLIKE, PAB_GATE_BROKEN);
}

static void test_only_what_is_asked(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &cpu, PAB_CALL_WORSE);
    add(&scene, &rss, PAB_CALL_EQUIVALENT);
    scene.limits.families = pab_gate_families_of("memory");
    assert_false(pab_gate_is_flagged(&scene.rows[0], &scene.limits));
    expect(&scene, PAB_FINDING_SHOWN, PAB_GATE_GOOD);
    assert_int_equal(pab_gate_families_of("latency"), 0);
}

static void test_what_is_asked_must_be_there(void **state)
{
    (void)state;
    struct scene scene = scene_new();
    add(&scene, &rss, PAB_CALL_EQUIVALENT);
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    scene.limits.expected = pab_gate_families_of("memory"); /* structure is not every allocator's */
    expect(&scene, PAB_FINDING_GOOD, PAB_GATE_GOOD);
    scene.limits.expected |= pab_gate_families_of("time") | pab_gate_families_of("instructions");
    struct pab_gate_verdict *verdict = judge(&scene);
    assert_int_equal(verdict->found[PAB_FINDING_UNDECIDED], 2);
    assert_int_equal(verdict->result, PAB_GATE_INCONCLUSIVE);
    pab_gate_verdict_free(verdict);
}

/* --- settings ------------------------------------------------------------------------------- */

static void test_settings(void **state)
{
    (void)state;
    json_t *gate = json_pack("{s:{s:f, s:f, s:f, s:s, s:i}}", "rules", "alpha", 0.05, "detect", 0.1,
                             "power", 7.0, "structure", "show", "confirm_rounds", 0);
    struct pab_gate_settings settings = pab_gate_settings_unset();
    settings.numbers[PAB_GATE_DETECT] = 0.02;
    pab_gate_settings_fill(&settings, gate);
    assert_float_equal(settings.numbers[PAB_GATE_DETECT], 0.02, 1e-9); /* the option's */
    assert_float_equal(settings.numbers[PAB_GATE_ALPHA], 0.05, 1e-9);  /* the document's */
    assert_float_equal(settings.numbers[PAB_GATE_POWER], 0.9, 1e-9);   /* 7 is none */
    assert_float_equal(settings.numbers[PAB_GATE_MEMORY_LIMIT], 0.01, 1e-9);
    assert_true(settings.shows_structure);
    assert_int_equal(settings.confirm_rounds, 0);
    assert_float_equal(pab_gate_rules(&settings).power, 0.9, 1e-9);
    settings.confirm_rounds = PAB_GATE_CONFIRM_ALIKE; /* twice, so each look needs more */
    assert_float_equal(pow(pab_gate_rules(&settings).power, 2), 0.9, 1e-6);
    json_decref(gate);
}

static void test_change(void **state)
{
    (void)state;
    char text[PAB_GATE_CHANGE_MAX];
    assert_string_equal(pab_gate_change_text(1.0345, text), "+3.4 %");
    assert_string_equal(pab_gate_change_text(0.9, text), "-10.0 %");
    assert_string_equal(pab_gate_change_text(26.792, text), "+2579 %");
    assert_string_equal(pab_gate_change_text(1.0012, text), "+0.12 %");
    assert_string_equal(pab_gate_change_text(1, text), "0 %");
    assert_string_equal(pab_gate_change_text(0.99999, text), "< 0.01 %");
    assert_string_equal(pab_gate_change_text(NAN, text), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_judge),
        cmocka_unit_test(test_each_call),
        cmocka_unit_test(test_worse_time_needs_confirmation),
        cmocka_unit_test(test_worse_memory_needs_its_own_confirmation),
        cmocka_unit_test(test_what_repeats_needs_none),
        cmocka_unit_test(test_structure_is_one_finding_a_cell),
        cmocka_unit_test(test_structure_may_be_shown),
        cmocka_unit_test(test_a_gate_that_is_blind_is_not_green),
        cmocka_unit_test(test_undecided_memory),
        cmocka_unit_test(test_what_follows_a_clock),
        cmocka_unit_test(test_failed_control),
        cmocka_unit_test(test_runs_apart_only_advise),
        cmocka_unit_test(test_means_need_the_same_workloads),
        cmocka_unit_test(test_cells_that_come_and_go),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_failures_are_told_once),
        cmocka_unit_test(test_a_crash_among_good_figures),
        cmocka_unit_test(test_the_worst_counts),
        cmocka_unit_test(test_only_what_is_asked),
        cmocka_unit_test(test_what_is_asked_must_be_there),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
