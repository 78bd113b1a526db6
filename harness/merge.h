/* harness/merge.h -- parts of one experiment become one document. Depends on jansson, status.h,
 * derived.h.
 *
 * Pure: documents in, document out. Parts are what `run --shard I/N` writes, on one machine or on
 * many, or runs of the same plan on several machines. A machine stays a block of its own: rows say
 * which host they are of, rounds of one are never paired with those of another.
 */
#ifndef PAB_HARNESS_MERGE_H
#define PAB_HARNESS_MERGE_H

#include "allocators/status.h"

#include <jansson.h>

struct pab_merge_part {
    const char *path; /* for errors */
    const json_t *document;
};

/* A new document, the same whatever the order of the parts (which are sorted). PAB_USAGE: a part
 * that is there twice, or two that hold the same sample; PAB_BAD_DATA: a part does not say of which
 * machine it is; PAB_NOT_COMPARABLE: they are of different
 * plans, builds or allocators, and which. */
enum pab_status pab_merge(struct pab_merge_part *parts, size_t count, json_t **out,
                          struct pab_error *err);

#endif
