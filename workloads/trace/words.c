#include "workloads/trace/words.h"

#include "allocators/os_pages.h"

#include <assert.h>
#include <string.h>

#define BATCH       4096u
#define GROWTH      ((size_t)1 << 20)
#define LEVEL_STEPS 64u /* to an octave */
#define LEVELS      (48u * LEVEL_STEPS)

/* A slot as the last event left it: size, domain, alive. */
#define LIVE        ((uint64_t)1)
#define STATE_SHIFT 3

struct pab_words {
    struct pab_trace_reader *reader;
    struct pab_words_part part;
    uint64_t events, skipped, taken;
    uint32_t first;    /* slots that what is skipped has used */
    uint32_t survivor; /* the next of them to look at */
    struct pab_event batch[BATCH];
    size_t batch_at, batch_count;
    uint64_t *states; /* by slot; address space that is committed as slots come into use */
    size_t reserved_bytes, ready_bytes;
    uint32_t slots;
    uint64_t live_bytes, peak_live_bytes;
    uint32_t live_blocks;
    uint64_t level_events[LEVELS]; /* events before so many bytes were live for the first time */
    uint32_t threads, thread;
    uint32_t leftover; /* the next slot to look at, once the events are over */
    bool over;
};

/* --- the peak ------------------------------------------------------------------------------- */

/* Numbers grow with bytes; 64 of them to a doubling, so that each is 1.6 % or less. */
static unsigned level_of(uint64_t bytes)
{
    unsigned octave = 63u - (unsigned)__builtin_clzll(bytes | LEVEL_STEPS) - 6;
    unsigned step = (unsigned)(bytes >> octave) & (LEVEL_STEPS - 1);
    return octave == 0 && bytes < LEVEL_STEPS ? 0 : octave * LEVEL_STEPS + step;
}

static void gain(struct pab_words *words, uint64_t bytes)
{
    words->live_bytes += bytes;
    if (words->live_bytes <= words->peak_live_bytes) {
        return;
    }
    unsigned to = level_of(words->live_bytes);
    for (unsigned i = level_of(words->peak_live_bytes) + 1; i <= to; i++) {
        words->level_events[i] = words->events;
    }
    words->peak_live_bytes = words->live_bytes;
}

struct pab_survey pab_words_survey(const struct pab_words *words)
{
    unsigned peak = level_of(words->peak_live_bytes);
    unsigned built = level_of(words->peak_live_bytes / 10 * 9) + 1;
    return (struct pab_survey){
        .events = words->events,
        .taken = words->taken,
        .peak_live_bytes = words->peak_live_bytes,
        .build_events = words->level_events[built < peak ? built : peak],
        .slots = words->slots,
        .end_blocks = words->live_blocks,
        .threads = words->threads,
        .ended = pab_trace_ended(words->reader),
    };
}

/* --- one event ------------------------------------------------------------------------------ */

/* The heap has no fourth domain: malloc() is what the raw domain calls in CPython. */
static unsigned domain_of(const struct pab_event *event)
{
    return event->domain == PAB_TRACE_LIBC ? PAB_TRACE_RAW : event->domain;
}

static uint64_t *put_thread(struct pab_words *words, uint64_t *at, uint32_t thread)
{
    if (thread >= words->threads) {
        words->threads = thread + 1;
    }
    thread %= words->part.threads_max;
    if (thread != words->thread) {
        words->thread = thread;
        *at++ = pab_word_of(PAB_WORD_THREAD, 0, thread, 0);
    }
    return at;
}

static bool make_room(struct pab_words *words, uint32_t slot)
{
    size_t needed = ((size_t)slot + 1) * sizeof(*words->states);
    if (slot >= words->slots) {
        words->slots = slot + 1;
    }
    if (needed > words->ready_bytes && needed <= words->reserved_bytes) {
        size_t left = words->reserved_bytes - words->ready_bytes;
        size_t more = left < GROWTH ? left : GROWTH;
        unsigned char *end = (unsigned char *)words->states + words->ready_bytes;
        words->ready_bytes += pab_pages_commit(end, more) ? more : 0;
    }
    return needed <= words->ready_bytes;
}

