/* harness/output.h -- files that a command leaves behind. Depends on status.h.
 *
 * A reader sees the old file or the whole new one: it is written beside its name and renamed.
 */
#ifndef PAB_HARNESS_OUTPUT_H
#define PAB_HARNESS_OUTPUT_H

#include "allocators/status.h"

#include <stdbool.h>

/* Whether what stands at `path`, if anything, is a plain file: PAB_IO says what it is, or what it
 * says itself. */
enum pab_status pab_output_expect_plain(const char *path, struct pab_error *err);

/* Whether two names are of one file, or would be once it is written: "x", "./x". */
bool pab_output_is_same(const char *first, const char *second);

/* Whether a file can be written at `path`, asked before hours of work: PAB_IO says why not. */
enum pab_status pab_output_expect_writable(const char *path, struct pab_error *err);

/* Refuses to put a file over one that does not begin with `head` (an empty one is nobody's):
 * PAB_USAGE, with `option` as the one to blame. */
enum pab_status pab_output_expect_own(const char *option, const char *path, const char *head,
                                      struct pab_error *err);

/* Writes what `print` prints; false from it is a failed write. */
enum pab_status pab_output_write(const char *path, bool (*print)(FILE *file, const void *arg),
                                 const void *arg, struct pab_error *err);

#endif
