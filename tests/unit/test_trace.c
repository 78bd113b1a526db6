/* tests/unit/test_trace.c -- what is written as a trace is what is read. */
#include "tests/unit/trace_files.h"
#include "workloads/support/rng.h"
#include "workloads/trace/trace.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS 600000u /* three frames */
#define LIVE   4096u

/* A stream with every kind, sizes of every length, several domains and threads. */
struct stream {
    struct pab_rng rng;
    struct pab_event live[LIVE];
    uint32_t live_count;
};

static char path[] = "trace-XXXXXX";

static void must(enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        fail_msg("%s", err->text);
    }
}

static void draw_event(struct stream *stream, struct pab_event *event)
{
    uint64_t draw = pab_rng_next(&stream->rng);
    unsigned kind = (unsigned)(draw % 8);
    *event = (struct pab_event){
        .size = pab_rng_next(&stream->rng) & (((uint64_t)1 << (draw >> 8) % 48) - 1),
        .thread = (uint16_t)((draw >> 20 & 15) > 0 ? 700 : draw >> 24 & 3),
        .domain = (uint8_t)(draw >> 32 & 3),
    };
    if (stream->live_count == 0 || (kind < 4 && stream->live_count < LIVE)) {
        event->kind = (uint8_t)(kind == 3 ? PAB_EVENT_INHERIT : kind % 4);
        event->align_log2 = event->kind == PAB_EVENT_ALIGNED ? draw >> 40 & 31 : 0;
        return;
    }
    struct pab_event *block = &stream->live[pab_rng_below(&stream->rng, stream->live_count)];
    event->slot = block->slot;
    event->domain = block->domain;
    event->kind = kind == 4 ? PAB_EVENT_REALLOC : PAB_EVENT_FREE;
    if (event->kind == PAB_EVENT_FREE) {
        event->size = 0;
        *block = stream->live[--stream->live_count];
    }
}

static void note_event(struct stream *stream, const struct pab_event *event)
{
    if (event->kind != PAB_EVENT_REALLOC && event->kind != PAB_EVENT_FREE) {
        stream->live[stream->live_count++] = *event;
    }
}

/* Writes the stream; `copy` gets the events as the writer filled them. */
static void write_stream(uint32_t count, struct pab_event *copy)
{
    static struct stream stream;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    stream.live_count = 0;
    pab_rng_seed(&stream.rng, 1);
    must(pab_trace_create(path, "{\"command\":\"test\"}", &writer, &err), &err);
    for (uint32_t i = 0; i < count; i++) {
        draw_event(&stream, &copy[i]);
        must(pab_trace_put(writer, &copy[i], &err), &err);
        note_event(&stream, &copy[i]);
        if (i == 999) {
            must(pab_trace_note(writer, PAB_TRACE_FORK, "{\"fork\":1}", &err), &err);
        }
        if (i % 100000 == 99999) {
            must(pab_trace_flush(writer, i, i / 2, &err), &err);
            pab_trace_tick(writer, 5, 5); /* backwards: held */
        }
    }
    must(pab_trace_finish(writer, "{\"refused\":3}", &err), &err);
}

/* Reads on to the end, `step` events at a time. */
static size_t read_all(struct pab_trace_reader *reader, struct pab_event *out, size_t room,
                       size_t step)
{
    struct pab_error err;
    size_t done = 0;
    size_t count = 1;
    while (count > 0) {
        must(pab_trace_read(reader, out + done, step < room - done ? step : room - done, &count,
                            &err),
             &err);
        done += count;
        if (count > 0) { /* all of one frame, which is the one that is told */
            const struct pab_trace_frame *frame = pab_trace_frame(reader);
            assert_in_range(done, frame->first_event + count,
                            frame->first_event + frame->event_count);
        }
    }
    return done;
}

struct told {
    unsigned count;
    uint64_t first_event;
    char text[64];
};

static void hear(void *arg, uint32_t kind, uint64_t first_event, const char *json)
{
    struct told *told = arg;
    assert_int_equal(kind, PAB_TRACE_FORK);
    told->count++;
    told->first_event = first_event;
    snprintf(told->text, sizeof(told->text), "%s", json);
}

