/* tests/conformance/diff_drains.c -- pools and arenas that come and go, in every order. */
#include "tests/conformance/diff.h"

static enum pab_verdict diff_drains_run(struct pab_check_run *run)
{
    return pab_diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_DRAINS);
}

const struct pab_check pab_check_diff_drains = {
    .id = "DIFF-004",
    .summary =
        "CPython's addresses and releases of arenas, when classes fill and drain in any order",
    .source = PAB_DIFF_SOURCE,
    .contract = PAB_CHECK_CONTRACT,
    .class = PAB_CLASS_REQUIRED,
    .severity = PAB_SEVERITY_CONTRACT,
    .admit = pab_diff_admit,
    .run = diff_drains_run,
};
