#include "workloads/trace/replay.h"

#include "allocators/os_pages.h"
#include "workloads/support/inputs.h"
#include "workloads/support/rng.h"
#include "workloads/trace/baton.h"

#include <inttypes.h>
#include <string.h>

#define WINDOW_WORDS ((size_t)1 << 15) /* a quarter of a MiB: stays in the cache until played */
#define GROWTH_WORDS ((size_t)1 << 17)
#define HELD_MAX     ((size_t)8 << 20) /* 64 MiB: five million events and more */

struct replay {
    struct pab_words *source; /* of a long trace; NULL: all words are held */
    struct pab_survey survey;
    uint64_t *words; /* all, or a window of them; PAB_PLAY_AHEAD more can be read */
    size_t held_max;
    bool is_long;                           /* more than may be held */
    size_t count, build_count, event_count; /* held: all, in the build phase, before the drain */
    struct pab_play play;
    struct pab_baton *baton; /* NULL: one thread */
};

/* --- setup ---------------------------------------------------------------------------------- */

static enum pab_status expect_same_file(const struct pab_recording *recording,
                                        struct pab_error *err)
{
    uint64_t digest = 0;
    if (recording->digest == 0) {
        return PAB_OK;
    }
    enum pab_status status = pab_trace_digest(recording->path, &digest, err);
    if (status == PAB_OK && digest != recording->digest) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "%s is not the trace that it was when the run began: run again",
                        recording->path);
    }
    return status;
}

/* Room for as many words as may be held. */
static enum pab_status reserve(struct replay *replay, struct pab_error *err)
{
    size_t bytes = (replay->held_max + PAB_PLAY_AHEAD) * sizeof(*replay->words);
    replay->words = pab_pages_reserve(&bytes, bytes);
    return replay->words != NULL ? PAB_OK
                                 : pab_fail(err, PAB_NO_MEMORY,
                                            "the system grants no %zu bytes of address space to "
                                            "hold a trace",
                                            bytes);
}

static bool make_room(struct replay *replay, size_t words)
{
    return pab_pages_commit(replay->words, (words + PAB_PLAY_AHEAD) * sizeof(*replay->words));
}

/* Reads all, over again from the start of the room where it does not fit: then it is only looked at. */
static enum pab_status read_all(struct replay *replay, struct pab_words *source,
                                struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    size_t room = 0;
    size_t used = 0;
    bool is_beside = false;
    uint64_t beside[PAB_WORDS_OF_EVENT]; /* whether anything follows what fills the room */
    struct pab_word_row row;
    do {
        if (room - used < PAB_WORDS_OF_EVENT && room < replay->held_max) {
            room += GROWTH_WORDS;
            if (!make_room(replay, room)) {
                return pab_fail(err, PAB_NO_MEMORY, "no memory to hold a trace");
            }
        }
        is_beside = room - used < PAB_WORDS_OF_EVENT;
        row = (struct pab_word_row){.at = is_beside ? beside : replay->words + used,
                                    .room = is_beside ? PAB_WORDS_OF_EVENT : room - used};
        status = pab_words_read(source, &row, err);
        used += row.count;
        if (is_beside && row.count > 0) {
            replay->is_long = true;
            used = 0;
        }
    } while (status == PAB_OK && row.count > 0);
    replay->count = used;
    replay->survey = pab_words_survey(source);
    return status;
}

/* Where the parts of what is held begin. */
static void divide(struct replay *replay)
{
    uint64_t events = 0;
    size_t at = 0;
    while (at < replay->count && events < replay->survey.events) {
        replay->build_count = events == replay->survey.build_events ? at : replay->build_count;
        events += pab_word_kind(replay->words[at]) != PAB_WORD_THREAD;
        at += pab_word_count(replay->words[at]);
    }
    replay->event_count = at;
}

/* The whole of what the parameters ask for, or nothing. */
static enum pab_status expect_whole(const struct replay *replay, const struct pab_run *run,
                                    struct pab_error *err)
{
    uint64_t asked = run->params[PAB_REPLAY_EVENTS];
    const char *path = run->recording->path;
    const struct pab_survey *survey = &replay->survey;
    if (survey->taken == 0 && survey->ended) {
        return pab_fail(err, PAB_BAD_DATA, "%s has no events: there is nothing to replay", path);
    }
    if (asked != 0 ? survey->taken < asked : !survey->ended) {
        return pab_fail(err, PAB_BAD_DATA, "%s ends after %" PRIu64 " events: it is not whole",
                        path, run->params[PAB_REPLAY_FROM] - 1 + survey->taken);
    }
    return PAB_OK;
}

static enum pab_status make_threads(struct replay *replay, struct pab_run *run,
                                    struct pab_error *err)
{
    uint32_t threads = replay->survey.threads;
    if (threads <= 1 || run->one_thread) {
        return PAB_OK;
    }
    if (run->heap->is_of_one_thread) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "%s can be called by one thread alone here, and %s has %u",
                        run->heap->backend->name, run->recording->path, threads);
    }
    replay->baton = pab_inputs_take(run->inputs, sizeof(*replay->baton) + 64);
    replay->baton = (struct pab_baton *)(((uintptr_t)replay->baton + 63) & ~(uintptr_t)63);
    return pab_baton_init(replay->baton, &replay->play,
                          threads < PAB_BATON_THREADS ? threads : PAB_BATON_THREADS, err);
}

