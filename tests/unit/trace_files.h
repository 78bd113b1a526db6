/* tests/unit/trace_files.h -- traces that no writer of ours would write: any frame, with a head and a
 * check sum that hold. Depends on workloads/trace/codec.h, on zstd.
 */
#ifndef PAB_TESTS_UNIT_TRACE_FILES_H
#define PAB_TESTS_UNIT_TRACE_FILES_H

#include "workloads/trace/codec.h"

#include <stddef.h>

/* How many of the first `count` events of both are the same. */
static inline size_t pab_same_events(const struct pab_event *a, const struct pab_event *b,
                                     size_t count)
{
    size_t i = 0;
    while (i < count && a[i].size == b[i].size && a[i].slot == b[i].slot &&
           a[i].thread == b[i].thread && a[i].kind == b[i].kind && a[i].domain == b[i].domain &&
           a[i].align_log2 == b[i].align_log2) {
        i++;
    }
    return i;
}

struct trace_file {
    unsigned char *bytes; /* malloc'ed */
    size_t size, room;
};

void pab_file_add(struct trace_file *file, const void *bytes, size_t size);
/* The magic and this version. */
void pab_file_start(struct trace_file *file, uint32_t version);
/* A frame as its head is, but for the sizes of the body and the check sum. */
void pab_file_frame(struct trace_file *file, struct pab_trace_frame head, const void *body,
                    size_t size);
void pab_file_text(struct trace_file *file, uint32_t kind, uint64_t first_event, const char *text);
/* A frame of `count` events, whose coding is `plain`. */
void pab_file_events(struct trace_file *file, uint64_t first_event, uint32_t count,
                     const void *plain, size_t size);
void pab_file_save(const struct trace_file *file, const char *path);
void pab_file_free(struct trace_file *file);

#endif
