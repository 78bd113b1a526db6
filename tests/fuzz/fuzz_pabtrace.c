/* tests/fuzz/fuzz_pabtrace.c -- libFuzzer: any bytes as a recorded trace. What is read is valid event
 * by event, is the same when it is read again, comes back from a trace that it is written to, and is
 * played on blocks that are alive and of the size they were made with; what is refused is said in one
 * line. */
#include "tests/unit/trace_files.h"
#include "workloads/trace/words.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

/* The names are libFuzzer's. NOLINTBEGIN(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* NOLINTEND(readability-identifier-naming) */

/* --- what must hold --------------------------------------------------------------------------- */

#define EVENTS_MAX ((size_t)1 << 20) /* what is beyond is read, and not looked at */

/* A file in memory, by name. */
struct scratch {
    int fd;
    char path[64];
};

static struct scratch *scratch(unsigned which)
{
    static struct scratch all[2] = {{.fd = -1}, {.fd = -1}};
    struct scratch *file = &all[which];
    if (file->fd < 0) {
        file->fd = memfd_create("trace", MFD_CLOEXEC);
        PAB_CHECK(file->fd >= 0);
        snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
    }
    return file;
}

struct reading {
    struct pab_event *events; /* EVENTS_MAX */
    size_t count;
    enum pab_status status;
    struct pab_error err;
};

static void check_line(const struct reading *reading, const char *path)
{
    PAB_CHECK(reading->status == PAB_BAD_DATA || reading->status == PAB_NOT_COMPARABLE);
    PAB_CHECK(reading->err.status == reading->status);
    PAB_CHECK(strncmp(reading->err.text, path, strlen(path)) == 0);
    for (const char *at = reading->err.text; *at != '\0'; at++) {
        PAB_CHECK(*at >= ' ' && *at <= '~');
    }
}

static void read_events(struct pab_trace_reader *reader, struct reading *out, size_t step)
{
    static struct pab_event beyond[4096];
    size_t count = 1;
    out->status = PAB_OK;
    out->count = 0;
    while (out->status == PAB_OK && count > 0) {
        bool room = out->count + step <= EVENTS_MAX;
        struct pab_event *into = room ? out->events + out->count : beyond;
        out->status = pab_trace_read(reader, into, step < 4096 ? step : 4096, &count, &out->err);
        out->count += room ? count : 0;
    }
}

/* An account of the slots that is not the reader's: by slot 1 + the domain, 0 where it is free. */
static void check_events(const struct reading *reading)
{
    static uint8_t alive[EVENTS_MAX];
    uint32_t threads = 0;
    memset(alive, 0, reading->count);
    for (size_t i = 0; i < reading->count; i++) {
        const struct pab_event *event = &reading->events[i];
        PAB_CHECK(event->kind < PAB_EVENT_THREAD && event->domain < PAB_TRACE_DOMAINS);
        PAB_CHECK(event->size <= PAB_TRACE_SIZE_MAX && event->align_log2 < 48);
        PAB_CHECK(event->thread <= threads && event->slot < reading->count);
        threads += event->thread == threads;
        bool makes = event->kind != PAB_EVENT_REALLOC && event->kind != PAB_EVENT_FREE;
        PAB_CHECK(alive[event->slot] == (makes ? 0 : 1 + event->domain));
        alive[event->slot] = event->kind == PAB_EVENT_FREE ? 0 : (uint8_t)(1 + event->domain);
    }
}

static void check_same(const struct reading *first, const struct reading *second)
{
    PAB_CHECK(first->count == second->count);
    PAB_CHECK(pab_same_events(first->events, second->events, first->count) == first->count);
}

static void write_again(const struct reading *reading)
{
    struct pab_trace_writer *writer = NULL;
    PAB_CHECK(pab_trace_create(scratch(1)->path, "{}", &writer, NULL) == PAB_OK);
    for (size_t i = 0; i < reading->count; i++) {
        struct pab_event event = reading->events[i];
        PAB_CHECK(pab_trace_put(writer, &event, NULL) == PAB_OK);
    }
    PAB_CHECK(pab_trace_finish(writer, "{}", NULL) == PAB_OK);
}

