/* workloads/trace/write.c -- events into frames, frames into a file. */
#include "workloads/trace/codec.h"
#include "workloads/trace/slots.h"
#include "workloads/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL        1
#define INDEX_PLACES 512u

/* So that what zstd makes of it at worst is a body that readers take. */
#define PLAIN_MAX (PAB_TRACE_FRAME_BYTES - ((uint32_t)1 << 16))

struct place {
    uint64_t offset, first_event, wall_ns;
};

struct pab_trace_writer {
    int fd;
    char name[200];
    struct pab_error broken; /* why nothing more can be written */
    ZSTD_CCtx *zstd;
    struct pab_slots slots;
    struct pab_codec codec;
    uint64_t bytes, events, frames; /* in the file; `events` also those that are pending */
    uint64_t event_frames;
    uint64_t wall_ns, cpu_ns;
    uint32_t pending;     /* events in `plain` */
    unsigned char *plain; /* PLAIN_MAX */
    unsigned char *at;    /* in it */
    unsigned char *frame; /* head and stored body, as it is written */
    size_t frame_room;
    uint32_t thread_count;
    uint32_t thread_names[PAB_TRACE_THREADS_MAX]; /* 1 + number by appearance; 0: not seen */
    uint32_t stride, places; /* every stride-th frame of events is in `index` */
    struct place index[INDEX_PLACES];
};

static enum pab_status no_memory(struct pab_error *err)
{
    return pab_fail(err, PAB_NO_MEMORY, "no memory to write a trace");
}

static enum pab_status refuse(const struct pab_trace_writer *writer, struct pab_error *err)
{
    if (err != NULL) {
        *err = writer->broken;
    }
    return writer->broken.status;
}

/* A frame that does not fit is taken back: what was in the file before stays valid. */
static enum pab_status append(struct pab_trace_writer *writer, size_t bytes, struct pab_error *err)
{
    size_t done = 0;
    if (writer->broken.status != PAB_OK) {
        return refuse(writer, err);
    }
    while (done < bytes) {
        ssize_t wrote = write(writer->fd, writer->frame + done, bytes - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            int error = wrote < 0 ? errno : ENOSPC;
            bool whole = ftruncate(writer->fd, (off_t)writer->bytes) == 0;
            pab_fail(&writer->broken, PAB_IO, "%s: cannot be written: %s; %s", writer->name,
                     strerror(error),
                     whole ? "what is in it can be read" : "its last frame is cut off");
            return refuse(writer, err);
        }
        done += (size_t)wrote;
    }
    writer->bytes += bytes;
    return PAB_OK;
}

static enum pab_status append_frame(struct pab_trace_writer *writer, struct pab_trace_frame *frame,
                                    struct pab_error *err)
{
    frame->wall_ns = writer->wall_ns;
    frame->cpu_ns = writer->cpu_ns;
    pab_trace_head_put(frame, writer->frame + PAB_TRACE_HEAD_BYTES, writer->frame);
    enum pab_status status = append(writer, PAB_TRACE_HEAD_BYTES + frame->stored_bytes, err);
    writer->frames += status == PAB_OK;
    return status;
}

static enum pab_status append_json(struct pab_trace_writer *writer, enum pab_trace_frame_kind kind,
                                   const char *json, struct pab_error *err)
{
    size_t bytes = strlen(json);
    PAB_CHECK(bytes <= PAB_TRACE_FRAME_BYTES);
    memcpy(writer->frame + PAB_TRACE_HEAD_BYTES, json, bytes);
    struct pab_trace_frame frame = {
        .kind = kind,
        .stored_bytes = (uint32_t)bytes,
        .plain_bytes = (uint32_t)bytes,
        .first_event = writer->events,
    };
    return append_frame(writer, &frame, err);
}

