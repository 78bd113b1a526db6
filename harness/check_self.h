/* harness/check_self.h -- is what the runner reads what happened? Depends on check_pool.h.
 *
 * Before the first verdict, checks whose end is known are run like any other. If one of them is
 * misread, no verdict could be believed, a PASS least of all.
 */
#ifndef PAB_HARNESS_CHECK_SELF_H
#define PAB_HARNESS_CHECK_SELF_H

#include "harness/check_pool.h"

/* How a worker ended; false when it is none of the ends that a check can have. */
bool pab_self_read(const struct pab_outcome *outcome, enum pab_self_end *end);

/* Runs all of them on a backend. PAB_IO: the first that was misread, and as what; PAB_OK also
 * when `interrupted` came before the end. */
enum pab_status pab_self_run(const struct pab_spec *spec, const volatile int *interrupted,
                             struct pab_error *err);

#endif
