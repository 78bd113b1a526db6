/* Random programs against the second graph of tests/conformance/collector, which the checks GCC-*
 * run over any heap; here over libc's, where sanitizers see each object. */
#include "tests/conformance/collector/programs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PROGRAMS 120
#define STEPS    1000

static void run_all(unsigned features)
{
    uint64_t collections = 0;
    uint64_t collected = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct pab_graph_program program = {NULL, features, i, STEPS};
        struct pab_graph_program_result result;
        if (!pab_graph_program_run(&program, &result)) {
            fail_msg("%s", result.text);
        }
        collections += result.collections;
        collected += result.collected;
    }
    assert_true(collections > PROGRAMS && collected > PROGRAMS); /* they did exercise it */
}

static void graphs_without_finalizers(void **state)
{
    (void)state;
    run_all(PAB_GRAPH_AUTOMATIC | PAB_GRAPH_FREEZING);
}

static void graphs_with_everything(void **state)
{
    (void)state;
    run_all(PAB_GRAPH_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_without_finalizers),
        cmocka_unit_test(graphs_with_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
