/* tests/differential/gc_vectors.c -- known outcomes of collections, on both runtimes.
 *
 *     gc_vectors [NAME | --list]
 *
 * Runs every vector of vectors.h, or one, first on our runtime, then on CPython's; each states its
 * figures. Exit status: 0 all as stated, and the same requests on both; 4 not so; 77 ours are as
 * stated, and there is no CPython 3.11 here.
 */
#include "tests/differential/compare.h"

#include <string.h>

static struct comparison comparison;

static const char *name_of(const struct step *step)
{
    static char name[80];
    comparison.sides[0]->suite->describe(step, name, sizeof(name));
    return name;
}

/* An exit status; what a vector expects ends the program by itself. */
static int run_vector(const struct step *step, bool on_both)
{
    for (int i = 0; i < (on_both ? 2 : 1); i++) {
        trace_begin(&comparison.traces[i], UINT64_MAX);
        comparison.sides[i]->run(&comparison.traces[i], step, 1);
    }
    if (on_both && comparison.traces[0].hash != comparison.traces[1].hash) {
        printf("gc_vectors: %s: the requests differ\n", name_of(step));
        return COMPARE_DIFFERENT;
    }
    printf("%s\n", name_of(step));
    return COMPARE_EQUAL;
}

static int list_vectors(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s\n", name_of(&steps[i]));
    }
    return COMPARE_EQUAL;
}

int main(int argc, char **argv)
{
    static struct step steps[STEPS_MAX];
    int status = compare_open(&comparison);
    bool on_both = status == COMPARE_EQUAL;
    if (!on_both) {
        struct pab_error err;
        PAB_CHECK(status == COMPARE_SKIPPED);
        PAB_CHECK(comparison.sides[0]->open(&comparison.traces[0], &err) == PAB_OK);
    }
    size_t count = comparison.sides[0]->suite->generate(0, steps);
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        return list_vectors(steps, count);
    }
    size_t ran = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc == 1 || strcmp(argv[1], name_of(&steps[i])) == 0) {
            int result = run_vector(&steps[i], on_both);
            status = result != COMPARE_EQUAL ? result : status;
            ran++;
        }
    }
    if (ran == 0) {
        fprintf(stderr, "usage: gc_vectors [NAME | --list]\n");
        return COMPARE_USAGE;
    }
    return status;
}