/* --- what a replay makes of it ------------------------------------------------------------------ */

#define ROW_WORDS 24u /* a replay has room for thousands; here seams are met */

static uint64_t made[EVENTS_MAX]; /* by slot 1 + the size of the block, 0 where there is none */

static uint64_t size_at(const uint64_t *at)
{
    unsigned kind = pab_word_kind(*at);
    if (kind == PAB_WORD_REALLOC) {
        return at[2];
    }
    return kind >= PAB_WORD_MALLOC_LARGE ? at[1] : pab_word_size(*at);
}

static bool has_class(unsigned kind, uint64_t size)
{
    bool is_tiny = kind >= PAB_WORD_MALLOC_TINY && kind <= PAB_WORD_FREE_TINY;
    bool is_large = kind >= PAB_WORD_MALLOC_LARGE;
    return is_tiny == (size <= PAB_TINY_MAX) && is_large == (size > PAB_SMALL_MAX);
}

static void check_word(const uint64_t *at, const struct pab_words_part *part)
{
    unsigned kind = pab_word_kind(*at);
    uint32_t slot = pab_word_slot(*at);
    if (kind == PAB_WORD_THREAD) {
        PAB_CHECK(slot < part->threads_max);
        return;
    }
    PAB_CHECK(kind < PAB_WORD_THREAD && pab_word_domain(*at) <= PAB_TRACE_OBJ);
    PAB_CHECK(slot < EVENTS_MAX);
    uint64_t old = made[slot];
    if (kind == PAB_WORD_REALLOC) {
        PAB_CHECK(old == at[1] + 1);
    } else if (kind % 3 == PAB_WORD_FREE) {
        PAB_CHECK(old > 0 && has_class(kind, old - 1) && old - 1 == size_at(at));
    } else {
        PAB_CHECK(old == 0 && has_class(kind, size_at(at)));
    }
    made[slot] = kind % 3 == PAB_WORD_FREE ? 0 : size_at(at) + 1;
}

static void check_row(const struct pab_word_row *row, const struct pab_words_part *part)
{
    size_t at = 0;
    while (at < row->count) {
        check_word(row->at + at, part);
        at += pab_word_count(row->at[at]);
    }
    PAB_CHECK(at == row->count);
}

/* The words of a part of the events, read in the smallest of rows. */
static void check_words(const struct reading *reading, const char *path, unsigned choice)
{
    uint64_t words_of[ROW_WORDS];
    struct pab_words_part part = {choice % 4, choice / 4 % 4, 1 + choice / 16 % 4};
    struct pab_word_row row = {.at = words_of, .room = ROW_WORDS, .count = 1};
    struct pab_words *words = NULL;
    enum pab_status status = PAB_OK;
    memset(made, 0, (reading->count + 1) * sizeof(*made));
    PAB_CHECK(pab_words_open(path, &part, &words, NULL) == PAB_OK);
    while (status == PAB_OK && row.count > 0) {
        status = pab_words_read(words, &row, NULL);
        check_row(&row, &part);
    }
    struct pab_survey survey = pab_words_survey(words);
    pab_words_close(words);
    PAB_CHECK(survey.taken <= reading->count && survey.slots <= reading->count);
    if (status != PAB_OK) {
        PAB_CHECK(status == PAB_NO_MEMORY || status == reading->status);
        return;
    }
    PAB_CHECK(survey.build_events <= survey.events);
    for (uint32_t slot = 0; slot < survey.slots; slot++) {
        PAB_CHECK(made[slot] == 0);
    }
}

