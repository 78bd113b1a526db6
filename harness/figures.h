/* harness/figures.h -- what several passes tell in the same words. Depends on pass.h, histogram.h.
 */
#ifndef PAB_HARNESS_FIGURES_H
#define PAB_HARNESS_FIGURES_H

#include "allocators/clock.h"
#include "allocators/histogram.h"
#include "harness/pass.h"

/* Sends the figure "SUBJECT.name". */
void pab_figure(const char *subject, const char *name, double value);

/* Sends SUBJECT.count, .max_ns, .over_10us, .over_100us, .over_1ms, and .p50_ns, .p90_ns, .p99_ns,
 * .p999_ns as far as there is something beyond them; and the buckets as the series SUBJECT, up to
 * the last that is not empty. Without any duration: .count alone. */
void pab_figures_histogram(const char *subject, const struct pab_histogram *histogram);

/* Sends timer_cost_ns, timer_resolution_ns, timer_is_counter. */
void pab_figures_clock(const struct pab_clock *clock);

#endif
