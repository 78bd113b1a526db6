/* A replay asks for what the trace says, by the threads that it says, and sees every byte lost. Longer
 * than files here are: all of it stands on one allocator that notes, and spoils, what is asked of it. */
#include "allocators/decorate/request.h"
#include "allocators/spec.h"
#include "workloads/pyobj/pyobj.h"
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/trace/baton.h"
#include "workloads/trace/replay.h"
#include "workloads/trace/trace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS   400000u /* two frames; in a window there are 32,768 words */
#define LIVE     3000u
#define HELD_MIN ((size_t)1 << 17)

static char path[] = "replay-XXXXXX";

static void must(enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        fail_msg("%s", err->text);
    }
}

/* --- a trace, and what it asks for -------------------------------------------------------------- */

static struct pab_event events[EVENTS];
static uint64_t asked_hash; /* what the calls must be, by the trace alone */
static uint32_t left_count;
static uint16_t thread_count;

enum shape { ALL_KINDS, ONE_THREAD, MANY_THREADS };

static uint64_t draw_size(uint64_t draw)
{
    static const uint64_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 511, 512, 513, 4103, 4104, 4105};
    switch (draw % 8) {
    case 0:
        return sizes[(draw >> 8) % ARRAY_COUNT(sizes)];
    case 1:
        return (draw >> 8) % 10000;
    default:
        return (draw >> 8) % 300;
    }
}

static void ask(enum pab_domain domain, enum pab_call call, uint64_t size, bool has_pointer)
{
    asked_hash = pab_request_hash(asked_hash, domain, call, size, has_pointer);
}

static void ask_event(const struct pab_event *event)
{
    static const enum pab_call calls[] = {PAB_CALL_MALLOC,  PAB_CALL_CALLOC, PAB_CALL_MALLOC,
                                          PAB_CALL_REALLOC, PAB_CALL_FREE,   PAB_CALL_MALLOC};
    enum pab_domain domain =
        event->domain == PAB_TRACE_LIBC ? PAB_DOMAIN_RAW : (enum pab_domain)event->domain;
    ask(domain, calls[event->kind], event->kind == PAB_EVENT_FREE ? 0 : event->size,
        event->kind == PAB_EVENT_REALLOC || event->kind == PAB_EVENT_FREE);
}

/* Writes it; false leaves out the end. */
static void write_trace(enum shape shape, uint32_t count, bool is_whole)
{
    static struct pab_event live[LIVE];
    struct pab_rng rng;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    uint32_t live_count = 0;
    uint16_t thread = 0;
    pab_rng_seed(&rng, 5);
    must(pab_trace_create(path, "{\"command\":\"test\"}", &writer, &err), &err);
    asked_hash = PAB_REQUEST_HASH_INIT;
    thread_count = shape == MANY_THREADS ? PAB_BATON_THREADS + 3 : 5;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t draw = pab_rng_next(&rng);
        struct pab_event *event = &events[i];
        if (shape != ONE_THREAD && i % 997 == 0) {
            thread = (uint16_t)((thread + 1) % thread_count);
        }
        *event = (struct pab_event){
            .thread = thread, .size = draw_size(draw), .domain = (uint8_t)(draw >> 60 & 3)};
        if (live_count < LIVE / 2 || (live_count < LIVE && (draw >> 40 & 1) != 0)) {
            event->kind = (uint8_t)(i < 9 ? PAB_EVENT_INHERIT : (draw >> 50) % 3);
            must(pab_trace_put(writer, event, &err), &err);
            live[live_count++] = *event;
        } else {
            struct pab_event *block = &live[(draw >> 20) % live_count];
            bool is_free = (draw >> 52) % 4 != 0;
            event->kind = is_free ? PAB_EVENT_FREE : PAB_EVENT_REALLOC;
            event->size = is_free ? 0 : event->size;
            event->slot = block->slot;
            event->domain = block->domain;
            must(pab_trace_put(writer, event, &err), &err);
            *block = is_free ? live[--live_count] : *block;
        }
        ask_event(event);
    }
    left_count = live_count;
    struct stat file;
    must(pab_trace_flush(writer, 1, 1, &err), &err);
    assert_int_equal(stat(path, &file), 0);
    must(pab_trace_finish(writer, "{}", &err), &err);
    if (!is_whole) {
        assert_int_equal(truncate(path, file.st_size), 0); /* as of a recorder that was killed */
    }
}

