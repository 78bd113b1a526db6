/* What comes out of a worker's pipe is not believed: every wrong size, text and number. */
#include "harness/outcome.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned char payload[PAB_PAYLOAD_MAX];
static struct pab_curve_point curve[PAB_CURVE_MAX];

static bool is_sound(uint32_t type, size_t bytes)
{
    struct pab_message header = {type, (uint32_t)bytes};
    return pab_message_is_sound(&header);
}

/* Each type has sizes that it takes, and one byte more or less is refused. */
static void sizes_are_held(void **state)
{
    (void)state;
    static const struct {
        enum pab_message_type type;
        size_t bytes;
    } fixed[] = {
        {PAB_MESSAGE_OPENED, sizeof(struct pab_opened)},
        {PAB_MESSAGE_MANIFEST, sizeof(struct pab_manifest)},
        {PAB_MESSAGE_VERDICT, sizeof(struct pab_verdict_note)},
        {PAB_MESSAGE_DEMAND, sizeof(struct pab_demand)},
        {PAB_MESSAGE_TIME, sizeof(struct pab_time_sample)},
        {PAB_MESSAGE_MEMORY, sizeof(struct pab_memory_sample)},
        {PAB_MESSAGE_STAT, sizeof(struct pab_stat_note)},
        {PAB_MESSAGE_RETAINED, sizeof(struct pab_retained)},
        {PAB_MESSAGE_BODY, sizeof(struct pab_body_note)},
        {PAB_MESSAGE_FIGURE, sizeof(struct pab_figure_note)},
        {PAB_MESSAGE_REFUSED, sizeof(struct pab_refusal)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
        assert_true(is_sound(fixed[i].type, fixed[i].bytes));
        assert_false(is_sound(fixed[i].type, fixed[i].bytes - 1));
        assert_false(is_sound(fixed[i].type, fixed[i].bytes + 1));
        assert_false(is_sound(fixed[i].type, 0));
    }
    assert_true(is_sound(PAB_MESSAGE_CURVE, sizeof(curve)));
    assert_true(is_sound(PAB_MESSAGE_CURVE, 0));
    assert_false(is_sound(PAB_MESSAGE_CURVE, sizeof(curve[0]) + 1));
    assert_false(is_sound(PAB_MESSAGE_CURVE, sizeof(curve) + sizeof(curve[0])));
    assert_true(is_sound(PAB_MESSAGE_STAGE, PAB_NAME_MAX));
    assert_false(is_sound(PAB_MESSAGE_STAGE, PAB_NAME_MAX + 1));
    assert_true(is_sound(PAB_MESSAGE_DONE, 0));
    assert_false(is_sound(PAB_MESSAGE_DONE, 1));
    assert_false(is_sound(PAB_MESSAGE_LINGER, 1));
    assert_false(is_sound(PAB_MESSAGE_DONE + 1, 0));
    assert_false(is_sound(UINT32_MAX, UINT32_MAX));
}

static bool take(struct pab_outcome *out, enum pab_message_type type, size_t bytes)
{
    struct pab_message header = {(uint32_t)type, (uint32_t)bytes};
    assert_true(pab_message_is_sound(&header));
    return pab_outcome_take(out, &header, payload);
}

static void texts_are_ended(void **state)
{
    (void)state;
    struct pab_outcome out = {.curve = curve};
    memset(payload, 'A', sizeof(payload));
    memset(payload + offsetof(struct pab_opened, start_rss_bytes), 0, sizeof(uint64_t));
    assert_true(take(&out, PAB_MESSAGE_OPENED, sizeof(out.opened)));
    assert_int_equal(strlen(out.opened.identity.path), sizeof(out.opened.identity.path) - 1);
    assert_int_equal(strlen(out.opened.raw.proof), sizeof(out.opened.raw.proof) - 1);
    memset(payload, 'A', sizeof(payload));
    assert_true(take(&out, PAB_MESSAGE_REFUSED, sizeof(struct pab_refusal)));
    assert_int_equal(strlen(out.kind), sizeof(out.kind) - 1);
    assert_true(strlen(out.message) < sizeof(out.message));
    memset(payload + offsetof(struct pab_stat_note, value), 0, sizeof(uint64_t));
    assert_true(take(&out, PAB_MESSAGE_STAT, sizeof(out.stats[0])));
    assert_int_equal(strlen(out.stats[0].name), sizeof(out.stats[0].name) - 1);
}

/* JSON takes nothing but UTF-8, and a terminal would obey what is none of a text. */
static void texts_are_cleaned(void **state)
{
    (void)state;
    struct pab_outcome out = {.curve = curve};
    struct pab_refusal refusal = {.kind = "o\xff", .error = {.text = "a\x1b[31m\nb\xe2\x82\xac"}};
    struct pab_opened opened = {.identity = {.version = "1.0\x80"}};
    memcpy(payload, &refusal, sizeof(refusal));
    assert_true(take(&out, PAB_MESSAGE_REFUSED, sizeof(refusal)));
    assert_string_equal(out.kind, "o?");
    assert_string_equal(out.message, "a?[31m b\xe2\x82\xac");
    memcpy(payload, &opened, sizeof(opened));
    assert_true(take(&out, PAB_MESSAGE_OPENED, sizeof(opened)));
    assert_string_equal(out.opened.identity.version, "1.0?");
}

/* Whether a message with these bytes is believed. */
static bool believes(enum pab_message_type type, const void *bytes, size_t size)
{
    struct pab_outcome out = {.curve = curve};
    memcpy(payload, bytes, size);
    bool believed = take(&out, type, size);
    free(out.series);
    return believed;
}

static void numbers_are_held_to_their_range(void **state)
{
    (void)state;
    struct pab_outcome out = {.curve = curve};
    memset(payload, 'A', sizeof(payload));
    assert_false(take(&out, PAB_MESSAGE_VERDICT, sizeof(out.verdict)));
    assert_false(take(&out, PAB_MESSAGE_TIME, sizeof(out.time)));
    struct pab_verdict_note note = {.verdict = PAB_SKIP};
    assert_true(believes(PAB_MESSAGE_VERDICT, &note, sizeof(note)));
    struct pab_time_sample time = {.rep_count = PAB_REPS_MAX};
    assert_true(believes(PAB_MESSAGE_TIME, &time, sizeof(time)));
    time.rep_count++;
    assert_false(believes(PAB_MESSAGE_TIME, &time, sizeof(time)));
}

/* A document with such numbers in it could be read by nobody. */
static void what_no_document_can_hold(void **state)
{
    (void)state;
    static const double bad[] = {-1, 0x1p53, INFINITY, -INFINITY, NAN};
    const uint64_t large = UINT64_C(1) << 53;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct pab_time_sample time = {.rep_count = 2, .rep_cpu_ns = {1, bad[i]}};
        struct pab_time_sample wall = {.rep_count = 2, .rep_wall_ns = {bad[i], 1}};
        struct pab_figure_note figure = {.name = "a", .value = bad[i]};
        assert_false(believes(PAB_MESSAGE_TIME, &time, sizeof(time)));
        assert_false(believes(PAB_MESSAGE_TIME, &wall, sizeof(wall)));
        assert_false(believes(PAB_MESSAGE_FIGURE, &figure, sizeof(figure)));
    }
    struct pab_figure_note nameless = {.value = 1};
    struct pab_stat_note stat = {.name = "a", .value = large};
    struct pab_stat_note nobody = {.value = 1};
    struct pab_retained retained = {.after_ms = 1, .rss_bytes = large};
    struct pab_time_sample cold = {.cold_cpu_ns = large};
    struct pab_memory_sample peak = {.peak_rss_bytes = large};
    struct pab_memory_sample phase = {.phases[1].bytes = large};
    struct pab_curve_point point = {.bytes = large};
    struct pab_body_note body = {.op_count = large};
    struct pab_demand demand = {.phase_live_bytes[1] = large};
    struct pab_series_note series = {.name = "a", .count = 2, .values = {1, large}};
    const size_t series_bytes = offsetof(struct pab_series_note, values[2]);
    assert_false(believes(PAB_MESSAGE_FIGURE, &nameless, sizeof(nameless)));
    assert_false(believes(PAB_MESSAGE_STAT, &stat, sizeof(stat)));
    assert_false(believes(PAB_MESSAGE_STAT, &nobody, sizeof(nobody)));
    assert_false(believes(PAB_MESSAGE_RETAINED, &retained, sizeof(retained)));
    assert_false(believes(PAB_MESSAGE_TIME, &cold, sizeof(cold)));
    assert_false(believes(PAB_MESSAGE_MEMORY, &peak, sizeof(peak)));
    assert_false(believes(PAB_MESSAGE_MEMORY, &phase, sizeof(phase)));
    assert_false(believes(PAB_MESSAGE_CURVE, &point, sizeof(point)));
    assert_false(believes(PAB_MESSAGE_BODY, &body, sizeof(body)));
    assert_false(believes(PAB_MESSAGE_DEMAND, &demand, sizeof(demand)));
    assert_false(believes(PAB_MESSAGE_SERIES, &series, series_bytes));
    series.values[1] = large - 1;
    assert_true(believes(PAB_MESSAGE_SERIES, &series, series_bytes));
    series.count = 3;
    assert_false(believes(PAB_MESSAGE_SERIES, &series, series_bytes));
    stat.value = large - 1;
    peak.peak_rss_bytes = large - 1;
    assert_true(believes(PAB_MESSAGE_STAT, &stat, sizeof(stat)));
    assert_true(believes(PAB_MESSAGE_MEMORY, &peak, sizeof(peak)));
}

