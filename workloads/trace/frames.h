/* workloads/trace/frames.h -- the frames of a file, one after another, each held to its head and to
 * its check sum. Depends on format.h, allocators/status.h.
 *
 * What a frame means is not known here. Nothing is allocated.
 */
#ifndef PAB_WORKLOADS_TRACE_FRAMES_H
#define PAB_WORKLOADS_TRACE_FRAMES_H

#include "allocators/status.h"
#include "workloads/trace/format.h"

#include <stdbool.h>

struct pab_frames {
    int fd; /* -1: none */
    char name[200];
    uint64_t file_bytes;  /* when it was opened: what is appended later is not read */
    uint64_t number;      /* of the frame at hand, from 0 */
    uint64_t offset;      /* where it begins */
    uint64_t next;        /* where the one after it begins */
    uint64_t good_events; /* the user's: what a complaint says to be good */
};

/* Opens a file and looks at how it begins. To be closed in any case. */
enum pab_status pab_frames_open(struct pab_frames *frames, const char *path, struct pab_error *err);
void pab_frames_close(struct pab_frames *frames);
bool pab_frames_at_end(const struct pab_frames *frames);

/* The next frame. `body` has PAB_TRACE_FRAME_BYTES + 1; what is no EVENTS is text and gets a NUL. */
enum pab_status pab_frames_read(struct pab_frames *frames, struct pab_trace_frame *out,
                                unsigned char *body, struct pab_error *err);
/* Goes past the next frame; its head alone is read, and not checked. */
enum pab_status pab_frames_pass(struct pab_frames *frames, struct pab_trace_frame *out,
                                struct pab_error *err);

/* PAB_BAD_DATA: `format` is what is wrong with the frame at hand. */
__attribute__((format(printf, 3, 4))) enum pab_status
pab_frames_damaged(const struct pab_frames *frames, struct pab_error *err, const char *format, ...);

#endif
