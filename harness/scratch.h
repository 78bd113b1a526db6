/* harness/scratch.h -- a folder for files that nobody keeps. Depends on libc and status.h. */
#ifndef PAB_HARNESS_SCRATCH_H
#define PAB_HARNESS_SCRATCH_H

#include "allocators/status.h"

#include <stddef.h>

/* Makes the folder pyallocbench-PURPOSE-XXXXXX in TMPDIR, where that is an absolute path, or else
 * in /tmp. It is the caller's to remove. */
enum pab_status pab_scratch_make(const char *purpose, char *out, size_t size,
                                 struct pab_error *err);

/* Removes such a folder and the files in it. */
void pab_scratch_remove(const char *path);

#endif
