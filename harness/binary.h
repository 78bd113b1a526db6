/* harness/binary.h -- other builds of this program: whether they are that, and which. Depends on
 * status.h.
 *
 * A file that somebody named may be anything: it may crash, wait for ever, or leave children behind
 * that hold its output open. It is asked in a process group of its own, and for seconds only.
 */
#ifndef PAB_HARNESS_BINARY_H
#define PAB_HARNESS_BINARY_H

#include "allocators/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The first line that `path WORD` prints, without its newline; "" when it prints none. */
void pab_binary_ask(const char *path, const char *word, char *line, size_t size);

/* Whether `path` is a build of this program whose workers take our jobs. PAB_USAGE: it is no such
 * program; PAB_NOT_COMPARABLE: one of another protocol. */
enum pab_status pab_worker_binary(const char *path, struct pab_error *err);

/* Whether two builds (empty: this one) are the same, byte by byte. */
bool pab_binary_is_same(const char *first, const char *second);

#endif
