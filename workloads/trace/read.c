/* workloads/trace/read.c -- a file into frames, frames into events; nothing in it is trusted. */
#include "allocators/os_pages.h"
#include "workloads/trace/codec.h"
#include "workloads/trace/slots.h"
#include "workloads/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZSTD_STATIC_LINKING_ONLY /* a context in memory that we give */
#include <zstd.h>

/* All of a reader but its slots is one mapping; what is not used of it costs no memory. */
struct pab_trace_reader {
    int fd;
    char name[200];
    uint64_t file_bytes;
    uint64_t frame, offset; /* the frame at hand: its number, and where it begins */
    uint64_t next;          /* where the one after it begins */
    uint64_t after_meta;    /* where the second one begins */
    uint64_t events;        /* in the frames up to and with the one at hand */
    struct pab_trace_frame frame_of_events;
    bool ended; /* END was seen */
    bool totals_sought;
    struct pab_error broken; /* what the first failure said, for all later calls */
    struct pab_slots slots;
    struct pab_codec codec;
    uint32_t threads;              /* that appeared */
    uint64_t wall_ns, cpu_ns;      /* of the frame at hand */
    const unsigned char *at, *end; /* what is left of the current frame's body */
    uint32_t left;                 /* events in that */
    pab_trace_note_visit visit;
    void *visit_arg;
    ZSTD_DCtx *zstd;
    unsigned char stored[PAB_TRACE_FRAME_BYTES + 1];                  /* JSON gets a NUL */
    unsigned char plain[PAB_TRACE_FRAME_BYTES + PAB_EVENT_BYTES_MAX]; /* and what is read too far */
    char meta[PAB_TRACE_FRAME_BYTES + 1];
    char totals[PAB_TRACE_FRAME_BYTES + 1];
};

static size_t zstd_offset(void)
{
    return (sizeof(struct pab_trace_reader) + 63) & ~(size_t)63;
}

static size_t reader_bytes(void)
{
    return zstd_offset() + ZSTD_estimateDCtxSize();
}

/* The place is that of the frame at hand. */
__attribute__((format(printf, 3, 4))) static enum pab_status
damaged(struct pab_trace_reader *reader, struct pab_error *err, const char *format, ...)
{
    char why[200];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return pab_fail(err, PAB_BAD_DATA,
                    "%s: damaged, in frame %llu at byte %llu: %s; %llu events before it are good, "
                    "record it again for more",
                    reader->name, (unsigned long long)reader->frame,
                    (unsigned long long)reader->offset, why,
                    (unsigned long long)(reader->events - reader->left));
}

/* --- frames -------------------------------------------------------------------------------- */

static enum pab_status read_at(struct pab_trace_reader *reader, void *out, size_t bytes,
                               uint64_t offset, struct pab_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(reader->fd, (char *)out + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return pab_fail(err, PAB_IO, "%s: cannot be read at byte %llu: %s", reader->name,
                            (unsigned long long)(offset + done), strerror(errno));
        }
        if (got == 0) {
            return pab_fail(err, PAB_IO, "%s: it became shorter while it was read", reader->name);
        }
        done += (size_t)got;
    }
    return PAB_OK;
}

static enum pab_status read_head(struct pab_trace_reader *reader,
                                 unsigned char bytes[PAB_TRACE_HEAD_BYTES],
                                 struct pab_trace_frame *out, struct pab_error *err)
{
    uint64_t left = reader->file_bytes - reader->offset;
    if (left < PAB_TRACE_HEAD_BYTES) {
        return damaged(reader, err, "the file is cut off within its head");
    }
    enum pab_status status = read_at(reader, bytes, PAB_TRACE_HEAD_BYTES, reader->offset, err);
    if (status != PAB_OK) {
        return status;
    }
    pab_trace_head_get(bytes, out);
    if (out->stored_bytes > PAB_TRACE_FRAME_BYTES || out->plain_bytes > PAB_TRACE_FRAME_BYTES) {
        return damaged(reader, err, "its head names impossible sizes");
    }
    if (left - PAB_TRACE_HEAD_BYTES < out->stored_bytes) {
        return damaged(reader, err, "the file is cut off within its body");
    }
    return PAB_OK;
}

