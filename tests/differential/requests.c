/* tests/differential/requests.c -- the same programs on pyobj and on CPython 3.11: the same
 * requests, results and counts.
 *
 *     requests [PROGRAMS] [SEED] [FIRST]
 *
 * Exit status: 0 equal; 4 a difference, printed with the program that shows it; 77 there is no
 * CPython 3.11 to compare with. README.md in this folder says what is compared.
 */
#include "tests/differential/compare.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* On a libpython nothing runs with threads of its own, and free lists are there for good: that is
 * no other way for it. */
static bool has_such(const struct pab_workload *workload, enum side_params params)
{
    return (workload->flags & PAB_WORKLOAD_DIRECT) == 0 &&
           workload->threading == PAB_THREADING_NONE &&
           (params != SIDE_OTHER_WAYS ||
            (side_has_ways(workload) && strcmp(workload->name, "float_churn") != 0));
}

static int compare_workloads(struct comparison *comparison, enum side_params params)
{
    for (size_t i = 0; i < pab_workload_count(); i++) {
        const struct pab_workload *workload = pab_workload_at(i);
        if (!has_such(workload, params)) {
            continue;
        }
        uint64_t before = comparison->events;
        int status = compare_workload(comparison, workload->name, params);
        if (status != COMPARE_EQUAL) {
            return status;
        }
        printf("workload %s: %" PRIu64 " events equal\n", workload->name,
               comparison->events - before);
    }
    return COMPARE_EQUAL;
}

int main(int argc, char **argv)
{
    struct compare_range range;
    if (!compare_range(argc, argv, &range)) {
        return COMPARE_USAGE;
    }
    clock_t began = clock();
    static struct comparison comparison;
    int status = compare_open(&comparison);
    if (status == COMPARE_EQUAL) {
        status = compare_workloads(&comparison, SIDE_TIME);
    }
    if (status == COMPARE_EQUAL) {
        status = compare_workloads(&comparison, SIDE_OTHER_WAYS);
    }
    if (status == COMPARE_EQUAL && range.programs > 1000) {
        status = compare_workloads(&comparison, SIDE_MEMORY);
    }
    if (status == COMPARE_EQUAL) {
        status = compare_programs(&comparison, &range);
    }
    if (status == COMPARE_EQUAL) {
        printf("requests: %" PRIu64 " programs and %" PRIu64
               " events compared with %s in %.0f s of CPU time, 0 differences\n",
               comparison.programs, comparison.events, comparison.sides[1]->name,
               (double)(clock() - began) / CLOCKS_PER_SEC);
    }
    return status;
}