static uint64_t state_after(const struct pab_event *event)
{
    return event->kind == PAB_EVENT_FREE
               ? 0
               : event->size << STATE_SHIFT | (uint64_t)domain_of(event) << 1 | LIVE;
}

/* NULL: there is no memory for so many blocks. */
static uint64_t *put_event(struct pab_words *words, uint64_t *at, const struct pab_event *event)
{
    unsigned domain = domain_of(event);
    if (!make_room(words, event->slot)) {
        return NULL;
    }
    at = put_thread(words, at, event->thread);
    uint64_t *state = &words->states[event->slot];
    uint64_t old = *state >> STATE_SHIFT;
    *state = state_after(event);
    switch ((enum pab_event_kind)event->kind) {
    case PAB_EVENT_FREE:
        words->live_bytes -= old;
        words->live_blocks--;
        return pab_word_put_block(at, PAB_WORD_FREE, domain, event->slot, old);
    case PAB_EVENT_REALLOC:
        words->live_bytes -= old;
        gain(words, event->size);
        return pab_word_put_resize(at, domain, event->slot, old, event->size);
    case PAB_EVENT_CALLOC:
        words->live_blocks++;
        gain(words, event->size);
        return pab_word_put_block(at, PAB_WORD_CALLOC, domain, event->slot, event->size);
    default: /* ALIGNED: the tables have no such call */
        words->live_blocks++;
        gain(words, event->size);
        return pab_word_put_block(at, PAB_WORD_MALLOC, domain, event->slot, event->size);
    }
}

static enum pab_status no_room_for_so_many(const struct pab_words *words, struct pab_error *err)
{
    return pab_fail(err, PAB_NO_MEMORY,
                    "event %llu: more blocks are alive than there is memory for",
                    (unsigned long long)words->events + 1);
}

/* --- many ----------------------------------------------------------------------------------- */

static bool has_room(const struct pab_word_row *row)
{
    return row->room - row->count >= PAB_WORDS_OF_EVENT;
}

static enum pab_status next_batch(struct pab_words *words, struct pab_error *err)
{
    uint64_t left = words->part.limit - words->taken;
    words->batch_at = 0;
    words->batch_count = 0;
    if (left == 0) {
        words->over = true;
        return PAB_OK;
    }
    enum pab_status status = pab_trace_read(
        words->reader, words->batch, left < BATCH ? (size_t)left : BATCH, &words->batch_count, err);
    words->over = status == PAB_OK && words->batch_count == 0;
    return status;
}

/* Goes past the events that are not wanted; what they leave stands in the states. */
static enum pab_status skip_events(struct pab_words *words, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    size_t count = 1;
    while (status == PAB_OK && count > 0 && words->skipped < words->part.skip) {
        uint64_t left = words->part.skip - words->skipped;
        status = pab_trace_read(words->reader, words->batch, left < BATCH ? (size_t)left : BATCH,
                                &count, err);
        for (size_t i = 0; i < count; i++) {
            const struct pab_event *event = &words->batch[i];
            if (!make_room(words, event->slot)) {
                return pab_fail(err, PAB_NO_MEMORY, "no memory for the blocks of a trace");
            }
            words->states[event->slot] = state_after(event);
        }
        words->skipped += count;
    }
    return status;
}

static enum pab_status put_survivors(struct pab_words *words, struct pab_word_row *row,
                                     uint64_t until, struct pab_error *err)
{
    for (; words->survivor < words->first && has_room(row) && words->events < until;
         words->survivor++) {
        uint64_t state = words->states[words->survivor];
        if ((state & LIVE) != 0) {
            uint64_t *at = row->at + row->count;
            uint64_t size = state >> STATE_SHIFT;
            words->live_blocks++;
            gain(words, size);
            if (words->live_bytes > PAB_TRACE_SIZE_MAX) {
                return no_room_for_so_many(words, err);
            }
            row->count += (size_t)(pab_word_put_block(at, PAB_WORD_MALLOC, (unsigned)state >> 1 & 3,
                                                      words->survivor, size) -
                                   at);
            words->events++;
        }
    }
    return PAB_OK;
}

