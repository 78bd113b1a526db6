/* tests/conformance/diff.h -- what the DIFF checks share. Depends on harness/check.h, storm.h.
 *
 * Each DIFF check is a storm: the built-in pymalloc, with the geometry of the spec under test, and
 * a libpython get the same calls, and every address is compared.
 */
#ifndef PAB_TESTS_CONFORMANCE_DIFF_H
#define PAB_TESTS_CONFORMANCE_DIFF_H

#include "harness/check.h"
#include "tests/conformance/storm/storm.h"

#define PAB_DIFF_SOURCE                                                                            \
    "allocators/pymalloc/pymalloc.h: the same addresses as CPython's Objects/obmalloc.c"

/* .admit of all of them: opens the oracle. */
enum pab_status pab_diff_admit(const struct pab_check_run *run, struct pab_error *err);

/* The whole check, after pab_diff_admit(). */
enum pab_verdict pab_diff_run(struct pab_check_run *run, enum pab_storm_arenas arenas,
                              enum pab_storm_mix mix);

#endif
