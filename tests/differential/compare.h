/* tests/differential/compare.h -- runs a suite on both runtimes and compares. Depends on side.h.
 *
 * A program's traces are compared by hash. Where they differ, the program is cut down while it
 * still differs, and the first differing event is printed as each side has it.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_COMPARE_H
#define PAB_TESTS_DIFFERENTIAL_COMPARE_H

#include "tests/differential/side.h"

enum {
    COMPARE_EQUAL = 0,
    COMPARE_ERROR = 1,
    COMPARE_USAGE = 2,
    COMPARE_DIFFERENT = 4,
    COMPARE_SKIPPED = 77,
};

struct comparison {
    const struct side *sides[2]; /* ours, CPython's */
    struct trace traces[2];
    uint64_t programs, events; /* compared so far; events of one side */
};

/* Which programs: a number of them, from number `first` of `seed` on. */
struct compare_range {
    uint64_t programs, seed, first;
};

/* From a command line [PROGRAMS] [SEED] [FIRST]; 1000, 1 and 0 unless given. False: wrong, and
 * the usage was printed. */
bool compare_range(int argc, char **argv, struct compare_range *range);

/* Loads the module (DIFFERENTIAL_MODULE, a path) and starts both runtimes. An exit status. */
int compare_open(struct comparison *comparison);

/* Stops at the first program that differs. */
int compare_programs(struct comparison *comparison, const struct compare_range *range);

int compare_workload(struct comparison *comparison, const char *name, enum side_params params);

#endif
