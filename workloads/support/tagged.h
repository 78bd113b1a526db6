/* workloads/support/tagged.h -- blocks straight from the object domain, whose first and last words
 * hold a tag: one that was handed out twice changes the checksum. Depends on pyobj.h.
 */
#ifndef PAB_WORKLOADS_SUPPORT_TAGGED_H
#define PAB_WORKLOADS_SUPPORT_TAGGED_H

#include "workloads/pyobj/pyobj.h"

#include <string.h>

/* A block of `size` bytes, at least 8, of which every line is written. */
static inline void *pab_tagged_new(const struct pab_alloc *obj, size_t size, uint64_t tag)
{
    unsigned char *block = obj->malloc(obj->ctx, size);
    if (__builtin_expect(block == NULL, 0)) {
        pab_py_out_of_memory();
    }
    for (size_t at = 64; at < size; at += 64) {
        block[at] = (unsigned char)tag;
    }
    memcpy(block + size - sizeof(tag), &tag, sizeof(tag));
    memcpy(block, &tag, sizeof(tag));
    return block;
}

static inline uint64_t pab_tagged_free(const struct pab_alloc *obj, void *block)
{
    uint64_t tag;
    memcpy(&tag, block, sizeof(tag));
    obj->free(obj->ctx, block);
    return tag;
}

#endif
