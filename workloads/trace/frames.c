#include "workloads/trace/frames.h"

#include "allocators/os_pages.h"
#include "workloads/trace/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum pab_status pab_frames_damaged(const struct pab_frames *frames, struct pab_error *err,
                                   const char *format, ...)
{
    char why[200];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return pab_fail(err, PAB_BAD_DATA,
                    "%s: damaged, in frame %" PRIu64 " at byte %" PRIu64 ": %s; %" PRIu64
                    " events before it are good, record it again for more",
                    frames->name, frames->number, frames->offset, why, frames->good_events);
}

static enum pab_status read_at(const struct pab_frames *frames, void *out, size_t bytes,
                               uint64_t offset, struct pab_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        uint64_t at = offset + done;
        ssize_t got = pread(frames->fd, (char *)out + done, bytes - done, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return pab_fail(err, PAB_IO, "%s: cannot be read at byte %" PRIu64 ": %s", frames->name,
                            at, strerror(errno));
        }
        if (got == 0) {
            return pab_fail(err, PAB_IO,
                            "%s: became shorter while it was read: is it written again?",
                            frames->name);
        }
        done += (size_t)got;
    }
    return PAB_OK;
}

/* --- how a file begins ---------------------------------------------------------------------- */

static enum pab_status judge_start(const struct pab_frames *frames,
                                   const unsigned char start[PAB_TRACE_START_BYTES],
                                   struct pab_error *err)
{
    uint32_t version = 0;
    if (!pab_trace_start_get(start, &version)) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: is no trace: it does not begin with '" PAB_TRACE_MAGIC
                        "'; `pyallocbench record` makes one",
                        frames->name);
    }
    if (__builtin_bswap32(version) == PAB_TRACE_VERSION) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: its numbers are big-endian, and no trace has such: ask who wrote it",
                        frames->name);
    }
    if (version > PAB_TRACE_VERSION) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "%s: a trace of version %" PRIu32
                        ", and this build reads up to version %u: "
                        "use a newer pyallocbench",
                        frames->name, version, PAB_TRACE_VERSION);
    }
    if (version == 0) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: is no trace: there is no version 0; record it again", frames->name);
    }
    return PAB_OK;
}

static enum pab_status read_start(struct pab_frames *frames, struct pab_error *err)
{
    unsigned char start[PAB_TRACE_START_BYTES];
    if (frames->file_bytes < sizeof(start)) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: is no trace: it has %" PRIu64
                        " bytes; `pyallocbench record` makes one",
                        frames->name, frames->file_bytes);
    }
    enum pab_status status = read_at(frames, start, sizeof(start), 0, err);
    frames->next = sizeof(start);
    return status == PAB_OK ? judge_start(frames, start, err) : status;
}

enum pab_status pab_frames_open(struct pab_frames *frames, const char *path, struct pab_error *err)
{
    struct stat info;
    *frames = (struct pab_frames){.fd = open(path, O_RDONLY | O_CLOEXEC), .number = UINT64_MAX};
    snprintf(frames->name, sizeof(frames->name), "%s", path);
    if (frames->fd < 0 || fstat(frames->fd, &info) != 0) {
        return pab_fail(err, PAB_IO, "%s: cannot be read: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return pab_fail(err, PAB_IO, "%s: cannot be read as a trace: it is no regular file", path);
    }
    frames->file_bytes = (uint64_t)info.st_size;
    return read_start(frames, err);
}

void pab_frames_close(struct pab_frames *frames)
{
    if (frames->fd >= 0) {
        close(frames->fd);
    }
    frames->fd = -1;
}

bool pab_frames_at_end(const struct pab_frames *frames)
{
    return frames->next >= frames->file_bytes;
}

/* --- frames --------------------------------------------------------------------------------- */

/* Steps to the next frame and reads its head. */
static enum pab_status read_head(struct pab_frames *frames, struct pab_trace_frame *out,
                                 unsigned char bytes[PAB_TRACE_HEAD_BYTES], struct pab_error *err)
{
    uint64_t left = frames->file_bytes - frames->next;
    frames->offset = frames->next;
    frames->number++;
    *out = (struct pab_trace_frame){0};
    if (left < PAB_TRACE_HEAD_BYTES) {
        return pab_frames_damaged(frames, err, "the file is cut off within its head");
    }
    enum pab_status status = read_at(frames, bytes, PAB_TRACE_HEAD_BYTES, frames->offset, err);
    if (status != PAB_OK) {
        return status;
    }
    pab_trace_head_get(bytes, out);
    if (out->stored_bytes > PAB_TRACE_FRAME_BYTES || out->plain_bytes > PAB_TRACE_FRAME_BYTES) {
        return pab_frames_damaged(frames, err, "its head names impossible sizes");
    }
    if (left - PAB_TRACE_HEAD_BYTES < out->stored_bytes) {
        return pab_frames_damaged(frames, err, "the file is cut off within its body");
    }
    frames->next = frames->offset + PAB_TRACE_HEAD_BYTES + out->stored_bytes;
    return PAB_OK;
}

bool pab_body_make_room(struct pab_body *body, size_t bytes)
{
    if (bytes <= body->room) {
        return true;
    }
    size_t room = pab_pages_size();
    while (room < bytes) {
        room *= 2;
    }
    pab_body_fini(body);
    body->bytes = pab_pages_map(room);
    body->room = body->bytes == NULL ? 0 : room;
    return body->bytes != NULL;
}

void pab_body_fini(struct pab_body *body)
{
    if (body->bytes != NULL) {
        pab_pages_release(body->bytes, body->room);
    }
    *body = (struct pab_body){0};
}

enum pab_status pab_frames_read(struct pab_frames *frames, struct pab_trace_frame *out,
                                struct pab_body *body, struct pab_error *err)
{
    unsigned char head[PAB_TRACE_HEAD_BYTES];
    enum pab_status status = read_head(frames, out, head, err);
    if (status == PAB_OK && !pab_body_make_room(body, (size_t)out->stored_bytes + 1)) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", frames->name);
    }
    if (status == PAB_OK) {
        status =
            read_at(frames, body->bytes, out->stored_bytes, frames->offset + sizeof(head), err);
    }
    if (status != PAB_OK) {
        return status;
    }
    if (!pab_trace_check_holds(head, body->bytes, out->stored_bytes)) {
        return pab_frames_damaged(frames, err, "its check sum is wrong");
    }
    body->bytes[out->stored_bytes] = '\0';
    if (out->kind != PAB_TRACE_EVENTS && (out->plain_bytes != out->stored_bytes ||
                                          memchr(body->bytes, '\0', out->stored_bytes) != NULL)) {
        return pab_frames_damaged(frames, err, "it is no text");
    }
    return PAB_OK;
}

enum pab_status pab_frames_pass(struct pab_frames *frames, struct pab_trace_frame *out,
                                struct pab_error *err)
{
    unsigned char head[PAB_TRACE_HEAD_BYTES];
    return read_head(frames, out, head, err);
}
