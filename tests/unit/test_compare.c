/* Calls within one document and between the arms of a gate: each rule on samples made for it. Longer
 * than files here are: every rule is held on the same few made arms, and a reader looks it up here. */
#include "tests/unit/made_document.h"

static const struct pab_rules *exploring(void)
{
    static struct pab_rules rules;
    rules = pab_rules_exploring();
    return &rules;
}

/* One workload, base "a", head "b"; what is told of its CPU time. The comparison is freed with the
 * next call. */
static struct pab_row time_row(unsigned rounds, double ratio, double noise,
                               const struct pab_rules *rules)
{
    json_t *document = made("w", "a,b");
    made_pairs(document, "w", rounds, ratio, noise);
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, rules);
    struct pab_row row = *the_row(comparison, "w", "b", "cpu_ns_per_op");
    row.workload = NULL;
    row.label = "b";
    static struct pab_metric metric;
    metric = *row.metric;
    metric.name = "cpu_ns_per_op";
    row.metric = &metric;
    pab_comparison_free(comparison);
    pab_reading_close(reading);
    return row;
}

static void direction(void **state)
{
    (void)state;
    struct pab_row slower = time_row(20, 1.1, 0.01, exploring());
    expect_call(&slower, PAB_CALL_WORSE);
    expect_near(slower.ratio, 1.1, 0.02);
    assert_true(slower.lo < slower.ratio && slower.ratio < slower.hi && slower.lo > 1.03);
    assert_true(slower.paired && slower.n_base == 20 && slower.n_head == 20);
    expect_near(slower.base, 100, 1);
    expect_near(slower.head, 110, 2);
    assert_true(slower.superiority > 0.99);
    assert_string_equal(pab_call_word(slower.call, PAB_FAMILY_TIME), "slower");

    struct pab_row faster = time_row(20, 0.9, 0.01, exploring());
    expect_call(&faster, PAB_CALL_BETTER);
    assert_true(faster.superiority < 0.01);
    assert_string_equal(pab_call_word(faster.call, PAB_FAMILY_TIME), "faster");
}

/* Two percent, however sure, are below the floor of three. */
static void floor_of_time(void **state)
{
    (void)state;
    struct pab_row small = time_row(30, 1.02, 0.002, exploring());
    expect_call(&small, PAB_CALL_EQUIVALENT);
    assert_true(small.p_adjusted < 0.001);

    struct pab_rules rules = pab_rules_exploring();
    rules.floor[PAB_FAMILY_TIME] = 0.01;
    struct pab_row large = time_row(30, 1.02, 0.002, &rules);
    expect_call(&large, PAB_CALL_WORSE);

    struct pab_row near = time_row(30, 1.028, 0.01, exploring());
    if (near.ratio > 1.03) {
        fail_msg("the made noise gives %g, which tests nothing", near.ratio);
    }
    expect_call(&near, PAB_CALL_UNDECIDED);
    assert_non_null(strstr(near.why, "floor of 3 %"));
}

/* What cannot be told says which change would have been seen. */
static void power_is_told(void **state)
{
    (void)state;
    struct pab_row wide = time_row(20, 1.0, 0.2, exploring());
    expect_call(&wide, PAB_CALL_UNDECIDED);
    assert_non_null(strstr(wide.why, "would probably be missed"));
    assert_true(wide.detectable > 0.1 && wide.detectable < 0.6);

    struct pab_row tight = time_row(200, 1.0, 0.2, exploring());
    assert_true(tight.detectable < wide.detectable / 2);
}

