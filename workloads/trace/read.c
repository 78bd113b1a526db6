/* workloads/trace/read.c -- frames into events; nothing in them is trusted. */
#include "allocators/os_pages.h"
#include "workloads/trace/codec.h"
#include "workloads/trace/frames.h"
#include "workloads/trace/slots.h"
#include "workloads/trace/trace.h"

#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* a context in memory that we give */
#include <zstd.h>

#define CLOCK_MAX ((uint64_t)1 << 62)

/* zstd's context lies behind it, in the same mapping. */
struct pab_trace_reader {
    struct pab_frames frames;
    struct pab_frames after_meta; /* as `frames` were there */
    struct pab_error broken;      /* what the first failure said, for all later calls */
    struct pab_slots slots;
    struct pab_codec codec;
    uint32_t threads;              /* that appeared */
    const unsigned char *at, *end; /* what is left of the body at hand */
    uint32_t left;                 /* events in that */
    struct pab_trace_frame of_events;
    uint64_t wall_ns, cpu_ns; /* of the last frame, whatever it is */
    bool ended;               /* END was seen */
    bool totals_sought;
    pab_trace_note_visit visit;
    void *visit_arg;
    ZSTD_DCtx *zstd;
    struct pab_body stored, plain, meta, totals;
};

static size_t zstd_offset(void)
{
    return (sizeof(struct pab_trace_reader) + 63) & ~(size_t)63;
}

static size_t reader_bytes(void)
{
    return zstd_offset() + ZSTD_estimateDCtxSize();
}

/* --- frames --------------------------------------------------------------------------------- */

static enum pab_status take_events(struct pab_trace_reader *reader,
                                   const struct pab_trace_frame *frame, struct pab_error *err)
{
    if (frame->event_count == 0 || frame->event_count > PAB_TRACE_FRAME_EVENTS) {
        return pab_frames_damaged(&reader->frames, err, "it names an impossible number of events");
    }
    struct pab_body *body = &reader->plain;
    if (!pab_body_make_room(body, (size_t)frame->plain_bytes + PAB_EVENT_BYTES_MAX)) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", reader->frames.name);
    }
    size_t plain = ZSTD_decompressDCtx(reader->zstd, body->bytes, frame->plain_bytes,
                                       reader->stored.bytes, frame->stored_bytes);
    if (ZSTD_isError(plain) || plain != frame->plain_bytes) {
        return pab_frames_damaged(&reader->frames, err,
                                  "it does not decompress to what its head says");
    }
    memset(body->bytes + plain, 0, PAB_EVENT_BYTES_MAX); /* what a last event may read too far */
    reader->at = body->bytes;
    reader->end = body->bytes + plain;
    reader->left = frame->event_count;
    reader->of_events = *frame;
    return PAB_OK;
}

static enum pab_status take_text(struct pab_trace_reader *reader,
                                 const struct pab_trace_frame *frame, struct pab_error *err)
{
    if (frame->event_count != 0 || frame->kind == PAB_TRACE_META) {
        return pab_frames_damaged(&reader->frames, err, "it does not belong here");
    }
    if (frame->kind == PAB_TRACE_END) {
        reader->ended = true;
    } else if (reader->visit != NULL) {
        reader->visit(reader->visit_arg, frame->kind, frame->first_event,
                      (char *)reader->stored.bytes);
    }
    return PAB_OK;
}

static enum pab_status next_frame(struct pab_trace_reader *reader, struct pab_error *err)
{
    struct pab_trace_frame frame;
    enum pab_status status = pab_frames_read(&reader->frames, &frame, &reader->stored, err);
    if (status != PAB_OK) {
        return status;
    }
    if (reader->ended) {
        return pab_frames_damaged(&reader->frames, err, "it follows the end of the trace");
    }
    if (frame.first_event != reader->frames.good_events) {
        return pab_frames_damaged(&reader->frames, err, "it is not the one that belongs here");
    }
    if (frame.wall_ns < reader->wall_ns || frame.cpu_ns < reader->cpu_ns ||
        frame.wall_ns > CLOCK_MAX || frame.cpu_ns > CLOCK_MAX) {
        return pab_frames_damaged(&reader->frames, err, "its clocks cannot be");
    }
    reader->wall_ns = frame.wall_ns;
    reader->cpu_ns = frame.cpu_ns;
    return frame.kind == PAB_TRACE_EVENTS ? take_events(reader, &frame, err)
                                          : take_text(reader, &frame, err);
}

/* --- events: what reads one gives NULL or the complaint ------------------------------------- */