/* The frame at `offset` into `body`, which it fits into with a NUL behind it. */
static enum pab_status read_frame(struct pab_trace_reader *reader, unsigned char *body,
                                  struct pab_trace_frame *out, struct pab_error *err)
{
    unsigned char head[PAB_TRACE_HEAD_BYTES];
    enum pab_status status = read_head(reader, head, out, err);
    if (status == PAB_OK) {
        status =
            read_at(reader, body, out->stored_bytes, reader->offset + PAB_TRACE_HEAD_BYTES, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    if (!pab_trace_check_holds(head, body, out->stored_bytes)) {
        return damaged(reader, err, "its check sum is wrong");
    }
    reader->next = reader->offset + PAB_TRACE_HEAD_BYTES + out->stored_bytes;
    body[out->stored_bytes] = '\0';
    if (out->kind != PAB_TRACE_EVENTS &&
        (out->plain_bytes != out->stored_bytes || memchr(body, '\0', out->stored_bytes) != NULL)) {
        return damaged(reader, err, "it is no text");
    }
    return PAB_OK;
}

static enum pab_status unpack_events(struct pab_trace_reader *reader,
                                     const struct pab_trace_frame *frame, struct pab_error *err)
{
    if (frame->event_count == 0 || frame->event_count > PAB_TRACE_FRAME_EVENTS) {
        return damaged(reader, err, "it names an impossible number of events");
    }
    size_t plain = ZSTD_decompressDCtx(reader->zstd, reader->plain, frame->plain_bytes,
                                       reader->stored, frame->stored_bytes);
    if (ZSTD_isError(plain) || plain != frame->plain_bytes) {
        return damaged(reader, err, "it does not decompress to what its head says");
    }
    reader->at = reader->plain;
    reader->end = reader->plain + plain;
    reader->left = frame->event_count;
    reader->events += frame->event_count;
    reader->frame_of_events = *frame;
    return PAB_OK;
}

static enum pab_status take_text(struct pab_trace_reader *reader,
                                 const struct pab_trace_frame *frame, struct pab_error *err)
{
    if (frame->event_count != 0 || frame->kind == PAB_TRACE_META) {
        return damaged(reader, err, "it does not belong here");
    }
    if (frame->kind == PAB_TRACE_END) {
        reader->ended = true;
    } else if (reader->visit != NULL) {
        reader->visit(reader->visit_arg, frame->kind, frame->first_event, (char *)reader->stored);
    }
    return PAB_OK;
}

/* Reads the next frame, whatever it is. */
static enum pab_status next_frame(struct pab_trace_reader *reader, struct pab_error *err)
{
    struct pab_trace_frame frame;
    reader->offset = reader->next;
    reader->frame++;
    enum pab_status status = read_frame(reader, reader->stored, &frame, err);
    if (status != PAB_OK) {
        return status;
    }
    if (reader->ended) {
        return damaged(reader, err, "it follows the end of the trace");
    }
    if (frame.first_event != reader->events) {
        return damaged(reader, err, "it is not the one that belongs here");
    }
    if (frame.wall_ns < reader->wall_ns || frame.cpu_ns < reader->cpu_ns) {
        return damaged(reader, err, "its clocks run backwards");
    }
    reader->wall_ns = frame.wall_ns;
    reader->cpu_ns = frame.cpu_ns;
    return frame.kind == PAB_TRACE_EVENTS ? unpack_events(reader, &frame, err)
                                          : take_text(reader, &frame, err);
}

/* --- events -------------------------------------------------------------------------------- */

/* What comes before an event: its op, and the thread that it is of. NULL or the complaint. */
static const char *read_op(struct pab_trace_reader *reader, unsigned *op)
{
    *op = *reader->at++;
    while ((*op & 7) == PAB_EVENT_THREAD) {
        uint64_t thread = pab_varint_get(&reader->at);
        if (reader->at == NULL || reader->at >= reader->end || thread > reader->threads ||
            thread >= PAB_TRACE_THREADS_MAX) {
            return "a thread that cannot be";
        }
        reader->codec.thread = (uint32_t)thread;
        *op = *reader->at++;
    }
    if (reader->codec.thread == reader->threads) {
        reader->threads++;
    }
    return *op >= 1u << 5 || (*op & 7) > PAB_EVENT_THREAD ? "an event of unknown kind" : NULL;
}

static const char *read_slot(struct pab_trace_reader *reader, struct pab_event *event)
{
    if (pab_event_makes(event->kind)) {
        event->slot = pab_slots_take(&reader->slots, event->domain);
        return event->slot == PAB_SLOT_NONE ? "more blocks than there is memory for" : NULL;
    }
    uint64_t reference = pab_varint_get(&reader->at);
    if (reader->at == NULL || reference > UINT32_MAX) {
        return "a reference that cannot be";
    }
    event->slot = reader->codec.last - pab_unzigzag((uint32_t)reference);
    if (!pab_slots_has(&reader->slots, event->slot, event->domain)) {
        return "a block that is not alive in that domain";
    }
    if (event->kind == PAB_EVENT_FREE) {
        pab_slots_drop(&reader->slots, event->slot);
    }
    return NULL;
}

/* NULL or the complaint. Reads less than PAB_EVENT_BYTES_MAX bytes. */
static const char *read_event(struct pab_trace_reader *reader, struct pab_event *event)
{
    unsigned op = 0;
    const char *wrong = read_op(reader, &op);
    if (wrong != NULL) {
        return wrong;
    }
    *event = (struct pab_event){
        .kind = (uint8_t)(op & 7),
        .domain = (uint8_t)(op >> 3 & 3),
        .thread = (uint16_t)reader->codec.thread,
    };
    if (event->kind != PAB_EVENT_FREE) {
        event->size = pab_varint_get(&reader->at);
        if (reader->at == NULL || event->size > PAB_TRACE_SIZE_MAX) {
            return "a size that cannot be";
        }
    }
    if (event->kind == PAB_EVENT_ALIGNED) {
        uint64_t align = pab_varint_get(&reader->at);
        if (reader->at == NULL || align > 47) {
            return "an alignment that cannot be";
        }
        event->align_log2 = (uint8_t)align;
    }
    wrong = read_slot(reader, event);
    reader->codec.last = event->slot;
    return wrong != NULL || reader->at <= reader->end ? wrong : "an event beyond its end";
}

/* At most `most` events of the frame at hand. NULL or the complaint. */
static const char *read_events(struct pab_trace_reader *reader, struct pab_event *out, size_t most,
                               size_t *count)
{
    const char *wrong = NULL;
    size_t done = 0;
    most = most < reader->left ? most : reader->left;
    while (done < most) {
        wrong = read_event(reader, &out[done]);
        if (wrong != NULL) {
            break;
        }
        done++;
    }
    *count = done;
    reader->left -= (uint32_t)done;
    if (wrong == NULL && reader->left == 0 && reader->at != reader->end) {
        wrong = "bytes that belong to no event";
    }
    return wrong;
}

enum pab_status pab_trace_read(struct pab_trace_reader *reader, struct pab_event *out, size_t most,
                               size_t *count, struct pab_error *err)
{
    struct pab_error *broken = &reader->broken;
    *count = 0;
    while (broken->status == PAB_OK && reader->left == 0 && reader->next < reader->file_bytes) {
        broken->status = next_frame(reader, broken);
    }
    if (broken->status == PAB_OK && reader->left > 0) {
        const char *wrong = read_events(reader, out, most, count);
        if (wrong != NULL) {
            damaged(reader, broken, "it holds %s", wrong);
        }
    }
    if (broken->status != PAB_OK && err != NULL) {
        *err = *broken;
    }
    return broken->status;
}

bool pab_trace_ended(const struct pab_trace_reader *reader)
{
    return reader->ended;
}

const struct pab_trace_frame *pab_trace_frame(const struct pab_trace_reader *reader)
{
    return &reader->frame_of_events;
}

void pab_trace_clock(const struct pab_trace_reader *reader, uint64_t *wall_ns, uint64_t *cpu_ns)
{
    *wall_ns = reader->frame_of_events.wall_ns;
    *cpu_ns = reader->frame_of_events.cpu_ns;
}

uint32_t pab_trace_slots(const struct pab_trace_reader *reader)
{
    return reader->slots.used;
}

void pab_trace_on_note(struct pab_trace_reader *reader, pab_trace_note_visit visit, void *arg)
{
    reader->visit = visit;
    reader->visit_arg = arg;
}

/* --- the file ------------------------------------------------------------------------------ */

enum pab_status pab_trace_rewind(struct pab_trace_reader *reader, struct pab_error *err)
{
    (void)err;
    pab_slots_reset(&reader->slots);
    reader->codec = (struct pab_codec){0};
    reader->broken.status = PAB_OK;
    reader->next = reader->after_meta;
    reader->frame = 0;
    reader->events = reader->wall_ns = reader->cpu_ns = 0;
    reader->threads = reader->left = 0;
    reader->ended = false;
    reader->frame_of_events = (struct pab_trace_frame){0};
    return PAB_OK;
}

static enum pab_status judge_start(const struct pab_trace_reader *reader,
                                   const unsigned char start[PAB_TRACE_START_BYTES],
                                   struct pab_error *err)
{
    uint32_t version = 0;
    if (!pab_trace_start_get(start, &version)) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: is no trace: it does not begin with '" PAB_TRACE_MAGIC
                        "'; `pyallocbench record` makes one",
                        reader->name);
    }
    if (__builtin_bswap32(version) == PAB_TRACE_VERSION) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: its numbers are big-endian, and no trace has such: ask who wrote it",
                        reader->name);
    }
    if (version > PAB_TRACE_VERSION) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "%s: a trace of version %u, and this build reads up to version %u: use a "
                        "newer pyallocbench",
                        reader->name, version, PAB_TRACE_VERSION);
    }
    if (version == 0) {
        return pab_fail(err, PAB_BAD_DATA, "%s: is no trace: there is no version 0", reader->name);
    }
    return PAB_OK;
}

