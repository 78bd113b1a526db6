/* workloads/trace/frames.h -- the frames of a file, one after another, each held to its head and to
 * its check sum. Depends on format.h, allocators/status.h.
 *
 * What a frame means is not known here. Memory is mapped, none is from malloc.
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

/* Room for a body, as much as the largest one so far took. Zeroed: there is none. */
struct pab_body {
    unsigned char *bytes;
    size_t room;
};

/* What was in it is lost. False: the system refuses. */
bool pab_body_make_room(struct pab_body *body, size_t bytes);
void pab_body_fini(struct pab_body *body);

/* The next frame. What is no EVENTS is text and gets a NUL. */
enum pab_status pab_frames_read(struct pab_frames *frames, struct pab_trace_frame *out,
                                struct pab_body *body, struct pab_error *err);
/* Goes past the next frame; its head alone is read, and not checked. */
enum pab_status pab_frames_pass(struct pab_frames *frames, struct pab_trace_frame *out,
                                struct pab_error *err);

/* PAB_BAD_DATA: `format` is what is wrong with the frame at hand. */
__attribute__((format(printf, 3, 4))) enum pab_status
pab_frames_damaged(const struct pab_frames *frames, struct pab_error *err, const char *format, ...);

#endif
