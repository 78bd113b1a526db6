/* allocators/pymalloc/borrow.h -- a pymalloc whose arenas come from another allocator. Depends on
 * pymalloc.h.
 *
 * As PyObject_SetArenaAllocator() has it. Such arenas lie anywhere, among blocks of the raw domain,
 * so who owns an address is asked of a tree, and not of a range. CPython's (3.10 and later) has an
 * entry for each arena-sized slice, ours a byte for each pool. Requests over the threshold and pymalloc's own tables go to the raw domain as ever.
 */
#ifndef PAB_ALLOCATORS_PYMALLOC_BORROW_H
#define PAB_ALLOCATORS_PYMALLOC_BORROW_H

#include "allocators/pymalloc/pymalloc.h"

struct pab_pymalloc_borrowed;

/* `lender` gives the arenas; both tables are copied, and must outlive it. */
enum pab_status pab_pymalloc_borrow(struct pab_pymalloc_borrowed **out,
                                    const struct pab_pymalloc_geometry *geometry,
                                    const struct pab_alloc *raw, const struct pab_alloc *lender,
                                    struct pab_error *err);
void pab_pymalloc_borrow_end(struct pab_pymalloc_borrowed *borrowed);

/* The table for mem and obj. */
struct pab_alloc pab_pymalloc_borrow_table(struct pab_pymalloc_borrowed *borrowed);
/* Whether a table is one of these: then its ctx is no struct pab_pymalloc. */
bool pab_pymalloc_is_borrowed(const struct pab_alloc *table);
/* For statistics and checks: never to be called through its own table. */
struct pab_pymalloc *pab_pymalloc_borrow_inner(struct pab_pymalloc_borrowed *borrowed);

#endif
