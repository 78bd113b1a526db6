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

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static bool number(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {1000, 1, 0};
    for (int i = 1; i < argc; i++) {
        if (i > 3 || !number(argv[i], &numbers[i - 1])) {
            fprintf(stderr, "usage: collections [PROGRAMS] [SEED] [FIRST]\n");
            return COMPARE_USAGE;
        }
    }
    static struct comparison comparison;
    int status = compare_open(&comparison);
    clock_t began = clock();
    if (status == COMPARE_EQUAL) {
        status = compare_programs(&comparison, numbers[1], numbers[2], numbers[0]);
    }
    if (status == COMPARE_EQUAL) {
        printf("collections: %" PRIu64 " programs and %" PRIu64
               " events compared with %s in %.0f s, 0 differences\n",
               comparison.programs, comparison.events, comparison.sides[1]->name,
               (double)(clock() - began) / CLOCKS_PER_SEC);
    }
    return status;
}
