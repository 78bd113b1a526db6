/* tests/unit/test_trace_damage.c -- a damaged, truncated or hostile trace gives the valid events that
 * precede the damage, then one line that names the place. */
#include "tests/unit/trace_files.h"
#include "workloads/trace/trace.h"

#include <string.h>
#include <sys/mman.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM 300000u

static char path[64]; /* of a file in memory: thousands are written */
static struct pab_event events[ROOM];

/* Reads to the end or to the damage; how many events were good. */
static size_t read_file(const char *name, enum pab_status *status, struct pab_error *err)
{
    struct pab_trace_reader *reader = NULL;
    size_t done = 0;
    size_t count = 1;
    *err = (struct pab_error){0};
    *status = pab_trace_open(name, &reader, err);
    if (*status != PAB_OK) {
        return 0;
    }
    while (*status == PAB_OK && count > 0) {
        *status = pab_trace_read(reader, events + done, ROOM - done, &count, err);
        done += count;
    }
    if (*status != PAB_OK) { /* it stays so, and gives no more */
        struct pab_error again = {0};
        assert_int_equal(pab_trace_read(reader, events + done, 1, &count, &again), *status);
        assert_int_equal(count, 0);
        assert_string_equal(again.text, err->text);
    }
    (void)pab_trace_totals(reader);
    pab_trace_close(reader);
    return done;
}

static void expect(const struct trace_file *file, enum pab_status wanted, size_t good,
                   const char *words)
{
    struct pab_error err;
    enum pab_status status = PAB_OK;
    pab_file_save(file, path);
    size_t got = read_file(path, &status, &err);
    if (status != wanted || got != good || strstr(err.text, words) == NULL) {
        fail_msg("wanted status %d, %zu events, '%s'; got %d, %zu, '%s'", wanted, good, words,
                 status, got, err.text);
    }
}

/* Three mallocs of 8 bytes in domain 2, in a file of its own; the rest of `plain` follows. */
static void expect_events(const void *plain, size_t size, uint32_t count, size_t good,
                          const char *words)
{
    static const unsigned char three[] = {0x10, 8, 0x10, 8, 0x10, 8};
    struct trace_file file = {0};
    pab_file_start(&file, PAB_TRACE_VERSION);
    pab_file_text(&file, PAB_TRACE_META, 0, "{}");
    pab_file_events(&file, 0, 3, three, sizeof(three));
    pab_file_events(&file, 3, count, plain, size);
    expect(&file, words[0] == '\0' ? PAB_OK : PAB_BAD_DATA, 3 + good, words);
    pab_file_free(&file);
}

#define EXPECT_EVENTS(count, good, words, ...)                                                     \
    do {                                                                                           \
        static const unsigned char plain_[] = {__VA_ARGS__};                                       \
        expect_events(plain_, sizeof(plain_), count, good, words);                                 \
    } while (0)

/* Of the coding: 0x10 a malloc, 0x12 an aligned one, 0x13 a realloc, 0x14 a free, all of domain 2. */
static void events_that_cannot_be(void **state)
{
    (void)state;
    EXPECT_EVENTS(2, 2, "", 0x14, 0, 0x14, 2);
    EXPECT_EVENTS(2, 1, "a block that is not alive in that domain", 0x14, 0, 0x14, 0);
    EXPECT_EVENTS(1, 0, "a block that is not alive in that domain", 0x14, 1); /* beyond the last */
    EXPECT_EVENTS(1, 0, "a block that is not alive in that domain", 0x14, 6); /* below the first */
    EXPECT_EVENTS(1, 0, "a block that is not alive in that domain", 0x0c, 0); /* of domain 1 */
    EXPECT_EVENTS(1, 0, "a block that is not alive in that domain", 0x13, 9, 1);
    EXPECT_EVENTS(1, 0, "a reference that cannot be", 0x14, 0x80, 0x80, 0x80, 0x80, 0x10);
    EXPECT_EVENTS(1, 0, "an event of no kind", 0x17, 0);
    EXPECT_EVENTS(1, 0, "an event of no kind", 0x30, 8);
    EXPECT_EVENTS(1, 0, "an event of no kind", 0x16, 0, 0x10, 8); /* THREAD of a domain */
    EXPECT_EVENTS(1, 1, "", 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f);
    EXPECT_EVENTS(1, 0, "a size that cannot be", 0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20);
    EXPECT_EVENTS(1, 0, "a size that cannot be", 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                  0xff, 0xff, 0xff, 1);
    EXPECT_EVENTS(1, 1, "", 0x12, 8, 47);
    EXPECT_EVENTS(1, 0, "an alignment that cannot be", 0x12, 8, 48);
    EXPECT_EVENTS(2, 1, "fewer events than it says", 0x10, 8);
    EXPECT_EVENTS(1, 1, "bytes that belong to no event", 0x10, 8, 0x10);
    EXPECT_EVENTS(1, 0, "an event beyond its end", 0x10);
    EXPECT_EVENTS(1, 0, "an event beyond its end", 0x10, 0x80);
}