/* --- a heap that may be wrong ------------------------------------------------------------------- */

enum fault {
    SOUND,
    SHORT_REALLOC,
    DIRTY_CALLOC,
    SHARED_BLOCK,
    LATE_WRITE,
    LATE_TAIL,
    LATE_STRIDE,
    FAULTS
};

struct asked {
    const char *spec;
    enum fault fault;
    uint64_t skip, event_limit;
    uint64_t drain_at; /* calls that come before; 0: EVENTS */
    size_t held_max;
    bool one_thread;
};

static struct watched {
    struct pab_heap *heap;
    struct pab_alloc inner[PAB_DOMAIN_COUNT];
    struct layer {
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    enum fault fault;
    uint64_t hash, calls, live_blocks;
    uint64_t drain_at, drain_hash; /* of the calls before the drain */
    pid_t callers[PAB_BATON_THREADS + 1];
    uint32_t caller_count, wrong_callers, shared_callers;
    unsigned char *last;   /* the block that was handed out last, of 64 bytes or more */
    unsigned char *shared; /* the block of 64 bytes or more that has two owners */
    unsigned char *late;   /* a block that a late write may go to, while nothing asks for it */
    size_t late_at;        /* where in it */
    bool done;             /* the fault was made */
} watched;

static bool calls_for_another(pid_t thread)
{
    for (size_t i = 0; i < ARRAY_COUNT(watched.callers); i++) {
        if (watched.callers[i] == thread) {
            return true;
        }
    }
    return false;
}

/* A caller is the thread of the trace that is to call now. */
static void note_caller(void)
{
    uint32_t thread = watched.calls < EVENTS ? events[watched.calls].thread % PAB_BATON_THREADS : 0;
    pid_t *known = &watched.callers[thread];
    if (*known == 0) {
        watched.caller_count++;
        watched.shared_callers += calls_for_another(gettid());
        *known = gettid();
    }
    watched.wrong_callers += *known != gettid();
}

static const struct pab_alloc *note(void *ctx, enum pab_call call, size_t size, bool has_pointer)
{
    const struct layer *layer = ctx;
    note_caller();
    watched.calls++;
    watched.hash = pab_request_hash(watched.hash, layer->domain, call, size, has_pointer);
    watched.live_blocks += call == PAB_CALL_MALLOC || call == PAB_CALL_CALLOC;
    watched.live_blocks -= call == PAB_CALL_FREE;
    if (watched.calls == watched.drain_at) {
        watched.drain_hash = watched.hash;
    }
    return &watched.inner[layer->domain];
}

static bool is_time(enum fault fault)
{
    bool now = watched.fault == fault && !watched.done && watched.calls > EVENTS / 2;
    watched.done |= now;
    return now;
}

/* Takes note of a block that is of the size for a late write. */
static void note_late(unsigned char *block, size_t size)
{
    bool fits = (watched.fault == LATE_WRITE && size >= 64) ||
                (watched.fault == LATE_TAIL && size > 8 && size <= PAB_TINY_MAX) ||
                (watched.fault == LATE_STRIDE && size > 8200);
    if (fits && !watched.done) {
        watched.late = block;
        watched.late_at = watched.fault == LATE_WRITE ? 0 : size - 1;
        watched.late_at = watched.fault == LATE_STRIDE ? 8192 : watched.late_at;
    }
}

static void *watched_malloc(void *ctx, size_t size)
{
    const struct pab_alloc *inner = note(ctx, PAB_CALL_MALLOC, size, false);
    if (watched.late != NULL && is_time(watched.fault)) {
        watched.late[watched.late_at] ^= 1;
    }
    if (watched.last != NULL && size == 64 && is_time(SHARED_BLOCK)) {
        return watched.shared = watched.last;
    }
    unsigned char *block = inner->malloc(inner->ctx, size);
    watched.last = size >= 64 ? block : watched.last;
    note_late(block, size);
    return block;
}

static void *watched_calloc(void *ctx, size_t count, size_t size)
{
    const struct pab_alloc *inner = note(ctx, PAB_CALL_CALLOC, count * size, false);
    unsigned char *block = inner->calloc(inner->ctx, count, size);
    if (size >= 16 && size <= PAB_SMALL_MAX && is_time(DIRTY_CALLOC)) {
        block[size - 1] = 1;
    }
    return block;
}

static void *watched_realloc(void *ctx, void *ptr, size_t size)
{
    const struct pab_alloc *inner = note(ctx, PAB_CALL_REALLOC, size, true);
    if (ptr != NULL && ptr == watched.late) { /* what is seen is to be seen by the free */
        watched.late[watched.late_at] ^= watched.done;
        watched.late = NULL;
        watched.done = false;
    }
    if (ptr != NULL && ptr == watched.shared) { /* its other owner goes on */
        watched.shared = NULL;
        return memcpy(inner->malloc(inner->ctx, size + 64), ptr, size < 64 ? size : 64);
    }
    unsigned char *block = inner->realloc(inner->ctx, ptr, size);
    if (size >= 64 && size <= 300 && is_time(SHORT_REALLOC)) {
        memset(block + 8, 0, size - 8); /* all that it kept is the first word */
    }
    watched.last = NULL;
    return block;
}

static void watched_free(void *ctx, void *ptr)
{
    const struct pab_alloc *inner = note(ctx, PAB_CALL_FREE, 0, true);
    watched.last = watched.last == ptr ? NULL : watched.last;
    watched.late = watched.late == ptr ? NULL : watched.late;
    if (ptr == watched.shared) {
        watched.shared = NULL;
    } else {
        inner->free(inner->ctx, ptr);
    }
}

static void watch(struct pab_heap *heap, const struct asked *asked)
{
    memset(&watched, 0, sizeof(watched));
    watched.heap = heap;
    watched.fault = asked->fault;
    watched.drain_at = asked->drain_at == 0 ? EVENTS : asked->drain_at;
    watched.hash = PAB_REQUEST_HASH_INIT;
    memcpy(watched.inner, heap->domain, sizeof(watched.inner));
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        watched.layers[i].domain = (enum pab_domain)i;
        heap->domain[i] = (struct pab_alloc){&watched.layers[i], watched_malloc, watched_calloc,
                                             watched_realloc,    watched_free,   NULL};
    }
}

