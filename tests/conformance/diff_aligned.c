/* tests/conformance/diff_aligned.c -- the plain case: every arena begins where it should. */
#include "tests/conformance/diff.h"

static enum pab_verdict diff_aligned_run(struct pab_check_run *run)
{
    return pab_diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_MIXED);
}

const struct pab_check pab_check_diff_aligned = {
    .id = "DIFF-001",
    .summary = "CPython's addresses, for any calls, over arenas aligned to their size",
    .source = PAB_DIFF_SOURCE,
    .contract = PAB_CHECK_CONTRACT,
    .class = PAB_CLASS_REQUIRED,
    .severity = PAB_SEVERITY_CONTRACT,
    .admit = pab_diff_admit,
    .run = diff_aligned_run,
};
