#include "harness/cmd.h"

int pab_cmd_fail(const struct pab_error *err)
{
    fprintf(stderr, "pyallocbench: %s\n", err->text);
    switch (err->status) {
    case PAB_USAGE:
    case PAB_BAD_DATA:
        return PAB_EXIT_USAGE;
    case PAB_IDENTITY:
        return PAB_EXIT_FAILED;
    case PAB_UNAVAILABLE:
        return PAB_EXIT_NOTHING;
    case PAB_NOT_COMPARABLE:
        return PAB_EXIT_NOT_COMPARABLE;
    default:
        return PAB_EXIT_ERROR;
    }
}