static void unwatch(void)
{
    memcpy(watched.heap->domain, watched.inner, sizeof(watched.inner));
}

/* --- replaying ---------------------------------------------------------------------------------- */

struct outcome {
    uint64_t checksum, op_count;
    uint64_t phase_calls[PAB_PHASE_COUNT];
    uint32_t pauses;
    bool is_paused, was_odd;
};

static struct outcome *now;

static void on_phase(struct pab_run *run, enum pab_phase phase)
{
    (void)run;
    now->phase_calls[phase] = watched.calls;
}

static void on_pause(struct pab_run *run, bool paused)
{
    (void)run;
    now->was_odd |= now->is_paused == paused;
    now->is_paused = paused;
    now->pauses += paused;
}

/* Threads of a replay live as long as the process, so the inputs that they wait in are never given
 * back. Two bodies, the first unwatched: a body ends as it began. */
static struct outcome replay(const struct asked *asked)
{
    static struct pab_inputs inputs[32];
    static size_t used;
    static struct pab_recording recording;
    struct pab_heap heap;
    struct pab_spec *spec = NULL;
    struct pab_error err;
    struct outcome out = {0};
    assert_true(used < ARRAY_COUNT(inputs));
    must(pab_inputs_init(&inputs[used], (size_t)16 << 20, &err), &err);
    must(pab_spec_parse(asked->spec, &spec, &err), &err);
    must(pab_heap_open(&heap, spec, &err), &err);
    snprintf(recording.path, sizeof(recording.path), "%s", path);
    recording.held_max = asked->held_max;
    struct pab_run run = {
        .heap = &heap,
        .inputs = &inputs[used++],
        .params = (const uint64_t[]){asked->skip + 1, asked->event_limit},
        .recording = &recording,
        .one_thread = asked->one_thread,
        .on_phase = on_phase,
        .on_pause = on_pause,
    };
    now = &out;
    must(pab_workload_replay.setup(&run, &err), &err);
    pab_workload_replay.body(&run);
    uint64_t checksum = run.checksum;
    watch(&heap, asked);
    out.pauses = 0;
    pab_workload_replay.body(&run);
    unwatch();
    assert_int_equal(run.checksum == checksum, asked->fault == SOUND);
    assert_int_equal(watched.live_blocks, 0);
    assert_int_equal(watched.calls, run.op_count);
    assert_false(out.was_odd || out.is_paused);
    out.checksum = run.checksum;
    out.op_count = run.op_count;
    pab_heap_close(&heap);
    pab_spec_destroy(spec);
    return out;
}