/* As many events of the batch as there is room for, up to number `until`. */
static enum pab_status put_batch(struct pab_words *words, struct pab_word_row *row, uint64_t until,
                                 struct pab_error *err)
{
    while (has_room(row) && words->batch_at < words->batch_count && words->events < until) {
        uint64_t *at = row->at + row->count;
        uint64_t *next = put_event(words, at, &words->batch[words->batch_at++]);
        if (next == NULL || words->live_bytes > PAB_TRACE_SIZE_MAX) {
            return no_room_for_so_many(words, err);
        }
        row->count += (size_t)(next - at);
        words->events++;
        words->taken++;
    }
    return PAB_OK;
}

/* The blocks that are left; thread 0 gives them back, as a process that ends. */
static void put_leftovers(struct pab_words *words, struct pab_word_row *row)
{
    uint64_t *at = put_thread(words, row->at, 0);
    const uint64_t *last = row->at + row->room - PAB_WORDS_OF_EVENT;
    for (; words->leftover < words->slots && at <= last; words->leftover++) {
        uint64_t state = words->states[words->leftover];
        if ((state & LIVE) != 0) {
            at = pab_word_put_block(at, PAB_WORD_FREE, (unsigned)state >> 1 & 3, words->leftover,
                                    state >> STATE_SHIFT);
        }
    }
    row->count = (size_t)(at - row->at);
}

enum pab_status pab_words_read(struct pab_words *words, struct pab_word_row *row,
                               struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    uint64_t until = row->most == 0 ? UINT64_MAX : words->events + row->most;
    row->count = 0;
    if (words->skipped < words->part.skip && !words->over) {
        status = skip_events(words, err);
        words->over = words->skipped < words->part.skip;
        words->first = words->slots;
    }
    if (status == PAB_OK) {
        status = put_survivors(words, row, until, err);
    }
    while (status == PAB_OK && !words->over && words->survivor == words->first && has_room(row) &&
           words->events < until) {
        if (words->batch_at == words->batch_count) {
            status = next_batch(words, err);
        }
        enum pab_status put = put_batch(words, row, until, status == PAB_OK ? err : NULL);
        status = status == PAB_OK ? put : status;
    }
    if (status == PAB_OK && words->over && words->survivor == words->first && row->count == 0) {
        put_leftovers(words, row);
    }
    return status;
}

uint64_t pab_words_events(const struct pab_words *words)
{
    return words->events;
}

void pab_words_rewind(struct pab_words *words)
{
    pab_trace_rewind(words->reader);
    memset(words->states, 0, words->slots * sizeof(*words->states));
    words->batch_at = words->batch_count = 0;
    words->events = words->skipped = words->taken = 0;
    words->survivor = words->first = 0;
    words->slots = words->live_blocks = words->leftover = 0;
    words->live_bytes = words->peak_live_bytes = 0;
    words->threads = words->thread = 0;
    words->over = false;
}

/* Half of it will do where address space is short. */
static bool reserve(struct pab_words *words)
{
    words->reserved_bytes = (size_t)PAB_TRACE_SLOTS_MAX * sizeof(*words->states);
    words->states = pab_pages_reserve(&words->reserved_bytes, GROWTH);
    return words->states != NULL;
}

enum pab_status pab_words_open(const char *path, const struct pab_words_part *part,
                               struct pab_words **out, struct pab_error *err)
{
    struct pab_words *words = pab_pages_map(sizeof(*words));
    if (words == NULL || !reserve(words)) {
        if (words != NULL) {
            pab_pages_release(words, sizeof(*words));
        }
        return pab_fail(err, PAB_NO_MEMORY, "no memory to replay %s", path);
    }
    words->part = *part;
    words->part.limit = part->limit == 0 ? UINT64_MAX : part->limit;
    enum pab_status status = pab_trace_open(path, &words->reader, err);
    if (status != PAB_OK) {
        words->reader = NULL;
        pab_words_close(words);
        return status;
    }
    *out = words;
    return PAB_OK;
}

void pab_words_close(struct pab_words *words)
{
    if (words->reader != NULL) {
        pab_trace_close(words->reader);
    }
    pab_pages_release(words->states, words->reserved_bytes);
    pab_pages_release(words, sizeof(*words));
}

const char *pab_words_meta(const struct pab_words *words)
{
    return pab_trace_meta(words->reader);
}