static void threads_that_cannot_be(void **state)
{
    (void)state;
    EXPECT_EVENTS(1, 1, "", 6, 1, 0x10, 8);
    EXPECT_EVENTS(1, 0, "a thread that cannot be", 6, 2, 0x10, 8); /* 1 did not appear */
    EXPECT_EVENTS(1, 0, "a thread that cannot be", 6, 1, 6);
    EXPECT_EVENTS(1, 0, "a thread that cannot be", 6, 1);
    EXPECT_EVENTS(1, 0, "a thread that cannot be", 6);
    /* a million of them, one after another: as many as there may be are read */
    unsigned char *plain = malloc((size_t)6 * ROOM);
    unsigned char *at = plain;
    assert_non_null(plain);
    for (unsigned thread = 1; thread <= PAB_TRACE_THREADS_MAX; thread++) {
        *at++ = PAB_EVENT_THREAD;
        at = pab_varint_put(at, thread);
        *at++ = 0x10;
        *at++ = 8;
    }
    expect_events(plain, (size_t)(at - plain), PAB_TRACE_THREADS_MAX, PAB_TRACE_THREADS_MAX - 1,
                  "a thread that cannot be");
    free(plain);
}

/* A frame after three good events, with a head that is not what it should be. */
static void expect_head(struct pab_trace_frame head, const void *body, size_t size,
                        const char *words)
{
    static const unsigned char three[] = {0x10, 8, 0x10, 8, 0x10, 8};
    struct trace_file file = {0};
    pab_file_start(&file, PAB_TRACE_VERSION);
    pab_file_text(&file, PAB_TRACE_META, 0, "{}");
    pab_file_events(&file, 0, 3, three, sizeof(three));
    size_t offset = file.size;
    pab_file_frame(&file, head, body, size);
    char place[400];
    snprintf(place, sizeof(place), "in frame 2 at byte %zu: %s; 3 events before it are good",
             offset, words);
    expect(&file, words[0] == '\0' ? PAB_OK : PAB_BAD_DATA, 3, words[0] == '\0' ? "" : place);
    pab_file_free(&file);
}

static void heads_that_cannot_be(void **state)
{
    (void)state;
    struct pab_trace_frame good = {.kind = 'X', .plain_bytes = 2, .first_event = 3};
    struct pab_trace_frame head = good;
    expect_head(head, "{}", 2, ""); /* of a kind that is not known */
    head.plain_bytes = 3;
    expect_head(head, "{}", 2, "it is no text");
    expect_head(good, "a\0", 2, "it is no text");
    head = good;
    head.first_event = 2;
    expect_head(head, "{}", 2, "it is not the one that belongs here");
    head = good;
    head.event_count = 1;
    expect_head(head, "{}", 2, "it does not belong here");
    head = good;
    head.kind = PAB_TRACE_META;
    expect_head(head, "{}", 2, "it does not belong here");
    head = good;
    head.wall_ns = UINT64_MAX;
    expect_head(head, "{}", 2, "its clocks cannot be");
    head = good;
    head.kind = PAB_TRACE_EVENTS;
    expect_head(head, "{}", 2, "it names an impossible number of events");
    head.event_count = PAB_TRACE_FRAME_EVENTS + 1;
    expect_head(head, "{}", 2, "it names an impossible number of events");
    head.event_count = 1;
    expect_head(head, "{}", 2, "it does not decompress to what its head says");
    head.plain_bytes = PAB_TRACE_FRAME_BYTES + 1;
    expect_head(head, "{}", 2, "its head names impossible sizes");
}

