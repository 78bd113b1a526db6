/* tests/conformance/collector/scene.h -- how a check of the collector runs and says what it found.
 * Depends on toy.h, workloads/pyobj/pyobj.h, tests/conformance/support/judge.h.
 *
 * A script returns whether its statement holds; what does not is told by pab_is() and its like,
 * which end in pab_wrong(). It runs over the obj domain of the heap under test, in a world of toys
 * or in a runtime of Python objects. Where a backend brings its own runtime nothing is looked at.
 */
#ifndef PAB_TESTS_CONFORMANCE_COLLECTOR_SCENE_H
#define PAB_TESTS_CONFORMANCE_COLLECTOR_SCENE_H

#include "tests/conformance/collector/toy.h"
#include "tests/conformance/support/judge.h"
#include "workloads/pyobj/pyobj.h"

typedef bool (*pab_scene)(struct pab_check_run *run);

/* In a world of toys with automatic collection off. At its end all blocks must be back, and at the
 * beginning and end of each collection the collector's lists must be whole. */
enum pab_verdict pab_scene_toys(struct pab_check_run *run, pab_scene script);

/* In a runtime of Python objects, automatic collection off, over a heap that keeps what is freed
 * (quarantine.h): a block given back twice is told. At its end all blocks must be back. */
enum pab_verdict pab_scene_python(struct pab_check_run *run, pab_scene script);

/* Both, one after the other. */
enum pab_verdict pab_scene_both(struct pab_check_run *run, pab_scene toys, pab_scene python);

/* For a check of neither kind: whether the backend brings its own runtime; the reason is given. */
bool pab_scene_is_skipped(struct pab_check_run *run);

/* "WHAT is FOUND instead of EXPECTED" */
bool pab_is(struct pab_check_run *run, const char *what, intmax_t found, intmax_t expected);
/* The ids in a log, in order. */
bool pab_is_log(struct pab_check_run *run, const char *what, const struct pab_toy_log *log,
                const int *ids, size_t count);
/* The ids in the list of a generation, in order; 3 is the permanent one. */
bool pab_is_list(struct pab_check_run *run, int generation, const int *ids, size_t count);
/* collect(generation) of the toys, by its result. */
bool pab_collects(struct pab_check_run *run, int generation, intmax_t expected);
/* Live blocks of the toys. */
bool pab_has_blocks(struct pab_check_run *run, intmax_t expected);

#define PAB_IDS(...) ((const int[]){__VA_ARGS__}), ARRAY_COUNT(((const int[]){__VA_ARGS__}))
#define PAB_NO_IDS   NULL, 0

#endif