/* The op of an event, and before it the thread that calls. */
static const char *read_op(struct pab_trace_reader *reader, unsigned *op)
{
    *op = *reader->at++;
    while (*op == PAB_EVENT_THREAD) {
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
    return *op >= 1u << 5 || (*op & 7) >= PAB_EVENT_THREAD ? "an event of no kind" : NULL;
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

/* Reads less than PAB_EVENT_BYTES_MAX bytes, or a run of THREADs that ends with the body. */
static const char *read_event(struct pab_trace_reader *reader, struct pab_event *event)
{
    unsigned op = 0;
    const char *wrong =
        reader->at < reader->end ? read_op(reader, &op) : "fewer events than it says";
    if (wrong != NULL) {
        return wrong;
    }
    *event = (struct pab_event){
        .kind = (uint8_t)(op & 7),
        .domain = (uint8_t)(op >> 3),
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
        if (reader->at == NULL || align > PAB_TRACE_ALIGN_LOG2_MAX) {
            return "an alignment that cannot be";
        }
        event->align_log2 = (uint8_t)align;
    }
    wrong = read_slot(reader, event);
    reader->codec.last = event->slot;
    return wrong != NULL || reader->at <= reader->end ? wrong : "an event beyond its end";
}

/* At most `most` events of the frame at hand. */
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
    reader->frames.good_events += done;
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
    while (broken->status == PAB_OK && reader->left == 0 && !pab_frames_at_end(&reader->frames)) {
        broken->status = next_frame(reader, broken);
    }
    if (broken->status == PAB_OK && reader->left > 0) {
        const char *wrong = read_events(reader, out, most, count);
        if (wrong != NULL) {
            pab_frames_damaged(&reader->frames, broken, "it holds %s", wrong);
        }
    }
    if (broken->status != PAB_OK && err != NULL) {
        *err = *broken;
    }
    return broken->status;
}

/* --- the trace ------------------------------------------------------------------------------ */

bool pab_trace_ended(const struct pab_trace_reader *reader)
{
    return reader->ended;
}

const struct pab_trace_frame *pab_trace_frame(const struct pab_trace_reader *reader)
{
    return &reader->of_events;
}

void pab_trace_clock(const struct pab_trace_reader *reader, uint64_t *wall_ns, uint64_t *cpu_ns)
{
    *wall_ns = reader->of_events.wall_ns;
    *cpu_ns = reader->of_events.cpu_ns;
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

void pab_trace_rewind(struct pab_trace_reader *reader)
{
    pab_slots_reset(&reader->slots);
    reader->frames = reader->after_meta;
    reader->codec = (struct pab_codec){0};
    reader->of_events = (struct pab_trace_frame){0};
    reader->broken.status = PAB_OK;
    reader->wall_ns = reader->cpu_ns = 0;
    reader->threads = reader->left = 0;
    reader->ended = false;
}

static enum pab_status read_meta(struct pab_trace_reader *reader, struct pab_error *err)
{
    struct pab_trace_frame frame;
    enum pab_status status = pab_frames_read(&reader->frames, &frame, &reader->meta, err);
    if (status == PAB_OK && (frame.kind != PAB_TRACE_META || frame.first_event != 0)) {
        return pab_frames_damaged(&reader->frames, err, "it does not say what was recorded");
    }
    reader->after_meta = reader->frames;
    return status;
}

enum pab_status pab_trace_open(const char *path, struct pab_trace_reader **out,
                               struct pab_error *err)
{
    struct pab_trace_reader *reader = pab_pages_map(reader_bytes());
    if (reader == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", path);
    }
    reader->zstd = ZSTD_initStaticDCtx((char *)reader + zstd_offset(), ZSTD_estimateDCtxSize());
    PAB_CHECK(reader->zstd != NULL);
    enum pab_status status = pab_frames_open(&reader->frames, path, err);
    if (status == PAB_OK) {
        status = pab_slots_init(&reader->slots, err);
    }
    if (status == PAB_OK) {
        status = read_meta(reader, err);
    }
    if (status != PAB_OK) {
        pab_trace_close(reader);
        return status;
    }
    pab_trace_rewind(reader);
    *out = reader;
    return PAB_OK;
}

void pab_trace_close(struct pab_trace_reader *reader)
{
    pab_frames_close(&reader->frames);
    pab_slots_fini(&reader->slots);
    pab_body_fini(&reader->stored);
    pab_body_fini(&reader->plain);
    pab_body_fini(&reader->meta);
    pab_body_fini(&reader->totals);
    pab_pages_release(reader, reader_bytes());
}

const char *pab_trace_meta(const struct pab_trace_reader *reader)
{
    return (const char *)reader->meta.bytes;
}

/* Steps up to the frame before END. */
static bool find_end(struct pab_frames *frames)
{
    while (!pab_frames_at_end(frames)) {
        struct pab_frames before = *frames;
        struct pab_trace_frame frame;
        if (pab_frames_pass(frames, &frame, NULL) != PAB_OK) {
            return false;
        }
        if (frame.kind == PAB_TRACE_END) {
            *frames = before;
            return true;
        }
    }
    return false;
}

const char *pab_trace_totals(struct pab_trace_reader *reader)
{
    if (!reader->totals_sought) {
        struct pab_frames frames = reader->after_meta;
        struct pab_trace_frame frame;
        reader->totals_sought = true;
        if (find_end(&frames) &&
            pab_frames_read(&frames, &frame, &reader->totals, NULL) != PAB_OK) {
            pab_body_fini(&reader->totals);
        }
    }
    return (const char *)reader->totals.bytes;
}