static void test_asks_for_what_the_trace_says(void **state)
{
    (void)state;
    write_trace(ALL_KINDS, EVENTS, true);
    struct outcome held = replay(&(struct asked){.spec = "system"});
    assert_int_equal(watched.drain_hash, asked_hash);
    assert_int_equal(held.op_count, EVENTS + left_count);
    assert_int_equal(held.pauses, 0);
    assert_int_equal(held.phase_calls[PAB_PHASE_DRAIN], EVENTS);
    assert_int_equal(held.phase_calls[PAB_PHASE_END], held.op_count);
    static const char *const specs[] = {"pymalloc", "null", "pymalloc:hooks=debug"};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct outcome other = replay(&(struct asked){.spec = specs[i]});
        assert_int_equal(watched.drain_hash, asked_hash);
        assert_int_equal(other.checksum, held.checksum);
    }
}

static void test_long_traces_come_in_windows(void **state)
{
    (void)state;
    struct outcome held = replay(&(struct asked){.spec = "system"});
    struct outcome windows = replay(&(struct asked){.spec = "system", .held_max = HELD_MIN});
    assert_true(windows.pauses > EVENTS / 32768);
    assert_int_equal(watched.drain_hash, asked_hash);
    assert_int_equal(windows.checksum, held.checksum);
    assert_int_equal(windows.op_count, held.op_count);
    assert_memory_equal(windows.phase_calls, held.phase_calls, sizeof(held.phase_calls));
}

static void test_builds_up_to_nine_tenths_of_the_peak(void **state)
{
    (void)state;
    uint64_t live = 0;
    uint64_t peak = 0;
    uint64_t at_steady = 0;
    static uint64_t sizes[PAB_TRACE_SLOTS_MAX >> 12];
    struct outcome out = replay(&(struct asked){.spec = "system"});
    for (uint32_t i = 0; i < EVENTS; i++) {
        at_steady = i == out.phase_calls[PAB_PHASE_STEADY] ? live : at_steady;
        live += events[i].size -
                (events[i].kind != PAB_EVENT_REALLOC && events[i].kind != PAB_EVENT_FREE
                     ? 0
                     : sizes[events[i].slot]);
        sizes[events[i].slot] = events[i].size;
        peak = live > peak ? live : peak;
    }
    assert_in_range(at_steady, peak * 88 / 100, peak * 93 / 100);
}

