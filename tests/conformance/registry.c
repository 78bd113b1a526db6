#include "harness/check.h"

#define PAB_CHECK_ENTRY(id) extern const struct pab_check pab_check_##id;
#include "pab_checks.inc"
#undef PAB_CHECK_ENTRY

static const struct pab_check *const checks[] = {
#define PAB_CHECK_ENTRY(id) &pab_check_##id,
#include "pab_checks.inc"
#undef PAB_CHECK_ENTRY
};

size_t pab_check_count(void)
{
    return ARRAY_COUNT(checks);
}

const struct pab_check *pab_check_at(size_t index)
{
    PAB_CHECK(checks[index]->contract == PAB_CHECK_CONTRACT);
    return checks[index];
}
