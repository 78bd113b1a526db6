/* allocators/os_pages.h -- address space and pages, the only mmap of the project's allocator side.
 * Depends on libc.
 *
 *      reserve            commit               decommit
 *   [ PROT_NONE ] --> [ usable, zeroed ] --> [ usable, zeroed, no memory held ]
 *                          |      ^                    |
 *                          touch: costs memory <-------+
 *   release() ends any of them.
 *
 * Every `start` is a multiple of the page size unless said otherwise; `bytes` need not be, the
 * system rounds it up to whole pages. Nothing here is counted by, or taken from, any malloc.
 */
#ifndef PAB_ALLOCATORS_OS_PAGES_H
#define PAB_ALLOCATORS_OS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Reserves *bytes of addresses without access, halving the wish until the system grants it, and
 * stores what was granted; NULL when not even `least` (1 or more, at most *bytes) is to be had. */
void *pab_pages_reserve(size_t *bytes, size_t least);

/* Makes a reserved part readable and writable. Pages that were never touched read as zero, others
 * keep their bytes; committing twice does no harm. False: the system refuses (overcommit). */
bool pab_pages_commit(void *start, size_t bytes);

/* Gives the memory of a committed part back; it stays usable. Reads as zero then, unless the system
 * refused (mlockall() makes it): nothing has changed in that case. */
void pab_pages_decommit(void *start, size_t bytes);

/* Asks for huge pages behind a committed part. A hint: a refusal changes nothing. Any `start`. */
void pab_pages_advise_huge(void *start, size_t bytes);

/* A zeroed, usable mapping of its own, or NULL. */
void *pab_pages_map(size_t bytes);

/* Ends what reserve() or map() made: the whole of it, with the size that was granted. */
void pab_pages_release(void *start, size_t bytes);

/* How many bytes of [start, start + bytes), in whole pages, may have memory behind them: all of it
 * when the system does not tell. */
size_t pab_pages_resident(const void *start, size_t bytes);

/* The system's page size. */
size_t pab_pages_size(void);

#endif
