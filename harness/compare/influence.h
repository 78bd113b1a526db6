/* harness/compare/influence.h -- what moves the times of a run that should not: order, trend,
 * drift, spread. Depends on control.h.
 */
#ifndef PAB_HARNESS_COMPARE_INFLUENCE_H
#define PAB_HARNESS_COMPARE_INFLUENCE_H

#include "harness/compare/control.h"

/* Fills order, after, trend, drift and spread. */
void pab_influences(const struct pab_reading *reading, struct pab_control *control);

#endif
