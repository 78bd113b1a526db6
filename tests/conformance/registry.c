#include "harness/check.h"

#define PAB_CHECKS_ENTRY(id) extern const struct pab_check_group pab_checks_##id;
#include "pab_checks.inc"
#undef PAB_CHECKS_ENTRY

static const struct pab_check_group *const groups[] = {
#define PAB_CHECKS_ENTRY(id) &pab_checks_##id,
#include "pab_checks.inc"
#undef PAB_CHECKS_ENTRY
};

size_t pab_check_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        count += groups[i]->count;
    }
    return count;
}

const struct pab_check *pab_check_at(size_t index)
{
    const struct pab_check_group *const *group = groups;
    while (index >= (*group)->count) {
        index -= (*group)->count;
        group++;
    }
    PAB_CHECK((*group)->contract == PAB_CHECK_CONTRACT);
    return &(*group)->checks[index];
}