/* What is over the bounds is not dropped in silence: who sends so much is no worker of ours. */
static void floods_stay_in_bounds(void **state)
{
    (void)state;
    struct pab_outcome out = {.curve = curve};
    memset(payload, 0, sizeof(payload));
    payload[0] = 'a';
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(take(&out, PAB_MESSAGE_STAT, sizeof(out.stats[0])), i < PAB_STATS_MAX);
        assert_int_equal(take(&out, PAB_MESSAGE_RETAINED, sizeof(out.retained[0])),
                         i < PAB_RETAIN_MAX);
        assert_int_equal(take(&out, PAB_MESSAGE_FIGURE, sizeof(out.figures[0])),
                         i < PAB_FIGURES_MAX);
        assert_true(take(&out, PAB_MESSAGE_CURVE, sizeof(curve)));
    }
    assert_int_equal(out.stat_count, ARRAY_COUNT(out.stats));
    assert_int_equal(out.retained_count, ARRAY_COUNT(out.retained));
    assert_int_equal(out.curve_count, PAB_CURVE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_held),
        cmocka_unit_test(texts_are_ended),
        cmocka_unit_test(texts_are_cleaned),
        cmocka_unit_test(numbers_are_held_to_their_range),
        cmocka_unit_test(what_no_document_can_hold),
        cmocka_unit_test(floods_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
