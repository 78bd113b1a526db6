/* tests/conformance/diff_unaligned.c -- arenas as mmap gives them: the first pool is lost. */
#include "tests/conformance/diff.h"

static enum pab_verdict diff_unaligned_run(struct pab_check_run *run)
{
    return pab_diff_run(run, PAB_STORM_UNALIGNED, PAB_STORM_MIXED);
}

const struct pab_check pab_check_diff_unaligned = {
    .id = "DIFF-002",
    .summary = "CPython's addresses, over arenas that are not aligned to a pool and so lose one",
    .source = PAB_DIFF_SOURCE,
    .contract = PAB_CHECK_CONTRACT,
    .class = PAB_CLASS_REQUIRED,
    .severity = PAB_SEVERITY_CONTRACT,
    .admit = pab_diff_admit,
    .run = diff_unaligned_run,
};
