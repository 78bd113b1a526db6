/* tests/unit/test_trace.c -- what is written is read; what is damaged is refused. */
#include "workloads/support/rng.h"
#include "workloads/trace/trace.h"

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define EVENTS 600000u
#define LIVE   4096u

/* A stream with every kind, sizes of every length and several threads. */
struct stream {
    struct pab_rng rng;
    struct pab_event live[LIVE];
    uint32_t live_count;
};

static void next_event(struct stream *stream, struct pab_event *event)
{
    uint64_t draw = pab_rng_next(&stream->rng);
    unsigned kind = (unsigned)(draw % 8);
    *event = (struct pab_event){
        .size = pab_rng_next(&stream->rng) & (((uint64_t)1 << (draw >> 8) % 48) - 1),
        .thread = (uint16_t)(draw >> 20 & 15 ? 0 : draw >> 24 & 3),
        .domain = (uint8_t)(draw >> 32 & 3),
        .align_log2 = (uint8_t)(draw >> 40 & 31),
    };
    if (stream->live_count == 0 || (kind < 4 && stream->live_count < LIVE)) {
        event->kind = (uint8_t)(kind == 3 ? PAB_EVENT_INHERIT : kind % 4);
        event->align_log2 = event->kind == PAB_EVENT_ALIGNED ? event->align_log2 : 0;
        return;
    }
    uint32_t which = pab_rng_below(&stream->rng, stream->live_count);
    struct pab_event *block = &stream->live[which];
    event->align_log2 = 0;
    event->slot = block->slot;
    event->domain = block->domain;
    event->kind = kind == 4 ? PAB_EVENT_REALLOC : PAB_EVENT_FREE;
    if (event->kind == PAB_EVENT_FREE) {
        event->size = 0;
        *block = stream->live[--stream->live_count];
    }
}

static void took_place(struct stream *stream, const struct pab_event *event)
{
    if (event->kind != PAB_EVENT_REALLOC && event->kind != PAB_EVENT_FREE) {
        stream->live[stream->live_count++] = *event;
    }
}

static void must(enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        fail_msg("%s", err->text);
    }
}

static char path[] = "trace-XXXXXX";

static void write_stream(uint32_t count, struct pab_event *copy)
{
    static struct stream stream;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    stream = (struct stream){0};
    pab_rng_seed(&stream.rng, 1);
    must(pab_trace_create(path, "{\"command\":\"test\"}", &writer, &err), &err);
    for (uint32_t i = 0; i < count; i++) {
        next_event(&stream, &copy[i]);
        must(pab_trace_put(writer, &copy[i], &err), &err);
        took_place(&stream, &copy[i]);
        if (i == 1000) {
            must(pab_trace_note(writer, PAB_TRACE_FORK, "{\"child\":1}", &err), &err);
        }
        if (i % 100000 == 99999) {
            must(pab_trace_flush(writer, i, i / 2, &err), &err);
        }
    }
    must(pab_trace_finish(writer, "{\"refused\":3}", &err), &err);
}

static void events_come_back(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_reader *reader = NULL;
    struct pab_event *copy = calloc(EVENTS, sizeof(*copy));
    struct pab_event *got = calloc(EVENTS, sizeof(*got));
    assert_true(copy != NULL && got != NULL);
    write_stream(EVENTS, copy);
    must(pab_trace_open(path, &reader, &err), &err);
    assert_string_equal(pab_trace_meta(reader), "{\"command\":\"test\"}");
    assert_non_null(strstr(pab_trace_totals(reader), "\"refused\":3,\"events\":600000"));
    for (int round = 0; round < 2; round++) {
        size_t done = 0;
        size_t count = 1;
        while (count > 0) {
            must(pab_trace_read(reader, got + done, 777 < EVENTS - done ? 777 : EVENTS - done,
                                &count, &err),
                 &err);
            done += count;
        }
        assert_int_equal(done, EVENTS);
        assert_memory_equal(copy, got, EVENTS * sizeof(*got));
        pab_trace_rewind(reader);
    }
    pab_trace_close(reader);
    free(got);
    free(copy);
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
    };
    return cmocka_run_group_tests_name("trace", tests, make_file, drop_file);
}
