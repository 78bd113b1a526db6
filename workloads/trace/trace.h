/* workloads/trace/trace.h -- writes and reads traces. Depends on format.h, allocators/status.h; on
 * zstd and xxhash.
 *
 * Both stream: memory is bounded by the blocks that are alive at once, not by the file's length.
 * The reader trusts nothing: a file that is damaged, truncated or hostile gives the valid events
 * that precede the damage, then one error that names the place. No event that it gives can be
 * wrong in itself: kinds and domains exist, a slot that is resized or given back is alive in that
 * domain, sizes are at most PAB_TRACE_SIZE_MAX.
 */
#ifndef PAB_WORKLOADS_TRACE_TRACE_H
#define PAB_WORKLOADS_TRACE_TRACE_H

#include "allocators/status.h"
#include "workloads/trace/format.h"

#include <stdbool.h>

/* --- writing ------------------------------------------------------------------------------- */

/* After an error of the file (a full disk) every later frame fails like it; what was written until
 * then stays a valid trace without an END. */
struct pab_trace_writer;

/* Makes the file (PAB_IO where it cannot). `meta` is JSON. */
enum pab_status pab_trace_create(const char *path, const char *meta, struct pab_trace_writer **out,
                                 struct pab_error *err);
/* Adds one event. `event->slot` is an input for REALLOC and FREE, and is filled for the others.
 * `event->thread` may be any number; it becomes that of the file, where threads are numbered in the
 * order in which they appear. */
enum pab_status pab_trace_put(struct pab_trace_writer *writer, struct pab_event *event,
                              struct pab_error *err);
/* Ends the frame: everything so far is in the file, with the clocks that belong to it. */
enum pab_status pab_trace_flush(struct pab_trace_writer *writer, uint64_t wall_ns, uint64_t cpu_ns,
                                struct pab_error *err);
/* The clocks that belong to the events so far; a frame that fills up by itself carries them. A clock
 * that runs backwards is held. */
void pab_trace_tick(struct pab_trace_writer *writer, uint64_t wall_ns, uint64_t cpu_ns);
/* A JSON frame of `kind` at this place. */
enum pab_status pab_trace_note(struct pab_trace_writer *writer, enum pab_trace_frame_kind kind,
                               const char *json, struct pab_error *err);
/* Flushes, adds the END frame with `totals` (a JSON object that it extends) and closes. The writer
 * is gone in any case. */
enum pab_status pab_trace_finish(struct pab_trace_writer *writer, const char *totals,
                                 struct pab_error *err);

/* --- reading ------------------------------------------------------------------------------- */

struct pab_trace_reader;

/* PAB_IO: cannot be read. PAB_BAD_DATA: no trace, or its start is damaged. PAB_NOT_COMPARABLE:
 * a newer version. All memory that a reader takes is mapped: none is from malloc, which may be the
 * heap that is measured. */
enum pab_status pab_trace_open(const char *path, struct pab_trace_reader **out,
                               struct pab_error *err);
void pab_trace_close(struct pab_trace_reader *reader);
const char *pab_trace_meta(const struct pab_trace_reader *reader); /* JSON, the reader's */
/* The END frame's JSON, or NULL where the file has none. Reads the heads of the frames alone. */
const char *pab_trace_totals(struct pab_trace_reader *reader);

/* Up to `most` events into `out`, all of one frame; *count 0: the end. On an error *count events are
 * still good. The trace is whole where it ends well and pab_trace_ended(). */
enum pab_status pab_trace_read(struct pab_trace_reader *reader, struct pab_event *out, size_t most,
                               size_t *count, struct pab_error *err);
/* END was read. */
bool pab_trace_ended(const struct pab_trace_reader *reader);
/* The frame that the last event came from; before the first one it is zeroed. */
const struct pab_trace_frame *pab_trace_frame(const struct pab_trace_reader *reader);
/* Its clocks. */
void pab_trace_clock(const struct pab_trace_reader *reader, uint64_t *wall_ns, uint64_t *cpu_ns);
/* Calls `visit` for every JSON frame between META and END (FORK) that is passed from now on; the text
 * ends with a NUL and lives as long as the call. */
typedef void (*pab_trace_note_visit)(void *arg, uint32_t kind, uint64_t first_event,
                                     const char *json);
void pab_trace_on_note(struct pab_trace_reader *reader, pab_trace_note_visit visit, void *arg);
/* Starts over: the same events come again. */
void pab_trace_rewind(struct pab_trace_reader *reader);

/* One past the highest slot that was used so far. */
uint32_t pab_trace_slots(const struct pab_trace_reader *reader);
/* XXH3-64 of the whole file, for the identity of a workload: reads it once. */
enum pab_status pab_trace_digest(const char *path, uint64_t *out, struct pab_error *err);

#endif
