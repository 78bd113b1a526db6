/* Old against new: two documents. What may be compared, what is new, gone or failed, and machines
 * side by side. */
#include "tests/unit/made_document.h"

#define MIB 1048576.0

static const struct pab_rules *exploring(void)
{
    static struct pab_rules rules;
    rules = pab_rules_exploring();
    return &rules;
}

/* A run of its own: `a` and `b` on `w`, and `a` on `v`; a `ratio` times as long and as large as
 * usual. */
static json_t *made_side(const char *run_id, double ratio)
{
    json_t *document = made("w,v", "a,b");
    json_object_set_new(made_run(document), "run_id", json_string(run_id));
    uint64_t noise = strcmp(run_id, "old") == 0 ? 11 : 12;
    for (unsigned r = 0; r < 25; r++) {
        made_time(document, "w", "a", r, 100 * ratio * exp(0.02 * made_noise(&noise)));
        made_time(document, "w", "b", r, 50 * exp(0.02 * made_noise(&noise)));
        made_time(document, "v", "a", r, 70 * ratio * exp(0.02 * made_noise(&noise)));
    }
    for (unsigned r = 0; r < 2; r++) {
        made_arenas(made_memory(document, "w", "a", r, 20 * MIB * ratio), 7);
        made_arenas(made_memory(document, "w", "b", r, 30 * MIB), 9);
    }
    return document;
}

/* Swapped files turn every ratio over and every call around. */
static void swapped(void **state)
{
    (void)state;
    struct pab_reading *old = made_reading(made_side("old", 1));
    struct pab_reading *new = made_reading(made_side("new", 1.2));
    struct pab_comparison *forth = between(old, new, exploring());
    struct pab_comparison *back = between(new, old, exploring());
    static const enum pab_call turned[PAB_CALL_COUNT] = {
        [PAB_CALL_BETTER] = PAB_CALL_WORSE,          [PAB_CALL_WORSE] = PAB_CALL_BETTER,
        [PAB_CALL_EQUIVALENT] = PAB_CALL_EQUIVALENT, [PAB_CALL_UNDECIDED] = PAB_CALL_UNDECIDED,
        [PAB_CALL_NOT_JUDGED] = PAB_CALL_NOT_JUDGED,
    };
    assert_int_equal(forth->count, back->count);
    for (size_t i = 0; i < forth->count; i++) {
        const struct pab_row *x = &forth->rows[i];
        const struct pab_row *y = &back->rows[i];
        assert_false(x->paired);
        expect_near(x->ratio * y->ratio, 1, 1e-12);
        expect_near(x->lo * y->hi, 1, 1e-9);
        assert_int_equal(turned[x->call], y->call);
        if (isfinite(x->p)) {
            expect_near(x->p, y->p, 1e-12);
        }
    }
    expect_call(the_row(forth, "w", "a", "cpu_ns_per_op"), PAB_CALL_WORSE);
    expect_call(the_row(forth, "w", "a", "peak_rss_bytes"), PAB_CALL_WORSE);
    expect_call(the_row(forth, "w", "b", "cpu_ns_per_op"), PAB_CALL_EQUIVALENT);
    expect_call(the_row(forth, "w", "b", "structure.arenas"), PAB_CALL_EQUIVALENT);
    expect_call(the_row(forth, NULL, "a", "cpu_ns_per_op"), PAB_CALL_WORSE);
    assert_true(has_note(forth, "two runs, one after the other"));
    pab_comparison_free(forth);
    pab_comparison_free(back);
    pab_reading_close(old);
    pab_reading_close(new);
}

static void same_file_twice(void **state)
{
    (void)state;
    struct pab_reading *one = made_reading(made_side("old", 1));
    struct pab_reading *two = made_reading(made_side("old", 1));
    struct pab_comparison *comparison = between(one, two, exploring());
    for (size_t i = 0; i < comparison->count; i++) {
        expect_call(&comparison->rows[i], PAB_CALL_EQUIVALENT);
        expect_near(comparison->rows[i].ratio, 1, 0);
    }
    assert_true(the_row(comparison, "w", "a", "cpu_ns_per_op")->paired);
    assert_true(has_note(comparison, "the same run"));
    pab_comparison_free(comparison);
    pab_reading_close(one);
    pab_reading_close(two);
}