/* A body that decompresses to less than it should, and one that does to more: that one is not. */
static void bodies_of_another_size(void **state)
{
    (void)state;
    struct trace_file less = {0};
    static const unsigned char one[] = {0x10, 8};
    pab_file_events(&less, 3, 1, one, sizeof(one));
    struct pab_trace_frame head = {
        .kind = PAB_TRACE_EVENTS, .event_count = 1, .first_event = 3, .plain_bytes = 3};
    expect_head(head, less.bytes + PAB_TRACE_HEAD_BYTES, less.size - PAB_TRACE_HEAD_BYTES,
                "it does not decompress to what its head says");
    pab_file_free(&less);
    struct trace_file bomb = {0};
    size_t size = (size_t)256 << 20;
    void *zeroes = calloc(1, size);
    assert_non_null(zeroes);
    pab_file_events(&bomb, 3, 1, zeroes, size);
    free(zeroes);
    head.plain_bytes = PAB_TRACE_FRAME_BYTES;
    expect_head(head, bomb.bytes + PAB_TRACE_HEAD_BYTES, bomb.size - PAB_TRACE_HEAD_BYTES,
                "it does not decompress to what its head says");
    pab_file_free(&bomb);
}

static void frames_out_of_order(void **state)
{
    (void)state;
    static const unsigned char one[] = {0x10, 8};
    struct trace_file file = {0};
    pab_file_start(&file, PAB_TRACE_VERSION);
    pab_file_text(&file, PAB_TRACE_META, 0, "{}");
    pab_file_events(&file, 0, 1, one, sizeof(one));
    size_t mark = file.size;
    pab_file_events(&file, 2, 1, one, sizeof(one));
    pab_file_events(&file, 1, 1, one, sizeof(one));
    expect(&file, PAB_BAD_DATA, 1, "frame 2");
    file.size = mark;
    pab_file_text(&file, PAB_TRACE_END, 1, "{}");
    expect(&file, PAB_OK, 1, "");
    pab_file_events(&file, 1, 1, one, sizeof(one));
    expect(&file, PAB_BAD_DATA, 1, "in frame 3");
    file.size = mark;
    struct pab_trace_frame late = {.kind = 'X', .plain_bytes = 1, .first_event = 1, .wall_ns = 5};
    pab_file_frame(&file, late, "x", 1);
    late.wall_ns = 4;
    pab_file_frame(&file, late, "x", 1);
    expect(&file, PAB_BAD_DATA, 1, "in frame 3");
    pab_file_free(&file);
}

static void starts_that_cannot_be(void **state)
{
    (void)state;
    struct trace_file file = {0};
    struct pab_error err;
    enum pab_status status = PAB_OK;
    expect(&file, PAB_BAD_DATA, 0, "is no trace: it has 0 bytes");
    pab_file_start(&file, PAB_TRACE_VERSION);
    expect(&file, PAB_BAD_DATA, 0, "in frame 0 at byte 12: the file is cut off");
    pab_file_text(&file, PAB_TRACE_END, 0, "{}");
    expect(&file, PAB_BAD_DATA, 0, "it does not say what was recorded");
    file.bytes[0] = 'P';
    expect(&file, PAB_BAD_DATA, 0, "is no trace: it does not begin with");
    pab_file_start(&file, 2);
    expect(&file, PAB_NOT_COMPARABLE, 0, "a trace of version 2");
    pab_file_start(&file, 0);
    expect(&file, PAB_BAD_DATA, 0, "no version 0");
    pab_file_start(&file, __builtin_bswap32(PAB_TRACE_VERSION));
    expect(&file, PAB_BAD_DATA, 0, "big-endian");
    pab_file_free(&file);
    assert_int_equal(read_file("/nonexistent", &status, &err), 0);
    assert_int_equal(status, PAB_IO);
    assert_int_equal(read_file("/", &status, &err), 0);
    assert_int_equal(status, PAB_IO);
}