static void events_come_back(void **state)
{
    (void)state;
    struct pab_error err;
    struct told told = {0};
    struct pab_trace_reader *reader = NULL;
    static struct pab_event copy[EVENTS];
    static struct pab_event got[EVENTS + 1];
    write_stream(EVENTS, copy);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_string_equal(pab_trace_meta(reader), "{\"command\":\"test\"}");
    assert_non_null(strstr(pab_trace_totals(reader), "{\"refused\":3,\"events\":600000,"));
    pab_trace_on_note(reader, hear, &told);
    for (unsigned round = 1; round <= 2; round++) {
        memset(got, 0, sizeof(got));
        assert_int_equal(read_all(reader, got, EVENTS + 1, round == 1 ? 777 : EVENTS + 1), EVENTS);
        assert_int_equal(pab_same_events(copy, got, EVENTS), EVENTS);
        assert_true(pab_trace_ended(reader));
        assert_int_equal(told.count, round);
        assert_int_equal(told.first_event, 1000);
        assert_string_equal(told.text, "{\"fork\":1}");
        pab_trace_rewind(reader);
        assert_false(pab_trace_ended(reader));
    }
    pab_trace_close(reader);
}

/* The clocks of a frame are those that were told last before it ended. */
static void frames_carry_clocks(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_reader *reader = NULL;
    static struct pab_event events[250000];
    write_stream(250000, events);
    must(pab_trace_open(path, &reader, &err), &err);
    static const uint64_t wanted[][3] = {/* up to this event: wall, CPU */
                                         {1000, 0, 0},
                                         {100000, 99999, 49999},
                                         {200000, 199999, 99999},
                                         {250000, 199999, 99999}};
    uint64_t done = 0;
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        size_t count = 0;
        uint64_t wall = 1;
        uint64_t cpu = 1;
        must(pab_trace_read(reader, events, 250000, &count, &err), &err);
        done += count;
        pab_trace_clock(reader, &wall, &cpu);
        assert_int_equal(done, wanted[i][0]);
        assert_int_equal(wall, wanted[i][1]);
        assert_int_equal(cpu, wanted[i][2]);
    }
    pab_trace_close(reader);
}

static void put(struct pab_trace_writer *writer, unsigned kind, uint32_t *slot, unsigned thread)
{
    struct pab_error err;
    struct pab_event event = {
        .kind = (uint8_t)kind, .slot = *slot, .thread = (uint16_t)thread, .size = 8};
    must(pab_trace_put(writer, &event, &err), &err);
    *slot = event.slot;
}