static void test_a_part_begins_with_what_is_alive(void **state)
{
    (void)state;
    const uint32_t from = EVENTS / 3;
    const uint32_t count = 50000;
    static struct pab_event alive[LIVE];
    uint64_t alive_count = 0;
    asked_hash = PAB_REQUEST_HASH_INIT;
    for (uint32_t i = 0; i < from; i++) {
        alive[events[i].slot] = events[i];
    }
    for (uint32_t slot = 0; slot < LIVE; slot++) {
        if (alive[slot].kind != PAB_EVENT_FREE) {
            alive[slot].kind = PAB_EVENT_MALLOC;
            ask_event(&alive[slot]);
            alive_count++;
        }
    }
    for (uint32_t i = from; i < from + count; i++) {
        ask_event(&events[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct outcome out = replay(&(struct asked){.spec = "system",
                                                    .skip = from,
                                                    .event_limit = count,
                                                    .drain_at = alive_count + count,
                                                    .held_max = i == 0 ? 0 : HELD_MIN});
        assert_int_equal(watched.drain_hash, asked_hash);
        assert_int_equal(out.phase_calls[PAB_PHASE_DRAIN], alive_count + count);
    }
}

static void test_sees_what_an_allocator_loses(void **state)
{
    (void)state;
    for (int fault = SOUND + 1; fault < FAULTS; fault++) {
        (void)replay(&(struct asked){.spec = "system", .fault = (enum fault)fault});
        assert_true(watched.done);
    }
}

static void test_threads_call_in_turn(void **state)
{
    (void)state;
    struct outcome several = replay(&(struct asked){.spec = "pymalloc"});
    assert_int_equal(watched.caller_count, thread_count);
    assert_int_equal(watched.wrong_callers, 0);
    assert_int_equal(watched.shared_callers, 0);
    struct outcome one = replay(&(struct asked){.spec = "pymalloc", .one_thread = true});
    assert_int_equal(one.checksum, several.checksum);
    assert_int_equal(watched.callers[1], getpid());
    assert_int_equal(watched.wrong_callers, 0);
}

static void test_more_threads_than_are_made_share_them(void **state)
{
    (void)state;
    write_trace(MANY_THREADS, EVENTS, true);
    (void)replay(&(struct asked){.spec = "system", .held_max = HELD_MIN});
    assert_int_equal(watched.drain_hash, asked_hash);
    assert_int_equal(watched.caller_count, PAB_BATON_THREADS);
    assert_int_equal(watched.wrong_callers, 0);
    assert_int_equal(watched.shared_callers, 0);
}

/* As many words: two of each block, three of a realloc. */
static void write_words(size_t words)
{
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (size_t i = 0; i < (words - words % 2 * 3) / 2; i++) {
        struct pab_event event = {.kind = PAB_EVENT_MALLOC, .size = 16};
        must(pab_trace_put(writer, &event, &err), &err);
    }
    if (words % 2 != 0) {
        struct pab_event event = {.kind = PAB_EVENT_REALLOC, .size = 32};
        must(pab_trace_put(writer, &event, &err), &err);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
}

static void test_what_just_fills_the_room_is_played(void **state)
{
    (void)state;
    for (size_t words = HELD_MIN - PAB_WORDS_OF_EVENT; words <= HELD_MIN + 1; words++) {
        write_words(words);
        struct outcome out = replay(&(struct asked){.spec = "system", .held_max = HELD_MIN});
        assert_int_equal(out.op_count, words - words % 2 * 2);
        assert_int_equal(out.pauses > 0, words > HELD_MIN - (PAB_WORDS_OF_EVENT - 1));
    }
}

/* --- what is refused ---------------------------------------------------------------------------- */

static enum pab_status set_up(uint64_t event_limit, uint64_t digest, struct pab_error *err)
{
    static struct pab_recording recording;
    struct pab_inputs inputs;
    must(pab_inputs_init(&inputs, (size_t)16 << 20, err), err);
    snprintf(recording.path, sizeof(recording.path), "%s", path);
    recording.digest = digest;
    const uint64_t params[] = {1, event_limit};
    struct pab_run run = {
        .inputs = &inputs, .params = params, .recording = &recording, .one_thread = true};
    enum pab_status status = pab_workload_replay.setup(&run, err);
    pab_inputs_fini(&inputs);
    return status;
}

static void test_is_run_whole_or_not_at_all(void **state)
{
    (void)state;
    struct pab_error err;
    write_trace(ONE_THREAD, 1000, false);
    assert_int_equal(set_up(0, 0, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "1000 events"));
    assert_int_equal(set_up(1000, 0, &err), PAB_OK);
    assert_int_equal(set_up(1001, 0, &err), PAB_BAD_DATA);
    write_trace(ONE_THREAD, 0, true);
    assert_int_equal(set_up(0, 0, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "no events"));
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(set_up(0, 0, &err), PAB_BAD_DATA);
}

static void test_damage_is_named_and_what_precedes_it_can_be_asked_for(void **state)
{
    (void)state;
    struct pab_error err;
    struct stat file;
    write_trace(ONE_THREAD, EVENTS, true);
    assert_int_equal(stat(path, &file), 0);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "?", 1, file.st_size * 9 / 10), 1); /* in the second frame */
    close(fd);
    assert_int_equal(set_up(0, 0, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "frame"));
    assert_int_equal(set_up(PAB_TRACE_FRAME_EVENTS, 0, &err), PAB_OK);
}

/* Where they are made at once for a part, too. */
static void test_more_bytes_alive_than_addresses(void **state)
{
    (void)state;
    struct pab_error err;
    struct pab_trace_writer *writer = NULL;
    struct pab_words *words = NULL;
    uint64_t room[64];
    must(pab_trace_create(path, "{}", &writer, &err), &err);
    for (unsigned i = 0; i < 3; i++) {
        struct pab_event event = {.kind = PAB_EVENT_MALLOC, .size = PAB_TRACE_SIZE_MAX};
        must(pab_trace_put(writer, &event, &err), &err);
    }
    must(pab_trace_finish(writer, "{}", &err), &err);
    for (uint64_t skip = 0; skip <= 2; skip += 2) {
        struct pab_words_part part = {.skip = skip, .threads_max = 1};
        struct pab_word_row row = {.at = room, .room = ARRAY_COUNT(room)};
        must(pab_words_open(path, &part, &words, &err), &err);
        assert_int_equal(pab_words_read(words, &row, &err), PAB_NO_MEMORY);
        assert_int_equal(row.count, 2);
        assert_non_null(strstr(err.text, "event 2: more blocks are alive"));
        pab_words_close(words);
    }
}

static void test_another_file_is_not_replayed(void **state)
{
    (void)state;
    struct pab_error err;
    uint64_t digest = 0;
    write_trace(ONE_THREAD, 1000, true);
    must(pab_trace_digest(path, &digest, &err), &err);
    assert_int_equal(set_up(0, digest, &err), PAB_OK);
    assert_int_equal(set_up(0, digest + 1, &err), PAB_NOT_COMPARABLE);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_what_the_trace_says),
        cmocka_unit_test(test_long_traces_come_in_windows),
        cmocka_unit_test(test_builds_up_to_nine_tenths_of_the_peak),
        cmocka_unit_test(test_a_part_begins_with_what_is_alive),
        cmocka_unit_test(test_sees_what_an_allocator_loses),
        cmocka_unit_test(test_threads_call_in_turn),
        cmocka_unit_test(test_more_threads_than_are_made_share_them),
        cmocka_unit_test(test_what_just_fills_the_room_is_played),
        cmocka_unit_test(test_is_run_whole_or_not_at_all),
        cmocka_unit_test(test_damage_is_named_and_what_precedes_it_can_be_asked_for),
        cmocka_unit_test(test_more_bytes_alive_than_addresses),
        cmocka_unit_test(test_another_file_is_not_replayed),
    };
    return cmocka_run_group_tests_name("replay", tests, make_file, remove_file);
}