static void add_to_index(struct pab_trace_writer *writer, const struct place *place)
{
    if (writer->places == INDEX_PLACES) { /* every second one goes */
        for (uint32_t i = 0; i < INDEX_PLACES / 2; i++) {
            writer->index[i] = writer->index[(size_t)2 * i];
        }
        writer->places = INDEX_PLACES / 2;
        writer->stride *= 2;
    }
    if (writer->event_frames++ % writer->stride == 0) {
        writer->index[writer->places++] = *place;
    }
}

static enum pab_status end_frame(struct pab_trace_writer *writer, struct pab_error *err)
{
    size_t plain = (size_t)(writer->at - writer->plain);
    if (plain == 0) {
        return PAB_OK;
    }
    size_t stored =
        ZSTD_compressCCtx(writer->zstd, writer->frame + PAB_TRACE_HEAD_BYTES,
                          writer->frame_room - PAB_TRACE_HEAD_BYTES, writer->plain, plain, LEVEL);
    PAB_CHECK(!ZSTD_isError(stored) && stored <= PAB_TRACE_FRAME_BYTES);
    struct pab_trace_frame frame = {
        .kind = PAB_TRACE_EVENTS,
        .stored_bytes = (uint32_t)stored,
        .plain_bytes = (uint32_t)plain,
        .event_count = writer->pending,
        .first_event = writer->events - writer->pending,
    };
    struct place place = {writer->bytes, frame.first_event, writer->wall_ns};
    add_to_index(writer, &place);
    writer->at = writer->plain;
    writer->pending = 0;
    return append_frame(writer, &frame, err);
}

static enum pab_status prepare(struct pab_trace_writer *writer, struct pab_error *err)
{
    writer->frame_room = PAB_TRACE_HEAD_BYTES + ZSTD_compressBound(PAB_TRACE_FRAME_BYTES);
    writer->plain = malloc(PLAIN_MAX + PAB_EVENT_BYTES_MAX);
    writer->frame = malloc(writer->frame_room);
    writer->zstd = ZSTD_createCCtx();
    writer->at = writer->plain;
    writer->stride = 1;
    if (writer->plain == NULL || writer->frame == NULL || writer->zstd == NULL) {
        return no_memory(err);
    }
    return pab_slots_init(&writer->slots, err);
}

static void destroy(struct pab_trace_writer *writer)
{
    pab_slots_fini(&writer->slots);
    ZSTD_freeCCtx(writer->zstd);
    free(writer->frame);
    free(writer->plain);
    if (writer->fd >= 0) {
        close(writer->fd);
    }
    free(writer);
}

enum pab_status pab_trace_create(const char *path, const char *meta, struct pab_trace_writer **out,
                                 struct pab_error *err)
{
    struct pab_trace_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return no_memory(err);
    }
    snprintf(writer->name, sizeof(writer->name), "%s", path);
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    enum pab_status status = PAB_OK;
    if (writer->fd < 0) {
        status = pab_fail(err, PAB_IO, "%s: %s", path, strerror(errno));
    }
    if (status == PAB_OK) {
        status = prepare(writer, err);
    }
    if (status == PAB_OK) {
        pab_trace_start_put(writer->frame);
        status = append(writer, PAB_TRACE_START_BYTES, err);
    }
    if (status == PAB_OK) {
        status = append_json(writer, PAB_TRACE_META, meta, err);
    }
    if (status != PAB_OK) {
        destroy(writer);
        return status;
    }
    *out = writer;
    return PAB_OK;
}

static uint16_t thread_name(struct pab_trace_writer *writer, uint16_t thread)
{
    uint32_t *name = &writer->thread_names[thread];
    if (*name == 0) {
        *name = ++writer->thread_count;
    }
    return (uint16_t)(*name - 1);
}