/* The slot that became free last, else the next one. */
static void slots_are_last_in_first_out(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    struct pab_event events[16];
    uint32_t slots[5] = {0};
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (unsigned i = 0; i < 4; i++) {
        put(writer, PAB_EVENT_MALLOC, &slots[i], 0);
        assert_int_equal(slots[i], i);
    }
    put(writer, PAB_EVENT_FREE, &slots[1], 0);
    put(writer, PAB_EVENT_FREE, &slots[2], 0);
    put(writer, PAB_EVENT_REALLOC, &slots[3], 0);
    assert_int_equal(slots[3], 3);
    static const uint32_t wanted[] = {2, 1, 4};
    for (unsigned i = 0; i < 3; i++) {
        put(writer, PAB_EVENT_CALLOC, &slots[4], 0);
        assert_int_equal(slots[4], wanted[i]);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_int_equal(read_all(reader, events, 16, 16), 10);
    assert_int_equal(events[7].slot, 2);
    assert_int_equal(pab_trace_slots(reader), 5);
    pab_trace_close(reader);
}

/* Whatever numbers threads have, those in the file are 0, 1, 2 as they appear. */
static void threads_are_named_anew(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    struct pab_event events[8];
    static const unsigned given[] = {65535, 65535, 12, 0, 12, 65535, 12};
    static const unsigned wanted[] = {0, 0, 1, 2, 1, 0, 1};
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (unsigned i = 0; i < ARRAY_COUNT(given); i++) {
        uint32_t slot = 0;
        put(writer, PAB_EVENT_MALLOC, &slot, given[i]);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
    must(pab_trace_open(path, &reader, &err), &err);
    for (unsigned round = 1; round <= 2; round++) { /* the last one is not who calls first */
        assert_int_equal(read_all(reader, events, 8, 8), ARRAY_COUNT(given));
        for (unsigned i = 0; i < ARRAY_COUNT(given); i++) {
            assert_int_equal(events[i].thread, wanted[i]);
        }
        pab_trace_rewind(reader);
    }
    assert_non_null(strstr(pab_trace_totals(reader), "\"threads\":3"));
    pab_trace_close(reader);
}

/* All that memory can hold of threads: each has its number. */
static void many_threads(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    struct pab_event *events = calloc(PAB_TRACE_THREADS_MAX + 1, sizeof(*events));
    assert_non_null(events);
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (unsigned i = 0; i < PAB_TRACE_THREADS_MAX; i++) {
        uint32_t slot = 0;
        put(writer, PAB_EVENT_MALLOC, &slot, i);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_int_equal(read_all(reader, events, PAB_TRACE_THREADS_MAX + 1, 4096),
                     PAB_TRACE_THREADS_MAX);
    assert_int_equal(events[PAB_TRACE_THREADS_MAX - 1].thread, PAB_TRACE_THREADS_MAX - 1);
    pab_trace_close(reader);
    free(events);
}

/* Once 512 places are full, every second frame of events, of which META and FORK are none. */
static void the_index_is_of_every_nth_frame_of_events(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (unsigned i = 0; i < 520; i++) {
        uint32_t slot = 0;
        put(writer, PAB_EVENT_MALLOC, &slot, 0);
        must(pab_trace_flush(writer, 0, 0, &err), &err);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
    must(pab_trace_open(path, &reader, &err), &err);
    const char *tail = strstr(pab_trace_totals(reader), ",510,0],[");
    assert_non_null(tail);
    assert_non_null(strstr(tail, ",512,0],["));
    assert_null(strstr(tail, ",513,0]"));
    pab_trace_close(reader);
}

static void a_trace_without_events(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    struct pab_event event;
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    must(pab_trace_finish(writer, "{}", &err), &err);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_int_equal(read_all(reader, &event, 1, 1), 0);
    assert_true(pab_trace_ended(reader));
    pab_trace_close(reader);
}

/* The file may not grow beyond a limit: what is in it then is a trace, without an end. */
static void a_full_disk_keeps_what_was_written(void **state)
{
    (void)state;
    struct pab_error err = {0};
    struct pab_trace_writer *writer = NULL;
    struct pab_trace_reader *reader = NULL;
    struct rlimit before;
    static struct pab_event events[100];
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, before.rlim_max});
    enum pab_status status = PAB_OK;
    uint64_t written = 0; /* events in frames that went well */
    for (unsigned i = 0; i < 100 && status == PAB_OK; i++) {
        uint32_t slot = 0;
        put(writer, PAB_EVENT_MALLOC, &slot, 0);
        status = pab_trace_flush(writer, 0, 0, &err);
        written += status == PAB_OK;
    }
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, PAB_IO);
    assert_non_null(strstr(err.text, "File too large; what is in it can be read"));
    assert_int_equal(pab_trace_flush(writer, 0, 0, &err), PAB_OK); /* nothing is pending */
    struct pab_event event = {.size = 1};
    assert_int_equal(pab_trace_put(writer, &event, &err), PAB_OK);
    assert_int_equal(pab_trace_flush(writer, 0, 0, &err), PAB_IO);
    assert_int_equal(pab_trace_finish(writer, "{}", &err), PAB_IO);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_int_equal(read_all(reader, events, 100, 100), written);
    assert_true(written > 0);
    assert_false(pab_trace_ended(reader));
    assert_null(pab_trace_totals(reader));
    pab_trace_close(reader);
}

static void the_digest_is_of_every_byte(void **state)
{
    (void)state;
    struct pab_error err;
    uint64_t digests[3];
    static struct pab_event events[1000];
    write_stream(1000, events);
    must(pab_trace_digest(path, &digests[0], &err), &err);
    must(pab_trace_digest(path, &digests[1], &err), &err);
    assert_true(digests[0] == digests[1]);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    assert_int_equal(fputc('?', file), '?');
    assert_int_equal(fclose(file), 0);
    must(pab_trace_digest(path, &digests[2], &err), &err);
    assert_false(digests[0] == digests[2]);
    assert_int_equal(pab_trace_digest("/nonexistent", &digests[0], &err), PAB_IO);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int drop_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back),
        cmocka_unit_test(frames_carry_clocks),
        cmocka_unit_test(slots_are_last_in_first_out),
        cmocka_unit_test(threads_are_named_anew),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(the_index_is_of_every_nth_frame_of_events),
        cmocka_unit_test(a_trace_without_events),
        cmocka_unit_test(a_full_disk_keeps_what_was_written),
        cmocka_unit_test(the_digest_is_of_every_byte),
    };
    return cmocka_run_group_tests_name("trace", tests, make_file, drop_file);
}
