/* tests/conformance/diff_borders.c -- sizes at the edges of the rules. */
#include "tests/conformance/diff.h"

static enum pab_verdict diff_borders_run(struct pab_check_run *run)
{
    return pab_diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_BORDERS);
}

const struct pab_check pab_check_diff_borders = {
    .id = "DIFF-005",
    .summary = "CPython's addresses, for sizes around class borders, the threshold and the 25 % "
               "rule of realloc",
    .source = PAB_DIFF_SOURCE,
    .contract = PAB_CHECK_CONTRACT,
    .class = PAB_CLASS_REQUIRED,
    .severity = PAB_SEVERITY_CONTRACT,
    .admit = pab_diff_admit,
    .run = diff_borders_run,
};