enum pab_status pab_trace_put(struct pab_trace_writer *writer, struct pab_event *event,
                              struct pab_error *err)
{
    PAB_CHECK(event->kind < PAB_EVENT_THREAD && event->domain < PAB_TRACE_DOMAINS &&
              event->size <= PAB_TRACE_SIZE_MAX && event->align_log2 <= PAB_TRACE_ALIGN_LOG2_MAX);
    if (pab_event_makes(event->kind)) {
        event->slot = pab_slots_take(&writer->slots, event->domain);
        if (event->slot == PAB_SLOT_NONE) {
            return pab_fail(err, PAB_NO_MEMORY, "%s: more than %u blocks are alive at once",
                            writer->name, writer->slots.room);
        }
    } else {
        PAB_CHECK(pab_slots_has(&writer->slots, event->slot, event->domain));
        if (event->kind == PAB_EVENT_FREE) {
            pab_slots_drop(&writer->slots, event->slot);
        }
    }
    event->thread = thread_name(writer, event->thread);
    writer->at = pab_event_put(&writer->codec, writer->at, event);
    writer->events++;
    writer->pending++;
    if (writer->pending == PAB_TRACE_FRAME_EVENTS ||
        (size_t)(writer->at - writer->plain) >= PLAIN_MAX) {
        return end_frame(writer, err);
    }
    return PAB_OK;
}

enum pab_status pab_trace_flush(struct pab_trace_writer *writer, uint64_t wall_ns, uint64_t cpu_ns,
                                struct pab_error *err)
{
    pab_trace_tick(writer, wall_ns, cpu_ns);
    return end_frame(writer, err);
}

void pab_trace_tick(struct pab_trace_writer *writer, uint64_t wall_ns, uint64_t cpu_ns)
{
    writer->wall_ns = wall_ns > writer->wall_ns ? wall_ns : writer->wall_ns;
    writer->cpu_ns = cpu_ns > writer->cpu_ns ? cpu_ns : writer->cpu_ns;
}

enum pab_status pab_trace_note(struct pab_trace_writer *writer, enum pab_trace_frame_kind kind,
                               const char *json, struct pab_error *err)
{
    enum pab_status status = end_frame(writer, err);
    return status == PAB_OK ? append_json(writer, kind, json, err) : status;
}

/* `totals` without its closing brace, then what the writer knows. */
static enum pab_status put_totals(struct pab_trace_writer *writer, const char *totals,
                                  struct pab_error *err)
{
    size_t length = strlen(totals);
    PAB_CHECK(length >= 2 && totals[0] == '{' && totals[length - 1] == '}');
    size_t room = length + 256 + (size_t)writer->places * 72;
    char *text = malloc(room);
    if (text == NULL) {
        return no_memory(err);
    }
    size_t used = (size_t)snprintf(
        text, room, "%.*s%s\"events\":%llu,\"slots\":%u,\"threads\":%u,\"frames\":%llu,\"index\":[",
        (int)(length - 1), totals, length > 2 ? "," : "", (unsigned long long)writer->events,
        writer->slots.used, writer->thread_count, (unsigned long long)writer->frames);
    for (uint32_t i = 0; i < writer->places; i++) {
        const struct place *place = &writer->index[i];
        used += (size_t)snprintf(text + used, room - used, "%s[%llu,%llu,%llu]", i == 0 ? "" : ",",
                                 (unsigned long long)place->offset,
                                 (unsigned long long)place->first_event,
                                 (unsigned long long)place->wall_ns);
    }
    snprintf(text + used, room - used, "]}");
    enum pab_status status = append_json(writer, PAB_TRACE_END, text, err);
    free(text);
    return status;
}

enum pab_status pab_trace_finish(struct pab_trace_writer *writer, const char *totals,
                                 struct pab_error *err)
{
    enum pab_status status = end_frame(writer, err);
    if (status == PAB_OK) {
        status = put_totals(writer, totals, err);
    }
    int fd = writer->fd;
    writer->fd = -1;
    if (close(fd) != 0 && status == PAB_OK) {
        status = pab_fail(err, PAB_IO, "%s: %s", writer->name, strerror(errno));
    }
    destroy(writer);
    return status;
}
