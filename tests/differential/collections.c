/* tests/differential/collections.c -- the same object graphs on our collector and on CPython's.
 *
 *     collections [PROGRAMS] [SEED] [FIRST]
 *
 * Random programs (graph.h) on both: equal are what collect() returns, counts and statistics, the
 * order of finalizers and callbacks, the order of every generation's list, which objects are
 * tracked or finalized, and all requests. Exit status: 0 equal; 4 a difference, printed with the
 * program that shows it; 77 there is no CPython 3.11 to compare with.
 */
#include "tests/differential/compare.h"

#include <inttypes.h>
#include <time.h>

int main(int argc, char **argv)
{
    struct compare_range range;
    if (!compare_range(argc, argv, &range)) {
        return COMPARE_USAGE;
    }
    static struct comparison comparison;
    int status = compare_open(&comparison);
    clock_t began = clock();
    if (status == COMPARE_EQUAL) {
        status = compare_programs(&comparison, &range);
    }
    if (status == COMPARE_EQUAL) {
        printf("collections: %" PRIu64 " programs and %" PRIu64
               " events compared with %s in %.0f s of CPU time, 0 differences\n",
               comparison.programs, comparison.events, comparison.sides[1]->name,
               (double)(clock() - began) / CLOCKS_PER_SEC);
    }
    return status;
}