static enum pab_status read_start(struct pab_trace_reader *reader, struct pab_error *err)
{
    unsigned char start[PAB_TRACE_START_BYTES];
    if (reader->file_bytes < sizeof(start)) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: is no trace: it has %llu bytes; `pyallocbench record` makes one",
                        reader->name, (unsigned long long)reader->file_bytes);
    }
    enum pab_status status = read_at(reader, start, sizeof(start), 0, err);
    if (status != PAB_OK) {
        return status;
    }
    status = judge_start(reader, start, err);
    if (status != PAB_OK) {
        return status;
    }
    struct pab_trace_frame frame;
    reader->offset = sizeof(start);
    status = read_frame(reader, (unsigned char *)reader->meta, &frame, err);
    if (status == PAB_OK && frame.kind != PAB_TRACE_META) {
        return damaged(reader, err, "it does not say what was recorded");
    }
    reader->after_meta = reader->next;
    return status;
}

static enum pab_status open_file(struct pab_trace_reader *reader, const char *path,
                                 struct pab_error *err)
{
    struct stat info;
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0) {
        return pab_fail(err, PAB_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return pab_fail(err, PAB_IO, "%s: is not a file; a trace must be one", path);
    }
    reader->file_bytes = (uint64_t)info.st_size;
    return PAB_OK;
}

