/* harness/shadow/statistics.h -- CPython's printed statistics against ours, field by field.
 * Depends on twin.h and interpreter.h. */
#ifndef PAB_HARNESS_SHADOW_STATISTICS_H
#define PAB_HARNESS_SHADOW_STATISTICS_H

#include "harness/preload/interpreter.h"
#include "harness/shadow/twin.h"

/* Called between two calls, by a thread that may call the allocator, with CPython's own table in
 * place. False: a field differs; the record says which. */
bool pab_statistics_compare(const struct pab_interpreter *python, struct pab_twin *twin);

#endif