static void new_gone_failed(void **state)
{
    (void)state;
    json_t *base = made("w,old", "a,b,c");
    json_t *head = made("w,new", "a,b,c");
    json_object_set_new(made_run(head), "run_id", json_string("two"));
    for (unsigned r = 0; r < 10; r++) {
        made_time(base, "w", "a", r, 100);
        made_time(base, "w", "b", r, 100);
        made_time(base, "old", "a", r, 100);
        made_time(head, "w", "a", r, 100);
        made_time(head, "w", "c", r, 100);
        made_time(head, "new", "a", r, 100);
    }
    made_failure(base, "w", "c");
    made_failure(head, "w", "b");
    made_failure(head, "w", "c"); /* in one round of ten */
    json_object_set_new(json_array_get(json_object_get(made_run(head), "failures"), 1), "round",
                        json_integer(3));
    struct pab_reading *old = made_reading(base);
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    expect_call(row, PAB_CALL_FAILED);
    assert_string_equal(row->why, "crashed: signal 11");
    expect_near(row->base, 100, 1e-9);
    assert_true(isnan(row->head) && isnan(row->ratio));
    row = the_row(comparison, "w", "c", "cpu_ns_per_op");
    expect_call(row, PAB_CALL_NEW);
    assert_non_null(strstr(row->why, "base failed: crashed"));
    expect_near(row->head, 100, 1e-9);
    expect_call(the_row(comparison, "old", "a", "cpu_ns_per_op"), PAB_CALL_GONE);
    expect_call(the_row(comparison, "new", "a", "cpu_ns_per_op"), PAB_CALL_NEW);
    assert_int_equal(row->n_head, 9);
    assert_true(has_note(comparison, "head: 1 cell failed in some samples, and the others count; c "
                                     "on w: crashed: signal 11"));
    assert_false(has_note(comparison, "base: 1 cell failed"));
    assert_null(find_row(comparison, NULL, "a", "cpu_ns_per_op")); /* one workload in common */
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

/* A cell that failed in one pass has not failed in those that head never ran. */
static void failures_by_pass(void **state)
{
    (void)state;
    json_t *base = made("w", "a,b");
    json_t *head = made("w", "a,b");
    json_object_set_new(made_run(head), "run_id", json_string("two"));
    for (unsigned r = 0; r < 10; r++) {
        made_time(base, "w", "a", r, 100);
        made_time(base, "w", "b", r, 100);
        made_time(head, "w", "a", r, 100);
    }
    made_memory(base, "w", "b", 0, 10 * MIB);
    made_failure(head, "w", "b");
    json_t *failure = json_array_get(json_object_get(made_run(head), "failures"), 0);
    json_object_set_new(failure, "pass", json_string("time"));
    struct pab_reading *old = made_reading(base);
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    expect_call(the_row(comparison, "w", "b", "cpu_ns_per_op"), PAB_CALL_FAILED);
    const struct pab_row *row = the_row(comparison, "w", "b", "peak_rss_bytes");
    expect_call(row, PAB_CALL_GONE);
    assert_true(row->lacks_pass);
    assert_string_equal(row->why, "no memory pass in head");
    assert_true(
        has_note(comparison, "no memory pass in made.json: 1 figure has nothing beside it"));
    assert_false(the_row(comparison, "w", "b", "cpu_ns_per_op")->lacks_pass);
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

/* A counter that is renamed, or that the other allocator does not have. */
static void counters_come_and_go(void **state)
{
    (void)state;
    json_t *base = made("w", "a");
    json_t *head = made("w", "a");
    json_object_set_new(made_run(head), "run_id", json_string("two"));
    made_figure(base, "w", "a", "kernel.mmap", 3);
    made_figure(head, "w", "a", "kernel.madvise", 3);
    made_arenas(made_memory(base, "w", "a", 0, MIB), 4);
    made_memory(head, "w", "a", 0, MIB);
    struct pab_reading *old = made_reading(base);
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    expect_call(the_row(comparison, "w", "a", "structure.arenas"), PAB_CALL_GONE);
    expect_call(the_row(comparison, "w", "a", "kernel.mmap"), PAB_CALL_GONE);
    expect_call(the_row(comparison, "w", "a", "kernel.madvise"), PAB_CALL_NEW);
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

/* --- what may be compared --------------------------------------------------------------------- */

static void expect_refused(json_t *base, json_t *head, const char *words)
{
    struct pab_reading *old = made_reading(base);
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    assert_int_equal(pab_compare_between(old, new, exploring(), &comparison, &err),
                     PAB_NOT_COMPARABLE);
    assert_null(comparison);
    if (strstr(err.text, words) == NULL || strchr(err.text, '\n') != NULL) {
        fail_msg("'%s' does not hold '%s', or has lines", err.text, words);
    }
    pab_reading_close(old);
    pab_reading_close(new);
}

static json_t *with_provenance(const char *key, json_t *value)
{
    json_t *document = made_side("new", 1);
    json_object_set_new(json_object_get(made_run(document), "provenance"), key, value);
    return document;
}

static void unlike(void **state)
{
    (void)state;
    json_t *workload = NULL;
    expect_refused(made_side("old", 1), with_provenance("cpu_model", json_string("Other")),
                   "cpu_model Made against Other");
    expect_refused(made_side("old", 1), with_provenance("cpu_count", json_integer(4)),
                   "cpu_count 2 against 4");
    expect_refused(made_side("old", 1), with_provenance("memory_bytes", json_integer(8589934592)),
                   "memory_bytes 24 GiB against 8 GiB");
    expect_refused(made_side("old", 1),
                   with_provenance("kernel", json_string("Linux 6.2.0 x86_64")),
                   "kernel Linux 6.1 x86_64 against Linux 6.2 x86_64");
    expect_refused(made_side("old", 1), with_provenance("cflags", json_string("-O0")), "cflags");

    json_t *head = made_side("new", 1);
    workload = json_array_get(json_object_get(made_run(head), "workloads"), 0);
    json_object_set_new(workload, "params", json_pack("{s:i}", "steps", 6));
    expect_refused(made_side("old", 1), head, "params of w");

    head = made_side("new", 1);
    json_object_set_new(made_run(head), "seed", json_integer(8));
    workload = json_array_get(json_object_get(made_run(head), "workloads"), 0);
    json_object_set_new(workload, "ops", json_integer(6));
    json_t *base = made_side("old", 1);
    workload = json_array_get(json_object_get(made_run(base), "workloads"), 0);
    json_object_set_new(workload, "ops", json_integer(5));
    expect_refused(base, head, "comparable: seed 7 against 8; ops of w;");

    head = made("other", "a");
    made_time(head, "other", "a", 0, 1);
    expect_refused(made_side("old", 1), head, "no cell in common");
}

/* A patch of the kernel, a name, our own commit, a few bytes of memory: the same machine. */
static void alike(void **state)
{
    (void)state;
    json_t *head = with_provenance("kernel", json_string("Linux 6.1.0-20-amd64 x86_64"));
    json_t *provenance = json_object_get(made_run(head), "provenance");
    json_object_set_new(provenance, "memory_bytes", json_integer(25274000000));
    json_object_set_new(provenance, "git_commit", json_string("abcdef"));
    json_object_set_new(provenance, "binary_build_id", json_string("12"));
    json_object_set_new(json_object_get(made_backend(head, 0), "identity"), "version",
                        json_string("a 2"));
    struct pab_reading *old = made_reading(made_side("old", 1));
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    assert_false(comparison->forced);
    assert_true(has_note(comparison, "a is a against a 2"));
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

/* Shards of one machine, merged, are beside a run that was whole. */
static void merged_of_one_machine(void **state)
{
    (void)state;
    json_t *head = made_side("new", 1);
    json_t *provenance = json_object_get(made_run(head), "provenance");
    json_object_set_new(made_run(head), "hosts", json_pack("[{s:O}]", "provenance", provenance));
    struct pab_reading *old = made_reading(made_side("old", 1));
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    assert_false(comparison->forced);
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);

    head = made_side("new", 1);
    provenance = json_deep_copy(json_object_get(made_run(head), "provenance"));
    json_object_set_new(provenance, "cpu_model", json_string("Other"));
    json_object_set_new(made_run(head), "hosts", json_pack("[{s:o}]", "provenance", provenance));
    expect_refused(made_side("old", 1), head, "comparable: cpu_model Made against Other;");
}

/* Whatever a document says stays one line, and text for terminals and for JSON. */
static void texts_of_documents_are_tamed(void **state)
{
    (void)state;
    json_t *base = made("w", "a,b");
    json_t *head = made("w", "a,b");
    json_object_set_new(made_run(head), "run_id", json_string("two"));
    char message[400] = "\033[2J\nxx";
    for (size_t i = strlen(message); i + 2 < sizeof(message); i += 2) {
        message[i] = '\xc3'; /* two bytes each: the limit of `why` is amid one */
        message[i + 1] = '\xa9';
    }
    made_time(base, "w", "a", 0, 100);
    made_time(base, "w", "b", 0, 100);
    made_time(head, "w", "a", 0, 100);
    made_failure(head, "w", "b");
    json_object_set_new(json_array_get(json_object_get(made_run(head), "failures"), 0), "message",
                        json_string(message));
    json_object_set_new(made_run(head), "noise",
                        json_pack("{s:[s, i]}", "warnings", "a\nb\033[1m", 7));
    struct pab_reading *old = made_reading(base);
    struct pab_reading *new = made_reading(head);
    struct pab_comparison *comparison = between(old, new, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    assert_int_equal(strncmp(row->why, "crashed: ?[2J xx", 16), 0);
    json_t *why = json_string(row->why);
    assert_non_null(why);
    json_decref(why);
    assert_true(has_note(comparison, "head: a b?[1m"));
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

static void forced(void **state)
{
    (void)state;
    struct pab_reading *old = made_reading(made_side("old", 1));
    struct pab_reading *new = made_reading(with_provenance("cpu_model", json_string("Other")));
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    struct pab_rules rules = pab_rules_exploring();
    rules.force = true;
    assert_int_equal(pab_compare_between(old, new, &rules, &comparison, &err), PAB_OK);
    assert_true(comparison->forced);
    assert_true(has_note(comparison, "forced: compared although they differ in cpu_model"));
    pab_comparison_free(comparison);
    pab_reading_close(old);
    pab_reading_close(new);
}

static void nothing_to_compare(void **state)
{
    (void)state;
    struct pab_comparison *comparison = NULL;
    struct pab_error err = {0};
    json_t *document = made("w", "a");
    made_time(document, "w", "a", 0, 1);
    struct pab_reading *reading = made_reading(document);
    assert_int_equal(pab_compare_within(reading, NULL, exploring(), &comparison, &err),
                     PAB_NOT_COMPARABLE);
    assert_non_null(strstr(err.text, "holds a alone"));
    pab_reading_close(reading);

    document = made("w,v", "a,b");
    made_time(document, "w", "a", 0, 1);
    made_time(document, "v", "b", 0, 1);
    reading = made_reading(document);
    assert_int_equal(pab_compare_within(reading, NULL, exploring(), &comparison, &err),
                     PAB_NOT_COMPARABLE);
    assert_int_equal(pab_compare_within(reading, "nobody", exploring(), &comparison, &err),
                     PAB_USAGE);
    assert_non_null(strstr(err.text, "it has: a, b"));
    struct pab_rules rules = pab_rules_gating();
    assert_int_equal(pab_compare_arms(reading, PAB_ALL_ROUNDS, &rules, &comparison, &err),
                     PAB_NOT_COMPARABLE);
    pab_reading_close(reading);
}

/* --- hosts ------------------------------------------------------------------------------------ */

/* Two hosts, the second ten times as slow; there the head is `ratio` times the base. */
static struct pab_reading *two_hosts(double first, double second)
{
    json_t *document = made("w", "a,b");
    json_object_set_new(made_run(document), "hosts", json_pack("[{}, {}]"));
    uint64_t noise = 9;
    for (unsigned r = 0; r < 24; r++) {
        bool is_second = r >= 12;
        double slow = is_second ? 1000 : 100;
        double ratio = is_second ? second : first;
        json_t *rows[2] = {
            made_time(document, "w", "a", r, slow * exp(0.01 * made_noise(&noise))),
            made_time(document, "w", "b", r, slow * ratio * exp(0.01 * made_noise(&noise))),
        };
        for (size_t i = 0; i < 2; i++) {
            json_object_set_new(rows[i], "host", json_integer(is_second));
        }
    }
    return made_reading(document);
}

static void hosts_agree(void **state)
{
    (void)state;
    struct pab_reading *reading = two_hosts(1.1, 1.1);
    struct pab_comparison *comparison = within(reading, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    expect_call(row, PAB_CALL_WORSE);
    expect_near(row->ratio, 1.1, 0.01);
    assert_true(isnan(row->base) && isnan(row->head)); /* no median of two machines */
    assert_true(row->heterogeneity > 0.01);
    assert_true(row->superiority > 0.99); /* within each */
    for (size_t i = 0; i < comparison->count; i++) {
        assert_null(comparison->rows[i].host);
    }
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

static void hosts_differ(void **state)
{
    (void)state;
    struct pab_reading *reading = two_hosts(1.4, 0.9);
    struct pab_comparison *comparison = within(reading, exploring());
    const struct pab_row *row = the_row(comparison, "w", "b", "cpu_ns_per_op");
    expect_near(row->ratio, sqrt(1.4 * 0.9), 0.01);
    assert_true(row->heterogeneity < 1e-6);
    assert_true(has_note(comparison, "hosts differ"));
    double seen[2] = {0, 0};
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *own = &comparison->rows[i];
        if (own->host != NULL && strcmp(own->label, "b") == 0 && own->workload != NULL) {
            seen[own->host[0] - '0'] = own->ratio;
            expect_call(own, PAB_CALL_NOT_JUDGED);
        }
    }
    expect_near(seen[0], 1.4, 0.02);
    expect_near(seen[1], 0.9, 0.02);
    pab_comparison_free(comparison);
    pab_reading_close(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swapped),
        cmocka_unit_test(same_file_twice),
        cmocka_unit_test(new_gone_failed),
        cmocka_unit_test(failures_by_pass),
        cmocka_unit_test(counters_come_and_go),
        cmocka_unit_test(unlike),
        cmocka_unit_test(alike),
        cmocka_unit_test(merged_of_one_machine),
        cmocka_unit_test(texts_of_documents_are_tamed),
        cmocka_unit_test(forced),
        cmocka_unit_test(nothing_to_compare),
        cmocka_unit_test(hosts_agree),
        cmocka_unit_test(hosts_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