enum pab_status pab_trace_open(const char *path, struct pab_trace_reader **out,
                               struct pab_error *err)
{
    struct pab_trace_reader *reader = pab_pages_map(reader_bytes());
    if (reader == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", path);
    }
    reader->fd = -1;
    snprintf(reader->name, sizeof(reader->name), "%s", path);
    reader->zstd = ZSTD_initStaticDCtx((char *)reader + zstd_offset(), ZSTD_estimateDCtxSize());
    PAB_CHECK(reader->zstd != NULL);
    enum pab_status status = open_file(reader, path, err);
    if (status == PAB_OK) {
        status = pab_slots_init(&reader->slots, err);
    }
    if (status == PAB_OK) {
        status = read_start(reader, err);
    }
    if (status != PAB_OK) {
        pab_trace_close(reader);
        return status;
    }
    pab_trace_rewind(reader, err);
    *out = reader;
    return PAB_OK;
}

void pab_trace_close(struct pab_trace_reader *reader)
{
    if (reader->fd >= 0) {
        close(reader->fd);
    }
    pab_slots_fini(&reader->slots);
    pab_pages_release(reader, reader_bytes());
}

const char *pab_trace_meta(const struct pab_trace_reader *reader)
{
    return reader->meta;
}

/* Goes from head to head; bodies are not read. */
static bool find_end(struct pab_trace_reader *reader)
{
    unsigned char head[PAB_TRACE_HEAD_BYTES];
    struct pab_trace_frame frame;
    reader->offset = reader->after_meta;
    while (reader->offset < reader->file_bytes) {
        if (read_head(reader, head, &frame, NULL) != PAB_OK) {
            return false;
        }
        if (frame.kind == PAB_TRACE_END) {
            return true;
        }
        reader->offset += PAB_TRACE_HEAD_BYTES + frame.stored_bytes;
    }
    return false;
}

const char *pab_trace_totals(struct pab_trace_reader *reader)
{
    if (!reader->totals_sought) {
        uint64_t offset = reader->offset;
        uint64_t next = reader->next;
        struct pab_trace_frame frame;
        if (find_end(reader) &&
            read_frame(reader, (unsigned char *)reader->totals, &frame, NULL) != PAB_OK) {
            reader->totals[0] = '\0';
        }
        reader->totals_sought = true;
        reader->offset = offset;
        reader->next = next;
    }
    return reader->totals[0] == '\0' ? NULL : reader->totals;
}