/* --- one input ---------------------------------------------------------------------------------- */

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pab_event events[EVENTS_MAX];
    static struct pab_event events_again[EVENTS_MAX];
    struct reading first = {.events = events};
    struct reading second = {.events = events_again};
    struct pab_trace_reader *reader = NULL;
    const struct scratch *file = scratch(0);
    PAB_CHECK(ftruncate(file->fd, 0) == 0);
    PAB_CHECK(pwrite(file->fd, data, size, 0) == (ssize_t)size);
    first.status = pab_trace_open(file->path, &reader, &first.err);
    if (first.status != PAB_OK) {
        check_line(&first, file->path);
        return 0;
    }
    read_events(reader, &first, 4096);
    (void)pab_trace_totals(reader);
    pab_trace_rewind(reader);
    read_events(reader, &second, 7);
    pab_trace_close(reader);
    PAB_CHECK(first.status == second.status);
    if (first.status != PAB_OK) {
        check_line(&first, file->path);
    }
    check_events(&first);
    check_same(&first, &second);
    check_words(&first, file->path, data[size - 1]);
    if (size % 8 != 0) { /* a writer takes longer than all the rest */
        return 0;
    }
    write_again(&first);
    PAB_CHECK(pab_trace_open(scratch(1)->path, &reader, NULL) == PAB_OK);
    read_events(reader, &second, 4096);
    pab_trace_close(reader);
    check_same(&first, &second);
    return 0;
}

/* --- inputs that get behind the check sums ------------------------------------------------------ */

#define FRAMES_MAX 24u
#define BODY_MAX   8192u

/* A frame with its body as it is before compression. */
struct part {
    struct pab_trace_frame head;
    size_t size;
    unsigned char body[BODY_MAX];
};

struct parts {
    size_t count;
    struct part at[FRAMES_MAX];
};

/* zstd's contexts are large: one of each for all. */
static size_t pack(void *out, size_t room, const void *plain, size_t size)
{
    static ZSTD_CCtx *zstd;
    zstd = zstd == NULL ? ZSTD_createCCtx() : zstd;
    return ZSTD_compressCCtx(zstd, out, room, plain, size, 1);
}

static size_t unpack(void *out, size_t room, const void *stored, size_t size)
{
    static ZSTD_DCtx *zstd;
    zstd = zstd == NULL ? ZSTD_createDCtx() : zstd;
    return ZSTD_decompressDCtx(zstd, out, room, stored, size);
}

static uint32_t draw(uint32_t *random, size_t below)
{
    *random = *random * 1664525u + 1013904223u;
    return (uint32_t)((*random >> 8) % (below == 0 ? 1 : below));
}

static void take_part(struct parts *parts, const uint8_t *data, size_t size)
{
    struct part *part = &parts->at[parts->count++];
    pab_trace_head_get(data, &part->head);
    const uint8_t *body = data + PAB_TRACE_HEAD_BYTES;
    size_t stored = part->head.stored_bytes < size - PAB_TRACE_HEAD_BYTES
                        ? part->head.stored_bytes
                        : size - PAB_TRACE_HEAD_BYTES;
    if (part->head.kind == PAB_TRACE_EVENTS) {
        part->size = unpack(part->body, BODY_MAX, body, stored);
        part->size = ZSTD_isError(part->size) ? 0 : part->size;
        return;
    }
    part->size = stored < BODY_MAX ? stored : BODY_MAX;
    memcpy(part->body, body, part->size);
}

static void take_apart(struct parts *parts, const uint8_t *data, size_t size)
{
    size_t at = PAB_TRACE_START_BYTES;
    parts->count = 0;
    while (parts->count < FRAMES_MAX && at + PAB_TRACE_HEAD_BYTES <= size) {
        take_part(parts, data + at, size - at);
        size_t stored = parts->at[parts->count - 1].head.stored_bytes;
        at += PAB_TRACE_HEAD_BYTES + stored;
    }
}

/* The fields of its head that agree with what precedes it and with its body, but for one of eight. */
static void mend(struct part *part, uint64_t *first_event, uint32_t *random)
{
    if (draw(random, 8) > 0) {
        part->head.plain_bytes = (uint32_t)part->size;
        part->head.first_event = *first_event;
    }
    *first_event += part->head.kind == PAB_TRACE_EVENTS ? part->head.event_count : 0;
}