/* Each round has a level of its own, and some have one sample alone: those make no pair. */
static void pairs_by_round(void **state)
{
    (void)state;
    json_t *document = made("w", "a,b");
    for (unsigned r = 0; r < 20; r++) {
        double level = r % 2 == 0 ? 100 : 1000;
        if (r != 3) {
            made_time(document, "w", "a", r, level);
        }
        if (r != 11) {
            made_time(document, "w", "b", 19 - r, 1.1 * (1100 - level));
        }
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    assert_int_equal(row->n_head, 18);
    expect_near(row->ratio, 1.1, 1e-9);
    expect_near(row->hi, 1.1, 1e-9);
    expect_call(row, PAB_CALL_WORSE);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void too_few_rounds(void **state)
{
    (void)state;
    struct pab_row one = time_row(1, 3.0, 0.0, exploring());
    expect_call(&one, PAB_CALL_UNDECIDED);
    expect_near(one.ratio, 3, 1e-9);
    assert_true(isnan(one.lo) && isnan(one.hi));
    assert_non_null(strstr(one.why, "too few"));
    /* One row (a mean over one workload is none), two tails, 5 %: 2^-n < 0.05/2 from 6 on. */
    assert_non_null(strstr(one.why, "it takes 6"));

    struct pab_row six = time_row(6, 3.0, 0.0, exploring());
    struct pab_rules gate = pab_rules_gating();
    expect_call(&six, PAB_CALL_WORSE);
    six = time_row(6, 3.0, 0.0, &gate);
    expect_call(&six, PAB_CALL_UNDECIDED); /* 2^-6 is above 1 % */
    assert_non_null(strstr(six.why, "it takes 7"));
    struct pab_row seven = time_row(7, 3.0, 0.0, &gate);
    expect_call(&seven, PAB_CALL_WORSE);
}

static void ties(void **state)
{
    (void)state;
    struct pab_row same = time_row(12, 1.0, 0.0, exploring());
    expect_call(&same, PAB_CALL_EQUIVALENT);
    expect_near(same.ratio, 1, 0);
    expect_near(same.p, 1, 0);
    expect_near(same.superiority, 0.5, 0);
}

static void zeros(void **state)
{
    (void)state;
    json_t *document = made("w", "a,b,c");
    for (unsigned r = 0; r < 10; r++) {
        made_time(document, "w", "a", r, 0);
        made_time(document, "w", "b", r, 5);
        made_time(document, "w", "c", r, 0);
    }
    for (unsigned r = 0; r < 2; r++) {
        made_memory(document, "w", "a", r, 0);
        made_memory(document, "w", "b", r, 8e6);
        made_memory(document, "w", "c", r, 0);
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    expect_call(row, PAB_CALL_UNDECIDED);
    assert_true(isnan(row->ratio) && isnan(row->p));
    assert_non_null(strstr(row->why, "no ratio"));
    expect_call(the_row(comparison, "w", "c", "cpu_ns_per_op"), PAB_CALL_UNDECIDED);
    row = the_row(comparison, "w", "b", "peak_rss_bytes");
    expect_call(row, PAB_CALL_WORSE);
    assert_true(isnan(row->ratio));
    expect_call(the_row(comparison, "w", "c", "peak_rss_bytes"), PAB_CALL_EQUIVALENT);
    assert_null(find_row(comparison, NULL, "b", "cpu_ns_per_op"));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* Rows of one noisy document, its times in another unit: the same but for the medians. */
static void scale(void **state)
{
    (void)state;
    struct pab_comparison *comparisons[2];
    struct pab_reading *readings[2];
    for (int i = 0; i < 2; i++) {
        json_t *document = made("w", "a,b");
        uint64_t noise = 5;
        for (unsigned r = 0; r < 15; r++) {
            double unit = i == 0 ? 1 : 1024;
            made_time(document, "w", "a", r, unit * exp(0.05 * made_noise(&noise)));
            made_time(document, "w", "b", r, 1.08 * unit * exp(0.05 * made_noise(&noise)));
        }
        readings[i] = made_reading(document);
        comparisons[i] = within(readings[i], exploring());
    }
    assert_int_equal(comparisons[0]->count, comparisons[1]->count);
    for (size_t i = 0; i < comparisons[0]->count; i++) {
        const struct pab_row *a = &comparisons[0]->rows[i];
        const struct pab_row *b = &comparisons[1]->rows[i];
        expect_near(b->ratio, a->ratio, 1e-12);
        assert_int_equal(a->call, b->call);
        if (isfinite(a->p_adjusted)) {
            expect_near(b->p_adjusted, a->p_adjusted, 0);
        }
        if (isfinite(a->hi)) {
            expect_near(b->hi, a->hi, 1e-12);
        }
    }
    for (int i = 0; i < 2; i++) {
        pab_comparison_free(comparisons[i]);
        pab_reading_close(readings[i]);
    }
}

/* --- what is not a time ----------------------------------------------------------------------- */

#define MIB 1048576.0

/* Two memory rounds a side. */
static void expect_bytes(const double base[2], const double head[2], enum pab_call call)
{
    json_t *document = made("w", "a,b");
    for (unsigned r = 0; r < 2; r++) {
        made_memory(document, "w", "a", r, base[r]);
        made_memory(document, "w", "b", r, head[r]);
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    expect_call(the_row(comparison, "w", "b", "peak_rss_bytes"), call);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* Two values that differ are always apart, and two that are near could have been far. */
static void one_memory_round(void **state)
{
    (void)state;
    static const double heads[] = {15 * MIB, 10.01 * MIB, 10 * MIB};
    for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
        json_t *document = made("one,two", "a,b");
        for (const char *workload = "one"; workload != NULL;
             workload = strcmp(workload, "one") == 0 ? "two" : NULL) {
            made_memory(document, workload, "a", 0, 10 * MIB);
            made_memory(document, workload, "b", 0, heads[i]);
        }
        struct pab_reading *reading = made_reading(document);
        struct pab_comparison *comparison = within(reading, exploring());
        bool is_same = heads[i] == 10 * MIB;
        for (int suite = 0; suite < 2; suite++) {
            const struct pab_row *row =
                the_row(comparison, suite == 0 ? "one" : NULL, "b", "peak_rss_bytes");
            expect_call(row, is_same ? PAB_CALL_EQUIVALENT : PAB_CALL_UNDECIDED);
            expect_near(row->ratio, heads[i] / (10 * MIB), 1e-12);
            assert_true(isnan(row->lo) && isnan(row->hi));
            assert_int_equal(strstr(row->why, "one memory round") != NULL, !is_same);
        }
        pab_comparison_free(comparison);
        pab_reading_close(reading);
    }
}

/* What is exact needs no second value, on either side. */
static void one_value_of_what_is_exact(void **state)
{
    (void)state;
    struct pab_reading *readings[2];
    struct pab_comparison *comparison = NULL;
    struct pab_error err;
    for (int i = 0; i < 2; i++) {
        json_t *document = made("w", "a");
        json_object_set_new(made_run(document), "run_id", json_string(i == 0 ? "one" : "two"));
        made_arenas(made_memory(document, "w", "a", 0, 10 * MIB), 3 + i);
        made_figure(document, "w", "a", "instructions.per_op", 100 + i);
        readings[i] = made_reading(document);
    }
    assert_int_equal(pab_compare_between(readings[0], readings[1], exploring(), &comparison, &err),
                     PAB_OK);
    expect_call(the_row(comparison, "w", "a", "structure.arenas"), PAB_CALL_WORSE);
    expect_call(the_row(comparison, "w", "a", "instructions.per_op"), PAB_CALL_WORSE);
    pab_comparison_free(comparison);
    pab_reading_close(readings[0]);
    pab_reading_close(readings[1]);
}

static void memory(void **state)
{
    (void)state;
    const double ten[] = {10 * MIB, 10.02 * MIB};
    expect_bytes(ten, (double[]){10.5 * MIB, 10.6 * MIB}, PAB_CALL_WORSE);
    expect_bytes((double[]){10.5 * MIB, 10.6 * MIB}, ten, PAB_CALL_BETTER);
    expect_bytes(ten, (double[]){10.1 * MIB, 10.15 * MIB}, PAB_CALL_EQUIVALENT); /* 2 % */
    expect_bytes(ten, (double[]){10.01 * MIB, 11 * MIB}, PAB_CALL_UNDECIDED);    /* ranges */
    expect_bytes((double[]){10 * MIB, 12 * MIB}, (double[]){10 * MIB, 12 * MIB},
                 PAB_CALL_EQUIVALENT); /* the very same values */
    /* A tenth more, but fewer bytes than layout alone moves. */
    expect_bytes((double[]){0.5 * MIB, 0.5 * MIB}, (double[]){0.55 * MIB, 0.55 * MIB},
                 PAB_CALL_EQUIVALENT);
}

/* Base and head of the gate, label "p", rounds from 0 on: doc gets arms "p@base", "p@head". */
static json_t *made_arms(const char *workloads)
{
    json_t *document = made(workloads, "p@base,p@head");
    static const char *const roles[] = {"base", "head"};
    for (size_t i = 0; i < 2; i++) {
        json_object_set_new(made_backend(document, i), "label", json_string("p"));
        json_object_set_new(made_backend(document, i), "role", json_string(roles[i]));
    }
    return document;
}

static struct pab_comparison *arms(struct pab_reading *reading, uint32_t first, uint32_t end)
{
    struct pab_rules rules = pab_rules_gating();
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    if (pab_compare_arms(reading, (struct pab_rounds){first, end}, &rules, &comparison, &err) !=
        PAB_OK) {
        fail_msg("%s", err.text);
    }
    return comparison;
}

static void expect_structure(const int base[2], const int head[2], enum pab_call call,
                             const char *words)
{
    json_t *document = made_arms("w");
    for (unsigned r = 0; r < 2; r++) {
        made_arenas(made_memory(document, "w", "p@base", r, MIB), base[r]);
        made_arenas(made_memory(document, "w", "p@head", r, MIB), head[r]);
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = arms(reading, 0, UINT32_MAX);
    const struct pab_row *row = the_row(comparison, "w", "p", "structure.arenas");
    expect_call(row, call);
    assert_non_null(strstr(row->why, words));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void structure(void **state)
{
    (void)state;
    expect_structure((int[]){12, 12}, (int[]){12, 12}, PAB_CALL_EQUIVALENT, "");
    expect_structure((int[]){12, 12}, (int[]){13, 13}, PAB_CALL_WORSE, "arenas 12 -> 13");
    expect_structure((int[]){12, 12}, (int[]){11, 11}, PAB_CALL_WORSE, "arenas 12 -> 11");
    expect_structure((int[]){12, 12}, (int[]){12, 13}, PAB_CALL_UNDECIDED, "not deterministic");
}

/* Two allocators have two structures, and nothing says that one is worse. */
static void structure_within(void **state)
{
    (void)state;
    json_t *document = made("w", "a,b");
    made_arenas(made_memory(document, "w", "a", 0, MIB), 3);
    made_arenas(made_memory(document, "w", "b", 0, MIB), 5);
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    expect_call(the_row(comparison, "w", "b", "structure.arenas"), PAB_CALL_NOT_JUDGED);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void expect_figure(const char *metric, const char *version, double ratio, enum pab_call call)
{
    json_t *document = made_arms("w");
    json_object_set_new(made_backend(document, 1), "raw", json_pack("{s:s}", "version", version));
    made_figure(document, "w", "p@base", metric, 1e6);
    made_figure(document, "w", "p@head", metric, 1e6 * ratio);
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = arms(reading, 0, UINT32_MAX);
    const struct pab_row *row = the_row(comparison, "w", "p", metric);
    expect_call(row, call);
    expect_near(row->ratio, ratio, 1e-9);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void instructions(void **state)
{
    (void)state;
    expect_figure("instructions.per_op", "glibc 2.36", 1.0005, PAB_CALL_EQUIVALENT);
    expect_figure("instructions.per_op", "glibc 2.36", 1.005, PAB_CALL_WORSE);
    expect_figure("instructions.per_op", "glibc 2.36", 0.995, PAB_CALL_BETTER);
    expect_figure("instructions.per_op", "jemalloc 5.3.0", 1.004, PAB_CALL_EQUIVALENT);
    expect_figure("instructions.per_op", "jemalloc 5.3.0", 1.006, PAB_CALL_WORSE);
}

static void descriptions(void **state)
{
    (void)state;
    expect_figure("kernel.mmap", "glibc 2.36", 3, PAB_CALL_NOT_JUDGED);
    expect_figure("latency.malloc.p99_ns", "glibc 2.36", 3, PAB_CALL_NOT_JUDGED);
}

/* --- the gate --------------------------------------------------------------------------------- */

/* Rounds of the first look are slower, those of the confirmation are not. */
static void windows(void **state)
{
    (void)state;
    json_t *document = made_arms("w");
    uint64_t noise = 3;
    for (unsigned r = 0; r < 40; r++) {
        made_time(document, "w", "p@base", r, 100 * exp(0.01 * made_noise(&noise)));
        made_time(document, "w", "p@head", r,
                  (r < 20 ? 110 : 100) * exp(0.01 * made_noise(&noise)));
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *first = arms(reading, 0, 20);
    struct pab_comparison *second = arms(reading, 20, 40);
    expect_call(the_row(first, "w", "p", "cpu_ns_per_op"), PAB_CALL_WORSE);
    const struct pab_row *row = the_row(second, "w", "p", "cpu_ns_per_op");
    assert_int_equal(row->n_head, 20);
    expect_near(row->ratio, 1, 0.01);
    pab_comparison_free(first);
    pab_comparison_free(second);
    pab_reading_close(reading);
}

/* The gate looks for what got slower: an improvement has a large p, and is found all the same. */
static void one_sided(void **state)
{
    (void)state;
    struct pab_rules gate = pab_rules_gating();
    struct pab_row slower = time_row(20, 1.05, 0.01, &gate);
    struct pab_row faster = time_row(20, 1 / 1.05, 0.01, &gate);
    expect_call(&slower, PAB_CALL_WORSE);
    expect_call(&faster, PAB_CALL_BETTER);
    assert_true(slower.p < 1e-5 && faster.p > 0.99);
}

/* Only cpu_ns_per_op is judged by the gate; the others are shown, and cost no power. */
static void one_time_is_judged(void **state)
{
    (void)state;
    json_t *document = made_arms("w");
    for (unsigned r = 0; r < 20; r++) {
        for (int i = 0; i < 2; i++) {
            json_t *row = made_time(document, "w", i == 0 ? "p@base" : "p@head", r, 100 + 20 * i);
            json_object_set_new(row, "reps_wall_ns", json_pack("[f]", 1000.0 + 500 * i));
        }
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = arms(reading, 0, UINT32_MAX);
    const struct pab_row *cpu = the_row(comparison, "w", "p", "cpu_ns_per_op");
    const struct pab_row *wall = the_row(comparison, "w", "p", "wall_ns_per_op");
    expect_call(cpu, PAB_CALL_WORSE);
    expect_near(cpu->p_adjusted, cpu->p, 0); /* the only question: no mean over one workload */
    expect_call(wall, PAB_CALL_NOT_JUDGED);
    assert_true(isnan(wall->p_adjusted));
    expect_near(wall->ratio, 1.5, 1e-9);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* ... or the wall, where threads run at once. */
static void walls_are_judged(void **state)
{
    (void)state;
    json_t *document = made_arms("w");
    json_t *workload = json_array_get(json_object_get(made_run(document), "workloads"), 0);
    json_object_set_new(workload, "clock", json_string("wall"));
    for (unsigned r = 0; r < 20; r++) {
        for (int i = 0; i < 2; i++) {
            json_t *row = made_time(document, "w", i == 0 ? "p@base" : "p@head", r, 100 + 20 * i);
            json_object_set_new(row, "reps_wall_ns", json_pack("[f]", 1000.0 - 500 * i));
        }
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = arms(reading, 0, UINT32_MAX);
    expect_call(the_row(comparison, "w", "p", "wall_ns_per_op"), PAB_CALL_BETTER);
    expect_call(the_row(comparison, "w", "p", "cpu_ns_per_op"), PAB_CALL_NOT_JUDGED);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* --- the suite -------------------------------------------------------------------------------- */

static bool has_means(const char *workloads, const char *one, const char *other)
{
    json_t *document = made(workloads, "a,b");
    const char *const names[] = {one, other};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        made_pairs(document, names[i], 25, 2.0, 0.0);
        made_memory(document, names[i], "a", 0, 10 * MIB);
        made_memory(document, names[i], "b", 0, 20 * MIB);
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    bool has_time = find_row(comparison, NULL, "b", "cpu_ns_per_op") != NULL;
    assert_int_equal(has_time, find_row(comparison, NULL, "b", "peak_rss_bytes") != NULL);
    assert_non_null(find_row(comparison, one, "b", "peak_rss_bytes"));
    assert_non_null(find_row(comparison, other, "b", "peak_rss_bytes"));
    pab_comparison_free(comparison);
    pab_reading_close(reading);
    return has_time;
}

/* Else a program would count twice, as itself and as its replay. */
static void means_hold_a_program_without_its_replay(void **state)
{
    (void)state;
    assert_false(has_means("trace:it,app:it", "trace:it", "app:it"));
    assert_true(has_means("app:it,app:other", "app:it", "app:other"));
    assert_true(has_means("trace:it,trace:other", "trace:it", "trace:other"));
}

static void suite(void **state)
{
    (void)state;
    json_t *document = made("one,two,three", "a,b,null");
    json_object_set_new(made_backend(document, 2), "ranked", json_false());
    made_pairs(document, "one", 25, 2.0, 0.0);
    made_pairs(document, "two", 24, 2.0, 0.0);
    for (unsigned r = 0; r < 25; r++) {
        made_time(document, "three", "a", r, 10);
        made_time(document, "one", "null", r, 1);
    }
    made_memory(document, "one", "a", 0, 10 * MIB);
    made_memory(document, "one", "b", 0, 20 * MIB);
    made_memory(document, "two", "a", 0, 10 * MIB);
    made_memory(document, "two", "b", 0, 5 * MIB);
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    const struct pab_row *row = the_row(comparison, NULL, "b", "cpu_ns_per_op");
    assert_int_equal(row->workloads, 2); /* b has no time on the third */
    assert_int_equal(row->n_head, 24);   /* rounds that have both */
    expect_near(row->ratio, 2, 1e-12);
    expect_call(row, PAB_CALL_WORSE);
    row = the_row(comparison, NULL, "b", "peak_rss_bytes");
    expect_near(row->ratio, 1, 1e-12);
    expect_call(the_row(comparison, NULL, "a", "cpu_ns_per_op"), PAB_CALL_NOT_JUDGED);
    assert_null(find_row(comparison, NULL, "null", "cpu_ns_per_op")); /* on one workload */
    assert_true(comparison->rows[0].workload != NULL);
    assert_null(comparison->rows[comparison->count - 1].workload);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* Two of three workloads run threads at once: there the wall speaks, and the mean is of each one's own
 * time. */
static void clocks_that_differ(void **state)
{
    (void)state;
    static const char *const names[] = {"calm", "wide", "wider"};
    json_t *document = made("calm,wide,wider", "a,b");
    json_t *workloads = json_object_get(made_run(document), "workloads");
    json_object_set_new(json_array_get(workloads, 0), "clock", json_string("cpu"));
    json_object_set_new(json_array_get(workloads, 1), "clock", json_string("wall"));
    json_object_set_new(json_array_get(workloads, 2), "clock", json_string("wall"));
    json_object_set_new(json_array_get(workloads, 2), "oversubscribed", json_true());
    for (unsigned i = 0; i < 60; i++) {
        bool is_b = i % 2 == 1;
        json_t *row = made_time(document, names[i % 3], is_b ? "b" : "a", i / 6, is_b ? 200 : 100);
        json_object_set_new(row, "reps_wall_ns", json_pack("[f]", is_b ? 250.0 : 1000.0));
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    assert_true(the_row(comparison, "calm", "b", "cpu_ns_per_op")->is_clock);
    assert_false(the_row(comparison, "calm", "b", "wall_ns_per_op")->is_clock);
    assert_true(the_row(comparison, "wide", "b", "wall_ns_per_op")->is_clock);
    assert_false(the_row(comparison, "wide", "b", "wall_ns_per_op")->is_oversubscribed);
    assert_true(the_row(comparison, "wider", "b", "wall_ns_per_op")->is_oversubscribed);
    const struct pab_row *mean = the_row(comparison, NULL, "b", "clock_ns_per_op");
    expect_near(mean->ratio, cbrt(2 * 0.25 * 0.25), 1e-12);
    assert_true(mean->is_clock && mean->workloads == 3 && !mean->is_oversubscribed);
    assert_false(the_row(comparison, NULL, "b", "cpu_ns_per_op")->is_clock);
    expect_near(pab_reading_place(reading, 0).ns_per_op, 100, 0);
    expect_near(pab_reading_place(reading, 1).ns_per_op, 25, 0); /* wide on b: the wall */
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

/* --- many rows -------------------------------------------------------------------------------- */

/* Adjusted p are Benjamini and Hochberg's over all judged rows, the suite's too. */
static void adjustment(void **state)
{
    (void)state;
    json_t *document = made("one,two", "a,b,c");
    made_pairs(document, "one", 15, 1.02, 0.03);
    made_pairs(document, "two", 15, 1.00, 0.03);
    uint64_t noise = 1;
    for (unsigned r = 0; r < 15; r++) {
        made_time(document, "one", "c", r, 105 * exp(0.03 * made_noise(&noise)));
        made_time(document, "two", "c", r, 101 * exp(0.03 * made_noise(&noise)));
    }
    struct pab_reading *reading = made_reading(document);
    struct pab_comparison *comparison = within(reading, exploring());
    double p[32];
    size_t count = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        if (comparison->rows[i].call != PAB_CALL_NOT_JUDGED) {
            p[count++] = comparison->rows[i].p;
        }
    }
    assert_int_equal(count, 6); /* two backends on two workloads and over both */
    pab_benjamini_hochberg(p, count, p);
    count = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *row = &comparison->rows[i];
        if (row->call != PAB_CALL_NOT_JUDGED) {
            expect_near(row->p_adjusted, p[count++], 0);
        } else {
            assert_true(isnan(row->p_adjusted));
        }
    }
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direction),
        cmocka_unit_test(floor_of_time),
        cmocka_unit_test(power_is_told),
        cmocka_unit_test(pairs_by_round),
        cmocka_unit_test(too_few_rounds),
        cmocka_unit_test(ties),
        cmocka_unit_test(zeros),
        cmocka_unit_test(scale),
        cmocka_unit_test(memory),
        cmocka_unit_test(one_memory_round),
        cmocka_unit_test(one_value_of_what_is_exact),
        cmocka_unit_test(structure),
        cmocka_unit_test(structure_within),
        cmocka_unit_test(instructions),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(windows),
        cmocka_unit_test(one_sided),
        cmocka_unit_test(one_time_is_judged),
        cmocka_unit_test(walls_are_judged),
        cmocka_unit_test(suite),
        cmocka_unit_test(means_hold_a_program_without_its_replay),
        cmocka_unit_test(clocks_that_differ),
        cmocka_unit_test(adjustment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
