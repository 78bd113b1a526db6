#include "allocators/pymalloc/internal.h"
enum pab_status pab_pymalloc_check(const struct pab_pymalloc *pm, struct pab_error *err)
{
    (void)pm;
    (void)err;
    return PAB_OK;
}