static void change_head(struct part *part, uint32_t *random)
{
    static const uint32_t kinds[] = {'M', 'E', 'F', 'Z', 'X'};
    switch (draw(random, 5)) {
    case 0:
        part->head.kind = kinds[draw(random, ARRAY_COUNT(kinds))];
        break;
    case 1:
        part->head.wall_ns += draw(random, 1000);
        break;
    case 2:
        part->head.cpu_ns = (uint64_t)1 << draw(random, 64);
        break;
    default:
        part->head.event_count += draw(random, 5) - 2;
        break;
    }
}

/* A valid event, more or less, at the end of a body. */
static void add_event(struct part *part, uint32_t *random)
{
    if (part->size + 16 > BODY_MAX) {
        return;
    }
    unsigned char *at = part->body + part->size;
    unsigned kind = draw(random, 7);
    *at++ = (unsigned char)(kind == PAB_EVENT_THREAD ? kind : kind | draw(random, 4) << 3);
    if (kind != PAB_EVENT_FREE && kind != PAB_EVENT_THREAD) {
        at = pab_varint_put(at, (uint64_t)draw(random, 600) << draw(random, 30));
    }
    if (kind != PAB_EVENT_MALLOC && kind != PAB_EVENT_CALLOC && kind != PAB_EVENT_INHERIT) {
        at = pab_varint_put(at, draw(random, 4));
    }
    part->size = (size_t)(at - part->body);
    part->head.event_count += kind != PAB_EVENT_THREAD;
}

static void change(struct parts *parts, uint32_t *random)
{
    struct part *part = &parts->at[draw(random, parts->count)];
    struct part *other = &parts->at[draw(random, parts->count)];
    switch (draw(random, 6)) {
    case 0:
        change_head(part, random);
        break;
    case 1: /* one frame more, like another */
        if (parts->count < FRAMES_MAX) {
            parts->at[parts->count++] = *part;
        }
        break;
    case 2:
        *part = *other;
        break;
    case 3:
        *part = parts->at[--parts->count];
        break;
    case 4:
        part->head.kind = PAB_TRACE_EVENTS;
        for (uint32_t left = 1 + draw(random, 20); left > 0; left--) {
            add_event(part, random);
        }
        break;
    default:
        part->size = LLVMFuzzerMutate(part->body, part->size, BODY_MAX);
        break;
    }
}

static size_t put_together(struct parts *parts, uint8_t *data, size_t max_size, uint32_t *random)
{
    static struct trace_file file;
    uint64_t first_event = 0;
    pab_file_start(&file, draw(random, 100) == 0 ? draw(random, 3) : PAB_TRACE_VERSION);
    for (size_t i = 0; i < parts->count; i++) {
        struct part *part = &parts->at[i];
        unsigned char stored[BODY_MAX + 1024];
        mend(part, &first_event, random);
        if (part->head.kind != PAB_TRACE_EVENTS) {
            pab_file_frame(&file, part->head, part->body, part->size);
            continue;
        }
        size_t bytes = pack(stored, sizeof(stored), part->body, part->size);
        PAB_CHECK(!ZSTD_isError(bytes));
        pab_file_frame(&file, part->head, stored, bytes);
    }
    size_t size = file.size < max_size ? file.size : max_size;
    memcpy(data, file.bytes, size);
    return size;
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static struct parts parts;
    uint32_t random = seed;
    if (draw(&random, 8) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    take_apart(&parts, data, size);
    if (parts.count == 0) {
        parts.at[0] = (struct part){.head = {.kind = PAB_TRACE_META}, .size = 2, .body = "{}"};
        parts.at[1] = (struct part){.head = {.kind = PAB_TRACE_EVENTS}};
        parts.count = 2;
        add_event(&parts.at[1], &random);
    }
    for (uint32_t left = 1 + draw(&random, 3); left > 0 && parts.count > 0; left--) {
        change(&parts, &random);
    }
    return put_together(&parts, data, max_size, &random);
}
