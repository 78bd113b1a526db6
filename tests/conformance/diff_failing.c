/* tests/conformance/diff_failing.c -- where no arena is to be had, a small request goes raw and
 * stays raw. */
#include "tests/conformance/diff.h"

static enum pab_verdict diff_failing_run(struct pab_check_run *run)
{
    return pab_diff_run(run, PAB_STORM_FAILING, PAB_STORM_MIXED);
}

const struct pab_check pab_check_diff_failing = {
    .id = "DIFF-003",
    .summary = "CPython's addresses, when requests for an arena are refused time and again",
    .source = PAB_DIFF_SOURCE,
    .contract = PAB_CHECK_CONTRACT,
    .class = PAB_CLASS_REQUIRED,
    .severity = PAB_SEVERITY_CONTRACT,
    .admit = pab_diff_admit,
    .run = diff_failing_run,
};