/* All that a body uses is there, and resident, before it begins. */
static enum pab_status prepare(struct replay *replay, struct pab_words *source, struct pab_run *run,
                               struct pab_error *err)
{
    enum pab_status status = reserve(replay, err);
    status = status != PAB_OK ? status : read_all(replay, source, err);
    status = status != PAB_OK ? status : expect_whole(replay, run, err);
    if (status != PAB_OK) {
        return status;
    }
    if (replay->is_long) {
        replay->source = source;
        pab_pages_decommit(replay->words + 2 * WINDOW_WORDS,
                           (replay->held_max - 2 * WINDOW_WORDS) * sizeof(*replay->words));
    } else {
        divide(replay);
        pab_words_close(source);
    }
    uint32_t places = 1;
    while (places < replay->survey.slots) {
        places *= 2;
    }
    replay->play.mask = places - 1;
    replay->play.blocks = pab_inputs_take(run->inputs, places * sizeof(void *));
    run->op_count = replay->survey.events + replay->survey.end_blocks;
    return make_threads(replay, run, err);
}

static enum pab_status replay_setup(struct pab_run *run, struct pab_error *err)
{
    PAB_CHECK(run->recording != NULL);
    struct replay *replay = pab_inputs_take(run->inputs, sizeof(*replay));
    struct pab_words *source = NULL;
    run->state = replay;
    replay->held_max = run->recording->held_max == 0 ? HELD_MAX : run->recording->held_max;
    PAB_CHECK(replay->held_max % GROWTH_WORDS == 0);
    enum pab_status status = expect_same_file(run->recording, err);
    if (status == PAB_OK) {
        struct pab_words_part part = {
            .skip = run->params[PAB_REPLAY_FROM] - 1,
            .limit = run->params[PAB_REPLAY_EVENTS],
            .threads_max = run->one_thread ? 1 : PAB_BATON_THREADS,
        };
        status = pab_words_open(run->recording->path, &part, &source, err);
    }
    return status != PAB_OK ? status : prepare(replay, source, run, err);
}

/* --- the body ------------------------------------------------------------------------------- */

static void play(struct replay *replay, const uint64_t *at, const uint64_t *end)
{
    if (replay->baton != NULL) {
        pab_baton_play(replay->baton, at, end);
    } else {
        pab_play(&replay->play, at, end);
    }
}

static void pause_clock(struct pab_run *run, bool paused)
{
    if (run->on_pause != NULL) {
        run->on_pause(run, paused);
    }
}

/* A window of a long trace. That was read to its end before, so a failure now is a change. */
static void read_window(struct replay *replay, struct pab_run *run, struct pab_word_row *row)
{
    struct pab_error err;
    pause_clock(run, true);
    enum pab_status status = pab_words_read(replay->source, row, &err);
    pause_clock(run, false);
    if (status != PAB_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    PAB_CHECK(status == PAB_OK);
}

/* Up to event number `until`. */
static void play_windows(struct replay *replay, struct pab_run *run, uint64_t until)
{
    struct pab_word_row row = {.at = replay->words, .room = WINDOW_WORDS, .count = 1};
    while (row.count > 0 && pab_words_events(replay->source) < until) {
        row.most = until - pab_words_events(replay->source);
        read_window(replay, run, &row);
        play(replay, row.at, row.at + row.count);
    }
}

static void stream(struct replay *replay, struct pab_run *run)
{
    const struct pab_survey *survey = &replay->survey;
    pause_clock(run, true);
    pab_words_rewind(replay->source);
    pause_clock(run, false);
    play_windows(replay, run, survey->build_events);
    pab_run_phase(run, PAB_PHASE_STEADY);
    play_windows(replay, run, survey->events);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    play_windows(replay, run, UINT64_MAX);
}

static void play_held(struct replay *replay, struct pab_run *run)
{
    const uint64_t *words = replay->words;
    play(replay, words, words + replay->build_count);
    pab_run_phase(run, PAB_PHASE_STEADY);
    play(replay, words + replay->build_count, words + replay->event_count);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    play(replay, words + replay->event_count, words + replay->count);
}

static void replay_body(struct pab_run *run)
{
    struct replay *replay = run->state;
    memcpy(replay->play.tables, run->heap->domain, sizeof(replay->play.tables));
    replay->play.sum = 0;
    replay->play.thread = 0;
    pab_run_phase(run, PAB_PHASE_BUILD);
    if (replay->source != NULL) {
        stream(replay, run);
    } else {
        play_held(replay, run);
    }
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = pab_checksum_add(replay->play.sum, replay->survey.events);
}

static const struct pab_param replay_params[] = {
    [PAB_REPLAY_FROM] = {"from", "the first of its events; what is alive before it is made at once",
                         "number", 1, 1, 1, (uint64_t)1 << 48},
    [PAB_REPLAY_EVENTS] = {"events", "how many of those that follow; 0: all", "events", 0, 0, 0,
                           (uint64_t)1 << 48},
    {0},
};

const struct pab_workload pab_workload_replay = {
    .name = "trace",
    .summary = "what a recorded program asked for, again",
    .models =
        "One run of a real program: its requests in their order, by the same threads in turn, "
        "with memory touched as a program touches it.",
    .unit = "one event: a malloc, calloc, realloc or free",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .params = replay_params,
    .setup = replay_setup,
    .body = replay_body,
};
