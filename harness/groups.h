/* harness/groups.h -- the control groups that this process is in. Depends on libc alone. */
#ifndef PAB_HARNESS_GROUPS_H
#define PAB_HARNESS_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/* Calls `each` with the folder of every group, of both versions, and of all above it. `root` is
 * where /proc and /sys begin: "" for the system's own. Groups of both versions are read alike: a
 * file that the other one has is not there. */
void pab_groups_each(const char *root, void (*each)(void *arg, const char *folder), void *arg);

/* The first line of FOLDER/NAME, without its end; false and "" when it cannot be read. Where
 * `folder` is NULL, `name` is the whole path. */
bool pab_read_line(const char *folder, const char *name, char *out, size_t size);

#endif