/* --- every byte of a file ------------------------------------------------------------------- */

#define SMALL 60u

/* Four frames of 15 events each; `out` holds the events. */
static void make_small(struct pab_event *out)
{
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    assert_int_equal(pab_trace_create(path, "{\"command\":\"x\"}", &writer, &err), PAB_OK);
    for (unsigned i = 0; i < SMALL; i++) {
        static const uint8_t kinds[] = {PAB_EVENT_MALLOC, PAB_EVENT_CALLOC, PAB_EVENT_ALIGNED,
                                        PAB_EVENT_REALLOC, PAB_EVENT_FREE};
        out[i] =
            (struct pab_event){.kind = kinds[i % 5], .size = (uint64_t)i * i, .thread = i / 20 % 2};
        if (out[i].kind == PAB_EVENT_REALLOC || out[i].kind == PAB_EVENT_FREE) {
            out[i].slot = out[i - 2].slot;
        }
        out[i].size = out[i].kind == PAB_EVENT_FREE ? 0 : out[i].size;
        assert_int_equal(pab_trace_put(writer, &out[i], &err), PAB_OK);
        if (i % 15 == 14) {
            assert_int_equal(pab_trace_flush(writer, i, i, &err), PAB_OK);
        }
    }
    assert_int_equal(pab_trace_finish(writer, "{}", &err), PAB_OK);
}

static void load(struct trace_file *file)
{
    static unsigned char bytes[4096];
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t size = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    assert_in_range(size, 1, sizeof(bytes) - 1);
    pab_file_add(file, bytes, size);
}

/* Whole frames of the true events, and an end or one line. */
static void expect_prefix(const struct trace_file *file, const struct pab_event *truth,
                          bool may_end_well)
{
    struct pab_error err;
    enum pab_status status = PAB_OK;
    pab_file_save(file, path);
    size_t good = read_file(path, &status, &err);
    assert_true(good <= SMALL && good % 15 == 0);
    assert_int_equal(pab_same_events(events, truth, good), good);
    assert_true(status == PAB_BAD_DATA || status == PAB_NOT_COMPARABLE ||
                (may_end_well && status == PAB_OK));
    assert_true(status == PAB_OK || (strstr(err.text, path) != NULL && !strchr(err.text, '\n')));
}

static void truncated_anywhere(void **state)
{
    (void)state;
    struct pab_event truth[SMALL];
    struct trace_file file = {0};
    make_small(truth);
    load(&file);
    unsigned ends_well = 0;
    for (size_t whole = file.size; file.size > 0;) {
        file.size--;
        struct pab_error err;
        enum pab_status status = PAB_OK;
        expect_prefix(&file, truth, true);
        (void)read_file(path, &status, &err);
        ends_well += status == PAB_OK;
        assert_true(file.size < whole);
    }
    assert_int_equal(ends_well, 5); /* after META and after each frame of events */
    pab_file_free(&file);
}

static void changed_anywhere(void **state)
{
    (void)state;
    struct pab_event truth[SMALL];
    struct trace_file file = {0};
    make_small(truth);
    load(&file);
    for (size_t i = 0; i < file.size; i++) {
        for (unsigned bit = 0; bit < 8; bit += i % 3 == 0 ? 1 : 7) {
            file.bytes[i] ^= (unsigned char)(1u << bit);
            expect_prefix(&file, truth, false);
            file.bytes[i] ^= (unsigned char)(1u << bit);
        }
    }
    pab_file_free(&file);
}

static int make_file(void **state)
{
    (void)state;
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fd < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_that_cannot_be), cmocka_unit_test(threads_that_cannot_be),
        cmocka_unit_test(heads_that_cannot_be),  cmocka_unit_test(bodies_of_another_size),
        cmocka_unit_test(frames_out_of_order),   cmocka_unit_test(starts_that_cannot_be),
        cmocka_unit_test(truncated_anywhere),    cmocka_unit_test(changed_anywhere),
    };
    return cmocka_run_group_tests_name("trace_damage", tests, make_file, NULL);
}
